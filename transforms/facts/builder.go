package facts

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/zeebo/xxh3"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// Builder groups batches of one run. It is not safe for concurrent use.
type Builder struct {
	spec  *Spec
	dayer *calendar.Dayer
	in    []*interner
	stats Stats

	// Groups: tuples of stride codes, the first of them the day (as uint32 of its Date).
	stride int
	tuples []uint32
	count  []int64
	hashes []uint32
	slots  slots

	byDay map[calendar.Date]int64

	// Events with an id: its hash, the group it counts in, and how much.
	ids   []uint64
	pos   []uint32
	n     []int64 // nil while every event counts one
	idset slots

	// Scratch of one batch.
	days  []calendar.Date
	codes [][]uint32
	tuple []uint32
}

// NewBuilder returns a Builder for one run of spec's dataset.
func NewBuilder(spec *Spec) *Builder {
	b := &Builder{
		spec:   spec,
		dayer:  calendar.NewDayer(spec.Zone),
		stride: len(spec.Keys) + 1,
		byDay:  map[calendar.Date]int64{},
		codes:  make([][]uint32, len(spec.Keys)),
		tuple:  make([]uint32, len(spec.Keys)+1),
	}
	for range spec.Keys {
		b.in = append(b.in, newInterner())
	}
	return b
}

// Add groups the rows of rec, a conformed batch of the dataset (rows × the columns Spec names, others ignored).
// It does not keep rec.
func (b *Builder) Add(rec arrow.Record) error {
	rows := int(rec.NumRows())
	if rows == 0 {
		return nil
	}
	if err := b.load(rec); err != nil {
		return err
	}
	defer func() {
		for _, in := range b.in {
			in.forget()
		}
	}()
	var n []int64
	if b.spec.Count != "" {
		col, err := column(rec, b.spec.Count)
		if err != nil {
			return err
		}
		counts, ok := col.(*array.Int64)
		if !ok {
			return fmt.Errorf("facts: %s.%s is %s, want int64", b.spec.Name, b.spec.Count, col.DataType())
		}
		if counts.NullN() < rows {
			n = make([]int64, rows)
			for i := range rows {
				n[i] = 1
				if counts.IsValid(i) {
					n[i] = counts.Value(i)
				}
			}
		}
	}
	id, err := b.idHasher(rec)
	if err != nil {
		return err
	}
	b.stats.Rows += int64(rows)
	for i := range rows {
		b.tuple[0] = uint32(b.days[i])
		for k, codes := range b.codes {
			b.tuple[k+1] = codes[i]
		}
		count := int64(1)
		if n != nil {
			count = n[i]
		}
		g := b.group()
		if id != nil {
			if h, ok := id(i); ok {
				if count = b.once(h, g, count); count == 0 {
					continue
				}
			}
		}
		b.count[g] += count
		b.byDay[b.days[i]] += count
	}
	return nil
}

// Size returns about how many bytes the run holds by now, for callers that bound it.
func (b *Builder) Size() int {
	size := 4*len(b.tuples) + 12*len(b.count) + 4*len(b.slots.at) + 12*len(b.ids) + 8*len(b.n) + 4*len(b.idset.at)
	for _, in := range b.in {
		size += in.size()
	}
	return size
}

// Stats returns what became of the rows so far.
func (b *Builder) Stats() Stats { return b.stats }

func (b *Builder) load(rec arrow.Record) error {
	instants, err := b.spec.instants(rec)
	if err != nil {
		return err
	}
	b.days = slices.Grow(b.days[:0], instants.Len())
	for _, v := range instants.TimestampValues() {
		b.days = append(b.days, b.dayer.DayOf(int64(v)))
	}
	for k, name := range b.spec.Keys {
		col, err := column(rec, name)
		if err != nil {
			return err
		}
		if b.codes[k], err = b.in[k].encode(b.codes[k][:0], col); err != nil {
			return fmt.Errorf("facts: %s.%s: %w", b.spec.Name, name, err)
		}
	}
	return nil
}

// idHasher returns a function from row to the hash of its event id, nil when the dataset has no ids.
func (b *Builder) idHasher(rec arrow.Record) (func(row int) (uint64, bool), error) {
	if b.spec.ID == "" {
		return nil, nil
	}
	col, err := column(rec, b.spec.ID)
	if err != nil {
		return nil, err
	}
	if col.NullN() == col.Len() {
		return nil, nil
	}
	switch col := col.(type) {
	case *array.String:
		return func(i int) (uint64, bool) {
			if col.IsNull(i) {
				return 0, false
			}
			return xxh3.HashString(col.Value(i)), true
		}, nil
	case *array.Dictionary:
		values, ok := col.Dictionary().(*array.String)
		if !ok {
			return nil, fmt.Errorf("facts: %s.%s is a dictionary of %s, want utf8", b.spec.Name, b.spec.ID, col.Dictionary().DataType())
		}
		return func(i int) (uint64, bool) {
			if col.IsNull(i) {
				return 0, false
			}
			return xxh3.HashString(values.Value(col.GetValueIndex(i))), true
		}, nil
	}
	return nil, fmt.Errorf("facts: %s.%s is %s, want utf8", b.spec.Name, b.spec.ID, col.DataType())
}

