package secrets_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// others are all those that the program speaks to. They keep what they are sent, each for itself.
type others struct {
	server *httptest.Server
	mail   net.Listener
	pg     net.Listener
	trust  string                  // the file of the certificate of the mail server
	answer atomic.Int64            // the status that is answered
	quit   atomic.Pointer[process] // is sent a signal when it next tells something

	mu    sync.Mutex
	heard map[string]*bytes.Buffer
}

func newOthers(t *testing.T, dir string) *others {
	t.Helper()
	o := &others{heard: map[string]*bytes.Buffer{}, trust: filepath.Join(dir, "trusted.pem")}
	o.answer.Store(http.StatusOK)
	o.server = httptest.NewServer(o)
	t.Cleanup(o.server.Close)
	listen := func() net.Listener {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	o.mail, o.pg = listen(), listen()
	certified := httptest.NewTLSServer(http.NotFoundHandler()) // has a certificate for 127.0.0.1
	defer certified.Close()
	if err := os.WriteFile(o.trust, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	post := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &letters{o}, nil }))
	post.Domain, post.TLSConfig = "127.0.0.1", &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
	var wg sync.WaitGroup
	wg.Go(func() { _ = post.Serve(o.mail) }) // it ends with the test
	wg.Go(func() { o.postgres() })
	t.Cleanup(func() { _, _ = post.Close(), o.pg.Close(); wg.Wait() })
	return o
}

// process is a process, and a signal for it.
type process struct {
	*os.Process

	signal syscall.Signal
}

// hear keeps what somebody was sent.
func (o *others) hear(who string, what ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.heard[who] == nil {
		o.heard[who] = new(bytes.Buffer)
	}
	for _, w := range what {
		o.heard[who].WriteString(w + "\n")
	}
}

// take returns what was heard since the last time.
func (o *others) take() map[string]*bytes.Buffer {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer func() { o.heard = map[string]*bytes.Buffer{} }()
	return o.heard
}

// ServeHTTP is a webhook, a collector, an identity provider or a bucket, by the first part of the path.
func (o *others) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what came is what is looked at
	who, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if who == "otlp" {
		who = rest[strings.LastIndex(rest, "/")+1:]
	}
	headers := new(strings.Builder)
	_ = r.Header.Write(headers) // to memory
	o.hear(who, r.Method+" "+r.URL.String(), headers.String(), string(body))
	if p := o.quit.Load(); p != nil {
		_ = p.Signal(p.signal) // it may have ended
		<-r.Context().Done()
		return
	}
	base := o.server.URL
	switch {
	case r.URL.Path == "/issuer/.well-known/openid-configuration":
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":"%[1]s/issuer","authorization_endpoint":"%[1]s/issuer/auth","token_endpoint":"%[1]s/issuer/token",`+
			`"jwks_uri":"%[1]s/issuer/keys","id_token_signing_alg_values_supported":["RS256"],"response_types_supported":["code"],"subject_types_supported":["public"]}`, base)
		return
	case r.URL.Path == "/issuer/token", who == "s3": // they refuse, and repeat what they were sent
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
	default:
		w.WriteHeader(int(o.answer.Load()))
	}
	if who == "s3" {
		fmt.Fprintf(w, `<Error><Code>AccessDenied</Code><Message>no: %s %s %s</Message></Error>`, r.Method, r.URL.Path, r.Header.Get("Authorization"))
	} else if strings.HasPrefix(r.URL.Path, "/issuer/") {
		fmt.Fprintf(w, `{"error":"invalid_client","error_description":%q}`, fmt.Sprint(r.Header, string(body)))
	} else if o.answer.Load() >= 400 {
		fmt.Fprintf(w, "cannot %s %s with %v", r.Method, r.URL, r.Header)
	}
}

// letters is a mail session. A server that answers badly refuses the password, and repeats it.
type letters struct{ o *others }

func (l *letters) AuthMechanisms() []string { return []string{sasl.Plain} }

func (l *letters) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		l.o.hear("mail", user, password)
		if l.o.answer.Load() >= 400 {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no: " + user + " with " + password}
		}
		return nil
	}), nil
}

func (l *letters) Mail(string, *smtp.MailOptions) error { return nil }
func (l *letters) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (l *letters) Reset()                               {}
func (l *letters) Logout() error                        { return nil }

func (l *letters) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	l.o.hear("letters", string(data))
	return err
}

// postgres is a server that asks for a password in the clear, refuses it, and repeats it in every part of its error.
func (o *others) postgres() {
	for {
		c, err := o.pg.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			for asked := false; ; {
				kind := make([]byte, 1)
				if asked {
					if _, err := io.ReadFull(c, kind); err != nil {
						return
					}
				}
				length := make([]byte, 4)
				if _, err := io.ReadFull(c, length); err != nil {
					return
				}
				body := make([]byte, binary.BigEndian.Uint32(length)-4)
				if _, err := io.ReadFull(c, body); err != nil {
					return
				}
				switch {
				case !asked && len(body) == 4: // TLS is asked for
					_, _ = c.Write([]byte("N"))
				case !asked:
					asked = true
					_, _ = c.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3})
				default:
					password := strings.TrimRight(string(body), "\x00")
					o.hear("postgres", password)
					said := "SFATAL\x00VFATAL\x00C28P01\x00Mno user with " + password + "\x00Ddetail " + password + "\x00Hhint " + password + "\x00\x00"
					_, _ = c.Write(append(binary.BigEndian.AppendUint32([]byte("E"), uint32(len(said)+4)), said...))
					return
				}
			}
		}()
	}
}
