package jobs_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/archive"
	"github.com/usagereport/usagereport/sinks/parquetfile"
	"github.com/usagereport/usagereport/sinks/sinktest"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/rowtest"
)

// scenarios is how many random scenarios there are: more of them find rarer things.
var scenarios = flag.Uint64("scenarios", 30, "random scenarios of TestIncrementalEqualsFull")

// TestIncrementalEqualsFull lets random things happen to the sources over some nights and compares what the last of them
// published with what a run that reads everything again publishes: the same bytes (contract §8). A failing scenario
// runs alone with -run TestIncrementalEqualsFull/seed=N.
func TestIncrementalEqualsFull(t *testing.T) {
	n := *scenarios
	if testing.Short() || underRace {
		n = min(n, 6)
	}
	for seed := range n {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { scenario(t, seed) })
	}
}

func scenario(t *testing.T, seed uint64) {
	s := newScenario(t, seed, nil)
	defer func() {
		if t.Failed() {
			t.Logf("seed %d, %s, logins %s (%d), generations %s (%d) as %s\n%s\nthe nights:\n%s", seed, s.w.zone, s.w.logins.mode, s.w.logins.lookback,
				s.w.gens.mode, s.w.gens.lookback, s.w.gens.format, s.w.settings, strings.Join(s.told, "\n"))
		}
	}()
	b := newBucket(t)
	before := b
	for !s.over() {
		s.pass()
		if s.over() {
			before = copyOf(t, b)
		}
		run(t, s.w, b, s.at(), jobs.Request{})
	}
	date := s.date.String()
	published := snapshotOf(t, b, date)

	// Reading everything again, in the place of the last night, and after it.
	for name, lake := range map[string]func() map[string][]byte{
		"full in place of the last night": func() map[string][]byte {
			run(t, s.w, before, s.at(), jobs.Request{Full: true})
			return snapshotOf(t, before, date)
		},
		"full after the last night": func() map[string][]byte {
			after := copyOf(t, b)
			run(t, s.w, after, s.at(), jobs.Request{Full: true})
			return snapshotOf(t, after, date)
		},
		"the last night again": func() map[string][]byte {
			again := copyOf(t, b)
			run(t, s.w, again, s.at(), jobs.Request{})
			return snapshotOf(t, again, date)
		},
	} {
		report(t, name, published, lake())
	}
	if !s.lost {
		fresh := newBucket(t)
		run(t, s.w, fresh, s.at(), jobs.Request{})
		report(t, "a fresh lake", published, snapshotOf(t, fresh, date))
	}

	// The same nights once more, the rows of every table and file in another order.
	var order *rand.Rand
	if seed%5 > 0 {
		order = rand.New(rand.NewPCG(seed, 99))
	}
	s2, b2 := newScenario(t, seed, order), newBucket(t)
	for !s2.over() {
		s2.pass()
		run(t, s2.w, b2, s2.at(), jobs.Request{})
	}
	report(t, "rows in another order", published, snapshotOf(t, b2, date))
	if order == nil {
		if keys := differing(comparing(sinktest.Dump(t, b, "")), comparing(sinktest.Dump(t, b2, ""))); keys != nil {
			t.Errorf("the same nights twice: objects differ: %v", keys)
		}
	}
}

// comparable leaves out what two lakes of the same nights may differ in: state, which holds fingerprints of the folders
// that the sources are in, leases, which name their holders, and the order of the rows in quarantine, since files are read at the same time.
func comparing(objects map[string][]byte) map[string][]byte {
	for key, data := range objects {
		switch {
		case strings.HasPrefix(key, "state/"), strings.HasPrefix(key, "lease/"):
			delete(objects, key)
		case strings.HasPrefix(key, "quarantine/"):
			lines := strings.Split(string(data), "\n")
			slices.Sort(lines)
			objects[key] = []byte(strings.Join(lines, "\n"))
		}
	}
	return objects
}

