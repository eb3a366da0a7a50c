package jobs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// figureOf returns a figure of what changed.
func figureOf(t *testing.T, c *lake.Changes, figure, unit string) lake.Change {
	t.Helper()
	for _, f := range c.Figures {
		if f.Figure == figure && f.Unit == unit {
			return f
		}
	}
	t.Fatalf("no %s of %s in %+v", unit, figure, c)
	return lake.Change{}
}

// runRecord returns the record of a run.
func runRecord(t *testing.T, b *blob.Bucket, out *jobs.Outcome) *lake.RunRecord {
	t.Helper()
	rec, err := lakeOf(t, b).Run(t.Context(), out.Manifest.RunID)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// TestChangesAddUp lets random things happen over some nights. Every figure of every record adds up, says of before what
// the night before published, and its reasons are those that the published rows themselves tell.
func TestChangesAddUp(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			s, b := newScenario(t, seed, nil), newBucket(t)
			var before *jobs.Outcome
			var logsBefore map[string][]byte
			for !s.over() {
				s.pass()
				out := run(t, s.w, b, s.at(), jobs.Request{})
				logs := logsOf(t, b, s.date.String())
				c := runRecord(t, b, out).Changes
				if before == nil {
					if c.RunID != "" || c.Note != "there is no earlier snapshot" || len(c.Figures) > 0 {
						t.Errorf("the first night: %+v", c)
					}
				} else {
					checkChanges(t, c, before, out, logsBefore, logs)
				}
				before, logsBefore = out, logs
			}
		})
	}
}

func checkChanges(t *testing.T, c *lake.Changes, before, after *jobs.Outcome, logsBefore, logsAfter map[string][]byte) {
	t.Helper()
	if c.RunID != before.Manifest.RunID || c.Note != "" {
		t.Errorf("compared with %q (%s), want %q", c.RunID, c.Note, before.Manifest.RunID)
	}
	for _, f := range c.Figures {
		sum := f.Before
		for _, why := range f.Why {
			if sum += why.By; why.By == 0 {
				t.Errorf("%s: a reason without weight: %+v", f.Figure, why)
			}
			if why.Kind == lake.Unknown && (f.Unit == "rows" || f.Unit == "events" || f.Unit == "Total Unique Users") {
				t.Errorf("%s: %+v", f.Figure, f)
			}
		}
		if sum != f.After {
			t.Errorf("%s, %s: it does not add up: %+v", f.Figure, f.Unit, f)
		}
	}
	for i, log := range after.Manifest.Logs {
		f := figureOf(t, c, log.Table, "rows")
		if f.Before != before.Manifest.Logs[i].Rows || f.After != log.Rows {
			t.Errorf("%s: %+v, want %d then and %d now", log.Table, f, before.Manifest.Logs[i].Rows, log.Rows)
		}
		checkKeys(t, f, logRows(t, logsBefore, log.Table), logRows(t, logsAfter, log.Table))
	}
}

func logRows(t *testing.T, logs map[string][]byte, table string) (rows [][]string) {
	for key, data := range logs {
		if strings.HasPrefix(key, table+"/") {
			for _, row := range rowsOf(t, key, data) {
				rows = append(rows, strings.Split(row, "|"))
			}
		}
	}
	return rows
}

