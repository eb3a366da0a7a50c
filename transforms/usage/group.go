package usage

import (
	"math/bits"
	"slices"

	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/transforms/facts"
)

// grouper sorts the rows of a block by their codes, null first, and adds up rows of one tuple. Where the codes of a
// row fit 128 bits together, which the widths of the dictionaries tell, rows are compared as two integers.
type grouper struct {
	shift []uint // per key after the workspace: bits to its right in the packed key
	width []uint
	fits  bool
	rows  []packed
}

type packed struct {
	hi, lo uint64
	count  int64
}

// newGrouper returns a grouper of blocks whose key k has codes 0…sizes[k].
func newGrouper(sizes []int) *grouper {
	g := &grouper{width: make([]uint, len(sizes)), shift: make([]uint, len(sizes))}
	total := uint(0)
	for k := len(sizes) - 1; k > 0; k-- {
		g.width[k] = uint(bits.Len(uint(sizes[k])))
		// A key lies in one of the two words, so that it is taken out with one shift.
		if total < 64 && total+g.width[k] > 64 {
			total = 64
		}
		g.shift[k] = total
		total += g.width[k]
	}
	g.fits = total <= 128
	return g
}

func (g *grouper) group(b *facts.Block) {
	if !g.fits {
		groupWide(b)
		return
	}
	g.rows = slices.Grow(g.rows[:0], len(b.Count))[:len(b.Count)]
	for i, n := range b.Count {
		g.rows[i] = packed{count: n}
	}
	for k := 1; k < len(b.Cols); k++ {
		if s := g.shift[k]; s >= 64 {
			for i, c := range b.Cols[k] {
				g.rows[i].hi |= uint64(c) << (s - 64)
			}
		} else {
			for i, c := range b.Cols[k] {
				g.rows[i].lo |= uint64(c) << s
			}
		}
	}
	slices.SortFunc(g.rows, func(a, b packed) int {
		switch {
		case a.hi != b.hi:
			if a.hi < b.hi {
				return -1
			}
			return 1
		case a.lo != b.lo:
			if a.lo < b.lo {
				return -1
			}
			return 1
		}
		return 0
	})
	out := g.rows[:0]
	for _, r := range g.rows {
		if n := len(out); n > 0 && out[n-1].hi == r.hi && out[n-1].lo == r.lo {
			out[n-1].count += r.count
			continue
		}
		out = append(out, r)
	}
	for k := 1; k < len(b.Cols); k++ {
		col, mask := b.Cols[k][:len(out)], uint64(1)<<g.width[k]-1
		if s := g.shift[k]; s >= 64 {
			for i, r := range out {
				col[i] = uint32(r.hi >> (s - 64) & mask)
			}
		} else {
			for i, r := range out {
				col[i] = uint32(r.lo >> s & mask)
			}
		}
		b.Cols[k] = col
	}
	b.Cols[0] = b.Cols[0][:len(out)]
	b.Count = b.Count[:len(out)]
	for i, r := range out {
		b.Count[i] = r.count
	}
}

// groupWide is group for keys of any width.
func groupWide(b *facts.Block) {
	order := make([]int, len(b.Count))
	for i := range order {
		order[i] = i
	}
	compare := func(x, y int) int {
		for _, col := range b.Cols[1:] {
			if col[x] != col[y] {
				return int(col[x]) - int(col[y])
			}
		}
		return 0
	}
	slices.SortFunc(order, compare)
	cols := make([][]uint32, len(b.Cols))
	var counts []int64
	last := -1
	for _, i := range order {
		if last >= 0 && compare(last, i) == 0 {
			counts[len(counts)-1] += b.Count[i]
			continue
		}
		for k := range cols {
			cols[k] = append(cols[k], b.Cols[k][i])
		}
		counts = append(counts, b.Count[i])
		last = i
	}
	b.Cols, b.Count = cols, counts
}

// unite returns the distinct values of both, sorted; sorted is sorted.
func unite(sorted []string, more *array.String) []string {
	out := slices.Clone(sorted)
	for i := range more.Len() {
		if more.IsValid(i) {
			out = append(out, more.Value(i))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// rankOf returns the code of v in sorted, which holds it.
func rankOf(sorted []string, v string) uint32 {
	i, _ := slices.BinarySearch(sorted, v)
	return uint32(i) + 1
}
