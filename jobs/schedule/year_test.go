package schedule

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// stretch is some time of a year, and what goes wrong in it.
type stretch struct {
	what  string // well, stopped, down, asleep
	hours int
}

// A year of any zone in which now and then the program is stopped, the sources are down or the computer sleeps: whatever is
// due is published as soon as the trouble is over, oldest first, once, and never two at a time.
func TestYears(t *testing.T) {
	years := 3
	if testing.Short() {
		years = 1
	}
	for seed := range uint64(years) {
		bubble(t, fmt.Sprint("seed ", seed), func(t *testing.T) {
			y := plan(rand.New(rand.NewPCG(seed, 1)))
			y.live(t)
			for _, p := range y.problems {
				t.Error(p)
			}
			if t.Failed() {
				t.Logf("%+v", y)
			}
		})
	}
}

// plan draws a year.
func plan(r *rand.Rand) *year {
	zones := []string{"UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Beirut"}
	specs := []string{"30 2 * * *", "0 0 * * *", "30 1 * * *"}
	y := &year{
		zone: zones[r.IntN(len(zones))], spec: specs[r.IntN(len(specs))], catchUp: r.IntN(11), takes: time.Duration(1+r.IntN(120)) * time.Minute,
	}
	for hours := 0; hours < 365*24; {
		well, bad := stretch{"well", 30 + r.IntN(24*20)}, stretch{[]string{"stopped", "down", "asleep"}[r.IntN(3)], 1 + r.IntN(24*12)}
		y.stretches = append(y.stretches, well, bad)
		hours += well.hours + bad.hours
	}
	y.stretches = append(y.stretches, stretch{"well", 30})
	return y
}

// year is a plan of one, and then what became of it.
type year struct {
	zone, spec string
	catchUp    int
	takes      time.Duration
	stretches  []stretch
	problems   []string
}

// live lets the year happen.
func (y *year) live(t *testing.T) {
	first := calendar.Civil(2025, 12, 31)
	w := newWorld(t, y.zone, "2026-01-01T12:00:00Z", first.String())
	w.takes = y.takes
	down := false
	w.fails = func(calendar.Date, time.Time) error {
		if down {
			return errDown
		}
		return nil
	}
	start := func() *service {
		return w.serve(t, func(s *Scheduler) {
			s.CatchUpDays, s.Times = y.catchUp, NewTimes(parse(t, y.spec), w.zone, 0)
		})
	}
	v := start()
	for _, s := range y.stretches {
		long := time.Duration(s.hours) * time.Hour
		switch s.what {
		case "asleep":
			w.set(w.now().Add(long))
			continue
		case "stopped":
			v.end()
			time.Sleep(long)
			v = start()
			continue
		case "down":
			w.mu.Lock()
			down = true
			w.mu.Unlock()
			time.Sleep(long)
			w.mu.Lock()
			down = false
			w.mu.Unlock()
			continue
		}
		time.Sleep(long)
		synctest.Wait()
		y.settled(w, first)
	}
	v.end()
	y.inOrder(w, first)
}

func (y *year) wrong(format string, args ...any) {
	y.problems = append(y.problems, fmt.Sprintf(format, args...))
}

// settled checks that all has been well for long enough: whatever was surely due by then is published.
func (y *year) settled(w *world, first calendar.Date) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now().Add(w.ahead)
	// A pause, all the runs that may have been missing, and a schedule of up to 02:30 on a day of up to 25 hours.
	sure := calendar.Of(now.Add(-longest-time.Duration(y.catchUp+2)*y.takes-4*time.Hour), w.zone)
	for d := max(calendar.Of(now, w.zone).AddDays(-y.catchUp), first); d <= sure; d++ {
		if !w.published[d] {
			y.wrong("%s: %s is not published", now.In(w.zone), d)
		}
	}
}

// inOrder checks the runs of the year one after the other.
func (y *year) inOrder(w *world, first calendar.Date) {
	if len(w.runs) < 100 {
		y.wrong("%d runs in a year", len(w.runs))
	}
	if w.doubled {
		y.wrong("two runs at once")
	}
	done := map[calendar.Date]bool{first: true}
	failed := map[calendar.Date]int{}
	for _, r := range w.runs {
		if r.err != nil {
			failed[r.date]++
			continue
		}
		if done[r.date] {
			y.wrong("%s is published twice", r.date)
		}
		done[r.date] = true
		if of := calendar.Of(r.at, w.zone); r.date > of || r.date < of.AddDays(-y.catchUp-1) {
			y.wrong("%s is made at %s", r.date, r.at)
		}
		if y.spec == "30 2 * * *" && r.date == calendar.Of(r.at, w.zone) && r.at.Format("15:04") < "02:30" {
			y.wrong("%s is made at %s, too early", r.date, r.at)
		}
		for older := max(first+1, calendar.Of(r.at, w.zone).AddDays(-y.catchUp)); older < r.date; older++ {
			if !done[older] && failed[older] < patience {
				y.wrong("%s is made at %s, before %s", r.date, r.at, older)
			}
		}
	}
}
