package audit

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/current"
	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/rowtest"
)

type fields = rowtest.Row

// failer is what tests and property checks share.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// fixture is a run and its tables.
type fixture struct {
	t          failer
	mem        memory.Allocator
	run        Run
	zone       *time.Location
	workspaces []fields // last known
	members    []fields
	made       []*current.Table
}

func newFixture(t *testing.T, date calendar.Date, zone string) *fixture {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return fixtureWith(t, mem, date, zone)
}

func fixtureWith(t failer, mem memory.Allocator, date calendar.Date, zone string) *fixture {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, mem: mem, run: Run{Date: date, Mem: mem}, zone: loc}
	t.Cleanup(func() {
		for _, table := range f.made {
			table.Release()
		}
	})
	return f
}

func (f *fixture) table(def *dictionary.Table, rows []fields) *current.Table {
	f.t.Helper()
	rec := rowtest.Record(f.t, f.mem, def, rows, false)
	defer rec.Release()
	table, _, err := current.Collect(f.mem, def, []arrow.Record{rec})
	if err != nil {
		f.t.Fatal(err)
	}
	f.made = append(f.made, table)
	return table
}

func (f *fixture) known() Known {
	return Known{Workspaces: f.table(dictionary.Workspaces, f.workspaces), Members: f.table(dictionary.Members, f.members)}
}

// delivery groups the batches of one delivery.
func (f *fixture) delivery(batches ...[]fields) *facts.Run {
	f.t.Helper()
	spec := Facts(f.zone)
	b, prepare := facts.NewBuilder(spec), Prepare(f.mem, spec)
	for i, rows := range batches {
		rec := rowtest.Record(f.t, f.mem, dictionary.AuditEvents, rows, i%2 == 1)
		prepared, err := prepare(rec)
		rec.Release()
		if err != nil {
			f.t.Fatal(err)
		}
		err = b.Add(prepared)
		prepared.Release()
		if err != nil {
			f.t.Fatal(err)
		}
	}
	run, err := b.Finish()
	if err != nil {
		f.t.Fatal(err)
	}
	return run
}

// merger reads deliveries as one: of an event that several hold the first keeps it, as nights have it.
func (f *fixture) merger(runs ...*facts.Run) *facts.Merger {
	f.t.Helper()
	var ids []*facts.IDs
	for _, run := range runs {
		id, err := run.OpenIDs()
		if err != nil {
			f.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	shared, err := facts.Shared(ids, slices.Repeat([]bool{true}, len(ids)))
	if err != nil {
		f.t.Fatal(err)
	}
	slices.SortFunc(shared, func(a, b facts.Occurrence) int { return cmp.Or(cmp.Compare(a.Hash, b.Hash), a.Run-b.Run) })
	inputs := make([]facts.Input, len(runs))
	for i, run := range runs {
		inputs[i] = facts.Input{Facts: bytes.NewReader(run.Facts), Values: bytes.NewReader(run.Values)}
	}
	for i, o := range shared {
		if i > 0 && shared[i-1].Hash == o.Hash {
			inputs[o.Run].Adjust = append(inputs[o.Run].Adjust, facts.Adjust{Pos: o.Pos, N: o.N})
		}
	}
	m, err := facts.NewMerger(Facts(f.zone), inputs)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(m.Close)
	return m
}

// log returns the rows of the log as text, null as ∅.
func (f *fixture) log(runs ...*facts.Run) (rows []string, totals Totals) {
	f.t.Helper()
	for rec, err := range Log(f.run, f.known(), f.merger(runs...), &totals) {
		if err != nil {
			f.t.Fatal(err)
		}
		if !rec.Schema().Equal(dictionary.AuditLog.Schema()) {
			f.t.Fatalf("schema %s", rec.Schema())
		}
		rows = append(rows, textOf(rec)...)
		rec.Release()
	}
	return rows, totals
}

func textOf(rec arrow.Record) (rows []string) {
	for i := range int(rec.NumRows()) {
		var cells []string
		for _, col := range rec.Columns() {
			switch col := col.(type) {
			case *array.Timestamp:
				cells = append(cells, time.UnixMicro(int64(col.Value(i))).UTC().Format(time.RFC3339Nano))
			default:
				if col.IsNull(i) {
					cells = append(cells, "∅")
				} else {
					cells = append(cells, col.ValueStr(i))
				}
			}
		}
		rows = append(rows, strings.Join(cells, "|"))
	}
	return rows
}

func compare(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// base is an event of a workspace on the Business plan, and member a member of it.
func base(id, at string) fields {
	return fields{"event_id": id, "workspace_id": "w1", "occurred_at": at, "action": "member.added"}
}

func member(workspace, id, name, email string) fields {
	return fields{"workspace_id": workspace, "user_id": id, "user_role": "member", "user_active": "true", "created_at": "2026-01-01T00:00:00Z"}.
		With("user_name", name, "user_email", email)
}

var business = []fields{{"workspace_id": "w1", "workspace_name": "One", "plan": "Business"}}

func number(i int) string { return strconv.Itoa(i) }
