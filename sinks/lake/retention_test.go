package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"pgregory.net/rapid"
)

// aged is a small snapshot so many days before day3.
func aged(days int) snapshot {
	date := Date(day3.Time().AddDate(0, 0, -days).Format(time.DateOnly))
	return snapshot{
		run: "run-" + string(date), date: date, parts: map[string]int{"user_log": 1, "generation_log": 2},
		reports: []string{"Usage Logs.zip"}, audit: true,
	}
}

// retain is what a run does after it published.
func retain(ctx context.Context, l *Lake, p Retention) (out *Retained, err error) {
	s, err := l.Acquire(ctx, "retention")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Release(ctx)) }()
	return s.Retain(ctx, p)
}

// putAged puts what stands beside a snapshot for a day: quarantine, a record, a quality report and an access.
func putAged(ctx context.Context, l *Lake, date Date) error {
	id := date.Time().Format("20060102T150405Z") + "-" + string(date)
	if err := l.PutRun(ctx, id, &RunRecord{RunID: id}); err != nil {
		return err
	}
	if err := l.PutQuality(ctx, &Quality{RunID: id}); err != nil {
		return err
	}
	if err := l.put(ctx, AccessDir(date)+"one.json", jsonType, []byte("{}\n")); err != nil {
		return err
	}
	return l.put(ctx, QuarantineKey(date, "logins"), "application/jsonl", []byte("{}\n"))
}

func TestRetain(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, b *blob.Bucket) {
		ctx := t.Context()
		if out, err := retain(ctx, l, Retention{SnapshotsDays: 1}); err != nil || !out.Nothing() {
			t.Errorf("an empty lake: %+v, %v", out, err)
		}
		for i, days := range []int{40, 21, 20, 10, 9, 0} {
			s := aged(days)
			p, err := l.Begin(ctx, s.info())
			must(t, err)
			must(t, s.stage(ctx, p))
			must(t, stageDigest(ctx, p, int64(i+1)))
			must(t, p.Publish(ctx, s.manifest()))
			must(t, putAged(ctx, l, s.date))
		}
		before := inspect(t, b, l.prefix)
		if out, err := retain(ctx, l, Retention{}); err != nil || !out.Nothing() {
			t.Errorf("without a policy: %+v, %v", out, err)
		}
		if after := inspect(t, b, l.prefix); !maps.EqualFunc(before, after, bytes.Equal) {
			t.Error("without a policy something changed")
		}

		policy := Retention{SnapshotsDays: 9, ReportsDays: 20, QuarantineDays: 10, RunsDays: 20, AccessDays: 39}
		out, err := retain(ctx, l, policy)
		must(t, err)
		after := inspect(t, b, l.prefix)
		if !slices.Equal(out.Thinned, []Date{aged(20).date, aged(10).date}) || !slices.Equal(out.Expired, []Date{aged(40).date, aged(21).date}) {
			t.Errorf("thinned %v, expired %v", out.Thinned, out.Expired)
		}
		objects := int64(len(before) - len(after))
		if sum := out.Snapshots.Objects + out.Quarantine.Objects + out.Runs.Objects + out.Access.Objects; sum != objects {
			t.Errorf("%d objects are gone, %+v told", objects, out)
		}
		if out.Newest != day3 || out.Quarantine.Objects != 3 || out.Runs.Objects != 4 || out.Access.Objects != 1 || out.Access.Bytes != 3 {
			t.Errorf("%+v", out)
		}
		dates, err := l.Dates(ctx)
		must(t, err)
		if want := []Date{aged(20).date, aged(10).date, aged(9).date, day3}; !slices.Equal(dates, want) {
			t.Errorf("dates %v, want %v", dates, want)
		}
		for _, date := range dates {
			if _, err := l.Verify(ctx, date); err != nil {
				t.Error(err)
			}
		}
		m, err := l.Manifest(ctx, aged(10).date)
		must(t, err)
		if len(m.Logs) != 0 || len(m.Objects) != 2 || !slices.Contains(m.Warnings, thinned) {
			t.Errorf("the thinned manifest: %+v", m)
		}
		if digests, err := l.Digests(ctx); err != nil || len(digests) != 6 {
			t.Errorf("digests %v, %v", digests, err)
		}
		for key := range after {
			if strings.Contains(key, string(aged(40).date)) {
				t.Errorf("%s is left", key)
			}
		}
		out, err = retain(ctx, l, policy)
		if err != nil || !out.Nothing() {
			t.Errorf("again: %+v, %v", out, err)
		}
	})
}

// TestRetainRefuses: what would break a promise is not begun.
func TestRetainRefuses(t *testing.T) {
	l, _, _ := fileLake(t)
	must(t, first.publish(t.Context(), l))
	for _, p := range []Retention{{SnapshotsDays: -1}, {AccessDays: -1}, {ReportsDays: 5}, {SnapshotsDays: 6, ReportsDays: 5}} {
		if _, err := retain(t.Context(), l, p); err == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
	s, err := l.Acquire(t.Context(), "lost")
	must(t, err)
	must(t, s.Release(t.Context()))
	if _, err := s.Retain(t.Context(), Retention{SnapshotsDays: 1}); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("without a lease: %v", err)
	}
}

// TestRetainSkipsDamaged: a manifest that cannot be read is told, and the others are thinned all the same.
func TestRetainSkipsDamaged(t *testing.T) {
	l, b, _ := fileLake(t)
	for _, days := range []int{9, 8, 0} {
		must(t, aged(days).publish(t.Context(), l))
	}
	good := inspect(t, b, l.prefix)[ManifestKey(aged(9).date)]
	must(t, l.put(t.Context(), ManifestKey(aged(9).date), jsonType, []byte("{")))
	out, err := retain(t.Context(), l, Retention{SnapshotsDays: 5})
	if !errors.Is(err, ErrCorrupt) || !slices.Equal(out.Thinned, []Date{aged(8).date}) {
		t.Errorf("%+v, %v", out, err)
	}
	must(t, l.put(t.Context(), ManifestKey(aged(9).date), jsonType, good))
	if _, err := l.Verify(t.Context(), aged(9).date); err != nil {
		t.Error(err)
	}
}