// checkKeys counts for itself what came, went and was renamed in a log of how things are.
func checkKeys(t *testing.T, f lake.Change, before, after [][]string) {
	t.Helper()
	at := map[string][]int{"user_log": {0, 2, 3}, "group_members_log": {0, 2, 9, 3}, "agents_log": {0, 1, 2}}[f.Figure]
	if at == nil {
		return
	}
	names := func(rows [][]string) map[string]string {
		out := map[string]string{}
		for _, row := range rows {
			var key []string
			for _, i := range at[:len(at)-1] {
				key = append(key, row[i])
			}
			out[strings.Join(key, "|")] = row[at[len(at)-1]]
		}
		return out
	}
	then, now := names(before), names(after)
	var added, removed, renamed int64
	for key, name := range now {
		old, ok := then[key]
		if !ok {
			added++
		} else if old != name {
			renamed++
		}
	}
	for key := range then {
		if _, ok := now[key]; !ok {
			removed++
		}
	}
	got := map[string]int64{}
	for _, why := range f.Why {
		got[why.Kind] = why.By
	}
	if got[lake.Added] != added || got[lake.Removed] != -removed || f.Renamed != renamed {
		t.Errorf("%+v, want %d added, %d removed, %d renamed", f, added, removed, renamed)
	}
}

// TestChangesSay follows a few known things from one night to the next.
func TestChangesSay(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	w.gens.files["2026-11-18/a.csv"] = []event{generation("g1", "u1", "2026-11-18T10:00:00Z"), generation("g2", "u1", "2026-11-18T11:00:00Z"),
		generation("g3", "u2", "2025-11-20T11:00:00Z")}
	w.gens.files["2026-11-19/a.csv"] = []event{generation("g4", "u1", "2026-11-19T10:00:00Z"), generation("g5", "u2", "2026-11-19T10:00:00Z")}
	run(t, w, b, firstNight, jobs.Request{})

	// A late event, a withdrawn delivery, a new day, a day that the window leaves, a member removed, one added, one renamed.
	w.gens.files["2026-11-18/a.csv"] = append(w.gens.files["2026-11-18/a.csv"], generation("late", "u3", "2026-11-18T12:00:00Z"))
	w.gens.version["2026-11-18/a.csv"]++
	delete(w.gens.files, "2026-11-19/a.csv")
	w.gens.files["2026-11-20/a.csv"] = []event{generation("g6", "u1", "2026-11-20T10:00:00Z")}
	members := w.tables["members"].rows
	delete(members, keyOf(event{"workspace_id": "w2", "user_id": "u3"}))
	members[keyOf(event{"workspace_id": "w2", "user_id": "u1"})]["user_name"] = "Renamed"
	w.set("members", event{"workspace_id": "w2", "user_id": "u9", "user_name": "New", "user_role": "member", "user_active": "1", "created_at": "2026-11-20T00:00:00Z"})
	rec := runRecord(t, b, run(t, w, b, secondNight, jobs.Request{}))
	c := rec.Changes
	for _, want := range []struct {
		figure, unit, why string
		renamed           int64
	}{
		{"generations", "events", "5: +1 the window reached new days (1 day); -1 days left the window (1 day); +1 came late (1 day); " +
			"-2 no longer in the source (1 day): 4", 0},
		{"generation_log", "rows", "4: +1 the window reached new days (1 day); -1 days left the window (1 day); +1 came late (1 day); " +
			"-2 no longer in the source (1 day): 3", 0},
		{"user_log", "rows", "6: +1 added; -1 removed: 6", 1},
		{"agents_log", "rows", "2: : 2", 0},
	} {
		f := figureOf(t, c, want.figure, want.unit)
		var why []string
		for _, r := range f.Why {
			why = append(why, r.String())
		}
		if got := fmt.Sprintf("%d: %s: %d", f.Before, strings.Join(why, "; "), f.After); got != want.why || f.Renamed != want.renamed {
			t.Errorf("%s: %s, %d renamed; want %s, %d", want.figure, got, f.Renamed, want.why, want.renamed)
		}
	}
	if want := []lake.Source{
		{Dataset: "generations", Late: 1, Withdrawn: 2, Deliveries: 2}, {Dataset: "members", Added: 1, Removed: 1, Renamed: 1},
	}; !slices.Equal(c.Sources, want) {
		t.Errorf("sources %+v, want %+v", c.Sources, want)
	}

	// The date again: nothing has changed, and it says so.
	c = runRecord(t, b, run(t, w, b, secondNight.Add(time.Hour), jobs.Request{})).Changes
	if c.RunID != rec.RunID || len(c.Sources) > 0 {
		t.Errorf("again: %+v", c)
	}
	for _, f := range c.Figures {
		if f.Before != f.After || len(f.Why) > 0 || f.Renamed > 0 {
			t.Errorf("again: %+v", f)
		}
	}
}

