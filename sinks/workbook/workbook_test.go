package workbook

import (
	"reflect"
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
