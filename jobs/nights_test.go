package jobs_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/sinktest"
	"github.com/usagereport/usagereport/transforms/calendar"
)

var (
	firstNight  = time.Date(2026, 11, 20, 2, 30, 0, 0, time.UTC)
	secondNight = firstNight.AddDate(0, 0, 1)
)

func login(id, user, at, arrived string) event {
	return event{"event_id": id, "workspace_id": "w1", "user_id": user, "logged_in_at": at, "arrived_at": arrived}
}

func generation(id, user, at string) event {
	return event{"event_id": id, "workspace_id": "w1", "user_id": user, "created_at": at, "generation_type": "Text", "generation_feature": "Chat"}
}

// userDates returns first and last login and generation of a user of w1, as published.
func userDates(t *testing.T, logs map[string][]byte, user string) string {
	t.Helper()
	for key := range logs {
		if !strings.HasPrefix(key, "user_log/") {
			continue
		}
		for _, row := range rowsOf(t, key, logs[key]) {
			if cells := strings.Split(row, "|"); cells[0] == "w1" && cells[2] == user {
				return strings.Join(cells[10:14], " ")
			}
		}
	}
	t.Fatalf("no user %s in the User Log", user)
	return ""
}

// A run time that is given twice is the same instant, not the same delivery: what was handed over in between stays.
func TestSameRunTimeTwice(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	w.logins.mode = arrival
	w.logins.rows = []event{login("e1", "u1", "2026-11-18T08:00:00Z", "2026-11-18T08:00:00Z")}
	run(t, w, b, firstNight, jobs.Request{})
	w.logins.rows = append(w.logins.rows, login("e2", "u2", "2026-11-19T08:00:00Z", "2026-11-20T08:00:00Z"))
	run(t, w, b, secondNight, jobs.Request{})
	want := logsOf(t, b, "2026-11-21")
	w.logins.rows = append(w.logins.rows, login("e3", "u3", "2026-11-19T08:00:00Z", stamp(secondNight)))
	run(t, w, b, secondNight, jobs.Request{})
	run(t, w, b, secondNight, jobs.Request{})
	got := logsOf(t, b, "2026-11-21")
	for user, dates := range map[string]string{"u1": "2026-11-18 2026-11-18 ∅ ∅", "u2": "2026-11-19 2026-11-19 ∅ ∅", "u3": "2026-11-19 2026-11-19 ∅ ∅"} {
		if d := userDates(t, got, user); d != dates {
			t.Errorf("%s: %s, want %s", user, d, dates)
		}
	}
	if d := userDates(t, want, "u3"); d != "∅ ∅ ∅ ∅" {
		t.Errorf("before it arrived: %s", d)
	}
}

// Names come from the last snapshot that knew them, nights after the sources dropped what they name, and in full runs.
func TestNamesOutliveRows(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	g := generation("g1", "u1", "2026-11-18T10:00:00Z")
	g["canvas_id"], g["grid_id"], g["agent_id"] = "c1", "s1", "b1"
	w.gens.files["2026-11-18/a.csv"] = []event{g}
	w.logins.rows = []event{login("l1", "u1", "2026-11-18T10:00:00Z", "")}
	run(t, w, b, firstNight, jobs.Request{})
	w.tables["members"].rows[keyOf(event{"workspace_id": "w1", "user_id": "u1"})]["user_name"] = "Renamed"
	run(t, w, b, firstNight.Add(time.Hour), jobs.Request{})
	for _, name := range []string{"workspaces", "members", "agents", "canvases", "grids"} {
		for key, row := range w.tables[name].rows {
			if row["workspace_id"] == "w1" {
				delete(w.tables[name].rows, key)
			}
		}
	}
	for i, full := range []bool{false, true, false} {
		at := secondNight.AddDate(0, 0, i)
		run(t, w, b, at, jobs.Request{Full: full})
		date := at.Format(time.DateOnly)
		logs := logsOf(t, b, date)
		for table, want := range map[string]string{
			"generation_log":    stamp(at) + "|w1|Space w1|u1|Renamed|u1@x.org|2026-11-18|c1|Canvas|s1|Grid|Text|Chat|∅|Custom – User Saved|b1|Bot|false|1",
			"user_activity_log": "w1|Space w1|u1|Renamed|u1@x.org|2026-11-18",
		} {
			key := table + "/snapshot_date=" + date + "/part-00000.parquet"
			if rows := rowsOf(t, key, logs[key]); len(rows) != 1 || rows[0] != want {
				t.Errorf("%s, %s: %q, want %q", date, table, rows, want)
			}
		}
	}
}

