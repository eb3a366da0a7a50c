package lake

import (
	"errors"
	"reflect"
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
