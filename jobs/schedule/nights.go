package schedule

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// nights is what a Scheduler knows while it serves.
type nights struct {
	*Scheduler
	random  func() float64 // in [0, 1)
	started time.Time

	looked time.Time       // when the clock was last looked at
	due    []calendar.Date // by the clock, oldest first, published or not
	next   *scheduled      // when another date comes due; nil: never

	stale     bool // published may be, so nothing is chosen by it
	published map[calendar.Date]bool
	first     calendar.Date  // of those; of no meaning while there are none
	newest    calendar.Date  // of those, too
	lacking   []string       // what the newest due date lacks, though it is published
	claimed   *calendar.Date // a run says that it has published this one
	listErr   error          // of the last look at what is published
	listTries int

	failures  map[calendar.Date]*failure // of due dates
	gaveWay   bool                       // the oldest date has failed in this round, and newer ones are tried
	pausedAt  time.Time
	pausedFor time.Duration
	heldSince time.Time // another run has held the lease since; zero: it does not
	gap       calendar.Date

	running *Running
	last    *Ended
}

// scheduled is a time that is to come, and the run date that comes due at it.
type scheduled struct {
	at   time.Time
	date calendar.Date
}

// failure is how often in a row a date failed, and how the last time.
type failure struct {
	tries int
	err   error
	waits bool // for the next scheduled time
}

func newNights(s *Scheduler) *nights {
	n := &nights{Scheduler: s, random: rand.Float64, stale: true, failures: map[calendar.Date]*failure{}}
	n.started = n.now()
	return n
}

// now is the wall clock without the monotonic one, which stands still while a computer sleeps.
func (n *nights) now() time.Time { return n.Now().Round(0) }

// notice derives from the clock what is due, when a scheduled time has come or the clock was set.
func (n *nights) notice(now time.Time) {
	back := now.Before(n.looked.Add(-tick))
	came := n.looked.IsZero() || n.next != nil && !now.Before(n.next.at)
	n.looked = now
	if !back && !came {
		return
	}
	if back {
		n.Log.Warn("the clock was put back", "now", now)
	}
	n.due, n.lacking = n.Times.Due(now, n.CatchUpDays), nil
	n.next = nil
	if at, ok := n.Times.Next(now); ok {
		n.next = &scheduled{at, n.Times.Due(at, 0)[0]}
	}
	n.stale = true
	maps.DeleteFunc(n.failures, func(d calendar.Date, _ *failure) bool { return !slices.Contains(n.due, d) })
	for _, f := range n.failures {
		f.waits = false
	}
	n.gaveWay = false
}

// list learns what is published. It is false where that failed; then there is a pause.
func (n *nights) list(ctx context.Context) bool {
	dates, err := n.Published(ctx)
	var lacking []string
	if newest := len(n.due) - 1; err == nil && n.Lacking != nil && newest >= 0 && slices.Contains(dates, n.due[newest]) {
		lacking, err = n.Lacking(ctx, n.due[newest])
	}
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		n.listErr = err
		n.listTries++
		n.pause(n.backoff(n.listTries))
		n.Log.Error("what is published cannot be listed", "error", err, "again_in", n.pausedFor.String())
		return false
	}
	n.listErr, n.listTries, n.stale = nil, 0, false
	n.published = make(map[calendar.Date]bool, len(dates))
	for i, d := range dates {
		n.published[d] = true
		if i == 0 {
			n.first, n.newest = d, d
		}
		n.first, n.newest = min(n.first, d), max(n.newest, d)
	}
	n.lacking = lacking
	maps.DeleteFunc(n.failures, func(d calendar.Date, _ *failure) bool { return n.published[d] && !n.lacks(d) })
	if d := n.claimed; d != nil {
		n.claimed = nil
		err := errNotThere
		if n.published[*d] {
			err = errLacking
		}
		if !n.published[*d] || n.lacks(*d) {
			n.last.Result, n.last.Error = resultFailed, err.Error()
			n.ended(*d, err)
			return false
		}
	}
	if len(n.missing()) == 0 {
		n.heldSince = time.Time{}
	}
	n.tellGap()
	return true
}

// lacks reports whether a date is the newest that is due, and published in part.
func (n *nights) lacks(d calendar.Date) bool {
	return len(n.lacking) > 0 && len(n.due) > 0 && d == n.due[len(n.due)-1] && n.published[d]
}

// missing returns the due dates that are not published, or in part, oldest first.
func (n *nights) missing() (all []calendar.Date) {
	if len(n.due) == 0 {
		return nil
	}
	if len(n.published) == 0 {
		return n.due[len(n.due)-1:]
	}
	for _, d := range n.due {
		if d > n.first && !n.published[d] || n.lacks(d) {
			all = append(all, d)
		}
	}
	return all
}

