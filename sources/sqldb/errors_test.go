package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/sqldb"
)

// connectError opens the URL and returns what goes wrong on the way to a snapshot.
func connectError(t *testing.T, rawURL string) error {
	t.Helper()
	db, err := sqldb.Open(t.Context(), rawURL, sqldb.Options{})
	if err != nil {
		return err
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	s, err := db.Snapshot(t.Context())
	if err == nil {
		err = s.Close()
	}
	return err
}

const secret = "s3cret-p@ss/w%rd"

// with returns the URL with other parts.
func with(rawURL string, change func(*url.URL)) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err)
	}
	change(u)
	return u.String()
}

// freePort returns the address of a port on which nothing listens.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestConnectErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	port := freePort(t)
	escaped := url.UserPassword("report", secret).String()
	for _, test := range []struct {
		name, url string
		is        error
		says      []string
	}{
		{"scheme", "oracle://report:" + secret + "@db/app", sources.ErrUnsupported, []string{"oracle", "sqlite", "postgres"}},
		{"no URL", "postgres://report:p/a:b%zz@db/app", sources.ErrUnsupported, []string{"%2F"}},
		{"postgres setting", "postgres://" + escaped + "@db/app?sslmode=perhaps", sources.ErrUnsupported, []string{"sslmode"}},
		{"postgres refused", "postgres://" + escaped + "@" + port + "/app", sources.ErrUnreachable, []string{"PostgreSQL", port, "host and port"}},
		{"mysql refused", "mysql://" + escaped + "@" + port + "/app", sources.ErrUnreachable, []string{"MySQL", port, "host and port"}},
		{"postgres host", "postgres://" + escaped + "@host.invalid/app", sources.ErrUnreachable, []string{"host.invalid", "host and port"}},
		{"mysql host", "mysql://" + escaped + "@host.invalid/app", sources.ErrUnreachable, []string{"host.invalid", "host and port"}},
		{"mysql setting", "mysql://" + escaped + "@db/app?timeout=soon", sources.ErrUnsupported, []string{"soon"}},
		{"driver not linked", "awsmysql://" + escaped + "@db/app", sources.ErrUnsupported, []string{"awsmysql"}},
		{"sqlite missing", "sqlite://" + dir + "/absent.db", sources.ErrNotFound, []string{"absent.db", "never created"}},
		{"sqlite relative", "sqlite:absent.db", sources.ErrNotFound, []string{"absent.db"}},
		{"sqlite host", "sqlite://relative/x.db", sources.ErrUnsupported, []string{"sqlite:///absolute/path"}},
		{"sqlite no path", "sqlite:", sources.ErrUnsupported, []string{"sqlite:///absolute/path"}},
		{"sqlite text", "sqlite://" + write("text.db", strings.Repeat("no database ", 1000)), sources.ErrUnreadable, []string{"text.db", "SQLite database"}},
	} {
		t.Run(test.name, func(t *testing.T) { check(t, connectError(t, test.url), test.is, test.says) })
	}
}

func TestServerErrors(t *testing.T) {
	for kind, fresh := range map[string]func(testing.TB) string{"postgres": testservice.Postgres, "mysql": testservice.MySQL} {
		t.Run(kind, func(t *testing.T) {
			server := fresh(t)
			t.Run("password", func(t *testing.T) {
				u := with(server, func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), secret) })
				check(t, connectError(t, u), sources.ErrDenied, []string{"password", "check the user"})
			})
			t.Run("database", func(t *testing.T) {
				u := with(server, func(u *url.URL) { u.Path = "/no_such_database" })
				check(t, connectError(t, u), sources.ErrNotFound, []string{"no_such_database", "check the database's name"})
			})
		})
	}
}

func check(t *testing.T, err error, is error, says []string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Fatalf("got %v, want %v", err, is)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), "p/a:b", "usagereport-test-password"} {
		if strings.Contains(err.Error(), form) {
			t.Errorf("%q shows the password", err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has line breaks", err)
	}
}

func TestSnapshotCancelled(t *testing.T) {
	for kind, fresh := range map[string]func(testing.TB) string{"postgres": testservice.Postgres, "mysql": testservice.MySQL} {
		t.Run(kind, func(t *testing.T) {
			db, err := sqldb.Open(t.Context(), fresh(t), sqldb.Options{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := db.Snapshot(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSQLiteLocked checks what a read says of a file that a writer holds exclusively.
func TestSQLiteLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "locked.db")
	w, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	w.SetMaxOpenConns(1)
	for _, s := range []string{"CREATE TABLE x (y)", "BEGIN EXCLUSIVE"} {
		if _, err := w.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqldb.Open(t.Context(), "sqlite://"+path, sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	_, err = db.Snapshot(t.Context())
	check(t, err, sources.ErrUnreachable, []string{"another process", "run it again"})
}
