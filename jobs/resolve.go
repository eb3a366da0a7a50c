package jobs

import (
	"context"
	"slices"

	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/facts"
)

// merger opens the runs for reading, duplicates taken out. The caller closes it.
func (e *eventSet) merger(ctx context.Context, runs []*run) (*facts.Merger, error) {
	inputs := make([]facts.Input, len(runs))
	for i, r := range runs {
		codes, err := e.blobs.part(ctx, r, partFacts)
		if err != nil {
			return nil, err
		}
		values, err := e.blobs.part(ctx, r, partValues)
		if err != nil {
			return nil, err
		}
		inputs[i] = facts.Input{Facts: codes, Values: values, Adjust: e.adjust[r]}
	}
	return facts.NewMerger(e.spec, inputs)
}

// touching returns the runs that hold events of the days, and those that gave up events: what count needs of them is
// in the Merger.
func (e *eventSet) touching(days calendar.Days) (runs []*run) {
	for _, r := range e.runs {
		if len(e.adjust[r]) > 0 || r.Info.Groups > 0 && r.Info.To >= days.From && r.Info.From < days.To {
			runs = append(runs, r)
		}
	}
	return runs
}

// resolve finds the events that several runs hold, and has all but the first of their runs give them up.
func (e *eventSet) resolve(ctx context.Context) error {
	index, fresh := map[*run]int{}, make([]bool, len(e.runs))
	for i, r := range e.runs {
		index[r] = i
	}
	all, err := e.stillShared(ctx, index)
	lost := e.full && useless(err)
	if err != nil && !lost {
		return err
	}
	for i, r := range e.runs {
		fresh[i] = r.fresh || lost
	}
	if len(e.built) > 0 {
		ids := make([]*facts.IDs, len(e.runs))
		for i, r := range e.runs {
			if ids[i], err = e.blobs.ids(ctx, r); err != nil {
				return err
			}
		}
		found, err := facts.Shared(ids, fresh)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b facts.Occurrence) int {
		switch {
		case a.Hash != b.Hash:
			if a.Hash < b.Hash {
				return -1
			}
			return 1
		case a.Run != b.Run:
			return a.Run - b.Run
		}
		return int(a.Pos) - int(b.Pos)
	})
	all = slices.Compact(all)
	e.adjust = map[*run][]facts.Adjust{}
	shared := all[:0]
	for i := 0; i < len(all); {
		j := i + 1
		for ; j < len(all) && all[j].Hash == all[i].Hash; j++ {
			loser := e.runs[all[j].Run]
			e.adjust[loser] = append(e.adjust[loser], facts.Adjust{Pos: all[j].Pos, N: all[j].N})
			if fresh[all[j].Run] || e.cfg.IsQuery() && fresh[all[i].Run] {
				e.duplicate.Add(1)
			}
		}
		if j > i+1 {
			shared = append(shared, all[i:j]...)
		}
		i = j
	}
	for _, r := range e.runs {
		e.after.Runs = append(e.after.Runs, *r)
	}
	if len(shared) > 0 {
		e.after.Shared, err = e.blobs.putNamed(ctx, e.def.Name+"/shared", encodeShared(shared))
	}
	return err
}

// stillShared returns what the night before knew to be shared, of the runs that are still there.
func (e *eventSet) stillShared(ctx context.Context, index map[*run]int) ([]facts.Occurrence, error) {
	if e.before.Shared == "" {
		return nil, nil
	}
	data, err := e.blobs.getNamed(ctx, e.before.Shared)
	if err != nil {
		return nil, err
	}
	old, err := decodeShared(data, len(e.before.Runs))
	if err != nil {
		return nil, damaged(e.before.Shared, err)
	}
	var still []facts.Occurrence
	for _, o := range old {
		if i, ok := index[&e.before.Runs[o.Run]]; ok {
			o.Run = i
			still = append(still, o)
		}
	}
	return still, nil
}

// count fills in how many distinct events each day has, and from it how many were late: those of days that the night
// before had covered already.
func (e *eventSet) count(m *facts.Merger) {
	e.after.Days = map[calendar.Date]int64{}
	for _, r := range e.runs {
		for d, n := range r.Info.ByDay {
			e.after.Days[d] += n
		}
	}
	for d, n := range m.Taken() {
		e.after.Days[d] -= n
	}
	if e.first {
		return
	}
	for d, n := range e.after.Days {
		if d < e.before.CoveredTo {
			e.late.Add(max(0, n-e.before.Days[d]))
		}
	}
}

// distinct returns how many distinct events the days have.
func (e *eventSet) distinct(days calendar.Days) (n int64) {
	for d, events := range e.after.Days {
		if days.Contains(d) {
			n += events
		}
	}
	return n
}
