package sourcetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/sqldb"
)

// testValues reads, for every type, its value between two nulls, so that offsets and validity show.
func testValues(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{})
	for i, v := range d.Values {
		f.exec(fmt.Sprintf("CREATE TABLE v%d (id %s, v %s)", i, d.BigInt, v.Type),
			fmt.Sprintf("INSERT INTO v%d VALUES (1, NULL), (2, %s), (3, NULL)", i, v.Literal))
	}
	s := f.snapshot()
	for i, v := range d.Values {
		t.Run(v.Type+"="+v.Literal, func(t *testing.T) {
			got, err := read(t.Context(), s, sqldb.Query{Name: "test", Text: fmt.Sprintf("SELECT id, v FROM v%d ORDER BY id", i)})
			if err != nil {
				t.Fatal(err)
			}
			if !arrow.TypeEqual(got.types[1], v.Want) {
				t.Errorf("type %s, want %s", got.types[1], v.Want)
			}
			if v.Reject != "" {
				var r sources.Rejected
				if len(got.rejected) == 1 {
					r = got.rejected[0]
				}
				if r.Row != 2 || r.Column != "v" || r.Value != v.Reject || r.Reason == "" {
					t.Errorf("rejected %+v, want row 2, column v, value %q", got.rejected, v.Reject)
				}
				if want := []int64{1, 3}; !slices.Equal(got.numbers, want) {
					t.Errorf("row numbers %v, want %v", got.numbers, want)
				}
				return
			}
			if len(got.rejected) > 0 {
				t.Fatalf("rejected %+v", got.rejected)
			}
			want := [][]string{{"1", "(null)"}, {"2", v.Text}, {"3", "(null)"}}
			if !slices.EqualFunc(got.rows, want, slices.Equal) {
				t.Errorf("got %q, want %q", got.rows, want)
			}
		})
	}
}

// testColumns checks that Columns says what Read gives.
func testColumns(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{})
	var columns []string
	for i, v := range d.Values {
		columns = append(columns, fmt.Sprintf("v%d %s", i, v.Type))
	}
	literals := make([]string, len(d.Values))
	for i, v := range d.Values {
		literals[i] = v.Literal
		if v.Reject != "" {
			literals[i] = "NULL"
		}
	}
	f.exec("CREATE TABLE v ("+strings.Join(columns, ", ")+")", "INSERT INTO v VALUES ("+strings.Join(literals, ", ")+")")
	s := f.snapshot()
	got := f.read(s, "SELECT * FROM v")
	schema, err := s.Columns(t.Context(), sqldb.Query{Name: "test", Text: "SELECT * FROM v;  -- all of it"})
	if err != nil {
		t.Fatal(err)
	}
	for i, field := range schema.Fields() {
		if field.Name != got.names[i] || d.Values[i].Reject == "" && !arrow.TypeEqual(field.Type, got.types[i]) {
			t.Errorf("column %d: Columns says %s %s, Read gives %s %s", i, field.Name, field.Type, got.names[i], got.types[i])
		}
	}
	if len(schema.Fields()) != len(got.names) {
		t.Errorf("Columns says %d columns, Read gives %d", len(schema.Fields()), len(got.names))
	}
}

func testEmptyResult(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{})
	f.exec(fmt.Sprintf("CREATE TABLE e (id %s, name %s, at %s)", d.BigInt, d.Text, d.Instant))
	got := f.read(f.snapshot(), "SELECT * FROM e")
	if len(got.rows) != 0 || len(got.rejected) != 0 || got.batches != 0 {
		t.Errorf("got %+v, want nothing", got)
	}
}

var texts = []string{
	"", "plain", "Zoë", "李雷", "🙂👩‍👩‍👧", "é combining", "\u200b", "a\tb\nc\r\nd", `back\slash "double" ` + "`tick`", "it''s", "null", "\ufeffbom",
	"\U0010ffff", strings.Repeat("long 🙂", 2000),
}

