package integration_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/identity"
	"github.com/usagereport/usagereport/transforms/integration"
)

// model is a report as it follows from the rows of a world, in no hurry.
type model struct {
	figures          integration.Figures
	bySystem, byPair []integration.Named
	sheets           map[*dictionary.Table][]string
}

// day is the day of an instant, written so that days compare as text.
func (w *world) day(at int64) string { return time.UnixMicro(at).In(w.zone).Format(time.DateOnly) }

func (w *world) inside(at int64, days calendar.Days) bool {
	return days.From.String() <= w.day(at) && w.day(at) <= days.Last().String()
}

// whole cuts off the fraction of a second.
func whole(at int64) int64 { return time.UnixMicro(at).Truncate(time.Second).UnixMicro() }

// name is what a system is called.
func (w *world) name(id string) string {
	bearers, name := map[string]int{}, ""
	for _, s := range w.systems {
		bearers[s.name]++
		if s.id == id {
			name = s.name
		}
	}
	switch {
	case name == "":
		return id
	case bearers[name] > 1:
		return name + " (" + id + ")"
	}
	return name
}

// together is the status of several things.
func together(statuses []string) string {
	if slices.Contains(statuses, "Active") {
		return "Active"
	}
	if slices.Sort(statuses); statuses[0] == statuses[len(statuses)-1] {
		return statuses[0]
	}
	return "Inactive"
}

// pairOf is the two systems of an integration, in their order.
func (w *world) pairOf(id string) (pair [2]string, known bool) {
	for _, c := range w.integrations {
		if c.id == id {
			return [2]string{c.system1, c.system2}, true
		}
	}
	return pair, false
}

func (w *world) pairStatus(pair [2]string) string {
	var all []string
	for _, c := range w.integrations {
		switch {
		case c.system1 != pair[0] || c.system2 != pair[1]:
		case c.gone:
			all = append(all, "Inactive")
		default:
			all = append(all, c.status)
		}
	}
	return together(all)
}

func (w *world) cell(at int64, ok bool) string {
	if !ok {
		return null
	}
	return w.clock(at)
}

func (w *world) report(days calendar.Days, p *people) *model {
	m := &model{sheets: map[*dictionary.Table][]string{}}
	w.entities(m, days)
	w.projectPairs(m, days)
	w.users(m, days, p)
	w.details(m, days, p)
	return m
}

// succeeded is the successful syncs of known integrations in the window, by pair of systems.
func (w *world) succeeded(days calendar.Days) map[[2]string][]syncEvent {
	found := map[[2]string][]syncEvent{}
	for _, e := range w.syncs {
		if pair, known := w.pairOf(e.integration); known && e.succeeded && w.inside(e.at, days) {
			found[pair] = append(found[pair], e)
		}
	}
	return found
}

// entities is the sheets of entity types and of synced data.
func (w *world) entities(m *model, days calendar.Days) {
	type kindRow struct {
		pair, system, kind, status string
		last                       int64
	}
	type pairRow struct {
		system1, system2 string
		n                int64
		last             int64
	}
	var kindRows []kindRow
	var pairRows []pairRow
	types := map[string]bool{}
	for pair, events := range w.succeeded(days) {
		name1, name2 := w.name(pair[0]), w.name(pair[1])
		kinds, things, last := map[[2]string]int64{}, map[[3]string]bool{}, whole(events[0].at)
		for _, e := range events {
			kind := [2]string{e.system, e.kind}
			if at, ok := kinds[kind]; !ok || at < whole(e.at) {
				kinds[kind] = whole(e.at)
			}
			things[[3]string{e.system, e.kind, e.entity}] = true
			types[e.kind] = true
			last = max(last, whole(e.at))
		}
		for k, at := range kinds {
			kindRows = append(kindRows, kindRow{name1 + " ↔ " + name2, w.name(k[0]), k[1], w.pairStatus(pair), at})
		}
		pairRows = append(pairRows, pairRow{name1, name2, int64(len(things)), last})
		m.figures.Entities += int64(len(things))
	}
	m.figures.EntityTypes = int64(len(types))
	slices.SortFunc(kindRows, func(a, b kindRow) int {
		return cmp.Or(cmp.Compare(a.pair, b.pair), cmp.Compare(a.system, b.system), cmp.Compare(a.kind, b.kind))
	})
	slices.SortFunc(pairRows, func(a, b pairRow) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.system1, b.system1), cmp.Compare(a.system2, b.system2))
	})
	for _, r := range kindRows {
		m.add(dictionary.EntityTypeCount, r.pair, r.system, r.kind, r.status, w.clock(r.last))
	}
	for _, r := range pairRows {
		m.byPair = append(m.byPair, integration.Named{Name: r.system1 + " ↔ " + r.system2, N: r.n})
		m.add(dictionary.SyncedDataCount, r.system1, r.system2, fmt.Sprint(r.n), w.clock(r.last))
	}
}

func (m *model) add(def *dictionary.Table, cells ...string) {
	m.sheets[def] = append(m.sheets[def], strings.Join(cells, " | "))
}

