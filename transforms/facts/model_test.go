package facts

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// row is an event; "∅" is a null text or id, and a null flag or count.
type row struct {
	at         int64 // microseconds
	w, u, flag string
	id         string
	n          int64 // 0 is null
}

const null = "∅"

var spec = &Spec{Name: "x", Instant: "at", Keys: []string{"w", "u", "flag"}, Count: "n", ID: "id", Zone: time.UTC}

// fact is what rows are grouped by.
type fact struct {
	day        calendar.Date
	w, u, flag string
}

func factOf(s *Spec, r row) fact {
	return fact{calendar.Of(time.UnixMicro(r.at), s.Zone), r.w, r.u, r.flag}
}

func (r row) count() int64 { return max(r.n, 1) }

// compareText orders null before all else.
func compareText(a, b string) int {
	if a == null || b == null {
		return cmp.Compare(btoi(a != null), btoi(b != null))
	}
	return strings.Compare(a, b)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// stands says which of two rows of one event stands: the one whose fact sorts first, then the smaller count.
func stands(s *Spec, a, b row) int {
	x, y := factOf(s, a), factOf(s, b)
	return cmp.Or(cmp.Compare(x.day, y.day), compareText(x.w, y.w), compareText(x.u, y.u), compareText(x.flag, y.flag), cmp.Compare(a.count(), b.count()))
}

// distinct is the rows of one run without duplicates.
func distinct(s *Spec, rows []row) []row {
	var out []row
	at := map[string]int{}
	for _, r := range rows {
		i, ok := at[r.id]
		switch {
		case r.id == null:
			out = append(out, r)
		case !ok:
			at[r.id] = len(out)
			out = append(out, r)
		case stands(s, r, out[i]) < 0:
			out[i] = r
		}
	}
	return out
}

// merged is what runs come to: the first to hold an event keeps it.
func merged(s *Spec, runs [][]row) map[fact]int64 {
	facts, seen := map[fact]int64{}, map[string]bool{}
	for _, rows := range runs {
		held := distinct(s, rows)
		for _, r := range held {
			if r.id == null || !seen[r.id] {
				facts[factOf(s, r)] += r.count()
			}
		}
		for _, r := range held {
			seen[r.id] = true
		}
	}
	return facts
}

// recordOf makes a batch; text columns are dictionaries where coded.
func recordOf(mem memory.Allocator, rows []row, coded bool) arrow.Record {
	text := func(value func(row) string) arrow.Array {
		var b array.Builder
		if coded {
			b = array.NewDictionaryBuilder(mem, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String})
		} else {
			b = array.NewStringBuilder(mem)
		}
		defer b.Release()
		for _, r := range rows {
			if v := value(r); v == null {
				b.AppendNull()
			} else if err := b.AppendValueFromString(v); err != nil {
				panic(err)
			}
		}
		return b.NewArray()
	}
	at, flag, n := array.NewTimestampBuilder(mem, arrow.FixedWidthTypes.Timestamp_us.(*arrow.TimestampType)), array.NewBooleanBuilder(mem), array.NewInt64Builder(mem)
	for _, r := range rows {
		at.Append(arrow.Timestamp(r.at))
		if r.flag == null {
			flag.AppendNull()
		} else {
			flag.Append(r.flag == "true")
		}
		if r.n == 0 {
			n.AppendNull()
		} else {
			n.Append(r.n)
		}
	}
	cols := []arrow.Array{at.NewArray(), text(func(r row) string { return r.w }), text(func(r row) string { return r.u }), flag.NewArray(),
		text(func(r row) string { return r.id }), n.NewArray()}
	var fields []arrow.Field
	for i, name := range []string{"at", "w", "u", "flag", "id", "n"} {
		fields = append(fields, arrow.Field{Name: name, Type: cols[i].DataType(), Nullable: true})
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(len(rows)))
	for _, c := range cols {
		c.Release()
	}
	at.Release()
	flag.Release()
	n.Release()
	return rec
}

