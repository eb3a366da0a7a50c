package testservice

import (
	"context"
	"database/sql"
	"net/url"
	"testing"

	"gocloud.dev/mysql"
	"gocloud.dev/postgres"
)

// Postgres returns the URL of a fresh, empty PostgreSQL database, a Go CDK URL that pgx reads as well. The
// database has a user with a password who may do anything in it. It is dropped at the end of the test, with
// whatever connections are then still open.
//
// The server runs without fsync and sorts by bytes (locale C.UTF-8), with its time zone as Debian sets it: a test
// that depends on the session's zone sets it itself.
func Postgres(tb testing.TB) string {
	tb.Helper()
	return database(tb, address(tb, envPostgres), postgres.Open, ` WITH (FORCE)`)
}

// MySQL returns the URL of a fresh, empty database on MariaDB, dropped at the end of the test. It is a Go CDK URL,
// not the driver's DSN: for that use gocloud.dev/mysql.ConfigFromURL.
//
// The server is MariaDB: where MySQL differs (JSON is text there, UUID a type of its own), it behaves as MariaDB
// does. Text is utf8mb4. Without the parameter parseTime=true timestamps arrive as text.
func MySQL(tb testing.TB) string {
	tb.Helper()
	return database(tb, address(tb, envMySQL), mysql.Open, ``)
}

// database creates a database on the server at the address and returns its URL: the server's, with another path.
// dropOption follows the name in the statement that drops it.
func database(tb testing.TB, server string, open func(context.Context, string) (*sql.DB, error), dropOption string) string {
	tb.Helper()
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("reading the test server's URL: %v", err)
	}
	db, err := open(tb.Context(), server)
	if err != nil {
		tb.Fatalf("opening the test server %s: %v", u.Redacted(), err)
	}
	name := unique(tb)
	if _, err := db.ExecContext(tb.Context(), `CREATE DATABASE `+name); err != nil {
		_ = db.Close()
		tb.Fatalf("creating a database on %s: %v", u.Redacted(), err)
	}
	tb.Cleanup(func() {
		ctx, cancel := cleanupContext(tb)
		defer cancel()
		if _, err := db.ExecContext(ctx, `DROP DATABASE `+name+dropOption); err != nil {
			tb.Errorf("dropping the test's database %s: %v", name, err)
		}
		if err := db.Close(); err != nil {
			tb.Errorf("closing the connection to %s: %v", u.Redacted(), err)
		}
	})
	u.Path = "/" + name
	return u.String()
}
