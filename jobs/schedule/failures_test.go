package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// down returns an outage of the sources: from one instant to before another.
func down(tb testing.TB, from, to string) func(calendar.Date, time.Time) error {
	a, b := instant(tb, from), instant(tb, to)
	return func(_ calendar.Date, at time.Time) error {
		if !at.Before(a) && at.Before(b) {
			return errDown
		}
		return nil
	}
}

func TestSourceIsDown(t *testing.T) {
	bubble(t, "for a night", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T00:00:00Z", "2026-11-20")
		w.fails = down(t, "2026-11-21T02:00:00Z", "2026-11-21T06:00:00Z")
		v := w.serve(t, nil)
		w.until(instant(t, "2026-11-21T05:59:00Z"))
		s := v.Healthy()
		if !strings.Contains(s.Problem, "2026-11-21 is not published") || !strings.Contains(s.Problem, errDown.Error()) || v.Alive().Problem != "" {
			t.Errorf("the status: %+v", s)
		}
		if len(s.Failing) != 1 || s.Failing[0].Tries < 5 || s.NextRun == nil || s.NextRun.Date != "2026-11-21" || !s.NextRun.At.After(w.now().Add(-2*time.Minute)) {
			t.Errorf("the status: %+v, next %+v", s, s.NextRun)
		}
		w.until(instant(t, "2026-11-21T06:36:00Z"))
		if s := v.Healthy(); s.Problem != "" || len(s.Failing)+len(s.Due) != 0 || s.Published != "2026-11-21" {
			t.Errorf("the status: %+v", s)
		}
		v.end()
		// Half to whole minutes of 1, 2, 4, 8, 16, 30, 30 …
		for i, bound := 0, time.Minute; i+1 < len(w.runs); i, bound = i+1, min(2*bound, 30*time.Minute) {
			if pause := w.runs[i+1].at.Sub(w.runs[i].at); pause < bound/2-time.Second || pause > bound+time.Second {
				t.Errorf("pause %d is %s, want %s to %s", i+1, pause, bound/2, bound)
			}
		}
		if n := len(w.runs); n < 10 || n > 25 {
			t.Errorf("%d tries in three and a half hours", n)
		}
	})
	bubble(t, "for five nights", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-15T12:00:00Z", "2026-11-14", "2026-11-15")
		w.fails = down(t, "2026-11-16T02:00:00Z", "2026-11-21T01:00:00Z")
		v := w.serve(t, nil)
		w.until(instant(t, "2026-11-21T01:30:00Z").Add(6 * w.takes))
		v.end()
		if got := w.done(t); len(got) != 5 {
			t.Errorf("got %s", texts(got))
		}
	})
}

// A date that cannot be made does not keep the others from being made.
func TestOneDateFails(t *testing.T) {
	bad := calendar.Civil(2026, 11, 19)
	fails := func(err error) func(calendar.Date, time.Time) error {
		return func(d calendar.Date, _ time.Time) error {
			if d == bad {
				return err
			}
			return nil
		}
	}
	bubble(t, "hopeless", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T12:00:00Z", "2026-11-18")
		w.fails = fails(errWrong)
		v := w.serve(t, nil)
		w.until(instant(t, "2026-11-23T12:00:00Z"))
		if s := v.Healthy(); s.Problem != "" || len(s.Failing) != 1 || !s.Failing[0].Waits || s.Failing[0].Tries != 3 || s.NextRun.At.Day() != 24 {
			t.Errorf("the status: %+v", s)
		}
		v.end()
		want := []string{
			"2026-11-19 at 11-21 12:00!", "2026-11-20 at 11-21 12:00", "2026-11-21 at 11-21 12:05",
			"2026-11-19 at 11-22 02:30!", "2026-11-22 at 11-22 02:30", "2026-11-19 at 11-23 02:30!", "2026-11-23 at 11-23 02:30",
		}
		if got := w.tries(); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
	bubble(t, "again and again", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T12:00:00Z", "2026-11-18")
		w.fails = fails(errDown)
		v := w.serve(t, nil)
		w.until(instant(t, "2026-11-22T12:00:00Z"))
		v.end()
		if got := texts(w.done(t)); got != "2026-11-20 2026-11-21 2026-11-22" {
			t.Errorf("published %s", got)
		}
		if at := slices.IndexFunc(w.runs, func(r try) bool { return r.date != bad }); at != patience {
			t.Errorf("another date was tried after %d tries, want %d", at, patience)
		}
		if n := len(w.runs); n < 40 || n > 120 {
			t.Errorf("%d tries in a day", n)
		}
	})
	bubble(t, "until it is too old", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-19T12:00:00Z", "2026-11-18")
		w.fails = fails(errWrong)
		v := w.serve(t, func(s *Scheduler) { s.CatchUpDays = 2 })
		w.until(instant(t, "2026-11-25T12:00:00Z"))
		v.end()
		if n := len(w.runs) - len(w.done(t)); n != 3 {
			t.Errorf("tried %d times, want 3", n)
		}
	})
}