// report fails the test when the objects differ, and shows the first rows that do.
func report(t *testing.T, name string, want, got map[string][]byte) {
	t.Helper()
	for _, key := range differing(want, got) {
		a, b := rowsOf(t, key, want[key]), rowsOf(t, key, got[key])
		t.Errorf("%s: %s differs:\n  incremental %d rows, other %d rows\n%s", name, key, len(a), len(b), diff(a, b))
	}
}

func rowsOf(t *testing.T, key string, data []byte) (rows []string) {
	t.Helper()
	if strings.HasSuffix(key, ".zip") {
		return cellsOf(t, key, data)
	}
	if strings.HasPrefix(key, "audit_log.") {
		return strings.Split(string(data), "\n")
	}
	table, _, _ := strings.Cut(key, "/")
	def, ok := dictionary.LogTable(table)
	if !ok {
		t.Fatalf("no log %q", table)
	}
	for rec, err := range parquetfile.Scan(bytes.NewReader(data), int64(len(data)), def, nil) {
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		rows = append(rows, rowtest.Text(rec)...)
		rec.Release()
	}
	return rows
}

// cellsOf returns the rows of all sheets of all workbooks in a zip.
func cellsOf(t *testing.T, key string, data []byte) (rows []string) {
	t.Helper()
	files, err := archive.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	for _, f := range files {
		book, err := excelize.OpenReader(io.NewSectionReader(f.Content, 0, f.Size))
		if err != nil {
			t.Fatalf("%s: %s: %v", key, f.Name, err)
		}
		for _, sheet := range book.GetSheetList() {
			cells, err := book.GetRows(sheet)
			if err != nil {
				t.Fatalf("%s: %s: %s: %v", key, f.Name, sheet, err)
			}
			for _, row := range cells {
				rows = append(rows, f.Name+"|"+sheet+"|"+strings.Join(row, "|"))
			}
		}
	}
	return rows
}

func diff(a, b []string) string {
	count := map[string]int{}
	for _, r := range a {
		count[r]++
	}
	for _, r := range b {
		count[r]--
	}
	var lines []string
	for r, n := range count {
		if n != 0 && len(lines) < 10 {
			lines = append(lines, fmt.Sprintf("  %+d %s", n, r))
		}
	}
	return strings.Join(lines, "\n")
}

// nightly is a world that changes from night to night, by a seed.
type nightScenario struct {
	w      *world
	rng    *rand.Rand
	date   calendar.Date
	nights int
	left   int
	next   int // event id
	lost   bool
	steady bool // the tables of the integration domain stay as they are
	told   []string
	since  time.Time // of the night before
	moment time.Time
}

var starts = []calendar.Date{
	calendar.Civil(2024, 2, 28), calendar.Civil(2025, 3, 8), calendar.Civil(2025, 4, 5), calendar.Civil(2025, 10, 4),
	calendar.Civil(2025, 11, 1), calendar.Civil(2025, 12, 31), calendar.Civil(2026, 11, 20),
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func newScenario(t *testing.T, seed uint64, order *rand.Rand) *nightScenario {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(t, pick(r, "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati", "UTC"))
	w.order = order
	w.settings = "quality: { max_rejected_ratio: 1 }\n"
	s := &nightScenario{w: w, rng: r, left: 3 + r.IntN(3), date: pick(r, starts...)}
	if r.IntN(4) == 0 {
		w.settings += fmt.Sprintf("history_start: %s\n", s.date.AddDays(-pick(r, 30, 380)))
	}
	if r.IntN(2) == 0 {
		w.integrate()
	}
	if seed%3 != 1 {
		w.watch()
	}
	for _, e := range w.streams() {
		e.mode = pick(r, lookback, lookback, arrival, arrivalDay, dated, dated, undated)
		e.lookback, e.format = pick(r, 0, 1, 3), pick(r, "csv", "jsonl")
	}
	return s
}

func (s *nightScenario) over() bool { return s.left == 0 }

// at is the instant of the run, some time into the night.
func (s *nightScenario) at() time.Time { return s.moment }

func (s *nightScenario) tell(format string, args ...any) {
	s.told = append(s.told, fmt.Sprintf("night %d: ", s.nights)+fmt.Sprintf(format, args...))
}
