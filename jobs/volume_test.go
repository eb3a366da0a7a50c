package jobs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// TestQualityReport: what is odd with a night's data is in its quality report, the volume of its newest day among it, and
// warned of in the manifest; and the run publishes all the same.
func TestQualityReport(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	w.settings = "quality: { max_rejected_ratio: 0.5 }\n"
	newest := firstNight.AddDate(0, 0, -1)
	for week := 1; week <= 6; week++ {
		day := newest.AddDate(0, 0, -7*week).Format(time.DateOnly)
		for i := range 40 {
			w.gens.files[day+"/a.csv"] = append(w.gens.files[day+"/a.csv"], generation(fmt.Sprint("g", day, i), "u1", day+"T10:00:00Z"))
		}
	}
	day := newest.Format(time.DateOnly)
	odd := generation("odd", "ghost", day+"T10:00:00Z")
	odd["generation_type"], odd["generation_feature"] = "Smell", "Sniff"
	bad := generation("bad", "u1", "not a time")
	w.gens.files[day+"/a.csv"] = []event{odd, bad, generation("g", "u1", day+"T10:00:00Z"), generation("g", "u1", day+"T10:00:00Z")}
	out := run(t, w, b, firstNight, jobs.Request{})
	n := newNight(t, w, b, firstNight)
	q, err := n.Lake.Quality(t.Context(), out.Manifest.RunID)
	if err != nil {
		t.Fatal(err)
	}
	if rec := runRecord(t, b, out); rec.Quality != lake.QualityKey(out.Manifest.RunID) || q.Status != lake.RunPublished {
		t.Errorf("record %+v, report %+v", rec, q)
	}
	var gens lake.DatasetQuality
	for _, d := range q.Datasets {
		if d.Name == "generations" {
			gens = d
		}
	}
	if gens.Read != 244 || gens.Rejected != 1 || gens.Duplicate != 1 || gens.Quarantine != "quarantine/2026-11-20/generations.jsonl" {
		t.Errorf("%+v", gens)
	}
	if len(gens.Reasons) != 1 || gens.Reasons[0].Column != "created_at" || gens.Reasons[0].Rows != 1 {
		t.Errorf("reasons %+v", gens.Reasons)
	}
	if s := fmt.Sprint(gens.Unknown); s != "[{generation_feature Sniff 1 false} {generation_type Smell 1 true}]" {
		t.Errorf("unknown %s", s)
	}
	if s := fmt.Sprint(q.Joins); s != "[{generation_log_without_user 1}]" {
		t.Errorf("joins %s", s)
	}
	if len(q.Volumes) != 2 || q.Volumes[0].Odd || !q.Volumes[1].Odd || q.Volumes[1].Events != 2 || q.Volumes[1].Median != 40 {
		t.Errorf("volumes %+v", q.Volumes)
	}
	const warning = "generations: 2 events on Thursday 2026-11-19, the median of this weekday in the 6 weeks before is 40"
	if text := strings.Join(out.Manifest.Warnings, "\n"); !strings.Contains(text, warning) {
		t.Errorf("warnings %s", text)
	}

	// Late events put the day right, also the day that counts as history later on; the same nights give the same bytes.
	for i := range 40 {
		w.gens.files[day+"/b.csv"] = append(w.gens.files[day+"/b.csv"], generation(fmt.Sprint("late", i), "u1", day+"T10:00:00Z"))
	}
	first := sinktest.Dump(t, b, "runs/quality/")
	again := newBucket(t)
	later := run(t, w, b, firstNight.Add(time.Hour), jobs.Request{})
	run(t, w, again, firstNight.Add(time.Hour), jobs.Request{})
	q, err = n.Lake.Quality(t.Context(), later.Manifest.RunID)
	if err != nil || q.Volumes[1].Odd || q.Volumes[1].Events != 42 {
		t.Errorf("late: %+v, %v", q, err)
	}
	for key, data := range sinktest.Dump(t, again, "runs/quality/") {
		var fresh lake.Quality
		if err := json.Unmarshal(data, &fresh); err != nil || fmt.Sprint(fresh.Volumes) != fmt.Sprint(q.Volumes) || first[key] != nil {
			t.Errorf("%s: a fresh lake has %+v, want %+v", key, fresh.Volumes, q.Volumes)
		}
	}
}
