package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/usagereport/usagereport/config"
)

// smtpServer is a mail server that is example.com, with a certificate that only trust makes good.
type smtpServer struct {
	*smtp.Server

	address        string // where it listens
	secure         string // where it listens with TLS from the start
	user, password string // none: no authentication
	roots          *x509.CertPool

	mu      sync.Mutex
	refuse  func(n int, to string) error // the n-th recipient, from 1
	asked   int
	dialled int
	closed  chan struct{} // has one for every connection that was closed
	letters []letter
}

type letter struct {
	from, to, user string
	encrypted      bool
	data           []byte
}

// session is one conversation.
type session struct {
	server *smtpServer
	conn   *smtp.Conn
	letter letter
}

func newSMTP(t *testing.T, user, password string) *smtpServer {
	return newServer(t, user, password, true)
}

func newServer(t *testing.T, user, password string, startTLS bool) *smtpServer {
	t.Helper()
	certified := httptest.NewTLSServer(http.NotFoundHandler()) // has a certificate for example.com
	defer certified.Close()
	s := &smtpServer{user: user, password: password, roots: x509.NewCertPool(), closed: make(chan struct{}, 100)}
	s.roots.AddCert(certified.Certificate())
	s.Server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c}, nil }))
	s.Domain = "example.com"
	certificate := &tls.Config{Certificates: certified.TLS.Certificates}
	if startTLS {
		s.TLSConfig = certificate
	}
	s.ErrorLog = quiet{}
	listen := func() net.Listener {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	open, closed := listen(), listen()
	s.address, s.secure = open.Addr().String(), closed.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(open) })
	wg.Go(func() { _ = s.Serve(tls.NewListener(closed, certificate)) })
	t.Cleanup(func() {
		_ = s.Close()
		_, _ = open.Close(), closed.Close() // of one that did not serve yet, the server knows nothing
		wg.Wait()
	})
	return s
}

// quiet is a log for complaints about clients that go away.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// trust has a Notifier find the server as example.com, and believe its certificate.
func (s *smtpServer) trust(n *Notifier) {
	n.server.tls.RootCAs = s.roots
	n.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		switch address {
		case "example.com:587":
			address = s.address
		case "example.com:465":
			address = s.secure
		default:
			return nil, fmt.Errorf("nobody expected %s", address)
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dialled++
		return &watched{Conn: conn, closed: s.closed}, err
	}
}

// watched is a connection that says when it is closed, once.
type watched struct {
	net.Conn

	once   sync.Once
	closed chan struct{}
}

func (w *watched) Close() error {
	w.once.Do(func() { w.closed <- struct{}{} })
	return w.Conn.Close()
}

// hungUp waits until every connection is closed.
func (s *smtpServer) hungUp(t *testing.T) {
	t.Helper()
	for range s.dialled {
		select {
		case <-s.closed:
		case <-time.After(20 * time.Second):
			t.Fatal("a connection is left open")
		}
	}
}

func (s *smtpServer) all() []letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.letters
}

func (s *session) encrypted() bool { _, ok := s.conn.TLSConnectionState(); return ok }

func (s *session) AuthMechanisms() []string {
	if s.server.user == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.server.user || password != s.server.password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no: " + user + " with " + password}
		}
		s.letter.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.user != "" && s.letter.user == "" {
		return smtp.ErrAuthRequired
	}
	s.letter.from, s.letter.encrypted = from, s.encrypted()
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.asked++
	if s.server.refuse != nil {
		if err := s.server.refuse(s.server.asked, to); err != nil {
			return err
		}
	}
	s.letter.to = strings.TrimSpace(s.letter.to + " " + to)
	return nil
}

func (s *session) Data(r io.Reader) (err error) {
	if s.letter.data, err = io.ReadAll(r); err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.letters = append(s.server.letters, s.letter)
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// newSilent listens and says nothing.
func newSilent(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func mailConfig(t *testing.T, server string, to ...string) *config.Config {
	t.Helper()
	return load(t, fmt.Sprintf("notify: { email: { server: %q, from: \"Usage <usage@acme.example>\", to: [%s] } }\n", server, strings.Join(to, ", ")), nil)
}

func TestMail(t *testing.T) {
	for name, c := range map[string]struct {
		url, user, password string
		plain               bool
		want                string // in the log; empty: it arrives
	}{
		"STARTTLS":                     {url: "smtp://example.com"},
		"STARTTLS, PLAIN":              {url: "smtp://re%40port:p%2Fw%3A@example.com:587", user: "re@port", password: "p/w:"},
		"TLS":                          {url: "smtps://example.com"},
		"TLS, PLAIN":                   {url: "smtps://report:pw@example.com", user: "report", password: "pw"},
		"the wrong password":           {url: "smtp://report:other@example.com", user: "report", password: "pw", want: "535"},
		"the wrong password over TLS":  {url: "smtps://report:other@example.com", user: "report", password: "pw", want: "535"},
		"no password":                  {url: "smtp://example.com", user: "report", password: "pw", want: "502"},
		"no AUTH":                      {url: "smtp://report:pw@example.com", want: "AUTH"},
		"no STARTTLS":                  {url: "smtp://example.com", plain: true, want: "does not support STARTTLS"},
		"no STARTTLS, with a password": {url: "smtp://report:pw@example.com", user: "report", password: "pw", plain: true, want: "does not support STARTTLS"},
	} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, c.user, c.password, !c.plain)
			f := newFixture(t, mailConfig(t, c.url, "Ops <ops@acme.example>"))
			server.trust(f.Notifier)
			f.run(t, &f.told, at(0, errors.New("members: 3 rows: „ä“\nsecond line")))
			server.hungUp(t)
			got := server.all()
			if c.want != "" && server.dialled != 1 {
				t.Errorf("%d attempts, though the server will not or cannot", server.dialled)
			}
			if c.want != "" {
				if len(got) != 0 || !strings.Contains(f.log.String(), c.want) {
					t.Errorf("%d letters, log\n%s", len(got), f.log)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("%d letters, log\n%s", len(got), f.log)
			}
			l := got[0]
			if l.from != "usage@acme.example" || l.to != "ops@acme.example" || l.user != c.user || !l.encrypted {
				t.Errorf("from %s to %s by %q, encrypted %v", l.from, l.to, l.user, l.encrypted)
			}
			checkLetter(t, l.data)
		})
	}
}

