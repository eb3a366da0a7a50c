package testservice_test

import (
	"context"
	"database/sql"
	"testing"

	"gocloud.dev/mysql"
	"gocloud.dev/postgres"

	"github.com/usagereport/usagereport/internal/testservice"
)

// TestDatabases checks that every call gives an empty database of its own that keeps text of any language, and
// that it is gone after the test.
func TestDatabases(t *testing.T) {
	kinds := []struct {
		name  string
		fresh func(testing.TB) string
		open  func(context.Context, string) (*sql.DB, error)
	}{
		{"postgres", testservice.Postgres, postgres.Open},
		{"mysql", testservice.MySQL, mysql.Open},
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			var url string
			t.Run("own", func(t *testing.T) {
				url = kind.fresh(t)
				for _, u := range []string{url, kind.fresh(t)} { // the same table in both: they are not one database
					db := openDB(t, kind.open, u)
					if _, err := db.ExecContext(t.Context(), `CREATE TABLE people (name varchar(50))`); err != nil {
						t.Fatal(err)
					}
					const name = "Zoë 李 🙂"
					if _, err := db.ExecContext(t.Context(), `INSERT INTO people VALUES ('`+name+`')`); err != nil {
						t.Fatal(err)
					}
					var got string
					if err := db.QueryRowContext(t.Context(), `SELECT name FROM people`).Scan(&got); err != nil || got != name {
						t.Errorf("got %q, %v; want %q", got, err, name)
					}
				}
			})
			if url == "" {
				t.Skip("no server")
			}
			if err := openDB(t, kind.open, url).PingContext(t.Context()); err == nil {
				t.Error("the database is still there after the test")
			}
		})
	}
}

func openDB(t *testing.T, open func(context.Context, string) (*sql.DB, error), url string) *sql.DB {
	t.Helper()
	db, err := open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
