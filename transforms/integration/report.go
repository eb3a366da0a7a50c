package integration

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/identity"
	"github.com/usagereport/usagereport/transforms/rows"
)

// Year is a year of events, of which the reports of both windows are made.
type Year struct {
	run          Run
	today, known State
	systems      *systems
	pairs        *pairs
	synced       *synced
	seen         *seen
}

// Collect goes through the facts of the year before the run date and resolves its users by the rules. known is, of each
// row, that of today or else the last one seen before the source dropped it. The tables and the mergers' values are used
// as long as the Year is.
func Collect(run Run, today, known State, syncs, observations *facts.Merger, rules identity.Rules) (*Year, error) {
	y := &Year{
		run: run, today: today, known: known,
		systems: newSystems(known.Systems), pairs: newPairs(today.Integrations, known.Integrations),
	}
	var err error
	if y.synced, err = collectSynced(run, syncs, y.pairs); err != nil {
		return nil, err
	}
	if y.seen, err = collectSeen(run, observations, rules); err != nil {
		return nil, err
	}
	return y, nil
}

// Figures are the totals of a report (contract §6).
type Figures struct {
	Users       Users
	EntityTypes int64
	Projects    int64
	Entities    int64
}

// Named is a figure of something.
type Named struct {
	Name string
	N    int64
}

// Report is the usage report of a window.
type Report struct {
	Figures  Figures
	BySystem []Named // users, most first
	ByPair   []Named // entities synced, most first

	year *Year
	days calendar.Days

	users    []systemRow
	kinds    []kindRow
	projects []projectRow
	pairs    []pairRow
}

type systemRow struct {
	id, name string
	Users
}

type kindRow struct {
	pair           int
	systemID, kind string
	latest
}

type pairRow struct {
	pair int
	latest
}

// Report makes the report of a window, one of those that end with the day before the run date.
func (y *Year) Report(days calendar.Days) *Report {
	r := &Report{year: y, days: days}
	from := momentOf(days.From, 0)

	all, bySystem := y.seen.since(from)
	for code, users := range bySystem {
		id := y.seen.systems[code-1]
		r.users = append(r.users, systemRow{id, y.systems.name(id), *users})
	}
	slices.SortFunc(r.users, func(a, b systemRow) int {
		return cmp.Or(cmp.Compare(b.All, a.All), cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id))
	})
	for _, s := range r.users {
		r.BySystem = append(r.BySystem, Named{s.name, s.All})
	}
	r.Figures.Users = all

	kinds, byPair := y.synced.since(from)
	types := map[string]bool{}
	for k, c := range kinds {
		row := kindRow{int(k.pair), y.synced.systems[k.system-1], y.synced.types[k.kind-1], c}
		r.kinds = append(r.kinds, row)
		types[row.kind] = true
	}
	slices.SortFunc(r.kinds, func(a, b kindRow) int {
		return cmp.Or(cmp.Compare(y.pairName(a.pair), y.pairName(b.pair)),
			cmp.Compare(y.systems.name(a.systemID), y.systems.name(b.systemID)), cmp.Compare(a.kind, b.kind),
			cmp.Compare(a.pair, b.pair), cmp.Compare(a.systemID, b.systemID))
	})
	r.Figures.EntityTypes = int64(len(types))
	for pair, c := range byPair {
		r.pairs = append(r.pairs, pairRow{int(pair), c})
		r.Figures.Entities += c.n
	}
	slices.SortFunc(r.pairs, func(a, b pairRow) int {
		p, q := y.pairs.list[a.pair], y.pairs.list[b.pair]
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(y.systems.name(p.system1), y.systems.name(q.system1)),
			cmp.Compare(y.systems.name(p.system2), y.systems.name(q.system2)), cmp.Compare(a.pair, b.pair))
	})
	for _, p := range r.pairs {
		r.ByPair = append(r.ByPair, Named{y.pairName(p.pair), p.n})
	}

	r.projects = y.projectRows(days)
	distinct := map[[2]string]bool{}
	for _, p := range r.projects {
		pair := y.pairs.list[p.pair]
		distinct[[2]string{pair.system1, p.p1}] = true
		distinct[[2]string{pair.system2, p.p2}] = true
	}
	r.Figures.Projects = int64(len(distinct))
	return r
}

// Wrong names what the counts of users break of what the contract promises (§7): the buckets add up, and no system has
// more users than all have.
func (r *Report) Wrong() (wrong []string) {
	for _, s := range append(slices.Clone(r.users), systemRow{name: AllSystems, Users: r.Figures.Users}) {
		var sum int64
		for _, n := range s.Buckets {
			sum += n
		}
		if sum != s.All {
			wrong = append(wrong, fmt.Sprintf("%s has %d users, its identifiers add up to %d", s.name, s.All, sum))
		}
		if s.All > r.Figures.Users.All {
			wrong = append(wrong, fmt.Sprintf("%s has %d users, all systems together %d", s.name, s.All, r.Figures.Users.All))
		}
	}
	return wrong
}

