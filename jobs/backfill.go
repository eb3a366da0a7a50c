package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// Backfill publishes every date of days again, oldest first, from what the sources and the state hold now. It stops at
// the first run that fails; those before it stay published. One that publishes a date in part does not stop it.
func (n *Night) Backfill(ctx context.Context, days calendar.Days, dry bool) ([]*Outcome, error) {
	var done []*Outcome
	var parts []error
	at := n.Now()
	for d := days.From; d < days.To; d++ {
		out, err := n.Run(ctx, Request{Date: &d, RunTime: at, DryRun: dry})
		if err != nil {
			err = fmt.Errorf("backfill %s: %w", d, err)
			if !errors.Is(err, ErrPartial) || !out.Published {
				return done, errors.Join(append(parts, err)...)
			}
			parts = append(parts, err)
		}
		done = append(done, out)
	}
	return done, errors.Join(parts...)
}
