// Package year_test lives through a year of nights with the scheduler, the real night and a clock that plays the days in
// milliseconds: events that come late and twice, two changes of schema, ten outages, people who turn out to be one person. At its end
// the lake holds the same bytes as one that has read everything at once, and no more state than that one. It tests no package of its
// own.
package year_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // of the deliveries
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"
	_ "modernc.org/sqlite" // the database is written with it, too

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/jobs/schedule"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// nights is how many there are: 365 in `make year`.
var nights = flag.Int("nights", 40, "nights of TestYear")

const catchUp = 7

// outage is a time without a night.
type outage struct {
	what string
	long int // in days of a year of 365
}

var outages = []outage{
	{databaseGone, 1}, {stopped, 2}, {lakeDown, 1}, {stopped, 3}, {deliveriesGone, 1}, {lakeDown, 2}, {databaseGone, 5}, {stopped, 1},
	{deliveriesGone, 1}, {stopped, 10},
}

// What an outage is.
const (
	stopped        = "the program is not running"
	lakeDown       = "the lake cannot be reached"
	databaseGone   = "the database cannot be reached"
	deliveriesGone = "the deliveries cannot be reached"
)

// The clock of a bubble begins with the year 2000, which has a 29 February.
func TestYear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYear(t, *nights)
		y.live(t)
		y.compare(t)
		y.bounded(t)
	})
}

// year is a company, its lake, and the program that stays up.
type year struct {
	*company
	nights  int
	bucket  *blob.Bucket // the lake
	lake    *lake.Lake   // the same, as the program reaches it
	down    atomic.Bool  // it cannot be reached
	tell    *log
	figures []figures
}

func newYear(t *testing.T, nights int) *year {
	y := &year{company: newCompany(t, nights), nights: nights, bucket: memblob.OpenBucket(nil), tell: new(log)}
	t.Cleanup(func() { _ = y.bucket.Close() })
	reached := sinktest.Wrap(y.bucket, func(sinktest.Call) sinktest.Fault {
		if y.down.Load() {
			return sinktest.Fault{Err: errors.New("connection refused"), Code: gcerrors.Unknown}
		}
		return sinktest.Fault{}
	})
	var err error
	if y.lake, err = lake.New(reached, "lake", ""); err != nil {
		t.Fatal(err)
	}
	return y
}

// night returns what runs the company's config into a lake.
func (y *year) night(t *testing.T, l *lake.Lake) (*jobs.Night, error) {
	cfg, err := config.Load(t.Context(), y.configFile(), config.Env{LookupEnv: os.LookupEnv, ReadFile: os.ReadFile, OpenVar: config.OpenVar})
	if err != nil {
		return nil, err
	}
	return &jobs.Night{Config: cfg, Lake: l, Log: slog.New(slog.DiscardHandler), Now: time.Now, Version: "test", Scratch: y.scratch, Mem: memory.NewGoAllocator()}, nil
}

