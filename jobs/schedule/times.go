// Package schedule keeps the nightly run going: it derives which run dates are due from what has been published, and
// has them made one after the other, oldest first (contract §10). It does no input or output and knows neither config
// nor lake: what is published, the run itself and the wall clock are handed to it.
package schedule

import (
	"hash/fnv"
	"sort"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// Times are the instants at which a cron expression asks for runs, and the run dates that they are for.
//
// The expression is about readings of the wall clock in the reporting zone, so it is evaluated on readings, where no
// hour is missing or comes twice; only then are they turned into instants. The time of a reading is the first instant
// at which the clock has shown it or a later one: a reading that a clock change leaves out comes when the change is
// over, one that comes twice counts the first time. The run date is the day of the reading.
type Times struct {
	spec  cron.Schedule
	zone  *time.Location
	delay time.Duration
}

// NewTimes returns the times of spec on the wall clock of zone, each so much later. The spec is one without a zone of its
// own and without a fixed interval, as config.ParseCron returns them.
func NewTimes(spec cron.Schedule, zone *time.Location, delay time.Duration) *Times {
	return &Times{spec: spec, zone: zone, delay: delay}
}

// Delay picks the part of jitter by which the runs of one installation start later, from 0 to jitter in whole seconds.
// It follows from seed alone, so an operator can rely on the hour, and a restart does not change it.
func Delay(seed string, jitter time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(seed)) // it never fails
	return time.Duration(h.Sum64()%uint64(jitter/time.Second+1)) * time.Second
}

// Next returns the first time after an instant. It is false where the expression has none for years.
func (t *Times) Next(after time.Time) (time.Time, bool) {
	for r := t.furthest(after.Add(-t.delay)); ; {
		r = t.spec.Next(r)
		if r.IsZero() {
			return time.Time{}, false
		}
		if t.exists(dayOf(r)) {
			return t.instant(r).Add(t.delay), true
		}
	}
}

// Due returns the run dates whose time had come by now: the newest one, and those up to days calendar days before it,
// oldest first. It is empty where the expression had no time for years.
func (t *Times) Due(now time.Time, days int) []calendar.Date {
	until := t.furthest(now.Add(-t.delay))
	// The newest is looked for backwards, as cron cannot: it may be of last year, and is mostly of today.
	const years = 9 // 29 February leaves out 2100
	for back := 1; ; back *= 4 {
		if all := t.dates(dayOf(until).AddDays(-back), until); len(all) > 0 {
			return t.dates(all[len(all)-1].AddDays(-days), until)
		}
		if back > years*366 {
			return nil
		}
	}
}

// Between returns the run dates from one day to the day before another, whether their time has come or not.
func (t *Times) Between(from, to calendar.Date) []calendar.Date {
	return t.dates(from, reading(to).Add(-time.Second))
}

// dates returns the run dates from a day on whose reading is not after until, oldest first.
func (t *Times) dates(from calendar.Date, until time.Time) (all []calendar.Date) {
	for r := reading(from).Add(-time.Second); ; {
		if r = t.spec.Next(r); r.IsZero() || r.After(until) {
			return all
		}
		day := dayOf(r)
		if t.exists(day) {
			all = append(all, day)
		}
		r = reading(day + 1).Add(-time.Second)
	}
}

// exists tells whether the zone had the day: some have crossed the date line and left one out.
func (t *Times) exists(day calendar.Date) bool { return calendar.Of(day.Start(t.zone), t.zone) == day }

// furthest returns the latest reading that the wall clock had shown by an instant, to the second. It is not always the
// reading of that instant: for some time after a clock was put back it is the one before.
func (t *Times) furthest(at time.Time) time.Time {
	const most = 48 * time.Hour // no clock was ever put back by more than a day
	latest := t.reading(at)
	for before := at.In(t.zone); ; {
		change, _ := before.ZoneBounds()
		if change.IsZero() || at.Sub(change) > most {
			return latest
		}
		before = change.Add(-time.Second)
		if r := t.reading(before); r.After(latest) {
			latest = r
		}
	}
}

// instant returns the first instant at which the wall clock had shown a reading or a later one.
func (t *Times) instant(reading time.Time) time.Time {
	const most = 48 * 60 * 60 // no zone was ever farther from UTC
	from := reading.Unix() - most
	after := sort.Search(2*most, func(seconds int) bool {
		return !t.furthest(time.Unix(from+int64(seconds), 0)).Before(reading)
	})
	return time.Unix(from+int64(after), 0).In(t.zone)
}

// reading returns what the wall clock of the zone shows at an instant, as the instant at which UTC shows the same.
func (t *Times) reading(at time.Time) time.Time {
	_, offset := at.In(t.zone).Zone()
	return time.Unix(at.Unix()+int64(offset), 0).UTC()
}

// reading returns the midnight that begins a day, and dayOf the day of a reading.
func reading(day calendar.Date) time.Time   { return day.Start(time.UTC) }
func dayOf(reading time.Time) calendar.Date { return calendar.Of(reading, time.UTC) }
