package facts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// batchRows is the least number of facts in a record batch of a run: blocks are packed together up to it, so that
// a thousand small workspaces do not make a thousand batches, and a batch is never split within a block.
const batchRows = 8192

// span is one block's place in a run's file; the file carries all of them in its schema metadata.
type span struct {
	Workspace string        `json:"w"`
	Null      bool          `json:"z,omitempty"` // the workspace is null
	Day       calendar.Date `json:"d"`
	Batch     int           `json:"b"`
	Row       int           `json:"r"`
	Rows      int           `json:"n"`
}

const spansKey = "usagereport.blocks"

// Finish returns the run of all rows added, and empties the Builder for the next. Facts are ordered by workspace
// and day; each key's dictionary is in the order first seen, its entry 0 standing for null.
func (b *Builder) Finish() (*Run, error) {
	defer b.reset()
	return b.finish()
}

// FinishDays is Finish with a run for each day in days that has events; events of other days are left out.
func (b *Builder) FinishDays(days calendar.Days) (map[calendar.Date]*Run, error) {
	defer b.reset()
	parts := map[calendar.Date]*Builder{}
	group := make([]uint32, len(b.count)) // in its day's builder
	remap := map[calendar.Date][][]uint32{}
	for g, n := range b.count {
		t := b.tuples[g*b.stride : (g+1)*b.stride]
		d := calendar.Date(int32(t[0]))
		if n == 0 || !days.Contains(d) {
			continue
		}
		p := parts[d]
		if p == nil {
			p = NewBuilder(b.spec)
			parts[d] = p
			for k := range b.in {
				remap[d] = append(remap[d], make([]uint32, b.in[k].len()+1))
			}
		}
		p.tuple[0] = t[0]
		for k, c := range t[1:] {
			if c > 0 && remap[d][k][c] == 0 {
				remap[d][k][c] = p.in[k].code(b.in[k].value(c))
			}
			p.tuple[k+1] = remap[d][k][c]
		}
		group[g] = p.group()
		p.count[group[g]] = n
		p.byDay[d] += n
	}
	for i, h := range b.ids {
		p := parts[calendar.Date(int32(b.tuples[int(b.pos[i])*b.stride]))]
		if p == nil {
			continue
		}
		p.ids, p.pos = append(p.ids, h), append(p.pos, group[b.pos[i]])
		if b.n != nil {
			p.n = append(p.n, b.n[i])
		}
	}
	runs := map[calendar.Date]*Run{}
	for d, p := range parts {
		run, err := p.finish()
		if err != nil {
			return nil, err
		}
		runs[d] = run
	}
	return runs, nil
}

// reset empties the Builder and keeps its memory.
func (b *Builder) reset() {
	for _, in := range b.in {
		in.reset()
	}
	b.tuples, b.count, b.hashes = b.tuples[:0], b.count[:0], b.hashes[:0]
	b.ids, b.pos, b.n = b.ids[:0], b.pos[:0], nil
	clear(b.slots.at)
	clear(b.idset.at)
	b.stats, b.byDay = Stats{}, map[calendar.Date]int64{}
}

func (b *Builder) finish() (*Run, error) {
	order, moved, spans := b.layout()
	codes, values, err := b.encode(order, spans)
	if err != nil {
		return nil, fmt.Errorf("facts: encode run of %s: %w", b.spec.Name, err)
	}
	for i, p := range b.pos {
		b.pos[i] = moved[p]
	}
	run := &Run{Facts: codes, Values: values}
	run.IDs, run.Pos = EncodeIDs(b.ids, b.pos, b.n)
	run.Info = Info{Groups: len(order), IDs: len(b.ids), From: math.MaxInt32, To: math.MinInt32, ByDay: b.byDay}
	for d, n := range b.byDay {
		if n == 0 {
			delete(b.byDay, d)
			continue
		}
		run.Info.From, run.Info.To = min(run.Info.From, d), max(run.Info.To, d)
		run.Info.Events += n
	}
	return run, nil
}

