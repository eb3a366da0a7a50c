package integration_test

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/current"
	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/identity"
	"github.com/usagereport/usagereport/transforms/integration"
	"github.com/usagereport/usagereport/transforms/rowtest"
)

const null = rowtest.Null

// world is all that the reports of a run are made of. Instants are microseconds since 1970.
type world struct {
	zone         *time.Location
	date         calendar.Date
	systems      []system
	integrations []connection
	projects     []projectPair
	syncs        []syncEvent
	sights       []observation
	rules        identity.Rules
}

// The rows of the datasets. What is gone is known, but not there today.
type (
	system struct {
		id, name string
		gone     bool
	}
	connection struct {
		id, system1, system2, status string
		gone                         bool
	}
	projectPair struct {
		integration, p1, p2, status string
		updated                     int64
		gone                        bool
	}
	syncEvent struct {
		integration, system, kind, entity string
		at                                int64
		succeeded                         bool
		id, p1, p2                        string
	}
	observation struct {
		system, kind                 string
		at                           int64
		email, username, displayName string
		service                      string // true, false or null
	}
)

func (e syncEvent) fields() fields {
	return fields{
		"integration_id": e.integration, "end_system_id": e.system, "entity_type": e.kind, "entity_id": e.entity, "synced_at": instant(e.at),
		"succeeded": strconv.FormatBool(e.succeeded), "event_id": e.id, "system1_project": e.p1, "system2_project": e.p2,
	}
}

func (o observation) fields() fields {
	return fields{
		"system_id": o.system, "interaction_type": o.kind, "observed_at": instant(o.at), "email": o.email, "username": o.username,
		"display_name": o.displayName, "service_account": o.service,
	}
}

type fields = rowtest.Row

func instant(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano) }

// opened is a world of which the year was collected.
type opened struct {
	*integration.Year
	closers []func()
}

func (o *opened) close() {
	for _, f := range o.closers {
		f()
	}
}

// delivered is the events of a world as they come: any order, any number of runs.
type delivered struct {
	coded  bool
	syncs  [][]syncEvent
	sights [][]observation
}

// whole delivers each dataset as one run.
func (w *world) whole() delivered {
	return delivered{syncs: [][]syncEvent{w.syncs}, sights: [][]observation{w.sights}}
}

// open collects the year of a world. The caller closes it.
func (w *world) open(t rapid.TB, mem memory.Allocator, d delivered) *opened {
	t.Helper()
	o := &opened{}
	syncs := mergerOf(t, mem, o, dictionary.SyncEvents, integration.SyncFacts(w.zone), d.coded, fieldsOf(d.syncs, syncEvent.fields))
	sights := mergerOf(t, mem, o, dictionary.UserObservations, integration.ObservationFacts(w.zone), d.coded, fieldsOf(d.sights, observation.fields))
	year, err := integration.Collect(w.run(mem), w.state(t, mem, o, false), w.state(t, mem, o, true), syncs, sights, w.rules)
	if err != nil {
		t.Fatal(err)
	}
	o.Year = year
	return o
}

func (w *world) run(mem memory.Allocator) integration.Run {
	return integration.Run{Date: w.date, Zone: w.zone, Mem: mem}
}

func fieldsOf[T any](runs [][]T, f func(T) fields) [][]fields {
	out := make([][]fields, len(runs))
	for i, rows := range runs {
		for _, r := range rows {
			out[i] = append(out[i], f(r))
		}
	}
	return out
}

