package jobs

import (
	"cmp"
	"context"
	"slices"

	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/usage"
)

// history returns the first and last days of users from events that the sources have dropped, those that tonight's
// sources dropped included, and stores them for the next night.
//
// A delivery that is gone or rewritten takes its events with it as far as they are in the rolling year: then they were
// withdrawn.
// Older days are what sources clean up: there the dates are kept (contract §2).
func (r *nightRun) history(ctx context.Context) (*usage.Activity, error) {
	seen := usage.NewActivity()
	if err := r.loadHistory(ctx, seen); err != nil {
		if err := r.forgive(err); err != nil {
			return nil, err
		}
		r.state.History = ""
	}
	before := calendar.Windows(r.date).Year.From
	changed := false
	for _, fold := range []struct {
		set  *eventSet
		into func(*facts.Merger, calendar.Date) error
	}{{r.logins, seen.FoldLogins}, {r.gens, seen.FoldGenerations}} {
		var old []*run
		for _, g := range fold.set.gone {
			if g.Info.Groups > 0 && g.Info.From < before {
				old = append(old, g)
			}
		}
		if len(old) == 0 {
			continue
		}
		if err := r.forgive(fold.set.fold(ctx, old, before, fold.into)); err != nil {
			return nil, err
		}
		changed = true
	}
	if changed {
		rec := seen.Record(r.night.Mem)
		defer rec.Release()
		name, err := r.blobs.putRecord(ctx, "history", rec)
		if err != nil {
			return nil, err
		}
		r.state.History = name
	}
	return seen, nil
}

func (r *nightRun) loadHistory(ctx context.Context, into *usage.Activity) error {
	name := r.state.History
	if name == "" {
		return nil
	}
	rec, err := r.blobs.record(ctx, r.night.Mem, name)
	if err != nil {
		return err
	}
	defer rec.Release()
	if err := into.Load(rec); err != nil {
		return damaged(name, err)
	}
	return nil
}

// fold notes the days before a day of the events of runs that are gone, as far as no other run holds them.
func (e *eventSet) fold(ctx context.Context, gone []*run, before calendar.Date, into func(*facts.Merger, calendar.Date) error) error {
	if err := e.stillHeld(ctx, gone); err != nil {
		return err
	}
	m, err := e.merger(ctx, gone)
	if err != nil {
		return err
	}
	defer m.Close()
	return into(m, before)
}

// stillHeld has the runs that are gone give up the events that the others hold, and each event but once: an event that
// was changed, or came again in another delivery, has not been dropped.
func (e *eventSet) stillHeld(ctx context.Context, gone []*run) error {
	runs := slices.Concat(e.runs, gone)
	ids, isGone := make([]*facts.IDs, len(runs)), make([]bool, len(runs))
	for i, r := range runs {
		var err error
		if ids[i], err = e.blobs.ids(ctx, r); err != nil {
			return err
		}
		isGone[i] = i >= len(e.runs)
	}
	found, err := facts.Shared(ids, isGone)
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b facts.Occurrence) int {
		return cmp.Or(cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Run, b.Run))
	})
	for i := 1; i < len(found); i++ {
		if o := found[i]; o.Hash == found[i-1].Hash && isGone[o.Run] {
			e.adjust[runs[o.Run]] = append(e.adjust[runs[o.Run]], facts.Adjust{Pos: o.Pos, N: o.N})
		}
	}
	return nil
}
