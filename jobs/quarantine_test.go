package jobs_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// quarantined returns the rows in quarantine of a date, as dataset, object, column and value, sorted.
func quarantined(t *testing.T, b *blob.Bucket, date string) string {
	t.Helper()
	var rows []string
	for _, data := range sinktest.Dump(t, b, "quarantine/"+date+"/") {
		for line := range strings.Lines(string(data)) {
			var r lake.Rejected
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, fmt.Sprintf("%s %s %d %s=%q", r.Dataset, r.Object, r.Row, r.Column, r.Value))
		}
	}
	slices.Sort(rows)
	return strings.Join(rows, "; ")
}

// TestQuarantineStays runs a date again, which reads nothing again: the rows that could not be used still cannot, and
// quarantine still says so, until they are read again and are better (contract §3: nothing is lost in silence).
func TestQuarantineStays(t *testing.T) {
	for _, m := range []mode{lookback, arrival, arrivalDay} {
		t.Run(string(m), func(t *testing.T) {
			w, b := newWorld(t, "UTC"), newBucket(t)
			w.settings = "quality: { max_rejected_ratio: 1 }\n"
			w.logins.mode, w.logins.lookback = m, 1
			w.logins.rows = []event{
				login("l1", "u1", "2026-11-01T10:00:00Z", "2026-11-18T10:00:00Z"), login("l2", "", "2026-11-01T10:00:00Z", "2026-11-18T10:00:00Z"),
			}
			bad := generation("g1", "u1", "2026-11-18T25:00:00Z")
			worse := generation("g2", "\xff", "2026-11-18T10:00:00Z")
			w.gens.files["2026-11-18/a.csv"] = []event{bad, generation("g3", "u1", "2026-11-18T10:00:00Z")}
			w.gens.files["2026-11-19/a.csv"] = []event{worse}
			w.set("grids", event{"workspace_id": "w1", "grid_name": "no id"})
			want := `generations generations/2026-11-18/a.csv 2 created_at="2026-11-18T25:00:00Z"; ` +
				`generations generations/2026-11-19/a.csv 2 user_id="\\xff"; grids grids 1 grid_id=""; logins logins 2 user_id=""`
			check := func(what, want string) {
				t.Helper()
				if got := quarantined(t, b, "2026-11-20"); got != want {
					t.Errorf("%s:\n got %s\nwant %s", what, got, want)
				}
			}
			run(t, w, b, firstNight, jobs.Request{})
			check("first run", want)
			out := run(t, w, b, firstNight.Add(time.Minute), jobs.Request{})
			check("the date again", want)
			if rows, total, err := jobs.Quarantined(t.Context(), lakeOf(t, b), out.Manifest, 1); err != nil || total != 1 || len(rows) != 1 || rows[0].Dataset != "grids" {
				t.Errorf("rejected by the second run: %v, %d, %v", rows, total, err)
			}
			w.database = []byte("no database")
			w.write(t)
			if _, err := newNight(t, w, b, firstNight.Add(2*time.Minute)).Run(t.Context(), jobs.Request{}); err == nil {
				t.Fatal("the run did not fail")
			}
			check("after a run that failed", want)
			w.database = nil
			run(t, w, b, firstNight.Add(3*time.Minute), jobs.Request{Full: true})
			check("read in full", want)

			bad["created_at"] = "2026-11-18T05:00:00Z"
			w.gens.version["2026-11-18/a.csv"]++
			delete(w.gens.files, "2026-11-19/a.csv")
			delete(w.tables["grids"].rows, keyOf(event{"workspace_id": "w1"}))
			run(t, w, b, firstNight.Add(4*time.Minute), jobs.Request{})
			check("mended", `logins logins 2 user_id=""`)
			w.logins.rows[1]["user_id"] = "u2"
			run(t, w, b, firstNight.Add(5*time.Minute), jobs.Request{Full: true})
			check("all mended", "")
			if left := slices.Collect(maps.Keys(sinktest.Dump(t, b, "quarantine/"))); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func lakeOf(t *testing.T, b *blob.Bucket) *lake.Lake {
	t.Helper()
	l, err := lake.New(b, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
