package jobs

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// Of reasons and of unknown values the quality report names so many for each dataset; the rest is counted.
const (
	maxReasons       = 10
	maxUnknownListed = 50
)

// The band of a day's events around the median of its weekday, outside of which a day is odd: less than half, or more than
// double. With fewer weeks, or a smaller difference, nothing is odd: counts that small vary by themselves.
const (
	volumeWeeks    = 8
	minVolumeWeeks = 4
	minDifference  = 20
)

// quality is the quality report of the run as far as it came.
func (r *nightRun) quality(status string) *lake.Quality {
	info := r.info()
	return &lake.Quality{
		Format: 1, RunID: info.RunID, SnapshotDate: info.SnapshotDate, RunTime: info.RunTime, TimeZone: info.TimeZone, Status: status,
		Datasets: r.datasetQuality(), Joins: brokenJoins(r.checks), Volumes: r.volumes(), Warnings: r.warningsSoFar(),
	}
}

// warningsSoFar is allWarnings of a run that may not have come to all of its datasets.
func (r *nightRun) warningsSoFar() []string {
	reached := *r
	reached.names = slices.DeleteFunc(slices.Clone(r.names), func(name string) bool { return r.datasets[name] == nil })
	return append([]string{}, reached.allWarnings()...)
}

func (r *nightRun) datasetQuality() []lake.DatasetQuality {
	all := []lake.DatasetQuality{}
	for _, name := range r.names {
		d := r.datasets[name]
		if d == nil {
			continue // the run failed before it came to it
		}
		s := d.summary()
		q := lake.DatasetQuality{Name: name, Read: s.Read, Rejected: s.Rejected, Late: s.Late, Duplicate: s.Duplicate}
		if q.Rejected > 0 {
			q.Quarantine = lake.QuarantineKey(lake.Date(r.date.String()), name)
		}
		q.Reasons, q.OtherReasons = d.why.top()
		q.Unknown, q.OtherUnknown = d.unknown.top()
		all = append(all, q)
	}
	return all
}

// brokenJoins collects from the checks what leads nowhere.
func brokenJoins(checks []lake.Check) []lake.Join {
	joins := []lake.Join{}
	for _, c := range checks {
		for name, rows := range c.Figures {
			switch {
			case c.Name == "audit_event_total" && name == "unknown_workspace":
				name = "audit_events_without_workspace"
			case c.Name != "joins" && !strings.HasSuffix(c.Name, "_joins"):
				continue
			}
			if rows > 0 {
				joins = append(joins, lake.Join{Name: name, Rows: rows})
			}
		}
	}
	slices.SortFunc(joins, func(a, b lake.Join) int { return strings.Compare(a.Name, b.Name) })
	return joins
}

// volumes compares the newest day of every event dataset that came so far with its weekday in the weeks before.
func (r *nightRun) volumes() []lake.Volume {
	all := []lake.Volume{}
	for _, e := range r.events() {
		if e.after != nil && e.after.Days != nil {
			all = append(all, volume(e.def.Name, r.date-1, e.after.Days))
		}
	}
	return all
}

// volume compares a day with the same weekday of the weeks before. Weeks before the dataset's first event say nothing.
func volume(dataset string, day calendar.Date, events map[calendar.Date]int64) lake.Volume {
	v := lake.Volume{
		Dataset: dataset, Day: lake.Date(day.String()), Weekday: lake.Date(day.String()).Time().Weekday().String(), Events: events[day],
		Weeks: []lake.DayCount{},
	}
	first := day
	for d, n := range events {
		if n > 0 {
			first = min(first, d)
		}
	}
	for week := range volumeWeeks {
		d := day.AddDays(-7 * (week + 1))
		if d < first {
			break
		}
		v.Weeks = append(v.Weeks, lake.DayCount{Day: lake.Date(d.String()), Events: events[d]})
	}
	v.Median = median(v.Weeks)
	n := float64(v.Events)
	v.Odd = len(v.Weeks) >= minVolumeWeeks && max(n-v.Median, v.Median-n) >= minDifference && (n < v.Median/2 || n > v.Median*2)
	return v
}

func median(days []lake.DayCount) float64 {
	if len(days) == 0 {
		return 0
	}
	sorted := slices.SortedFunc(slices.Values(days), func(a, b lake.DayCount) int { return cmp.Compare(a.Events, b.Events) })
	low, high := sorted[(len(sorted)-1)/2], sorted[len(sorted)/2]
	return float64(low.Events)/2 + float64(high.Events)/2
}

// warnOfVolumes tells of datasets with far more or fewer events on the newest day than is usual.
func (r *nightRun) warnOfVolumes() {
	for _, v := range r.volumes() {
		if v.Odd {
			r.warnings = append(r.warnings, v.String())
		}
	}
}

// rejections counts why rows of a dataset could not be used. It is safe for concurrent use.
type rejections struct {
	mu     sync.Mutex
	counts map[[2]string]int64 // by column and reason
	others int64               // beyond maxUnknown different ones
}

func (c *rejections) add(column, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[[2]string]int64{}
	}
	key := [2]string{column, reason}
	if _, ok := c.counts[key]; !ok && len(c.counts) >= maxUnknown {
		c.others++
		return
	}
	c.counts[key]++
}

// top returns the most frequent reasons, and how many rows were rejected for others.
func (c *rejections) top() (top []lake.RejectReason, others int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	top = []lake.RejectReason{}
	for key, n := range c.counts {
		top = append(top, lake.RejectReason{Column: key[0], Reason: key[1], Rows: n})
	}
	slices.SortFunc(top, func(a, b lake.RejectReason) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Column, b.Column), strings.Compare(a.Reason, b.Reason))
	})
	others = c.others
	for _, r := range top[min(maxReasons, len(top)):] {
		others += r.Rows
	}
	return top[:min(maxReasons, len(top))], others
}

// top returns the most frequent unknown values, and in how many rows there were others.
func (u *unknownValues) top() (top []lake.UnknownValue, others int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	top = []lake.UnknownValue{}
	for key, n := range u.counts {
		if key[1] == moreUnknown {
			others += n
			continue
		}
		top = append(top, lake.UnknownValue{Field: key[0], Value: key[1], Rows: n, Kept: key[0] != "generation_feature"})
	}
	slices.SortFunc(top, func(a, b lake.UnknownValue) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Field, b.Field), strings.Compare(a.Value, b.Value))
	})
	for _, v := range top[min(maxUnknownListed, len(top)):] {
		others += v.Rows
	}
	return top[:min(maxUnknownListed, len(top))], others
}
