package workbook

import (
	"reflect"
	"strconv"
	"testing"
	"time"
)

var zurich = func() *time.Location {
	z, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		panic(err)
	}
	return z
}()

var kindRows = [][]any{
	{"plain", "a", day(2026, 11, 21), true, int64(1234567), time.Date(2026, 11, 21, 2, 30, 59, 999_999_000, time.UTC)},
	{nil, nil, nil, nil, nil, nil},
	{"=cmd()", "a", day(1900, 3, 1), false, int64(-5), time.Date(2026, 7, 1, 22, 0, 0, 0, time.UTC)},
	{"", "", day(1900, 2, 28), true, int64(0), day(1900, 1, 1)},
	{" lead", "b & <c>", day(9999, 12, 31), nil, nil, time.Date(9999, 12, 31, 22, 59, 59, 0, time.UTC)},
	{"trail\n", "_x0041_", day(10000, 1, 1), nil, nil, time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)},
}

// Every kind of value as another library shows it.
func TestCells(t *testing.T) {
	for _, coded := range []string{"", "Code", "*"} {
		b, contents := write(t, Options{Zone: zurich}, sheet{def: kinds, coded: coded, rows: kindRows})
		f := open(t, b)
		want := [][]string{
			{"T Text", "T Code", "T Day", "T Yes", "T Count & <Sum>", "T Time"},
			{"T plain", "T a", "N 2026-11-21", "B TRUE", "N 1,234,567", "N 2026-11-21 03:30:59"},
			nil,
			{"T =cmd()", "T a", "N 1900-03-01", "B FALSE", "N -5", "N 2026-07-02 00:00:00"},
			{"", "", "T 1900-02-28", "B TRUE", "N 0", "T 1900-01-01 01:00:00"},
			{"T  lead", "T b & <c>", "N 9999-12-31", "", "", "N 9999-12-31 23:59:59"},
			{"T trail\n", "T _x0041_", "T 10000-01-01", "", "", "T 10000-01-01 00:00:00"},
		}
		got := cells(t, f, "All Kinds")
		for i := range want {
			if i >= len(got) || len(want[i])+len(got[i]) > 0 && !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%q: row %d: found %q, expected %q", coded, i+1, got[i], want[i])
			}
		}
		s := contents.Sheet("All Kinds")
		if c := s.Column("Text"); c.Cells != 5 || c.Sum != 0 {
			t.Errorf("text: %+v", c)
		}
		if c := s.Column("Count & <Sum>"); c.Cells != 3 || c.Sum != 1234562 {
			t.Errorf("count: %+v", c)
		}
		if c := s.Column("Yes"); c.Cells != 3 || c.Sum != 2 {
			t.Errorf("yes: %+v", c)
		}
		if c := s.Column("Day"); c.Cells != 5 || c.Sum != 46347+61+2958465 {
			t.Errorf("day: %+v", c)
		}
	}
}

// Times are whole seconds of the wall clock, on either side of 1970 and of changes of the clock.
func TestTimes(t *testing.T) {
	utc := func(y int, m time.Month, d, hour, minute, s, ns int) time.Time {
		return time.Date(y, m, d, hour, minute, s, ns, time.UTC)
	}
	var rows [][]any
	var want []string
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{utc(2026, 10, 25, 0, 59, 59, 999_999_000), "2026-10-25 02:59:59"}, // summer time for one more second
		{utc(2026, 10, 25, 1, 0, 0, 0), "2026-10-25 02:00:00"},
		{utc(2026, 3, 29, 0, 59, 59, 1000), "2026-03-29 01:59:59"},
		{utc(2026, 3, 29, 1, 0, 0, 0), "2026-03-29 03:00:00"},
		{utc(1969, 12, 31, 22, 59, 59, 500_000_000), "1969-12-31 23:59:59"},
		{utc(1969, 12, 31, 23, 0, 0, 0), "1970-01-01 00:00:00"},
		{utc(1950, 6, 1, 11, 0, 0, 1000), "1950-06-01 12:00:00"},
		{utc(1900, 2, 28, 22, 59, 59, 0), "1900-02-28 23:59:59"},
		{utc(1900, 2, 28, 23, 0, 0, 0), "1900-03-01 00:00:00"},
		{utc(1, 1, 1, 0, 0, 0, 0), "0001-01-01 00:34:08"}, // Zurich's own time before there were zones
	} {
		rows = append(rows, []any{nil, nil, c.at.Truncate(24 * time.Hour), nil, nil, c.at})
		want = append(want, c.want)
	}
	b, _ := write(t, Options{Zone: zurich}, sheet{def: kinds, rows: rows})
	f := open(t, b)
	for i, w := range want {
		row := strconv.Itoa(i + 2)
		if got, err := f.GetCellValue("All Kinds", "F"+row); got != w || err != nil {
			t.Errorf("found %q, expected %q (%v)", got, w, err)
		}
		if got, err := f.GetCellValue("All Kinds", "C"+row); got != rows[i][2].(time.Time).Format(time.DateOnly) || err != nil {
			t.Errorf("found day %q of %v (%v)", got, rows[i][2], err)
		}
	}
}
