package figures

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// A lake in which nothing was published yet says so, and what comes later is found.
func TestEmptyLake(t *testing.T) {
	f := newFixture(t)
	r := f.reader(Options{})
	ctx := t.Context()
	questions := map[string]func() error{
		"Snapshot":   func() error { _, err := r.Snapshot(ctx); return err },
		"Usage":      func() error { _, err := r.Usage(ctx, Query{}); return err },
		"Workspaces": func() error { _, err := r.Workspaces(ctx); return err },
		"Audit":      func() error { _, err := r.Audit(ctx, AuditQuery{}); return err },
		"Archives":   func() error { _, err := r.Archives(ctx, ArchivesQuery{}); return err },
		"AuditRecords": func() error {
			for _, err := range r.AuditRecords(ctx, AuditQuery{}) {
				return err
			}
			return nil
		},
	}
	for name, ask := range questions {
		if err := ask(); !errors.Is(err, lake.ErrNoSnapshot) {
			t.Errorf("%s: %v, expected ErrNoSnapshot", name, err)
		}
	}
	if err := r.Ready(ctx); err != nil {
		t.Errorf("not ready: %v", err)
	}
	if page, err := r.Runs(ctx, RunsQuery{}); err != nil || len(page.Runs) != 0 {
		t.Errorf("runs %+v, %v", page, err)
	}
	f.publish(published{date: "2026-11-21", logs: usageLogs(nil, nil, nil)})
	f.pass(5 * time.Second)
	u, err := r.Usage(ctx, Query{})
	f.must(err)
	if u.Snapshot.Date != "2026-11-21" || u.Totals.Generations != 0 || len(u.Weeks) != 53 || len(u.Heatmap.Months) != 13 ||
		len(u.Features) != 7 || u.Users != nil || u.Agents != nil {
		t.Errorf("usage of empty logs: %+v", u)
	}
	if _, ok := u.Rate(); ok {
		t.Error("a rate without licences")
	}
	if _, ok := u.Totals.IQAdoption(); ok {
		t.Error("an adoption without generations")
	}
	all, err := r.Workspaces(ctx)
	if err != nil || all == nil || len(all) != 0 {
		t.Errorf("workspaces %v, %v", all, err)
	}
	if _, err := r.Audit(ctx, AuditQuery{}); !errors.Is(err, ErrNotPublished) {
		t.Errorf("audit: %v, expected ErrNotPublished", err)
	}
}

// A snapshot with an audit log alone has no usage, and one with an empty audit log an empty page.
func TestAuditAlone(t *testing.T) {
	f := newFixture(t)
	f.publish(published{date: "2026-11-21", logs: map[*dictionary.Table][]row{dictionary.AuditLog: {}}})
	r := f.reader(Options{})
	if _, err := r.Usage(t.Context(), Query{}); !errors.Is(err, ErrNotPublished) {
		t.Errorf("usage: %v, expected ErrNotPublished", err)
	}
	page, err := r.Audit(t.Context(), AuditQuery{})
	f.must(err)
	if len(page.Events) != 0 || page.Total != 0 || page.First != 0 || page.Older != "" || page.Newer != "" || len(page.Actions) != 9 {
		t.Errorf("page %+v", page)
	}
	for rec, err := range r.AuditRecords(t.Context(), AuditQuery{}) {
		t.Errorf("a record %v, %v", rec, err)
	}
	if all, err := r.Workspaces(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("workspaces %v, %v", all, err)
	}
}

