package current

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
)

// canvas is a row of canvases; an empty name is null.
type canvas struct{ workspace, id, name string }

func (c canvas) String() string { return fmt.Sprintf("%s/%s=%s", c.workspace, c.id, c.name) }

func recordOf(mem memory.Allocator, rows []canvas, coded bool) arrow.Record {
	build := func(value func(canvas) string, nullable bool) arrow.Array {
		var b array.Builder = array.NewStringBuilder(mem)
		if coded {
			b.Release()
			b = array.NewDictionaryBuilder(mem, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String})
		}
		defer b.Release()
		for _, r := range rows {
			if v := value(r); v == "" && nullable {
				b.AppendNull()
			} else if err := b.AppendValueFromString(v); err != nil {
				panic(err)
			}
		}
		return b.NewArray()
	}
	cols := []arrow.Array{
		build(func(c canvas) string { return c.workspace }, false), build(func(c canvas) string { return c.id }, false),
		build(func(c canvas) string { return c.name }, true),
	}
	var fields []arrow.Field
	for i, f := range dictionary.Canvases.Fields {
		fields = append(fields, arrow.Field{Name: f.Name, Type: cols[i].DataType(), Nullable: true})
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(len(rows)))
	for _, c := range cols {
		c.Release()
	}
	return rec
}

func rowsOf(t *Table) (rows []canvas) {
	for i := range t.Len() {
		var c canvas
		c.workspace, _ = t.Text("workspace_id", i)
		c.id, _ = t.Text("canvas_id", i)
		c.name, _ = t.Text("canvas_name", i)
		rows = append(rows, c)
	}
	return rows
}

func compareKeys(a, b canvas) int {
	return slices.Compare([]string{a.workspace, a.id}, []string{b.workspace, b.id})
}

func drawCanvases(t *rapid.T, label string, names bool) []canvas {
	key := rapid.SampledFrom([]string{"", "a", "ab", "b", "é", "z\x00", "Z"})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) canvas {
		c := canvas{workspace: key.Draw(t, "workspace"), id: key.Draw(t, "id")}
		c.name = "name of " + c.workspace + c.id
		if names {
			c.name = rapid.SampledFrom([]string{"", "one", "other"}).Draw(t, "name")
		}
		return c
	}), 0, 20).Draw(t, label)
}

func collect(t rapid.TB, mem memory.Allocator, rows []canvas, cut int, coded bool) (*Table, int64, error) {
	t.Helper()
	a, b := recordOf(mem, rows[:cut], coded), recordOf(mem, rows[cut:], !coded)
	defer a.Release()
	defer b.Release()
	return Collect(mem, dictionary.Canvases, []arrow.Record{a, b})
}

// TestCollectEqualsModel: identical rows are one, differing ones under one key are an error, whatever their order, the
// batches they come in and how their text is encoded.
func TestCollectEqualsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		rows := drawCanvases(rt, "rows", rapid.Bool().Draw(rt, "different names"))
		table, duplicates, err := collect(rt, mem, rows, rapid.IntRange(0, len(rows)).Draw(rt, "cut"), rapid.Bool().Draw(rt, "coded"))
		want, conflict := map[[2]string]canvas{}, false
		for _, r := range rows {
			key := [2]string{r.workspace, r.id}
			if have, ok := want[key]; ok && have != r {
				conflict = true
			}
			want[key] = r
		}
		if conflict {
			if !errors.Is(err, ErrConflict) || table != nil {
				rt.Fatalf("got %v, %v, want ErrConflict", table, err)
			}
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		defer table.Release()
		got := rowsOf(table)
		if len(got) != len(want) || duplicates != int64(len(rows)-len(want)) || !slices.IsSortedFunc(got, compareKeys) {
			rt.Errorf("got %v and %d duplicates of %v", got, duplicates, rows)
		}
		for _, r := range got {
			if want[[2]string{r.workspace, r.id}] != r {
				rt.Errorf("got %v, want %v", r, want[[2]string{r.workspace, r.id}])
			}
		}
	})
}

// TestFindAndRange compares what is found with a look at every row.
func TestFindAndRange(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewGoAllocator()
		rows := drawCanvases(rt, "rows", false)
		table, _, err := collect(rt, mem, rows, 0, false)
		if err != nil {
			rt.Fatal(err)
		}
		defer table.Release()
		wanted := drawCanvases(rt, "wanted", false)
		for _, w := range wanted {
			held := slices.Contains(rows, w)
			i, ok := table.Find(w.workspace, w.id)
			if ok != held || ok && rowsOf(table)[i] != w {
				rt.Errorf("find %v: %d, %t", w, i, ok)
			}
			from, to := table.Range(w.workspace)
			for i, r := range rowsOf(table) {
				if in := i >= from && i < to; in != (r.workspace == w.workspace) {
					rt.Errorf("range of %q is %d…%d, row %d is %v", w.workspace, from, to, i, r)
				}
			}
		}
		if from, to := table.Range(); from != 0 || to != table.Len() {
			rt.Errorf("range of all: %d…%d of %d", from, to, table.Len())
		}
	})
}

