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
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // of the deliveries
	"gocloud.dev/blob/memblob"
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

// seed decides on what happens in the year.
var seed = flag.Uint64("seed", 1, "seed of TestYear")

const catchUp = 7

// The clock of a bubble begins with the year 2000, which has a 29 February.
func TestYear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Logf("seed %d", *seed)
		y := newYear(t, *nights)
		y.live(t)
		y.retained(t)
		y.bounded(t)
	})
}

// year is a company, its lake, and the program that stays up.
type year struct {
	*company
	nights  int
	bucket  *blob.Bucket // the lake
	lake    *lake.Lake   // the same, as the program reaches it
	outage  outages
	tell    *log
	figures []figures
}

func newYear(t *testing.T, nights int) *year {
	y := &year{company: newCompany(t, nights), nights: nights, bucket: memblob.OpenBucket(nil), tell: newLog()}
	y.outage.plan(nights)
	t.Cleanup(func() { _ = y.bucket.Close() })
	reached := sinktest.Wrap(y.bucket, y.outage.fault)
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
			y.tell.ran(date, y.outage.now(), err)
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

// live lets the nights pass. Night n begins with what happens at noon before it, and ends at noon after it.
func (y *year) live(t *testing.T) {
	time.Sleep(12 * time.Hour)
	y.day(t, 0)
	stop := y.serve(t)
	defer func() { stop() }()
	zero := calendar.Of(time.Now(), time.UTC) + 1 // the day before is made at once
	noon := func(night int) {
		time.Sleep(time.Until((zero + calendar.Date(night)).Start(time.UTC).Add(12 * time.Hour)))
		synctest.Wait()
	}
	noon(0)
	running := true
	for n := 1; n <= y.nights && !t.Failed(); n++ {
		what := y.outage.nights[n]
		if running == (what == stopped) {
			if running {
				stop()
			} else {
				stop = y.serve(t)
				synctest.Wait() // it catches up before anything else happens: no file is written anew in the instant in which it is read
			}
			running = !running
		}
		y.day(t, n)
		y.download(t)
		y.trouble(t, what)
		noon(n)
		y.trouble(t, "")
		if slices.Contains([]int{30, 90, 180, y.nights}, n) {
			y.figures = append(y.figures, figures{fmt.Sprintf("night %d", n), measure(t, y.bucket), measure(t, y.compare(t))})
		}
	}
	stop()
	y.caughtUp(t, zero)
}

// download leaves a record of a download in the access trail.
func (y *year) download(t *testing.T) {
	if err := y.lake.PutAccess(t.Context(), lake.AccessRecord{Time: time.Now(), Kind: lake.AccessDownload, WhoID: "k1", Status: 200}); err != nil {
		t.Fatal(err)
	}
}

// compare makes the last night once more in a lake of its own, which reads everything at once, and returns that lake's bucket.
func (y *year) compare(t *testing.T) *blob.Bucket {
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
			t.Errorf("%s differs: %d bytes, read at once %d (see -artifacts)", key, len(got[key]), len(want[key]))
			keep(t, "lived/"+key, got[key])
			keep(t, "at-once/"+key, want[key])
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d objects, read at once %d", len(got), len(want))
	}
	if v, err := jobs.Verify(t.Context(), y.lake, "", y.scratch); err != nil {
		t.Errorf("verify: %+v, %v", v, err)
	}
	return fresh
}

// keep writes what differs into the folder of artifacts, which `go test -artifacts` does not delete.
func keep(t *testing.T, key string, data []byte) {
	path := filepath.Join(t.ArtifactDir(), filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
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
