package sqldb

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/sources"
)

// lexes are the dialects, by the URL that names them.
var lexes = map[string]lexis{"postgres://h/d": postgresKind.lexis, "mysql://h/d": mysqlKind.lexis, "sqlite:f": sqliteKind.lexis}

func TestParams(t *testing.T) {
	for _, test := range []struct {
		urls string // the dialects that the text is in, by their first letters
		text string
		want string // the parameters in the order from, to, changed_since; or a part of the error
	}{
		{"pms", "SELECT 1", ""},
		{"pms", "SELECT :from", "from"},
		{"pms", "SELECT :to,:from,:to,:changed_since", "from to changed_since"},
		{"pms", "select(:to)", "to"},
		{"pms", "(SELECT :to)", "to"},
		{"pms", "WITH x AS (SELECT :to) SELECT * FROM x;", "to"},
		{"pms", " ;; SELECT :to", "a second statement"},
		{"pms", "SELECT ':from', 'it''s :to', ''", ""},
		{"pms", `SELECT ":from" FROM "a "" :to"`, ""},
		{"ms", "SELECT `:from` FROM `a `` :to`", ""},
		{"s", "SELECT [:from]", ""},
		{"pms", "SELECT 1 -- :x\n, :from -- :y", "from"},
		{"pms", "SELECT 1 /* :x\n */ + :from /**/", "from"},
		{"p", "SELECT 1 /* /* :x */ :y */ + :from", "from"},
		{"ms", "SELECT 1 /* /* :x */ + :from", "from"},
		{"m", "SELECT 1 # :x\n + :from", "from"},
		{"p", "SELECT 1 #:from", "from"},
		{"m", "SELECT 1 --:from", "from"},
		{"ps", "SELECT 1 --:x", ""},
		{"m", `SELECT 'a\':x', "a\":y", :from`, "from"},
		{"ps", `SELECT 'a\', :from`, "from"},
		{"p", `SELECT E'a\':x', :from, e'\\', :to`, "from to"},
		{"p", `SELECT date'2026-01-01', :from`, "from"},
		{"p", "SELECT $$ :x ' $$, $a$ :y $$ $a$, :from, $é$ :z $é$", "from"},
		{"p", "SELECT a$b$ FROM x$b$ WHERE :from = $1", "from"},
		{"p", "SELECT x::date, :from::date, :to :: text", "from to"},
		{"p", "SELECT a[1:2], a[:n], a[b[1]:c], ARRAY[:from, :to], ARRAY[[:from],[:to]], (f(x))[1:n]", "from to"},
		{"p", "SELECT f(a := 1, b => :from)", "from"},
		{"m", "SELECT @a:=1, @b :=:from", "from"},
		{"pms", "SELECT :form", "line 1, column 8: unknown parameter :form"},
		{"pms", "SELECT\n  'ö', :From", "line 2, column 8: unknown parameter :From"},
		{"pms", "SELECT :from_date", "unknown parameter :from_date"},
		{"pms", "SELECT 'x", "line 1, column 8"},
		{"pms", `SELECT "x`, "not closed"},
		{"ms", "SELECT `x", "not closed"},
		{"s", "SELECT [x", "not closed"},
		{"pms", "SELECT /* x", "comment is not closed"},
		{"p", "SELECT /* /* x */", "comment is not closed"},
		{"p", "SELECT $a$ x $$", "$a$ is not closed"},
		{"pms", "", "empty"},
		{"pms", " ;\n-- nothing", "empty"},
		{"pms", "DROP TABLE x", "starts with DROP"},
		{"pms", "/* SELECT */ delete FROM x", "line 1, column 14"},
		{"pms", "SELECT 1; DELETE FROM x", "line 1, column 11: a second statement"},
	} {
		for url := range lexes {
			if !strings.Contains(test.urls, url[:1]) {
				continue
			}
			got, err := Params(url, test.text)
			switch {
			case err != nil && (!errors.Is(err, sources.ErrQuery) || test.want == "" || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%s: %s: error %v, want %q", url, test.text, err, test.want)
			case err == nil && strings.Join(got, " ") != test.want:
				t.Errorf("%s: %s: got %q, want %q", url, test.text, got, test.want)
			}
		}
	}
	if _, err := Params("oracle://h/d", "SELECT 1"); !errors.Is(err, sources.ErrUnsupported) {
		t.Errorf("unknown scheme: got %v, want ErrUnsupported", err)
	}
}

func TestBind(t *testing.T) {
	q := Query{Name: "logins", Text: "SELECT 'ö:from',\n:from, x FROM y WHERE z<:to; -- end",
		From: time.Date(2026, 11, 21, 1, 0, 0, 0, time.FixedZone("", 3600)), To: time.Date(2026, 11, 22, 0, 0, 0, 123456789, time.UTC)}
	for _, test := range []struct {
		kind kind
		want string
	}{
		{postgresKind, "SELECT 'ö:from',\n(TIMESTAMPTZ '2026-11-21 00:00:00.000000+00'), x FROM y WHERE z<(TIMESTAMPTZ '2026-11-22 00:00:00.123456+00')"},
		{mysqlKind, "SELECT 'ö:from',\n(TIMESTAMP'2026-11-21 00:00:00.000000'), x FROM y WHERE z<(TIMESTAMP'2026-11-22 00:00:00.123456')"},
		{sqliteKind, "SELECT 'ö:from',\n('2026-11-21T00:00:00.000000000Z'), x FROM y WHERE z<('2026-11-22T00:00:00.123456789Z')"},
	} {
		got, err := test.kind.bind(&q)
		if err != nil {
			t.Fatal(err)
		}
		if got.text != test.want {
			t.Errorf("%s: got %s\nwant %s", test.kind.product, got.text, test.want)
		}
		for part, want := range map[string]string{"ö": "line 1, column 9", "(T": "line 2, column 1", "x F": "line 2, column 8", "z<": "line 2, column 23", "<(": "line 2, column 24"} {
			if test.kind.product == "SQLite" {
				part = strings.Replace(part, "(T", "('", 1)
			}
			if place := got.at(strings.Index(got.text, part)); place != want {
				t.Errorf("%s: %q is at %s, want %s", test.kind.product, part, place, want)
			}
		}
	}
}

// TestSQLiteParameterOrder checks the promise about text comparison: every RFC 3339 form of an instant in UTC lies
// on the side of a whole second's literal on which the instant lies.
func TestSQLiteParameterOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "bound"), 0).UTC()
		at := bound.Add(time.Duration(rapid.Int64Range(-3e9, 3e9).Draw(t, "nanoseconds")))
		digits := rapid.IntRange(0, 9).Draw(t, "digits")
		layout := "2006-01-02T15:04:05"
		if digits > 0 {
			layout += "." + strings.Repeat("0", digits)
		}
		stored := at.Format(layout + "Z")
		parsed, err := time.Parse(time.RFC3339Nano, stored) // the stored text may be coarser
		if err != nil {
			t.Fatal(err)
		}
		literal := strings.Trim(bound.Format(sqliteKind.literal), "'")
		if got, want := stored >= literal, !parsed.Before(bound); got != want {
			t.Fatalf("%q >= %q is %v, want %v", stored, literal, got, want)
		}
	})
}

