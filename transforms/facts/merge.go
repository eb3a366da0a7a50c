package facts

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"sort"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// Adjust takes N events out of the fact at Pos of a run: another run holds them.
type Adjust struct {
	Pos uint32
	N   int64
}

// Input is one run to merge. Facts is read while the Merger lives.
type Input struct {
	Facts  ipc.ReadAtSeeker
	Values ipc.ReadAtSeeker // read by NewMerger only
	Adjust []Adjust         // in any order; positions may repeat
}

// Merger reads the facts of many runs as one: blocks in order of workspace and day, every key under one dictionary.
type Merger struct {
	spec   *Spec
	inputs []*input
	values [][]string // per key, sorted
	places []spot
	taken  map[calendar.Date]int64
}

type input struct {
	file   *ipc.FileReader
	adjust []Adjust
	remap  [][]uint32 // per key, from the run's code to the merged one
	starts []uint32   // position of the first fact of each batch
	batch  int
	rec    arrow.Record // the batch decoded last, nil before the first
	blocks []int        // how many blocks each batch has
	left   []int        // of these, how many are not yet read
}

type spot struct {
	workspace uint32
	day       calendar.Date
	input     int
	batch     int
	row, rows int
}

// NewMerger opens the runs and unites their dictionaries. The caller closes the Merger.
func NewMerger(spec *Spec, inputs []Input) (_ *Merger, err error) {
	m := &Merger{spec: spec, taken: map[calendar.Date]int64{}}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	defer guarded(&err)
	spans := make([][]span, len(inputs))
	for i, in := range inputs {
		file, err := ipc.NewFileReader(in.Facts, ipc.WithAllocator(memory.NewGoAllocator()))
		if err != nil {
			return nil, fmt.Errorf("facts: open run %d of %s: %w", i, spec.Name, err)
		}
		one := &input{file: file, adjust: slices.Clone(in.Adjust), batch: -1}
		m.inputs = append(m.inputs, one)
		slices.SortFunc(one.adjust, func(a, b Adjust) int { return cmp.Compare(a.Pos, b.Pos) })
		if err := one.check(spec); err != nil {
			return nil, fmt.Errorf("facts: run %d of %s: %w", i, spec.Name, err)
		}
		if spans[i], err = one.index(); err != nil {
			return nil, fmt.Errorf("facts: run %d of %s: %w", i, spec.Name, err)
		}
	}
	if err := m.unite(inputs); err != nil {
		return nil, err
	}
	for i, list := range spans {
		m.note(m.inputs[i], list)
		for _, s := range list {
			p := spot{day: s.Day, input: i, batch: s.Batch, row: s.Row, rows: s.Rows}
			if !s.Null {
				p.workspace = m.Code(0, s.Workspace)
			}
			m.places = append(m.places, p)
		}
	}
	slices.SortFunc(m.places, func(a, b spot) int {
		switch {
		case a.workspace != b.workspace:
			return int(a.workspace) - int(b.workspace)
		case a.day != b.day:
			return int(a.day) - int(b.day)
		}
		return a.input - b.input
	})
	return m, nil
}

// Values returns the merged dictionary of key k: distinct, sorted bytewise. Code 0 is null, code i+1 is Values(k)[i].
func (m *Merger) Values(k int) []string { return m.values[k] }

// Code returns the code of value in key k's dictionary, 0 when no run has it.
func (m *Merger) Code(k int, value string) uint32 {
	i, ok := slices.BinarySearch(m.values[k], value)
	if !ok {
		return 0
	}
	return uint32(i) + 1
}

// Taken returns how many events of each day the adjustments take out.
func (m *Merger) Taken() map[calendar.Date]int64 { return m.taken }

// note counts the adjustments of a run by day. Blocks and adjustments are both in order of position.
func (m *Merger) note(in *input, blocks []span) {
	i := 0
	for _, s := range blocks {
		end := in.starts[s.Batch] + uint32(s.Row+s.Rows)
		for ; i < len(in.adjust) && in.adjust[i].Pos < end; i++ {
			m.taken[s.Day] += in.adjust[i].N
		}
	}
}

