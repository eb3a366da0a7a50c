package calendar

import (
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

// zones are the ones with something unusual: half-hour summer time, the far ends of the day line, a day left out or
// lived twice, clocks that change at or just after midnight, offsets with seconds.
var zones = []string{
	"UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati", "Africa/Casablanca", "Pacific/Apia",
	"Pacific/Kwajalein", "America/St_Johns", "America/Sao_Paulo", "Asia/Kathmandu", "Europe/Dublin", "Asia/Beirut",
	"America/Juneau", "Asia/Manila", "Africa/Monrovia", "Antarctica/Troll", "America/Scoresbysund", "Asia/Gaza",
}

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

func date(tb testing.TB, text string) Date {
	tb.Helper()
	d, err := ParseDate(text)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func TestParseDate(t *testing.T) {
	for text, want := range map[string]Date{
		"1970-01-01": 0, "1969-12-31": -1, "2000-02-29": 11016, "2026-11-21": 20778,
		"0001-01-01": MinDate, "9999-12-31": MaxDate,
	} {
		d, err := ParseDate(text)
		if err != nil || d != want {
			t.Errorf("ParseDate(%q) = %d, %v; want %d", text, d, err, want)
		}
		if d.String() != text {
			t.Errorf("%d.String() = %s; want %s", d, d, text)
		}
	}
	for _, text := range []string{"", "2026-02-29", "2026-13-01", "2026-1-1", "26-01-01", "0000-01-01", "2026-01-01T00:00:00Z", " 2026-01-01"} {
		if d, err := ParseDate(text); err == nil {
			t.Errorf("ParseDate(%q) = %v; want an error", text, d)
		}
	}
}

func TestCivilIsTimeDate(t *testing.T) {
	for d := MinDate; d <= MaxDate; d++ {
		y, m, day := d.utc().Date()
		if got := Civil(y, int(m), day); got != d {
			t.Fatalf("Civil(%d, %d, %d) = %d; want %d", y, m, day, got, d)
		}
	}
}

func TestAddMonths(t *testing.T) {
	for _, c := range []struct {
		from string
		n    int
		want string
	}{
		{"2026-08-31", -6, "2026-02-28"},
		{"2024-08-31", -6, "2024-02-29"},
		{"2026-11-21", -6, "2026-05-21"},
		{"2026-03-31", -1, "2026-02-28"},
		{"2024-02-29", -12, "2023-02-28"},
		{"2024-02-29", 48, "2028-02-29"},
		{"2026-01-31", 1, "2026-02-28"},
		{"2026-01-15", -1, "2025-12-15"},
		{"2025-12-31", 1, "2026-01-31"},
		{"2025-12-31", -18, "2024-06-30"},
		{"1900-03-31", -1, "1900-02-28"},
		{"2000-03-31", -1, "2000-02-29"},
	} {
		if got := date(t, c.from).AddMonths(c.n); got.String() != c.want {
			t.Errorf("%s %+d months = %s; want %s", c.from, c.n, got, c.want)
		}
	}
}

func TestOfAtMidnight(t *testing.T) {
	for _, name := range zones {
		loc := zone(t, name)
		for _, at := range []string{"2024-02-29", "2024-03-01", "2025-01-01", "2026-12-31", "2026-11-21"} {
			d := date(t, at)
			start := d.Start(loc)
			if got := Of(start, loc); got != d {
				t.Errorf("%s: %v falls on %s; want %s", name, start, got, d)
			}
			if got := Of(start.Add(-time.Microsecond), loc); got != d-1 {
				t.Errorf("%s: 1 µs before %v falls on %s; want %s", name, start, got, d-1)
			}
		}
	}
}

func TestStart(t *testing.T) {
	for _, c := range []struct{ zone, day, want string }{
		{"UTC", "2026-11-21", "2026-11-21T00:00:00Z"},
		{"America/New_York", "2026-03-08", "2026-03-08T05:00:00Z"},
		{"America/New_York", "2026-03-09", "2026-03-09T04:00:00Z"},
		{"Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z"},
		{"Australia/Lord_Howe", "2026-04-06", "2026-04-05T13:30:00Z"},
		{"Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00:00Z"},
		// Around 31 December of a leap year in the far future.
		{"America/New_York", "2040-12-31", "2040-12-31T05:00:00Z"},
		{"America/New_York", "2041-01-01", "2041-01-01T05:00:00Z"},
		{"America/New_York", "2041-01-02", "2041-01-02T05:00:00Z"},
		// Midnight to one o'clock did not exist.
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"},
		{"Asia/Beirut", "2022-03-27", "2022-03-26T22:00:00Z"},
		// The day did not exist.
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},
		{"Pacific/Kwajalein", "1993-08-21", "1993-08-21T12:00:00Z"},
		// One minute past midnight the clock went back to 23:01, and midnight came again.
		{"America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z"},
	} {
		got := date(t, c.day).Start(zone(t, c.zone))
		if text := got.UTC().Format(time.RFC3339); text != c.want {
			t.Errorf("%s starts in %s at %s; want %s", c.day, c.zone, text, c.want)
		}
	}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct{ zone, from, to, start, end string }{
		{"UTC", "2026-11-20", "2026-11-21", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"},
		{"America/New_York", "2026-11-01", "2026-11-02", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		// 6 November lasts until midnight comes for the second time.
		{"America/St_Johns", "2010-11-06", "2010-11-07", "2010-11-06T02:30:00Z", "2010-11-07T03:30:00Z"},
		{"Pacific/Apia", "2011-12-30", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-29", "2012-01-01", "2011-12-29T10:00:00Z", "2011-12-31T10:00:00Z"},
		{"UTC", "2026-11-20", "2026-11-20", "2026-11-20T00:00:00Z", "2026-11-20T00:00:00Z"},
	} {
		from, to := (Days{date(t, c.from), date(t, c.to)}).Bounds(zone(t, c.zone))
		start, end := from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339)
		if start != c.start || end != c.end {
			t.Errorf("%s to %s in %s: %s to %s; want %s to %s", c.from, c.to, c.zone, start, end, c.start, c.end)
		}
	}
}

func TestBoundsHoldEveryInstantOfTheDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		d := Date(rapid.IntRange(-40000, 40000).Draw(t, "day"))
		n := rapid.IntRange(1, 5).Draw(t, "days")
		days := Days{d, d.AddDays(n)}
		from, to := days.Bounds(loc)
		at := time.Unix(int64(d)*secondsPerDay+rapid.Int64Range(-3*secondsPerDay, int64(n+3)*secondsPerDay).Draw(t, "at"), 0)
		within := !at.Before(from) && at.Before(to)
		if days.Contains(Of(at, loc)) && !within {
			t.Fatalf("%v is on a day of %v but not in %v to %v", at.In(loc), days, from, to)
		}
		if !from.Before(to) {
			return // days that do not exist
		}
		if first := Of(from, loc); first < d {
			t.Fatalf("the first instant %v is on %v", from, first)
		}
		if last := Of(to.Add(-1), loc); last >= days.To {
			t.Fatalf("the last instant before %v is on %v", to, last)
		}
	})
}