func TestDeadline(t *testing.T) {
	bubble(t, "a run that is cancelled", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T02:00:00Z", "2026-11-20")
		w.takes = 5 * time.Hour
		v := w.serve(t, func(s *Scheduler) {
			s.Deadline = time.Hour
			s.Kind = func(error) Kind { return Hopeless } // what a cancelled run says does not count
		})
		w.until(instant(t, "2026-11-21T03:30:30Z"))
		s := v.Healthy()
		if s.LastRun == nil || s.LastRun.Result != "failed" || !strings.Contains(s.LastRun.Error, ErrDeadline.Error()) || s.Problem == "" {
			t.Errorf("the status: %+v, %+v", s, s.LastRun)
		}
		w.mu.Lock()
		w.takes = time.Minute
		w.mu.Unlock()
		w.until(instant(t, "2026-11-21T06:00:00Z"))
		v.end()
		if len(w.runs) < 2 || !slices.Equal(w.done(t), []calendar.Date{day(t, "2026-11-21")}) {
			t.Errorf("got %q", w.tries())
		}
	})
	bubble(t, "a run that does not heed it", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T02:00:00Z", "2026-11-20")
		v := w.serve(t, func(s *Scheduler) {
			s.Deadline = time.Hour
			s.Run = func(ctx context.Context, _ calendar.Date) error {
				<-ctx.Done()
				time.Sleep(time.Hour)
				return ctx.Err()
			}
		})
		for _, c := range []struct{ at, healthy, alive string }{
			{"2026-11-21T03:29:00Z", "", ""},
			{"2026-11-21T03:35:00Z", "the run of 2026-11-21 was cancelled and has not ended yet", ""},
			{"2026-11-21T03:45:00Z", "the run of 2026-11-21 was cancelled and does not end", "the run of 2026-11-21 was cancelled and does not end"},
		} {
			w.until(instant(t, c.at))
			if h, a := v.Healthy().Problem, v.Alive().Problem; h != c.healthy || a != c.alive {
				t.Errorf("at %s: healthy %q, alive %q", c.at, h, a)
			}
		}
		v.end()
	})
}

func TestRunThatPanics(t *testing.T) {
	bubble(t, "is tried again", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T12:00:00Z", "2026-11-20")
		w.takes = time.Second
		v := w.serve(t, func(s *Scheduler) {
			run, first := s.Run, true
			s.Run = func(ctx context.Context, d calendar.Date) error {
				if first {
					first = false
					panic("out of cheese")
				}
				return run(ctx, d)
			}
		})
		if s := v.Healthy(); !strings.Contains(s.LastRun.Error, "out of cheese") || !strings.Contains(s.LastRun.Error, "failures_test.go") {
			t.Errorf("the status: %+v", s.LastRun)
		}
		time.Sleep(2 * time.Minute)
		v.end()
		if got := texts(w.done(t)); got != "2026-11-21" {
			t.Errorf("published %q", got)
		}
	})
}

// A run that says it published and did not is a failure like any other: it must not go on without a pause.
func TestRunThatLeavesNothing(t *testing.T) {
	bubble(t, "is tried again after a pause", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T12:00:00Z", "2026-11-20")
		n := 0
		v := w.serve(t, func(s *Scheduler) {
			s.Run = func(context.Context, calendar.Date) error { n++; return nil }
		})
		time.Sleep(2 * time.Hour)
		if s := v.Healthy(); !strings.Contains(s.Problem, errNotThere.Error()) || s.LastRun.Result != "failed" {
			t.Errorf("the status: %+v, %+v", s, s.LastRun)
		}
		v.end()
		if n < 5 || n > 15 {
			t.Errorf("%d runs in two hours", n)
		}
	})
}

func TestLakeCannotBeListed(t *testing.T) {
	bubble(t, "for a while", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T12:00:00Z", "2026-11-20")
		w.listing = errDown
		asked := 0
		v := w.serve(t, func(s *Scheduler) {
			list := s.Published
			s.Published = func(ctx context.Context) ([]calendar.Date, error) { asked++; return list(ctx) }
		})
		time.Sleep(3 * time.Hour)
		if s := v.Healthy(); !strings.Contains(s.Problem, "listed: the source is down") || v.Alive().Problem != "" || len(w.runs) != 0 {
			t.Errorf("the status: %+v", s)
		}
		if asked < 6 || asked > 20 {
			t.Errorf("asked %d times in three hours", asked)
		}
		w.mu.Lock()
		w.listing = nil
		w.mu.Unlock()
		time.Sleep(40 * time.Minute)
		v.end()
		if got := texts(w.done(t)); got != "2026-11-21" {
			t.Errorf("published %q", got)
		}
	})
}

