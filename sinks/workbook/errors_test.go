package workbook

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
)

// full is a disk with room for so many bytes.
type full struct{ room int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		n := f.room
		f.room = 0
		return n, errFull
	}
	f.room -= len(p)
	return len(p), nil
}

// start begins a workbook with one sheet and a row in it.
func start(t *testing.T, w *Writer, mem memory.Allocator) *Sheet {
	t.Helper()
	s, err := w.Sheet(kinds)
	if err != nil {
		t.Fatal(err)
	}
	rec := record(t, mem, kinds, "*", kindRows...)
	defer rec.Release()
	if err := s.Write(rec); err != nil {
		t.Fatal(err)
	}
	return s
}

// A destination that fails at any byte is an error, and leaves no file behind.
func TestDestinationFails(t *testing.T) {
	b, _ := write(t, Options{Summary: sampleOptions().Summary}, sheet{def: kinds, rows: kindRows})
	for room := 0; room < len(b); room += 397 {
		dir := t.TempDir()
		w, err := New(&full{room}, Options{Scratch: dir, Summary: sampleOptions().Summary})
		if err != nil {
			t.Fatal(err)
		}
		if err := start(t, w, memory.DefaultAllocator).Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); !errors.Is(err, errFull) {
			t.Fatalf("room for %d of %d bytes: %v", room, len(b), err)
		}
		empty(t, dir)
	}
}

// A scratch file that fails is an error of the sheet, and of everything after it.
func TestScratchFails(t *testing.T) {
	if _, err := New(&bytes.Buffer{}, Options{Scratch: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a scratch folder that is not there: %v", err)
	}
	for _, rows := range []sheet{{def: kinds, rows: kindRows}, manyRows()} {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		dir := t.TempDir()
		var out bytes.Buffer
		w, err := New(&out, Options{Scratch: dir})
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.Sheet(kinds)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.spool.file.Close(); err != nil {
			t.Fatal(err)
		}
		rec := record(t, mem, kinds, "*", rows.rows...)
		first := s.Write(rec)
		second := s.Write(rec)
		rec.Release()
		if first == nil {
			first = s.Close()
		}
		if !errors.Is(first, os.ErrClosed) || len(rows.rows) > 1000 && !errors.Is(second, os.ErrClosed) {
			t.Errorf("%d rows: %v, %v", len(rows.rows), first, second)
		}
		if _, err := w.Close(); !errors.Is(err, os.ErrClosed) || out.Len() > 0 {
			t.Errorf("%d rows: close: %v, %d bytes written", len(rows.rows), err, out.Len())
		}
		if _, err := w.Sheet(numbers); err == nil {
			t.Error("a sheet after an error")
		}
		empty(t, dir)
		mem.AssertSize(t, 0)
	}
}

func TestDiscard(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	dir := t.TempDir()
	var out bytes.Buffer
	w, err := New(&out, Options{Scratch: dir})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, w, mem)
	w.Discard()
	w.Discard()
	empty(t, dir)
	rec := record(t, mem, kinds, "", kindRows...)
	defer rec.Release()
	if err := s.Write(rec); err == nil {
		t.Error("a row after Discard")
	}
	if err := s.Close(); err == nil {
		t.Error("closing a sheet after Discard")
	}
	if _, err := w.Sheet(numbers); err == nil {
		t.Error("a sheet after Discard")
	}
	if _, err := w.Close(); err == nil || out.Len() > 0 {
		t.Errorf("closing after Discard: %v, %d bytes", err, out.Len())
	}
}

