package workbook

import (
	"archive/zip"
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
)

// numbers has one column, so that a million rows take no time.
var numbers = &dictionary.Table{Title: "Detailed User Report", Fields: []dictionary.Field{{Name: "N", Kind: dictionary.Integer}}}

// count writes a workbook with the numbers from 0 to n-1 in records of the given size, and checks it.
func count(t testing.TB, n, size int) ([]byte, *Contents) {
	t.Helper()
	var b bytes.Buffer
	w, err := New(&b, Options{Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	s, err := w.Sheet(numbers)
	if err != nil {
		t.Fatal(err)
	}
	builder := array.NewInt64Builder(memory.DefaultAllocator)
	defer builder.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "N", Type: arrow.PrimitiveTypes.Int64}}, nil)
	for from := 0; from < n; from += size {
		for i := from; i < min(n, from+size); i++ {
			builder.Append(int64(i))
		}
		column := builder.NewArray()
		rec := array.NewRecord(schema, []arrow.Array{column}, int64(column.Len()))
		err := s.Write(rec)
		column.Release()
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	written, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	read, err := Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if d := read.Diff(written); d != "" {
		t.Fatal(d)
	}
	return b.Bytes(), written
}

// A sheet holds 1,048,576 rows with its header; the rows after that go on in the next, under the same header.
func TestSplit(t *testing.T) {
	for _, c := range []struct {
		rows  int
		parts []int64
	}{
		{0, []int64{0}},
		{maxRows - 1, []int64{maxRows - 1}},
		{maxRows, []int64{maxRows - 1, 1}},
		{maxRows + 1, []int64{maxRows - 1, 2}},
		{2*maxRows - 1, []int64{maxRows - 1, maxRows - 1, 1}},
	} {
		if testing.Short() && c.rows > maxRows+1 {
			continue
		}
		b, contents := count(t, c.rows, 100_003)
		s := contents.Sheets[0]
		if len(contents.Sheets) != 1 || s.Rows != int64(c.rows) || !reflect.DeepEqual(s.Parts, c.parts) || s.Columns[0].Sum != int64(c.rows)*int64(c.rows-1)/2 {
			t.Errorf("%d rows: %+v", c.rows, contents)
		}
		if c.rows != maxRows+1 {
			continue
		}
		f := open(t, b)
		if got, want := f.GetSheetList(), []string{"Detailed User Report", "Detailed User Report (2)"}; !reflect.DeepEqual(got, want) {
			t.Errorf("sheets %q, expected %q", got, want)
		}
		if got, want := cells(t, f, "Detailed User Report (2)"), [][]string{{"T N"}, {"N 1,048,575"}, {"N 1,048,576"}}; !reflect.DeepEqual(got, want) {
			t.Errorf("the second part is %q, expected %q", got, want)
		}
	}
}

func TestPartName(t *testing.T) {
	long := "A title of exactly thirty-one c"
	for _, c := range []struct {
		name string
		i    int
		want string
	}{
		{"Detailed User Report", 0, "Detailed User Report"},
		{"Detailed User Report", 1, "Detailed User Report (2)"},
		{long, 0, long},
		{long, 1, "A title of exactly thirty-o (2)"},
		{long, 9, "A title of exactly thirty- (10)"},
		{strings.Repeat("😀", 15) + "ab", 0, strings.Repeat("😀", 15) + "a"},
		{strings.Repeat("😀", 16), 1, strings.Repeat("😀", 13) + " (2)"},
	} {
		if got := partName(c.name, c.i); got != c.want || utf16Len(got) > maxSheetName {
			t.Errorf("%s, part %d: found %q, expected %q", c.name, c.i, got, c.want)
		}
	}
}

