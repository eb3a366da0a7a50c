package parquetfile

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
)

// rows are the rows of a table by column: nil, string, int64 (also days and instants) or bool.
type rows struct {
	table   *dictionary.Table
	columns [][]any
	n       int
}

// kinds is a table with every kind of column, required and optional.
var kinds = &dictionary.Table{
	Name: "kinds", Doc: "Every kind of column.", Role: dictionary.Log, Version: 3,
	Fields: []dictionary.Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "Text."},
		{Name: "name", Doc: "Text or null."},
		{Name: "day", Kind: dictionary.Date, Required: true, Grain: true, Doc: "A day."},
		{Name: "left", Kind: dictionary.Date, Doc: "A day or null."},
		{Name: "active", Kind: dictionary.Boolean, Required: true, Doc: "Yes or no."},
		{Name: "maybe", Kind: dictionary.Boolean, Doc: "Yes, no or null."},
		{Name: "count", Kind: dictionary.Integer, Required: true, Sum: true, Doc: "A number."},
		{Name: "size", Kind: dictionary.Integer, Doc: "A number or null."},
		{Name: "at", Kind: dictionary.Timestamp, Required: true, Doc: "An instant."},
		{Name: "until", Kind: dictionary.Timestamp, Doc: "An instant or null."},
	},
}

// drawRows draws rows of table with columns of very different character: constant, few values, all different, runs.
func drawRows(t *rapid.T, table *dictionary.Table, most int) *rows {
	least := 0
	if most > pageRows { // small numbers are drawn most: insist on several pages
		least = pageRows + 1
	}
	r := &rows{table: table, n: rapid.IntRange(least, most).Draw(t, "rows")}
	for _, f := range table.Fields {
		values := drawValues(t, f, r.n)
		r.columns = append(r.columns, values)
	}
	return r
}

func drawValues(t *rapid.T, f dictionary.Field, n int) []any {
	distinct := rapid.SampledFrom([]int{1, 2, 3, 7, 100, 70_000}).Draw(t, f.Name+" distinct")
	longestRun := rapid.SampledFrom([]int{1, 1, 3, 30, 3000}).Draw(t, f.Name+" runs")
	nulls := 0
	if !f.Required {
		nulls = rapid.SampledFrom([]int{0, 5, 50, 95, 100}).Draw(t, f.Name+" nulls")
	}
	spread := rapid.SampledFrom([]int64{1, 1, 1_000_003, 1 << 44}).Draw(t, f.Name+" spread")
	if f.Sum {
		spread = min(spread, 1_000_003)
	}
	prefix := rapid.SampledFrom([]string{"", "user-", "Zoë ", "a very long beginning of a name "}).Draw(t, f.Name+" prefix")
	random := newRandom(rapid.Uint64().Draw(t, f.Name+" seed"))
	values := make([]any, 0, n)
	for len(values) < n {
		run := 1 + random.below(longestRun)
		v := any(nil)
		if random.below(100) >= nulls {
			v = valueOf(f.Kind, random.below(distinct), spread, prefix)
		}
		for range min(run, n-len(values)) {
			values = append(values, v)
		}
	}
	return values
}

func valueOf(k dictionary.Kind, i int, spread int64, prefix string) any {
	switch k {
	case dictionary.Boolean:
		return i%2 == 1
	case dictionary.Date:
		return int64(i - 500)
	case dictionary.Integer, dictionary.Timestamp:
		return (int64(i) - 2) * spread
	default:
		if i == 0 {
			return ""
		}
		return fmt.Sprintf("%s%x", prefix, i*i)
	}
}

// random is a small generator, so that a seed makes the same rows everywhere.
type random uint64

func newRandom(seed uint64) *random { r := random(seed | 1); return &r }

func (r *random) below(n int) int {
	*r ^= *r << 13
	*r ^= *r >> 7
	*r ^= *r << 17
	return int(uint64(*r) >> 11 % uint64(n))
}

// cut says how rows become records.
type cut struct {
	lengths  []int // of records, used again and again
	encoding []int // of text columns, by record and column: see textColumn
	indexes  []arrow.DataType
}

var indexTypes = []arrow.DataType{
	arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint64,
}

func drawCut(t *rapid.T, label string) cut {
	return cut{
		lengths:  rapid.SliceOfN(rapid.OneOf(rapid.IntRange(1, 50), rapid.IntRange(1, 9000)), 1, 4).Draw(t, label+" lengths"),
		encoding: rapid.SliceOfN(rapid.IntRange(0, 4), 1, 7).Draw(t, label+" encodings"),
		indexes:  rapid.SliceOfN(rapid.SampledFrom(indexTypes), 1, 3).Draw(t, label+" indexes"),
	}
}