func TestOrderOfCalls(t *testing.T) {
	dir := t.TempDir()
	newWriter := func() *Writer {
		w, err := New(&bytes.Buffer{}, Options{Scratch: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Discard)
		return w
	}
	w := newWriter()
	if _, err := w.Close(); err == nil || !strings.Contains(err.Error(), "needs a sheet") {
		t.Errorf("no sheet: %v", err)
	}
	w = newWriter()
	start(t, w, memory.DefaultAllocator)
	if _, err := w.Sheet(numbers); err == nil || !strings.Contains(err.Error(), "All Kinds is still open") {
		t.Errorf("a second sheet: %v", err)
	}
	if _, err := w.Close(); err == nil || !strings.Contains(err.Error(), "All Kinds is still open") {
		t.Errorf("an open sheet: %v", err)
	}
	w = newWriter()
	s := start(t, w, memory.DefaultAllocator)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err == nil {
		t.Error("a sheet closed twice")
	}
	rec := record(t, memory.DefaultAllocator, kinds, "", kindRows...)
	defer rec.Release()
	if err := s.Write(rec); err == nil {
		t.Error("a row after the end of the sheet")
	}
	if _, err := w.Close(); err != nil {
		t.Error(err)
	}
	if _, err := w.Close(); !errors.Is(err, errClosed) {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := w.Sheet(&dictionary.Table{Title: "Empty"}); err == nil {
		t.Error("a table without columns")
	}
	empty(t, dir)
}

// Columns of other types or another number are refused, by name.
func TestWrongColumns(t *testing.T) {
	mem := memory.DefaultAllocator
	codes := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	numbered := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.PrimitiveTypes.Int64}
	for i, f := range kinds.Fields {
		for _, wrong := range []arrow.DataType{codes, numbered, arrow.BinaryTypes.Binary, arrow.PrimitiveTypes.Int32, arrow.FixedWidthTypes.Date64,
			arrow.FixedWidthTypes.Timestamp_s, &arrow.TimestampType{Unit: arrow.Microsecond}} {
			w, err := New(&bytes.Buffer{}, Options{Scratch: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			s, err := w.Sheet(kinds)
			if err != nil {
				t.Fatal(err)
			}
			var fields []arrow.Field
			var columns []arrow.Array
			for j, g := range kinds.Fields {
				dataType := g.Kind.ArrowType()
				if i == j {
					dataType = wrong
				}
				fields = append(fields, arrow.Field{Name: g.Name, Type: dataType, Nullable: true})
				columns = append(columns, array.MakeArrayOfNull(mem, dataType, 1))
			}
			rec := array.NewRecord(arrow.NewSchema(fields, nil), columns, 1)
			err = s.Write(rec)
			if err == nil || !strings.Contains(err.Error(), "column "+f.Name+": found "+wrong.String()) {
				t.Errorf("%s as %s: %v", f.Name, wrong, err)
			}
			if again := s.Write(rec); !errors.Is(again, err) {
				t.Errorf("after an error: %v", again)
			}
			w.Discard()
		}
	}
	w, err := New(&bytes.Buffer{}, Options{Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	s, err := w.Sheet(numbers)
	if err != nil {
		t.Fatal(err)
	}
	rec := record(t, mem, kinds, "", kindRows...)
	defer rec.Release()
	if err := s.Write(rec); err == nil || !strings.Contains(err.Error(), "6 columns, expected 1") {
		t.Errorf("too many columns: %v", err)
	}
}

// Slices of records, dictionaries with nulls in them and dictionaries that change from record to record.
func TestArrowCorners(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	def := &dictionary.Table{Title: "Text", Fields: []dictionary.Field{{Name: "A"}}}
	dir := t.TempDir()
	var out bytes.Buffer
	w, err := New(&out, Options{Scratch: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	s, err := w.Sheet(def)
	if err != nil {
		t.Fatal(err)
	}
	coded := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{{Name: "A", Type: coded, Nullable: true}}, nil)
	put := func(values []string, valid []bool, codes []int32, from, to int64) {
		vb, cb := array.NewStringBuilder(mem), array.NewInt32Builder(mem)
		defer vb.Release()
		defer cb.Release()
		vb.AppendValues(values, valid)
		cb.AppendValues(codes, nil)
		v, c := vb.NewArray(), cb.NewArray()
		defer v.Release()
		defer c.Release()
		d := array.NewDictionaryArray(coded, c, v)
		defer d.Release()
		rec := array.NewRecord(schema, []arrow.Array{d}, int64(len(codes)))
		defer rec.Release()
		slice := rec.NewSlice(from, to)
		defer slice.Release()
		if err := s.Write(slice); err != nil {
			t.Fatal(err)
		}
	}
	put([]string{"a", "", "=c"}, []bool{true, false, true}, []int32{2, 1, 0, 0}, 1, 4)
	put([]string{"& first", "second"}, nil, []int32{0, 1}, 0, 2)
	put([]string{"plain", "_x0041_"}, nil, []int32{1, 0}, 0, 2)
	put(nil, nil, nil, 0, 0)
	whole := record(t, mem, def, "", []any{"x"}, []any{nil}, []any{"<y>"}, []any{"z"})
	slice := whole.NewSlice(1, 3)
	if err := s.Write(slice); err != nil {
		t.Fatal(err)
	}
	slice.Release()
	whole.Release()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	contents, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if c := contents.Sheets[0].Columns[0]; c.Cells != 7 || contents.Sheets[0].Rows != 9 {
		t.Errorf("%+v", contents)
	}
	f := open(t, out.Bytes())
	for at, want := range map[string]string{"A2": "", "A3": "a", "A4": "a", "A5": "& first", "A6": "second", "A7": "_x0041_", "A8": "plain", "A9": "", "A10": "<y>"} {
		if got, err := f.GetCellValue("Text", at); got != want || err != nil {
			t.Errorf("%s: found %q, expected %q (%v)", at, got, want, err)
		}
	}
}
