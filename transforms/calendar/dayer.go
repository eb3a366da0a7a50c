package calendar

import (
	"sort"
	"time"
)

// The table of a Dayer covers these years in steps of 2^40 µs, about 12.7 days. Instants outside of it are looked up
// one by one.
const (
	tableFrom  = 0                         // 1970-01-01, µs
	tableTo    = 4_102_444_800 * 1_000_000 // 2100-01-01, µs
	stepBits   = 40
	tableSteps = (tableTo-tableFrom)>>stepBits + 1
)

// stretch is a time in which a zone keeps one offset.
type stretch struct {
	start  int64 // µs since the epoch
	offset int64 // µs east of UTC
}

// Dayer tells the day of an instant in one time zone, as time.Time does, for columns of them. It never changes after
// NewDayer and may be used by several goroutines.
type Dayer struct {
	loc       *time.Location
	stretches []stretch          // by start; the last one is a sentinel at the end of time
	first     [tableSteps]uint16 // by step: the stretch that its first instant belongs to
}

// NewDayer returns the converter for loc. It costs a fraction of a millisecond.
func NewDayer(loc *time.Location) *Dayer {
	z := &Dayer{loc: loc}
	for t := time.UnixMicro(tableFrom).In(loc); ; {
		_, end := bounds(t)
		_, offset := t.Zone()
		z.stretches = append(z.stretches, stretch{t.UnixMicro(), int64(offset) * 1_000_000})
		if end.IsZero() || end.UnixMicro() >= tableSteps<<stepBits {
			break
		}
		t = end.In(loc)
	}
	for step := range z.first {
		at := int64(step) << stepBits
		next := sort.Search(len(z.stretches), func(i int) bool { return z.stretches[i].start > at })
		z.first[step] = uint16(next - 1)
	}
	z.stretches = append(z.stretches, stretch{start: 1<<63 - 1})
	return z
}

// Location returns the zone.
func (z *Dayer) Location() *time.Location {
	return z.loc
}

// DayOf returns the day on which an instant, in µs since 1970-01-01T00:00:00Z, falls in the zone.
func (z *Dayer) DayOf(micros int64) Date {
	if uint64(micros) >= tableSteps<<stepBits {
		return Of(time.UnixMicro(micros), z.loc)
	}
	return dayIn(micros, z.stretches[z.find(micros)].offset)
}

// DaysOf sets dst[i] to the day of micros[i]; dst is at least as long as micros. It is faster than DayOf where
// neighbours fall on one day, as in columns that are in the order of their time.
func (z *Dayer) DaysOf(dst []Date, micros []int64) {
	dst = dst[:len(micros)]
	var day Date
	from, to := int64(0), int64(0) // instants around the last one that are known to be on its day
	for i, t := range micros {
		if t < from || t >= to {
			day, from, to = z.around(t)
		}
		dst[i] = day
	}
}

// around returns the day of an instant and a range around it that falls on the same day.
func (z *Dayer) around(micros int64) (day Date, from, to int64) {
	if uint64(micros) >= tableSteps<<stepBits {
		return z.DayOf(micros), micros, micros + 1
	}
	i := z.find(micros)
	s := z.stretches[i]
	day = dayIn(micros, s.offset)
	midnight := int64(day)*microsPerDay - s.offset
	return day, max(midnight, s.start), min(midnight+microsPerDay, z.stretches[i+1].start)
}

// InstantOf returns the instant at which a clock in the zone shows a civil time, both in µs, the civil time counted as
// if it were UTC. A time that the clock shows twice is the first of the two; one that it skips is read with the offset
// from before the gap, which moves it on by the length of the gap (02:30 becomes 03:30), as in RFC 5545.
func (z *Dayer) InstantOf(civil int64) int64 {
	// Before this instant no clock anywhere shows the civil time.
	early := civil - 2*microsPerDay
	if uint64(early) >= (tableSteps-1)<<stepBits {
		return z.instantSlow(civil)
	}
	i := z.find(early)
	for civil-z.stretches[i].offset >= z.stretches[i+1].start {
		i++
	}
	s := z.stretches[i]
	if instant := civil - s.offset; instant >= s.start || i == 0 {
		return instant
	}
	return civil - z.stretches[i-1].offset
}

func (z *Dayer) offsetAt(micros int64) int64 {
	if uint64(micros) >= tableSteps<<stepBits {
		_, offset := time.UnixMicro(micros).In(z.loc).Zone()
		return int64(offset) * 1_000_000
	}
	return z.stretches[z.find(micros)].offset
}

// dayIn returns the day of an instant within the table. A year is added and taken off again: what is divided is then
// never negative, and an unsigned division by a constant is the cheapest.
func dayIn(micros, offset int64) Date {
	const year = 365
	return Date(uint64(micros+offset+year*microsPerDay)/microsPerDay) - year
}

// find returns the stretch of an instant within the table.
func (z *Dayer) find(micros int64) int {
	i := int(z.first[micros>>stepBits])
	for micros >= z.stretches[i+1].start {
		i++
	}
	return i
}

// instantSlow is InstantOf for instants outside of the table.
func (z *Dayer) instantSlow(civil int64) int64 {
	t := time.UnixMicro(civil - 2*microsPerDay).In(z.loc)
	_, offset := t.Zone()
	before := int64(offset) * 1_000_000
	for {
		start, end := bounds(t)
		_, offset := t.Zone()
		o := int64(offset) * 1_000_000
		instant := civil - o
		switch {
		case !end.IsZero() && instant >= end.UnixMicro():
			before, t = o, end.In(z.loc)
		case !start.IsZero() && instant < start.UnixMicro():
			return civil - before
		default:
			return instant
		}
	}
}
