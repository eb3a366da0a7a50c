package conform

import (
	"errors"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
)

var (
	rfc3339     = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)
	shortOffset = regexp.MustCompile(`([+-]\d\d)(\d\d)?$`)
)

func FuzzTimestamp(f *testing.F) {
	for _, text := range []string{
		"2026-11-21T02:30:00Z", "2026-11-21t02:30:00z", "2026-11-21 02:30:00+00", "2026-11-21 02:30:00.123456-0330",
		"2026-11-21T02:30:00.123456789+05:45", "2026-11-21T02:30:00", "2026-11-21", "2024-02-29", "2023-02-29", "1900-02-29",
		"2026-11-21T24:00:00Z", "2026-11-21T02:60:00Z", "2026-11-21T02:30:60Z", "2026-11-21T02:30:00.Z", "2026-11-21T02:30Z",
		"2026-11-21T02:30:00+24:00", "2026-11-21T02:30:00+5:45", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
		"0000-12-31T23:30:00-01:00", "0001-01-01T00:30:00+01:00", "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:30:00-01:00",
		"1763692200", "-1", "-", "", "2026-11-21T02:30:00Z ", "２026-11-21", "2026/11/21", "2026-11-21T02.30.00Z", "2026-1-21T02:30:00Z",
		"1969-12-31T23:59:59.9999999Z", "2026-11-21T02:30:00,5Z", "\xb2026-11-21", "2026-11-3\xff", "20261121T023000Z",
	} {
		f.Add(text)
	}
	utc := calendar.NewDayer(time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		micros, reason := ParseTimestamp([]byte(text), utc, nil)
		if reason == "" && (micros < minInstant || micros > maxInstant) {
			t.Fatalf("%q is out of range", text)
		}
		var want time.Time
		var err error
		switch {
		case rfc3339.MatchString(text):
			want, err = time.Parse(time.RFC3339Nano, text)
		case reason != "":
			return
		default: // ours takes more
			want, err = time.Parse(time.RFC3339Nano, canonical(text))
		}
		switch {
		case err != nil && reason == "":
			t.Fatalf("%q was taken; time says %v", text, err)
		case err == nil && reason != "" && (reason != notInRange || want.UnixMicro() >= minInstant && want.UnixMicro() <= maxInstant):
			t.Fatalf("%q is %v; it was refused as %s", text, want, reason)
		case err == nil && reason == "" && want.UnixMicro() != micros:
			t.Fatalf("%q is %v (%d µs); got %d µs", text, want, want.UnixMicro(), micros)
		}
	})
}

// canonical writes a timestamp as time wants it.
func canonical(text string) string {
	if len(text) <= 10 {
		return text + "T00:00:00Z"
	}
	text = text[:10] + "T" + strings.ToUpper(text[11:])
	if m := shortOffset.FindStringSubmatchIndex(text); len(m) > 0 && m[0] >= 19 {
		if m[4] < 0 {
			text += ":00"
		} else {
			text = text[:m[3]] + ":" + text[m[3]:]
		}
	}
	if !rfc3339.MatchString(text) {
		text += "Z"
	}
	return text
}

// anyTypes are the types that sources give, and one they do not.
var anyTypes = []arrow.DataType{
	arrow.BinaryTypes.String, arrow.BinaryTypes.Binary, codedText, arrow.FixedWidthTypes.Boolean, arrow.FixedWidthTypes.Date32,
	arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
	arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
	arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
	arrow.FixedWidthTypes.Timestamp_s, arrow.FixedWidthTypes.Timestamp_ms, arrow.FixedWidthTypes.Timestamp_us, arrow.FixedWidthTypes.Timestamp_ns,
	&arrow.TimestampType{Unit: arrow.Microsecond}, &arrow.TimestampType{Unit: arrow.Second}, arrow.FixedWidthTypes.Time64us,
}

var anyTexts = rapid.OneOf(
	rapid.SampledFrom([]string{"", "a", "é", "\xff", "0", "1", "true", "-7", "2026-11-21T02:30:00Z", "2026-11-21", "1763692200", "3.0"}),
	rapid.StringN(0, 6, 12))