// pairName is how the sheets write a pair of systems (contract §6).
func (y *Year) pairName(i int) string {
	p := y.pairs.list[i]
	return y.systems.name(p.system1) + " ↔ " + y.systems.name(p.system2)
}

// Sheet yields the rows of one of the dictionary's reports, in the order of the sheet. The consumer releases each record.
func (r *Report) Sheet(def *dictionary.Table) iter.Seq2[arrow.Record, error] {
	one := func(record func() arrow.Record) iter.Seq2[arrow.Record, error] {
		return func(yield func(arrow.Record, error) bool) { yield(record(), nil) }
	}
	switch def {
	case dictionary.UniqueUserCount:
		return one(r.uniqueUserCount)
	case dictionary.EntityTypeCount:
		return one(r.entityTypeCount)
	case dictionary.IntegratedProjectCount:
		return one(r.integratedProjectCount)
	case dictionary.SyncedDataCount:
		return one(r.syncedDataCount)
	case dictionary.DetailedUserReport:
		return r.detailedUserReport()
	}
	return func(yield func(arrow.Record, error) bool) {
		yield(nil, fmt.Errorf("integration: %s is no sheet of a usage report", def.Name))
	}
}

// AllSystems is the label of the row of everybody.
const AllSystems = "All systems"

func (r *Report) uniqueUserCount() arrow.Record {
	out := rows.New(r.year.run.Mem, dictionary.UniqueUserCount.Schema())
	for _, s := range append(slices.Clone(r.users), systemRow{name: AllSystems, Users: r.Figures.Users}) {
		out.Text(s.name, true)
		out.Integer(s.All)
		for _, n := range s.Buckets {
			out.Integer(n)
		}
	}
	return out.Record()
}

func (r *Report) entityTypeCount() arrow.Record {
	out := rows.New(r.year.run.Mem, dictionary.EntityTypeCount.Schema())
	for _, k := range r.kinds {
		out.Text(r.year.pairName(k.pair), true)
		out.Text(r.year.systems.name(k.systemID), true)
		out.Text(k.kind, true)
		out.Text(r.year.pairs.list[k.pair].status.text, true)
		out.Instant(r.micros(k.last))
	}
	return out.Record()
}

func (r *Report) integratedProjectCount() arrow.Record {
	out := rows.New(r.year.run.Mem, dictionary.IntegratedProjectCount.Schema())
	for _, p := range r.projects {
		pair := r.year.pairs.list[p.pair]
		out.Text(r.year.systems.name(pair.system1), true)
		out.Text(p.p1, true)
		out.Text(r.year.systems.name(pair.system2), true)
		out.Text(p.p2, true)
		out.Text(p.status.text, true)
		out.Instant(p.updated, p.updated != neverUpdated)
		out.Instant(r.micros(p.synced))
	}
	return out.Record()
}

func (r *Report) syncedDataCount() arrow.Record {
	out := rows.New(r.year.run.Mem, dictionary.SyncedDataCount.Schema())
	for _, p := range r.pairs {
		pair := r.year.pairs.list[p.pair]
		out.Text(r.year.systems.name(pair.system1), true)
		out.Text(r.year.systems.name(pair.system2), true)
		out.Integer(p.n)
		out.Instant(r.micros(p.last))
	}
	return out.Record()
}

// micros returns a moment as a Timestamp, false for never.
func (r *Report) micros(m moment) (int64, bool) {
	if m == never {
		return 0, false
	}
	return m.time(r.year.run.Zone).UnixMicro(), true
}

// Facts returns how many sync events and observations of the year went in.
func (y *Year) Facts() (syncs, observations int64) {
	for _, s := range y.seen.sights {
		observations += s.rows
	}
	return y.synced.events, observations
}

// Unknown counts events and rows that are on no sheet since they refer to what no snapshot ever knew.
func (y *Year) Unknown() map[string]int64 {
	systems := map[string]bool{}
	for _, s := range y.seen.sights {
		if id := y.seen.systems[s.system-1]; y.systems.names[id] == "" {
			systems[id] = true
		}
	}
	for e := range maps.Keys(y.synced.entities) {
		if id := y.synced.systems[e.system-1]; y.systems.names[id] == "" {
			systems[id] = true
		}
	}
	return map[string]int64{
		"sync_events_without_integration":   y.synced.unknown,
		"project_pairs_without_integration": y.unknownProjects(),
		"systems_without_name":              int64(len(systems)),
	}
}
