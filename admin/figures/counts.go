package figures

import (
	"math"
	"slices"
	"sort"
)

// counts is a column of numbers of which few are large: 4 bytes each.
type counts struct {
	small []uint32      // the number, or isWide
	wide  map[int]int64 // by position, those that are too large, or negative
}

const isWide = math.MaxUint32

func (c *counts) add(v int64) {
	if v < 0 || v >= isWide {
		if c.wide == nil {
			c.wide = map[int]int64{}
		}
		c.wide[len(c.small)] = v
		v = isWide
	}
	c.small = append(c.small, uint32(v))
}

func (c *counts) at(i int) int64 {
	if v := c.small[i]; v != isWide {
		return int64(v)
	}
	return c.wide[i]
}

func (c *counts) bytes() int64 { return 4*int64(cap(c.small)) + 48*int64(len(c.wide)) }

// span is a range of rows, hi not included.
type span struct{ lo, hi int }

// days are the days of rows, counted from the first of the window, ascending within each workspace.
type days []uint16

// between returns the rows of s whose days are from … to, both included.
func (d days) between(s span, from, to int) span {
	rows := d[s.lo:s.hi]
	lo := sort.Search(len(rows), func(i int) bool { return int(rows[i]) >= from })
	hi := lo + sort.Search(len(rows)-lo, func(i int) bool { return int(rows[lo+i]) > to })
	return span{s.lo + lo, s.lo + hi}
}

// sums adds up numbers by code and remembers which codes have any, so that a block of few codes is read and cleared at its
// own cost.
type sums struct {
	total   []int64
	touched []int32
	has     []bool
}

func (s *sums) grow(n int) {
	if n > len(s.total) {
		s.total = append(s.total, make([]int64, n-len(s.total))...)
		s.has = append(s.has, make([]bool, n-len(s.has))...)
	}
}

func (s *sums) add(code int32, v int64) {
	if !s.has[code] {
		s.has[code] = true
		s.touched = append(s.touched, code)
	}
	s.total[code] += v
}

// drain hands over the codes and their sums, ascending by code, and forgets them.
func (s *sums) drain(f func(code int32, total int64)) {
	slices.Sort(s.touched)
	for _, code := range s.touched {
		f(code, s.total[code])
		s.total[code], s.has[code] = 0, false
	}
	s.touched = s.touched[:0]
}
