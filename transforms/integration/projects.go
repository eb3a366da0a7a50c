package integration

import (
	"cmp"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// projectRow is a pair of projects, over all integrations that connect them.
type projectRow struct {
	pair    int
	p1, p2  string
	status  status
	updated int64 // microseconds since 1970, or neverUpdated
	inside  bool  // the update falls into the window
	synced  moment
}

const neverUpdated = math.MinInt64

// projectRows returns the pairs of projects with a successful sync or an update in the days, sorted by what they show.
func (y *Year) projectRows(days calendar.Days) []projectRow {
	type key struct {
		pair   int
		p1, p2 string
	}
	found := map[key]*projectRow{}
	row := func(k key) *projectRow {
		r := found[k]
		if r == nil {
			r = &projectRow{pair: k.pair, p1: k.p1, p2: k.p2, updated: neverUpdated, synced: never}
			found[k] = r
		}
		return r
	}
	known, dayer := y.known.ProjectPairs, calendar.NewDayer(y.run.Zone)
	updates := known.Column("updated_at").(*array.Timestamp)
	for i := range known.Len() {
		integration, _ := known.Text("integration_id", i)
		pair := y.pairs.of(integration)
		if pair < 0 {
			continue
		}
		k := key{pair: pair}
		k.p1, _ = known.Text("system1_project", i)
		k.p2, _ = known.Text("system2_project", i)
		r := row(k)
		r.status.add(statusOf(y.today.ProjectPairs, integration, k.p1, k.p2))
		at := int64(updates.Value(i))
		r.updated = max(r.updated, at)
		r.inside = r.inside || days.Contains(dayer.DayOf(at))
	}
	from := momentOf(days.From, 0)
	for b, last := range y.synced.between {
		r := row(key{int(b.pair), y.synced.projects[0][b.p1-1], y.synced.projects[1][b.p2-1]})
		if r.status.text == "" {
			r.status.add(dictionary.StatusInactive)
		}
		if last >= from {
			r.synced = last
		}
	}
	var rows []projectRow
	for _, r := range found {
		if r.inside || r.synced > never {
			rows = append(rows, *r)
		}
	}
	slices.SortFunc(rows, func(a, b projectRow) int {
		p, q := y.pairs.list[a.pair], y.pairs.list[b.pair]
		return cmp.Or(
			cmp.Compare(y.systems.name(p.system1), y.systems.name(q.system1)), cmp.Compare(a.p1, b.p1),
			cmp.Compare(y.systems.name(p.system2), y.systems.name(q.system2)), cmp.Compare(a.p2, b.p2),
			cmp.Compare(p.system1, q.system1), cmp.Compare(p.system2, q.system2))
	})
	return rows
}

// unknownProjects counts the project pairs of integrations that no snapshot ever knew.
func (y *Year) unknownProjects() (n int64) {
	for i := range y.today.ProjectPairs.Len() {
		if id, _ := y.today.ProjectPairs.Text("integration_id", i); y.pairs.of(id) < 0 {
			n++
		}
	}
	return n
}
