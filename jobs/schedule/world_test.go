package schedule

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usagereport/usagereport/transforms/calendar"
)

var (
	errDown  = errors.New("the source is down")
	errWrong = errors.New("the data failed a check")
	errHeld  = errors.New("another run holds the lease")
)

func kindOf(err error) Kind {
	switch {
	case errors.Is(err, errWrong):
		return Hopeless
	case errors.Is(err, errHeld):
		return Held
	}
	return Retry
}

// world is a lake and a wall clock. It lives within a bubble of synctest, whose time plays the monotonic clock; the wall
// clock differs from it by what the test says.
type world struct {
	zone *time.Location

	mu        sync.Mutex
	ahead     time.Duration // of the wall clock before the bubble's
	published map[calendar.Date]bool
	runs      []try
	under     int  // runs under way
	doubled   bool // two were
	holder    *Scheduler

	takes   time.Duration                                   // how long a run takes
	fails   func(date calendar.Date, began time.Time) error // before it takes that time
	listing error
}

// try is a run that was begun.
type try struct {
	date calendar.Date
	at   time.Time // the wall clock's time, in the zone
	err  error
}

// newWorld returns a world whose wall clock shows at, and in which the dates are published.
func newWorld(tb testing.TB, zoneName, at string, published ...string) *world {
	w := &world{zone: zone(tb, zoneName), published: map[calendar.Date]bool{}, takes: 5 * time.Minute}
	w.set(instant(tb, at))
	for _, text := range published {
		w.published[day(tb, text)] = true
	}
	return w
}

// set puts the wall clock to an instant.
func (w *world) set(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead = time.Until(at)
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

// until lets time pass until the wall clock shows an instant.
func (w *world) until(at time.Time) {
	time.Sleep(at.Sub(w.now()))
	synctest.Wait()
}

func (w *world) list(context.Context) ([]calendar.Date, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listing != nil {
		return nil, w.listing
	}
	return slices.Collect(maps.Keys(w.published)), nil
}

// run makes a date for a scheduler, under a lease.
func (w *world) run(ctx context.Context, s *Scheduler, date calendar.Date) error {
	at := w.now().In(w.zone)
	err := w.begin(s, date, at)
	if err == nil {
		select {
		case <-time.After(w.takes):
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !errors.Is(err, errHeld) {
		w.under--
		w.holder = nil
	}
	if err == nil {
		w.published[date] = true
	}
	w.runs = append(w.runs, try{date, at, err})
	return err
}

func (w *world) begin(s *Scheduler, date calendar.Date, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holder != nil && w.holder != s {
		return errHeld
	}
	w.holder = s
	w.under++
	w.doubled = w.doubled || w.under > 1
	if w.fails != nil {
		return w.fails(date, at)
	}
	return nil
}

// done returns the dates of the runs that published, in their order, and fails if two were ever under way at once.
func (w *world) done(tb testing.TB) (all []calendar.Date) {
	tb.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.doubled {
		tb.Error("two runs were under way at once")
	}
	for _, r := range w.runs {
		if r.err == nil {
			all = append(all, r.date)
		}
	}
	return all
}

// tries returns what was begun, as text: date and time, and with an error an exclamation mark.
func (w *world) tries() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.runs {
		text := r.date.String() + " at " + r.at.Format("01-02 15:04")
		if r.err != nil {
			text += "!"
		}
		all = append(all, text)
	}
	return all
}

// service is a scheduler that serves.
type service struct {
	Health
	stop  context.CancelFunc
	ended chan struct{}
}

// serve starts a scheduler of the world, every day at 02:30.
func (w *world) serve(tb testing.TB, change func(*Scheduler)) *service {
	tb.Helper()
	v := &service{ended: make(chan struct{})}
	s := &Scheduler{
		Times: NewTimes(parse(tb, "30 2 * * *"), w.zone, 0), CatchUpDays: 7, Deadline: 12 * time.Hour, Grace: 20 * time.Second,
		Now: w.now, Published: w.list, Kind: kindOf, Tell: v.Tell, Log: slog.New(slog.DiscardHandler),
	}
	s.Run = func(ctx context.Context, d calendar.Date) error { return w.run(ctx, s, d) }
	if change != nil {
		change(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	v.stop = cancel
	go func() { defer close(v.ended); s.Serve(ctx) }()
	synctest.Wait()
	tb.Cleanup(v.end)
	return v
}

// end stops the scheduler and waits until it has.
func (v *service) end() {
	v.stop()
	<-v.ended
}

// bubble runs a test in which time passes by itself when nothing else is to do.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}