// state makes the tables of today, or of all that was ever known.
func (w *world) state(t rapid.TB, mem memory.Allocator, o *opened, known bool) integration.State {
	t.Helper()
	var systems, connections, projects []fields
	for _, s := range w.systems {
		if known || !s.gone {
			systems = append(systems, fields{"system_id": s.id, "system_name": s.name})
		}
	}
	for _, c := range w.integrations {
		if known || !c.gone {
			connections = append(connections, fields{"integration_id": c.id, "integration_name": "of no interest", "system1_id": c.system1,
				"system2_id": c.system2, "status": c.status, "updated_at": "2020-01-01T00:00:00Z"})
		}
	}
	for _, p := range w.projects {
		if known || !p.gone {
			projects = append(projects, fields{"integration_id": p.integration, "system1_project": p.p1, "system2_project": p.p2,
				"status": p.status, "updated_at": instant(p.updated)})
		}
	}
	table := func(def *dictionary.Table, rows []fields) *current.Table {
		rec := rowtest.Record(t, mem, def, rows, false)
		defer rec.Release()
		table, _, err := current.Collect(mem, def, []arrow.Record{rec})
		if err != nil {
			t.Fatal(err)
		}
		o.closers = append(o.closers, table.Release)
		return table
	}
	return integration.State{
		Systems: table(dictionary.Systems, systems), Integrations: table(dictionary.Integrations, connections),
		ProjectPairs: table(dictionary.ProjectPairs, projects),
	}
}

// runOf makes a run of rows, as a night does.
func runOf(t rapid.TB, mem memory.Allocator, def *dictionary.Table, spec *facts.Spec, coded bool, rows []fields) *facts.Run {
	t.Helper()
	rec := rowtest.Record(t, mem, def, rows, coded)
	defer rec.Release()
	prepared, err := integration.NewSeconds(mem, spec).Prepare(rec)
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Release()
	b := facts.NewBuilder(spec)
	if err := b.Add(prepared); err != nil {
		t.Fatal(err)
	}
	run, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// mergerOf makes each list of rows a run; an event that several hold counts in the first.
func mergerOf(t rapid.TB, mem memory.Allocator, o *opened, def *dictionary.Table, spec *facts.Spec, coded bool, runs [][]fields) *facts.Merger {
	t.Helper()
	in, ids := make([]facts.Input, len(runs)), make([]*facts.IDs, len(runs))
	for i, rows := range runs {
		run := runOf(t, mem, def, spec, coded, rows)
		in[i] = facts.Input{Facts: bytes.NewReader(run.Facts), Values: bytes.NewReader(run.Values)}
		var err error
		if ids[i], err = run.OpenIDs(); err != nil {
			t.Fatal(err)
		}
	}
	found, err := facts.Shared(ids, slices.Repeat([]bool{true}, len(ids)))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(found, func(a, b facts.Occurrence) int { return cmp.Or(cmp.Compare(a.Hash, b.Hash), a.Run-b.Run) })
	for i, f := range found {
		if i > 0 && found[i-1].Hash == f.Hash {
			in[f.Run].Adjust = append(in[f.Run].Adjust, facts.Adjust{Pos: f.Pos, N: f.N})
		}
	}
	m, err := facts.NewMerger(spec, in)
	if err != nil {
		t.Fatal(err)
	}
	o.closers = append(o.closers, m.Close)
	return m
}

// rowsOf returns the rows of a sheet as text.
func (w *world) rowsOf(t rapid.TB, r *integration.Report, def *dictionary.Table) []string {
	t.Helper()
	rows := []string{}
	for rec, err := range r.Sheet(def) {
		if err != nil {
			t.Fatal(err)
		}
		if !rec.Schema().Equal(def.Schema()) {
			t.Errorf("%s: schema %s", def.Name, rec.Schema())
		}
		for i := range int(rec.NumRows()) {
			var cells []string
			for _, col := range rec.Columns() {
				switch at, is := col.(*array.Timestamp); {
				case col.IsNull(i):
					cells = append(cells, null)
				case is:
					cells = append(cells, w.clock(int64(at.Value(i))))
				default:
					cells = append(cells, col.ValueStr(i))
				}
			}
			rows = append(rows, strings.Join(cells, " | "))
		}
		rec.Release()
	}
	return rows
}

// clock writes an instant as a clock in the reporting zone shows it, with the fraction of a second if there is one.
func (w *world) clock(micros int64) string {
	return time.UnixMicro(micros).In(w.zone).Format("2006-01-02 15:04:05.999999 MST")
}

func location(t rapid.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
