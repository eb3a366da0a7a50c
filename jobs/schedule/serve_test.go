package schedule

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// The nights around both changes of a year, run by the loop itself: a day has one run, at 02:30 or when that is missing at
// the first instant after.
func TestNightsOfClockChanges(t *testing.T) {
	for _, c := range []struct {
		zone, from, to, published string
		want                      []string
	}{
		{"America/New_York", "2026-03-07T00:00:00-05:00", "2026-03-10T00:00:00-04:00", "2026-03-06",
			[]string{"2026-03-07 at 03-07 02:30", "2026-03-08 at 03-08 03:00", "2026-03-09 at 03-09 02:30"}},
		{"America/New_York", "2026-10-31T00:00:00-04:00", "2026-11-03T00:00:00-05:00", "2026-10-30",
			[]string{"2026-10-31 at 10-31 02:30", "2026-11-01 at 11-01 02:30", "2026-11-02 at 11-02 02:30"}},
		{"Australia/Lord_Howe", "2026-10-03T00:00:00+10:30", "2026-10-06T00:00:00+11:00", "2026-10-02",
			[]string{"2026-10-03 at 10-03 02:30", "2026-10-04 at 10-04 02:30", "2026-10-05 at 10-05 02:30"}},
		{"Australia/Lord_Howe", "2026-04-04T00:00:00+11:00", "2026-04-07T00:00:00+10:30", "2026-04-03",
			[]string{"2026-04-04 at 04-04 02:30", "2026-04-05 at 04-05 02:30", "2026-04-06 at 04-06 02:30"}},
		{"Africa/Casablanca", "2026-02-14T00:00:00+01:00", "2026-02-17T00:00:00Z", "2026-02-13",
			[]string{"2026-02-14 at 02-14 02:30", "2026-02-15 at 02-15 02:30", "2026-02-16 at 02-16 02:30"}},
		{"Africa/Casablanca", "2026-03-21T00:00:00Z", "2026-03-24T00:00:00+01:00", "2026-03-20",
			[]string{"2026-03-21 at 03-21 02:30", "2026-03-22 at 03-22 03:00", "2026-03-23 at 03-23 02:30"}},
		{"UTC", "2028-02-28T00:00:00Z", "2028-03-02T00:00:00Z", "2028-02-27",
			[]string{"2028-02-28 at 02-28 02:30", "2028-02-29 at 02-29 02:30", "2028-03-01 at 03-01 02:30"}},
	} {
		bubble(t, c.zone+" "+c.from, func(t *testing.T) {
			w := newWorld(t, c.zone, c.from, c.published)
			v := w.serve(t, nil)
			w.until(instant(t, c.to))
			v.end()
			if got := w.tries(); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What is made on start, by what is published.
func TestStart(t *testing.T) {
	for _, c := range []struct {
		name, now, published string
		days                 int
		want                 string
	}{
		{"ten days down, seven caught up", "2026-11-21T12:00:00Z", "2026-11-10 2026-11-11", 7,
			"2026-11-14 2026-11-15 2026-11-16 2026-11-17 2026-11-18 2026-11-19 2026-11-20 2026-11-21"},
		{"ten days down, fourteen caught up", "2026-11-21T12:00:00Z", "2026-11-10 2026-11-11", 14,
			"2026-11-12 2026-11-13 2026-11-14 2026-11-15 2026-11-16 2026-11-17 2026-11-18 2026-11-19 2026-11-20 2026-11-21"},
		{"ten days down, nothing caught up", "2026-11-21T12:00:00Z", "2026-11-10 2026-11-11", 0, "2026-11-21"},
		{"before the hour", "2026-11-21T02:29:00Z", "2026-11-18", 2, "2026-11-19 2026-11-20"},
		{"holes between", "2026-11-21T12:00:00Z", "2026-11-10 2026-11-15 2026-11-17 2026-11-18 2026-11-20", 7,
			"2026-11-14 2026-11-16 2026-11-19 2026-11-21"},
		{"all is there", "2026-11-21T12:00:00Z", "2026-11-20 2026-11-21", 7, ""},
		{"a new lake", "2026-11-21T12:00:00Z", "", 7, "2026-11-21"},
		{"a new lake before the hour", "2026-11-21T02:00:00Z", "", 7, "2026-11-20"},
		{"a lake that began two days ago", "2026-11-21T12:00:00Z", "2026-11-19", 7, "2026-11-20 2026-11-21"},
		{"published by a clock that was ahead", "2026-11-21T12:00:00Z", "2026-11-20 2026-11-21 2026-11-23", 7, ""},
		{"a clock that was reset", "1970-01-01T00:05:00Z", "2026-11-20 2026-11-21", 7, ""},
	} {
		bubble(t, c.name, func(t *testing.T) {
			w := newWorld(t, "UTC", c.now, strings.Fields(c.published)...)
			w.takes = time.Second
			v := w.serve(t, func(s *Scheduler) { s.CatchUpDays = c.days })
			time.Sleep(30 * time.Second)
			v.end()
			if got := texts(w.done(t)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestClockIsSet(t *testing.T) {
	start := "2026-11-21T12:00:00Z"
	for _, c := range []struct {
		name string
		set  time.Duration
		want string // in the minute after, and by the end of the next two days of the clock
	}{
		{"back by a day", -24 * time.Hour, " | 2026-11-22"},
		{"back by ten days", -10 * 24 * time.Hour, " | "},
		{"back by an hour", -time.Hour, " | 2026-11-22 2026-11-23"},
		{"forward by two days", 48 * time.Hour, "2026-11-22 2026-11-23 | 2026-11-22 2026-11-23 2026-11-24 2026-11-25"},
		{"forward by an hour", time.Hour, " | 2026-11-22 2026-11-23"},
	} {
		bubble(t, c.name, func(t *testing.T) {
			w := newWorld(t, "UTC", start, "2026-11-19", "2026-11-20", "2026-11-21")
			w.takes = 0
			v := w.serve(t, nil)
			time.Sleep(90 * time.Second)
			w.set(w.now().Add(c.set))
			time.Sleep(tick)
			got := texts(w.done(t))
			time.Sleep(46 * time.Hour)
			v.end()
			if got += " | " + texts(w.done(t)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A clock that was ahead for an hour, in which nothing could be made, leaves nothing behind: no dates to come, and no pause.
func TestClockWasAhead(t *testing.T) {
	bubble(t, "while the source was down", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T12:00:00Z", "2026-11-20", "2026-11-21")
		w.fails = down(t, "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z")
		v := w.serve(t, nil)
		w.set(instant(t, "2026-12-01T12:00:00Z"))
		time.Sleep(time.Hour)
		w.set(instant(t, "2026-11-21T13:00:00Z"))
		w.until(instant(t, "2026-11-23T12:00:00Z"))
		v.end()
		if got := texts(w.done(t)); got != "2026-11-22 2026-11-23" {
			t.Errorf("got %s", got)
		}
	})
}

func TestStartsOnTheSecond(t *testing.T) {
	bubble(t, "whenever it was started", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-20T12:00:17Z", "2026-11-20")
		v := w.serve(t, nil)
		w.until(instant(t, "2026-11-21T03:00:00Z"))
		v.end()
		if len(w.runs) != 1 || !w.runs[0].at.Equal(instant(t, "2026-11-21T02:30:00Z")) {
			t.Errorf("got %+v", w.runs)
		}
	})
}

// A computer that sleeps stops the monotonic clock and not the wall clock.
func TestSuspended(t *testing.T) {
	bubble(t, "while it waits", func(t *testing.T) {
		w := newWorld(t, "Europe/Berlin", "2026-11-18T22:00:00+01:00", "2026-11-17", "2026-11-18")
		v := w.serve(t, nil)
		time.Sleep(time.Hour)
		w.set(instant(t, "2026-11-21T09:00:00+01:00"))
		time.Sleep(tick + 3*w.takes)
		v.end()
		want := []string{"2026-11-19 at 11-21 09:01", "2026-11-20 at 11-21 09:06", "2026-11-21 at 11-21 09:11"}
		if got := w.tries(); len(got) != 3 || !slices.IsSorted(got) || texts(w.done(t)) != "2026-11-19 2026-11-20 2026-11-21" {
			t.Errorf("got %q, want about %q", got, want)
		}
	})
	bubble(t, "while it runs", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T02:00:00Z", "2026-11-20")
		w.takes = time.Hour
		v := w.serve(t, nil)
		w.until(instant(t, "2026-11-21T03:00:00Z"))
		w.set(instant(t, "2026-11-22T09:00:00Z")) // far beyond the deadline by the wall clock
		time.Sleep(3 * time.Hour)
		v.end()
		if got := texts(w.done(t)); got != "2026-11-21 2026-11-22" {
			t.Errorf("got %s", got)
		}
	})
}

func TestOtherTimesOfTheDay(t *testing.T) {
	bubble(t, "one snapshot a day", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-20T12:00:00Z", "2026-11-20")
		v := w.serve(t, func(s *Scheduler) { s.Times = NewTimes(parse(t, "0 2,8,14 * * *"), time.UTC, 0) })
		w.until(instant(t, "2026-11-22T23:00:00Z"))
		v.end()
		if got := w.tries(); !slices.Equal(got, []string{"2026-11-21 at 11-21 02:00", "2026-11-22 at 11-22 02:00"}) {
			t.Errorf("got %q", got)
		}
	})
	bubble(t, "further chances for what is hopeless", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-20T12:00:00Z", "2026-11-20")
		w.fails = func(_ calendar.Date, at time.Time) error {
			if at.Hour() < 14 {
				return errWrong
			}
			return nil
		}
		v := w.serve(t, func(s *Scheduler) { s.Times = NewTimes(parse(t, "0 2,8,14 * * *"), time.UTC, 0) })
		w.until(instant(t, "2026-11-21T23:00:00Z"))
		v.end()
		if got := w.tries(); !slices.Equal(got, []string{"2026-11-21 at 11-21 02:00!", "2026-11-21 at 11-21 08:00!", "2026-11-21 at 11-21 14:00"}) {
			t.Errorf("got %q", got)
		}
	})
}

// Two schedulers of one lake: the lease lets one run at a time, and every date is made once.
func TestTwoSchedulers(t *testing.T) {
	bubble(t, "of one lake", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-17T12:00:00Z", "2026-11-13", "2026-11-14")
		a, b := w.serve(t, nil), w.serve(t, nil)
		w.until(instant(t, "2026-11-21T02:33:00Z"))
		if p := a.Healthy().Problem + b.Healthy().Problem; p != "" {
			t.Errorf("a problem: %s", p)
		}
		w.until(instant(t, "2026-11-21T12:00:00Z"))
		a.end()
		b.end()
		if got := texts(w.done(t)); got != "2026-11-15 2026-11-16 2026-11-17 2026-11-18 2026-11-19 2026-11-20 2026-11-21" {
			t.Errorf("got %s", got)
		}
		if !slices.ContainsFunc(w.runs, func(r try) bool { return errors.Is(r.err, errHeld) }) {
			t.Error("the two never met")
		}
	})
}

func TestStop(t *testing.T) {
	late := instant(t, "2026-11-21T02:31:00Z") // a minute into a run
	begin := func(t *testing.T, takes time.Duration) (*world, *service) {
		w := newWorld(t, "UTC", "2026-11-21T02:00:00Z", "2026-11-19", "2026-11-20")
		w.takes = takes
		v := w.serve(t, func(s *Scheduler) { s.CatchUpDays = 1 })
		w.until(late)
		if s := v.Healthy(); s.State != "running" || s.Running == nil || s.Running.Date != "2026-11-21" || s.Problem != "" {
			t.Fatalf("the status: %+v", s)
		}
		return w, v
	}
	bubble(t, "between runs", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T02:31:00Z", "2026-11-20", "2026-11-21")
		v := w.serve(t, nil)
		v.end()
		if since := w.now().Sub(late); since != 0 || len(w.runs) > 0 {
			t.Errorf("it took %s", since)
		}
	})
	bubble(t, "a run that ends within the grace period", func(t *testing.T) {
		w, v := begin(t, 75*time.Second)
		v.end()
		if got, since := texts(w.done(t)), w.now().Sub(late); got != "2026-11-21" || since != 15*time.Second {
			t.Errorf("published %s after %s", got, since)
		}
		if s := v.Healthy(); s.State != "stopped" || s.LastRun.Result != "published" || s.Published != "2026-11-21" || len(s.Due) != 0 || s.Problem == "" {
			t.Errorf("the status: %+v", s)
		}
	})
	bubble(t, "a run that does not", func(t *testing.T) {
		w, v := begin(t, time.Hour)
		v.end()
		if got, since := texts(w.done(t)), w.now().Sub(late); got != "" || since != 20*time.Second {
			t.Errorf("published %s after %s", got, since)
		}
		if s := v.Healthy(); s.LastRun.Result != "abandoned" || len(s.Due) != 1 || len(s.Failing) != 0 {
			t.Errorf("the status: %+v", s)
		}
		again := w.serve(t, nil)
		time.Sleep(2 * time.Hour)
		again.end()
		if got := texts(w.done(t)); got != "2026-11-21" {
			t.Errorf("the next one published %s", got)
		}
	})
	bubble(t, "no further run begins", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T12:00:00Z", "2026-11-18")
		v := w.serve(t, func(s *Scheduler) { s.Grace = time.Hour })
		time.Sleep(time.Minute)
		v.end()
		if got := texts(w.done(t)); got != "2026-11-19" {
			t.Errorf("published %s", got)
		}
	})
}