// projectPairs is the sheet of pairs of projects.
func (w *world) projectPairs(m *model, days calendar.Days) {
	type key struct {
		pair   [2]string
		p1, p2 string
	}
	type row struct {
		showing       [4]string
		statuses      []string
		updated, last int64
		known, synced bool
		updatedInside bool
	}
	rows := map[key]*row{}
	at := func(k key) *row {
		if rows[k] == nil {
			rows[k] = &row{showing: [4]string{w.name(k.pair[0]), k.p1, w.name(k.pair[1]), k.p2}}
		}
		return rows[k]
	}
	for _, p := range w.projects {
		pair, ok := w.pairOf(p.integration)
		if !ok {
			continue
		}
		r := at(key{pair, p.p1, p.p2})
		if !r.known || r.updated < p.updated {
			r.known, r.updated = true, p.updated
		}
		r.updatedInside = r.updatedInside || w.inside(p.updated, days)
		if p.gone {
			p.status = "Inactive"
		}
		r.statuses = append(r.statuses, p.status)
	}
	for pair, events := range w.succeeded(days) {
		for _, e := range events {
			if e.p1 == null || e.p2 == null {
				continue
			}
			r := at(key{pair, e.p1, e.p2})
			if !r.synced || r.last < whole(e.at) {
				r.synced, r.last = true, whole(e.at)
			}
		}
	}
	distinct := map[[2]string]bool{}
	for k, r := range rows {
		if !r.synced && !r.updatedInside {
			delete(rows, k)
			continue
		}
		distinct[[2]string{k.pair[0], k.p1}] = true
		distinct[[2]string{k.pair[1], k.p2}] = true
	}
	m.figures.Projects = int64(len(distinct))
	for _, r := range slices.SortedFunc(maps.Values(rows), func(a, b *row) int { return slices.Compare(a.showing[:], b.showing[:]) }) {
		status := "Inactive"
		if len(r.statuses) > 0 {
			status = together(r.statuses)
		}
		m.add(dictionary.IntegratedProjectCount, r.showing[0], r.showing[1], r.showing[2], r.showing[3], status,
			w.cell(r.updated, r.known), w.cell(r.last, r.synced))
	}
}

// people is who is who in the year of a world.
type people struct {
	*identity.Users
	of  []int // by observation: the user, -1 for none and -2 for one of another year
	obs []identity.Observation
}

func (w *world) people(t rapid.TB, year calendar.Days) *people {
	t.Helper()
	var v identity.Values
	code := func(values *[]string, text string) uint32 {
		if text == null {
			return 0
		}
		if !slices.Contains(*values, text) {
			*values = append(*values, text)
		}
		return uint32(slices.Index(*values, text) + 1)
	}
	p := &people{}
	for _, o := range w.sights {
		p.obs = append(p.obs, identity.Observation{
			Email: code(&v.Emails, o.email), Username: code(&v.Usernames, o.username), DisplayName: code(&v.DisplayNames, o.displayName)})
	}
	r, err := identity.NewResolver(v, w.rules)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range w.sights {
		if w.inside(o.at, year) {
			r.Add(p.obs[i])
		}
	}
	p.Users = r.Resolve()
	for i, o := range w.sights {
		p.of = append(p.of, -2)
		if w.inside(o.at, year) {
			if user, ok := p.Of(p.obs[i]); ok {
				p.of[i] = user
			} else {
				p.of[i] = -1
			}
		}
	}
	return p
}

// seen is the observations of each user within days, by their numbers.
func (w *world) seen(days calendar.Days, p *people) map[int][]int {
	seen := map[int][]int{}
	for i, user := range p.of {
		if user >= 0 && w.inside(w.sights[i].at, days) {
			seen[user] = append(seen[user], i)
		}
	}
	return seen
}

// users is the sheet of users by system.
func (w *world) users(m *model, days calendar.Days, p *people) {
	where := map[string]map[int]bool{"": {}} // "" is all systems
	for user, seen := range w.seen(days, p) {
		where[""][user] = true
		for _, i := range seen {
			id := w.sights[i].system
			if where[id] == nil {
				where[id] = map[int]bool{}
			}
			where[id][user] = true
		}
	}
	type row struct {
		name string
		integration.Users
	}
	var rows []row
	for id, users := range where {
		r := row{name: w.name(id)}
		for user := range users {
			r.All++
			r.Buckets[p.Bucket(user)]++
		}
		if id == "" {
			m.figures.Users = r.Users
			continue
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(b.All, a.All), cmp.Compare(a.name, b.name)) })
	for _, r := range rows {
		m.bySystem = append(m.bySystem, integration.Named{Name: r.name, N: r.All})
	}
	for _, r := range append(rows, row{"All systems", m.figures.Users}) {
		m.add(dictionary.UniqueUserCount, r.name, fmt.Sprint(r.All), fmt.Sprint(r.Buckets[0]), fmt.Sprint(r.Buckets[1]),
			fmt.Sprint(r.Buckets[2]), fmt.Sprint(r.Buckets[3]))
	}
}
