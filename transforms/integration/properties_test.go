package integration_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/identity"
	"github.com/usagereport/usagereport/transforms/integration"
)

// TestReportsEqualModel compares both reports of random worlds, delivered anyhow, with what follows from the rows.
func TestReportsEqualModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		w := drawWorld(rt)
		windows := calendar.Windows(w.date)
		p := w.people(rt, windows.OneYear)
		d := w.deliver(rt)
		year := w.open(rt, mem, d)
		defer year.close()
		for _, days := range []calendar.Days{windows.SixMonths, windows.OneYear} {
			w.compare(rt, year.Report(days), w.report(days, p))
		}
		w.compareUnknown(rt, year, windows.OneYear)
		w.compareQuality(rt, year, d, p, windows.OneYear)
		w.compareExplanations(rt, year, p)
	})
}

func (w *world) compare(t rapid.TB, got *integration.Report, want *model) {
	t.Helper()
	for _, def := range dictionary.Reports() {
		if rows := w.rowsOf(t, got, def); !slices.Equal(rows, want.sheets[def]) {
			t.Errorf("%s:\n got\n  %s\nwant\n  %s", def.Title, strings.Join(rows, "\n  "), strings.Join(want.sheets[def], "\n  "))
		}
	}
	if got.Figures != want.figures {
		t.Errorf("figures %+v, want %+v", got.Figures, want.figures)
	}
	if wrong := got.Wrong(); wrong != nil {
		t.Errorf("wrong: %q", wrong)
	}
	if !slices.Equal(got.BySystem, want.bySystem) {
		t.Errorf("by system %v, want %v", got.BySystem, want.bySystem)
	}
	if !slices.Equal(got.ByPair, want.byPair) {
		t.Errorf("by pair %v, want %v", got.ByPair, want.byPair)
	}
}

// compareUnknown counts what refers to things that nobody ever knew. Systems are those of people and of successful syncs.
func (w *world) compareUnknown(t rapid.TB, year *opened, days calendar.Days) {
	t.Helper()
	events, projects := int64(0), int64(0)
	for _, e := range w.syncs {
		if _, known := w.pairOf(e.integration); !known && w.inside(e.at, days) {
			events++
		}
	}
	for _, p := range w.projects {
		if _, known := w.pairOf(p.integration); !known && !p.gone {
			projects++
		}
	}
	nameless := map[string]bool{}
	for _, o := range w.sights {
		nameless[o.system] = nameless[o.system] || w.inside(o.at, days)
	}
	for _, events := range w.succeeded(days) {
		for _, e := range events {
			nameless[e.system] = true
		}
	}
	maps.DeleteFunc(nameless, func(id string, seen bool) bool {
		return !seen || slices.ContainsFunc(w.systems, func(s system) bool { return s.id == id && s.name != "" })
	})
	want := map[string]int64{
		"sync_events_without_integration": events, "project_pairs_without_integration": projects, "systems_without_name": int64(len(nameless)),
	}
	if got := year.Unknown(); !maps.Equal(got, want) {
		t.Errorf("unknown %v, want %v", got, want)
	}
}

func (w *world) compareQuality(t rapid.TB, year *opened, d delivered, p *people, days calendar.Days) {
	t.Helper()
	events, rows, unidentified := int64(0), int64(0), int64(0) // rows of observations: they have no id
	for _, e := range w.syncs {
		if w.inside(e.at, days) {
			events++
		}
	}
	for _, o := range slices.Concat(d.sights...) {
		if w.inside(o.at, days) {
			rows++
		}
		if i := slices.Index(w.sights, o); p.of[i] == -1 {
			unidentified++
		}
	}
	if syncs, observations := year.Facts(); syncs != events || observations != rows {
		t.Errorf("%d sync events, %d observations, want %d, %d", syncs, observations, events, rows)
	}
	got := year.Quality(3)
	if got.Users != int64(p.Len()) || got.FullEmailUsers != int64(p.FullEmailCount()) || got.Unidentified != unidentified {
		t.Errorf("quality %+v, want %d users, %d by full email, %d observations without identity", got, p.Len(), p.FullEmailCount(), unidentified)
	}
	if want := p.Largest(3); !slices.Equal(got.Largest, want) {
		t.Errorf("largest %v, want %v", got.Largest, want)
	}
	if len(got.Bridges) != len(got.Largest) || len(got.Buckets) != len(got.Largest) {
		t.Fatalf("bridges of %d users, buckets of %d, want %d", len(got.Bridges), len(got.Buckets), len(got.Largest))
	}
	for i, l := range got.Largest {
		if want := p.Bridges(l.User); !slices.Equal(got.Bridges[i], want) || got.Buckets[i] != p.Bucket(l.User) {
			t.Errorf("user %d: bridges %q, want %q; bucket %s, want %s", l.User, got.Bridges[i], want, got.Buckets[i], p.Bucket(l.User))
		}
	}
}

