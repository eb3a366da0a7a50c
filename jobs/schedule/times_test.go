package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/transforms/calendar"
)

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

func parse(tb testing.TB, spec string) cron.Schedule {
	tb.Helper()
	s, err := cron.ParseStandard(spec)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func day(tb testing.TB, text string) calendar.Date {
	tb.Helper()
	d, err := calendar.ParseDate(text)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func instant(tb testing.TB, text string) time.Time {
	tb.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

// texts writes days with a space between them.
func texts(days []calendar.Date) string {
	var all []string
	for _, d := range days {
		all = append(all, d.String())
	}
	return strings.Join(all, " ")
}

// The nights around every change of a clock: each day has one time, and no day is left out.
func TestTimesAtClockChanges(t *testing.T) {
	for _, c := range []struct {
		zone, spec, from string
		want             []string // the times after from
	}{
		// 02:30 does not exist on 8 March, and comes twice nowhere: in November it is 01:30 that does.
		{"America/New_York", "30 2 * * *", "2026-03-07T00:00:00-05:00", []string{
			"2026-03-07T02:30:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"}},
		{"America/New_York", "30 1 * * *", "2026-10-31T00:00:00-04:00", []string{
			"2026-10-31T01:30:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"}},
		{"America/New_York", "30 2 * * *", "2026-10-31T00:00:00-04:00", []string{
			"2026-10-31T02:30:00-04:00", "2026-11-01T02:30:00-05:00", "2026-11-02T02:30:00-05:00"}},
		{"America/New_York", "0 2 * * *", "2026-10-31T12:00:00-04:00", []string{"2026-11-01T02:00:00-05:00", "2026-11-02T02:00:00-05:00"}},
		// Half an hour: 02:00 to 02:30 is missing in October, 01:30 to 02:00 comes twice in April.
		{"Australia/Lord_Howe", "30 2 * * *", "2026-10-03T00:00:00+10:30", []string{
			"2026-10-03T02:30:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-05T02:30:00+11:00"}},
		{"Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00:00+10:30", []string{
			"2026-10-03T02:15:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
		{"Australia/Lord_Howe", "45 1 * * *", "2026-04-04T00:00:00+11:00", []string{
			"2026-04-04T01:45:00+11:00", "2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"}},
		{"Australia/Lord_Howe", "30 2 * * *", "2026-04-04T00:00:00+11:00", []string{
			"2026-04-04T02:30:00+11:00", "2026-04-05T02:30:00+10:30", "2026-04-06T02:30:00+10:30"}},
		// Back for Ramadan, at 03:00 on 15 February, and forth again, at 02:00 on 22 March.
		{"Africa/Casablanca", "30 2 * * *", "2026-02-14T00:00:00+01:00", []string{
			"2026-02-14T02:30:00+01:00", "2026-02-15T02:30:00+01:00", "2026-02-16T02:30:00Z"}},
		{"Africa/Casablanca", "30 2 * * *", "2026-03-21T00:00:00Z", []string{
			"2026-03-21T02:30:00Z", "2026-03-22T03:00:00+01:00", "2026-03-23T02:30:00+01:00"}},
		// Midnight is missing.
		{"America/Sao_Paulo", "0 0 * * *", "2018-11-03T12:00:00-03:00", []string{"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"}},
		{"Asia/Beirut", "@daily", "2026-03-28T12:00:00+02:00", []string{"2026-03-29T01:00:00+03:00", "2026-03-30T00:00:00+03:00"}},
		// The hour before midnight comes twice.
		{"America/Sao_Paulo", "30 23 * * *", "2018-02-17T12:00:00-02:00", []string{"2018-02-17T23:30:00-02:00", "2018-02-18T23:30:00-03:00"}},
		{"America/Sao_Paulo", "0 0 * * *", "2018-02-17T12:00:00-02:00", []string{"2018-02-18T00:00:00-03:00", "2018-02-19T00:00:00-03:00"}},
		// A day is missing: nobody lived it.
		{"Pacific/Apia", "30 2 * * *", "2011-12-28T12:00:00-10:00", []string{"2011-12-29T02:30:00-10:00", "2011-12-31T02:30:00+14:00"}},
		// All the times of the hour that is missing are one.
		{"America/New_York", "*/20 * * * *", "2026-03-08T01:30:00-05:00", []string{
			"2026-03-08T01:40:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-08T03:20:00-04:00"}},
		{"America/New_York", "*/20 * * * *", "2026-11-01T01:30:00-04:00", []string{"2026-11-01T01:40:00-04:00", "2026-11-01T02:00:00-05:00"}},
		{"UTC", "30 2 29 2 *", "2024-02-29T02:30:00Z", []string{"2028-02-29T02:30:00Z"}},
		{"UTC", "30 2 * * *", "2028-02-28T02:30:00Z", []string{"2028-02-29T02:30:00Z", "2028-03-01T02:30:00Z"}},
	} {
		t.Run(c.zone+" "+c.spec+" "+c.from, func(t *testing.T) {
			times := NewTimes(parse(t, c.spec), zone(t, c.zone), 0)
			at := instant(t, c.from)
			for _, want := range c.want {
				next, ok := times.Next(at)
				if got := next.Format(time.RFC3339); !ok || got != want {
					t.Fatalf("after %s comes %s, want %s", at.Format(time.RFC3339), got, want)
				}
				at = next
			}
		})
	}
}

// A time that a clock change moves over midnight is still for its own day.
func TestTimesMovedOverMidnight(t *testing.T) {
	toronto := zone(t, "America/Toronto") // at 23:30 on 30 March 1919 the clock went on to 00:30
	times := NewTimes(parse(t, "45 23 * * *"), toronto, 0)
	next, _ := times.Next(time.Date(1919, 3, 30, 12, 0, 0, 0, toronto))
	if got := next.Format(time.RFC3339); got != "1919-03-31T00:30:00-04:00" {
		t.Fatalf("got %s", got)
	}
	if got := texts(times.Due(next.Add(-time.Second), 0)); got != "1919-03-29" {
		t.Errorf("before it %s is due", got)
	}
	if got := texts(times.Due(next, 0)); got != "1919-03-30" {
		t.Errorf("at it %s is due", got)
	}
}

func TestDue(t *testing.T) {
	for _, c := range []struct {
		zone, spec, now string
		days            int
		want            string
	}{
		{"UTC", "30 2 * * *", "2026-11-21T02:29:59Z", 0, "2026-11-20"},
		{"UTC", "30 2 * * *", "2026-11-21T02:30:00Z", 0, "2026-11-21"},
		{"UTC", "30 2 * * *", "2026-11-21T23:59:59Z", 2, "2026-11-19 2026-11-20 2026-11-21"},
		{"UTC", "0 */6 * * *", "2026-11-21T13:00:00Z", 1, "2026-11-20 2026-11-21"},
		{"UTC", "30 2 * * *", "2028-03-01T03:00:00Z", 2, "2028-02-28 2028-02-29 2028-03-01"},
		{"UTC", "30 2 * * *", "2027-03-01T03:00:00Z", 2, "2027-02-27 2027-02-28 2027-03-01"},
		{"UTC", "30 2 * * mon", "2026-11-21T03:00:00Z", 7, "2026-11-09 2026-11-16"},
		{"UTC", "30 2 1 * *", "2026-11-21T03:00:00Z", 7, "2026-11-01"},
		{"UTC", "30 2 29 2 *", "2026-11-21T03:00:00Z", 7, "2024-02-29"},
		{"UTC", "30 2 29 2 *", "2103-11-21T03:00:00Z", 7, "2096-02-29"},
		{"America/New_York", "30 2 * * *", "2026-03-08T06:59:59Z", 0, "2026-03-07"},
		{"America/New_York", "30 2 * * *", "2026-03-08T07:00:00Z", 1, "2026-03-07 2026-03-08"},
		{"America/New_York", "30 1 * * *", "2026-11-01T05:30:00Z", 0, "2026-11-01"},
		{"America/New_York", "30 1 * * *", "2026-11-01T06:10:00Z", 0, "2026-11-01"}, // 01:10 for the second time
		{"Pacific/Apia", "30 2 * * *", "2011-12-30T13:00:00Z", 2, "2011-12-29 2011-12-31"},
	} {
		if got := texts(NewTimes(parse(t, c.spec), zone(t, c.zone), 0).Due(instant(t, c.now), c.days)); got != c.want {
			t.Errorf("%s in %s at %s: %s is due, want %s", c.spec, c.zone, c.now, got, c.want)
		}
	}
}

// In a whole year of any zone every day comes due once, in order, at the instant that Next foretells.
func TestEveryDayComesOnce(t *testing.T) {
	for _, c := range []struct {
		zone string
		year int
	}{
		{"America/New_York", 2026}, {"Australia/Lord_Howe", 2026}, {"Africa/Casablanca", 2026}, {"America/Sao_Paulo", 2018},
		{"Asia/Beirut", 2026}, {"Europe/Dublin", 2028}, {"Antarctica/Troll", 2026}, {"America/Scoresbysund", 2024},
	} {
		for _, spec := range []string{"30 2 * * *", "30 1 * * *", "0 0 * * *", "15 2 * * *", "59 23 * * *"} {
			t.Run(fmt.Sprint(c.zone, " ", c.year, " ", spec), func(t *testing.T) {
				loc := zone(t, c.zone)
				times := NewTimes(parse(t, spec), loc, 0)
				at := calendar.Civil(c.year, 1, 1).Start(loc).Add(-time.Second)
				for want := calendar.Civil(c.year, 1, 1); want < calendar.Civil(c.year+1, 1, 1); want++ {
					next, ok := times.Next(at)
					if before := times.Due(next.Add(-time.Second), 0); !ok || slices.Contains(before, want) {
						t.Fatalf("%s is due before %s", want, next)
					}
					if got := times.Due(next, 0); len(got) != 1 || got[0] != want {
						t.Fatalf("at %s %s is due, want %s", next, texts(got), want)
					}
					at = next
				}
			})
		}
	}
}

// By the definition, second by second: an instant is that of a reading if the clock shows it or a later one for the first
// time.
func TestInstantIsTheFirst(t *testing.T) {
	zones := []string{"UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia"}
	rapid.Check(t, func(t *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		times := NewTimes(nil, loc, 0)
		// Near a change of the clock more often than not.
		at := time.Unix(rapid.Int64Range(1262304000, 2082758400).Draw(t, "at"), 0).In(loc)
		if change, _ := at.ZoneBounds(); !change.IsZero() && rapid.Bool().Draw(t, "near") {
			at = change.Add(time.Duration(rapid.IntRange(-30*3600, 30*3600).Draw(t, "from the change")) * time.Second)
		}
		r := times.reading(at).Add(time.Duration(rapid.IntRange(-3600, 3600).Draw(t, "later")) * time.Second)
		got := times.instant(r)
		if times.reading(got).Before(r) {
			t.Fatalf("at %s the clock does not show %s yet", got, r)
		}
		for before := got.Add(-time.Second); got.Sub(before) < 27*time.Hour; before = before.Add(-10 * time.Minute) {
			if !times.reading(before).Before(r) {
				t.Fatalf("the clock shows %s or later at %s already, not only at %s", r, before, got)
			}
		}
	})
}

func TestDelay(t *testing.T) {
	if d := Delay("a", 0); d != 0 {
		t.Errorf("without jitter the delay is %s", d)
	}
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.String().Draw(t, "seed")
		jitter := time.Duration(rapid.Int64Range(0, int64(12*time.Hour)).Draw(t, "jitter"))
		d := Delay(seed, jitter)
		if d < 0 || d > jitter || d%time.Second != 0 || d != Delay(seed, jitter) {
			t.Fatalf("jitter of %s gives %s", jitter, d)
		}
	})
	seen := map[time.Duration]bool{}
	for i := range 1000 {
		seen[Delay(fmt.Sprint("host-", i), 10*time.Minute)] = true
	}
	if len(seen) < 400 { // of 601
		t.Errorf("a thousand installations start at %d different times", len(seen))
	}
}

// The delay moves the times, and never the run date.
func TestDelayMovesOverMidnight(t *testing.T) {
	times := NewTimes(parse(t, "55 23 * * *"), time.UTC, 10*time.Minute)
	next, _ := times.Next(instant(t, "2026-11-21T12:00:00Z"))
	if got := next.UTC().Format(time.RFC3339); got != "2026-11-22T00:05:00Z" {
		t.Errorf("next is %s", got)
	}
	if got := texts(times.Due(next, 0)) + " " + texts(times.Due(next.Add(-time.Second), 0)); got != "2026-11-21 2026-11-20" {
		t.Errorf("due are %s", got)
	}
	if got := texts(times.Between(day(t, "2026-02-27"), day(t, "2026-03-02"))); got != "2026-02-27 2026-02-28 2026-03-01" {
		t.Errorf("between are %s", got)
	}
}
