package workbook_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/workbook"
)

// TestRows reads the cells of a sheet back, and stops when it is told to.
func TestRows(t *testing.T) {
	def := &dictionary.Table{Name: "t", Title: "T", Fields: []dictionary.Field{
		{Name: "a", Required: true}, {Name: "b"}, {Name: "n", Kind: dictionary.Integer},
	}}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	b := array.NewRecordBuilder(mem, def.Schema())
	defer b.Release()
	for i, text := range []string{"=x & <y>", "", "_x0041_"} {
		b.Field(0).(*array.StringBuilder).Append(text)
		if i == 1 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append("b")
		}
		b.Field(2).(*array.Int64Builder).Append(int64(i) * 1000)
	}
	rec := b.NewRecord()
	defer rec.Release()
	var out bytes.Buffer
	w, err := workbook.New(&out, workbook.Options{Made: time.Unix(0, 0).UTC(), Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	s, err := w.Sheet(def)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	read := func(sheet string, most int) (rows []string, err error) {
		for row, err := range workbook.Rows(bytes.NewReader(out.Bytes()), int64(out.Len()), sheet) {
			if err != nil {
				return rows, err
			}
			rows = append(rows, strings.Join(slices.Clone(row), "|"))
			if len(rows) == most {
				break
			}
		}
		return rows, nil
	}
	want := []string{"=x & <y>|b|0", "||1000", "_x0041_|b|2000"}
	for most := 1; most <= 3; most++ {
		if got, err := read("T", most); err != nil || !slices.Equal(got, want[:most]) {
			t.Errorf("first %d: got %q, %v, want %q", most, got, err, want[:most])
		}
	}
	if _, err := read("U", 9); err == nil || !strings.Contains(err.Error(), "sheet U: there is no such sheet") {
		t.Errorf("a sheet that is not there: %v", err)
	}
}
