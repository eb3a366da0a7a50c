package conform

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
)

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