// FuzzParams checks that no text panics, and that what is taken for a parameter is one: replacing all of them by
// a literal leaves a text without parameters and with the same tokens elsewhere.
func FuzzParams(f *testing.F) {
	for _, s := range []string{"SELECT :from", "SELECT E'\\'' || $a$ :x $a$ /* /* */ */ -- \n ::date, a[1:2], :to;", "WITH [a:b] AS (SELECT `:x`, \":y\" # \n) SELECT @a:=:changed_since"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for url, lx := range lexes {
			st, err := parse(text, lx)
			if err != nil {
				if !errors.Is(err, sources.ErrQuery) {
					t.Fatalf("%s: %v", url, err)
				}
				continue
			}
			for _, p := range st.params {
				if text[p.start:p.end] != ":"+p.name || !slices.Contains(paramNames, p.name) {
					t.Fatalf("%s: %q is taken for :%s", url, text[p.start:p.end], p.name)
				}
			}
			bound, back, err := st.bind(func(string) (string, error) { return "''", nil })
			if err != nil {
				t.Fatal(err)
			}
			again, err := parse(bound, lx)
			if err != nil || len(again.params) != 0 {
				t.Fatalf("%s: %q bound is %q: %v, %v", url, text, bound, again, err)
			}
			for i := range len(bound) {
				if at := back(i); at < 0 || at > len(text) {
					t.Fatalf("%s: offset %d maps to %d of %d", url, i, at, len(text))
				}
			}
		}
	})
}
