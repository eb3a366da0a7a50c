package usage

import (
	"fmt"
	"testing"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/rowtest"
)

var d = calendar.Civil(2026, 11, 21)

func gen(user, at string) fields {
	return fields{"workspace_id": "w1", "user_id": user, "created_at": at, "generation_type": "Text", "generation_feature": "Chat"}
}

func (f *fixture) generationLog(runs ...[]fields) ([]string, Totals, *Activity) {
	f.t.Helper()
	var totals Totals
	seen := NewActivity()
	rows := f.textOfAll(GenerationLog(f.run, f.today(), f.known(), f.generations(runs...), seen, &totals))
	return rows, totals, seen
}

func TestGenerationLogNamesAndFallbacks(t *testing.T) {
	f := newFixture(t, d, "UTC")
	f.tables["workspaces"] = []fields{{"workspace_id": "w1", "workspace_name": "One"}}
	member := fields{"workspace_id": "w1", "user_id": "u1", "user_name": "Ann", "user_email": "ann@x.org", "user_role": "member", "user_active": "true", "created_at": "2026-01-01T00:00:00Z"}
	f.tables["members"] = []fields{member, member.With("user_id", "u2", "user_name", "∅", "user_email", "∅"), member.With("workspace_id", "w9", "user_name", "Other")}
	f.gone["members"] = []fields{member.With("user_id", "u3", "user_name", "Deleted", "user_email", "gone@x.org")}
	agent := fields{"workspace_id": "w1", "agent_id": "b1", "agent_name": "Bot", "created_at": "2026-01-01T00:00:00Z", "agent_type": "Custom – User Saved",
		"agent_active": "true", "studio_agent": "false", "agent_visibility": "Public"}
	f.tables["agents"] = []fields{agent}
	f.gone["agents"] = []fields{agent.With("agent_id", "b2", "agent_name", "Old bot", "agent_type", "Zed")}
	f.tables["canvases"] = []fields{{"workspace_id": "w1", "canvas_id": "c1", "canvas_name": "Canvas"}, {"workspace_id": "w1", "canvas_id": "c2"}}
	f.tables["grids"] = []fields{{"workspace_id": "w1", "grid_id": "s1", "grid_name": "Grid"}}
	const at = "2026-11-20T12:00:00Z"
	events := []fields{
		gen("u1", at), gen("u1", at).With("used_iq", "false"), // a null used_iq is false: one group
		gen("u1", at).With("used_iq", "true", "content_generations", "5"),
		gen("u2", at).With("canvas_id", "c1", "grid_id", "s1"), gen("u2", at).With("canvas_id", "c2", "grid_id", "s9"),
		gen("u3", at),    // no longer there: the last name known
		gen("ghost", at), // never known
		gen("∅", at).With("user_id", "∅", "generation_feature", "API", "api_path", "/v1/17"),
		gen("u1", at).With("api_path", "/v1/17"),                                                                         // an endpoint only where the feature is API
		gen("u1", at).With("generation_feature", "Hologram"),                                                             // unknown
		gen("u1", at).With("agent_id", "b1"),                                                                             // falls back to the agent's own type
		gen("u1", at).With("agent_id", "b1", "generation_agent_type", "Custom – User Saved", "content_generations", "2"), // and groups with it
		gen("u1", at).With("agent_id", "b1", "generation_agent_type", "Public"),
		gen("u1", at).With("agent_id", "b2"), // the type last known
		gen("u1", at).With("agent_id", "b9"), // no type at all
		gen("u1", at).With("generation_agent_type", "Never seen"),
		gen("u1", at).With("workspace_id", "w0"),                   // a workspace nobody knows
		gen("u1", at).With("workspace_id", "w9", "agent_id", "b1"), // the same user and agent elsewhere
		gen("u1", at).With("generation_type", "Hum"),
	}
	rows, totals, _ := f.generationLog(events)
	const rt = "2026-11-21T02:30:00Z"
	compare(t, rows,
		rt+"|w0|∅|u1|∅|∅|2026-11-20|∅|∅|∅|∅|Text|Chat|∅|∅|∅|∅|false|1",
		rt+"|w1|One|∅|∅|∅|2026-11-20|∅|∅|∅|∅|Text|API|/v1/{id}|∅|∅|∅|false|1",
		rt+"|w1|One|ghost|∅|∅|2026-11-20|∅|∅|∅|∅|Text|Chat|∅|∅|∅|∅|false|1",
		rt+"|w1|One|u1|Ann|ann@x.org|2026-11-20|∅|∅|∅|∅|Hum|Chat|∅|∅|∅|∅|false|1",
		rt+"|w1|One|u1|Ann|ann@x.org|2026-11-20|∅|∅|∅|∅|Text|Chat|∅|∅|∅|∅|false|3",
		rt+"|w1|One|u1|Ann|ann@x.org|2026-11-20|∅|∅|∅|∅|Text|Chat|∅|∅|∅|∅|true|5",
		rt+"|w1|One|u1|Ann|ann@x.org|2026-11-20|∅|∅|∅|∅|Text|Chat|∅|∅|b9|∅|false|1",
		rt+"|w1|One|u1|Ann|ann@x.org|2026-11-20|∅|∅|∅|∅|Text|Chat|∅|Custom – User Saved|b1|Bot|false|3",
		rt+"|w1|One|u1|Ann|ann@x.org|2026-11-20|∅|∅|∅|∅|Text|Chat|∅|Never seen|∅|∅|false|1",
		rt+"|w1|One|u1|Ann|ann@x.org|2026-11-20|∅|∅|∅|∅|Text|Chat|∅|Public|b1|Bot|false|1",
		rt+"|w1|One|u1|Ann|ann@x.org|2026-11-20|∅|∅|∅|∅|Text|Chat|∅|Zed|b2|Old bot|false|1",
		rt+"|w1|One|u1|Ann|ann@x.org|2026-11-20|∅|∅|∅|∅|Text|Other|∅|∅|∅|∅|false|1",
		rt+"|w1|One|u2|∅|∅|2026-11-20|c1|Canvas|s1|Grid|Text|Chat|∅|∅|∅|∅|false|1",
		rt+"|w1|One|u2|∅|∅|2026-11-20|c2|∅|s9|∅|Text|Chat|∅|∅|∅|∅|false|1",
		rt+"|w1|One|u3|Deleted|gone@x.org|2026-11-20|∅|∅|∅|∅|Text|Chat|∅|∅|∅|∅|false|1",
		rt+"|w9|∅|u1|Other|ann@x.org|2026-11-20|∅|∅|∅|∅|Text|Chat|∅|∅|b1|∅|false|1",
	)
	// Rows that join nothing of today: the user of w0, the ghost and the deleted; the agents b9, b2 and, in w9, b1.
	if totals != (Totals{Facts: 24, NoUser: 3, NoAgent: 3}) {
		t.Errorf("totals %+v", totals)
	}
}

