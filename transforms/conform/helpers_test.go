package conform

import (
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
)

// table has a field of every kind, never null and nullable.
var table = &dictionary.Table{
	Name: "things", Role: dictionary.Event, Version: 1,
	Fields: []dictionary.Field{
		{Name: "id", Required: true},
		{Name: "at", Kind: dictionary.Timestamp, Required: true},
		{Name: "name"},
		{Name: "ok", Kind: dictionary.Boolean},
		{Name: "events", Kind: dictionary.Integer, Sum: true},
		{Name: "size", Kind: dictionary.Integer},
		{Name: "seen", Kind: dictionary.Timestamp},
		{Name: "day", Kind: dictionary.Date},
	},
}

// one is a table of one field.
func one(f dictionary.Field) *dictionary.Table {
	return &dictionary.Table{Name: "things", Role: dictionary.Event, Version: 1, Fields: []dictionary.Field{f}}
}

func checked(tb testing.TB) memory.Allocator {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	tb.Cleanup(func() { mem.AssertSize(tb, 0) })
	return mem
}

func conformer(tb testing.TB, o Options) *Conformer {
	tb.Helper()
	c, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// fromJSON returns an array from JSON text.
func fromJSON(tb testing.TB, mem memory.Allocator, t arrow.DataType, text string) arrow.Array {
	tb.Helper()
	a, _, err := array.FromJSON(mem, t, strings.NewReader(text), array.WithUseNumber())
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// coded returns a dictionary array; a negative code is null.
func coded(mem memory.Allocator, values arrow.Array, codes ...int32) arrow.Array {
	b := array.NewInt32Builder(mem)
	defer b.Release()
	for _, c := range codes {
		if c < 0 {
			b.AppendNull()
		} else {
			b.Append(c)
		}
	}
	indexes := b.NewInt32Array()
	defer indexes.Release()
	return array.NewDictionaryArray(codedText, indexes, values)
}

// record takes over the arrays; names and arrays take turns.
func record(namesAndArrays ...any) arrow.Record {
	var fields []arrow.Field
	var arrays []arrow.Array
	for i := 0; i < len(namesAndArrays); i += 2 {
		a := namesAndArrays[i+1].(arrow.Array)
		arrays = append(arrays, a)
		fields = append(fields, arrow.Field{Name: namesAndArrays[i].(string), Type: a.DataType(), Nullable: true})
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), arrays, int64(arrays[0].Len()))
	for _, a := range arrays {
		a.Release()
	}
	return rec
}

// values returns a column as text, null as "null".
func values(a arrow.Array) []string {
	out := make([]string, a.Len())
	for i := range out {
		out[i] = a.ValueStr(i)
		if a.IsNull(i) {
			out[i] = "null"
		} else if instants, ok := a.(*array.Timestamp); ok {
			out[i] = time.UnixMicro(int64(instants.Value(i))).UTC().Format(time.RFC3339Nano)
		}
	}
	return out
}

const (
	str  = dictionary.String
	ts   = dictionary.Timestamp
	boo  = dictionary.Boolean
	inte = dictionary.Integer
)
