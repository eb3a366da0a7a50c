package figures

import (
	"time"

	"github.com/usagereport/usagereport/sinks/lake"
)

const daySeconds = 24 * 60 * 60

// dayNumber returns the days since 1970-01-01 of a date that exists.
func dayNumber(d lake.Date) int { return int(d.Time().Unix() / daySeconds) }

func dateOf(since1970 int) lake.Date {
	return lake.Date(time.Unix(int64(since1970)*daySeconds, 0).UTC().Format(time.DateOnly))
}

// mondayOf returns the Monday of the week of a day, both as days since 1970-01-01, a Thursday.
func mondayOf(since1970 int) int {
	weekday := (since1970 + 3) % 7
	if weekday < 0 {
		weekday += 7
	}
	return since1970 - weekday
}
