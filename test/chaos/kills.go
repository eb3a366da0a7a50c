//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"
)

const sigkill = syscall.SIGKILL

// plan says when a process is to die: at a moment of the nth operation of a step, or after a time.
type plan struct {
	step  step
	nth   int
	when  moment
	delay time.Duration // if step is empty
}

func (p plan) String() string {
	if p.step == "" {
		return fmt.Sprintf("after %s", p.delay.Round(100*time.Microsecond))
	}
	return fmt.Sprintf("%s operation %d of step %q", p.when, p.nth, p.step)
}

// named are the steps in which a first run can be killed; a recovery can, when a run has died before.
var named = []step{
	stepLease, stepQuarantine, stepStage, stepCheck, stepRecord, stepDelete, stepCopy, stepNote, stepManifest, stepLatest, stepClear, stepState,
	stepRelease, stepRun, stepRecover,
}

// hit are the named steps of a kind: in a file bucket nothing shows when a process only looks.
func hit(kind string) []step {
	return slices.DeleteFunc(slices.Clone(named), func(s step) bool { return kind == "file" && s == stepCheck })
}

// attackPlan is an action, with the plans of those of its processes that die.
type attackPlan struct {
	action   action
	plans    []plan
	tomorrow bool // who comes then is not the same run again, but the next night's
}

// planned makes the ith attack of a kind: steps take turns, and every third is at a time that chance alone decides.
func (h *harness) planned(kind string, i int, dice *rand.Rand) attackPlan {
	a := actions[dice.IntN(len(actions))]
	x := attackPlan{action: a}
	if i%3 == 2 {
		x.plans = []plan{h.anytime(kind, a, dice)}
	} else {
		s := hit(kind)[(i-i/3)%len(hit(kind))]
		switch {
		case s == stepDelete:
			x.action = actions[3]
		case s == stepLatest && a.name == actions[4].name: // which has none
			x.action = actions[1]
		case s == stepRecover:
			// Something for a recovery to do: staged objects, or a publication to carry out.
			first := []step{stepStage, stepStage, stepRecord, stepCopy, stepNote, stepManifest}[dice.IntN(6)]
			x.plans = []plan{h.at(kind, a, first, dice)}
		}
		x.plans = append(x.plans, h.at(kind, x.action, s, dice))
	}
	// Often the next one dies too, while it carries out what this one has recorded.
	if carriedOut := []step{stepRecord, stepDelete, stepCopy, stepNote, stepManifest, stepLatest, stepClear}; dice.IntN(2) == 0 &&
		slices.Contains(carriedOut, x.plans[0].step) && len(x.plans) == 1 {
		again := slices.DeleteFunc(carriedOut[1:], func(s step) bool { return h.profile[kind][x.action.name].n[s] == 0 })
		if s := x.plans[0].step; dice.IntN(2) == 0 && (s == stepManifest || s == stepLatest) {
			again = again[:2] // what must not happen any more
		}
		x.plans = append(x.plans, h.at(kind, x.action, again[dice.IntN(len(again))], dice))
	}
	x.tomorrow = len(x.plans) == 1 && x.action.date == day2 && dice.IntN(2) == 0
	return x
}

// at is a plan to die in a step.
func (h *harness) at(kind string, a action, s step, dice *rand.Rand) plan {
	n := max(h.profile[kind][a.name].n[s], 1)
	if s == stepRecover {
		n = 8
	}
	p := plan{step: s, nth: 1 + dice.IntN(n), when: []moment{before, midway, after}[dice.IntN(3)]}
	if kind == "file" {
		p.when = after
		if slices.Contains([]step{stepLease, stepQuarantine, stepStage, stepState, stepRun}, s) && dice.IntN(2) == 0 {
			p.when = midway
		}
	}
	return p
}

// anytime is a plan to die at any time of a run.
func (h *harness) anytime(kind string, a action, dice *rand.Rand) plan {
	return plan{delay: time.Millisecond + time.Duration(dice.Int64N(int64(h.profile[kind][a.name].took)))}
}