func TestSheetNames(t *testing.T) {
	table := func(title string) *dictionary.Table {
		return &dictionary.Table{Title: title, Fields: []dictionary.Field{{Name: "a"}}}
	}
	for _, title := range []string{"", "a/b", `a\b`, "a?", "a*", "[a]", "a:b", "'a", "a'", "log", "LOG", "summary"} {
		w, err := New(&bytes.Buffer{}, Options{Scratch: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.Sheet(table("Log"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Sheet(table(title)); err == nil || !strings.Contains(err.Error(), "sheet "+title) {
			t.Errorf("%q: %v", title, err)
		}
		w.Discard()
	}
	// Only a full sheet goes on in the next.
	if _, c := write(t, Options{}, sheet{def: table("Log")}, sheet{def: table("Log (2)"), rows: [][]any{{"x"}}}); len(c.Sheets) != 2 {
		t.Errorf("contents %+v", c)
	}
	long := "A title of more than thirty-one characters"
	b, contents := write(t, Options{}, sheet{def: table(long), rows: [][]any{{"x"}}})
	if got := open(t, b).GetSheetList(); len(got) != 1 || got[0] != long[:31] || contents.Sheets[0].Name != long[:31] {
		t.Errorf("sheets %q, contents %+v", got, contents)
	}
}

// A cell of 40,000 characters, on its way through a file.
func TestLongCell(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 40_000), "x" + strings.Repeat("😀", 20_000), strings.Repeat("&\x01", 20_000)} {
		b, _ := write(t, Options{}, sheet{def: kinds, rows: [][]any{{text, nil, nil, nil, nil, nil}}})
		got, err := open(t, b).GetCellValue("All Kinds", "A2")
		if err != nil {
			t.Fatal(err)
		}
		if want := string(fitText([]byte(text))); got != want || !strings.Contains(got, "… (+") {
			t.Errorf("%.5q…: found %d characters that end in %q", text, utf16Len(got), got[len(got)-20:])
		}
	}
}

// Rows that fill many chunks, and more of them than are worked on at the same time.
func manyRows() sheet {
	s := sheet{def: kinds, coded: "Code"}
	for i := range 40_000 {
		s.rows = append(s.rows, []any{fmt.Sprintf("text %d with %d & <some> more", i, i*i), fmt.Sprint("code ", i%977), day(2026, 1, 1+i%365), i%3 == 0, int64(i), day(2026, 1, 1)})
	}
	return s
}

// The bytes follow from rows and options, not from records, dictionaries, processors or when they were written.
func TestSameBytes(t *testing.T) {
	big := manyRows()
	o := sampleOptions()
	variant := func(procs int, coded string, cut ...int) []byte {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		big.coded, big.cut = coded, cut
		b, _ := write(t, o, append(sampleSheets(), big)...)
		return b
	}
	want := variant(1, "Code", 5000)
	for name, got := range map[string][]byte{
		"again":          variant(1, "Code", 5000),
		"two processors": variant(2, "Code", 5000),
		"many":           variant(16, "Code", 5000),
		"other records":  variant(2, "Code", 1, 2, 3, 30_001, 777),
		"plain text":     variant(2, "", 40_000),
		"all text coded": variant(2, "*", 20_000),
	} {
		if !bytes.Equal(got, want) {
			t.Errorf("%s: other bytes", name)
		}
	}
	small := sampleSheets()[:4]
	first, _ := write(t, o, small...)
	for range 20 { // what excelize makes: it has maps to go through
		if again, _ := write(t, o, small...); !bytes.Equal(again, first) {
			t.Fatal("the same workbook has other bytes")
		}
	}
	zr, err := zip.NewReader(bytes.NewReader(want), int64(len(want)))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range zr.File {
		if f.Modified.Year() != 1980 || f.Flags != 0 || i > 0 && f.Name <= zr.File[i-1].Name {
			t.Errorf("entry %s: %v, flags %#x", f.Name, f.Modified, f.Flags)
		}
	}
}

// Any text, in any records, is what excelize reads, and what is counted.
func TestAnyRows(t *testing.T) {
	text := hostile()
	rapid.Check(t, func(rt *rapid.T) {
		s := sheet{def: kinds, coded: rapid.SampledFrom([]string{"", "Code", "*"}).Draw(rt, "coded"),
			cut: rapid.SliceOfN(rapid.IntRange(1, 5), 1, 3).Draw(rt, "cut")}
		filled := int64(0)
		for range rapid.IntRange(0, 12).Draw(rt, "rows") {
			row := []any{any(text.Draw(rt, "text")), any(text.Draw(rt, "code")), nil, nil, any(rapid.Int64Range(-1<<53, 1<<53).Draw(rt, "n")), nil}
			for i := range 2 {
				row[i] = strings.ToValidUTF8(row[i].(string), "\ufffd")
				if rapid.IntRange(0, 4).Draw(rt, "null") == 0 {
					row[i] = nil
				}
			}
			if row[0] != nil {
				filled++
			}
			s.rows = append(s.rows, row)
		}
		b, contents := write(t, Options{}, s)
		if c := contents.Sheets[0].Columns[0]; c.Cells != filled || contents.Sheets[0].Rows != int64(len(s.rows)) {
			rt.Fatalf("%+v", contents)
		}
		f := open(t, b)
		for i, row := range s.rows {
			for j, letter := range []string{"A", "B"} {
				got, err := f.GetCellValue("All Kinds", letter+fmt.Sprint(i+2))
				if err != nil {
					rt.Fatal(err)
				}
				want, _ := row[j].(string)
				if got != want {
					rt.Fatalf("row %d: found %q, expected %q", i, got, want)
				}
			}
		}
	})
}

// Empty sheets have their header, a filter and nothing else.
func TestEmptySheets(t *testing.T) {
	var sheets []sheet
	for _, def := range dictionary.Reports() {
		sheets = append(sheets, sheet{def: def})
	}
	b, contents := write(t, Options{Summary: &Summary{Title: "Nothing"}}, sheets...)
	f := open(t, b)
	for i, def := range dictionary.Reports() {
		rows := cells(t, f, def.Title)
		if len(rows) != 1 || len(rows[0]) != len(def.Fields) || contents.Sheets[i].Rows != 0 {
			t.Errorf("%s: %q", def.Title, rows)
		}
	}
}
