package year_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// retention is how many days before the newest date what is kept, by folder. Snapshots and reports are a date's.
var retention = map[string]int{"snapshots": 60, "reports": 90, "quarantine": 60, "runs": 60, "access": 30}

// retained checks that of the dates there are those that the policy keeps, that each of them verifies, and that of every publication
// there is a digest, each of which follows from the one before.
func (y *year) retained(t *testing.T) {
	newest := calendar.Date(0)
	for date := range y.tell.published {
		newest = max(newest, date)
	}
	within := func(date calendar.Date, what string) bool { return date >= newest.AddDays(-retention[what]) }
	dates, err := y.lake.Dates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	whole := 0
	for date := range y.tell.published {
		name := lake.Date(date.String())
		if kept := slices.Contains(dates, name); kept != within(date, "reports") {
			t.Errorf("%s: kept %t", date, kept)
		} else if !kept {
			continue
		}
		v, err := jobs.Verify(t.Context(), y.lake, name, y.scratch)
		if err != nil {
			t.Errorf("%s: %v", date, err)
			continue
		}
		if (len(v.Rows) == 6) != within(date, "snapshots") {
			t.Errorf("%s: logs %v", date, v.Rows)
		}
		if len(v.Rows) > 0 {
			whole++
		}
		if v.Digests < int64(len(y.tell.published)) {
			t.Errorf("%s: %d digests of %d publications", date, v.Digests, len(y.tell.published))
		}
	}
	t.Logf("%d dates are kept and verify, %d of them whole", len(dates), whole)
	for key := range sinktest.Dump(t, y.bucket, "") {
		folder, _, _ := strings.Cut(key, "/")
		what := map[string]string{"logs": "snapshots", "audit": "snapshots", "manifests": "reports"}[folder]
		if what == "" {
			what = folder
		}
		if date, ok := dateIn(key); ok && retention[what] > 0 && !within(date, what) {
			t.Errorf("%s is left", key)
		}
	}
}

// dateIn returns the date in a key: of a folder, of a manifest or at the beginning of a run's id.
func dateIn(key string) (calendar.Date, bool) {
	for part := range strings.SplitSeq(key, "/") {
		part = strings.TrimPrefix(part, "snapshot_date=")
		if date, err := calendar.ParseDate(part[:min(len(part), len("2000-01-01"))]); err == nil {
			return date, true
		}
	}
	return 0, false
}