// killMany kills as many processes as asked for.
func (h *harness) killMany(ctx context.Context, out io.Writer) error {
	if h.kills == 0 {
		return nil
	}
	began := time.Now()
	err := h.each(ctx, 20*h.kills, h.workers, func(ctx context.Context, i int, dice *rand.Rand) error {
		h.mu.Lock()
		enough := h.figures.killed() >= h.kills
		h.mu.Unlock()
		if enough || h.only >= 0 && i != h.only {
			return nil
		}
		kind := h.buckets[i%len(h.buckets)]
		x := h.planned(kind, i/len(h.buckets), dice)
		story, err := h.kill(ctx, kind, x)
		if h.verbose || errors.Is(err, errBroken) {
			h.mu.Lock()
			fmt.Fprintf(out, "attack %d on %s, %s\n%s", i, kind, x.action.name, story)
			h.mu.Unlock()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("after %s: %w", plural(h.figures.killed(), "kill"), err)
	}
	h.figures.show(out, h.buckets, time.Since(began))
	if h.kills >= 300 && h.only < 0 {
		return h.figures.complete(h.buckets)
	}
	return nil
}

// kill carries one attack out in a lake of its own, and returns its story.
func (h *harness) kill(ctx context.Context, kind string, x attackPlan) (story string, err error) {
	n := h.nights
	s := stake{date: x.action.date, before: x.action.base(n), after: n.after[x.action.name]}
	l, err := h.newPlace(ctx, kind)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, l.remove(context.WithoutCancel(ctx))) }()
	if err := l.restore(ctx, s.before); err != nil {
		return "", err
	}
	legal := []objects{s.before, s.after, n.twice[x.action.name]}
	if x.tomorrow {
		legal = append(legal, n.then[x.action.name], n.lost[x.action.name], n.alone[x.action.name])
	}
	r := startReader(ctx, l, legal...)
	var left remains
	for _, p := range x.plans {
		var line string
		line, left, err = h.killOnce(ctx, l, x.action, p, s)
		if story += line; err != nil {
			return story, errors.Join(err, r.end())
		}
		if left.over {
			break
		}
		s.again = s.again || left.outcome != changedNothing
	}
	story += map[bool]string{false: "  then the same again\n", true: "  then the next night\n"}[x.tomorrow]
	err = errors.Join(h.carryOn(ctx, l, x, left, n), r.end())
	h.count(func(f *figures) { f.rounds += r.rounds; f.reads += r.reads; f.explained += r.explained })
	return story, err
}

// remains are what a run that died has left.
type remains struct {
	outcome
	over bool // there is nothing left to do, but to end the lease
}

// killOnce runs an action that is to die, and looks at what it leaves.
func (h *harness) killOnce(ctx context.Context, l *place, a action, p plan, s stake) (line string, left remains, err error) {
	end, err := h.attempt(ctx, l, a.args(h), p.killer, p.delay)
	if err != nil {
		return "", left, err
	}
	if !end.killed {
		if end.code != 0 {
			return "", left, broken("a run that was to be killed %s ended with exit code %d: %s", p, end.code, end.said)
		}
		return fmt.Sprintf("  to be killed %s: came to its end before\n", p), remains{isPublished, true}, nil
	}
	now, err := l.all(ctx)
	if err != nil {
		return "", left, err
	}
	s.again = s.again && !end.last.recovers
	left.outcome, err = s.atRest(ctx, l, now)
	left.over = left.outcome == isPublished && changed(now, s.after, func(key string) bool { return key == "state/index.json" }) == ""
	line = fmt.Sprintf("  killed %s: at %s %s (%s), %s\n", p, end.last.method, end.last.key, end.last.step, left.outcome)
	if err != nil {
		return line, left, err
	}
	h.count(func(f *figures) { f.add(l.kind, end.last, left.outcome, p.step == "") })
	return line, left, l.lake.BreakLease(ctx) // as if two minutes had passed
}

// carryOn lets who comes next come to its end, and compares the lake with an undisturbed one.
func (h *harness) carryOn(ctx context.Context, l *place, x attackPlan, left remains, n *nights) error {
	next, want, aside := x.action, n.after, []string(nil)
	if x.tomorrow {
		next = tomorrow
		aside = []string{"runs"} // the dead run has no record
	}
	switch {
	case !x.tomorrow && left.over:
		want = n.twice
	case !x.tomorrow:
	case left.over:
		want = n.then
	case left.outcome == changedNothing:
		want = n.alone
		aside = []string{"runs", "quarantine"} // what the dead run could not use may be there, though what it could use is not
	default:
		want = n.lost
	}
	if err := h.succeed(ctx, l, next.args(h)); err != nil {
		return fmt.Errorf("after a run that died (%s): %w", left.outcome, err)
	}
	now, err := l.all(ctx)
	if err != nil {
		return err
	}
	compared, err := converged(without(now, aside...), without(want[x.action.name], aside...))
	h.count(func(f *figures) { f.recoveries++; f.compared += compared })
	return err
}

// killer kills the process at the planned moment, and lets nothing of it through from then on.
func (p plan) killer(x *execution) observer {
	fired := false
	return func(c call, m moment) verdict {
		if fired {
			return drop
		}
		if p.step != c.step || p.nth != c.nth || !c.counted() {
			return pass
		}
		halved := p.when == midway && m == before
		if m != p.when && !halved {
			return pass
		}
		fired = true
		x.kill()
		if halved && c.method == "PUT" {
			return half
		}
		return drop
	}
}