// drawArray returns an array of n values, some null, at some offset.
func drawArray(t *rapid.T, mem memory.Allocator, dt arrow.DataType, n int) arrow.Array {
	if dt.ID() == arrow.DICTIONARY {
		dict := drawArray(t, mem, arrow.BinaryTypes.String, rapid.IntRange(1, 4).Draw(t, "values"))
		defer dict.Release()
		codes := rapid.SliceOfN(rapid.Int32Range(-1, int32(dict.Len())-1), n, n).Draw(t, "codes")
		return coded(mem, dict, codes...)
	}
	skip := rapid.IntRange(0, 9).Draw(t, "offset")
	b := array.NewBuilder(mem, dt)
	defer b.Release()
	wide := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1, 2), rapid.SampledFrom([]int64{minInstant, maxInstant, 1763692200}))
	for range n + skip {
		if rapid.IntRange(0, 5).Draw(t, "null") == 0 {
			b.AppendNull()
			continue
		}
		switch b := b.(type) {
		case *array.StringBuilder:
			b.Append(anyTexts.Draw(t, "text"))
		case *array.BinaryBuilder:
			b.AppendString(anyTexts.Draw(t, "bytes"))
		case *array.BooleanBuilder:
			b.Append(rapid.Bool().Draw(t, "bool"))
		case *array.Date32Builder:
			b.Append(arrow.Date32(rapid.Int32().Draw(t, "date")))
		case *array.Int8Builder:
			b.Append(int8(wide.Draw(t, "v")))
		case *array.Int16Builder:
			b.Append(int16(wide.Draw(t, "v")))
		case *array.Int32Builder:
			b.Append(int32(wide.Draw(t, "v")))
		case *array.Int64Builder:
			b.Append(wide.Draw(t, "v"))
		case *array.Uint8Builder:
			b.Append(uint8(wide.Draw(t, "v")))
		case *array.Uint16Builder:
			b.Append(uint16(wide.Draw(t, "v")))
		case *array.Uint32Builder:
			b.Append(uint32(wide.Draw(t, "v")))
		case *array.Uint64Builder:
			b.Append(uint64(wide.Draw(t, "v")))
		case *array.Float32Builder:
			b.Append(rapid.Float32().Draw(t, "v"))
		case *array.Float64Builder:
			b.Append(rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), 1 << 63, -1 << 63, 4})).Draw(t, "v"))
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(wide.Draw(t, "v")))
		case *array.Time64Builder:
			b.Append(1)
		}
	}
	whole := b.NewArray()
	defer whole.Release()
	return array.NewSlice(whole, int64(skip), int64(n+skip))
}

func conformAnything(t *rapid.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	o := Options{Table: table, Allocator: mem, Zone: time.FixedZone("zone", rapid.IntRange(-50000, 50000).Draw(t, "zone"))}
	if rapid.Bool().Draw(t, "epoch") {
		unit := arrow.TimeUnit(rapid.IntRange(0, 3).Draw(t, "unit"))
		o.EpochUnit = &unit
	}
	o.Mappings = map[string]map[string]string{"id": {"a": "", "1": "one"}, "name": {"é": "e", "true": ""}}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	n := rapid.IntRange(0, 12).Draw(t, "rows")
	var columns []any
	for _, f := range table.Fields {
		if !f.Required && rapid.IntRange(0, 3).Draw(t, "absent") == 0 {
			continue
		}
		types := anyTypes
		if rapid.IntRange(0, 20).Draw(t, "any type") > 0 {
			types = nil
			for _, dt := range anyTypes {
				if c.accepts(&column{field: f}, dt) {
					types = append(types, dt)
				}
			}
		}
		columns = append(columns, f.Name, drawArray(t, mem, rapid.SampledFrom(types).Draw(t, "type"), n))
	}
	rec := record(columns...)
	out, rejected, err := c.Conform(rec)
	switch {
	case err == nil:
		checkConformed(t, n, out, rejected)
		out.Release()
	case !errors.Is(err, ErrSchema):
		t.Fatal(err)
	}
	rec.Release()
	if mem.CurrentAlloc() != 0 {
		t.Fatalf("%d bytes were not released", mem.CurrentAlloc())
	}
}

// checkConformed checks what holds for any record.
func checkConformed(t *rapid.T, rows int, out arrow.Record, rejected []Rejected) {
	if int(out.NumRows())+len(rejected) != rows {
		t.Fatalf("%d rows: %d kept, %d rejected", rows, out.NumRows(), len(rejected))
	}
	for i, r := range rejected {
		if i > 0 && rejected[i-1].Row >= r.Row || r.Row >= rows || r.Reason == "" || len(r.Value) > maxValue || !utf8.ValidString(r.Value) {
			t.Fatalf("rejected %+v", rejected)
		}
	}
	for i, f := range table.Fields {
		a := out.Column(i)
		if f.Name != out.ColumnName(i) || a.Len() != int(out.NumRows()) {
			t.Fatalf("column %d: %s with %d rows", i, out.ColumnName(i), a.Len())
		}
		if f.Required && a.NullN() > 0 {
			t.Fatalf("%s has nulls", f.Name)
		}
		for row := range a.Len() {
			if a.IsNull(row) {
				continue
			}
			text := ""
			switch a := a.(type) {
			case *array.String:
				text = a.Value(row)
			case *array.Dictionary:
				text = a.Dictionary().(*array.String).Value(a.GetValueIndex(row))
			case *array.Timestamp:
				if v := int64(a.Value(row)); v < minInstant || v > maxInstant {
					t.Fatalf("%s holds %d µs", f.Name, v)
				}
				continue
			case *array.Int64:
				if f.Sum && a.Value(row) < 1 {
					t.Fatalf("%s holds %d", f.Name, a.Value(row))
				}
				continue
			case *array.Date32, *array.Boolean:
				continue
			}
			if f.Kind != dictionary.String || !utf8.ValidString(text) || f.Required && text == "" {
				t.Fatalf("%s holds %q", f.Name, text)
			}
		}
	}
}

func TestConformAnything(t *testing.T) { rapid.Check(t, conformAnything) }

func FuzzConform(f *testing.F) { f.Fuzz(rapid.MakeFuzz(conformAnything)) }