// All dates of a backfill have one run time.
func TestBackfillKeepsArrivals(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	w.logins.mode = arrivalDay
	for i, day := range []string{"2026-11-17", "2026-11-18", "2026-11-19"} {
		w.logins.rows = append(w.logins.rows, login(fmt.Sprint("e", i), "u1", day+"T08:00:00Z", day+"T08:00:00Z"))
	}
	run(t, w, b, firstNight, jobs.Request{})
	want := logsOf(t, b, "2026-11-20")
	w.logins.rows = append(w.logins.rows, login("late", "u2", "2026-11-17T09:00:00Z", "2026-11-20T05:00:00Z"))
	w.write(t)
	days := calendar.Days{From: calendar.Civil(2026, 11, 18), To: calendar.Civil(2026, 11, 21)}
	if _, err := newNight(t, w, b, firstNight.Add(6*time.Hour)).Backfill(t.Context(), days, false); err != nil {
		t.Fatal(err)
	}
	for date, last := range map[string]string{"2026-11-18": "2026-11-17", "2026-11-19": "2026-11-18", "2026-11-20": "2026-11-19"} {
		got := logsOf(t, b, date)
		if d := userDates(t, got, "u1"); d != "2026-11-17 "+last+" ∅ ∅" {
			t.Errorf("%s: u1 %s", date, d)
		}
		if d := userDates(t, got, "u2"); d != "2026-11-17 2026-11-17 ∅ ∅" {
			t.Errorf("%s: u2 %s", date, d)
		}
	}
	if d := userDates(t, want, "u2"); d != "∅ ∅ ∅ ∅" {
		t.Errorf("before it arrived: %s", d)
	}
}

// A backfill asks for what arrived in between, too, and the next night does not ask for that again: what belongs to days
// after the date that is published again is kept for them.
func TestBackfillLosesNoArrival(t *testing.T) {
	for _, m := range []mode{arrival, arrivalDay} {
		t.Run(string(m), func(t *testing.T) {
			w, b := newWorld(t, "UTC"), newBucket(t)
			w.logins.mode = m
			w.logins.rows = []event{login("e1", "u1", "2026-11-08T08:00:00Z", "2026-11-08T08:00:00Z")}
			run(t, w, b, firstNight, jobs.Request{})
			w.logins.rows = append(w.logins.rows, login("late", "u2", "2026-11-15T09:00:00Z", stamp(firstNight.Add(time.Hour))))
			w.write(t)
			day := calendar.Civil(2026, 11, 10)
			if _, err := newNight(t, w, b, firstNight.Add(6*time.Hour)).Backfill(t.Context(), calendar.Days{From: day, To: day + 1}, false); err != nil {
				t.Fatal(err)
			}
			if d := userDates(t, logsOf(t, b, "2026-11-10"), "u2"); d != "∅ ∅ ∅ ∅" {
				t.Errorf("2026-11-10: u2 %s", d)
			}
			run(t, w, b, secondNight, jobs.Request{})
			if d := userDates(t, logsOf(t, b, "2026-11-21"), "u2"); d != "2026-11-15 2026-11-15 ∅ ∅" {
				t.Errorf("2026-11-21: u2 %s", d)
			}
		})
	}
}

// The config changes, and the first run that knows is for a past date: no day keeps facts of the old config.
func TestBackfillWithAnotherConfig(t *testing.T) {
	for _, m := range []mode{lookback, arrival, arrivalDay, dated} {
		t.Run(string(m), func(t *testing.T) {
			w, b := newWorld(t, "UTC"), newBucket(t)
			w.gens.mode = m
			for i, day := range []string{"2026-11-05", "2026-11-15", "2026-11-19"} {
				g := generation(fmt.Sprint("g", i), "u1", day+"T08:00:00Z")
				g["arrived_at"] = g["created_at"]
				w.gens.rows = append(w.gens.rows, g)
				w.gens.files[day+"/a.csv"] = []event{g}
			}
			run(t, w, b, firstNight, jobs.Request{})
			binding := strings.TrimSpace(strings.TrimPrefix(w.gens.config(), "  generations: "))
			w.bindings["generations"] = strings.TrimSuffix(binding, "}") + ", mappings: { generation_feature: { Chat: Agent } } }"
			w.write(t)
			day := calendar.Civil(2026, 11, 10)
			if _, err := newNight(t, w, b, firstNight.Add(time.Hour)).Backfill(t.Context(), calendar.Days{From: day, To: day + 1}, false); err != nil {
				t.Fatal(err)
			}
			run(t, w, b, secondNight, jobs.Request{})
			fresh := newBucket(t)
			run(t, w, fresh, secondNight, jobs.Request{})
			report(t, "a fresh lake", logsOf(t, fresh, "2026-11-21"), logsOf(t, b, "2026-11-21"))
		})
	}
}

