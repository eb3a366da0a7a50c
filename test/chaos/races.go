//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"time"
)

// exitHeld is the program's exit code when another run holds the lease.
const exitHeld = 75

// raceMany starts two runs of the same night at once, as often as asked for, on each kind of bucket. Exactly one must publish.
//
// At once means one of two things, in turns. Either both have looked at the lease and found it free before one of them takes it:
// on S3 both requests are held until both are there; of files the one whose record appears is stopped until the other has ended.
// Or the second starts while the first is stopped in the midst of its work.
func (h *harness) raceMany(ctx context.Context, out io.Writer) error {
	if h.races == 0 {
		return nil
	}
	began := time.Now()
	wins := map[string][2]int{}
	err := h.each(ctx, h.races*len(h.buckets), h.workers, func(ctx context.Context, i int, dice *rand.Rand) error {
		kind, way := h.buckets[i%len(h.buckets)], i/len(h.buckets)%2
		winner, err := h.race(ctx, kind, way, dice)
		if err != nil {
			return fmt.Errorf("race %d on %s, %s: %w", i, kind, []string{"both at the lease", "one at work"}[way], err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		w := wins[kind]
		w[winner]++
		wins[kind] = w
		return nil
	})
	if err != nil {
		return err
	}
	for _, kind := range h.buckets {
		fmt.Fprintf(out, "%s: %s of two runs at once, half of them before either had the lease: one published each time (the first %d times, the second %d), "+
			"the other ended with exit code %d\n", kind, plural(h.races, "race"), wins[kind][0], wins[kind][1], exitHeld)
	}
	fmt.Fprintf(out, "%d s\n", int(time.Since(began).Seconds()))
	return nil
}

// race lets two runs meet and returns which one published.
func (h *harness) race(ctx context.Context, kind string, way int, dice *rand.Rand) (winner int, err error) {
	l, err := h.newPlace(ctx, kind)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.remove(context.WithoutCancel(ctx))) }()
	if err := l.restore(ctx, h.nights.second); err != nil {
		return 0, err
	}
	r := startReader(ctx, l, h.nights.second, h.nights.after[tomorrow.name], h.nights.rival)
	run := h.meet
	if way == 1 {
		run = h.intrude
	}
	ends, err := run(ctx, l, dice)
	if err = errors.Join(err, r.end()); err != nil {
		return 0, err
	}
	codes := [2]int{ends[0].code, ends[1].code}
	switch codes {
	case [2]int{0, exitHeld}:
	case [2]int{exitHeld, 0}:
		winner = 1
	default:
		return 0, broken("two runs at once ended with exit codes %d and %d: one publishes, the other has to end with %d\n%s\n%s",
			codes[0], codes[1], exitHeld, ends[0].said, ends[1].said)
	}
	now, err := l.all(ctx)
	if err != nil {
		return 0, err
	}
	want := []objects{h.nights.after[tomorrow.name], h.nights.rival}[winner]
	_, err = converged(without(now, "runs"), without(want, "runs")) // the loser has a record, too
	return winner, err
}

// meet starts two runs and sees to it that both have found the lease free before one takes it.
func (h *harness) meet(ctx context.Context, l *place, _ *rand.Rand) (ends [2]ending, err error) {
	if l.kind == "file" {
		return h.meetInFiles(ctx, l)
	}
	var there sync.WaitGroup
	there.Add(2)
	var all [2]*execution
	for i, a := range []action{tomorrow, rival} {
		arrived := false
		all[i], err = h.launch(ctx, l, a.args(h), func(*execution) observer {
			return func(c call, m moment) verdict {
				if takes(c) && m == before && !arrived {
					arrived = true
					there.Done()
					there.Wait()
				}
				return pass
			}
		})
		if err != nil {
			return ends, err
		}
	}
	for i, x := range all {
		end, endErr := x.end(ctx)
		ends[i], err = end, errors.Join(err, endErr)
	}
	return ends, err
}