// records cuts rows into records, which the caller releases.
func (r *rows) records(mem memory.Allocator, c cut) []arrow.Record {
	shared := make([]*array.String, len(r.table.Fields))
	defer func() {
		for _, s := range shared {
			if s != nil {
				s.Release()
			}
		}
	}()
	var out []arrow.Record
	k := 0
	for from := 0; from < r.n; {
		to := min(r.n, from+c.lengths[len(out)%len(c.lengths)])
		cols := make([]arrow.Array, len(r.table.Fields))
		fields := make([]arrow.Field, len(cols))
		for i, f := range r.table.Fields {
			switch {
			case f.Kind == dictionary.String:
				how := c.encoding[k%len(c.encoding)]
				cols[i] = r.textColumn(mem, i, from, to, how, c.indexes[k%len(c.indexes)], shared)
				k++
			default:
				cols[i] = arrayOf(mem, f.Kind, r.columns[i][from:to])
			}
			fields[i] = arrow.Field{Name: f.Name, Type: cols[i].DataType(), Nullable: true}
		}
		out = append(out, array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(to-from)))
		for _, col := range cols {
			col.Release()
		}
		from = to
	}
	return out
}

// textColumn builds a text column in one of the ways that text arrives: 0 plain, 1 by code with a dictionary of its
// own, 2 with a dictionary shared by all records, 3 with a dictionary that holds null and values twice, 4 as a slice of a
// longer array.
func (r *rows) textColumn(mem memory.Allocator, i, from, to, how int, index arrow.DataType, shared []*array.String) arrow.Array {
	values := r.columns[i][from:to]
	switch how {
	case 0:
		return arrayOf(mem, dictionary.String, values)
	case 2:
		if shared[i] == nil {
			shared[i] = arrayOf(mem, dictionary.String, uniques(r.columns[i], nil)).(*array.String)
		}
		return byCode(mem, values, shared[i], index, false)
	case 4:
		from0, to0 := max(0, from-5), min(r.n, to+3)
		longer := r.textColumn(mem, i, from0, to0, 1, index, shared)
		defer longer.Release()
		return array.NewSlice(longer, int64(from-from0), int64(to-from0))
	default:
		dict := uniques(values, nil)
		if how == 3 {
			dict = append(append([]any{nil, "never used"}, dict...), dict...)
		}
		a := arrayOf(mem, dictionary.String, dict).(*array.String)
		defer a.Release()
		return byCode(mem, values, a, index, how == 3)
	}
}

func uniques(values []any, out []any) []any {
	seen := make(map[any]bool)
	for _, v := range values {
		if v != nil && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// byCode builds a dictionary array. With nullByCode some nulls are codes of the dictionary's null and values take turns
// in which of their codes they use.
func byCode(mem memory.Allocator, values []any, dict *array.String, index arrow.DataType, nullByCode bool) arrow.Array {
	codes := make(map[string][]int)
	null := -1
	for i := range dict.Len() {
		if dict.IsNull(i) {
			null = i
			continue
		}
		codes[dict.Value(i)] = append(codes[dict.Value(i)], i)
	}
	b := array.NewBuilder(mem, index)
	defer b.Release()
	for i, v := range values {
		var code int
		switch {
		case v != nil:
			all := codes[v.(string)]
			code = all[i%len(all)]
		case nullByCode && i%2 == 0:
			code = null
		default:
			b.AppendNull()
			continue
		}
		if err := b.AppendValueFromString(fmt.Sprint(code)); err != nil {
			panic(err)
		}
	}
	indexes := b.NewArray()
	defer indexes.Release()
	return array.NewDictionaryArray(&arrow.DictionaryType{IndexType: index, ValueType: arrow.BinaryTypes.String}, indexes, dict)
}

func arrayOf(mem memory.Allocator, k dictionary.Kind, values []any) arrow.Array {
	b := array.NewBuilder(mem, k.ArrowType())
	defer b.Release()
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			b.AppendNull()
		case string:
			b.(*array.StringBuilder).Append(v)
		case bool:
			b.(*array.BooleanBuilder).Append(v)
		case int64:
			switch b := b.(type) {
			case *array.Date32Builder:
				b.Append(arrow.Date32(v))
			case *array.Int64Builder:
				b.Append(v)
			case *array.TimestampBuilder:
				b.Append(arrow.Timestamp(v))
			}
		}
	}
	return b.NewArray()
}

// failer is what a test and a property have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// file writes rows and returns the bytes of the file.
func (r *rows) file(t failer, mem memory.Allocator, c cut, o Options) ([]byte, Summary) {
	t.Helper()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, r.table, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range r.records(mem, c) {
		err := w.Write(rec)
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
	}
	summary, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), summary
}