// TestCarry: what is there today stands, what is gone stays as it was last seen.
func TestCarry(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		unique := func(rows []canvas) []canvas {
			slices.SortStableFunc(rows, compareKeys)
			return slices.CompactFunc(rows, func(a, b canvas) bool { return compareKeys(a, b) == 0 })
		}
		before, now := unique(drawCanvases(rt, "before", true)), unique(drawCanvases(rt, "now", true))
		a, _, err := collect(rt, mem, before, 0, true)
		if err != nil {
			rt.Fatal(err)
		}
		defer a.Release()
		b, _, err := collect(rt, mem, now, len(now), true)
		if err != nil {
			rt.Fatal(err)
		}
		defer b.Release()
		carried := Carry(mem, a, b)
		defer carried.Release()
		want := slices.Clone(now)
		for _, r := range before {
			if !slices.ContainsFunc(now, func(n canvas) bool { return compareKeys(n, r) == 0 }) {
				want = append(want, r)
			}
		}
		slices.SortFunc(want, compareKeys)
		if got := rowsOf(carried); !slices.Equal(got, want) {
			rt.Errorf("got %v, want %v", got, want)
		}
		rec := carried.Record()
		rec.Retain()
		again, err := FromRecord(dictionary.Canvases, rec)
		if err != nil {
			rt.Fatal(err)
		}
		defer again.Release()
		if got := rowsOf(again); !slices.Equal(got, want) {
			rt.Errorf("stored and read: got %v, want %v", got, want)
		}
	})
}

func TestConflictMessage(t *testing.T) {
	mem := memory.NewGoAllocator()
	for _, c := range []struct {
		rows []canvas
		want string
	}{
		{[]canvas{{"w", "c", "One"}, {"w", "c", ""}, {"w", "d", "fine"}},
			`dataset canvases: different rows with one key (1 of them): workspace_id "w", canvas_id "c": canvas_name is "One" and null; make the query or file deliver one row per workspace_id, canvas_id`},
		{[]canvas{{"w", "c", strings.Repeat("x", 100)}, {"w", "c", "y"}},
			`dataset canvases: different rows with one key (1 of them): workspace_id "w", canvas_id "c": canvas_name is "` + strings.Repeat("x", 60) + `" and "y"; make the query or file deliver one row per workspace_id, canvas_id`},
	} {
		for _, coded := range []bool{false, true} {
			if _, _, err := collect(t, mem, c.rows, 1, coded); err == nil || err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
		}
	}
	var many []canvas
	for i := range 25 {
		many = append(many, canvas{"w", fmt.Sprintf("c%02d", i), "a"}, canvas{"w", fmt.Sprintf("c%02d", i), "b"})
	}
	_, _, err := collect(t, mem, many, 7, false)
	if err == nil || !strings.Contains(err.Error(), "(25 of them)") || !strings.Contains(err.Error(), "; and 15 more; make") || strings.Contains(err.Error(), "c10") {
		t.Errorf("many: %v", err)
	}
}

// TestDifferentKinds finds rows that differ in a flag or an instant alone, and copies every kind of field.
func TestDifferentKinds(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	agent := func(active bool, at arrow.Timestamp) arrow.Record {
		b := array.NewRecordBuilder(mem, dictionary.Agents.Schema())
		defer b.Release()
		for i, f := range dictionary.Agents.Fields {
			switch f.Kind {
			case dictionary.Boolean:
				b.Field(i).(*array.BooleanBuilder).Append(active)
			case dictionary.Timestamp:
				b.Field(i).(*array.TimestampBuilder).Append(at)
			default:
				b.Field(i).(*array.StringBuilder).Append("v")
			}
		}
		return b.NewRecord()
	}
	one := agent(true, 5)
	defer one.Release()
	for name, other := range map[string]arrow.Record{
		"agent_active is \"true\" and \"false\"":                                            agent(false, 5),
		"created_at is \"1970-01-01 00:00:00.000005Z\" and \"1970-01-01 00:00:00.000006Z\"": agent(true, 6),
	} {
		if _, _, err := Collect(mem, dictionary.Agents, []arrow.Record{one, other}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
		other.Release()
	}
	same := agent(true, 5)
	defer same.Release()
	table, duplicates, err := Collect(mem, dictionary.Agents, []arrow.Record{one, same})
	if err != nil || duplicates != 1 || table.Len() != 1 {
		t.Fatalf("%v, %d duplicates", err, duplicates)
	}
	defer table.Release()
	if !array.RecordEqual(table.Record(), one) {
		t.Errorf("got %v, want %v", table.Record(), one)
	}
}

func TestFromRecordOfOtherColumns(t *testing.T) {
	e := Empty(memory.NewGoAllocator(), dictionary.Grids)
	if _, err := FromRecord(dictionary.Canvases, e.Record()); err == nil || !strings.Contains(err.Error(), "canvases: stored with other columns") {
		t.Error(err)
	}
}
