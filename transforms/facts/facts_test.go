package facts

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/transforms/calendar"
)

const day = int64(24 * time.Hour / time.Microsecond)

// drawRows draws rows that collide often: few values, few ids, instants around midnight.
func drawRows(t *rapid.T, label string) []row {
	text := rapid.SampledFrom([]string{null, "", "a", "b", "ab", "é", "a much longer value of a key"})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) row {
		return row{
			at: rapid.Int64Range(-3, 3).Draw(t, "day")*day + rapid.SampledFrom([]int64{0, -1, 1, day / 2, 11 * day / 24}).Draw(t, "time"),
			w:  text.Draw(t, "w"), u: text.Draw(t, "u"), flag: rapid.SampledFrom([]string{null, "false", "true"}).Draw(t, "flag"),
			id: rapid.SampledFrom([]string{null, null, "", "1", "2", "3", "4", "5", "6", "7", "8", "9"}).Draw(t, "id"),
			n:  rapid.SampledFrom([]int64{0, 0, 1, 2, 255, 256, 70000, 1 << 40}).Draw(t, "n"),
		}
	}), 0, 40).Draw(t, label)
}

func drawSpec(t *rapid.T) *Spec {
	s := *spec
	zone, err := time.LoadLocation(rapid.SampledFrom([]string{"UTC", "America/New_York", "Pacific/Kiritimati", "Australia/Lord_Howe"}).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	s.Zone = zone
	return &s
}

// TestRunsEqualModel compares runs of random rows, merged, with maps of structs.
func TestRunsEqualModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		s := drawSpec(rt)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		b := NewBuilder(s)
		var all [][]row
		var runs []*Run
		for i := range rapid.IntRange(1, 4).Draw(rt, "runs") {
			rows := drawRows(rt, fmt.Sprint("run ", i))
			feed(t, mem, b, rows, r)
			if st := b.Stats(); st.Rows != int64(len(rows)) || st.Rows-st.Duplicates != int64(len(distinct(s, rows))) {
				rt.Errorf("stats %+v of %d rows, %d distinct", st, len(rows), len(distinct(s, rows)))
			}
			run, err := b.Finish() // and the same Builder goes on
			if err != nil {
				rt.Fatal(err)
			}
			checkInfo(rt, s, run.Info, rows)
			diffFacts(rt, "one run", contents(rt, s, []*Run{run}, inputs(rt, []*Run{run}, nil)), merged(s, [][]row{rows}))

			r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			shuffled := build(rt, s, rows)
			checkInfo(rt, s, shuffled.Info, rows)
			diffFacts(rt, "shuffled", contents(rt, s, []*Run{shuffled}, inputs(rt, []*Run{shuffled}, nil)), merged(s, [][]row{rows}))
			all, runs = append(all, rows), append(runs, run)
		}
		diffFacts(rt, "merged", contents(rt, s, runs, inputs(rt, runs, nil)), merged(s, all))
	})
}

// TestWhichRowStands: of rows with one id, that of the earliest day, then of the first keys, then of the smallest count.
func TestWhichRowStands(t *testing.T) {
	for name, c := range map[string]struct{ stands, other row }{
		"day":         {row{-1, "b", "b", "true", "1", 9}, row{0, "a", "a", null, "1", 1}},
		"null key":    {row{0, "a", null, "true", "1", 9}, row{0, "a", "", null, "1", 1}},
		"empty key":   {row{0, "a", "", "true", "1", 9}, row{0, "a", "a", null, "1", 1}},
		"bytes":       {row{0, "Z", "b", null, "1", 9}, row{0, "a", "a", null, "1", 1}},
		"flag":        {row{0, "a", "a", "false", "1", 9}, row{0, "a", "a", "true", "1", 1}},
		"count":       {row{0, "a", "a", null, "1", 2}, row{0, "a", "a", null, "1", 3}},
		"count of 1":  {row{0, "a", "a", null, "1", 0}, row{0, "a", "a", null, "1", 3}},
		"same as one": {row{0, "a", "a", null, "1", 3}, row{0, "a", "a", null, "1", 3}},
	} {
		for _, rows := range [][]row{{c.stands, c.other}, {c.other, c.stands}, {c.other, c.stands, c.other}} {
			run := build(t, spec, rows)
			want := map[fact]int64{factOf(spec, c.stands): c.stands.count()}
			diffFacts(t, name, contents(t, spec, []*Run{run}, inputs(t, []*Run{run}, nil)), want)
			both := []*Run{run, build(t, spec, []row{c.other})}
			diffFacts(t, name+", and again", contents(t, spec, both, inputs(t, both, nil)), want)
		}
	}
}

