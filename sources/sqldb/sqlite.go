package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"modernc.org/sqlite"

	"github.com/usagereport/usagereport/sources"
)

var sqliteKind = kind{
	product:   "SQLite",
	lexis:     lexis{brackets: true, backtick: true},
	open:      openSQLite,
	literal:   "'2006-01-02T15:04:05.000000000Z'",
	beginning: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
}

// sqliteBusyTimeout is how long a read waits for a writer that holds the file.
const sqliteBusyTimeout = 5 * time.Second

func openSQLite(_ context.Context, rawURL string, o Options) (backend, error) {
	path := strings.TrimPrefix(rawURL, "sqlite:")
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		path = rest
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("%w: a SQLite URL is sqlite:///absolute/path or sqlite:relative/path", sources.ErrUnsupported)
		}
	}
	if unescaped, err := url.PathUnescape(path); err == nil {
		path = unescaped
	}
	if path == "" {
		return nil, fmt.Errorf("%w: a SQLite URL needs a path: sqlite:///absolute/path or sqlite:relative/path", sources.ErrUnsupported)
	}
	// Without mode=ro a missing file would be created.
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{
		"mode":    {"ro"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", sqliteBusyTimeout.Milliseconds()), "query_only(1)"},
	}.Encode()}).String()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, openFailure(err)
	}
	return &sqlBackend{db: db, dialect: sqliteDialect{path: path}, options: o}, nil
}

type sqliteDialect struct{ path string }

func (d sqliteDialect) begin(ctx context.Context, conn *sql.Conn, _ Options) error {
	// The transaction takes its snapshot with its first read.
	for _, statement := range []string{"BEGIN", "SELECT count(*) FROM sqlite_schema"} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// columnInformer is what the driver's connections offer to learn of a result without running its query.
type columnInformer interface {
	ColumnInfo(query string) ([]sqlite.ColumnInfo, error)
}

// rewrite hides from the driver that a column is declared as a date: it would parse the text that is stored, and
// what it cannot parse, or parses into less, would no longer be what is stored. The unary plus changes no
// value and leaves an expression, which has no declared type.
func (d sqliteDialect) rewrite(_ context.Context, conn *sql.Conn, text string) (string, error) {
	var info []sqlite.ColumnInfo
	err := conn.Raw(func(c any) (err error) {
		info, err = c.(columnInformer).ColumnInfo(text)
		return err
	})
	if err != nil {
		return "", err
	}
	if len(info) == 0 {
		return "", checkNames(nil)
	}
	dates := false
	names := make([]string, len(info))
	fields := make([]arrow.Field, len(info))
	for i, c := range info {
		fields[i].Name = c.Name
		names[i] = `"` + strings.ReplaceAll(c.Name, `"`, `""`) + `"`
		switch strings.ToUpper(c.DeclType) {
		case "DATE", "DATETIME", "TIMESTAMP":
			dates = true
			names[i] = "+" + names[i] + " AS " + names[i]
		}
	}
	if err := checkNames(fields); err != nil || !dates {
		return text, err
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM (" + text + "\n)", nil
}

// outline returns the query itself: SQLite makes rows as they are asked for.
func (sqliteDialect) outline(text string) string { return text }

// cell follows SQLite's rules of affinity. Where the affinity is none or numeric, values of any type may be stored.
func (sqliteDialect) cell(t *sql.ColumnType) (cellMode, arrow.DataType, error) {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(strings.ToUpper(t.DatabaseTypeName()), p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return cellInt64, arrow.PrimitiveTypes.Int64, nil
	case has("CHAR", "CLOB", "TEXT"):
		return cellText, arrow.BinaryTypes.String, nil
	case has("BLOB"):
	case has("REAL", "FLOA", "DOUB"):
		return cellFloat64, arrow.PrimitiveTypes.Float64, nil
	}
	return cellPending, arrow.BinaryTypes.String, nil
}

func (d sqliteDialect) failure(*boundQuery) func(error) *failure {
	return func(err error) *failure {
		var lite *sqlite.Error
		if !errors.As(err, &lite) {
			return nil
		}
		f := &failure{kind: sources.ErrQuery, text: oneLine(lite), cause: err}
		switch lite.Code() & 0xff {
		case 1: // SQLITE_ERROR: only the text tells
			switch {
			case strings.Contains(f.text, "no such table"):
				f.kind, f.hint = sources.ErrNotFound, hintTable
			case strings.Contains(f.text, "no such column"):
				f.hint = hintColumn
			}
		case 8: // SQLITE_READONLY
			f.hint = hintReadOnly
		case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
			f.kind, f.hint = sources.ErrUnreachable, "another process holds the file; run it again, or let the writer use WAL mode"
		case 9, 10: // SQLITE_INTERRUPT, SQLITE_IOERR
			f.kind, f.hint = sources.ErrUnreachable, hintLost
		case 11, 26: // SQLITE_CORRUPT, SQLITE_NOTADB
			f.kind, f.text, f.hint = sources.ErrUnreadable, d.path+": "+f.text, "it should be a SQLite database"
		case 3, 23: // SQLITE_PERM, SQLITE_AUTH
			f.kind, f.hint = sources.ErrDenied, hintGrant
		case 14: // SQLITE_CANTOPEN
			f.kind, f.text = sources.ErrUnreachable, d.path+": "+f.text
			f.hint = "check that the file can be read, and in WAL mode that its folder can be written or the -shm and -wal files read"
			if _, err := os.Stat(d.path); errors.Is(err, fs.ErrNotExist) {
				f.kind, f.text, f.hint = sources.ErrNotFound, d.path+": there is no such file", "check the path in the source's URL; it is never created"
			} else if errors.Is(err, fs.ErrPermission) || errors.Is(readable(d.path), fs.ErrPermission) {
				f.kind, f.hint = sources.ErrDenied, "check the permissions of the file and its folders"
			}
		}
		return f
	}
}

// readable returns why a file cannot be read, or nil.
func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}