// takes says whether an operation creates a record of the lease.
func takes(c call) bool {
	return c.method == "PUT" && strings.HasPrefix(c.key, "lease/") && strings.HasSuffix(c.key, ".json")
}

// meetInFiles starts two runs and stops the one that has taken the lease until the other has ended.
func (h *harness) meetInFiles(ctx context.Context, l *place) (ends [2]ending, err error) {
	holder := make(chan int, 1) // its process id
	w, err := newWatcher(l, func(c call, m moment) verdict {
		if !takes(c) || m != after {
			return pass
		}
		if r, err := lastRecord(objects{c.key: c.body}); err == nil && !r.Released && len(holder) == 0 {
			_ = syscall.Kill(r.PID, syscall.SIGSTOP) // it is one of the two; if it is over, both come to an end by themselves
			select {
			case holder <- r.PID:
			default:
			}
		}
		return pass
	})
	if err != nil {
		return ends, err
	}
	var all [2]*process
	for i, a := range []action{tomorrow, rival} {
		if all[i], err = h.start(l, "", a.args(h)); err != nil {
			return ends, errors.Join(err, w.close())
		}
	}
	var first int
	select {
	case pid := <-holder:
		if pid == all[1].cmd.Process.Pid {
			first = 1
		}
		holder <- pid // no other is stopped
	case <-ctx.Done():
	}
	for _, i := range []int{1 - first, first} {
		code, _, waitErr := all[i].wait(ctx)
		ends[i], err = ending{code: code, said: all[i].said()}, errors.Join(err, waitErr)
		all[first].signal(syscall.SIGCONT)
	}
	return ends, errors.Join(err, w.close())
}

// intrude stops a run in the midst of its work, lets another begin and end, and wakes it up in time.
func (h *harness) intrude(ctx context.Context, l *place, dice *rand.Rand) (ends [2]ending, err error) {
	during := []step{stepLease, stepQuarantine, stepStage, stepRecord, stepCopy, stepNote, stepManifest, stepLatest, stepClear}
	p := h.pausing(l.kind, tomorrow, during[dice.IntN(len(during))], dice)
	x, stopped, goOn, err := h.stopAt(ctx, l, tomorrow, p)
	if err != nil {
		return ends, err
	}
	select {
	case <-stopped:
		var y *process
		if y, err = h.start(l, "", rival.args(h)); err == nil {
			ends[1].code, _, err = y.wait(ctx)
			ends[1].said = y.said()
		}
	case <-x.done:
		err = fmt.Errorf("a run was to be stopped %s and came to its end: %s", p, x.said())
	}
	goOn()
	end, endErr := x.end(ctx)
	ends[0] = end
	return ends, errors.Join(err, endErr)
}

// pausing is a plan to stop in a step, with the lease taken. Not late in it: how much a step does is not the same each time.
func (h *harness) pausing(kind string, a action, s step, dice *rand.Rand) plan {
	p := h.at(kind, a, s, dice)
	p.nth = (p.nth + 1) / 2
	if s == stepLease {
		p.nth = 2
	}
	if p.when == midway || s == stepLease {
		p.when = after
	}
	return p
}

// stopAt starts a run that is stopped at a moment, which the channel tells; goOn wakes it up and lets its requests through.
func (h *harness) stopAt(ctx context.Context, l *place, a action, p plan) (x *execution, stopped <-chan struct{}, goOn func(), err error) {
	there, on := make(chan struct{}), make(chan struct{})
	x, err = h.launch(ctx, l, a.args(h), func(x *execution) observer {
		fired := false
		return func(c call, m moment) verdict {
			if fired || p.step != c.step || p.nth != c.nth || p.when != m || !c.counted() {
				return pass
			}
			fired = true
			x.signal(syscall.SIGSTOP)
			close(there)
			if x.proxy != nil {
				<-on // it and all others
			}
			return pass
		}
	})
	return x, there, func() {
		close(on)
		x.signal(syscall.SIGCONT)
	}, err
}
