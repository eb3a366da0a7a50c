package jobs_test

import (
	"slices"
	"testing"

	"github.com/usagereport/usagereport/jobs"
)

// TestMissingFiles takes files away: the run publishes what is there, and says what is not.
func TestMissingFiles(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	const none = `generations: no file of source events matches "generations/{date}/*.csv"; check the path and the source's URL if there should be some`
	expect := func(what string, out *jobs.Outcome, want ...string) {
		t.Helper()
		if got := out.Manifest.Warnings; !slices.Equal(got, want) {
			t.Errorf("%s: warnings %q, want %q", what, got, want)
		}
	}
	expect("before anything is delivered", run(t, w, b, firstNight, jobs.Request{}), none)
	w.gens.files["2026-11-18/a.csv"] = []event{generation("g1", "u1", "2026-11-18T10:00:00Z"), generation("g2", "u1", "2026-11-18T11:00:00Z")}
	w.gens.files["2026-11-19/a.csv"] = []event{generation("g3", "u1", "2026-11-19T10:00:00Z")}
	w.gens.files["2024-11-19/a.csv"] = []event{generation("g4", "u1", "2024-11-19T10:00:00Z")}
	expect("delivered", run(t, w, b, firstNight, jobs.Request{}))
	delete(w.gens.files, "2024-11-19/a.csv")
	expect("a file of old events is gone", run(t, w, b, firstNight, jobs.Request{}))
	delete(w.gens.files, "2026-11-18/a.csv")
	expect("a file is gone", run(t, w, b, firstNight, jobs.Request{}), "generations: 1 deliveries that were read before are there no more; "+
		"of their 2 events in the rolling year those that no other delivery holds are no longer in the logs")
	clear(w.gens.files)
	expect("all are gone", run(t, w, b, secondNight, jobs.Request{Full: true}), none, "generations: 1 deliveries that were read before are there no more; "+
		"of their 1 events in the rolling year those that no other delivery holds are no longer in the logs")
	expect("still", run(t, w, b, secondNight, jobs.Request{}), none)
}

// The manifest has the logs in the dictionary's order, in whichever they were made.
func TestOrderOfLogs(t *testing.T) {
	out := run(t, newWorld(t, "UTC"), newBucket(t), firstNight, jobs.Request{})
	var got []string
	for _, log := range out.Manifest.Logs {
		got = append(got, log.Table)
	}
	if want := []string{"user_log", "group_members_log", "agents_log", "user_activity_log", "generation_log"}; !slices.Equal(got, want) {
		t.Errorf("logs %q, want %q", got, want)
	}
}
