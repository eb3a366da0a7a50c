package workbook

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/xuri/excelize/v2"

	"github.com/usagereport/usagereport/dictionary"
)

// kinds has a column of every kind, and text by code.
var kinds = &dictionary.Table{Name: "kinds", Title: "All Kinds", Fields: []dictionary.Field{
	{Name: "Text"}, {Name: "Code"}, {Name: "Day", Kind: dictionary.Date}, {Name: "Yes", Kind: dictionary.Boolean},
	{Name: "Count & <Sum>", Kind: dictionary.Integer}, {Name: "Time", Kind: dictionary.Timestamp},
}}

// record makes a record of a table from rows of Go values: string, int64, bool, time.Time for dates and timestamps,
// nil for null. The columns named are dictionary-encoded, in the order in which values first appear.
func record(t testing.TB, mem memory.Allocator, def *dictionary.Table, coded string, rows ...[]any) arrow.Record {
	t.Helper()
	fields := make([]arrow.Field, len(def.Fields))
	for i, f := range def.Fields {
		fields[i] = arrow.Field{Name: f.Name, Type: f.Kind.ArrowType(), Nullable: true}
		if f.Kind == dictionary.String && (coded == "*" || strings.Contains(coded, f.Name)) {
			fields[i].Type = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
		}
	}
	b := array.NewRecordBuilder(mem, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, row := range rows {
		for i, v := range row {
			switch c := b.Field(i).(type) {
			case *array.StringBuilder:
				if v == nil {
					c.AppendNull()
				} else {
					c.Append(v.(string))
				}
			case *array.BinaryDictionaryBuilder:
				if v == nil {
					c.AppendNull()
				} else if err := c.AppendString(v.(string)); err != nil {
					t.Fatal(err)
				}
			case *array.Date32Builder:
				if v == nil {
					c.AppendNull()
				} else {
					c.Append(arrow.Date32(floorDiv(v.(time.Time).Unix(), daySeconds)))
				}
			case *array.BooleanBuilder:
				if v == nil {
					c.AppendNull()
				} else {
					c.Append(v.(bool))
				}
			case *array.Int64Builder:
				if v == nil {
					c.AppendNull()
				} else {
					c.Append(v.(int64))
				}
			case *array.TimestampBuilder:
				if v == nil {
					c.AppendNull()
				} else {
					c.Append(arrow.Timestamp(v.(time.Time).UnixMicro()))
				}
			default:
				t.Fatalf("no values for %T", c)
			}
		}
	}
	return b.NewRecord()
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// sheet is what a test puts into a sheet.
type sheet struct {
	def   *dictionary.Table
	coded string
	rows  [][]any
	cut   []int // rows of the records, the last again and again
}

// write writes a workbook in a folder of its own, which must be empty afterwards, and returns its bytes and contents.
// What is read back must equal what was written.
func write(t testing.TB, o Options, sheets ...sheet) ([]byte, *Contents) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	o.Scratch = t.TempDir()
	var b bytes.Buffer
	w, err := New(&b, o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	for _, x := range sheets {
		s, err := w.Sheet(x.def)
		if err != nil {
			t.Fatal(err)
		}
		for from, n := 0, 0; from < len(x.rows); n++ {
			to := len(x.rows)
			if len(x.cut) > 0 {
				to = min(to, from+x.cut[min(n, len(x.cut)-1)])
			}
			rec := record(t, mem, x.def, x.coded, x.rows[from:to]...)
			err := s.Write(rec)
			rec.Release()
			if err != nil {
				t.Fatal(err)
			}
			from = to
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	written, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	empty(t, o.Scratch)
	if tt, ok := t.(*testing.T); ok {
		mem.AssertSize(tt, 0)
	}
	read, err := Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if d := read.Diff(written); d != "" {
		t.Fatalf("read is not what was written: %s", d)
	}
	return b.Bytes(), written
}

func empty(t testing.TB, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
}

// open opens a workbook with excelize.
func open(t testing.TB, b []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// cells returns all cells of a sheet as excelize shows them, with T, N or B in front for text, number and boolean.
func cells(t testing.TB, f *excelize.File, name string) [][]string {
	t.Helper()
	rows, err := f.GetRows(name)
	if err != nil {
		t.Fatal(err)
	}
	for r, row := range rows {
		for c := range row {
			at, err := excelize.CoordinatesToCellName(c+1, r+1)
			if err != nil {
				t.Fatal(err)
			}
			kind, err := f.GetCellType(name, at)
			if err != nil {
				t.Fatal(err)
			}
			if row[c] == "" {
				continue
			}
			tag := map[excelize.CellType]string{excelize.CellTypeInlineString: "T ", excelize.CellTypeBool: "B ", excelize.CellTypeUnset: "N ", excelize.CellTypeNumber: "N "}[kind]
			if tag == "" {
				tag = fmt.Sprint(kind) + " "
			}
			row[c] = tag + row[c]
		}
	}
	return rows
}