// group returns the group of b.tuple, a new one with count 0 when it is the first of its kind.
func (b *Builder) group() uint32 {
	h := hashTuple(b.tuple)
	b.slots.reserve(len(b.count)+1, func(g uint32) uint32 { return b.hashes[g] })
	for at := b.slots.first(h); ; at = b.slots.next(at) {
		g := b.slots.at[at]
		if g == 0 {
			g = uint32(len(b.count))
			b.slots.at[at] = g + 1
			b.tuples = append(b.tuples, b.tuple...)
			b.count = append(b.count, 0)
			b.hashes = append(b.hashes, h)
			return g
		}
		g--
		if b.hashes[g] == h && slices.Equal(b.tuples[int(g)*b.stride:int(g+1)*b.stride], b.tuple) {
			return g
		}
	}
}

// once records that event id h counts n in group g, and returns how much is to be added to g: n the first time, 0
// for a repeated row. Where rows of one id differ, the one whose tuple sorts first stands, in whatever order they
// came (contract §3: one event).
func (b *Builder) once(h uint64, g uint32, n int64) int64 {
	b.idset.reserve(len(b.ids)+1, func(i uint32) uint32 { return uint32(b.ids[i]) })
	for at := b.idset.first(uint32(h)); ; at = b.idset.next(at) {
		i := b.idset.at[at]
		if i == 0 {
			b.idset.at[at] = uint32(len(b.ids)) + 1
			b.ids = append(b.ids, h)
			b.pos = append(b.pos, g)
			if b.n == nil && n != 1 {
				b.n = slices.Repeat([]int64{1}, len(b.ids)-1)
			}
			if b.n != nil {
				b.n = append(b.n, n)
			}
			return n
		}
		i--
		if b.ids[i] != h {
			continue
		}
		b.stats.Duplicates++
		held := int64(1)
		if b.n != nil {
			held = b.n[i]
		}
		if c := b.compare(g, b.pos[i]); c > 0 || c == 0 && n >= held {
			return 0
		}
		old := b.pos[i]
		b.count[old] -= held
		b.byDay[calendar.Date(b.tuples[int(old)*b.stride])] -= held
		b.pos[i] = g
		if b.n == nil && n != 1 {
			b.n = slices.Repeat([]int64{1}, len(b.ids))
		}
		if b.n != nil {
			b.n[i] = n
		}
		return n
	}
}

// compare orders two groups by day and then by the values of their keys, null first.
func (b *Builder) compare(x, y uint32) int {
	if x == y {
		return 0
	}
	tx, ty := b.tuples[int(x)*b.stride:], b.tuples[int(y)*b.stride:]
	if tx[0] != ty[0] {
		return int(int32(tx[0])) - int(int32(ty[0]))
	}
	for k := 1; k < b.stride; k++ {
		if tx[k] == ty[k] {
			continue
		}
		if tx[k] == 0 || ty[k] == 0 {
			return int(min(tx[k], 1)) - int(min(ty[k], 1))
		}
		if b.in[k-1].value(tx[k]) < b.in[k-1].value(ty[k]) {
			return -1
		}
		return 1
	}
	return 0
}

func hashTuple(t []uint32) uint32 {
	const m1, m2 = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
	h := uint64(len(t))
	i := 0
	for ; i+2 <= len(t); i += 2 {
		hi, lo := bits.Mul64(h^(uint64(t[i])|uint64(t[i+1])<<32), m1)
		h = hi ^ lo ^ m2
	}
	if i < len(t) {
		hi, lo := bits.Mul64(h^uint64(t[i]), m1)
		h = hi ^ lo
	}
	hi, lo := bits.Mul64(h, m2)
	return uint32(hi ^ lo)
}

// slots is an open-addressing index from a 32-bit hash to small numbers, stored plus one (0 is free).
type slots struct {
	at    []uint32
	shift uint
}

func (s *slots) first(h uint32) uint32 { return h * 0x9E3779B1 >> s.shift }

func (s *slots) next(at uint32) uint32 { return (at + 1) & uint32(len(s.at)-1) }

// reserve keeps the index at most half full for n entries; hash tells the hash of an entry that moves.
func (s *slots) reserve(n int, hash func(uint32) uint32) {
	if 2*n <= len(s.at) {
		return
	}
	old := s.at
	s.at = make([]uint32, max(1024, 2*len(old)))
	s.shift = uint(32 - bits.TrailingZeros(uint(len(s.at))))
	for _, v := range old {
		if v == 0 {
			continue
		}
		at := s.first(hash(v - 1))
		for s.at[at] != 0 {
			at = s.next(at)
		}
		s.at[at] = v
	}
}