// TestFinishDaysEqualsModel checks that every day becomes a run of its own, and days not asked for none.
func TestFinishDaysEqualsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawSpec(rt)
		rows := drawRows(rt, "rows")
		from := calendar.Date(rapid.Int32Range(-4, 4).Draw(rt, "from"))
		days := calendar.Days{From: from, To: from + calendar.Date(rapid.Int32Range(0, 5).Draw(rt, "days"))}
		b := NewBuilder(s)
		feed(t, memory.NewGoAllocator(), b, rows, rand.New(rand.NewPCG(1, 2)))
		byDay, err := b.FinishDays(days)
		if err != nil {
			rt.Fatal(err)
		}
		want := map[calendar.Date][]row{}
		for _, r := range distinct(s, rows) {
			if d := factOf(s, r).day; days.Contains(d) {
				want[d] = append(want[d], r)
			}
		}
		if len(byDay) != len(want) {
			rt.Errorf("%d runs, want %d", len(byDay), len(want))
		}
		for d, run := range byDay {
			checkInfo(rt, s, run.Info, want[d])
			diffFacts(rt, d.String(), contents(rt, s, []*Run{run}, inputs(rt, []*Run{run}, nil)), merged(s, [][]row{want[d]}))
			// The ids lead to the right facts: taken out, nothing is left.
			both := []*Run{run, run}
			diffFacts(rt, d.String()+" twice", withoutNullIDs(contents(rt, s, both, inputs(rt, both, nil)), want[d], s), merged(s, [][]row{want[d]}))
		}
	})
}

// withoutNullIDs takes out one occurrence of the rows that have no id, since a run that is merged twice holds them twice.
func withoutNullIDs(facts map[fact]int64, rows []row, s *Spec) map[fact]int64 {
	for _, r := range rows {
		if r.id == null {
			facts[factOf(s, r)] -= r.count()
		}
	}
	return facts
}

// TestSharedEqualsBruteForce compares what Shared finds with all pairs.
func TestSharedEqualsBruteForce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(rt, "runs")
		ids, fresh := make([]*IDs, n), make([]bool, n)
		type held struct {
			run int
			pos uint32
			n   int64
		}
		holders := map[uint64][]held{}
		for i := range n {
			fresh[i] = rapid.Bool().Draw(rt, "fresh")
			hashes := rapid.SliceOfNDistinct(rapid.OneOf(rapid.SampledFrom([]uint64{0, 1, 1 << 58, 1<<58 + 1, 1<<64 - 1}), rapid.Uint64()), 0, 12,
				func(h uint64) uint64 { return h }).Draw(rt, "hashes")
			var pos []uint32
			var counts []int64
			for k := range hashes {
				pos, counts = append(pos, uint32(k*7)), append(counts, int64(k)+1)
			}
			if rapid.Bool().Draw(rt, "each one") {
				counts = nil
			}
			h, p := EncodeIDs(hashes, pos, counts)
			var err error
			if ids[i], err = (&Run{IDs: h, Pos: p}).OpenIDs(); err != nil {
				rt.Fatal(err)
			}
			for k, hash := range hashes {
				one := held{i, pos[k], 1}
				if counts != nil {
					one.n = counts[k]
				}
				holders[hash] = append(holders[hash], one)
			}
		}
		found, err := Shared(ids, fresh)
		if err != nil {
			rt.Fatal(err)
		}
		got := map[string]int{}
		for _, o := range found {
			got[fmt.Sprint(o)]++
		}
		want := map[string]int{}
		for hash, list := range holders {
			if len(list) > 1 && slices.ContainsFunc(list, func(h held) bool { return fresh[h.run] }) {
				for _, h := range list {
					want[fmt.Sprint(Occurrence{hash, h.run, h.pos, h.n})]++
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			rt.Errorf("got %v, want %v", got, want)
		}
	})
}