// feed adds rows to b in batches of random sizes and encodings.
func feed(t rapid.TB, mem memory.Allocator, b *Builder, rows []row, r *rand.Rand) {
	t.Helper()
	for len(rows) > 0 {
		n := 1 + r.IntN(len(rows))
		rec := recordOf(mem, rows[:n], r.IntN(2) == 0)
		err := b.Add(rec)
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
}

// build makes a run of rows.
func build(t rapid.TB, s *Spec, rows []row) *Run {
	t.Helper()
	b := NewBuilder(s)
	feed(t, memory.NewGoAllocator(), b, rows, rand.New(rand.NewPCG(1, uint64(len(rows)))))
	run, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// inputs resolves the runs as a night does: all but the first to hold an event give it up.
func inputs(t rapid.TB, runs []*Run, fresh []bool) []Input {
	t.Helper()
	var ids []*IDs
	in := make([]Input, len(runs))
	for i, run := range runs {
		one, err := run.OpenIDs()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, one)
		in[i] = Input{Facts: bytes.NewReader(run.Facts), Values: bytes.NewReader(run.Values)}
	}
	if fresh == nil {
		fresh = slices.Repeat([]bool{true}, len(runs))
	}
	found, err := Shared(ids, fresh)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(found, func(a, b Occurrence) int { return cmp.Or(cmp.Compare(a.Hash, b.Hash), a.Run-b.Run) })
	for i, o := range found {
		if i > 0 && found[i-1].Hash == o.Hash {
			in[o.Run].Adjust = append(in[o.Run].Adjust, Adjust{o.Pos, o.N})
		}
	}
	return in
}

// contents merges runs and returns the facts, having checked the order of the blocks and the counts of what was taken.
func contents(t rapid.TB, s *Spec, runs []*Run, in []Input) map[fact]int64 {
	t.Helper()
	m, err := NewMerger(s, in)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for k := range s.Keys {
		if values := m.Values(k); !slices.IsSorted(values) || len(slices.Compact(slices.Clone(values))) != len(values) {
			t.Errorf("values of key %d are not sorted and distinct: %q", k, values)
		}
	}
	text := func(k int, code uint32) string {
		if code == 0 {
			return null
		}
		v := m.Values(k)[code-1]
		if m.Code(k, v) != code {
			t.Errorf("code of %q: %d, want %d", v, m.Code(k, v), code)
		}
		return v
	}
	got, days := map[fact]int64{}, map[calendar.Date]int64{}
	last := [2]int64{-1, 0}
	for b, err := range m.Blocks() {
		if err != nil {
			t.Fatal(err)
		}
		here := [2]int64{int64(b.Workspace), int64(b.Day)}
		if slices.Compare(here[:], last[:]) <= 0 {
			t.Errorf("block %v after %v", here, last)
		}
		last = here
		for i, n := range b.Count {
			if b.Cols[0][i] != b.Workspace || n <= 0 {
				t.Errorf("row %d of block %v: workspace %d, count %d", i, here, b.Cols[0][i], n)
			}
			got[fact{b.Day, text(0, b.Cols[0][i]), text(1, b.Cols[1][i]), text(2, b.Cols[2][i])}] += n
			days[b.Day] += n
		}
	}
	for _, run := range runs {
		for d, n := range run.Info.ByDay {
			days[d] -= n
		}
	}
	for d, n := range m.Taken() {
		days[d] += n
	}
	for d, n := range days {
		if n != 0 {
			t.Errorf("%s: the runs' counts less what was taken are off by %d", d, n)
		}
	}
	return got
}

// checkInfo compares what a run says of itself with its rows.
func checkInfo(t rapid.TB, s *Spec, info Info, rows []row) {
	t.Helper()
	want := Info{From: 1<<31 - 1, To: -1 << 31, ByDay: map[calendar.Date]int64{}}
	groups := map[fact]bool{}
	for _, r := range distinct(s, rows) {
		f := factOf(s, r)
		groups[f] = true
		want.Events += r.count()
		want.ByDay[f.day] += r.count()
		want.From, want.To = min(want.From, f.day), max(want.To, f.day)
		want.IDs += btoi(r.id != null)
	}
	want.Groups = len(groups)
	if got := fmt.Sprint(info); got != fmt.Sprint(want) {
		t.Errorf("info %s, want %s", got, fmt.Sprint(want))
	}
}

func diffFacts(t rapid.TB, what string, got, want map[fact]int64) {
	t.Helper()
	if maps.Equal(got, want) {
		return
	}
	for f, n := range want {
		if got[f] != n {
			t.Errorf("%s: %v: got %d, want %d", what, f, got[f], n)
		}
	}
	for f, n := range got {
		if _, ok := want[f]; !ok {
			t.Errorf("%s: %v: got %d, want none", what, f, n)
		}
	}
}

var _ io.ReaderAt = (*bytes.Reader)(nil)
