package rows_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/current"
	"github.com/usagereport/usagereport/transforms/rows"
)

var schema = arrow.NewSchema([]arrow.Field{
	{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true}, {Name: "yes", Type: arrow.FixedWidthTypes.Boolean},
	{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
}, nil)

// TestBuilder puts values of every kind, and nulls, into columns by their turn.
func TestBuilder(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	systems := systemsTable(t, mem)
	defer systems.Release()
	b := rows.New(mem, schema)
	day := calendar.Civil(2026, 11, 21)
	for i, ok := range []bool{true, false, true} {
		b.Text([]string{"a", "not shown", ""}[i], ok)
		b.Date(day+calendar.Date(i), ok)
		b.Instant(int64(i)-1, ok)
		b.Bool(ok)
		b.Integer(int64(10 * i))
		b.Field(systems, "system_name", i, i < 2)
	}
	rec := b.Record()
	defer rec.Release()
	if !rec.Schema().Equal(schema) {
		t.Errorf("schema %s", rec.Schema())
	}
	var got []string
	for i := range int(rec.NumRows()) {
		var cells []string
		for _, col := range rec.Columns() {
			cells = append(cells, col.ValueStr(i))
		}
		got = append(got, strings.Join(cells, "|"))
	}
	want := []string{
		"a|2026-11-21|1969-12-31 23:59:59.999999Z|true|0|One",
		"(null)|(null)|(null)|false|10|(null)", // the second system has no name
		"|2026-11-23|1970-01-01 00:00:00.000001Z|true|20|(null)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestBuilderOfNoRows: a record without rows has its columns.
func TestBuilderOfNoRows(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	rec := rows.New(mem, schema).Record()
	defer rec.Release()
	if rec.NumRows() != 0 || rec.NumCols() != 6 {
		t.Errorf("%v", rec)
	}
}

// systemsTable has two systems, the second without a name.
func systemsTable(t *testing.T, mem memory.Allocator) *current.Table {
	t.Helper()
	b := array.NewRecordBuilder(mem, dictionary.Systems.Schema())
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"1", "2"}, nil)
	b.Field(1).(*array.StringBuilder).AppendValues([]string{"One", ""}, []bool{true, false})
	table, err := current.FromRecord(dictionary.Systems, b.NewRecord())
	if err != nil {
		t.Fatal(err)
	}
	return table
}