// What somebody else publishes is not made again, and a lease that is held for too long is a problem.
func TestAnotherPublishes(t *testing.T) {
	bubble(t, "while this one waits", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T00:00:00Z", "2026-11-20")
		v := w.serve(t, nil)
		w.mu.Lock()
		w.published[day(t, "2026-11-21")] = true
		w.mu.Unlock()
		w.until(instant(t, "2026-11-21T12:00:00Z"))
		v.end()
		if len(w.runs) > 0 {
			t.Errorf("made %q", w.tries())
		}
	})
	bubble(t, "and never ends", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T12:00:00Z", "2026-11-20")
		w.holder = new(Scheduler)
		v := w.serve(t, func(s *Scheduler) { s.Deadline = time.Hour })
		time.Sleep(50 * time.Minute)
		if s := v.Healthy(); s.Problem != "" || s.LastRun.Result != "lease held" || len(s.Failing) != 0 {
			t.Errorf("the status: %+v", s)
		}
		time.Sleep(20 * time.Minute)
		if s := v.Healthy(); !strings.Contains(s.Problem, "another run has held the lease for 1h") {
			t.Errorf("the status: %+v", s)
		}
		v.end()
		if n := len(w.runs); n < 60 || n > 160 {
			t.Errorf("looked %d times in 70 minutes", n)
		}
	})
}

func TestBackoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &nights{random: func() float64 { return rapid.Float64Range(0, 0.999999).Draw(t, "random") }}
		tries := rapid.IntRange(1, 1_000_000).Draw(t, "tries")
		most := longest
		if tries < 6 {
			most = min(longest, shortest<<(tries-1))
		}
		if d := n.backoff(tries); d < most/2 || d > most {
			t.Fatalf("after %d tries the pause is %s, want %s to %s", tries, d, most/2, most)
		}
	})
}

func TestHealth(t *testing.T) {
	bubble(t, "by what was told", func(t *testing.T) {
		var h Health
		if s := h.Healthy(); s.Problem != "" || s.State != "starting" || s.Due == nil {
			t.Errorf("before the first word: %+v", s)
		}
		h.Tell(Status{State: "waiting", Problem: "something"})
		if a, b := h.Healthy().Problem, h.Alive().Problem; a != "something" || b != "" {
			t.Errorf("got %q and %q", a, b)
		}
		time.Sleep(silence + time.Second)
		want := fmt.Sprintf("the scheduler has not stirred for %s", silence+time.Second)
		if a, b := h.Healthy().Problem, h.Alive().Problem; a != want || b != want {
			t.Errorf("got %q and %q", a, b)
		}
		h.Tell(Status{State: "stopped"})
		if h.Alive().Problem == "" {
			t.Error("alive after it stopped")
		}
	})
}

// A date that grew too old while its run went on is not tried again, and those after it go on.
func TestRunThatOutlivesItsDate(t *testing.T) {
	bubble(t, "and fails", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T02:00:00Z", "2026-11-20")
		first := true
		v := w.serve(t, func(s *Scheduler) {
			s.CatchUpDays, s.Deadline = 0, 48*time.Hour
			run := s.Run
			s.Run = func(ctx context.Context, d calendar.Date) error {
				if first {
					first = false
					time.Sleep(30 * time.Hour)
					return errDown
				}
				return run(ctx, d)
			}
		})
		w.until(instant(t, "2026-11-22T08:00:00Z"))
		if s := v.Healthy(); s.Running == nil || len(s.Due) != 1 || s.Due[0] != "2026-11-22" {
			t.Errorf("the status: %+v", s)
		}
		w.until(instant(t, "2026-11-22T09:00:00Z"))
		v.end()
		if got := w.tries(); len(got) != 1 || got[0] != "2026-11-22 at 11-22 08:30" {
			t.Errorf("got %q", got)
		}
		if s := v.Healthy(); len(s.Failing) != 0 || s.LastRun.Date != "2026-11-22" {
			t.Errorf("the status: %+v", s)
		}
	})
}

// Dates that nobody will make are told once.
func TestGapIsTold(t *testing.T) {
	bubble(t, "once", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T12:00:00Z", "2026-11-01", "2026-11-10", "2026-11-11")
		var log strings.Builder
		v := w.serve(t, func(s *Scheduler) { s.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		w.until(instant(t, "2026-11-24T12:00:00Z"))
		v.end()
		if n := strings.Count(log.String(), "missed longer ago"); n != 1 || !strings.Contains(log.String(), "from=2026-11-12 to=2026-11-13 dates=2") {
			t.Errorf("told %d times:\n%s", n, log.String())
		}
	})
}
