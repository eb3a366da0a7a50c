//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"
)

// pauseMany stops runs that hold the lease, lets another take it over and publish, and wakes them up: they end with an error,
// and nothing that readers see changes (I8, I9).
//
// With wait, each lease ends by itself, all of them in the same two minutes. Else it is broken at once: then the run wakes up
// before its own clock tells it to stop, and only the records of the lease are between it and the readers.
func (h *harness) pauseMany(ctx context.Context, out io.Writer) error {
	if h.pauses == 0 {
		return nil
	}
	began := time.Now()
	done := map[string]map[step]int{}
	busy := make(chan struct{}, max(h.workers, 1)) // who is not merely waiting
	n, atOnce := h.pauses*len(h.buckets), h.workers
	if h.wait {
		atOnce = n
	}
	err := h.each(ctx, n, atOnce, func(ctx context.Context, i int, dice *rand.Rand) error {
		kind := h.buckets[i%len(h.buckets)]
		at, story, err := h.pause(ctx, kind, i/len(h.buckets), dice, busy)
		if err != nil {
			return fmt.Errorf("pause %d on %s: %s: %w", i, kind, story, err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.verbose {
			fmt.Fprintf(out, "pause %d on %s: %s\n", i, kind, story)
		}
		if done[kind] == nil {
			done[kind] = map[step]int{}
		}
		done[kind][at]++
		return nil
	})
	if err != nil {
		return err
	}
	how := "the lease broken at once"
	if h.wait {
		how = "after the lease had run out"
	}
	for _, kind := range h.buckets {
		fmt.Fprintf(out, "%s: %s stopped, and woken up when a successor had published, %s; none changed what readers see:", kind, plural(h.pauses, "run"), how)
		for _, s := range steps {
			if n := done[kind][s]; n > 0 {
				fmt.Fprintf(out, " %s ×%d;", s, n)
			}
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "%d s\n", int(time.Since(began).Seconds()))
	return nil
}

// paused are the steps in which runs are stopped.
func paused(kind string) []step {
	return slices.DeleteFunc(hit(kind), func(s step) bool { return s == stepRecover || s == stepRun })
}

// pause stops one run and tells in which step, and the story.
func (h *harness) pause(ctx context.Context, kind string, i int, dice *rand.Rand, busy chan struct{}) (at step, story string, err error) {
	busy <- struct{}{}
	defer func() { <-busy }()
	a := actions[1+dice.IntN(4)]
	at = paused(kind)[i%len(paused(kind))]
	switch {
	case at == stepDelete:
		a = actions[3]
	case at == stepLatest && a.name == actions[4].name: // which has none
		a = actions[2]
	}
	p := h.pausing(kind, a, at, dice)
	story = fmt.Sprintf("%s, stopped %s", a.name, p)
	l, err := h.newPlace(ctx, kind)
	if err != nil {
		return at, story, err
	}
	defer func() { err = errors.Join(err, l.remove(context.WithoutCancel(ctx))) }()
	if err := l.restore(ctx, a.base(h.nights)); err != nil {
		return at, story, err
	}
	x, stopped, goOn, err := h.stopAt(ctx, l, a, p)
	if err != nil {
		return at, story, err
	}
	var seen objects
	select {
	case <-stopped:
		seen, err = h.overtake(ctx, l, busy)
	case <-x.done:
		err = errors.New("it came to its end before")
	}
	goOn()
	end, endErr := x.end(ctx)
	story = fmt.Sprintf("%s, ended with exit code %d: %s", story, end.code, end.said)
	if err = errors.Join(err, endErr); err != nil {
		return at, story, err
	}
	return at, story, h.harmless(ctx, l, end, at, seen)
}

// overtake lets a successor publish and returns what the lake then holds.
func (h *harness) overtake(ctx context.Context, l *place, busy chan struct{}) (objects, error) {
	if !h.wait {
		if err := l.lake.BreakLease(ctx); err != nil {
			return nil, err
		}
		if err := h.succeed(ctx, l, rival.args(h)); err != nil {
			return nil, err
		}
		return l.all(ctx)
	}
	began := time.Now()
	for {
		p, err := h.start(l, "", rival.args(h))
		if err != nil {
			return nil, err
		}
		code, _, err := p.wait(ctx)
		switch {
		case err != nil:
			return nil, err
		case code == 0:
			return l.all(ctx)
		case code != exitHeld:
			return nil, broken("the successor ended with exit code %d: %s", code, p.said())
		case time.Since(began) > 4*time.Minute:
			return nil, broken("the lease of a stopped run has not ended after %s: %s", time.Since(began), p.said())
		}
		<-busy // others go on meanwhile
		select {
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
		}
		busy <- struct{}{}
	}
}

// harmless checks that a run that was woken up has changed nothing.
func (h *harness) harmless(ctx context.Context, l *place, end ending, s step, seen objects) error {
	now, err := l.all(ctx)
	if err != nil {
		return err
	}
	if !same(now, seen) {
		return broken("it changed what its successor has published: %q", differing(now, seen))
	}
	// Before its publication is over it must say that it has lost the lease; after that it may have nothing left to do.
	if over := s == stepState || s == stepRelease || s == stepClear; end.code == exitHeld || end.code == 0 && !over {
		return broken("it ended with exit code %d", end.code)
	}
	// Nor has it left anything that keeps others from going on.
	if err := h.succeed(ctx, l, rival.args(h)); err != nil {
		return err
	}
	if now, err = l.all(ctx); err != nil {
		return err
	}
	for key := range now {
		if topOf(key) == "staging" || key == "intent.json" {
			return broken("%s is left over", key)
		}
	}
	for _, date := range []string{day1, day2, day3} {
		if err := verified(ctx, l, date); err != nil {
			return err
		}
	}
	return nil
}