func checkLetter(t *testing.T, data []byte) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"From": `"Usage" <usage@acme.example>`, "To": `"Ops" <ops@acme.example>`, "Auto-Submitted": "auto-generated",
		"Subject":    "usagereport: the run of 2026-11-22 failed (exit code 1); what was published before stays",
		"Message-Id": "<20261122T120000Z-2026-11-22-failed@acme.example>", "Date": "Sun, 22 Nov 2026 12:00:00 +0000",
		"Content-Type": "text/plain; charset=UTF-8", "User-Agent": "", "X-Mailer": "",
	} {
		if got := m.Header.Get(header); got != want {
			t.Errorf("%s: got %q, want %q", header, got, want)
		}
	}
	golden(t, "failed.txt", bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")))
}

// On this machine nobody listens in: a relay there needs no TLS, whose certificate would seldom have its name.
func TestMailOnThisMachine(t *testing.T) {
	server := newSMTP(t, "", "")
	f := newFixture(t, mailConfig(t, "smtp://"+server.address, "ops@acme.example"))
	f.run(t, &f.told, at(0, errDown))
	if got := server.all(); len(got) != 1 || got[0].encrypted {
		t.Errorf("%d letters, log\n%s", len(got), f.log)
	}
	// With a password it is like any other: the certificate is not trusted.
	f = newFixture(t, mailConfig(t, "smtp://u:p@"+server.address, "ops@acme.example"))
	f.run(t, &f.told, at(0, errDown))
	if got := server.all(); len(got) != 1 || !strings.Contains(f.log.String(), "certificate") {
		t.Errorf("%d letters, log\n%s", len(got), f.log)
	}
}

func TestACertificateOfSomebodyElse(t *testing.T) {
	server := newSMTP(t, "report", "pw")
	for _, scheme := range []string{"smtp", "smtps"} {
		f := newFixture(t, mailConfig(t, scheme+"://report:pw@example.com", "ops@acme.example"))
		server.trust(f.Notifier)
		f.server.tls.RootCAs = x509.NewCertPool()
		dialled := server.dialled
		f.run(t, &f.told, at(0, errDown))
		if len(server.all()) != 0 || !strings.Contains(f.log.String(), "certificate") {
			t.Errorf("%s: log\n%s", scheme, f.log)
		}
		if n := server.dialled - dialled; n != 1 {
			t.Errorf("%s: %d attempts, though the certificate stays as it is", scheme, n)
		}
	}
}

func TestRecipients(t *testing.T) {
	server := newSMTP(t, "", "")
	gone := 0
	server.refuse = func(n int, to string) error {
		switch {
		case to == "gone@acme.example":
			gone++
			return &smtp.SMTPError{Code: 550, Message: "nobody of that name"}
		case to == "grey@acme.example" && n < 6:
			return &smtp.SMTPError{Code: 450, Message: "later"}
		}
		return nil
	}
	f := newFixture(t, mailConfig(t, "smtp://example.com", "gone@acme.example", "grey@acme.example", "ops@acme.example"))
	server.trust(f.Notifier)
	f.run(t, &f.told, at(0, errDown))
	var to []string
	for _, l := range server.all() {
		to = append(to, l.to)
	}
	slices.Sort(to)
	if !slices.Equal(to, []string{"grey@acme.example", "ops@acme.example"}) {
		t.Errorf("delivered to %v, log\n%s", to, f.log)
	}
	if server.hungUp(t); gone != 1 {
		t.Errorf("a recipient who is refused was tried %d times", gone)
	}
	if n := strings.Count(f.log.String(), "not told"); n != 1 || !strings.Contains(f.log.String(), "nobody of that name") {
		t.Errorf("log\n%s", f.log)
	}
}
