package usage

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/transforms/facts"
)

// TestGrouper compares grouping by packed keys, by wide ones and by a map: rows in order of their codes, each tuple once.
func TestGrouper(t *testing.T) {
	packed := 0
	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.IntRange(2, 10).Draw(rt, "keys")
		sizes := make([]int, keys)
		for k := range sizes {
			sizes[k] = rapid.SampledFrom([]int{0, 1, 2, 3, 255, 256, 65535, 1 << 20, 1<<31 - 2}).Draw(rt, "size")
		}
		block := facts.Block{Cols: make([][]uint32, keys)}
		for range rapid.IntRange(0, 30).Draw(rt, "rows") {
			for k, size := range sizes {
				code := rapid.SampledFrom([]uint32{0, 1, uint32(size / 2), uint32(size)}).Draw(rt, "code")
				if k == 0 {
					code = 1
				}
				block.Cols[k] = append(block.Cols[k], min(code, max(uint32(size), uint32(1-min(k, 1)))))
			}
			block.Count = append(block.Count, rapid.Int64Range(1, 1<<40).Draw(rt, "count"))
		}
		want := tuples(block)
		wide := facts.Block{Count: slices.Clone(block.Count)}
		for _, col := range block.Cols {
			wide.Cols = append(wide.Cols, slices.Clone(col))
		}
		g := newGrouper(sizes)
		if g.fits {
			packed++
		}
		g.group(&block)
		groupWide(&wide)
		for name, b := range map[string]facts.Block{"packed": block, "wide": wide} {
			if got := tuples(b); !maps.EqualFunc(got, want, func(x, y entry) bool { return x.count == y.count }) || len(b.Count) != len(want) {
				rt.Errorf("%s: %v, want %v", name, got, want)
			}
			for i := 1; i < len(b.Count); i++ {
				if slices.Compare(tuple(b, i-1), tuple(b, i)) >= 0 {
					rt.Errorf("%s: row %d %v after %v", name, i, tuple(b, i), tuple(b, i-1))
				}
			}
		}
	})
	if packed == 0 {
		t.Error("no keys fitted two words")
	}
}

type entry struct {
	codes []uint32
	count int64
}

func tuple(b facts.Block, i int) (codes []uint32) {
	for _, col := range b.Cols[1:] {
		codes = append(codes, col[i])
	}
	return codes
}

func tuples(b facts.Block) map[string]entry {
	all := map[string]entry{}
	for i, n := range b.Count {
		codes := tuple(b, i)
		var key []byte
		for _, c := range codes {
			key = append(key, byte(c), byte(c>>8), byte(c>>16), byte(c>>24))
		}
		all[string(key)] = entry{codes, all[string(key)].count + n}
	}
	return all
}