// While a new snapshot is loaded the old one answers; then the new one does. Both come from whole snapshots.
func TestNewSnapshotInBackground(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	day := lake.Date("2026-11-10")
	f.publish(published{date: "2026-11-20", logs: usageLogs(nil, nil, []row{generation("w", "u", day, 1)})})
	r := f.reader(Options{})
	ask := func(date lake.Date) {
		t.Helper()
		u, err := r.Usage(ctx, Query{})
		f.must(err)
		if want := map[lake.Date]int64{"2026-11-20": 1, "2026-11-21": 2}[date]; u.Snapshot.Date != date || u.Totals.Generations != want {
			t.Fatalf("snapshot of %s with %d generations, expected that of %s", u.Snapshot.Date, u.Totals.Generations, date)
		}
	}
	ask("2026-11-20")
	f.publish(published{date: "2026-11-21", logs: usageLogs(nil, nil, []row{generation("w", "u", day, 2)})})
	f.pass(4 * time.Second)
	before := f.calls.Load()
	ask("2026-11-20")
	if r.work.Wait(); f.calls.Load() != before {
		t.Errorf("latest.json was looked at again before its time")
	}
	loading, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	hook := func(c sinktest.Call) error {
		if c.Key == "data/"+lake.LogPart("generation_log", "2026-11-21", 0) {
			once.Do(func() { close(loading) })
			<-release
		}
		return nil
	}
	f.hook.Store(&hook)
	f.pass(time.Second)
	ask("2026-11-20") // and looks
	r.work.Wait()
	ask("2026-11-20") // and loads
	<-loading
	ask("2026-11-20")
	close(release)
	r.work.Wait()
	ask("2026-11-21")
}

// The first request waits for the figures as long as its context lasts; loading goes on without it.
func TestFirstRequestGivesUp(t *testing.T) {
	f := newFixture(t)
	f.publish(published{date: "2026-11-21", logs: usageLogs(nil, nil, []row{generation("w", "u", "2026-11-10", 3)})})
	r := f.reader(Options{})
	blocked, release := make(chan struct{}, 100), make(chan struct{})
	hook := func(c sinktest.Call) error {
		if c.Key == "data/"+lake.LogPart("user_log", "2026-11-21", 0) {
			blocked <- struct{}{}
			<-release
		}
		return nil
	}
	f.hook.Store(&hook)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := r.Usage(ctx, Query{})
		failed <- err
	}()
	<-blocked
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, expected the context's error", err)
	}
	close(release)
	u, err := r.Usage(t.Context(), Query{})
	if err != nil || u.Totals.Generations != 3 {
		t.Errorf("%+v, %v", u, err)
	}
}

// Many first requests load the snapshot once.
func TestLoadedOnce(t *testing.T) {
	f := newFixture(t)
	f.publish(published{date: "2026-11-21", logs: usageLogs(nil, nil, []row{generation("w", "u", "2026-11-10", 3)})})
	r := f.reader(Options{})
	var opened []string
	var mu sync.Mutex
	hook := func(c sinktest.Call) error {
		mu.Lock()
		defer mu.Unlock()
		if c.Op == sinktest.Attributes {
			opened = append(opened, c.Key)
		}
		return nil
	}
	f.hook.Store(&hook)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if u, err := r.Usage(t.Context(), Query{}); err != nil || u.Totals.Generations != 3 {
				t.Errorf("%+v, %v", u, err)
			}
		})
	}
	wg.Wait()
	slices.Sort(opened)
	if n := len(opened); n != 4 || n != len(slices.Compact(opened)) {
		t.Errorf("files were opened: %q, expected four, once", opened)
	}
}

