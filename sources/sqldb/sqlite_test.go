package sqldb_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sources/sqldb"
)

// readAll reads a result as text: the type of each column, a line per row, and the rejected rows.
func readAll(t *testing.T, s *sqldb.Snapshot, query string) (types string, lines, rejected []string) {
	t.Helper()
	for b, err := range s.Read(t.Context(), sqldb.Query{Name: "test", Text: query}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Rejected {
			rejected = append(rejected, fmt.Sprintf("%d %s %s", r.Row, r.Column, r.Value))
		}
		if b.Record == nil {
			continue
		}
		types = ""
		for _, f := range b.Record.Schema().Fields() {
			typ := f.Type
			if d, ok := typ.(*arrow.DictionaryType); ok {
				typ = d.ValueType
			}
			types += " " + typ.String()
		}
		for i := range int(b.Record.NumRows()) {
			line := fmt.Sprint(b.Row(i))
			for _, c := range b.Record.Columns() {
				line += " " + c.ValueStr(i)
			}
			lines = append(lines, line)
		}
		b.Record.Release()
	}
	return strings.TrimSpace(types), lines, rejected
}

// TestSQLiteMixedTypes checks the rules for columns whose values are of several types.
func TestSQLiteMixedTypes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mixed.db")
	w, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for i, test := range []struct {
		typ, values     string
		types           string
		lines, rejected string
	}{
		{"", "(1), (NULL), (3)", "int64", "1 1|2 (null)|3 3|", ""},
		{"", "(1), (2.5)", "float64", "1 1|2 2.5|", ""},
		{"", "(9007199254740993), (2.5)", "utf8", "1 9007199254740993|2 2.5|", ""},
		{"", "(1), ('x'), (2.0), (1e300), (x'61')", "utf8", "1 1|2 x|3 2.0|4 1e+300|5 a|", ""},
		{"", "(NULL), (NULL)", "utf8", "1 (null)|2 (null)|", ""},
		{"BLOB", "(x'01'), (x'02')", "binary", "1 AQ==|2 Ag==|", ""},
		{"BOOLEAN", "(1), ('false')", "utf8", "1 1|2 false|", ""},
		{"TIMESTAMP", "('2026-11-21 00:00:00'), (1795212000)", "utf8", "1 2026-11-21 00:00:00|2 1795212000|", ""},
		// The first batch, of three rows, settles the type.
		{"", "(1), (2), (3), ('x'), (4.0), (4.5), (5)", "int64", "1 1|2 2|3 3|5 4|7 5|", "4 v x|6 v 4.5|"},
		{"", "(NULL), (NULL), (NULL), (4), (x'61')", "utf8", "1 (null)|2 (null)|3 (null)|4 4|5 a|", ""},
		{"", "(0.5), (1), (2), ('x'), (9007199254740993)", "float64", "1 0.5|2 1|3 2|", "4 v x|5 v 9007199254740993|"},
		{"INTEGER", "(1), ('x'), ('7'), (2.5), (x'07')", "int64", "1 1|3 7|", "2 v x|4 v 2.5|5 v \a|"},
		{"TEXT", "(1), ('x'), (x'ff')", "utf8", "1 1|2 x|3 \xff|", ""},
	} {
		t.Run(test.typ+test.values, func(t *testing.T) {
			for _, s := range []string{fmt.Sprintf("CREATE TABLE t%d (v %s)", i, test.typ), fmt.Sprintf("INSERT INTO t%d VALUES %s", i, test.values)} {
				if _, err := w.Exec(s); err != nil {
					t.Fatal(err)
				}
			}
			db, err := sqldb.Open(t.Context(), "sqlite://"+path, sqldb.Options{BatchRows: 3, Allocator: mem})
			if err != nil {
				t.Fatal(err)
			}
			s, err := db.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			types, lines, rejected := readAll(t, s, fmt.Sprintf("SELECT v FROM t%d ORDER BY rowid", i))
			if types != test.types || join(lines) != test.lines || join(rejected) != test.rejected {
				t.Errorf("got %s: %q, rejected %q\nwant %s: %q, rejected %q", types, join(lines), join(rejected), test.types, test.lines, test.rejected)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func join(lines []string) string {
	if lines == nil {
		return ""
	}
	return strings.Join(lines, "|") + "|"
}

// TestSQLiteRelativePath reads a file that the URL names relative to the working directory.
func TestSQLiteRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	w, err := sql.Open("sqlite", "here.db")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Exec("CREATE TABLE x AS SELECT 7 AS v"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqldb.Open(t.Context(), "sqlite:here.db", sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := db.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if types, lines, _ := readAll(t, s, "SELECT v FROM x"); types != "int64" || join(lines) != "1 7|" {
		t.Errorf("got %s %q", types, lines)
	}
	for _, close := range []func() error{s.Close, s.Close, db.Close} { // twice is no harm
		if err := close(); err != nil {
			t.Error(err)
		}
	}
}
