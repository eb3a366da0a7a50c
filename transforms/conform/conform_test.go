package conform

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

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
		defer a.Release()
		arrays = append(arrays, a)
		fields = append(fields, arrow.Field{Name: namesAndArrays[i].(string), Type: a.DataType(), Nullable: true})
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), arrays, int64(arrays[0].Len()))
}

// values returns a column as text, null as "null".
func values(a arrow.Array) []string {
	out := make([]string, a.Len())
	for i := range out {
		switch a := a.(type) {
		case *array.Timestamp:
			if a.IsValid(i) {
				out[i] = time.UnixMicro(int64(a.Value(i))).UTC().Format(time.RFC3339Nano)
				continue
			}
		}
		out[i] = a.ValueStr(i)
		if a.IsNull(i) {
			out[i] = "null"
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

func TestColumns(t *testing.T) {
	second, nano := arrow.Second, arrow.Nanosecond
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		field    dictionary.Field
		options  Options
		in       arrow.DataType
		json     string
		want     string   // the rows kept
		rejected []string // row: value: reason
	}{
		{name: "text", in: arrow.BinaryTypes.String, json: `["a","","é",null]`, want: "a||é|null"},
		{name: "text never null", field: dictionary.Field{Required: true}, in: arrow.BinaryTypes.String, json: `["a","",null,"b"]`, want: "a|b",
			rejected: []string{"1::" + emptyText, "2::null in a column that is never null"}},
		{name: "text from bytes", in: arrow.BinaryTypes.Binary, json: `["YQ==","/w==",null,"w6k="]`, want: "a|null|é", rejected: []string{`1:\xff:` + notText}},
		{name: "text from int64", in: arrow.PrimitiveTypes.Int64, json: `[1,-9223372036854775808,null]`, want: "1|-9223372036854775808|null"},
		{name: "text from uint64", in: arrow.PrimitiveTypes.Uint64, json: `[18446744073709551615]`, want: "18446744073709551615"},
		{name: "text from int8", in: arrow.PrimitiveTypes.Int8, json: `[-5,7]`, want: "-5|7"},
		{name: "text from bool", in: arrow.FixedWidthTypes.Boolean, json: `[true,false,null]`, want: "true|false|null"},
		{name: "text mapped", options: Options{Mappings: map[string]map[string]string{"x": {"a": "Alpha", "": "none", "Alpha": "no"}}},
			in: arrow.BinaryTypes.String, json: `["a","b","",null,"A"]`, want: "Alpha|b|none|null|A"},
		{name: "mapped away", field: dictionary.Field{Required: true}, options: Options{Mappings: map[string]map[string]string{"x": {"a": "", "": "e"}}},
			in: arrow.BinaryTypes.String, json: `["a","b",""]`, want: "b|e", rejected: []string{"0:a:" + emptyText}},
		{name: "number mapped", field: dictionary.Field{Required: true}, options: Options{Mappings: map[string]map[string]string{"x": {"1": "one", "3": ""}}},
			in: arrow.PrimitiveTypes.Int16, json: `[1,2,3]`, want: "one|2", rejected: []string{"2:3:" + emptyText}},

		{name: "instant µs", field: dictionary.Field{Kind: ts}, in: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "Europe/Berlin"},
			json: `["2026-11-21T10:15:00.000001",null]`, want: "2026-11-21T10:15:00.000001Z|null"},
		{name: "instant s", field: dictionary.Field{Kind: ts}, in: arrow.FixedWidthTypes.Timestamp_s, json: `[-1,0,null,253402300799,253402300800]`,
			want: "1969-12-31T23:59:59Z|1970-01-01T00:00:00Z|null|9999-12-31T23:59:59Z", rejected: []string{"4:*:" + notInRange}},
		{name: "instant ms", field: dictionary.Field{Kind: ts}, in: arrow.FixedWidthTypes.Timestamp_ms, json: `[-1,9223372036854775807]`,
			want: "1969-12-31T23:59:59.999Z", rejected: []string{"1:*:" + notInRange}},
		{name: "instant ns is floored", field: dictionary.Field{Kind: ts}, in: arrow.FixedWidthTypes.Timestamp_ns, json: `[-1,-1000,-1001,999,1000,-9223372036854775808]`,
			want: "1969-12-31T23:59:59.999999Z|1969-12-31T23:59:59.999999Z|1969-12-31T23:59:59.999998Z|1970-01-01T00:00:00Z|1970-01-01T00:00:00.000001Z|1677-09-21T00:12:43.145224Z"},
		{name: "civil time", field: dictionary.Field{Kind: ts}, options: Options{Zone: newYork}, in: &arrow.TimestampType{Unit: arrow.Millisecond},
			json: `["2026-07-01T12:00:00","2026-03-08T02:30:00",null]`, want: "2026-07-01T16:00:00Z|2026-03-08T07:30:00Z|null"},
		{name: "civil time in UTC", field: dictionary.Field{Kind: ts}, in: &arrow.TimestampType{Unit: arrow.Microsecond},
			json: `["2026-07-01T12:00:00",null]`, want: "2026-07-01T12:00:00Z|null"},
		{name: "date32", field: dictionary.Field{Kind: ts}, options: Options{Zone: newYork}, in: arrow.FixedWidthTypes.Date32,
			json: `["2026-07-01",null]`, want: "2026-07-01T04:00:00Z|null"},
		{name: "µs out of range", field: dictionary.Field{Kind: ts}, in: arrow.FixedWidthTypes.Timestamp_us, json: `[0,253402300800000000,-62135596800000001,-62135596800000000]`,
			want: "1970-01-01T00:00:00Z|0001-01-01T00:00:00Z", rejected: []string{"1:*:" + notInRange, "2:*:" + notInRange}},
		{name: "civil time out of range", field: dictionary.Field{Kind: ts}, options: Options{Zone: newYork}, in: &arrow.TimestampType{Unit: arrow.Second}, json: `[253402300799]`,
			want: "", rejected: []string{"0:*:" + notInRange}},
		{name: "timestamp text", field: dictionary.Field{Kind: ts}, options: Options{Zone: newYork}, in: arrow.BinaryTypes.String,
			json: `["2026-11-21T02:30:00Z","2026-11-21 02:30:00","1763692200","2026-13-01",""]`, want: "2026-11-21T02:30:00Z|2026-11-21T07:30:00Z",
			rejected: []string{"2:1763692200:" + bareInteger, "3:2026-13-01:" + notTimestamp, "4::" + notTimestamp}},
		{name: "epoch s", field: dictionary.Field{Kind: ts}, options: Options{EpochUnit: &second}, in: arrow.PrimitiveTypes.Int32, json: `[1763692200,-1,null]`,
			want: "2025-11-21T02:30:00Z|1969-12-31T23:59:59Z|null"},
		{name: "epoch ns", field: dictionary.Field{Kind: ts}, options: Options{EpochUnit: &nano}, in: arrow.PrimitiveTypes.Uint64, json: `[1763692200000000999,18446744073709551615]`,
			want: "2025-11-21T02:30:00Z", rejected: []string{"1:*:" + notInRange}},
		{name: "epoch text", field: dictionary.Field{Kind: ts}, options: Options{EpochUnit: &second}, in: arrow.BinaryTypes.String, json: `["1763692200","-1","99999999999999999999","999999999999"]`,
			want: "2025-11-21T02:30:00Z|1969-12-31T23:59:59Z", rejected: []string{"2:99999999999999999999:" + notInRange, "3:999999999999:" + notInRange}},

		{name: "bool", field: dictionary.Field{Kind: boo}, in: arrow.FixedWidthTypes.Boolean, json: `[true,null,false]`, want: "true|null|false"},
		{name: "bool from int", field: dictionary.Field{Kind: boo}, in: arrow.PrimitiveTypes.Int64, json: `[1,0,null,2,-1]`, want: "true|false|null", rejected: []string{"3:2:" + notBoolean, "4:-1:" + notBoolean}},
		{name: "bool from uint64", field: dictionary.Field{Kind: boo}, in: arrow.PrimitiveTypes.Uint64, json: `[1,0,18446744073709551615]`, want: "true|false", rejected: []string{"2:*:" + notBoolean}},
		{name: "bool from text", field: dictionary.Field{Kind: boo}, in: arrow.BinaryTypes.String, json: `["1","0","true","FALSE","True",null,"yes","t",""]`,
			want: "true|false|true|false|true|null", rejected: []string{"6:yes:" + notBoolean, "7:t:" + notBoolean, "8::" + notBoolean}},

		{name: "integer", field: dictionary.Field{Kind: inte}, in: arrow.PrimitiveTypes.Int64, json: `[0,-5,null]`, want: "0|-5|null"},
		{name: "integer from uint32", field: dictionary.Field{Kind: inte}, in: arrow.PrimitiveTypes.Uint32, json: `[4294967295]`, want: "4294967295"},
		{name: "integer from uint64", field: dictionary.Field{Kind: inte}, in: arrow.PrimitiveTypes.Uint64, json: `[9223372036854775807,9223372036854775808,null]`,
			want: "9223372036854775807|null", rejected: []string{"1:*:" + notInteger}},
		{name: "integer from float64", field: dictionary.Field{Kind: inte}, in: arrow.PrimitiveTypes.Float64, json: `[3,-2,null,2.5,1e300]`, want: "3|-2|null",
			rejected: []string{"3:2.5:" + notInteger, "4:*:" + notInteger}},
		{name: "integer from float32", field: dictionary.Field{Kind: inte}, in: arrow.PrimitiveTypes.Float32, json: `[3,0.5]`, want: "3", rejected: []string{"1:0.5:" + notInteger}},
		{name: "integer from text", field: dictionary.Field{Kind: inte}, in: arrow.BinaryTypes.String, json: `["12","-3","+4","5.00","5.","5.01",".0","","9223372036854775808"," 1",null]`, want: "12|-3|4|5|null",
			rejected: []string{"4:5.:" + notInteger, "5:5.01:" + notInteger, "6:.0:" + notInteger, "7::" + notInteger, "8:9223372036854775808:" + notInteger, "9: 1:" + notInteger}},
		{name: "events", field: dictionary.Field{Kind: inte, Sum: true}, in: arrow.PrimitiveTypes.Int32, json: `[1,0,null,-1,7]`, want: "1|null|7",
			rejected: []string{"1:0:" + notPlural, "3:-1:" + notPlural}},

		{name: "date", field: dictionary.Field{Kind: dictionary.Date}, in: arrow.FixedWidthTypes.Date32, json: `["2024-02-29",null]`, want: "2024-02-29|null"},
		{name: "date text", field: dictionary.Field{Kind: dictionary.Date}, in: arrow.BinaryTypes.String, json: `["2024-02-29","2023-02-29",null]`, want: "2024-02-29|null", rejected: []string{"1:2023-02-29:" + notDate}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			mem := checked(t)
			c.field.Name = "x"
			c.options.Table, c.options.Allocator = one(c.field), mem
			cf := conformer(t, c.options)
			whole := fromJSON(t, mem, c.in, c.json)
			check(t, cf, whole, c.want, c.rejected)
			// The same after two other rows, so that offsets are not zero.
			two := array.MakeArrayOfNull(mem, c.in, 2)
			joined, err := array.Concatenate([]arrow.Array{two, whole}, mem)
			if err != nil {
				t.Fatal(err)
			}
			check(t, cf, array.NewSlice(joined, 2, int64(joined.Len())), c.want, c.rejected)
			two.Release()
			joined.Release()
			if c.in.ID() == arrow.STRING {
				check(t, cf, shuffled(mem, whole.(*array.String)), c.want, c.rejected)
			}
			whole.Release()
		})
	}
}