// TestRetainAnywhere cuts retention off at a random step, for random snapshots and policies. Whatever manifest stands then
// names what stands (I10), nothing young is gone, and the next attempt ends where an undisturbed one does.
func TestRetainAnywhere(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ages := rapid.SliceOfNDistinct(rapid.IntRange(1, 30), 1, 4, rapid.ID[int]).Draw(r, "ages")
		var p Retention
		p.SnapshotsDays = rapid.IntRange(0, 25).Draw(r, "snapshots")
		if p.SnapshotsDays > 0 && rapid.Bool().Draw(r, "reports end") {
			p.ReportsDays = p.SnapshotsDays + rapid.IntRange(0, 10).Draw(r, "reports")
		}
		p.QuarantineDays, p.RunsDays = rapid.IntRange(0, 25).Draw(r, "quarantine"), rapid.IntRange(0, 25).Draw(r, "runs")
		bare := rapid.Bool().Draw(r, "without reports")
		cut := rapid.IntRange(1, 60).Draw(r, "cut")

		fill := func() (*Lake, *blob.Bucket) {
			b := memblob.OpenBucket(nil)
			l, err := New(b, "mem", "p")
			must(t, err)
			for _, days := range append(slices.Clone(ages), 0) {
				s := aged(days)
				if bare {
					s.reports = nil
				}
				must(t, s.publish(t.Context(), l))
				must(t, putAged(t.Context(), l, s.date))
			}
			return l, b
		}
		l, b := fill()
		defer func() { must(t, b.Close()) }()
		_, err := retain(t.Context(), l, p)
		must(t, err)
		want := inspect(t, b, l.prefix)
		for _, days := range append(ages, 0) {
			date := aged(days).date
			_, manifest := want[ManifestKey(date)]
			_, rows := want[LogPart("user_log", date, 0)]
			_, zip := want[ReportKey(date, "Usage Logs.zip")]
			fresh := p.SnapshotsDays == 0 || days <= p.SnapshotsDays
			zipped := !bare && (fresh || p.ReportsDays == 0 || days <= p.ReportsDays)
			if rows != fresh || zip != zipped || manifest != (fresh || zipped) {
				r.Errorf("%d days old, %+v: rows %t, zip %t, manifest %t", days, p, rows, zip, manifest)
			}
		}

		l, b2 := fill()
		defer func() { must(t, b2.Close()) }()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var steps atomic.Int64
		l.hook = func(string) {
			if steps.Add(1) == int64(cut) {
				cancel()
			}
		}
		_, cutErr := retain(ctx, l, p)
		l.hook = nil
		inspect(t, b2, l.prefix) // I10
		must(t, l.BreakLease(t.Context()))
		if _, err := l.Recover(t.Context()); err != nil {
			r.Fatal(err)
		}
		if _, err := retain(t.Context(), l, p); err != nil {
			r.Fatalf("after %v: %v", cutErr, err)
		}
		if got := inspect(t, b2, l.prefix); !maps.EqualFunc(got, want, bytes.Equal) {
			r.Errorf("cut off at step %d, it ends with\n%q, want\n%q", cut, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		dates, err := l.Dates(t.Context())
		must(t, err)
		for _, date := range dates {
			if _, err := l.Verify(t.Context(), date); err != nil {
				r.Error(err)
			}
		}
	})
}

func TestDayOfRun(t *testing.T) {
	for id, want := range map[string]string{
		"20261121T023000Z-2026-11-20": "2026-11-21", "20261121": "2026-11-21", "2026112": "", "20261341T023000Z": "", "manual": "", "": "",
	} {
		if day, ok := dayOfRun(id); ok != (want != "") || ok && string(day) != want {
			t.Errorf("%q: %s, %t", id, day, ok)
		}
	}
}

func ExampleRetention_Expires() {
	p := Retention{SnapshotsDays: 30}
	fmt.Println(p.Expires("2026-10-21", "2026-11-20"), p.Expires("2026-10-20", "2026-11-20"))
	// Output: false true
}

// TestRetainWithoutLease: a run whose lease is taken over while it retains changes no manifest any more, and deletes nothing (I9, I10).
func TestRetainWithoutLease(t *testing.T) {
	for _, step := range []string{"thinning", "thinned", "expired"} {
		t.Run(step, func(t *testing.T) {
			l, b, _ := fileLake(t)
			for _, days := range []int{30, 10, 0} {
				must(t, aged(days).publish(t.Context(), l))
			}
			successor, err := New(b, "successor", l.prefix)
			must(t, err)
			successor.local = l.local
			var left map[string][]byte
			l.hook = func(s string) {
				if !strings.HasPrefix(s, step) || left != nil {
					return
				}
				must(t, successor.BreakLease(t.Context()))
				_, err := successor.Recover(t.Context())
				must(t, err)
				left = inspect(t, b, l.prefix)
			}
			_, err = retain(t.Context(), l, Retention{SnapshotsDays: 5, ReportsDays: 20})
			if !errors.Is(err, ErrLeaseLost) || left == nil {
				t.Errorf("got %v", err)
			}
			if got := inspect(t, b, l.prefix); !maps.EqualFunc(got, left, bytes.Equal) {
				t.Error("it went on")
			}
		})
	}
}
