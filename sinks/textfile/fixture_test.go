package textfile

import (
	"bytes"
	"iter"
	"math"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
)

// kinds has a column of every kind.
var kinds = &dictionary.Table{
	Name: "kinds", Role: dictionary.Log,
	Fields: []dictionary.Field{
		{Name: "text", Required: true}, {Name: "at", Kind: dictionary.Timestamp}, {Name: "day", Kind: dictionary.Date},
		{Name: "yes", Kind: dictionary.Boolean}, {Name: "n", Kind: dictionary.Integer}, {Name: "more"},
	},
}

// line is a row of kinds; nil is null. Instants and days are microseconds and days since 1970.
type line [6]any

// recordOf makes a record of kinds; text is held by code where coded.
func recordOf(mem memory.Allocator, lines []line, coded bool) arrow.Record {
	var fields []arrow.Field
	var cols []arrow.Array
	for i, f := range kinds.Fields {
		dt := f.Kind.ArrowType()
		if coded && f.Kind == dictionary.String {
			dt = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
		}
		b := array.NewBuilder(mem, dt)
		for _, l := range lines {
			if l[i] == nil {
				b.AppendNull()
				continue
			}
			switch b := b.(type) {
			case *array.StringBuilder:
				b.Append(l[i].(string))
			case *array.BinaryDictionaryBuilder:
				if err := b.AppendString(l[i].(string)); err != nil {
					panic(err)
				}
			case *array.TimestampBuilder:
				b.Append(arrow.Timestamp(l[i].(int64)))
			case *array.Date32Builder:
				b.Append(arrow.Date32(l[i].(int)))
			case *array.BooleanBuilder:
				b.Append(l[i].(bool))
			case *array.Int64Builder:
				b.Append(l[i].(int64))
			}
		}
		fields = append(fields, arrow.Field{Name: f.Name, Type: dt, Nullable: true})
		cols = append(cols, b.NewArray())
		b.Release()
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(len(lines)))
	for _, c := range cols {
		c.Release()
	}
	return rec
}

// recordsOf yields records of up to so many lines.
func recordsOf(mem memory.Allocator, lines []line, size int) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		for i := 0; i < len(lines); i += size {
			if !yield(recordOf(mem, lines[i:min(i+size, len(lines))], i/size%2 == 1), nil) {
				return
			}
		}
	}
}

// allocator checks at the end of the test that all is released.
func allocator(t *testing.T) memory.Allocator {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// write returns what a Writer writes.
func write(t failer, mem memory.Allocator, to func(*bytes.Buffer) *Writer, lines []line, size int) string {
	t.Helper()
	var out bytes.Buffer
	w := to(&out)
	for rec, err := range recordsOf(mem, lines, size) {
		if err != nil {
			t.Fatal(err)
		}
		err := w.Write(rec)
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err := w.Close()
	if err != nil || rows != int64(len(lines)) {
		t.Fatalf("%d rows, want %d, %v", rows, len(lines), err)
	}
	return out.String()
}

func toCSV(out *bytes.Buffer) *Writer  { return NewCSV(out, kinds) }
func toJSON(out *bytes.Buffer) *Writer { return NewJSON(out, kinds) }

// hostile is text that formats and spreadsheets stumble over.
var hostile = []string{
	"", " ", "a", "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\tx", "\rx", "\nx", "-5", "+5.5e3", "-.5", "-", "+", "=", "@", "-0x10", "+Inf", "-1_000", "'=1", "'", "\"", "\"\"",
	"a,b", "a;b", "a\r\nb", "a\nb", "a\rb", "\r\n", " a ", "a\t", "null", "NULL", "NaN", "true", "<b>&amp;</b>", "\\", "\\N", "\u2028", "\u2029", "\x00", "\x1f", "\x7f",
	"é", "e\u0301", "日本", "😀", "\ufeff", "\ufffd", "-1e999", "=cmd|' /C calc'!A0", "＝1", "1,5", "007", "1e5",
}

func drawLines(rt *rapid.T) []line {
	text := rapid.OneOf(rapid.SampledFrom(hostile), rapid.String())
	null := func(label string, v any) any {
		if rapid.IntRange(0, 3).Draw(rt, label) == 0 {
			return nil
		}
		return v
	}
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) line {
		return line{
			text.Draw(rt, "text"), null("no at", rapid.OneOf(rapid.Int64Range(firstInstant, lastInstant), rapid.Int64Range(-2_000_000, 2_000_000)).Draw(rt, "at")),
			null("no day", rapid.IntRange(-719162, 2932896).Draw(rt, "day")), null("no yes", rapid.Bool().Draw(rt, "yes")),
			null("no n", rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, -1, math.MinInt64, math.MaxInt64})).Draw(rt, "n")),
			null("no more", text.Draw(rt, "more")),
		}
	}), 0, 12).Draw(rt, "lines")
}

func micros(text string) int64 {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return at.UnixMicro()
}
