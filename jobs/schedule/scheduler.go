package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// Kind tells what an error of a run means for the next try.
type Kind int

// The kinds of errors.
const (
	Retry    Kind = iota // it may pass: the date is tried again after a while, longer with every try
	Hopeless             // nothing but a change of config or data helps: it is tried again at the next scheduled time
	Held                 // another run is at work, which is no failure: it is looked at again soon
	Partial              // the date is published and lacks a part: it is tried again like Retry
)

// Why a run was cancelled by the scheduler; errors of runs wrap them.
var (
	ErrDeadline = errors.New("the run took longer than its deadline")
	ErrStopped  = errors.New("the run was abandoned: the grace period is over")
)

// errLacking is the failure of a run that ended well, and left a date that still lacks a part.
var errLacking = errors.New("the run ended well, but its date still lacks a part")

// errNotThere is the failure of a run that ended well and left no manifest.
var errNotThere = errors.New("the run ended well, but its date is not among those published")

// The pace of the scheduler.
const (
	tick     = time.Minute      // a clock that was set and a computer that was asleep are noticed within it
	stuck    = 10 * time.Minute // a run that has not ended so long after it was cancelled never will
	heldFor  = time.Minute      // between looks at a lease that another run holds
	shortest = time.Minute      // the first pause after a failure; every further one is twice as long,
	longest  = 30 * time.Minute // up to this
	patience = 5                // so often in a row a date that fails holds the newer ones back
)

// Scheduler has every run date made that is due and not published. Its fields are set once, before Serve.
//
// A date is due when its time has come, it is not published, and it is either the newest or at most CatchUpDays calendar
// days before the newest. Dates before the first that was ever published were not missed; while nothing is published,
// the newest alone is due. All of this is derived anew from the wall clock and from what is published: nothing depends
// on having been awake at some instant.
//
// A date that was published in part, since a source was down, is due like one that failed for as long as it is the newest: once a
// newer one is due, it stays as it is.
//
// Due dates are made oldest first and one after the other. One that fails and may pass holds the newer ones back, since
// what it fails on mostly lets them fail, too; after five tries in a row one newer date is tried after it each time.
type Scheduler struct {
	Times       *Times
	CatchUpDays int
	Deadline    time.Duration // of one run; then its context is cancelled
	Grace       time.Duration // of a run that is under way when Serve is told to stop; then its context is cancelled
	Now         func() time.Time
	Published   func(context.Context) ([]calendar.Date, error) // the dates that have a manifest, in any order
	// Lacking tells which parts a published date lacks, none if it is complete. It is asked of the newest due date only. Nil: no
	// date lacks any.
	Lacking func(context.Context, calendar.Date) ([]string, error)
	Run     func(context.Context, calendar.Date) error // makes and publishes a date; never called twice at once
	Kind    func(error) Kind                           // of an error of Run that is not nil
	Tell    func(Status)                               // whenever something changes, and every minute; it must not block
	Log     *slog.Logger
}

// Serve works until ctx is cancelled, and then until a run that is under way has ended, of itself within the grace period or
// cancelled after it. A date that is abandoned so is due again the next time.
func (s *Scheduler) Serve(ctx context.Context) {
	n := newNights(s)
	for ctx.Err() == nil {
		wait := n.step(ctx)
		if ctx.Err() != nil {
			break
		}
		n.tell("waiting")
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	n.tell("stopped")
}

// step does what is to do now, and returns how long to wait for more.
func (n *nights) step(ctx context.Context) time.Duration {
	n.notice(n.now())
	// Nobody says that this is the only one who publishes, so what is published is looked at before every run.
	if n.stale && !n.paused() && !n.list(ctx) {
		return n.untilNext()
	}
	date, ok := n.choose()
	if !ok {
		return n.untilNext()
	}
	err := n.run(ctx, date)
	if ctx.Err() != nil && errors.Is(err, ErrStopped) {
		n.Log.Warn("run abandoned: told to stop, and the grace period is over", "date", date.String(), "error", err)
		return 0
	}
	n.ended(date, err)
	return 0
}

// run has one date made, and waits until that has ended, however it does.
func (n *nights) run(ctx context.Context, date calendar.Date) error {
	runCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	began := n.now()
	n.running = &Running{Date: date.String(), Began: began, Deadline: began.Add(n.Deadline)}
	n.Log.Info("run is due", "date", date.String(), "due", len(n.open()))
	n.tell("running")

	done := make(chan error, 1)
	go func() { done <- n.recovered(runCtx, date) }()
	deadline, beat := time.NewTimer(n.Deadline), time.NewTicker(tick)
	defer deadline.Stop()
	defer beat.Stop()
	state, stop := "running", ctx.Done()
	var grace, late <-chan time.Time
	for {
		select {
		case err := <-done:
			if why := context.Cause(runCtx); err != nil && why != nil {
				err = fmt.Errorf("%w: %w", why, err)
			}
			n.over(date, began, err)
			return err
		case <-deadline.C:
			cancel(ErrDeadline)
			late = time.After(stuck)
		case <-stop:
			state, stop = "stopping", nil
			n.Log.Info("told to stop; the run may go on for the grace period", "date", date.String(), "grace_period", n.Grace.String())
			grace = time.After(n.Grace)
		case <-grace:
			cancel(ErrStopped)
		case <-late:
			n.running.Stuck = true
		case <-beat.C:
			n.notice(n.now())
		}
		n.running.Cancelled = runCtx.Err() != nil
		n.tell(state)
	}
}

// recovered makes a panic an error: it must not end the nights to come.
func (n *nights) recovered(ctx context.Context, date calendar.Date) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: the run panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return n.Run(ctx, date)
}

// over keeps how a run ended, for the status.
func (n *nights) over(date calendar.Date, began time.Time, err error) {
	n.running = nil
	n.last = &Ended{Date: date.String(), Began: began, Ended: n.now(), Result: resultPublished}
	if err == nil {
		return
	}
	n.last.Error = err.Error()
	switch {
	case errors.Is(err, ErrStopped):
		n.last.Result = resultAbandoned
	case n.kind(err) == Held:
		n.last.Result = resultHeld
	case n.kind(err) == Partial:
		n.last.Result = resultPartial
	default:
		n.last.Result = resultFailed
	}
}

// kind is that of an error of run. What ran into its deadline may be faster the next time.
func (n *nights) kind(err error) Kind {
	if errors.Is(err, ErrDeadline) || errors.Is(err, errNotThere) {
		return Retry
	}
	return n.Kind(err)
}
