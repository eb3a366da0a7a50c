package sqldb

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/sources"
)

// TestRows checks columns of every width against a plain model: nulls, rejected rows, batches, and text that goes
// from codes to plain wherever that happens.
func TestRows(t *testing.T) {
	fields := []arrow.Field{
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean}, {Name: "i", Type: arrow.PrimitiveTypes.Int64}, {Name: "d", Type: arrow.FixedWidthTypes.Date32},
		{Name: "few", Type: arrow.BinaryTypes.String}, {Name: "many", Type: arrow.BinaryTypes.String}, {Name: "y", Type: arrow.BinaryTypes.Binary},
	}
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		var got, want []string
		r := newRows("test", rapid.IntRange(1, 3000).Draw(t, "batch"), fields, mem, func(b sources.Batch) bool {
			if b.Record == nil {
				return true
			}
			defer b.Record.Release()
			for i := range int(b.Record.NumRows()) {
				line := fmt.Sprint(b.Row(i))
				for _, c := range b.Record.Columns() {
					line += " " + c.ValueStr(i)
				}
				got = append(got, line)
			}
			for _, c := range b.Record.Columns() {
				nulls := 0
				for i := range c.Len() {
					if c.IsNull(i) {
						nulls++
					}
				}
				if nulls != c.NullN() {
					t.Fatalf("%d nulls counted as %d", nulls, c.NullN())
				}
			}
			return true
		})
		nullEvery := rapid.IntRange(1, 10).Draw(t, "null every")
		rejectEvery := rapid.IntRange(2, 50).Draw(t, "reject every")
		for i := range rapid.IntRange(0, 8000).Draw(t, "rows") {
			few, many := fmt.Sprint("few", i%7), fmt.Sprint("many", i)
			for _, c := range r.columns {
				if i%nullEvery == 1 {
					c.null()
					continue
				}
				switch c.name {
				case "b":
					c.bool(i%3 == 0)
				case "i":
					c.int64(int64(i))
				case "d":
					c.int32(int32(i))
				case "few":
					c.text([]byte(few))
				default:
					c.textString(many)
				}
			}
			if i%rejectEvery == 1 {
				r.reject("b", "", "")
				continue
			}
			line := fmt.Sprint(i + 1)
			if i%nullEvery == 1 {
				line += strings.Repeat(" (null)", 6)
			} else {
				line += fmt.Sprintf(" %v %d %s %s %s %s", i%3 == 0, i, arrow.Date32(i).FormattedString(), few, many, base64(many))
			}
			want = append(want, line)
			r.add(40)
		}
		r.flush()
		r.release()
		if !slices.Equal(got, want) {
			t.Fatalf("got %d rows, want %d; first difference: %s", len(got), len(want), difference(got, want))
		}
		if mem.CurrentAlloc() != 0 {
			t.Fatalf("%d bytes are not released", mem.CurrentAlloc())
		}
	})
}

func base64(s string) string {
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	b.AppendString(s)
	return b.NewArray().ValueStr(0)
}

func difference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return got[i] + " instead of " + want[i]
		}
	}
	return "the length"
}

// TestCodes checks when text comes by code, and that batches without new values share their dictionary.
func TestCodes(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	batch := func(c *column, n int, value func(int) string) arrow.Array {
		for i := range n {
			c.textString(value(i))
		}
		return c.array()
	}
	few := func(i int) string { return fmt.Sprint(i % 100) }
	many := func(i int) string { return fmt.Sprint(i) }

	c := newColumn("few", arrow.BinaryTypes.String, mem)
	first, second := batch(c, 10_000, few), batch(c, 10_000, few)
	a, aok := first.(*array.Dictionary)
	b, bok := second.(*array.Dictionary)
	if !aok || !bok {
		t.Fatalf("few values come as %T, %T", first, second)
	}
	if a.Dictionary() != b.Dictionary() && a.Dictionary().Data().Buffers()[2] != b.Dictionary().Data().Buffers()[2] {
		t.Error("two batches of the same values do not share the dictionary")
	}
	third := batch(c, 100_000, many)
	if third.DataType().ID() != arrow.STRING {
		t.Errorf("many values come as %s", third.DataType())
	}
	for i := range third.Len() {
		if third.ValueStr(i) != many(i) {
			t.Fatalf("value %d: %q", i, third.ValueStr(i))
		}
	}
	long := batch(c, 3, func(int) string { return strings.Repeat("x", maxCodeValue+1) })
	for _, a := range []arrow.Array{first, second, third, long} {
		a.Release()
	}
	c.release()
}

func TestDaysOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.Int32Range(-1_000_000, 3_000_000).Draw(t, "days")
		at := arrow.Date32(days).ToTime()
		y, m, d := at.Date()
		if got := daysOf(y, int(m), d); got != int64(days) {
			t.Fatalf("%s: got %d, want %d", at, got, days)
		}
	})
}

func TestParseDateTime(t *testing.T) {
	const day = 86_400_000_000
	for text, want := range map[string]int64{
		"1970-01-02": day, "1970-01-02 00:00:01": day + 1e6, "1970-01-01 23:59:59.999999": day - 1, "1969-12-31 23:59:59.5": -5e5,
		"2024-02-29": 19782 * day,
		"0000-00-00": -1, "2026-00-10": -1, "2026-02-29": -1, "2026-11-31": -1, "0000-00-00 00:00:00": -1, "2026-11-21 24:00:00": -1, "infinity": -1,
		"2026-11-21T00:00:00": -1, "2026-11-21 00:00:00.": -1, "2026-11-21 00:00": -1, "2026-11-21 00:00:00.1234567": -1, "2026-1-21 00:00:00": -1, "": -1,
	} {
		days, micros, ok := parseDateTime([]byte(text))
		if got := days*day + micros; ok != (want != -1) || ok && got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, ok, want)
		}
	}
}