// TestWindowAndHistory: 365 days in the logs, all of history in the dates, nothing of the run date and later in either.
func TestWindowAndHistory(t *testing.T) {
	for _, c := range []struct {
		date       calendar.Date
		zone       string
		out, first string // the last microsecond before the window, its first instant
		last, late string // its last microsecond, the first instant after it
		from, to   string
		before     string // the day before the window
	}{
		{d, "UTC", "2025-11-20T23:59:59.999999Z", "2025-11-21T00:00:00Z", "2026-11-20T23:59:59.999999Z", "2026-11-21T00:00:00Z",
			"2025-11-21", "2026-11-20", "2025-11-20"},
		{d, "America/New_York", "2025-11-21T04:59:59.999999Z", "2025-11-21T05:00:00Z", "2026-11-21T04:59:59.999999Z", "2026-11-21T05:00:00Z",
			"2025-11-21", "2026-11-20", "2025-11-20"},
		{calendar.Civil(2024, 3, 1), "Pacific/Kiritimati", "2023-03-01T09:59:59.999999Z", "2023-03-01T10:00:00Z", "2024-02-29T09:59:59.999999Z", "2024-02-29T10:00:00Z",
			"2023-03-02", "2024-02-29", "2023-03-01"},
		{calendar.Civil(2025, 2, 28), "UTC", "2024-02-28T23:59:59.999999Z", "2024-02-29T00:00:00Z", "2025-02-27T23:59:59.999999Z", "2025-02-28T00:00:00Z",
			"2024-02-29", "2025-02-27", "2024-02-28"},
		{calendar.Civil(2026, 1, 1), "Australia/Lord_Howe", "2024-12-31T12:59:59.999999Z", "2024-12-31T13:00:00Z", "2025-12-31T12:59:59.999999Z", "2025-12-31T13:00:00Z",
			"2025-01-01", "2025-12-31", "2024-12-31"},
	} {
		t.Run(fmt.Sprint(c.date, " ", c.zone), func(t *testing.T) {
			f := newFixture(t, c.date, c.zone)
			f.tables["members"] = []fields{}
			var events, logins []fields
			for i, at := range []string{c.out, c.first, c.last, c.late} {
				u := fmt.Sprint("u", i)
				events = append(events, gen(u, at), gen("all", at))
				logins = append(logins, fields{"workspace_id": "w1", "user_id": u, "logged_in_at": at}, fields{"workspace_id": "w1", "user_id": "all", "logged_in_at": at})
			}
			rows, totals, seen := f.generationLog(events)
			tail := "|∅|∅|∅|∅|Text|Chat|∅|∅|∅|∅|false|1"
			head := "2026-11-21T02:30:00Z|w1|∅|"
			compare(t, rows,
				head+"all|∅|∅|"+c.from+tail, head+"u1|∅|∅|"+c.from+tail, head+"all|∅|∅|"+c.to+tail, head+"u2|∅|∅|"+c.to+tail)
			if totals.Facts != 4 {
				t.Errorf("%d events, want 4", totals.Facts)
			}
			var activity Totals
			got := f.textOfAll(UserActivityLog(f.run, f.today(), f.known(), f.logins(logins), seen, &activity))
			compare(t, got, "w1|∅|all|∅|∅|"+c.from, "w1|∅|u1|∅|∅|"+c.from, "w1|∅|all|∅|∅|"+c.to, "w1|∅|u2|∅|∅|"+c.to)
			for user, want := range map[string][2]string{"all": {c.before, c.to}, "u0": {c.before, c.before}, "u1": {c.from, c.from}, "u2": {c.to, c.to}} {
				days := seen.of("w1", user)
				for _, s := range []span{days.logins, days.generations} {
					if !s.seen || s.first.String() != want[0] || s.last.String() != want[1] {
						t.Errorf("%s: %+v, want %v", user, s, want)
					}
				}
			}
			if late := seen.of("w1", "u3"); late.logins.seen || late.generations.seen {
				t.Errorf("what is of the run date shows: %+v", late)
			}
		})
	}
}