// TestChangesWithoutFigures: what the earlier run did not leave is not made up, and the run goes well.
func TestChangesWithoutFigures(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	out := run(t, w, b, firstNight, jobs.Request{})
	if err := b.Delete(t.Context(), lake.RunDaysKey(out.Manifest.RunID)); err != nil {
		t.Fatal(err)
	}
	w.gens.files["2026-11-20/a.csv"] = []event{generation("g6", "u1", "2026-11-20T10:00:00Z")}
	c := runRecord(t, b, run(t, w, b, secondNight, jobs.Request{})).Changes
	f := figureOf(t, c, "generation_log", "rows")
	if !strings.Contains(c.Note, "figures by day") || len(f.Why) != 1 || f.Why[0] != (lake.Reason{Kind: lake.Unknown, By: 1}) {
		t.Errorf("%+v, %+v", c, f)
	}
}

// TestChangesOfUsers: two users who turn out to be one, one who is new and one who leaves the shorter window.
func TestChangesOfUsers(t *testing.T) {
	w, b := newHub(t), newBucket(t)
	sight := func(at, email, username string) event {
		e := event{"system_id": "s1", "interaction_type": "Mention", "observed_at": at}
		for field, v := range map[string]string{"email": email, "username": username} {
			if v != "" {
				e[field] = v
			}
		}
		return e
	}
	// Ann, and Bo of January, are there already.
	w.seen.files["2026-11-20/b.jsonl"] = []event{
		sight("2026-11-19T10:00:00Z", "cy@x.org", "cy"), sight("2026-11-19T10:00:00Z", "", "smith"), sight("2026-05-21T10:00:00Z", "", "spring"),
	}
	first := run(t, w, b, reportNight, jobs.Request{})
	w.seen.files["2026-11-21/a.jsonl"] = []event{sight("2026-11-21T10:00:00Z", "smith@x.org", "cy"), sight("2026-11-21T10:00:00Z", "new@x.org", "")}
	c := runRecord(t, b, run(t, w, b, reportNight.AddDate(0, 0, 1), jobs.Request{})).Changes
	for window, want := range map[string]string{
		"Last 6 Months": "[+1 added -1 removed -1 users found to be one]", "Last 1 Year": "[+1 added -1 users found to be one]",
	} {
		f := figureOf(t, c, "Usage Report ("+window+").xlsx", "Total Unique Users")
		if got := fmt.Sprint(f.Why); got != want || c.RunID != first.Manifest.RunID || c.Note != "" {
			t.Errorf("%s: %+v, want %s (%q)", window, f, want, c.Note)
		}
	}
	// A past date published again is no night to compare with: users are told of that run only, and nothing is made up.
	day := calendar.Civil(2026, 11, 21)
	if _, err := newNight(t, w, b, reportNight.AddDate(0, 0, 1)).Backfill(t.Context(), calendar.Days{From: day, To: day + 1}, false); err != nil {
		t.Fatal(err)
	}
	w.seen.files["2026-11-22/a.jsonl"] = []event{sight("2026-11-22T10:00:00Z", "newer@x.org", "")}
	c = runRecord(t, b, run(t, w, b, reportNight.AddDate(0, 0, 2), jobs.Request{})).Changes
	f := figureOf(t, c, "Usage Report (Last 1 Year).xlsx", "Total Unique Users")
	if !strings.Contains(c.Note, "users can be compared with those of run") || fmt.Sprint(f.Why) != "[+1 not known why]" {
		t.Errorf("after a backfill: %+v (%q)", f, c.Note)
	}
}
