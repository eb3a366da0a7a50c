package jobs_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// TestRetention lets nights go by with a policy: each publishes what it would without one, and old dates go.
func TestRetention(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	w.watch()
	w.settings = "schedule: { catch_up_days: 2 }\nretention: { snapshots_days: 3, reports_days: 5, quarantine_days: 2, runs_days: 60, access_days: 4 }\n"
	free, kept := newBucket(t), newWorld(t, "UTC")
	kept.watch()
	var rec *lake.RunRecord
	for night := range 8 {
		at := firstNight.AddDate(0, 0, night)
		day := at.AddDate(0, 0, -1).Format(time.DateOnly)
		for _, world := range []*world{w, kept} {
			world.gens.files[day+"/a.csv"] = []event{generation("g"+day, "u1", day+"T10:00:00Z"), {"event_id": "bad" + day}}
		}
		w.settings = strings.TrimSuffix(w.settings, "quality: { max_rejected_ratio: 1 }\n") + "quality: { max_rejected_ratio: 1 }\n"
		kept.settings = "quality: { max_rejected_ratio: 1 }\n"
		rec = runRecord(t, b, run(t, w, b, at, jobs.Request{}))
		run(t, kept, free, at, jobs.Request{})
		date := at.Format(time.DateOnly)
		report(t, "without retention", snapshotOf(t, free, date), snapshotOf(t, b, date))
	}
	n := newNight(t, w, b, firstNight.AddDate(0, 0, 7))
	dates, err := n.Lake.Dates(t.Context())
	if err != nil || fmt.Sprint(dates) != "[2026-11-22 2026-11-23 2026-11-24 2026-11-25 2026-11-26 2026-11-27]" {
		t.Errorf("dates %v, %v", dates, err)
	}
	for _, date := range dates {
		v, err := jobs.Verify(t.Context(), n.Lake, date, t.TempDir())
		if err != nil {
			t.Errorf("%s: %v", date, err)
			continue
		}
		whole := date >= "2026-11-24"
		if v.Digests != 8 || (len(v.Rows) == 6) != whole || (len(v.Rows) == 0) == whole {
			t.Errorf("%s: %+v", date, v)
		}
	}
	if r := rec.Retention; r == nil || !slices.Equal(r.Thinned, []lake.Date{"2026-11-23"}) || !slices.Equal(r.Expired, []lake.Date{"2026-11-21"}) ||
		r.Quarantine.Objects != 1 || r.Error != "" {
		t.Errorf("the record: %+v", r)
	}
	for key := range sinktest.Dump(t, b, "") {
		for _, gone := range []string{"quarantine/2026-11-24", "2026-11-21/Usage", "snapshot_date=2026-11-23"} {
			if strings.Contains(key, gone) {
				t.Errorf("%s is left", key)
			}
		}
	}

	// A date that is beyond retention is not published again; one that is within is.
	for day, refused := range map[calendar.Date]bool{calendar.Civil(2026, 11, 23): true, calendar.Civil(2026, 11, 24): false} {
		_, err := n.Backfill(t.Context(), calendar.Days{From: day, To: day + 1}, false)
		if refused != errors.Is(err, jobs.ErrConfig) || !refused && err != nil {
			t.Errorf("backfill of %s: %v", day, err)
		}
		if refused && !strings.Contains(err.Error(), "retention.snapshots_days") {
			t.Errorf("it does not say what to do: %v", err)
		}
	}
	if _, err := jobs.Verify(t.Context(), n.Lake, "", t.TempDir()); err != nil {
		t.Error(err)
	}
}

// TestRetentionFails: what cannot be deleted is told in the record, and the run is as good as it was.
func TestRetentionFails(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	w.settings = "schedule: { catch_up_days: 0 }\nretention: { snapshots_days: 1 }\n"
	run(t, w, b, firstNight, jobs.Request{})
	w.write(t)
	n := newNight(t, w, b, firstNight.AddDate(0, 0, 3))
	boom := errors.New("boom")
	broken, err := lake.New(sinktest.Wrap(b, func(c sinktest.Call) sinktest.Fault {
		if c.Op == sinktest.Delete && strings.HasPrefix(c.Key, "logs/") {
			return sinktest.Fault{Err: boom}
		}
		return sinktest.Fault{}
	}), "test", "")
	if err != nil {
		t.Fatal(err)
	}
	n.Lake = broken
	out, err := n.Run(t.Context(), jobs.Request{})
	if err != nil || !out.Published {
		t.Fatalf("the run: %v", err)
	}
	if r := runRecord(t, b, out).Retention; r == nil || !strings.Contains(r.Error, "boom") {
		t.Errorf("the record: %+v", r)
	}
	rec := runRecord(t, b, run(t, w, b, firstNight.AddDate(0, 0, 3), jobs.Request{}))
	if r := rec.Retention; r == nil || r.Error != "" || r.Snapshots.Objects == 0 {
		t.Errorf("the next run: %+v", r)
	}
}
