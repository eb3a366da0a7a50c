package jobs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/usagereport/usagereport/sinks/lake"
)

// Pauses before an operation is tried again: full jitter, that is anything up to a bound which doubles with every failure in
// a row, so that many programs which failed together do not come again together.
const (
	firstPause = time.Second
	maxPause   = time.Minute
	minPause   = 100 * time.Millisecond // chance may say none at all
)

// retries is what a run tries again, and the budget for it. One pause is made at a time, whoever makes it: so the budget is
// time on the clock. It is safe for concurrent use.
type retries struct {
	log    *slog.Logger
	now    func() time.Time
	wait   func(ctx context.Context, d time.Duration) error
	random func() float64
	scrub  func(string) string
	budget time.Duration

	pausing sync.Mutex
	mu      sync.Mutex
	spent   time.Duration
	made    map[string]*lake.Retry
}

func (n *Night) retries() *retries {
	r := &retries{
		log: n.Log, now: n.Now, wait: n.Wait, random: n.Random, scrub: n.Config.Scrub, budget: n.Config.Retry.Budget, made: map[string]*lake.Retry{},
	}
	if r.wait == nil {
		r.wait = pause
	}
	if r.random == nil {
		r.random = rand.Float64
	}
	return r
}

// pause lets time pass, and returns early with ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// do calls try until it succeeds, or its error is none that may pass, or the budget is spent, or ctx ends. It returns the
// error of the last attempt. A failed attempt must have left nothing behind.
func (r *retries) do(ctx context.Context, operation string, mayPass func(error) bool, try func(context.Context) error) error {
	for failures := 1; ; failures++ {
		began := r.now()
		err := try(ctx)
		if err == nil {
			return nil
		}
		if failures > 1 {
			r.spend(r.now().Sub(began))
		}
		if !mayPass(err) {
			return err
		}
		if err := r.again(ctx, operation, failures, err); err != nil {
			return err
		}
	}
}

// again pauses before an operation that failed so many times in a row is tried once more. If nothing is to be tried again, it
// returns err, and beside it why the run was told to end.
func (r *retries) again(ctx context.Context, operation string, failures int, err error) error {
	r.pausing.Lock()
	defer r.pausing.Unlock()
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	bound := firstPause << min(failures-1, 10)
	d := max(minPause, time.Duration(r.random()*float64(min(bound, maxPause))))
	if !r.take(d) {
		return err
	}
	r.log.Warn("tried again", "operation", operation, "attempt", failures+1, "wait", d.Round(time.Millisecond).String(), "reason", err)
	if stopped := r.wait(ctx, d); stopped != nil {
		return fmt.Errorf("%w: %w", stopped, err)
	}
	r.note(operation, d, err)
	return nil
}

// take takes a pause from the budget, if there is so much left.
func (r *retries) take(d time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.spent+d > r.budget {
		return false
	}
	r.spent += d
	return true
}

// spend takes from the budget what a repeat took that failed, such as the time-out of a connection.
func (r *retries) spend(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spent += max(d, 0)
}

func (r *retries) note(operation string, d time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.made[operation]
	if m == nil {
		m = &lake.Retry{Operation: operation}
		r.made[operation] = m
	}
	m.Times++
	m.Seconds += d.Seconds()
	m.Reason = r.scrub(err.Error())
}

// all returns what was tried again, sorted by operation.
func (r *retries) all() []lake.Retry {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := []lake.Retry{}
	for _, m := range r.made {
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b lake.Retry) int { return cmp.Compare(a.Operation, b.Operation) })
	return all
}
