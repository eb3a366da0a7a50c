// Package calendar counts civil days: dates, the windows that the logs and reports cover, and the day on which an
// instant falls in a time zone. It reads no clock and loads no time zones; both come from its callers.
package calendar

import (
	"fmt"
	"time"
)

const (
	secondsPerDay = 24 * 60 * 60
	microsPerDay  = secondsPerDay * 1_000_000
)

// Date is a civil day: the days since 1970-01-01, the same number that an Arrow date32 holds.
type Date int32

// The first and the last day that the contract knows: years 0001 to 9999.
const (
	MinDate Date = -719162
	MaxDate Date = 2932896
)

// Civil returns the day of a year, month and day that exist; it does not check them.
func Civil(year, month, day int) Date {
	// Years start in March here, so that the day a leap year adds is the last one; 400 × 100 years more keep what is
	// divided above zero.
	const shift = 400 * 100
	y, m := uint32(year+shift), uint32(month-3)
	if month < 3 {
		y, m = y-1, m+12
	}
	days := 365*y + y/4 - y/100 + y/400 + (153*m+2)/5 + uint32(day)
	return Date(int64(days) - shift/400*146097 - 719469)
}

// Of returns the day on which t falls in loc.
func Of(t time.Time, loc *time.Location) Date {
	_, offset := t.In(loc).Zone()
	return Date(floorDiv(t.Unix()+int64(offset), secondsPerDay))
}

// ParseDate reads a day written as 2006-01-02, of the years 0001 to 9999.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1 {
		return 0, fmt.Errorf("date %q: expected a day that exists, written YYYY-MM-DD", text)
	}
	return Of(t, time.UTC), nil
}

// String returns the day as 2006-01-02.
func (d Date) String() string {
	return d.utc().Format(time.DateOnly)
}

// AddDays returns the day n days later, or earlier when n is negative.
func (d Date) AddDays(n int) Date {
	return d + Date(n)
}

// AddMonths returns the same day of the month n months later, or earlier when n is negative. A month that is too
// short gives its last day: 31 August minus 6 months is 28 or 29 February (contract §2).
func (d Date) AddMonths(n int) Date {
	year, month, day := d.utc().Date()
	months := int64(year)*12 + int64(month) - 1 + int64(n)
	y := floorDiv(months, 12)
	m := int(months-y*12) + 1
	return Civil(int(y), m, min(day, DaysIn(int(y), m)))
}

// Start returns the first instant in loc at which the calendar shows d or a later day. Mostly that is midnight; it is
// later where the clock jumps over midnight, and the start of the next day that exists where the zone left out d.
func (d Date) Start(loc *time.Location) time.Time {
	civil := int64(d) * secondsPerDay
	// Two days are more than any zone has been away from UTC.
	for t := time.Unix(civil-2*secondsPerDay, 0).In(loc); ; {
		_, end := bounds(t)
		_, offset := t.Zone()
		first := max(t.Unix(), civil-int64(offset))
		if end.IsZero() || first < end.Unix() {
			return time.Unix(first, 0).In(loc)
		}
		t = end.In(loc)
	}
}

// end returns the first instant in loc after which the calendar shows only days after d.
func (d Date) end(loc *time.Location) time.Time {
	civil := (int64(d) + 1) * secondsPerDay
	for t := time.Unix(civil+2*secondsPerDay, 0).In(loc); ; {
		start, _ := bounds(t)
		_, offset := t.Zone()
		last := civil - int64(offset) // exclusive
		if start.IsZero() || last > start.Unix() {
			return time.Unix(last, 0).In(loc)
		}
		// Before this stretch; if the calendar shows a later day until the end of the one before, the day ended
		// within that one, else the change of offset itself ended it.
		before := start.Add(-1).In(loc)
		if Of(before, loc) <= d {
			return start.In(loc)
		}
		t = before
	}
}

// bounds is t.ZoneBounds, of which time says that t lies within, but on 31 December of a leap year, in zones that go on
// by a rule, the end it gives is the start of that day.
func bounds(t time.Time) (start, end time.Time) {
	start, end = t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		end = time.Date(t.UTC().Year()+1, 1, 1, 0, 0, 0, 0, time.UTC).In(t.Location())
	}
	return start, end
}

func (d Date) utc() time.Time {
	return time.Unix(int64(d)*secondsPerDay, 0).UTC()
}

// DaysIn returns the number of days of a month.
func DaysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// floorDiv divides and rounds towards minus infinity; n is positive.
func floorDiv(v, n int64) int64 {
	q := v / n
	if v%n < 0 {
		q--
	}
	return q
}
