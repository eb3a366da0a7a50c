package jobs

import (
	"context"

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
	if name := r.state.History; name != "" {
		rec, err := r.blobs.record(ctx, r.night.Mem, name)
		if err != nil {
			return nil, err
		}
		defer rec.Release()
		if err := seen.Load(rec); err != nil {
			return nil, err
		}
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
		m, err := fold.set.merger(ctx, old)
		if err != nil {
			return nil, err
		}
		err = fold.into(m, before)
		m.Close()
		if err != nil {
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
