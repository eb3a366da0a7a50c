package csvsrc_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/bucket/csvsrc"
)

// read returns the rows as `line: cells`, null as ∅, and the rejected rows as `line: reason`.
func read(t testing.TB, r io.Reader, o csvsrc.Options) (rows, rejected []string, err error) {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	o.Allocator = alloc
	if o.BatchRows == 0 {
		o.BatchRows = 2
	}
	for b, err := range csvsrc.Read(r, "f.csv", o) {
		if err != nil {
			return rows, rejected, err
		}
		for _, x := range b.Rejected {
			rejected = append(rejected, fmt.Sprintf("%d: %s", x.Row, x.Reason))
		}
		if b.Record == nil {
			continue
		}
		for i := range int(b.Record.NumRows()) {
			row := fmt.Sprint(b.Row(i)) + ":"
			for c, col := range b.Record.Columns() {
				value := "∅"
				if col.IsValid(i) {
					value = col.(*array.String).Value(i)
				}
				row += " " + b.Record.ColumnName(c) + "=" + value
			}
			rows = append(rows, row)
		}
		b.Record.Release()
	}
	return rows, rejected, nil
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, text     string
		options        csvsrc.Options
		rows, rejected string // joined by ; and a space
	}{
		{"plain", "a,b\n1,2\n3,4\n", csvsrc.Options{}, "2: a=1 b=2; 3: a=3 b=4", ""},
		{"no line feed at the end", "a,b\n1,2", csvsrc.Options{}, "2: a=1 b=2", ""},
		{"CRLF", "a,b\r\n1,2\r\n3,4\r\n", csvsrc.Options{}, "2: a=1 b=2; 3: a=3 b=4", ""},
		{"byte order mark", "\ufeffa,b\n1,2\n", csvsrc.Options{}, "2: a=1 b=2", ""},
		{"byte order mark and quotes", "\ufeff\"a\",b\n1,2\n", csvsrc.Options{}, "2: a=1 b=2", ""},
		{"empty is null, quoted or not", "a,b\n,\"\"\n", csvsrc.Options{}, "2: a=∅ b=∅", ""},
		{"quotes", "a,b\n\"x, y\",\"say \"\"hi\"\"\"\n", csvsrc.Options{}, `2: a=x, y b=say "hi"`, ""},
		{"line feeds in quotes", "a,b\n\"x\ny\",2\n3,\"\n\n\"\n5,6\n", csvsrc.Options{}, "2: a=x\ny b=2; 4: a=3 b=\n\n; 7: a=5 b=6", ""},
		{"CRLF in quotes stays", "a,b\r\n\"x\r\ny\",\"2\r\n\"\r\n5,6\r\n", csvsrc.Options{}, "2: a=x\r\ny b=2\r\n; 5: a=5 b=6", ""},
		{"blank lines", "\n\na,b\n\n1,2\n\r\n3,4\n\n", csvsrc.Options{}, "5: a=1 b=2; 7: a=3 b=4", ""},
		{"columns wanted", "a,b,c\n1,2,3\n", csvsrc.Options{Columns: []string{"c", "x", "a"}}, "2: c=3 a=1", ""},
		{"semicolons", "a;b\n1,5;2\n", csvsrc.Options{Delimiter: ';'}, "2: a=1,5 b=2", ""},
		{"tabs", "a\tb\n1 \t 2\n", csvsrc.Options{Delimiter: '\t'}, "2: a=1  b= 2", ""},
		{"bytes that are not UTF-8", "a\n\xff\xfe\n", csvsrc.Options{}, "2: a=\xff\xfe", ""},
		{"a NUL", "a\n\x00\n", csvsrc.Options{}, "2: a=\x00", ""},
		{"header only", "a,b\n", csvsrc.Options{}, "", ""},
		{"nothing", "", csvsrc.Options{}, "", ""},
		{"too few and too many", "a,b\n1\n1,2,3\n4,5\n", csvsrc.Options{}, "4: a=4 b=5",
			"2: expected 2 fields as in the header, found 1; 3: expected 2 fields as in the header, found 3"},
		{"stray quote", "a,b\n1,x\"y\n4,5\n", csvsrc.Options{}, "3: a=4 b=5",
			"2: expected 2 fields, but field 2 holds a quote and is not quoted itself"},
		{"text after a quote", "a,b\n1,\"x\"y\n4,5\n", csvsrc.Options{}, "3: a=4 b=5",
			`2: expected 2 fields, but 'y' follows the closing quote of field 2`},
		{"a quote never closed takes its line alone", "a,b\n1,\"x\n3,4\n5,6\n", csvsrc.Options{}, "3: a=3 b=4; 4: a=5 b=6",
			"2: expected 2 fields, but the quote before field 2 is never closed"},
		{"a quote that swallows up to the next", "a,b\n1,\"x\n3,4\n5,\"six\"\n", csvsrc.Options{}, "3: a=3 b=4; 4: a=5 b=six",
			"2: expected 2 fields, but 's' follows the closing quote of field 2"},
		{"a quote at the very end", "a,b\n1,2\n\"", csvsrc.Options{}, "2: a=1 b=2",
			"3: expected 2 fields, but the quote before field 1 is never closed"},
		{"two fields more over two lines", "a,b\n1,\"x\ny\",z\n4,5\n", csvsrc.Options{}, "4: a=4 b=5",
			"2: expected 2 fields as in the header, found 3"},
	} {
		for kind, r := range map[string]io.Reader{"": strings.NewReader(c.text), " by single bytes": iotest.OneByteReader(strings.NewReader(c.text))} {
			t.Run(c.name+kind, func(t *testing.T) {
				rows, rejected, err := read(t, r, c.options)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(rows, "; "); got != c.rows {
					t.Errorf("rows %q, want %q", got, c.rows)
				}
				if got := strings.Join(rejected, "; "); got != c.rejected {
					t.Errorf("rejected %q, want %q", got, c.rejected)
				}
			})
		}
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		delimiter  rune
		kind       error
		says       string
	}{
		{"a column twice", "a,b,a\n1,2,3\n", 0, sources.ErrUnreadable, `line 1 names the column "a" twice`},
		{"a broken header", "a,b\"\n1,2\n", 0, sources.ErrUnreadable, "line 1, which must name the columns"},
		{"UTF-16", "\xff\xfea\x00\n\x00", 0, sources.ErrUnreadable, "UTF-16"},
		{"a long delimiter", "a\n", '§', sources.ErrUnsupported, "one ASCII character"},
		{"a quote as delimiter", "a\n", '"', sources.ErrUnsupported, "one ASCII character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := read(t, strings.NewReader(c.text), csvsrc.Options{Delimiter: c.delimiter})
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "f.csv") {
				t.Errorf("found %v", err)
			}
		})
	}
}