// history_start is moved: what lies before it now is not kept, what lies after it now is read.
func TestHistoryStartMoved(t *testing.T) {
	for _, m := range []mode{lookback, arrivalDay, dated} {
		for _, starts := range [][2]string{{"2026-11-01", "2026-11-10"}, {"2026-11-10", "2026-11-01"}} {
			t.Run(fmt.Sprintf("%s, from %s to %s", m, starts[0], starts[1]), func(t *testing.T) {
				w, b := newWorld(t, "UTC"), newBucket(t)
				w.logins.mode = m
				for i, day := range []string{"2026-11-05", "2026-11-15"} {
					l := login(fmt.Sprint("l", i), "u1", day+"T08:00:00Z", day+"T08:00:00Z")
					w.logins.rows = append(w.logins.rows, l)
					w.logins.files[day+"/a.csv"] = []event{l}
				}
				w.settings = "history_start: " + starts[0] + "\n"
				run(t, w, b, firstNight, jobs.Request{})
				w.settings = "history_start: " + starts[1] + "\n"
				run(t, w, b, secondNight, jobs.Request{})
				fresh := newBucket(t)
				run(t, w, fresh, secondNight, jobs.Request{})
				report(t, "a fresh lake", logsOf(t, fresh, "2026-11-21"), logsOf(t, b, "2026-11-21"))
			})
		}
	}
}

// TestDatesOutliveEvents drops old events from the sources in every way that there is: what is older than the rolling
// year is remembered, what is in it was withdrawn (contract §2).
func TestDatesOutliveEvents(t *testing.T) {
	old, recent := "2024-01-15T12:00:00Z", "2026-11-10T12:00:00Z"
	for _, c := range []struct {
		name string
		mode mode
		drop func(s *stream)
		want string
	}{
		{"file by day deleted", dated, func(s *stream) { clear(s.files) }, "∅ ∅ 2024-01-15 2024-01-15"},
		{"file deleted", undated, func(s *stream) { clear(s.files) }, "∅ ∅ 2024-01-15 2024-01-15"},
		{"file rewritten without its oldest events", undated, func(s *stream) {
			s.files["all.csv"] = s.files["all.csv"][1:]
			s.version["all.csv"]++
		}, "∅ ∅ 2024-01-15 2026-11-10"},
		{"file by day rewritten without any", dated, func(s *stream) {
			s.files["2026-11-11/all.csv"] = nil
			s.version["2026-11-11/all.csv"]++
		}, "∅ ∅ 2024-01-15 2024-01-15"},
		{"rows deleted", lookback, func(s *stream) { s.rows = s.rows[1:] }, "∅ ∅ 2024-01-15 2026-11-10"},
		{"rows deleted where arrivals are asked for", arrival, func(s *stream) { s.rows = nil }, "∅ ∅ 2024-01-15 2026-11-10"},
	} {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, full=%t", c.name, full), func(t *testing.T) {
				w, b := newWorld(t, "UTC"), newBucket(t)
				w.gens.mode = c.mode
				rows := []event{generation("e1", "u1", old), generation("e2", "u1", recent)}
				for _, r := range rows {
					r["arrived_at"] = r["created_at"]
				}
				switch c.mode {
				case dated:
					w.gens.files["2026-11-11/all.csv"] = rows
				case undated:
					w.gens.files["all.csv"] = rows
				default:
					w.gens.rows = rows
				}
				run(t, w, b, firstNight, jobs.Request{})
				if d := userDates(t, logsOf(t, b, "2026-11-20"), "u1"); d != "∅ ∅ 2024-01-15 2026-11-10" {
					t.Errorf("before: %s", d)
				}
				c.drop(w.gens)
				want := c.want
				if full && c.mode == arrival {
					want = "∅ ∅ 2024-01-15 2024-01-15" // a run that asks for everything sees that nothing is there
				}
				run(t, w, b, secondNight, jobs.Request{Full: full})
				if d := userDates(t, logsOf(t, b, "2026-11-21"), "u1"); d != want {
					t.Errorf("after: %s, want %s", d, want)
				}
				run(t, w, b, secondNight.AddDate(0, 0, 1), jobs.Request{})
				if d := userDates(t, logsOf(t, b, "2026-11-22"), "u1"); d != want {
					t.Errorf("a night later: %s, want %s", d, want)
				}
			})
		}
	}
}