// serve starts the program, and returns how to stop it.
func (y *year) serve(t *testing.T) (stop func()) {
	spec, err := config.ParseCron("30 2 * * *")
	if err != nil {
		t.Fatal(err)
	}
	s := &schedule.Scheduler{
		Times: schedule.NewTimes(spec, time.UTC, 0), CatchUpDays: catchUp, Deadline: 12 * time.Hour, Grace: 20 * time.Second, Now: time.Now,
		Published: y.published, Tell: func(schedule.Status) {}, Log: slog.New(slog.DiscardHandler),
		Kind: func(err error) schedule.Kind {
			switch jobs.ExitCode(err) {
			case jobs.ExitLease:
				return schedule.Held
			case jobs.ExitConfig, jobs.ExitData:
				return schedule.Hopeless
			}
			return schedule.Retry
		},
		Run: func(ctx context.Context, date calendar.Date) error {
			n, err := y.night(t, y.lake)
			if err != nil {
				return err
			}
			_, err = n.Run(ctx, jobs.Request{Date: &date})
			y.tell.ran(date, err)
			return err
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Serve(ctx) }()
	return func() { cancel(); <-ended }
}

func (y *year) published(ctx context.Context) ([]calendar.Date, error) {
	names, err := y.lake.Dates(ctx)
	var dates []calendar.Date
	for _, name := range names {
		d, parseErr := calendar.ParseDate(string(name))
		dates, err = append(dates, d), errors.Join(err, parseErr)
	}
	return dates, err
}

// live lets the nights pass.
func (y *year) live(t *testing.T) {
	began := calendar.Of(time.Now(), time.UTC)
	plan := y.plan()
	time.Sleep(12 * time.Hour)
	y.day(t, 0)
	stop := y.serve(t)
	defer func() { stop() }()
	running := true
	for n := 1; n <= y.nights; n++ {
		what := plan[n]
		if running == (what == stopped) {
			if running {
				stop()
			} else {
				stop = y.serve(t)
			}
			running = !running
		}
		y.day(t, n) // what happens before the night
		y.trouble(t, what)
		// At noon of the next day.
		time.Sleep(time.Until((began + calendar.Date(n)).Start(time.UTC).Add(12 * time.Hour)))
		synctest.Wait()
		y.trouble(t, "")
		if slices.Contains([]int{30, 90, 180, y.nights}, n) {
			y.figures = append(y.figures, y.measure(t, n))
		}
		if t.Failed() {
			break
		}
	}
	stop()
	y.caughtUp(t, began, plan)
}

// plan returns what is wrong in which night. The outages are spread over the nights, with enough after each to catch up.
func (y *year) plan() map[int]string {
	plan := map[int]string{}
	for i, o := range outages {
		first := (i + 1) * y.nights / (len(outages) + 1)
		for n := range max(1, o.long*y.nights/365) {
			plan[first+n] = o.what
		}
	}
	return plan
}

// trouble makes something unreachable, and everything else well.
func (y *year) trouble(t *testing.T, what string) {
	y.down.Store(what == lakeDown)
	for _, part := range []struct{ name, what string }{{"app.db", databaseGone}, {"events", deliveriesGone}} {
		path := filepath.Join(y.dir, part.name)
		from, to := path+".away", path
		if what == part.what {
			from, to = to, from
		}
		if err := os.Rename(from, to); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// caughtUp checks which dates are published: all of them but those that were further back than the program looks.
func (y *year) caughtUp(t *testing.T, began calendar.Date, plan map[int]string) {
	dates, err := y.published(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for n := 1; n <= y.nights; n++ {
		if !slices.Contains(dates, began+calendar.Date(n)) {
			if plan[n] == "" || n > y.nights-catchUp {
				t.Errorf("night %d, %s, is not published", n, began+calendar.Date(n))
			}
			lost++
		}
	}
	t.Logf("%d nights, %d of them with something wrong, %d published, %d too far back when all was well again\nruns: %s",
		y.nights, len(plan), len(dates), lost, y.tell)
}

// compare makes the last night once more in a lake of its own, which reads everything at once.
func (y *year) compare(t *testing.T) {
	last, err := y.lake.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fresh := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = fresh.Close() })
	l, err := lake.New(fresh, "fresh", "")
	if err != nil {
		t.Fatal(err)
	}
	n, err := y.night(t, l)
	if err != nil {
		t.Fatal(err)
	}
	date, err := calendar.ParseDate(string(last.SnapshotDate))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Run(t.Context(), jobs.Request{Date: &date, RunTime: last.RunTime}); err != nil {
		t.Fatal(err)
	}
	want, got := y.snapshot(t, fresh, date), y.snapshot(t, y.bucket, date)
	if len(want) < 8 {
		t.Errorf("a snapshot of %d objects only: %v", len(want), slices.Sorted(maps.Keys(want)))
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !bytes.Equal(want[key], got[key]) {
			t.Errorf("%s differs: %d bytes, read at once %d", key, len(got[key]), len(want[key]))
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d objects, read at once %d", len(got), len(want))
	}
	if v, err := jobs.Verify(t.Context(), y.lake, "", y.scratch); err != nil {
		t.Errorf("verify: %+v, %v", v, err)
	}
	y.figures = append(y.figures, measure(t, fresh, "at once"))
}

// snapshot returns what of a date is the same whenever it was made: but for the manifest, which says what was read for it.
func (y *year) snapshot(t *testing.T, b *blob.Bucket, date calendar.Date) map[string][]byte {
	found := map[string][]byte{}
	for key, data := range sinktest.Dump(t, b, "") {
		folder, _, _ := strings.Cut(key, "/")
		if slices.Contains([]string{"logs", "audit", "reports"}, folder) && strings.Contains(key, date.String()) || strings.HasPrefix(key, "reports/latest/") {
			found[key] = data
		}
	}
	return found
}

// log counts what became of the runs.
type log struct {
	mu     sync.Mutex
	counts map[string]int
}

func (l *log) ran(_ calendar.Date, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = map[string]int{}
	}
	what := "published"
	if err != nil {
		what, _, _ = strings.Cut(err.Error(), ";")
		if len(what) > 90 {
			what = what[:90] + "…"
		}
	}
	l.counts[what]++
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text strings.Builder
	for _, what := range slices.Sorted(maps.Keys(l.counts)) {
		fmt.Fprintf(&text, "\n%6d × %s", l.counts[what], what)
	}
	return text.String()
}
