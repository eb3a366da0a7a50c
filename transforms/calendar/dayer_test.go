package calendar

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	minMicros = int64(MinDate) * microsPerDay
	maxMicros = (int64(MaxDate)+1)*microsPerDay - 1
)

func timeDay(micros int64, loc *time.Location) Date {
	y, m, d := time.UnixMicro(micros).In(loc).Date()
	return Civil(y, int(m), d)
}

func TestDayOfAroundEveryChange(t *testing.T) {
	for _, name := range zones {
		loc := zone(t, name)
		z := NewDayer(loc)
		if z.Location() != loc {
			t.Fatalf("Location() = %v; want %v", z.Location(), loc)
		}
		for at := time.Date(1840, 1, 1, 0, 0, 0, 0, time.UTC).In(loc); at.Year() < 2110; {
			_, end := bounds(at)
			if end.IsZero() {
				break
			}
			for d := Of(end, loc) - 2; d <= Of(end, loc)+2; d++ {
				for _, base := range []int64{end.UnixMicro(), d.Start(loc).UnixMicro(), d.end(loc).UnixMicro()} {
					for _, micros := range []int64{base - 1, base, base + 1} {
						if got, want := z.DayOf(micros), timeDay(micros, loc); got != want {
							t.Fatalf("%s: %d µs is on %s; want %s", name, micros, got, want)
						}
					}
				}
			}
			at = end.In(loc)
		}
		for _, micros := range []int64{minMicros, minMicros + 1, -1, 0, 1, tableTo - 1, tableTo, tableSteps<<stepBits - 1, tableSteps << stepBits, maxMicros} {
			if got, want := z.DayOf(micros), timeDay(micros, loc); got != want {
				t.Fatalf("%s: %d µs is on %s; want %s", name, micros, got, want)
			}
		}
	}
}

func TestDayOfIsTimeIn(t *testing.T) {
	dayers := map[string]*Dayer{}
	for _, name := range zones {
		dayers[name] = NewDayer(zone(t, name))
	}
	rapid.Check(t, func(t *rapid.T) {
		z := dayers[rapid.SampledFrom(zones).Draw(t, "zone")]
		anywhere := rapid.Int64Range(minMicros, maxMicros)
		recent := rapid.Int64Range(0, tableTo)
		micros := rapid.SliceOfN(rapid.OneOf(anywhere, recent), 0, 50).Draw(t, "micros")
		days := make([]Date, len(micros))
		z.DaysOf(days, micros)
		for i, m := range micros {
			if want := timeDay(m, z.loc); z.DayOf(m) != want || days[i] != want {
				t.Fatalf("%d µs is on %s, in a column %s; want %s", m, z.DayOf(m), days[i], want)
			}
		}
	})
}

func TestDaysOfForthAndBack(t *testing.T) {
	for _, name := range zones {
		loc := zone(t, name)
		z := NewDayer(loc)
		for _, start := range []string{"1993-08-18", "2010-11-05", "2011-12-28", "2026-03-06", "1969-12-30", "2099-12-30"} {
			var micros []int64
			at := date(t, start).Start(loc).UnixMicro()
			for i := range 5000 {
				micros = append(micros, at+int64(i)*97_000_003)
			}
			for i := range 5000 { // and back
				micros = append(micros, micros[4999-i]-11)
			}
			days := make([]Date, len(micros))
			z.DaysOf(days, micros)
			for i, m := range micros {
				if want := timeDay(m, loc); days[i] != want {
					t.Fatalf("%s: %d µs is on %s; want %s", name, m, days[i], want)
				}
			}
		}
	}
}