// Close releases the runs.
func (m *Merger) Close() {
	for _, in := range m.inputs {
		in.drop()
		_ = in.file.Close() // of a reader in memory or over a file the caller owns: nothing to lose
	}
}

// Blocks yields every block in order of workspace (null first) and day. Rows of a block are in no order, and rows of
// one tuple may repeat; facts whose events are all taken out are left out. The slices of a Block are the caller's.
func (m *Merger) Blocks() iter.Seq2[Block, error] {
	return m.BlocksOf(calendar.Days{From: math.MinInt32, To: math.MaxInt32})
}

// BlocksOf is Blocks for some days: facts of other days are not decoded.
func (m *Merger) BlocksOf(days calendar.Days) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		for _, in := range m.inputs {
			in.left = slices.Clone(in.blocks)
		}
		for from := 0; from < len(m.places); {
			to := from
			first := m.places[from]
			rows := 0
			for ; to < len(m.places) && m.places[to].workspace == first.workspace && m.places[to].day == first.day; to++ {
				rows += m.places[to].rows
			}
			if !days.Contains(first.day) {
				from = to
				continue
			}
			block := Block{Workspace: first.workspace, Day: first.day, Count: make([]int64, 0, rows)}
			codes := make([]uint32, len(m.spec.Keys)*rows)
			for k := range m.spec.Keys {
				block.Cols = append(block.Cols, codes[k*rows:k*rows:(k+1)*rows])
			}
			for _, p := range m.places[from:to] {
				if err := m.inputs[p.input].read(&block, p); err != nil {
					yield(Block{}, fmt.Errorf("facts: read run %d of %s: %w", p.input, m.spec.Name, err))
					return
				}
			}
			from = to
			if len(block.Count) > 0 && !yield(block, nil) {
				return
			}
		}
	}
}

func (in *input) check(spec *Spec) error {
	fields := in.file.Schema().Fields()
	if len(fields) != len(spec.Keys)+1 {
		return fmt.Errorf("it has %d columns, want %d", len(fields), len(spec.Keys)+1)
	}
	for k, name := range spec.Keys {
		if fields[k].Name != name {
			return fmt.Errorf("column %d is %q, want %q", k, fields[k].Name, name)
		}
	}
	return nil
}

// index reads the run's list of blocks.
func (in *input) index() ([]span, error) {
	meta := in.file.Schema().Metadata()
	text, ok := meta.GetValue(spansKey)
	if !ok {
		return nil, fmt.Errorf("no %q in its metadata", spansKey)
	}
	var spans []span
	if err := json.Unmarshal([]byte(text), &spans); err != nil {
		return nil, fmt.Errorf("list of blocks: %w", err)
	}
	in.blocks = make([]int, in.file.NumRecords())
	sizes := make([]int, in.file.NumRecords())
	for _, s := range spans {
		if s.Batch < 0 || s.Batch >= len(in.blocks) {
			return nil, fmt.Errorf("list of blocks names batch %d of %d", s.Batch, len(in.blocks))
		}
		if s.Row != sizes[s.Batch] || s.Rows <= 0 || s.Rows > math.MaxInt32-s.Row {
			return nil, fmt.Errorf("list of blocks has one of %d rows at row %d of batch %d, want row %d", s.Rows, s.Row, s.Batch, sizes[s.Batch])
		}
		in.blocks[s.Batch]++
		sizes[s.Batch] += s.Rows
	}
	at := uint32(0)
	for _, n := range sizes {
		in.starts = append(in.starts, at)
		at += uint32(n)
	}
	return spans, nil
}

func (in *input) drop() {
	if in.rec != nil {
		in.rec.Release()
		in.rec, in.batch = nil, -1
	}
}

