package jobs

import (
	"context"
	"fmt"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// Backfill publishes every date of days again, oldest first, from what the sources and the state hold now. It stops at
// the first run that fails; those before it stay published.
func (n *Night) Backfill(ctx context.Context, days calendar.Days, dry bool) ([]*Outcome, error) {
	var done []*Outcome
	at := n.Now()
	for d := days.From; d < days.To; d++ {
		out, err := n.Run(ctx, Request{Date: &d, RunTime: at, DryRun: dry})
		if err != nil {
			return done, fmt.Errorf("backfill %s: %w", d, err)
		}
		done = append(done, out)
	}
	return done, nil
}