func TestInstantOf(t *testing.T) {
	for _, c := range []struct{ zone, civil, want string }{
		{"UTC", "2026-11-21T10:15:00Z", "2026-11-21T10:15:00Z"},
		{"America/New_York", "2026-07-01T12:00:00Z", "2026-07-01T16:00:00Z"},
		{"America/New_York", "2026-03-08T01:59:59Z", "2026-03-08T06:59:59Z"},
		{"America/New_York", "2026-03-08T02:30:00Z", "2026-03-08T07:30:00Z"}, // skipped: 03:30 EDT
		{"America/New_York", "2026-03-08T03:00:00Z", "2026-03-08T07:00:00Z"},
		{"America/New_York", "2026-11-01T01:30:00Z", "2026-11-01T05:30:00Z"}, // twice: the first
		{"America/New_York", "2026-11-01T02:00:00Z", "2026-11-01T07:00:00Z"},
		{"Europe/Dublin", "2026-10-25T01:30:00Z", "2026-10-25T00:30:00Z"},
		{"Australia/Lord_Howe", "2026-04-05T01:45:00Z", "2026-04-04T14:45:00Z"},
		{"Australia/Lord_Howe", "2026-10-04T02:15:00Z", "2026-10-03T15:45:00Z"},
		{"Pacific/Kiritimati", "2026-01-01T00:00:00Z", "2025-12-31T10:00:00Z"},
		{"Pacific/Apia", "2011-12-30T12:00:00Z", "2011-12-30T22:00:00Z"}, // skipped: a day later
		{"America/Juneau", "1867-10-18T12:00:00Z", "1867-10-17T20:57:41Z"},
		{"America/New_York", "9999-12-31T23:59:59Z", "10000-01-01T04:59:59Z"},
		{"America/New_York", "2150-03-08T02:30:00Z", "2150-03-08T07:30:00Z"},
	} {
		civil, err := time.Parse(time.RFC3339, c.civil)
		if err != nil {
			t.Fatal(err)
		}
		got := time.UnixMicro(NewDayer(zone(t, c.zone)).InstantOf(civil.UnixMicro())).UTC().Format(time.RFC3339)
		if got != c.want {
			t.Errorf("%s in %s is %s; want %s", c.civil, c.zone, got, c.want)
		}
	}
}

func TestInstantOfShowsTheCivilTime(t *testing.T) {
	dayers := map[string]*Dayer{}
	for _, name := range zones {
		dayers[name] = NewDayer(zone(t, name))
	}
	rapid.Check(t, func(t *rapid.T) {
		z := dayers[rapid.SampledFrom(zones).Draw(t, "zone")]
		instant := rapid.OneOf(rapid.Int64Range(minMicros, maxMicros), rapid.Int64Range(-2*microsPerDay, tableTo+100*microsPerDay)).Draw(t, "instant")
		civil := instant + z.offsetAt(instant)
		got := z.InstantOf(civil)
		if got > instant || got+z.offsetAt(got) != civil {
			t.Fatalf("a clock in %v shows %d at %d; InstantOf gave %d", z.loc, civil, instant, got)
		}
		if slow := z.instantSlow(civil); slow != got {
			t.Fatalf("InstantOf(%d) = %d by the table and %d without", civil, got, slow)
		}
		skipped := rapid.Int64Range(0, tableTo).Draw(t, "civil")
		if fast, slow := z.InstantOf(skipped), z.instantSlow(skipped); fast != slow {
			t.Fatalf("InstantOf(%d) = %d by the table and %d without", skipped, fast, slow)
		}
	})
}

func TestFixedZones(t *testing.T) {
	for _, offset := range []int{-12 * 3600, 0, 14 * 3600, 5*3600 + 1800 + 7} {
		loc := time.FixedZone("fixed", offset)
		z := NewDayer(loc)
		for _, micros := range []int64{minMicros, -1, 0, 1_800_000_000_000_000, maxMicros} {
			if got, want := z.DayOf(micros), timeDay(micros, loc); got != want {
				t.Errorf("%d: %d µs is on %s; want %s", offset, micros, got, want)
			}
			if got := z.InstantOf(micros); got != micros-int64(offset)*1_000_000 {
				t.Errorf("%d: the instant of %d is %d", offset, micros, got)
			}
		}
	}
}

func benchMicros(sorted bool) []int64 {
	r := rand.New(rand.NewPCG(1, 2))
	micros := make([]int64, 1<<16)
	for i := range micros {
		if sorted {
			micros[i] = 1_790_000_000_000_000 + int64(i)*1_318_000
		} else {
			micros[i] = 1_760_000_000_000_000 + r.Int64N(365*microsPerDay)
		}
	}
	return micros
}

func BenchmarkDaysOf(b *testing.B) {
	loc := zone(b, "America/New_York")
	z := NewDayer(loc)
	days := make([]Date, 1<<16)
	for name, micros := range map[string][]int64{"sorted": benchMicros(true), "shuffled": benchMicros(false)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(8 << 16)
			b.ReportAllocs()
			for b.Loop() {
				z.DaysOf(days, micros)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N<<16), "ns/value")
		})
	}
	b.Run("one by one", func(b *testing.B) {
		micros := benchMicros(false)
		b.SetBytes(8 << 16)
		b.ReportAllocs()
		for b.Loop() {
			for i, m := range micros {
				days[i] = z.DayOf(m)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N<<16), "ns/value")
	})
}

func BenchmarkNewDayer(b *testing.B) {
	loc := zone(b, "America/New_York")
	b.ReportAllocs()
	for b.Loop() {
		NewDayer(loc)
	}
}