func testUnicode(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{})
	f.exec(fmt.Sprintf("CREATE TABLE u (id %s, name %s)", d.BigInt, d.Text))
	for i, text := range texts {
		for range 3 { // as codes, then as plain text
			f.exec(fmt.Sprintf("INSERT INTO u VALUES (%d, '%s')", i, escape(d, text)))
		}
	}
	s := f.snapshot()
	for _, query := range []string{"SELECT id, name FROM u ORDER BY id", "SELECT DISTINCT id, name FROM u ORDER BY id"} {
		got := f.read(s, query)
		if len(got.rows) == 0 {
			t.Fatalf("%s: no rows", query)
		}
		for _, row := range got.rows {
			var i int
			if _, err := fmt.Sscan(row[0], &i); err != nil {
				t.Fatal(err)
			}
			if row[1] != texts[i] {
				t.Errorf("%s: text %d: got %q, want %q", query, i, row[1], texts[i])
			}
		}
	}
}

// escape writes text as the inside of a literal.
func escape(d Database, text string) string {
	if d.Moment("")[0] == 'T' { // MySQL's TIMESTAMP'…': a backslash escapes
		text = strings.ReplaceAll(text, `\`, `\\`)
	}
	return strings.ReplaceAll(text, "'", "''")
}

// midnights are instants beside the bounds of days.
var midnights = []string{
	"2026-11-20T23:59:59.999999Z", "2026-11-21T00:00:00.000000Z", "2026-11-21T00:00:00.000001Z",
	"2026-11-21T23:59:59.999999Z", "2026-11-22T00:00:00.000000Z", "2026-11-22T00:00:00.000001Z",
	"2024-02-29T12:00:00.123456Z", "1999-12-31T23:59:59.999999Z",
}

func (f *fixture) midnights() {
	f.t.Helper()
	f.exec(fmt.Sprintf("CREATE TABLE m (id %s, at %s)", f.BigInt, f.Instant))
	for i, at := range midnights {
		f.exec(fmt.Sprintf("INSERT INTO m VALUES (%d, %s)", i, f.Moment(at)))
	}
}

func testMidnight(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{})
	f.midnights()
	got := f.read(f.snapshot(), "SELECT at FROM m ORDER BY id")
	for i, row := range got.rows {
		if at, err := parseInstant(row[0]); err != nil || at.Format("2006-01-02T15:04:05.000000Z") != midnights[i] {
			t.Errorf("got %q (%v), want %q", row[0], err, midnights[i])
		}
	}
	if len(got.rows) != len(midnights) {
		t.Errorf("got %d rows, want %d", len(got.rows), len(midnights))
	}
}

// parseInstant reads what Arrow prints of a timestamp, or the text that SQLite stores.
func parseInstant(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("no layout for %q", s)
}

// testParameters checks which instants a half-open day holds, and texts in which a parameter is none.
func testParameters(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{})
	f.midnights()
	s := f.snapshot()
	day := func(text string) sqldb.Query {
		return sqldb.Query{Name: "test", Text: text, From: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
			To: time.Date(2026, 11, 21, 19, 0, 0, 0, time.FixedZone("", -5*3600)), ChangedSince: time.Date(2026, 11, 22, 0, 0, 0, 1000, time.UTC)}
	}
	for _, test := range []struct{ query, want string }{
		{"SELECT id FROM m WHERE at >= :from AND at < :to ORDER BY id", "1 2 3"},
		{"SELECT id FROM m WHERE at>=:from AND at<:to AND at>=:from ORDER BY id -- :nothing", "1 2 3"},
		{"SELECT id FROM m WHERE at >= :changed_since ORDER BY id;", "5"},
		{"SELECT id FROM m WHERE id >= 0 AND:from<=at AND at<:to ORDER BY id", "1 2 3"},
		{"/* :x */ SELECT id FROM m WHERE at < :from AND ':y' <> '' ORDER BY id ; ", "0 6 7"},
	} {
		got, err := read(t.Context(), s, day(test.query))
		if err != nil {
			t.Errorf("%s: %v", test.query, err)
			continue
		}
		var ids []string
		for _, row := range got.rows {
			ids = append(ids, row[0])
		}
		if ids := strings.Join(ids, " "); ids != test.want {
			t.Errorf("%s: rows %s, want %s", test.query, ids, test.want)
		}
	}
	all, err := read(t.Context(), s, sqldb.Query{Name: "test", Text: "SELECT id FROM m WHERE at >= :from AND at >= :changed_since"})
	if err != nil || len(all.rows) != len(midnights) {
		t.Errorf("from the beginning of time: %d rows, %v; want %d", len(all.rows), err, len(midnights))
	}
	if _, err := read(t.Context(), s, sqldb.Query{Name: "test", Text: "SELECT id FROM m WHERE at < :to"}); err == nil {
		t.Error("no end given: no error")
	}
}