// compareExplanations asks for everybody by everything they were seen with.
func (w *world) compareExplanations(t rapid.TB, year *opened, p *people) {
	t.Helper()
	want := map[string]map[int]bool{} // users by what to ask for
	rows := map[int]int{}             // kinds of observations by user
	distinct := map[observation]bool{}
	for i, user := range p.of {
		if user < 0 {
			continue
		}
		email := p.Key(identity.Email, p.obs[i].Email)
		local := ""
		if at := strings.LastIndex(email, "@"); at >= 0 {
			local = email[:at]
		}
		for _, key := range []string{email, local, p.Key(identity.Username, p.obs[i].Username), p.Key(identity.DisplayName, p.obs[i].DisplayName)} {
			if want[key] == nil {
				want[key] = map[int]bool{}
			}
			want[key][user] = true
		}
		same := w.sights[i]
		if same.at, same.kind = 0, ""; same.service == null {
			same.service = "false"
		}
		if !distinct[same] {
			distinct[same] = true
			rows[user]++
		}
	}
	want[""], want["nobody"] = nil, nil
	for key, users := range want {
		found := map[int]bool{}
		for _, e := range year.Explain(" " + strings.ToUpper(key)) {
			found[e.User] = true
			if len(e.Observations) != rows[e.User] {
				t.Errorf("%q: user %d has %d observations that differ, want %d", key, e.User, len(e.Observations), rows[e.User])
			}
			if e.Bucket != p.Bucket(e.User) || !slices.Equal(e.Bridges, p.Bridges(e.User)) {
				t.Errorf("%q: user %d: bucket %s, bridges %q", key, e.User, e.Bucket, e.Bridges)
			}
		}
		if identity.Normalize(strings.ToUpper(key)) == key && !maps.Equal(found, users) {
			t.Errorf("%q: users %v, want %v", key, found, users)
		}
	}
}

// TestDeliveryChangesNothing compares the records of one world delivered twice, and what the contract says of figures.
func TestDeliveryChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		w := drawWorld(rt)
		one, other := w.open(rt, mem, w.whole()), w.open(rt, mem, w.deliver(rt))
		defer one.close()
		defer other.close()
		windows := calendar.Windows(w.date)
		for _, days := range []calendar.Days{windows.SixMonths, windows.OneYear} {
			a, b := one.Report(days), other.Report(days)
			for _, def := range dictionary.Reports() {
				x, y := recordsOf(rt, a, def), recordsOf(rt, b, def)
				if !slices.EqualFunc(x, y, array.RecordEqual) {
					rt.Errorf("%s: %v, delivered otherwise %v", def.Title, x, y)
				}
				for _, rec := range slices.Concat(x, y) {
					rec.Release()
				}
			}
		}
		half, year := w.countsOf(rt, one.Report(windows.SixMonths)), w.countsOf(rt, one.Report(windows.OneYear))
		for what, n := range half {
			if n > year[what] {
				rt.Errorf("%s: %d in six months, %d in a year", what, n, year[what])
			}
		}
	})
}

func recordsOf(t rapid.TB, r *integration.Report, def *dictionary.Table) (all []arrow.Record) {
	t.Helper()
	for rec, err := range r.Sheet(def) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rec)
	}
	return all
}

// countsOf returns all that a report counts and has checked what they say of each other.
func (w *world) countsOf(t rapid.TB, r *integration.Report) map[string]int64 {
	t.Helper()
	counts := map[string]int64{
		"entity types": r.Figures.EntityTypes, "projects": r.Figures.Projects, "entities": r.Figures.Entities, "users": r.Figures.Users.All,
	}
	cells := func(def *dictionary.Table) (rows [][]string) {
		for _, row := range w.rowsOf(t, r, def) {
			rows = append(rows, strings.Split(row, " | "))
		}
		counts["rows of "+def.Title] = int64(len(rows))
		return rows
	}
	number := func(text string) int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, row := range cells(dictionary.UniqueUserCount) {
		n, sum := number(row[1]), int64(0)
		for _, bucket := range row[2:] {
			sum += number(bucket)
		}
		if n > r.Figures.Users.All || sum != n {
			t.Errorf("%s: %d users, buckets of %d, %d in all", row[0], n, sum, r.Figures.Users.All)
		}
		counts["users of "+row[0]] = n
	}
	entities := int64(0)
	for _, row := range cells(dictionary.SyncedDataCount) {
		entities += number(row[2])
		counts["entities of "+row[0]+row[1]] = number(row[2])
	}
	types, projects := map[string]bool{}, map[string]bool{}
	for _, row := range cells(dictionary.EntityTypeCount) {
		types[row[2]] = true
	}
	for _, row := range cells(dictionary.IntegratedProjectCount) {
		projects[fmt.Sprintf("%q", row[:2])], projects[fmt.Sprintf("%q", row[2:4])] = true, true
	}
	if entities != r.Figures.Entities || int64(len(types)) != r.Figures.EntityTypes || int64(len(projects)) != r.Figures.Projects {
		t.Errorf("%+v: the sheets have %d entities, %d types, %d projects", r.Figures, entities, len(types), len(projects))
	}
	if n := len(cells(dictionary.DetailedUserReport)); int64(n) != r.Figures.Users.All {
		t.Errorf("%d users in detail, want %d", n, r.Figures.Users.All)
	}
	return counts
}
