package jobs

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
)

func TestVolume(t *testing.T) {
	day := calendar.Civil(2026, 11, 20)
	weeks := func(now int64, before ...int64) map[calendar.Date]int64 {
		events := map[calendar.Date]int64{day: now, day.AddDays(-3): 7}
		for i, n := range before {
			events[day.AddDays(-7*(i+1))] = n
		}
		return events
	}
	for _, c := range []struct {
		name   string
		events map[calendar.Date]int64
		weeks  int
		median float64
		odd    bool
	}{
		{"nothing ever", map[calendar.Date]int64{}, 0, 0, false},
		{"no history", weeks(1000), 0, 0, false},
		{"three weeks are too few", weeks(0, 100, 100, 100), 3, 100, false},
		{"four weeks", weeks(0, 100, 100, 100, 100), 4, 100, true},
		{"half is in the band", weeks(50, 100, 100, 100, 100), 4, 100, false},
		{"below half", weeks(49, 100, 100, 100, 100), 4, 100, true},
		{"double is in the band", weeks(200, 100, 100, 100, 100), 4, 100, false},
		{"above double", weeks(201, 100, 100, 100, 100), 4, 100, true},
		{"too small a difference", weeks(0, 19, 19, 19, 19), 4, 19, false},
		{"just large enough", weeks(0, 20, 20, 20, 20), 4, 20, true},
		{"one outlier does not matter", weeks(90, 100, 100, 9000, 100, 1), 5, 100, false},
		{"between two", weeks(30, 50, 70, 60, 90), 4, 65, true},
		{"eight weeks at most", weeks(100, 100, 100, 100, 100, 100, 100, 100, 100, 9, 9, 9, 9, 9, 9, 9, 9, 9), 8, 100, false},
		{"a week without events counts", weeks(100, 100, 0, 0, 100, 0, 100), 6, 50, false},
	} {
		v := volume("logins", day, c.events)
		if len(v.Weeks) != c.weeks || v.Median != c.median || v.Odd != c.odd || v.Weekday != "Friday" {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
	v := volume("logins", day, weeks(3, 50, 70, 60, 91))
	if want := "logins: 3 events on Friday 2026-11-20, the median of this weekday in the 4 weeks before is 65"; v.String() != want {
		t.Errorf("got %q, want %q", v, want)
	}
}

// TestWhyAddsUp: whatever two windows and their days hold, the reasons make one figure of the other.
func TestWhyAddsUp(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		draw := func(name string) (figure, events lake.DayFigure) {
			from := calendar.Civil(2026, 1, 1).AddDays(rapid.IntRange(0, 12).Draw(r, name+" from"))
			n := rapid.IntRange(1, 10).Draw(r, name+" days")
			counts := rapid.SliceOfN(rapid.Int64Range(0, 4), n, n)
			figure = lake.DayFigure{From: lake.Date(from.String()), Counts: counts.Draw(r, name)}
			return figure, lake.DayFigure{From: figure.From, Counts: counts.Draw(r, name+" events")}
		}
		then, thenEvents := draw("then")
		now, nowEvents := draw("now")
		total, seen := sum(then.Counts), map[string]bool{}
		for _, why := range whyByDay(then, now, thenEvents, nowEvents) {
			if why.By == 0 || seen[why.Kind] || why.Kind == lake.Unknown {
				r.Errorf("%+v", why)
			}
			if sign := map[string]int64{lake.WindowCame: 1, lake.LateData: 1, lake.WindowLeft: -1, lake.Withdrawn: -1}[why.Kind]; sign*why.By < 0 {
				r.Errorf("the wrong way: %+v", why)
			}
			seen[why.Kind] = true
			total += why.By
		}
		if total != sum(now.Counts) {
			r.Errorf("%d, want %d", total, sum(now.Counts))
		}
	})
}

func TestRejections(t *testing.T) {
	c := new(rejections)
	if top, others := c.top(); len(top) != 0 || others != 0 || top == nil {
		t.Error(top, others)
	}
	for i := range 2 * maxUnknown {
		c.add("", fmt.Sprintf("reason %04d", i))
	}
	for range 3 {
		c.add("c", "reason 0007")
		c.add("", "reason 0999")
	}
	top, others := c.top()
	if len(top) != maxReasons || top[0] != (lake.RejectReason{Reason: "reason 0999", Rows: 4}) || top[1].Reason != "reason 0000" {
		t.Errorf("%+v", top)
	}
	total := others
	for _, r := range top {
		total += r.Rows
	}
	if total != 2*maxUnknown+6 {
		t.Errorf("%d rows counted", total)
	}
}

func TestBrokenJoins(t *testing.T) {
	got := brokenJoins([]lake.Check{
		{Name: "joins", Figures: map[string]int64{"generation_log_without_user": 2, "generation_log_without_agent": 0}},
		{Name: "audit_event_total", Figures: map[string]int64{"rows": 9, "unknown_workspace": 3}},
		{Name: "integration_joins", Figures: map[string]int64{"a": 1}}, {Name: "generation_total", Figures: map[string]int64{"x": 1}},
	})
	if s := fmt.Sprint(got); s != "[{a 1} {audit_events_without_workspace 3} {generation_log_without_user 2}]" {
		t.Error(s)
	}
}

func TestQualityText(t *testing.T) {
	q := &lake.Quality{
		RunID: "r1", SnapshotDate: "2026-11-21", Status: lake.RunFailed,
		Datasets: []lake.DatasetQuality{{Name: "logins", Read: 10, Rejected: 3, Late: 1, Quarantine: "quarantine/2026-11-21/logins.jsonl",
			Reasons: []lake.RejectReason{{Column: "logged_in_at", Reason: "expected an instant", Rows: 2}}, OtherReasons: 1,
			Unknown: []lake.UnknownValue{{Field: "user_role", Value: "odd", Rows: 1, Kept: true}}, OtherUnknown: 4}},
		Joins: []lake.Join{{Name: "generation_log_without_user", Rows: 2}}, Warnings: []string{"something"},
		Volumes: []lake.Volume{{Dataset: "logins", Day: "2026-11-20", Weekday: "Friday", Odd: true}},
	}
	var b strings.Builder
	if err := q.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"run r1 (failed), snapshot 2026-11-21", "logins: 10 rows read, 3 rejected, 1 late, 0 duplicate", "logged_in_at: expected an instant (2 rows)",
		"for other reasons (1 row)", "quarantine/2026-11-21/logins.jsonl", `unknown user_role "odd" in 1 row, kept as it is`, "other unknown values in 4 rows",
		"generation_log_without_user: 2 rows", "ODD  logins: 0 events on Friday 2026-11-20, the first of this weekday", "  something",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
