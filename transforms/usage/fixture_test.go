package usage

import (
	"bytes"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/current"
	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/rowtest"
)

type fields = rowtest.Row

// fixture is a run, its tables and events.
type fixture struct {
	t      *testing.T
	mem    memory.Allocator
	run    Run
	tables map[string][]fields // today, by dataset
	gone   map[string][]fields // known, but no longer there
	made   []*current.Table
}

func newFixture(t *testing.T, date calendar.Date, zone string) *fixture {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	f := &fixture{t: t, mem: mem, tables: map[string][]fields{}, gone: map[string][]fields{}}
	t.Cleanup(func() {
		for _, table := range f.made {
			table.Release()
		}
		mem.AssertSize(t, 0)
	})
	f.run = Run{Date: date, Time: time.Date(2026, 11, 21, 2, 30, 0, 0, time.UTC), Zone: loc, Mem: mem}
	return f
}

func (f *fixture) table(name string, rows []fields) *current.Table {
	f.t.Helper()
	def, _ := dictionary.Dataset(name)
	rec := rowtest.Record(f.t, f.mem, def, rows, false)
	defer rec.Release()
	table, _, err := current.Collect(f.mem, def, []arrow.Record{rec})
	if err != nil {
		f.t.Fatal(err)
	}
	f.made = append(f.made, table)
	return table
}

func (f *fixture) today() Today {
	t := func(name string) *current.Table { return f.table(name, f.tables[name]) }
	return Today{
		Workspaces: t("workspaces"), Members: t("members"), Groups: t("groups"), GroupMembers: t("group_members"),
		GroupAssets: t("group_assets"), Agents: t("agents"), Canvases: t("canvases"), Grids: t("grids"),
	}
}

func (f *fixture) known() Known {
	t := func(name string) *current.Table { return f.table(name, slices.Concat(f.tables[name], f.gone[name])) }
	return Known{Workspaces: t("workspaces"), Members: t("members"), Agents: t("agents"), Canvases: t("canvases"), Grids: t("grids")}
}

// merger makes each list of rows a run, none of whose events another holds.
func (f *fixture) merger(def *dictionary.Table, s *facts.Spec, prepare func(arrow.Record) (arrow.Record, error), runs ...[]fields) *facts.Merger {
	f.t.Helper()
	var in []facts.Input
	for _, rows := range runs {
		rec := rowtest.Record(f.t, f.mem, def, rows, false)
		if prepare != nil {
			prepared, err := prepare(rec)
			rec.Release()
			if err != nil {
				f.t.Fatal(err)
			}
			rec = prepared
		}
		b := facts.NewBuilder(s)
		err := b.Add(rec)
		rec.Release()
		if err != nil {
			f.t.Fatal(err)
		}
		run, err := b.Finish()
		if err != nil {
			f.t.Fatal(err)
		}
		in = append(in, facts.Input{Facts: bytes.NewReader(run.Facts), Values: bytes.NewReader(run.Values)})
	}
	m, err := facts.NewMerger(s, in)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(m.Close)
	return m
}

func (f *fixture) generations(runs ...[]fields) *facts.Merger {
	f.t.Helper()
	g := NewGenerations(f.mem, func(path string) string { return strings.Replace(path, "17", "{id}", 1) })
	return f.merger(dictionary.Generations, GenerationFacts(f.run.Zone), g.Prepare, runs...)
}

func (f *fixture) logins(runs ...[]fields) *facts.Merger {
	f.t.Helper()
	return f.merger(dictionary.Logins, LoginFacts(f.run.Zone), nil, runs...)
}

// textOf returns the rows of a record as text, null as ∅, and releases it.
func textOf(rec arrow.Record) []string {
	defer rec.Release()
	return rowtest.Text(rec)
}

func (f *fixture) textOfAll(records iter.Seq2[arrow.Record, error]) (rows []string) {
	f.t.Helper()
	for rec, err := range records {
		if err != nil {
			f.t.Fatal(err)
		}
		rows = append(rows, textOf(rec)...)
	}
	return rows
}

func compare(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
