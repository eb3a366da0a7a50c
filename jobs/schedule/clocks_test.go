package schedule

import (
	"slices"
	"testing"
	"time"
)

// Ten days without the program, over a change of the clock or a 29 February: seven days before the newest, oldest first, each once.
func TestTenDaysDownOverClockChanges(t *testing.T) {
	for _, c := range []struct {
		zone, stop, start, want string
	}{
		{"America/New_York", "2026-03-03T12:00:00-05:00", "2026-03-13T12:00:00-04:00",
			"2026-03-06 2026-03-07 2026-03-08 2026-03-09 2026-03-10 2026-03-11 2026-03-12 2026-03-13"},
		{"America/New_York", "2026-10-27T12:00:00-04:00", "2026-11-06T12:00:00-05:00",
			"2026-10-30 2026-10-31 2026-11-01 2026-11-02 2026-11-03 2026-11-04 2026-11-05 2026-11-06"},
		{"Australia/Lord_Howe", "2026-03-31T12:00:00+11:00", "2026-04-10T12:00:00+10:30",
			"2026-04-03 2026-04-04 2026-04-05 2026-04-06 2026-04-07 2026-04-08 2026-04-09 2026-04-10"},
		{"Australia/Lord_Howe", "2026-09-29T12:00:00+10:30", "2026-10-09T12:00:00+11:00",
			"2026-10-02 2026-10-03 2026-10-04 2026-10-05 2026-10-06 2026-10-07 2026-10-08 2026-10-09"},
		{"Africa/Casablanca", "2026-02-10T12:00:00+01:00", "2026-02-20T12:00:00Z",
			"2026-02-13 2026-02-14 2026-02-15 2026-02-16 2026-02-17 2026-02-18 2026-02-19 2026-02-20"},
		{"Africa/Casablanca", "2026-03-16T12:00:00Z", "2026-03-26T12:00:00+01:00",
			"2026-03-19 2026-03-20 2026-03-21 2026-03-22 2026-03-23 2026-03-24 2026-03-25 2026-03-26"},
		{"UTC", "2028-02-23T12:00:00Z", "2028-03-04T12:00:00Z",
			"2028-02-26 2028-02-27 2028-02-28 2028-02-29 2028-03-01 2028-03-02 2028-03-03 2028-03-04"},
		// Before 02:30 the newest is that of the day before, and seven days count from there.
		{"America/New_York", "2026-03-03T12:00:00-05:00", "2026-03-13T02:00:00-04:00",
			"2026-03-05 2026-03-06 2026-03-07 2026-03-08 2026-03-09 2026-03-10 2026-03-11 2026-03-12"},
	} {
		bubble(t, c.zone+" "+c.stop, func(t *testing.T) {
			w := newWorld(t, c.zone, c.stop, c.stop[:len("2026-03-03")])
			w.takes = time.Second
			w.serve(t, nil).end()
			w.until(instant(t, c.start))
			v := w.serve(t, nil)
			time.Sleep(20 * time.Second)
			v.end()
			if got := texts(w.done(t)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// A time that comes twice is for one run, also when the program starts anew between the two.
func TestRepeatedHour(t *testing.T) {
	for _, c := range []struct {
		zone, spec, from, between, to, published string
		want                                     []string
	}{
		{"America/New_York", "30 1 * * *", "2026-11-01T00:00:00-04:00", "2026-11-01T01:10:00-05:00", "2026-11-02T00:00:00-05:00", "2026-10-31",
			[]string{"2026-11-01 at 11-01 01:30"}},
		{"Australia/Lord_Howe", "45 1 * * *", "2026-04-05T00:00:00+11:00", "2026-04-05T01:40:00+10:30", "2026-04-06T00:00:00+10:30", "2026-04-04",
			[]string{"2026-04-05 at 04-05 01:45"}},
		{"Africa/Casablanca", "30 2 * * *", "2026-02-15T00:00:00+01:00", "2026-02-15T02:10:00Z", "2026-02-16T00:00:00Z", "2026-02-14",
			[]string{"2026-02-15 at 02-15 02:30"}},
	} {
		bubble(t, c.zone, func(t *testing.T) {
			w := newWorld(t, c.zone, c.from, c.published)
			daily := func(s *Scheduler) { s.Times = NewTimes(parse(t, c.spec), w.zone, 0) }
			v := w.serve(t, daily)
			w.until(instant(t, c.between))
			v.end()
			v = w.serve(t, daily)
			w.until(instant(t, c.to))
			v.end()
			w.done(t)
			if got := w.tries(); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Who starts within the hour that is missing runs at once: its time has come.
func TestStartAfterMissingHour(t *testing.T) {
	bubble(t, "New York", func(t *testing.T) {
		w := newWorld(t, "America/New_York", "2026-03-08T03:05:00-04:00", "2026-03-07")
		v := w.serve(t, nil)
		w.until(instant(t, "2026-03-09T02:00:00-04:00"))
		v.end()
		if got, want := w.tries(), []string{"2026-03-08 at 03-08 03:05"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