// While the bucket is away, what is loaded answers and says how old it is; what is not is unavailable. Then all is well again.
func TestBucketAway(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.publish(published{date: "2026-11-21", logs: usageLogs(nil, nil, []row{generation("w", "u", "2026-11-10", 3)})})
	f.away.Store(true)
	r := f.reader(Options{})
	for range 3 {
		if _, err := r.Usage(ctx, Query{}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errAway) && !errors.Is(err, lake.ErrUnreachable) {
			t.Errorf("%v, expected ErrUnavailable with its cause", err)
		}
	}
	if n := f.calls.Load(); n != 1 {
		t.Errorf("the bucket was asked %d times within the five seconds", n)
	}
	if err := r.Ready(ctx); !errors.Is(err, ErrUnavailable) {
		t.Errorf("ready: %v", err)
	}
	if _, err := r.Runs(ctx, RunsQuery{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("runs: %v", err)
	}
	f.away.Store(false)
	f.pass(5 * time.Second)
	u, err := r.Usage(ctx, Query{})
	f.must(err)
	seen := f.now()
	if !u.Snapshot.Seen.Equal(seen) {
		t.Errorf("seen %s, expected %s", u.Snapshot.Seen, seen)
	}
	f.must(r.Ready(ctx))
	f.away.Store(true)
	f.pass(2 * time.Minute)
	u, err = r.Usage(ctx, Query{})
	if err != nil || u.Totals.Generations != 3 || !u.Snapshot.Seen.Equal(seen) {
		t.Errorf("away: %+v, %v", u, err)
	}
	if err := r.Ready(ctx); !errors.Is(err, ErrUnavailable) {
		t.Errorf("ready while away: %v", err)
	}
	if _, err := r.Audit(ctx, AuditQuery{}); !errors.Is(err, ErrNotPublished) {
		t.Errorf("audit, which the snapshot lacks: %v", err)
	}
	f.away.Store(false)
	f.pass(2 * time.Minute)
	u, err = r.Usage(ctx, Query{})
	if err != nil || !u.Snapshot.Seen.After(seen) {
		t.Errorf("back: %+v, %v", u, err)
	}
}

// A snapshot whose files are not those of its manifest is not shown; the old one goes on, and the sound one follows.
func TestDamagedSnapshot(t *testing.T) {
	for name, damage := range map[string]func(f *fixture, p *published){
		"another run": func(_ *fixture, p *published) { p.wrong = "run-of-another" },
		"another day": func(_ *fixture, p *published) {
			p.logs[dictionary.GenerationLog] = []row{generation("w", "u", "2024-11-10", 2)}
		},
		"not sorted": func(_ *fixture, p *published) {
			p.logs[dictionary.GenerationLog] = []row{
				generation("w", "u", "2026-11-10", 1), generation("x", "u", "2026-11-10", 1), generation("w", "u", "2026-11-11", 1)}
		},
	} {
		t.Run(name, func(t *testing.T) { testDamagedSnapshot(t, damage) })
	}
}

func testDamagedSnapshot(t *testing.T, damage func(f *fixture, p *published)) {
	f := newFixture(t)
	good := published{date: "2026-11-20", logs: usageLogs(nil, nil, []row{generation("w", "u", "2026-11-10", 1)})}
	f.publish(good)
	bad := published{date: "2026-11-21", logs: usageLogs(nil, nil, []row{generation("w", "u", "2026-11-10", 2)})}
	damage(f, &bad)
	r := f.reader(Options{})
	_, err := r.Usage(t.Context(), Query{})
	f.must(err)
	f.publish(bad)
	f.pass(2 * time.Minute)
	for range 4 {
		r.work.Wait()
		u, err := r.Usage(t.Context(), Query{})
		if err != nil || u.Snapshot.Date != "2026-11-20" {
			t.Fatalf("%+v, %v", u, err)
		}
	}
	fresh := f.reader(Options{})
	for i := range 3 {
		before := f.calls.Load()
		if _, err := fresh.Usage(t.Context(), Query{}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%v, expected ErrUnavailable", err)
		}
		if i > 0 && f.calls.Load() != before {
			t.Error("it was tried again at once")
		}
	}
	good.date, good.run = "2026-11-21", "run-again"
	f.publish(good)
	for range 3 {
		f.pass(6 * time.Second)
		_, err := r.Usage(t.Context(), Query{})
		f.must(err)
		r.work.Wait()
	}
	if u, err := r.Usage(t.Context(), Query{}); err != nil || u.Snapshot.RunID != "run-again" {
		t.Errorf("the sound snapshot does not answer: %+v, %v", u, err)
	}
}

// When the newest run makes no audit log any more, there is none, rather than that of an older run.
func TestLogNoLongerMade(t *testing.T) {
	f := newFixture(t)
	f.publish(published{date: "2026-11-20", logs: map[*dictionary.Table][]row{dictionary.AuditLog: {}}})
	r := f.reader(Options{})
	_, err := r.Audit(t.Context(), AuditQuery{})
	f.must(err)
	f.publish(published{date: "2026-11-21", logs: usageLogs(nil, nil, nil)})
	f.pass(2 * time.Minute)
	_, err = r.Audit(t.Context(), AuditQuery{}) // begins to load
	f.must(err)
	r.work.Wait()
	for range 2 {
		if _, err := r.Audit(t.Context(), AuditQuery{}); !errors.Is(err, ErrNotPublished) {
			t.Errorf("%v, expected ErrNotPublished", err)
		}
		f.pass(6 * time.Second)
	}
}

// While the sources of the audit log are down for a night, that of the last run that made one is shown, and says so.
func TestLogMissingForANight(t *testing.T) {
	f := newFixture(t)
	logs := usageLogs(nil, nil, nil)
	logs[dictionary.AuditLog] = []row{{"event_id": "e"}}
	f.publish(published{date: "2026-11-19", logs: logs})
	delete(logs, dictionary.AuditLog)
	missing := lake.Domain{Name: "audit", Status: lake.DomainMissing, Reason: "down", Since: "2026-11-20", Last: "2026-11-19"}
	f.publish(published{date: "2026-11-21", logs: logs, parted: []lake.Domain{{Name: "usage", Status: lake.DomainPublished}, missing}})
	r := f.reader(Options{})
	before := int64(0)
	for range 3 {
		page, err := r.Audit(t.Context(), AuditQuery{})
		f.must(err)
		if page.Snapshot.Date != "2026-11-19" || page.Total != 1 {
			t.Errorf("%+v", page)
		}
		r.work.Wait()
		if calls := f.calls.Load(); before != 0 && calls != before {
			t.Error("it was loaded again")
		} else {
			before = calls
		}
	}
	if u, err := r.Usage(t.Context(), Query{}); err != nil || u.Snapshot.Date != "2026-11-21" {
		t.Errorf("%+v, %v", u, err)
	}
	missing.Since, missing.Last = "2020-01-02", "2020-01-01"
	f.publish(published{date: "2026-11-22", logs: logs, parted: []lake.Domain{missing}})
	if _, err := f.reader(Options{}).Audit(t.Context(), AuditQuery{}); !errors.Is(err, ErrNotPublished) {
		t.Errorf("%v, expected ErrNotPublished", err)
	}
}

// A cube beyond its bound is refused; everything else goes on.
func TestTooLarge(t *testing.T) {
	f := newFixture(t)
	f.publish(published{date: "2026-11-21", logs: usageLogs(nil, nil, []row{generation("w", "u", "2026-11-10", 3)}), zips: []string{"Usage Logs.zip"}})
	r := f.reader(Options{MaxBytes: 10})
	for range 2 {
		if _, err := r.Usage(t.Context(), Query{}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v, expected ErrTooLarge", err)
		}
		f.pass(6 * time.Second)
	}
	hook := func(c sinktest.Call) error {
		if strings.Contains(c.Key, "/logs/") {
			t.Errorf("%+v: it will not become smaller", c)
		}
		return nil
	}
	f.hook.Store(&hook)
	r.follow(t.Context())
	r.work.Wait()
	if _, err := r.Workspaces(t.Context()); err != nil {
		t.Error(err)
	}
	if a, err := r.Archives(t.Context(), ArchivesQuery{}); err != nil || len(a.Newest) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

// Queries that make no sense are refused, with what is wrong with them.
func TestBadQueries(t *testing.T) {
	f := newFixture(t)
	f.publish(published{date: "2026-11-21", logs: usageLogs(nil, nil, nil)})
	r := f.reader(Options{})
	for _, q := range []Query{
		{From: "2026-02-30"}, {To: "x"}, {From: "2026-11-02", To: "2026-11-01"}, {From: "2026-11-21"}, {To: "2025-11-20"},
		{From: "2020-01-01", To: "2020-02-01"}, {Top: -1}, {Top: MaxTop + 1},
	} {
		if _, err := r.Usage(t.Context(), q); !errors.Is(err, ErrQuery) {
			t.Errorf("%+v: %v, expected ErrQuery", q, err)
		}
	}
	u, err := r.Usage(t.Context(), Query{From: "2020-01-01", To: "2030-01-01"})
	if err != nil || u.From != "2025-11-21" || u.To != "2026-11-20" {
		t.Errorf("a range beyond the year: %+v, %v", u, err)
	}
}

// Answers are kept, a bounded number of them, those least recently asked for are let go.
func TestAnswersAreKept(t *testing.T) {
	var a answers
	for i := range maxAnswers + 10 {
		a.put(fmt.Sprint(i), &Usage{Licences: int64(i)})
		a.put(fmt.Sprint(i), &Usage{Licences: int64(i)})
		if u, ok := a.get("0"); !ok || u.Licences != 0 {
			t.Fatalf("after %d: the one that is asked for all the time is gone", i)
		}
	}
	if len(a.byKey) != maxAnswers || len(a.order) != maxAnswers {
		t.Errorf("%d answers in %d places, expected %d", len(a.byKey), len(a.order), maxAnswers)
	}
	if _, ok := a.get("1"); ok {
		t.Error("the oldest answer is still there")
	}
	if _, ok := a.get(fmt.Sprint(maxAnswers + 9)); !ok {
		t.Error("the newest answer is not there")
	}
}

// Follow loads what is there, and what comes, without any request, and ends with its context.
func TestFollow(t *testing.T) {
	f := newFixture(t)
	r := f.reader(Options{})
	events := []row{{"event_id": "e", "occurred_at": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "action": "member.added"}}
	r.follow(t.Context()) // nothing is there
	for _, date := range []lake.Date{"2026-11-20", "2026-11-21"} {
		logs := usageLogs(nil, nil, []row{generation("w", "u", "2026-11-10", 1)})
		logs[dictionary.AuditLog] = events
		f.publish(published{date: date, logs: logs})
		for range 2 { // looks, then loads
			f.pass(time.Minute)
			r.follow(t.Context())
			r.work.Wait()
		}
		usage, audit := r.usage.current(), r.audit.current()
		if usage.manifest.SnapshotDate != date || audit.manifest.SnapshotDate != date {
			t.Errorf("loaded are %s and %s, expected %s", usage.manifest.SnapshotDate, audit.manifest.SnapshotDate, date)
		}
		usage.value.drop()
		audit.value.drop()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Follow(ctx, time.Hour)
}

// Closing cuts loading short and keeps nothing of it.
func TestClosedWhileLoading(t *testing.T) {
	f := newFixture(t)
	f.publish(published{date: "2026-11-21", parts: 3, logs: map[*dictionary.Table][]row{dictionary.AuditLog: {
		{"event_id": "a"}, {"event_id": "b"}, {"event_id": "c"}}}})
	r := f.reader(Options{})
	loading, release := make(chan struct{}), make(chan struct{})
	hook := func(c sinktest.Call) error {
		if c.Op == sinktest.Attributes && c.Key == "data/"+lake.LogPart("audit_log", "2026-11-21", 2) {
			close(loading)
			<-release
		}
		return nil
	}
	f.hook.Store(&hook)
	failed := make(chan error)
	go func() {
		_, err := r.Audit(t.Context(), AuditQuery{})
		failed <- err
	}()
	<-loading
	closed := make(chan struct{})
	go func() { defer close(closed); r.Close() }()
	<-r.closed
	close(release)
	if err := <-failed; !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v, expected ErrUnavailable", err)
	}
	<-closed
}

// A closed Reader answers nothing new and keeps no memory.
func TestClosed(t *testing.T) {
	f := newFixture(t)
	f.publish(published{date: "2026-11-21", logs: usageLogs(nil, nil, nil)})
	r := f.reader(Options{})
	r.Close()
	r.Close()
	if _, err := r.Usage(t.Context(), Query{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v, expected ErrUnavailable", err)
	}
}