// An event that was corrected has not been dropped: the day it was wrongly on is forgotten, however old.
func TestCorrectedEventIsNotDropped(t *testing.T) {
	for _, m := range []mode{arrival, arrivalDay, dated, undated} {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, full=%t", m, full), func(t *testing.T) {
				w, b := newWorld(t, "UTC"), newBucket(t)
				w.logins.mode = m
				if m == undated {
					w.bindings["logins"] = `{ source: events, path: "logins/**.csv" }`
				}
				hold := func(at, arrived string) {
					rows := []event{login("e1", "u1", at, arrived), login("e2", "u2", "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z")}
					w.logins.rows, w.logins.files = rows, map[string][]event{"2026-11-01/a.csv": rows}
					w.logins.version["2026-11-01/a.csv"]++
				}
				hold("2023-11-19T10:00:00Z", "2025-01-01T00:00:00Z")
				run(t, w, b, firstNight, jobs.Request{})
				hold("2026-11-19T10:00:00Z", "2026-11-20T10:00:00Z")
				run(t, w, b, secondNight, jobs.Request{Full: full})
				logs := logsOf(t, b, "2026-11-21")
				if d := userDates(t, logs, "u1"); d != "2026-11-19 2026-11-19 ∅ ∅" {
					t.Errorf("u1: %s", d)
				}
				if d := userDates(t, logs, "u2"); d != "2025-01-01 2025-01-01 ∅ ∅" {
					t.Errorf("u2: %s", d)
				}
			})
		}
	}
}

// TestFullMendsState damages every object of the state in turn. A night that needs it says so and publishes nothing; one
// that reads everything again does without it, tells so and leaves a state that is whole.
func TestFullMendsState(t *testing.T) {
	for _, m := range []mode{dated, lookback, arrival} {
		t.Run(string(m), func(t *testing.T) {
			w, b := newWorld(t, "UTC"), newBucket(t)
			w.logins.mode = m
			hold := func(ids ...string) {
				w.logins.rows, w.logins.files = nil, map[string][]event{}
				for i, id := range ids {
					at := time.Date(2025, 11, 10+2*i, 10, 0, 0, 0, time.UTC)
					l := login(id, "u1", stamp(at), stamp(at))
					name := at.Format(time.DateOnly) + "/a.csv"
					w.logins.rows = append(w.logins.rows, l)
					w.logins.files[name] = []event{l}
				}
			}
			hold("old", "a", "b", "c", "d", "a", "b")
			run(t, w, b, firstNight, jobs.Request{})
			delete(w.tables["members"].rows, keyOf(event{"workspace_id": "w2", "user_id": "u3"}))
			hold("a", "b", "c", "d", "a", "b") // the day of the first is gone, all others are rewritten
			run(t, w, b, firstNight.Add(time.Hour), jobs.Request{Full: true})
			w.logins.rows = append(w.logins.rows, login("e", "u2", "2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"))
			w.logins.files["2026-11-20/a.csv"] = []event{login("e", "u2", "2026-11-20T10:00:00Z", "")}
			undamaged := copyOf(t, b)
			run(t, w, undamaged, secondNight, jobs.Request{})
			want := logsOf(t, undamaged, "2026-11-21")
			for key := range sinktest.Dump(t, b, "state/") {
				for _, damage := range []string{"gone", "cut short", "garbage", "a bit"} {
					c := copyOf(t, b)
					whole, err := c.ReadAll(t.Context(), "state/"+key)
					if err != nil {
						t.Fatal(err)
					}
					switch damage {
					case "gone":
						err = c.Delete(t.Context(), "state/"+key)
					case "cut short":
						err = c.WriteAll(t.Context(), "state/"+key, whole[:len(whole)/2], nil)
					case "a bit":
						flipped := bytes.Clone(whole)
						flipped[len(flipped)/3] ^= 4
						if key == "index.json" {
							flipped = whole // it names the others; its own text is not checked
						}
						err = c.WriteAll(t.Context(), "state/"+key, flipped, nil)
					default:
						err = c.WriteAll(t.Context(), "state/"+key, bytes.Repeat([]byte{0xA5}, len(whole)), nil)
					}
					if err != nil {
						t.Fatal(err)
					}
					before := sinktest.Dump(t, c, "logs/")
					// A night may find what it needs elsewhere, or not need it; it must not stumble.
					if out, err := newNight(t, w, c, secondNight).Run(t.Context(), jobs.Request{}); err != nil {
						if out.Published || differing(before, sinktest.Dump(t, c, "logs/")) != nil {
							t.Errorf("%s %s: published in spite of %v", key, damage, err)
						}
						if !strings.Contains(err.Error(), "--full") || !strings.Contains(err.Error(), "state/"+key) {
							t.Errorf("%s %s: %v, want it to name the object and tell to run with --full", key, damage, err)
						}
						if strings.Contains(err.Error(), "internal error") {
							t.Errorf("%s %s: a panic: %.200s", key, damage, err)
						}
					} else if key != "index.json" {
						report(t, key+" "+damage, want, logsOf(t, c, "2026-11-21"))
					}
					if _, err := newNight(t, w, c, secondNight).Run(t.Context(), jobs.Request{Full: true}); err != nil {
						t.Errorf("%s %s: a full run: %v", key, damage, err)
						continue
					}
					if _, err := newNight(t, w, c, secondNight.AddDate(0, 0, 1)).Run(t.Context(), jobs.Request{}); err != nil {
						t.Errorf("%s %s: the night after: %v", key, damage, err)
					}
				}
			}
		})
	}
}