func TestReaderErrorNamesTheLine(t *testing.T) {
	failure := errors.New("cut off")
	text := strings.Repeat("1,2\n", 20_000)
	_, _, err := read(t, io.MultiReader(strings.NewReader("a,b\n"+text+"3,"), iotest.ErrReader(failure)), csvsrc.Options{BatchRows: 1000})
	if !errors.Is(err, failure) || !strings.Contains(err.Error(), "f.csv: after line 20001") {
		t.Errorf("found %v", err)
	}
}

// A line of more than 64 MiB is rejected without being held, and the one after it is read.
func TestLongLine(t *testing.T) {
	long := io.LimitReader(zeros('x'), 100<<20)
	rows, rejected, err := read(t, io.MultiReader(strings.NewReader("a,b\n1,"), long, strings.NewReader("\n3,4\n")), csvsrc.Options{})
	if err != nil || !slices.Equal(rows, []string{"3: a=3 b=4"}) || len(rejected) != 1 || !strings.Contains(rejected[0], "2: expected 2 fields, but the line is longer than 64 MiB") {
		t.Errorf("%v %v %v", rows, rejected, err)
	}
	// The same within quotes: the first line of the row is rejected, and so are those that follow it.
	lines := strings.Repeat(strings.Repeat("y", 1<<20)+"\n", 70)
	rows, rejected, err = read(t, strings.NewReader("a,b\n1,\"\n"+lines+"3,4\n"), csvsrc.Options{})
	if err != nil || !slices.Equal(rows, []string{"73: a=3 b=4"}) || len(rejected) != 71 {
		t.Errorf("%v %d %v", rows, len(rejected), err)
	}
}

type zeros byte

func (z zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(z)
	}
	return len(p), nil
}

func TestEarlyEnd(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	for b, err := range csvsrc.Read(strings.NewReader("a\n1\n2\n3\n4\n"), "f.csv", csvsrc.Options{Allocator: alloc, BatchRows: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		b.Record.Release()
		break
	}
}

// FuzzCSV compares with encoding/csv wherever that accepts a text. It differs on purpose in two points: it makes CRLF in
// quotes LF, and it stops at the first broken row.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "a\r\n\"x\r\ny\"\r\n", "a,b\n\"\"\"\",\n\n,x", "a,b\n1,\"x\ny\",3\n", "\ufeffa\n1", "a\n\"\"\n", "a\n\r\r\n\"b\"\r", "a,b\n1,\"2\n3,\"4\"5\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, rejected, err := read(t, bytes.NewReader(text), csvsrc.Options{BatchRows: 3})
		again, againRejected, _ := read(t, iotest.HalfReader(bytes.NewReader(text)), csvsrc.Options{BatchRows: 100})
		if !slices.Equal(rows, again) || !slices.Equal(rejected, againRejected) {
			t.Errorf("other rows in other batches:\n%q\n%q", rows, again)
		}
		oracle := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
		oracle.FieldsPerRecord = -1
		all, oracleErr := oracle.ReadAll()
		if err != nil || oracleErr != nil || len(all) == 0 {
			return
		}
		var want []string
		wrong := 0
		for _, r := range all[1:] {
			if len(r) != len(all[0]) {
				wrong++
				continue
			}
			row := ""
			for i, v := range r {
				if v == "" {
					v = "∅"
				}
				row += " " + strings.ReplaceAll(all[0][i], "\r\n", "\n") + "=" + v
			}
			want = append(want, row)
		}
		var got []string
		for _, r := range rows {
			got = append(got, strings.ReplaceAll(r[strings.IndexByte(r, ':')+1:], "\r\n", "\n"))
		}
		if !slices.Equal(got, want) || len(rejected) != wrong {
			t.Errorf("%q gives\n%q and %q, want\n%q and %d rejected", text, got, rejected, want, wrong)
		}
	})
}
