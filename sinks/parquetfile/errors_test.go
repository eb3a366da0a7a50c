package parquetfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
)

// small is a table for records made by hand.
var small = &dictionary.Table{Name: "small", Role: dictionary.Log, Fields: []dictionary.Field{
	{Name: "id", Required: true, Grain: true, Doc: "Text."},
	{Name: "n", Kind: dictionary.Integer, Sum: true, Doc: "A number."},
}}

func smallRecord(mem memory.Allocator, names []string, columns ...arrow.Array) arrow.Record {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: names[i], Type: c.DataType(), Nullable: true}
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), columns, int64(columns[0].Len()))
	for _, c := range columns {
		c.Release()
	}
	return rec
}

func TestWriteRefuses(t *testing.T) {
	names := []string{"id", "n"}
	const text, number = dictionary.String, dictionary.Integer
	for name, c := range map[string]struct {
		record func(mem memory.Allocator) arrow.Record
		want   string
	}{
		"too few columns": {func(mem memory.Allocator) arrow.Record {
			return smallRecord(mem, names, arrayOf(mem, text, []any{"a"}))
		}, "the record has 1 columns, the table 2: hand over its fields in order"},
		"other order": {func(mem memory.Allocator) arrow.Record {
			return smallRecord(mem, []string{"n", "id"}, arrayOf(mem, number, []any{int64(1)}), arrayOf(mem, text, []any{"a"}))
		}, `column 1 of the record is "n", of the table "id": hand over its fields in order`},
		"other type": {func(mem memory.Allocator) arrow.Record {
			return smallRecord(mem, names, arrayOf(mem, text, []any{"a"}), arrayOf(mem, dictionary.Timestamp, []any{int64(1)}))
		}, "column n is timestamp[us, tz=UTC], expected int64"},
		"no text": {func(mem memory.Allocator) arrow.Record {
			return smallRecord(mem, names, arrayOf(mem, number, []any{int64(1)}), arrayOf(mem, number, []any{int64(1)}))
		}, "column id is int64, expected utf8 or a dictionary of it"},
		"null": {func(mem memory.Allocator) arrow.Record {
			return smallRecord(mem, names, arrayOf(mem, text, []any{"a", nil}), arrayOf(mem, number, []any{int64(1), nil}))
		}, "column id is null in row 5 of the file, counted from 1: it must have a value"},
		"null by code": {func(mem memory.Allocator) arrow.Record {
			dict := arrayOf(mem, text, []any{"a", nil}).(*array.String)
			defer dict.Release()
			return smallRecord(mem, names, byCode(mem, []any{"a", "a", nil}, dict, indexTypes[0], true), arrayOf(mem, number, []any{nil, nil, nil}))
		}, "column id is null in row 6 of the file, counted from 1: it must have a value"},
		"not UTF-8": {func(mem memory.Allocator) arrow.Record {
			return smallRecord(mem, names, arrayOf(mem, text, []any{"a\xc3"}), arrayOf(mem, number, []any{int64(1)}))
		}, `column id, row group 0: "a\xc3" is not UTF-8`},
		"not UTF-8, by code": {func(mem memory.Allocator) arrow.Record {
			dict := arrayOf(mem, text, []any{"a\xc3", "\xa9"}).(*array.String) // which is UTF-8 when put together
			defer dict.Release()
			return smallRecord(mem, names, byCode(mem, []any{"\xa9"}, dict, indexTypes[0], false), arrayOf(mem, number, []any{int64(1)}))
		}, `column id, row group 0: "\xa9" is not UTF-8`},
		"no such code": {func(mem memory.Allocator) arrow.Record {
			dict := arrayOf(mem, text, []any{"a"}).(*array.String)
			defer dict.Release()
			b := array.NewInt64Builder(mem)
			defer b.Release()
			b.Append(1 << 32)
			codes := b.NewArray()
			defer codes.Release()
			return smallRecord(mem, names, array.NewDictionaryArray(&arrow.DictionaryType{
				IndexType: arrow.PrimitiveTypes.Int64, ValueType: arrow.BinaryTypes.String,
			}, codes, dict), arrayOf(mem, number, []any{int64(1)}))
		}, "column id, row group 0: code -1 in a dictionary of 1 values"},
		"sum": {func(mem memory.Allocator) arrow.Record {
			return smallRecord(mem, names, arrayOf(mem, text, []any{"a", "b"}), arrayOf(mem, number, []any{int64(1), int64(1<<63 - 1)}))
		}, "column n, row group 0: the sum of the values does not fit 64 bits"},
	} {
		t.Run(name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
			defer mem.AssertSize(t, 0)
			w, err := NewWriter(io.Discard, small, Options{RowGroupRows: 1000})
			if err != nil {
				t.Fatal(err)
			}
			good := smallRecord(mem, names, arrayOf(mem, text, []any{"x", "y", "z"}), arrayOf(mem, number, []any{int64(1), nil, int64(3)}))
			if err := w.Write(good); err != nil {
				t.Fatal(err)
			}
			good.Release()
			bad := c.record(mem)
			err = w.Write(bad)
			bad.Release()
			if err == nil {
				err = w.Flush()
			}
			if err == nil || !strings.HasPrefix(err.Error(), "writing table small: ") || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("error is %v, expected %q", err, c.want)
			}
			if again := w.Flush(); !errors.Is(again, err) {
				t.Errorf("after the failure Flush returns %v", again)
			}
			if _, again := w.Close(); !errors.Is(again, err) {
				t.Errorf("after the failure Close returns %v", again)
			}
		})
	}
}