// shuffled returns the same values by code, the dictionary in another order and with a value that no row uses.
func shuffled(mem memory.Allocator, a *array.String) arrow.Array {
	b := array.NewStringBuilder(mem)
	defer b.Release()
	b.AppendValues([]string{"\xff unused"}, nil)
	codes := make([]int32, a.Len())
	for i := a.Len() - 1; i >= 0; i-- {
		if codes[i] = -1; a.IsValid(i) {
			codes[i] = int32(b.Len())
			b.Append(a.Value(i))
		}
	}
	dict := b.NewStringArray()
	defer dict.Release()
	return coded(mem, dict, codes...)
}

// check conforms a column named x and compares.
func check(t *testing.T, c *Conformer, column arrow.Array, want string, rejected []string) {
	t.Helper()
	column.Retain()
	rec := record("x", column)
	defer rec.Release()
	if column.Data().Offset() != 0 || column.DataType().ID() == arrow.DICTIONARY {
		defer column.Release()
	}
	out, faults, err := c.Conform(rec)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	if got := strings.Join(values(out.Column(0)), "|"); got != want {
		t.Errorf("%v kept %s; want %s", column.DataType(), got, want)
	}
	kind := out.Column(0).DataType()
	if f := c.columns[0].field; !arrow.TypeEqual(kind, f.Kind.ArrowType()) && (f.Kind != str || !arrow.TypeEqual(kind, codedText)) {
		t.Errorf("a %v of type %v", f.Kind, kind)
	}
	var got []string
	for i, f := range faults {
		value := f.Value
		if i < len(rejected) && strings.Contains(rejected[i], ":*:") {
			value = "*" // as Arrow prints it
		}
		got = append(got, fmt.Sprintf("%d:%s:%s", f.Row, value, f.Reason))
		if f.Column != "x" {
			t.Errorf("column %q", f.Column)
		}
	}
	if !reflect.DeepEqual(got, rejected) {
		t.Errorf("%v rejected %q; want %q", column.DataType(), got, rejected)
	}
	if d, ok := out.Column(0).(*array.Dictionary); ok {
		if bad := textsOf(d.Dictionary()).invalid(); bad != nil {
			t.Errorf("the dictionary still holds %q", d.Dictionary())
		}
	}
}