func TestUserActivityLog(t *testing.T) {
	f := newFixture(t, d, "UTC")
	f.tables["workspaces"] = []fields{{"workspace_id": "w1", "workspace_name": "One"}}
	f.tables["members"] = []fields{{"workspace_id": "w1", "user_id": "u1", "user_name": "Ann", "user_email": "a@x.org", "user_role": "r", "user_active": "true", "created_at": "2026-01-01T00:00:00Z"}}
	f.gone["members"] = []fields{{"workspace_id": "w1", "user_id": "u2", "user_name": "Gone", "user_role": "r", "user_active": "true", "created_at": "2026-01-01T00:00:00Z"}}
	in := func(w, u, at string) fields { return fields{"workspace_id": w, "user_id": u, "logged_in_at": at} }
	seen, totals := NewActivity(), Totals{}
	merged := f.logins(
		[]fields{in("w1", "u1", "2026-11-20T01:00:00Z"), in("w1", "u1", "2026-11-20T23:00:00Z"), in("w2", "u1", "2026-11-20T01:00:00Z")},
		[]fields{in("w1", "u1", "2026-11-20T02:00:00Z"), in("w1", "u2", "2026-11-19T02:00:00Z"), in("w1", "u0", "2026-11-20T02:00:00Z")},
	)
	got := f.textOfAll(UserActivityLog(f.run, f.today(), f.known(), merged, seen, &totals))
	compare(t, got,
		"w1|One|u2|Gone|∅|2026-11-19", "w1|One|u0|∅|∅|2026-11-20", "w1|One|u1|Ann|a@x.org|2026-11-20", "w2|∅|u1|∅|∅|2026-11-20")
	if totals != (Totals{Facts: 6, NoUser: 3}) {
		t.Errorf("totals %+v", totals)
	}
}

// TestPrepareKeepsOthers: columns that need nothing stay as they are, memory and all, in either form of text.
func TestPrepareKeepsOthers(t *testing.T) {
	f := newFixture(t, d, "UTC")
	rec := rowtest.Record(t, f.mem, dictionary.Generations, []fields{gen("u1", "2026-11-20T12:00:00Z").With("used_iq", "true")}, false)
	defer rec.Release()
	g := NewGenerations(f.mem, func(string) string { panic("there is no path") })
	out, err := g.Prepare(rec)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	for i := range int(rec.NumCols()) {
		if out.Column(i) != rec.Column(i) {
			t.Errorf("column %s was replaced", rec.ColumnName(i))
		}
	}
}

// TestPathsThatAreNone: a path of which nothing is left is no endpoint, and one path is looked at once.
func TestPathsThatAreNone(t *testing.T) {
	f := newFixture(t, d, "UTC")
	api := gen("u1", "2026-11-20T12:00:00Z").With("generation_feature", "API")
	rec := rowtest.Record(t, f.mem, dictionary.Generations, []fields{api.With("api_path", "?"), api, api.With("api_path", "/a"), api.With("api_path", "/a")}, false)
	defer rec.Release()
	calls := 0
	g := NewGenerations(f.mem, func(path string) string {
		calls++
		if path == "?" {
			return ""
		}
		return path + "/x"
	})
	for range 2 {
		out, err := g.Prepare(rec)
		if err != nil {
			t.Fatal(err)
		}
		col := out.Column(dictionary.Generations.Index("api_path"))
		if got := fmt.Sprintln(col.IsNull(0), col.IsNull(1), col.ValueStr(2), col.ValueStr(3)); got != "true true /a/x /a/x\n" {
			t.Errorf("endpoints %s", got)
		}
		out.Release()
	}
	if calls != 2 {
		t.Errorf("%d calls for 2 paths", calls)
	}
}
