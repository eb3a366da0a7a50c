package calendar

import "time"

// Days is a half-open run of days: From is the first of them, To the day after the last. It is empty when To ≤ From.
type Days struct {
	From, To Date
}

// Len returns the number of days.
func (w Days) Len() int {
	return max(0, int(w.To-w.From))
}

// Contains reports whether d is one of the days.
func (w Days) Contains(d Date) bool {
	return w.From <= d && d < w.To
}

// Last returns the last of the days, To-1.
func (w Days) Last() Date {
	return w.To - 1
}

// Bounds returns the narrowest half-open range of instants, from ≤ t < to, that holds every instant of these days in
// loc: what a source is asked for. Where the clock was set back over midnight the range also holds some instants of
// the days beside them, so an event still counts by its own day. Both are equal when Days is empty.
func (w Days) Bounds(loc *time.Location) (from, to time.Time) {
	from = w.From.Start(loc)
	if w.Len() == 0 {
		return from, from
	}
	return from, w.Last().end(loc)
}

// RunWindows are the days that a run covers (contract §2). All end with the day before the run date.
type RunWindows struct {
	Year      Days // 365 days: the User Activity Log and the Generation Log
	Audit     Days // 90 days
	SixMonths Days // Usage Report (Last 6 Months)
	OneYear   Days // Usage Report (Last 1 Year)
}

// Windows returns the windows of a run on the given day.
func Windows(runDate Date) RunWindows {
	return RunWindows{
		Year:      Days{runDate.AddDays(-365), runDate},
		Audit:     Days{runDate.AddDays(-90), runDate},
		SixMonths: Days{runDate.AddMonths(-6), runDate},
		OneYear:   Days{runDate.AddMonths(-12), runDate},
	}
}