// layout orders the groups that still count something by workspace and day. moved tells each group's place.
func (b *Builder) layout() (order, moved []uint32, spans []span) {
	type key struct{ workspace, day uint32 }
	blocks := map[key]int{}
	var keys []key
	var sizes []int
	of := make([]int32, len(b.count))
	last, lastBlock := key{}, -1
	for g := range b.count {
		if b.count[g] == 0 {
			of[g] = -1
			continue
		}
		k := key{b.tuples[g*b.stride+1], b.tuples[g*b.stride]}
		if lastBlock < 0 || k != last {
			n, ok := blocks[k]
			if !ok {
				n = len(keys)
				blocks[k] = n
				keys, sizes = append(keys, k), append(sizes, 0)
			}
			last, lastBlock = k, n
		}
		of[g] = int32(lastBlock)
		sizes[lastBlock]++
	}
	sorted := make([]int, len(keys))
	for i := range sorted {
		sorted[i] = i
	}
	name := func(c uint32) string {
		if c == 0 {
			return ""
		}
		return b.in[0].value(c)
	}
	slices.SortFunc(sorted, func(x, y int) int {
		kx, ky := keys[x], keys[y]
		if kx.workspace != ky.workspace {
			if kx.workspace == 0 || ky.workspace == 0 {
				return int(min(kx.workspace, 1)) - int(min(ky.workspace, 1))
			}
			if name(kx.workspace) < name(ky.workspace) {
				return -1
			}
			return 1
		}
		return int(int32(kx.day)) - int(int32(ky.day))
	})
	at := make([]int, len(keys))
	total, batch, row := 0, 0, 0
	for _, i := range sorted {
		if row >= batchRows {
			batch, row = batch+1, 0
		}
		spans = append(spans, span{
			Workspace: name(keys[i].workspace), Null: keys[i].workspace == 0,
			Day: calendar.Date(int32(keys[i].day)), Batch: batch, Row: row, Rows: sizes[i],
		})
		at[i] = total
		total, row = total+sizes[i], row+sizes[i]
	}
	order, moved = make([]uint32, total), make([]uint32, len(b.count))
	for g, n := range of {
		if n < 0 {
			continue
		}
		moved[g] = uint32(at[n])
		order[at[n]] = uint32(g)
		at[n]++
	}
	return order, moved, spans
}

