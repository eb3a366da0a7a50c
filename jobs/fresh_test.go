package jobs_test

import (
	"testing"

	"github.com/usagereport/usagereport/jobs"
)

// TestFileWrittenTwiceInOneTick: a file that was read just when it was written is written once more, to the same size, before the clock
// of its store goes on. The next night reads it again, and the one after does not.
func TestFileWrittenTwiceInOneTick(t *testing.T) {
	const file = "2026-11-20/a.csv"
	w, b := newWorld(t, "UTC"), newBucket(t)
	w.gens.version[file] = int(firstNight.Unix() - 1_700_000_000)
	w.gens.files[file] = []event{generation("g1", "u1", "2026-11-20T10:00:00Z")}
	run(t, w, b, firstNight, jobs.Request{})
	w.gens.files[file] = []event{generation("g1", "u2", "2026-11-20T10:00:00Z")}
	for night, unchanged := range []int64{0, 1} {
		at := firstNight.AddDate(0, 0, night+1)
		date := at.Format("2006-01-02")
		rec := runRecord(t, b, run(t, w, b, at, jobs.Request{}))
		for _, d := range rec.Datasets {
			if d.Name == "generations" && d.Unchanged != unchanged {
				t.Errorf("%s: %d files unchanged, want %d", date, d.Unchanged, unchanged)
			}
		}
		rebuilt := newBucket(t)
		run(t, w, rebuilt, at, jobs.Request{})
		report(t, date, snapshotOf(t, rebuilt, date), snapshotOf(t, b, date))
	}
}
