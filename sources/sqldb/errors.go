package sqldb

import (
	"context"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/usagereport/usagereport/sources"
)

// redactor keeps a password out of error texts. Drivers mean to leave it out, but not all do, nor the parsers
// below them.
type redactor struct{ secrets []string }

func redactorFor(rawURL string) redactor {
	u, err := url.Parse(rawURL)
	if err != nil {
		return redactor{} // nothing of such a URL gets into a text
	}
	var r redactor
	add := func(secret string) {
		if secret == "" {
			return
		}
		r.secrets = append(r.secrets, secret, url.QueryEscape(secret), url.PathEscape(secret))
	}
	if password, ok := u.User.Password(); ok {
		add(password)
		if _, written, ok := strings.Cut(rawURL, "://"); ok { // as it is written, if not as we would
			if _, written, ok = strings.Cut(written, ":"); ok {
				add(written[:max(0, strings.LastIndexByte(written, '@'))])
			}
		}
	}
	for name, values := range u.Query() {
		if name = strings.ToLower(name); strings.Contains(name, "password") || strings.Contains(name, "passwd") {
			for _, v := range values {
				add(v)
			}
		}
	}
	return r
}

// wrap adds what was being done, and hides the password.
func (r redactor) wrap(doing string, err error) error {
	text := doing + ": " + strings.ReplaceAll(err.Error(), "\n", "; ") // errors end up in log lines
	for _, s := range r.secrets {
		text = strings.ReplaceAll(text, s, "xxxxx")
	}
	return &dbError{text: text, cause: err}
}

// dbError is an error whose text has been cleaned of secrets.
type dbError struct {
	text  string
	cause error
}

func (e *dbError) Error() string { return e.text }
func (e *dbError) Unwrap() error { return e.cause }

// failure is a classified error: the text of the database, a hint, and what callers branch on.
type failure struct {
	kind  error // a sentinel of package sources
	text  string
	hint  string
	cause error
	lasts bool // another try within minutes would not change it
}

// Lasting tells sources.MayPass.
func (f *failure) Lasting() bool { return f.lasts }

func (f *failure) Error() string {
	s := f.kind.Error() + ": " + f.text
	if f.hint != "" {
		s += "; " + f.hint
	}
	return s
}

// Unwrap leaves out the cause of a lost connection where that is a context's error: only the caller's own
// context may make an error look like a cancellation.
func (f *failure) Unwrap() []error {
	if errors.Is(f.cause, context.Canceled) || errors.Is(f.cause, context.DeadlineExceeded) {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

const (
	hintNetwork  = "check the host and port in the URL, that the server is up, and the network between"
	hintPassword = "check the user and password in the source's URL"
	hintDatabase = "check the database's name in the source's URL"
	hintTable    = "check the spelling and schema of the table, and that the user may see it"
	hintColumn   = "check the column's spelling against the table"
	hintGrant    = "grant the user the right to read it"
	hintReadOnly = "queries run read-only; the query of a dataset should be a SELECT"
	hintTimeout  = "raise the source's statement time-out or narrow the query, for example by :from and :to"
	hintLost     = "the rows read so far are incomplete; run it again"
)

// readFailure classifies an error by the context that it happened in. Each database first looks for its own errors
// with own, which returns nil where it finds none. Limit is the statement's deadline; ctx the caller's context.
func readFailure(ctx, limit context.Context, err error, own func(error) *failure) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if limit.Err() != nil {
		return &failure{kind: sources.ErrUnreachable, text: "the statement time-out has passed", hint: hintTimeout, cause: err, lasts: true}
	}
	if f := own(err); f != nil {
		return f
	}
	return networkFailure(err)
}

// networkFailure classifies what no database has said. Errors that are classified already stay as they are. Of what it does
// not know it does not say that it may pass.
func networkFailure(err error) error {
	for _, sentinel := range []error{
		sources.ErrUnreachable, sources.ErrDenied, sources.ErrNotFound, sources.ErrQuery, sources.ErrUnreadable, sources.ErrUnsupported,
	} {
		if errors.Is(err, sentinel) {
			return err
		}
	}
	f := &failure{kind: sources.ErrUnreachable, text: oneLine(err), cause: err, lasts: true}
	var (
		dns        *net.DNSError
		op         *net.OpError
		network    net.Error
		authority  x509.UnknownAuthorityError
		hostname   x509.HostnameError
		invalidity x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalidity):
		f.kind, f.hint = sources.ErrDenied, "the server's certificate is not trusted; name its authority in the URL (sslrootcert, tls)"
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial", errors.Is(err, context.DeadlineExceeded):
		f.hint, f.lasts = hintNetwork, false
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, driver.ErrBadConn), errors.Is(err, net.ErrClosed), errors.As(err, &op):
		f.text, f.hint, f.lasts = "the connection was lost: "+f.text, hintLost, false
	case errors.As(err, &network):
		f.hint, f.lasts = hintNetwork, false
	}
	return f
}

// oneLine is the text of an error with its white space, line breaks among it, made single spaces.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
