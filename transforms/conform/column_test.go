package conform

import (
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