// failing fails after some bytes.
type failing struct{ left int }

var errFull = errors.New("no space left")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return max(0, len(p)+f.left), errFull
	}
	return len(p), nil
}

// A sink that fails, wherever it does, fails the file.
func TestSinkFails(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	rec := smallRecord(mem, []string{"id", "n"}, arrayOf(mem, dictionary.String, []any{"x", "y"}), arrayOf(mem, dictionary.Integer, []any{int64(1), nil}))
	defer rec.Release()
	write := func(out io.Writer) error {
		w, err := NewWriter(out, small, Options{RowGroupRows: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Discard()
		if err := w.Write(rec); err != nil {
			return err
		}
		_, err = w.Close()
		return err
	}
	var whole bytes.Buffer
	if err := write(&whole); err != nil {
		t.Fatal(err)
	}
	for n := range whole.Len() {
		if err := write(&failing{left: n}); !errors.Is(err, errFull) {
			t.Fatalf("a sink that takes %d of %d bytes: error %v", n, whole.Len(), err)
		}
	}
}

// A writer that is given up, or used after its end, neither leaks nor writes.
func TestDiscard(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	rec := smallRecord(mem, []string{"id", "n"}, arrayOf(mem, dictionary.String, []any{"x"}), arrayOf(mem, dictionary.Integer, []any{nil}))
	defer rec.Release()
	var out bytes.Buffer
	w, err := NewWriter(&out, small, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	w.Discard()
	_, closing := w.Close()
	for _, err := range []error{w.Write(rec), w.Flush(), closing} {
		if err == nil || !strings.Contains(err.Error(), "the writer is closed") {
			t.Errorf("after Discard: %v", err)
		}
	}
	if out.Len() > 0 {
		t.Errorf("%d bytes were written", out.Len())
	}
	if _, err := NewWriter(&out, small, Options{RowGroupRows: -1}); err == nil {
		t.Error("a negative RowGroupRows passes")
	}
}

// Columns may share a dictionary, or be the same array.
func TestSharedDictionary(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	table := &dictionary.Table{Name: "shared", Fields: []dictionary.Field{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	values := []any{"x", nil, "y", "x"}
	whole := arrayOf(mem, dictionary.String, []any{"w", "x", "y", nil, "z"}).(*array.String)
	defer whole.Release()
	part := array.NewSlice(whole, 1, 4).(*array.String) // which does not know yet how many nulls it has
	defer part.Release()
	same := byCode(mem, values, part, indexTypes[0], true)
	same.Retain()
	rec := smallRecord(mem, []string{"a", "b", "c"}, same, byCode(mem, values, part, indexTypes[1], true), same)
	var out bytes.Buffer
	w, err := NewWriter(&out, table, Options{Concurrency: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	rec.Release()
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	checkValues(t, &rows{table: table, n: 4, columns: [][]any{values, values, values}}, out.Bytes())
}

// Columns that outgrow dictionaries and pages.
func TestLargeText(t *testing.T) {
	const n = 50_000
	r := &rows{table: small, n: n, columns: make([][]any, 2)}
	long := strings.Repeat("long ", 100)
	for i := range n {
		value := fmt.Sprint(long, i*7919%n) // all different: 25 MB
		if i > n/2 && i%2 == 0 {
			value = fmt.Sprint(long, 1)
		}
		r.columns[0] = append(r.columns[0], value)
		r.columns[1] = append(r.columns[1], any(int64(i)*1_000_003))
	}
	file, summary := r.file(t, memory.DefaultAllocator, cut{lengths: []int{7000}, encoding: []int{2}, indexes: indexTypes[:1]}, Options{})
	checkValues(t, r, file)
	checkSummary(t, r, summary, len(file))
	f, err := Open(bytes.NewReader(file), int64(len(file)), small)
	if err != nil {
		t.Fatal(err)
	}
	m := f.meta.RowGroups[0].Columns[0].MetaData
	if m.DictionaryPageOffset != 0 {
		t.Errorf("text of %d bytes in %d bytes of dictionary", m.SizeStatistics.UnencodedByteArrayDataBytes, m.DataPageOffset-m.DictionaryPageOffset)
	}
	_, offsets := f.pageIndexes(0, 0)
	for i, bytes := range offsets.UnencodedByteArrayDataBytes {
		if bytes > maxPlainPage {
			t.Errorf("page %d has %d bytes of text", i, bytes)
		}
	}
	got := 0
	for rec, err := range f.Scan(memory.DefaultAllocator) {
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range goValues(rec.Column(0)) {
			if v != r.columns[0][got+i] {
				t.Fatalf("row %d reads differently", got+i)
			}
		}
		got += int(rec.NumRows())
		rec.Release()
	}
	if got != n {
		t.Errorf("scanned %d rows", got)
	}
}