func TestRecord(t *testing.T) {
	mem := checked(t)
	c := conformer(t, Options{Table: table, Columns: map[string]string{"id": "ID", "seen": "ID2"}, Allocator: mem})
	if got, want := c.Wanted(), []string{"ID", "at", "name", "ok", "events", "size", "ID2", "day"}; !reflect.DeepEqual(got, want) {
		t.Errorf("Wanted() = %q; want %q", got, want)
	}
	rec := record(
		"extra", fromJSON(t, mem, arrow.PrimitiveTypes.Float64, `[1,2,3,4]`),
		"size", fromJSON(t, mem, arrow.PrimitiveTypes.Int8, `[1,2,3,4]`),
		"at", fromJSON(t, mem, arrow.BinaryTypes.String, `["2026-01-01","x","y",null]`),
		"ID", fromJSON(t, mem, arrow.BinaryTypes.String, `["a","b",null,"d"]`),
		"ID2", fromJSON(t, mem, arrow.BinaryTypes.String, `["2026-01-02","x","2026-01-02","2026-01-02"]`),
	)
	defer rec.Release()
	notes, err := c.Bind(rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	if want := (Notes{Ignored: []string{"extra"}, Absent: []string{"name", "ok", "events", "day"}}); !reflect.DeepEqual(notes, want) {
		t.Errorf("notes %v; want %v", notes, want)
	}
	out, rejected, err := c.Conform(rec)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	if !out.Schema().Equal(table.Schema()) {
		t.Errorf("schema %v; want %v", out.Schema(), table.Schema())
	}
	var row []string
	for _, a := range out.Columns() {
		row = append(row, values(a)...)
	}
	if got, want := strings.Join(row, "|"), "a|2026-01-01T00:00:00Z|null|null|null|1|2026-01-02T00:00:00Z|null"; got != want {
		t.Errorf("row %s; want %s", got, want)
	}
	want := []Rejected{
		{1, "at", "x", notTimestamp},
		{2, "ID", "", "null in a column that is never null"}, // the id comes before the time
		{3, "at", "", "null in a column that is never null"},
	}
	if !reflect.DeepEqual(rejected, want) {
		t.Errorf("rejected %v; want %v", rejected, want)
	}
}

func TestSharesWhatFits(t *testing.T) {
	mem := checked(t)
	c := conformer(t, Options{Table: table, Allocator: mem, Mappings: map[string]map[string]string{"name": {"absent": "x"}}})
	dict := fromJSON(t, mem, arrow.BinaryTypes.String, `["a","b"]`)
	rec := record("id", fromJSON(t, mem, arrow.BinaryTypes.String, `["1","2","3"]`),
		"at", fromJSON(t, mem, arrow.FixedWidthTypes.Timestamp_us, `[1,2,3]`),
		"name", coded(mem, dict, 1, -1, 0),
		"ok", fromJSON(t, mem, arrow.FixedWidthTypes.Boolean, `[true,false,null]`),
		"events", fromJSON(t, mem, arrow.PrimitiveTypes.Int64, `[1,2,3]`),
		"size", fromJSON(t, mem, arrow.PrimitiveTypes.Int64, `[1,2,3]`),
		"seen", fromJSON(t, mem, arrow.FixedWidthTypes.Timestamp_us, `[1,null,3]`),
		"day", fromJSON(t, mem, arrow.FixedWidthTypes.Date32, `[1,2,3]`))
	dict.Release()
	defer rec.Release()
	out, rejected, err := c.Conform(rec)
	if err != nil || rejected != nil {
		t.Fatal(rejected, err)
	}
	defer out.Release()
	for i, a := range out.Columns() {
		if a.Data() != rec.Column(i).Data() {
			t.Errorf("column %s was copied", out.ColumnName(i))
		}
	}
}

func TestManyRejectedRows(t *testing.T) {
	mem := checked(t)
	c := conformer(t, Options{Table: table, Allocator: mem})
	dict := fromJSON(t, mem, arrow.BinaryTypes.String, `["a","","c"]`)
	rec := record("id", coded(mem, dict, 1, 0, 1, 2, 2, 1, 0, -1),
		"at", fromJSON(t, mem, arrow.FixedWidthTypes.Timestamp_us, `[0,1,2,3,4,5,6,7]`),
		"name", fromJSON(t, mem, arrow.BinaryTypes.String, `["p","q","r",null,"t","u","v","w"]`),
		"ok", fromJSON(t, mem, arrow.FixedWidthTypes.Boolean, `[true,true,true,null,false,true,false,true]`))
	dict.Release()
	defer rec.Release()
	out, rejected, err := c.Conform(rec)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	for i, want := range []string{"a|c|c|a", "1970-01-01T00:00:00.000001Z|1970-01-01T00:00:00.000003Z|1970-01-01T00:00:00.000004Z|1970-01-01T00:00:00.000006Z", "q|null|t|v", "true|null|false|false"} {
		if got := strings.Join(values(out.Column(i)), "|"); got != want {
			t.Errorf("%s: %s; want %s", out.ColumnName(i), got, want)
		}
	}
	if len(rejected) != 4 || rejected[3].Row != 7 {
		t.Errorf("rejected %v", rejected)
	}
	all := rec.NewSlice(0, 1)
	defer all.Release()
	none, rejected, err := c.Conform(all)
	if err != nil || none.NumRows() != 0 || len(rejected) != 1 {
		t.Errorf("%v, %v, %v; want no row and one rejected", none, rejected, err)
	}
	none.Release()
	empty := rec.NewSlice(3, 3)
	defer empty.Release()
	none, rejected, err = c.Conform(empty)
	if err != nil || none.NumRows() != 0 || none.NumCols() != int64(len(table.Fields)) || rejected != nil {
		t.Errorf("%v, %v, %v; want no row and none rejected", none, rejected, err)
	}
	none.Release()
}

func TestDictionaryWithNullValues(t *testing.T) {
	mem := checked(t)
	for _, required := range []bool{false, true} {
		dict := fromJSON(t, mem, arrow.BinaryTypes.String, `["a",null]`)
		rec := record("x", coded(mem, dict, 0, 1, -1))
		dict.Release()
		c := conformer(t, Options{Table: one(dictionary.Field{Name: "x", Required: required}), Allocator: mem})
		out, rejected, err := c.Conform(rec)
		if err != nil {
			t.Fatal(err)
		}
		want, n := "a|null|null", 0
		if required {
			want, n = "a", 2
		}
		if got := strings.Join(values(out.Column(0)), "|"); got != want || len(rejected) != n {
			t.Errorf("%s, %v; want %s", got, rejected, want)
		}
		out.Release()
		rec.Release()
	}
}

func TestTextSplitWithinACharacter(t *testing.T) {
	mem := checked(t)
	b := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
	defer b.Release()
	b.Append([]byte("\xc3")) // together with the next an é
	b.Append([]byte("\xa9"))
	b.Append([]byte("é"))
	rec := record("x", b.NewBinaryArray())
	defer rec.Release()
	out, rejected, err := conformer(t, Options{Table: one(dictionary.Field{Name: "x"}), Allocator: mem}).Conform(rec)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	want := []Rejected{{0, "x", `\xc3`, notText}, {1, "x", `\xa9`, notText}}
	if !reflect.DeepEqual(rejected, want) {
		t.Errorf("rejected %v; want %v", rejected, want)
	}
}

func TestLongValueIsCut(t *testing.T) {
	for _, text := range []string{strings.Repeat("é", 150), strings.Repeat("x", 201), strings.Repeat("\xff", 80)} {
		got := readable(text)
		if len(got) > maxValue || len(got) < maxValue-3 || !strings.HasPrefix(text, got) && !strings.HasPrefix(strings.Repeat(`\xff`, 80), got) {
			t.Errorf("readable(%q) = %q", text, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	_, err := New(Options{Table: table, Columns: map[string]string{"nam": "n"},
		Mappings: map[string]map[string]string{"ok": {"y": "true"}, "nam": {}}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`columns: things has no field "nam"; it has id, at, name`, `mappings: things has no field "nam"`, "mappings: things.ok is of kind BOOLEAN"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("no error without a table")
	}
}

func TestBindRefuses(t *testing.T) {
	c := conformer(t, Options{Table: table, Columns: map[string]string{"name": "Name", "at": "when"}})
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "when", Type: arrow.PrimitiveTypes.Int64},
		{Name: "size", Type: arrow.BinaryTypes.String}, {Name: "size", Type: arrow.BinaryTypes.String},
		{Name: "ok", Type: arrow.PrimitiveTypes.Float64},
		{Name: "day", Type: arrow.FixedWidthTypes.Timestamp_us},
		{Name: "seen", Type: arrow.BinaryTypes.LargeString},
	}, nil)
	_, err := c.Bind(schema)
	if !errors.Is(err, ErrSchema) {
		t.Fatalf("%v is no ErrSchema", err)
	}
	want := "dataset things: columns do not fit the dataset" +
		"; column id: expected text, an integer or a boolean, found no such column among when, size, size, ok, day, seen" +
		"; column when (for at): expected a timestamp, a date or RFC 3339 text, found int64, a bare integer (set epoch_unit if it counts from 1970)" +
		"; column Name (for name): expected text, an integer or a boolean, found no such column among when, size, size, ok, day, seen" +
		"; column ok: expected a boolean, an integer or text, found float64" +
		"; column size: expected a number or text, found 2 columns of that name" +
		"; column seen: expected a timestamp, a date or RFC 3339 text, found large_utf8" +
		"; column day: expected a date or text, found timestamp[us, tz=UTC]"
	if err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	rec := array.NewRecord(arrow.NewSchema(nil, nil), nil, 0)
	defer rec.Release()
	if _, _, err := c.Conform(rec); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "among none") {
		t.Errorf("Conform: %v", err)
	}
}
