package sqldb

import (
	"context"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/usagereport/usagereport/sources"
)

// What another try may help, and what it does not.
func TestPassing(t *testing.T) {
	pg := func(code string) error { return &pgconn.PgError{Code: code, Message: "oh"} }
	my := func(number uint16) error { return &mysql.MySQLError{Number: number, Message: "oh"} }
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, c := range []struct {
		name string
		err  error
		pass bool
	}{
		{"connection refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), true},
		{"connection reset", &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, true},
		{"no such host", dial(&net.DNSError{Err: "no such host", Name: "db", IsNotFound: true}), true},
		{"name service busy", &net.DNSError{Err: "server misbehaving", Name: "db", IsTemporary: true}, true},
		{"connecting takes too long", dial(os.ErrDeadlineExceeded), true},
		{"connection lost", io.ErrUnexpectedEOF, true},
		{"bad connection", driver.ErrBadConn, true},
		{"certificate", x509.UnknownAuthorityError{}, false},
		{"something else", errors.New("the moon is full"), false},

		{"pg: shutdown", pg("57P01"), true},
		{"pg: crash", pg("57P02"), true},
		{"pg: starting", pg("57P03"), true},
		{"pg: connection failure", pg("08006"), true},
		{"pg: too many connections", pg("53300"), true},
		{"pg: serialization", pg("40001"), true},
		{"pg: deadlock", pg("40P01"), true},
		{"pg: lock not available", pg("55P03"), true},
		{"pg: io error", pg("58030"), true},
		{"pg: statement time-out", pg("57014"), false},
		{"pg: protocol", pg("08P01"), false},
		{"pg: password", pg("28P01"), false},
		{"pg: no such table", pg("42P01"), false},
		{"pg: no such database", pg("3D000"), false},
		{"pg: syntax", pg("42601"), false},
		{"pg: division by zero", pg("22012"), false},
		{"pg: no grant", pg("42501"), false},

		{"mysql: shutdown", my(1053), true},
		{"mysql: killed", my(1927), true},
		{"mysql: too many connections", my(1040), true},
		{"mysql: deadlock", my(1213), true},
		{"mysql: lock wait", my(1205), true},
		{"mysql: invalid connection", mysql.ErrInvalidConn, true},
		{"mysql: statement time-out", my(3024), false},
		{"mysql: statement time-out of MariaDB", my(1969), false},
		{"mysql: password", my(1045), false},
		{"mysql: no such table", my(1146), false},
		{"mysql: syntax", my(1064), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			own := func(err error) *failure {
				if f := pgFailure(nil)(err); f != nil {
					return f
				}
				return mysqlDialect{}.failure(nil)(err)
			}
			ctx := t.Context()
			err := redactor{}.wrap("reading", readFailure(ctx, ctx, fmt.Errorf("low down: %w", c.err), own))
			if got := sources.MayPass(err); got != c.pass {
				t.Errorf("%v: %t, want %t", err, got, c.pass)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := readFailure(ctx, ctx, io.ErrUnexpectedEOF, pgFailure(nil)); sources.MayPass(err) {
			t.Errorf("%v may pass", err)
		}
	})
	t.Run("statement time-out", func(t *testing.T) {
		limit, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		if err := readFailure(t.Context(), limit, io.ErrUnexpectedEOF, pgFailure(nil)); sources.MayPass(err) || !errors.Is(err, sources.ErrUnreachable) {
			t.Errorf("%v may pass", err)
		}
	})
}