func (in *input) decode(batch int) error {
	if in.batch == batch && in.rec != nil {
		return nil
	}
	in.drop()
	rec, err := in.file.RecordAt(batch)
	if err != nil {
		return fmt.Errorf("record batch %d: %w", batch, err)
	}
	in.rec, in.batch = rec, batch
	return nil
}

// read appends the facts of p to block, and lets the batch go when all its blocks have been read.
func (in *input) read(block *Block, p spot) (err error) {
	defer guarded(&err)
	if err := in.decode(p.batch); err != nil {
		return err
	}
	if int64(p.row+p.rows) > in.rec.NumRows() {
		return fmt.Errorf("record batch %d has %d rows, its blocks %d", p.batch, in.rec.NumRows(), p.row+p.rows)
	}
	base := len(block.Count)
	if block.Count, err = appendCounts(block.Count, in.rec.Column(len(in.remap)), p.row, p.rows); err != nil {
		return err
	}
	start := in.starts[p.batch] + uint32(p.row)
	lost := in.take(block.Count[base:], start)
	for k, remap := range in.remap {
		block.Cols[k] = gather(block.Cols[k], in.rec.Column(k), p.row, p.rows, remap)
	}
	if lost {
		block.compact(base)
	}
	if in.left[p.batch]--; in.left[p.batch] == 0 {
		in.drop()
	}
	return nil
}

// take subtracts the adjustments of the facts start … start+len(counts), and tells whether one of them is now empty.
func (in *input) take(counts []int64, start uint32) (lost bool) {
	i := sort.Search(len(in.adjust), func(i int) bool { return in.adjust[i].Pos >= start })
	for ; i < len(in.adjust) && in.adjust[i].Pos < start+uint32(len(counts)); i++ {
		at := in.adjust[i].Pos - start
		counts[at] -= in.adjust[i].N
		lost = lost || counts[at] == 0
	}
	return lost
}

func appendCounts(dst []int64, col arrow.Array, from, rows int) ([]int64, error) {
	switch col := col.(type) {
	case *array.Uint8:
		for _, v := range col.Uint8Values()[from : from+rows] {
			dst = append(dst, int64(v))
		}
	case *array.Uint16:
		for _, v := range col.Uint16Values()[from : from+rows] {
			dst = append(dst, int64(v))
		}
	case *array.Uint32:
		for _, v := range col.Uint32Values()[from : from+rows] {
			dst = append(dst, int64(v))
		}
	case *array.Int64:
		dst = append(dst, col.Int64Values()[from:from+rows]...)
	default:
		return nil, fmt.Errorf("counts are %s, want an integer", col.DataType())
	}
	return dst, nil
}

func gather(dst []uint32, idx arrow.Array, from, rows int, remap []uint32) []uint32 {
	switch idx := idx.(type) {
	case *array.Uint8:
		for _, v := range idx.Uint8Values()[from : from+rows] {
			dst = append(dst, remap[v])
		}
	case *array.Uint16:
		for _, v := range idx.Uint16Values()[from : from+rows] {
			dst = append(dst, remap[v])
		}
	case *array.Uint32:
		for _, v := range idx.Uint32Values()[from : from+rows] {
			dst = append(dst, remap[v])
		}
	}
	return dst
}

// compact removes the rows from base on that count nothing.
func (b *Block) compact(base int) {
	at := base
	for i := base; i < len(b.Count); i++ {
		if b.Count[i] == 0 {
			continue
		}
		for k := range b.Cols {
			b.Cols[k][at] = b.Cols[k][i]
		}
		b.Count[at] = b.Count[i]
		at++
	}
	for k := range b.Cols {
		b.Cols[k] = b.Cols[k][:at]
	}
	b.Count = b.Count[:at]
}

// seekless lets the IPC file writer, which asks only where it is, write to a buffer.
type seekless struct{ *bytes.Buffer }

func (s *seekless) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, fmt.Errorf("seek to %d from %d is not supported", offset, whence)
	}
	return int64(s.Len()), nil
}