// open returns the missing dates that do not wait for the next scheduled time.
func (n *nights) open() []calendar.Date {
	return slices.DeleteFunc(n.missing(), func(d calendar.Date) bool { f := n.failures[d]; return f != nil && f.waits })
}

// choose returns the date to make now, if there is one.
func (n *nights) choose() (calendar.Date, bool) {
	open := n.open()
	if n.stale || len(open) == 0 {
		return 0, false
	}
	if !n.gaveWay {
		return open[0], true
	}
	if len(open) == 1 {
		n.gaveWay = false
		n.pause(n.backoff(n.tries(open[0])))
		return 0, false
	}
	for _, d := range open[1:] {
		if n.tries(d) < patience {
			return d, true
		}
	}
	return open[len(open)-1], true
}

func (n *nights) tries(d calendar.Date) int {
	if f := n.failures[d]; f != nil {
		return f.tries
	}
	return 0
}

// ended draws the consequences of a run.
func (n *nights) ended(date calendar.Date, err error) {
	n.stale = true
	if err == nil {
		n.claimed, n.published[date] = &date, true
		if n.lacks(date) {
			n.lacking = nil
		}
		n.newest = max(n.newest, date)
		return
	}
	log := n.Log.With("date", date.String(), "error", err)
	kind := n.kind(err)
	if kind == Held {
		if n.heldSince.IsZero() {
			n.heldSince = n.now()
		}
		n.gaveWay = false
		n.pause(n.jittered(heldFor))
		log.Info("another run holds the lease", "again_in", n.pausedFor.String())
		return
	}
	n.heldSince = time.Time{}
	if !slices.Contains(n.due, date) {
		log.Error("the date is too old by now to be tried again")
		return
	}
	f := n.failures[date]
	if f == nil {
		f = new(failure)
		n.failures[date] = f
	}
	f.err = err
	f.tries++
	if kind == Hopeless {
		f.waits = true
		log.Error("a further try would not help; the date waits for the next scheduled time", "next", n.nextRun())
		return
	}
	open := n.open()
	if !n.gaveWay && f.tries >= patience && len(open) > 1 && open[0] == date {
		n.gaveWay = true
		log.Warn("the date fails again and again; a newer one is tried", "tries", f.tries)
		return
	}
	n.gaveWay = false
	tries := f.tries
	if len(open) > 0 {
		tries = max(tries, n.tries(open[0]))
	}
	n.pause(n.backoff(tries))
	log.Warn("the run is tried again", "tries", f.tries, "again_in", n.pausedFor.String())
}

// pause keeps everything from starting for a while.
func (n *nights) pause(d time.Duration) {
	n.pausedAt, n.pausedFor, n.stale = n.now(), d.Round(time.Second), true
}

// paused tells whether a pause is on. One that would begin only later is of a clock that was put back.
func (n *nights) paused() bool {
	now := n.now()
	return !now.Before(n.pausedAt.Add(-tick)) && now.Before(n.pausedAt.Add(n.pausedFor))
}

// backoff returns the pause after so many failures in a row.
func (n *nights) backoff(tries int) time.Duration {
	d := shortest
	for ; tries > 1 && d < longest; tries-- {
		d *= 2
	}
	return n.jittered(min(d, longest))
}

// jittered returns a part of d, from a half to the whole, so that those that failed together do not come back together.
func (n *nights) jittered(d time.Duration) time.Duration {
	return d/2 + time.Duration(n.random()*float64(d/2))
}

// untilNext returns how long to wait before there is something to look at, at most a tick.
func (n *nights) untilNext() time.Duration {
	now, wait := n.now(), tick
	if n.next != nil {
		wait = min(wait, n.next.at.Sub(now))
	}
	if n.paused() {
		wait = min(wait, n.pausedAt.Add(n.pausedFor).Sub(now))
	}
	return max(wait, time.Millisecond)
}

// tellGap warns, once, of dates that were missed too long ago.
func (n *nights) tellGap() {
	if len(n.due) == 0 {
		return
	}
	from := n.due[len(n.due)-1].AddDays(-n.CatchUpDays)
	var before []calendar.Date
	for d := range n.published {
		if d < from {
			before = append(before, d)
		}
	}
	if len(before) == 0 {
		return
	}
	lost := n.Times.Between(slices.Max(before)+1, from)
	if len(lost) == 0 || lost[len(lost)-1] <= n.gap {
		return
	}
	n.gap = lost[len(lost)-1]
	n.Log.Warn("dates were missed longer ago than schedule.catch_up_days; nobody will make them unless backfill is told to",
		"from", lost[0].String(), "to", n.gap.String(), "dates", len(lost))
}