// TestWide has more values than an index of 8 and of 16 bits holds, blocks over many record batches, and counts of
// every width.
func TestWide(t *testing.T) {
	for _, users := range []int{254, 255, 256, 65534, 65535, 65536, 70001} {
		t.Run(fmt.Sprint(users), func(t *testing.T) {
			var rows []row
			for i := range users {
				rows = append(rows, row{
					at: int64(i%5) * day, w: fmt.Sprint("w", i%7), u: fmt.Sprint("u", i), flag: []string{null, "true"}[i%2],
					id: fmt.Sprint("e", i), n: int64(1) << (i % 41),
				})
			}
			first, second := build(t, spec, rows), build(t, spec, rows[users/2:])
			runs := []*Run{first, second}
			diffFacts(t, "merged", contents(t, spec, runs, inputs(t, runs, nil)), merged(spec, [][]row{rows}))
			if len(second.Facts) == 0 || first.Info.Groups != users {
				t.Errorf("%d groups, want %d", first.Info.Groups, users)
			}
		})
	}
}

// TestManyWorkspaces packs small blocks together and keeps large ones whole.
func TestManyWorkspaces(t *testing.T) {
	var rows []row
	for i := range 40000 {
		rows = append(rows, row{at: int64(i%3) * day, w: fmt.Sprint("w", i%1500), u: fmt.Sprint("u", i), flag: null, id: null})
	}
	for i := range 20000 {
		rows = append(rows, row{at: day, w: "large", u: fmt.Sprint("u", i), flag: "false", id: null})
	}
	run := build(t, spec, rows)
	diffFacts(t, "merged", contents(t, spec, []*Run{run}, inputs(t, []*Run{run}, nil)), merged(spec, [][]row{rows}))
}