// The rolling year ends with the day before the run date, at midnight in the reporting zone, to the microsecond.
func TestWindowEdges(t *testing.T) {
	w, b := newWorld(t, "Pacific/Kiritimati"), newBucket(t)
	zone := w.zone
	date := calendar.Civil(2026, 11, 20)
	for i, at := range []time.Time{
		(date - 365).Start(zone).Add(-time.Microsecond), (date - 365).Start(zone), // out, in
		date.Start(zone).Add(-time.Microsecond), date.Start(zone), // in, out
	} {
		w.gens.files["2026-11-19/a.csv"] = append(w.gens.files["2026-11-19/a.csv"], generation(fmt.Sprint("g", i), fmt.Sprint("u", i), stamp(at)))
		w.logins.rows = append(w.logins.rows, login(fmt.Sprint("l", i), fmt.Sprint("u", i), stamp(at), stamp(at)))
	}
	run(t, w, b, date.Start(zone).Add(time.Hour), jobs.Request{})
	logs := logsOf(t, b, "2026-11-20")
	for key, column := range map[string]int{"generation_log": 6, "user_activity_log": 5} {
		key += "/snapshot_date=2026-11-20/part-00000.parquet"
		var got []string
		for _, row := range rowsOf(t, key, logs[key]) {
			cells := strings.Split(row, "|")
			user := cells[2]
			if column == 6 {
				user = cells[3]
			}
			got = append(got, user+" "+cells[column])
		}
		if text := strings.Join(got, ", "); text != "u1 2025-11-20, u2 2026-11-19" {
			t.Errorf("%s: %s", key, text)
		}
	}
	for user, want := range map[string]string{"u1": "2025-11-20", "u2": "2026-11-19", "u3": "∅"} {
		if d := userDates(t, logs, user); d != strings.Join([]string{want, want, want, want}, " ") {
			t.Errorf("%s: %s, want %s", user, d, want)
		}
	}
}

// TestManyNights goes on until what the state keeps has been put together anew, more than once.
func TestManyNights(t *testing.T) {
	w, b := newWorld(t, "America/New_York"), newBucket(t)
	w.logins.mode, w.gens.mode = arrival, dated
	at := firstNight
	for i := range 40 {
		day := at.Add(-12 * time.Hour)
		w.logins.rows = append(w.logins.rows, login(fmt.Sprint("l", i), fmt.Sprint("u", i%3+1), stamp(day), stamp(day)),
			login(fmt.Sprint("l", i/2), fmt.Sprint("u", i/2%3+1), stamp(firstNight.AddDate(0, 0, i/2).Add(-12*time.Hour)), stamp(day)))
		w.gens.files[day.Format(time.DateOnly)+"/a.csv"] = []event{generation(fmt.Sprint("g", i), fmt.Sprint("u", i%2+1), stamp(day)),
			generation(fmt.Sprint("g", i/3), fmt.Sprint("u", i/3%2+1), stamp(firstNight.AddDate(0, 0, i/3).Add(-12*time.Hour)))}
		run(t, w, b, at, jobs.Request{})
		at = at.AddDate(0, 0, 1)
	}
	at = at.AddDate(0, 0, -1)
	date := at.In(w.zone).Format(time.DateOnly)
	published := logsOf(t, b, date)
	fresh := newBucket(t)
	run(t, w, fresh, at, jobs.Request{})
	report(t, "a fresh lake", published, logsOf(t, fresh, date))
	run(t, w, b, at, jobs.Request{Full: true})
	report(t, "full", published, logsOf(t, b, date))
	objects := 0
	for key := range sinktest.Dump(t, b, "state/") {
		if strings.HasPrefix(key, "packs/") {
			objects++
		}
	}
	if objects != 1 {
		t.Errorf("a full run left %d packs, want 1", objects)
	}
}
