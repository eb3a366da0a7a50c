package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs/internal/deliver"
)

// mailServer is what the URL of a mail server says.
type mailServer struct {
	host           string
	port           int
	implicit       bool // TLS from the start
	plain          bool // no TLS at all
	user, password string
	tls            *tls.Config
}

// serverOf reads the URL of a server, which the config has found to be valid.
func serverOf(m config.Mail) mailServer {
	u, err := url.Parse(m.Server.Reveal())
	if err != nil || !m.IsSet() {
		return mailServer{}
	}
	s := mailServer{host: u.Hostname(), port: 587, implicit: u.Scheme == "smtps"}
	if s.implicit {
		s.port = 465
	}
	if p, err := strconv.Atoi(u.Port()); err == nil {
		s.port = p
	}
	s.user = u.User.Username()
	s.password, _ = u.User.Password()
	s.plain = !s.implicit && s.user == "" && m.OnThisMachine()
	s.tls = &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	return s
}

// mail makes one attempt to hand a message for one recipient to the mail server.
func (n *Notifier) mail(ctx context.Context, to string, m message) error {
	letter, err := n.letter(to, m)
	if err != nil {
		return deliver.Hopeless(err)
	}
	client, err := n.mailClient(ctx)
	if err != nil {
		return deliver.Hopeless(err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return final(err)
	}
	err = client.SendWithSMTPClient(session, letter)
	_ = client.CloseWithSMTPClient(session) // the server has the message or said why not: nothing hangs on a good-bye
	return final(err)
}

// final marks the error of a server that will not or cannot, as opposed to not now.
func final(err error) error {
	var said *textproto.Error
	var sending *mail.SendError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said) && said.Code >= 500, errors.As(err, &sending) && sending.ErrorCode() >= 500,
		strings.Contains(err.Error(), "does not support"): // STARTTLS, or AUTH: the library has no other mark for it
		return deliver.Hopeless(err)
	}
	return err
}

func (n *Notifier) letter(to string, m message) (*mail.Msg, error) {
	from, err := netmail.ParseAddress(n.cfg.Notify.Email.From)
	if err != nil {
		return nil, fmt.Errorf("notify.email.from: %w", err)
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	letter := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(letter.From(n.cfg.Notify.Email.From), letter.To(to)); err != nil {
		return nil, fmt.Errorf("address the e-mail: %w", err)
	}
	letter.Subject(m.subject)
	letter.SetDateWithValue(m.At)
	letter.SetMessageIDWithValue(m.id() + "@" + domain) // the same for every attempt, so that repetitions are known
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	letter.SetBodyString(mail.TypeTextPlain, m.body+"\n")
	return letter, nil
}

func (n *Notifier) mailClient(ctx context.Context) (*mail.Client, error) {
	s := n.server
	timeout := n.budget
	if end, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(end), time.Millisecond)
	}
	policy := mail.TLSMandatory
	if s.plain || s.implicit {
		policy = mail.NoTLS // implicit TLS is the connection's
	}
	options := []mail.Option{
		mail.WithPort(s.port), mail.WithTimeout(timeout), mail.WithTLSConfig(s.tls), mail.WithTLSPolicy(policy),
		mail.WithDialContextFunc(func(dialCtx context.Context, network, address string) (net.Conn, error) {
			return n.connect(ctx, dialCtx, network, address)
		}),
	}
	if s.user != "" {
		options = append(options, mail.WithOpportunisticSMTPAuth(mechanisms...), mail.WithUsername(s.user), mail.WithPassword(s.password))
	}
	client, err := mail.NewClient(s.host, options...)
	if err != nil {
		return nil, fmt.Errorf("set up the mail client: %w", err)
	}
	return client, nil
}

// mechanisms are those that a password is proved by, best first. The connection is encrypted before.
var mechanisms = []mail.SMTPAuthType{
	mail.SMTPAuthSCRAMSHA256PLUS, mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin,
}

// connect opens a connection that ends with ctx, whatever the library waits for then.
func (n *Notifier) connect(ctx, dialCtx context.Context, network, address string) (net.Conn, error) {
	conn, err := n.dial(dialCtx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() }) // the library leaves it open when it fails
	if !n.server.implicit {
		return conn, nil
	}
	secure := tls.Client(conn, n.server.tls)
	return secure, secure.HandshakeContext(dialCtx)
}
