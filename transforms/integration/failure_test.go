package integration_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/identity"
	"github.com/usagereport/usagereport/transforms/integration"
	"github.com/usagereport/usagereport/transforms/rowtest"
)

// failing is a file that can be opened, and fails when told to.
type failing struct {
	*bytes.Reader
	err error
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.Reader.ReadAt(p, off)
}

func (f *failing) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.Reader.Read(p)
}

// stored is a run of one row, its seconds as given.
func stored(t *testing.T, mem memory.Allocator, def *dictionary.Table, spec *facts.Spec, row fields, seconds string) *facts.Run {
	t.Helper()
	rec := rowtest.Record(t, mem, def, []fields{row}, false)
	defer rec.Release()
	b := array.NewStringBuilder(mem)
	defer b.Release()
	b.Append(seconds)
	col := b.NewArray()
	defer col.Release()
	with := array.NewRecord(arrow.NewSchema(append(rec.Schema().Fields(), arrow.Field{Name: "second", Type: arrow.BinaryTypes.String}), nil),
		append(rec.Columns(), col), 1)
	defer with.Release()
	builder := facts.NewBuilder(spec)
	if err := builder.Add(with); err != nil {
		t.Fatal(err)
	}
	run, err := builder.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// TestCollectFails: what the facts, or the rules, are wrong in is told, and nothing is left behind.
func TestCollectFails(t *testing.T) {
	w := &world{zone: time.UTC, date: calendar.Civil(2026, 11, 21), integrations: []connection{{id: "i", system1: "a", system2: "b", status: "Active"}}}
	sync := syncEvent{"i", "a", "Issue", "1", at("2026-11-20T00:00:00Z"), true, "e", null, null}.fields()
	seen := observation{"a", "seen", at("2026-11-20T00:00:00Z"), null, "u", null, null}.fields()
	apart := identity.Identifier{Kind: identity.Username, Text: "u"}
	for name, c := range map[string]struct {
		syncSecond, seenSecond string
		syncErr, seenErr       error
		rules                  identity.Rules
		want                   string
	}{
		"sound":                     {syncSecond: "000000", seenSecond: "172799"},
		"seconds of a sync event":   {syncSecond: "noon", seenSecond: "000000", want: `second "noon" of a fact: want 0 to 1048575`},
		"seconds of an observation": {syncSecond: "000000", seenSecond: "", want: `second "" of a fact`},
		"before the day":            {syncSecond: "-00001", seenSecond: "000000", want: `second "-00001" of a fact`},
		"after the day":             {syncSecond: "1048576", seenSecond: "000000", want: `second "1048576" of a fact`},
		"sync events that end":      {syncSecond: "000000", seenSecond: "000000", syncErr: io.ErrUnexpectedEOF, want: "read run 0 of sync_events"},
		"observations that end":     {syncSecond: "000000", seenSecond: "000000", seenErr: io.ErrUnexpectedEOF, want: "read run 0 of user_observations"},
		"rules that cannot all be kept": {syncSecond: "000000", seenSecond: "000000",
			rules: identity.Rules{Different: [][]identity.Identifier{{apart, apart}}}, want: "contradictory overrides"},
	} {
		t.Run(name, func(t *testing.T) {
			mem := checked(t)
			o := &opened{}
			defer o.close()
			merger := func(def *dictionary.Table, spec *facts.Spec, row fields, second string, err error) *facts.Merger {
				run := stored(t, mem, def, spec, row, second)
				file := &failing{Reader: bytes.NewReader(run.Facts)}
				m, mergeErr := facts.NewMerger(spec, []facts.Input{{Facts: file, Values: bytes.NewReader(run.Values)}})
				if mergeErr != nil {
					t.Fatal(mergeErr)
				}
				o.closers = append(o.closers, m.Close)
				file.err = err
				return m
			}
			syncs := merger(dictionary.SyncEvents, integration.SyncFacts(w.zone), sync, c.syncSecond, c.syncErr)
			sights := merger(dictionary.UserObservations, integration.ObservationFacts(w.zone), seen, c.seenSecond, c.seenErr)
			state := w.state(t, mem, o, true)
			year, err := integration.Collect(w.run(mem), state, state, syncs, sights, c.rules)
			switch {
			case c.want == "":
				if err != nil || year == nil {
					t.Errorf("%v", err)
				}
			case year != nil || err == nil || !strings.Contains(err.Error(), c.want):
				t.Errorf("%v, %v, want %s", year, err, c.want)
			}
			for _, is := range []error{c.syncErr, c.seenErr} {
				if is != nil && !errors.Is(err, is) {
					t.Errorf("%v does not wrap %v", err, is)
				}
			}
		})
	}
}
