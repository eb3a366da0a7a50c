package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/jobs/lineage"
	"github.com/usagereport/usagereport/jobs/notify"
	"github.com/usagereport/usagereport/jobs/schedule"
)

// Bounds of what is told after a run. A supervisor that has told the program to stop does not wait long.
const (
	tellBudget      = 30 * time.Second
	tellWhenStopped = 5 * time.Second
)

// nightly makes one run, and tells those whom config and environment name of its beginning and its end. What becomes of that changes
// nothing about the run. told is what earlier runs of this process told, and takes up what this one does.
func nightly(ctx context.Context, n *jobs.Night, req jobs.Request, told *notify.Told) (*jobs.Outcome, error) {
	if req.DryRun {
		return n.Run(ctx, req)
	}
	req, id := n.Fix(req)
	ended := lineage.New(n.Config, n.Version, n.Log).Start(ctx, lineage.Run{ID: id, Time: req.RunTime, Lake: n.Lake.Name()})
	signals := newTelemetry(ctx, n.Log)
	watched, stages := signals.begin(ctx, n, id, req.Date.String())
	out, err := watched.Run(ctx, req)

	// A deadline that passed is a failure like others; being told to end is none.
	failure, stopped, budget := err, ctx.Err() != nil, tellBudget
	if errors.Is(context.Cause(ctx), schedule.ErrDeadline) {
		stopped = false
		if err != nil {
			failure = fmt.Errorf("%w: %w", schedule.ErrDeadline, err)
		}
	}
	if stopped {
		budget = tellWhenStopped
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), budget)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { ended(ctx, lineage.End{Outcome: out, Err: failure, Stopped: stopped}) })
	wg.Go(func() { signals.end(ctx, n, stages, out, failure) })
	run := notify.Run{ID: id, Date: req.Date.String(), Time: req.RunTime, Lake: n.Lake.Name(), Err: failure, Stopped: stopped}
	if out != nil {
		run.Took, run.Published, run.Missing = out.Took, out.Published, out.Manifest.Missing()
	}
	notify.New(n.Config, n.Version, n.Log).Tell(ctx, n.Lake, told, run)
	wg.Wait()
	return out, err
}