func TestWindows(t *testing.T) {
	for _, c := range []struct {
		run  string
		want [4][2]string // first and last day
	}{
		{"2026-11-21", [4][2]string{{"2025-11-21", "2026-11-20"}, {"2026-08-23", "2026-11-20"}, {"2026-05-21", "2026-11-20"}, {"2025-11-21", "2026-11-20"}}},
		{"2024-08-31", [4][2]string{{"2023-09-01", "2024-08-30"}, {"2024-06-02", "2024-08-30"}, {"2024-02-29", "2024-08-30"}, {"2023-08-31", "2024-08-30"}}},
		{"2024-02-29", [4][2]string{{"2023-03-01", "2024-02-28"}, {"2023-12-01", "2024-02-28"}, {"2023-08-29", "2024-02-28"}, {"2023-02-28", "2024-02-28"}}},
		{"2026-01-01", [4][2]string{{"2025-01-01", "2025-12-31"}, {"2025-10-03", "2025-12-31"}, {"2025-07-01", "2025-12-31"}, {"2025-01-01", "2025-12-31"}}},
	} {
		w := Windows(date(t, c.run))
		for i, days := range []Days{w.Year, w.Audit, w.SixMonths, w.OneYear} {
			if got := [2]string{days.From.String(), days.Last().String()}; got != c.want[i] {
				t.Errorf("run %s, window %d: %v; want %v", c.run, i, got, c.want[i])
			}
		}
		if w.Year.Len() != 365 || w.Audit.Len() != 90 {
			t.Errorf("run %s: %d and %d days; want 365 and 90", c.run, w.Year.Len(), w.Audit.Len())
		}
		if w.Year.Contains(w.Year.To) || !w.Year.Contains(w.Year.From) {
			t.Errorf("run %s: the window is not half-open", c.run)
		}
	}
}