// encode writes the facts of groups in order as an Arrow IPC file of code columns, a batch for each of spans' batches,
// and the values that the codes stand for as a file of their own: who unites the dictionaries of many runs reads them
// once and lets them go.
func (b *Builder) encode(order []uint32, spans []span) (codes, values []byte, err error) {
	index, err := json.Marshal(spans)
	if err != nil {
		return nil, nil, err
	}
	fields := make([]arrow.Field, 0, len(b.in)+1)
	for k, in := range b.in {
		fields = append(fields, arrow.Field{Name: b.spec.Keys[k], Type: indexType(in.len())})
	}
	fields = append(fields, arrow.Field{Name: "count", Type: countType(b.count)})
	meta := arrow.NewMetadata([]string{spansKey}, []string{string(index)})
	schema := arrow.NewSchema(fields, &meta)
	codes, err = writeFile(schema, func(w *ipc.FileWriter) error {
		for from, s := 0, 0; s < len(spans); {
			batch, rows := spans[s].Batch, 0
			for ; s < len(spans) && spans[s].Batch == batch; s++ {
				rows += spans[s].Rows
			}
			if err := b.writeBatch(w, schema, order[from:from+rows]); err != nil {
				return err
			}
			from += rows
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	values, err = b.encodeValues()
	return codes, values, err
}

func (b *Builder) writeBatch(w *ipc.FileWriter, schema *arrow.Schema, groups []uint32) error {
	cols := make([]arrow.Array, 0, len(b.in)+1)
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	codes := make([]uint32, len(groups))
	for k := range b.in {
		for i, g := range groups {
			codes[i] = b.tuples[int(g)*b.stride+k+1]
		}
		cols = append(cols, newIndices(schema.Field(k).Type, codes))
	}
	if dt := schema.Field(len(b.in)).Type; dt.ID() == arrow.INT64 {
		counts := make([]int64, len(groups))
		for i, g := range groups {
			counts[i] = b.count[g]
		}
		data := array.NewData(dt, len(counts), []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(counts))}, nil, 0, 0)
		cols = append(cols, array.NewInt64Data(data))
		data.Release()
	} else {
		for i, g := range groups {
			codes[i] = uint32(b.count[g])
		}
		cols = append(cols, newIndices(dt, codes))
	}
	rec := array.NewRecord(schema, cols, int64(len(groups)))
	defer rec.Release()
	return w.Write(rec)
}

// encodeValues writes one row: for each key the list of its values, code 1 first.
func (b *Builder) encodeValues() ([]byte, error) {
	fields := make([]arrow.Field, len(b.in))
	for k := range b.in {
		fields[k] = arrow.Field{Name: b.spec.Keys[k], Type: arrow.ListOf(arrow.BinaryTypes.String)}
	}
	schema := arrow.NewSchema(fields, nil)
	cols := make([]arrow.Array, len(b.in))
	for k, in := range b.in {
		ends := make([]int32, in.len()+1) // a Builder is far from 2 GiB
		for i, end := range in.ends {
			ends[i+1] = int32(end)
		}
		text := array.NewData(arrow.BinaryTypes.String, in.len(), []*memory.Buffer{
			nil, offsets(ends), memory.NewBufferBytes(in.arena),
		}, nil, 0, 0)
		list := array.NewData(fields[k].Type, 1, []*memory.Buffer{nil, offsets([]int32{0, int32(in.len())})},
			[]arrow.ArrayData{text}, 0, 0)
		cols[k] = array.NewListData(list)
		text.Release()
		list.Release()
	}
	rec := array.NewRecord(schema, cols, 1)
	for _, c := range cols {
		c.Release()
	}
	defer rec.Release()
	return writeFile(schema, func(w *ipc.FileWriter) error { return w.Write(rec) })
}

func offsets(v []int32) *memory.Buffer {
	return memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(v))
}

func writeFile(schema *arrow.Schema, write func(*ipc.FileWriter) error) ([]byte, error) {
	var out bytes.Buffer
	w, err := ipc.NewFileWriter(&seekless{&out}, ipc.WithSchema(schema), ipc.WithAllocator(memory.NewGoAllocator()))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(write(w), w.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// countType is the narrowest type that holds the counts.
func countType(counts []int64) arrow.DataType {
	most := int64(0)
	for _, n := range counts {
		if n < 0 {
			return arrow.PrimitiveTypes.Int64
		}
		most = max(most, n)
	}
	if most > math.MaxUint32 {
		return arrow.PrimitiveTypes.Int64
	}
	return indexType(int(most))
}

// indexType is the narrowest type that holds the codes 0…n.
func indexType(n int) arrow.DataType {
	switch {
	case n <= math.MaxUint8:
		return arrow.PrimitiveTypes.Uint8
	case n <= math.MaxUint16:
		return arrow.PrimitiveTypes.Uint16
	}
	return arrow.PrimitiveTypes.Uint32
}

func newIndices(dt arrow.DataType, codes []uint32) arrow.Array {
	var raw []byte
	switch dt.ID() {
	case arrow.UINT8:
		raw = make([]byte, len(codes))
		for i, c := range codes {
			raw[i] = byte(c)
		}
	case arrow.UINT16:
		v := make([]uint16, len(codes))
		for i, c := range codes {
			v[i] = uint16(c)
		}
		raw = arrow.Uint16Traits.CastToBytes(v)
	default:
		raw = slices.Clone(arrow.Uint32Traits.CastToBytes(codes))
	}
	data := array.NewData(dt, len(codes), []*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}