// TestMergerAgain reads the blocks of a Merger twice, and stops in between.
func TestMergerAgain(t *testing.T) {
	rows := []row{{0, "a", "u", null, "1", 0}, {day, "a", "u", null, "2", 0}, {0, "b", "u", null, "3", 0}}
	run := build(t, spec, rows)
	m, err := NewMerger(spec, inputs(t, []*Run{run}, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, err := range m.Blocks() {
		if err != nil {
			t.Fatal(err)
		}
		break // the next loops begin anew
	}
	for range 2 {
		n := 0
		for _, err := range m.Blocks() {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 3 {
			t.Errorf("%d blocks, want 3", n)
		}
	}
}

// TestEmptyRun merges runs without facts.
func TestEmptyRun(t *testing.T) {
	empty, full := build(t, spec, nil), build(t, spec, []row{{0, "a", "u", null, "1", 0}})
	for _, runs := range [][]*Run{{}, {empty}, {empty, full, empty}} {
		want := map[fact]int64{}
		if len(runs) == 3 {
			want[fact{0, "a", "u", null}] = 1
		}
		diffFacts(t, fmt.Sprint(len(runs)), contents(t, spec, runs, inputs(t, runs, nil)), want)
	}
}

// TestRefusals lists batches and runs that do not fit the spec.
func TestRefusals(t *testing.T) {
	rec := recordOf(memory.NewGoAllocator(), []row{{0, "a", "u", null, "1", 2}}, false)
	defer rec.Release()
	for name, c := range map[string]struct {
		change func(s *Spec)
		says   string
	}{
		"no instant":           {func(s *Spec) { s.Instant = "then" }, `0 columns named "then"`},
		"instant of text":      {func(s *Spec) { s.Instant = "w" }, "x.w is utf8, want timestamp[us, UTC]"},
		"no key":               {func(s *Spec) { s.Keys = []string{"w", "v"} }, `0 columns named "v"`},
		"key of integers":      {func(s *Spec) { s.Keys = []string{"w", "n"} }, "x.n: column of int64, want utf8, dictionary or bool"},
		"count of text":        {func(s *Spec) { s.Count = "u" }, "x.u is utf8, want int64"},
		"id that is a boolean": {func(s *Spec) { s.ID = "n" }, "x.n is int64, want utf8"},
	} {
		s := *spec
		c.change(&s)
		if err := NewBuilder(&s).Add(rec); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	run := build(t, spec, []row{{0, "a", "u", null, "1", 2}})
	other := *spec
	other.Keys = []string{"w", "v", "flag"}
	if _, err := NewMerger(&other, inputs(t, []*Run{run}, nil)); err == nil || !strings.Contains(err.Error(), `column 1 is "u", want "v"`) {
		t.Errorf("other keys: %v", err)
	}
	if _, err := NewMerger(spec, []Input{{Facts: bytes.NewReader(nil), Values: bytes.NewReader(nil)}}); err == nil {
		t.Error("an empty file is no run")
	}
}

// open reads everything of a run that may be damaged, and returns the first error.
func open(run *Run, adjust []Adjust) error {
	m, err := NewMerger(spec, []Input{{Facts: bytes.NewReader(run.Facts), Values: bytes.NewReader(run.Values), Adjust: adjust}})
	if err == nil {
		for _, e := range m.Blocks() {
			if e != nil {
				err = e
			}
		}
		m.Close()
	}
	if err != nil {
		return err
	}
	ids, err := run.OpenIDs()
	if err != nil {
		return err
	}
	_, err = Shared([]*IDs{ids, ids}, []bool{true, false})
	return err
}

// TestDamagedRun cuts the parts of a run short at every byte: an error, never a panic and never silence.
func TestDamagedRun(t *testing.T) {
	whole := build(t, spec, []row{{0, "a", "u", "true", "1", 2}, {day, "b", null, null, "2", 0}, {0, null, "u", null, "3", 1}})
	if err := open(whole, nil); err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string]func(*Run) *[]byte{
		"facts": func(r *Run) *[]byte { return &r.Facts }, "values": func(r *Run) *[]byte { return &r.Values },
		"ids": func(r *Run) *[]byte { return &r.IDs }, "positions": func(r *Run) *[]byte { return &r.Pos },
	} {
		var silent []int
		for n := range *part(whole) {
			cut := *whole
			*part(&cut) = (*part(whole))[:n]
			if name == "positions" && n == 4*whole.Info.IDs {
				continue // those of a run whose events count one each
			}
			if err := open(&cut, nil); err == nil {
				silent = append(silent, n)
			}
		}
		if silent != nil {
			t.Errorf("%s of %d bytes cut to %d: no error", name, len(*part(whole)), silent)
		}
	}
}

// FuzzRun hands over ids and positions of any bytes, and facts with the values of another run: whatever they are, reading
// ends without a panic. The bytes of Arrow files are left alone, for Arrow makes room for whatever length they state:
// whoever stores runs has to check that they are what was written.
func FuzzRun(f *testing.F) {
	whole := build(f, spec, []row{{0, "a", "u", "true", "1", 2}, {day, "b", null, null, "2", 0}, {0, null, "u", null, "3", 1}})
	f.Add(whole.IDs, whole.Pos, uint32(0), uint64(1), uint64(1))
	f.Add(whole.IDs[:600-56-8], whole.Pos[:12], uint32(1<<31), uint64(1), uint64(9))
	f.Add([]byte{}, []byte{1}, uint32(3), uint64(7), uint64(2))
	f.Fuzz(func(t *testing.T, ids, pos []byte, adjust uint32, facts, values uint64) {
		of := func(seed uint64) *Run {
			var rows []row
			r := rand.New(rand.NewPCG(seed, 0))
			for range 1 + seed%300 {
				rows = append(rows, row{r.Int64N(3) * day, fmt.Sprint(r.IntN(5)), fmt.Sprint(r.IntN(400)), null, null, r.Int64N(300)})
			}
			return build(t, spec, rows)
		}
		_ = open(&Run{Facts: of(facts).Facts, Values: of(values).Values, IDs: ids, Pos: pos}, []Adjust{{adjust, 1}})
	})
}
