package lake

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"gocloud.dev/blob"
)

// TestRecords writes records and quality reports and reads them as programs do; a report is no record.
func TestRecords(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, _ *blob.Bucket) {
		ctx := t.Context()
		if _, err := l.Run(ctx, "20261120T0230"); !errors.Is(err, ErrNotFound) {
			t.Errorf("no record: %v", err)
		}
		if _, err := l.Quality(ctx, "20261120T0230"); !errors.Is(err, ErrNotFound) {
			t.Errorf("no report: %v", err)
		}
		want := &RunRecord{RunID: "20261120T0230", SnapshotDate: day2, Status: RunPublished, Domains: []string{"usage"}, Stages: []Stage{{"publish", 1.5, 7}}}
		must(t, l.PutRun(ctx, want.RunID, want))
		must(t, l.PutQuality(ctx, &Quality{RunID: want.RunID, SnapshotDate: day2, Joins: []Join{{"generation_log_without_agent", 3}}}))
		got, err := l.Run(ctx, want.RunID)
		must(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		q, err := l.Quality(ctx, want.RunID)
		must(t, err)
		if q.RunID != want.RunID || len(q.Joins) != 1 || q.Joins[0].Rows != 3 {
			t.Errorf("got %+v", q)
		}
		n := 0
		for s, err := range l.Runs(ctx) {
			must(t, err)
			n++
			if r, err := s.Record(); err != nil || r.Status != RunPublished {
				t.Errorf("%s: %+v, %v", s.ID, r, err)
			}
		}
		if n != 1 {
			t.Errorf("%d records, want 1", n)
		}
		must(t, l.PutRun(ctx, "20261121T0230", []string{"not", "a", "record"}))
		if _, err := l.Run(ctx, "20261121T0230"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("a damaged record: %v", err)
		}
	})
}

// TestRecordText tells of a run in words.
func TestRecordText(t *testing.T) {
	r := &RunRecord{
		RunID: "r1", SnapshotDate: day3, Status: RunPartial, ExitCode: 1, Seconds: 1.5, TimeZone: "UTC", Error: "no\nanswer", Objects: 2, Bytes: 1,
		Stages: []Stage{{"publish", 0.25, 1}}, Parts: []Domain{{Name: "usage", Status: DomainPublished}, {Name: "audit", Status: DomainMissing, Reason: "down", Since: day2}},
		Retries: []Retry{{"read source app", 2, 3, "refused"}}, Quality: "runs/quality/r1.json",
		Changes: &Changes{RunID: "r0", SnapshotDate: day2, Note: "a note", Figures: []Change{
			{Figure: "user_log", Unit: "rows", Before: 4, After: 5, Renamed: 2, Why: []Reason{{Added, 2, 0}, {Removed, -1, 0}}},
			{Figure: "generation_log", Unit: "rows", Before: 1, After: 1, Why: []Reason{{WindowCame, 1, 1}, {WindowLeft, -3, 2}, {"other", 2, 0}}},
		}, Sources: []Source{{Dataset: "logins", Late: 3, Deliveries: 1}}},
		Retention: &Retained{Newest: day3, Thinned: []Date{day1}, Expired: []Date{day1, day2}, Snapshots: Deleted{3, 1}, Error: "denied"},
	}
	var b strings.Builder
	must(t, r.WriteText(&b))
	for _, want := range []string{
		"run r1: partial (exit code 1), 1.5 seconds", "error: no\n       answer", "part audit: missing since 2026-11-20: down", "published: 2 objects, 1 byte\n",
		"read source app, 2 times, after waiting 3.0 seconds: refused", "publish: 0.2 seconds, 1 row\n", "what changed since run r0 of snapshot 2026-11-20",
		"a note", "user_log, rows: 5, was 4: +2 added, -1 removed, 2 renamed",
		"generation_log, rows: 1, was 1: +1 the window reached new days (1 day), -3 days left the window (2 days), +2 other",
		"source logins: 3 came late, 1 deliveries gone or changed", "1 date thinned to their zips, from 2026-11-19 to 2026-11-19",
		"2 dates deleted, from 2026-11-19 to 2026-11-20", "snapshots: 3 objects, 1 byte", "not all: denied", "quality: runs/quality/r1.json",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "part usage") {
		t.Error("it tells of what is there")
	}
}
