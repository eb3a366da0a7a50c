// Package textrows is what the readers of text formats share: lines of a stream, and utf8 columns gathered row by
// row into batches. It knows no format.
package textrows

import (
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sources"
)

// Limits of one batch, besides its number of rows.
const (
	maxBytes    = 32 << 20 // text of all columns; one row may go beyond
	maxRejected = 4096
)

// Builder gathers rows and rejected rows. Use: Append for every column of a row, then EndRow; Full tells when Batch
// should be taken.
type Builder struct {
	object   string
	alloc    memory.Allocator
	schema   *arrow.Schema
	columns  []column
	batch    int // most rows of a batch
	count    int // rows gathered
	bytes    int
	first    int64
	last     int64
	rows     []int64 // nil while the rows' numbers have no gap
	rejected []sources.Rejected
}

// column is one column being filled. Memory comes from the allocator when the first value arrives.
type column struct {
	data    *memory.Buffer
	raw     []byte // data's memory
	used    int
	hint    int     // bytes that a batch is likely to take
	offsets []int32 // where each value ends
	nulls   []int32 // rows without a value
}

// New returns a builder of columns with these names. Release frees what was gathered and not taken.
func New(alloc memory.Allocator, object string, names []string, batchRows int) *Builder {
	b := &Builder{object: object, alloc: alloc, batch: batchRows, columns: make([]column, len(names))}
	fields := make([]arrow.Field, len(names))
	for i, name := range names {
		fields[i] = arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true}
		b.columns[i].offsets = make([]int32, 0, batchRows)
	}
	b.schema = arrow.NewSchema(fields, nil)
	return b
}

// Append adds a value to column i of the row being gathered. The bytes are copied, whatever they are.
func (b *Builder) Append(i int, value []byte) {
	c := &b.columns[i]
	if len(value) > len(c.raw)-c.used {
		b.grow(c, len(value))
	}
	c.used += copy(c.raw[c.used:], value)
	c.offsets = append(c.offsets, int32(c.used))
}

// AppendNull adds a null to column i of the row being gathered.
func (b *Builder) AppendNull(i int) {
	c := &b.columns[i]
	c.nulls = append(c.nulls, int32(len(c.offsets)))
	c.offsets = append(c.offsets, int32(c.used))
}

// grow makes room for n more bytes.
func (b *Builder) grow(c *column, n int) {
	if c.data == nil {
		c.data = memory.NewResizableBuffer(b.alloc)
	}
	c.data.Resize(max(c.used+n, 2*len(c.raw), c.hint))
	c.raw = c.data.Bytes()
}

// EndRow ends a row that has a value or a null in every column. Size is what it counts against the batch's limit.
func (b *Builder) EndRow(number int64, size int) {
	switch {
	case b.count == 0:
		b.first = number
	case b.rows == nil && number != b.last+1:
		b.rows = make([]int64, b.count, b.batch)
		for i := range b.rows {
			b.rows[i] = b.first + int64(i)
		}
	}
	if b.rows != nil {
		b.rows = append(b.rows, number)
	}
	b.last, b.count, b.bytes = number, b.count+1, b.bytes+size
}

// Reject adds a row that cannot be used. The value is copied and shortened.
func (b *Builder) Reject(number int64, columnName string, value []byte, reason string) {
	b.rejected = append(b.rejected, sources.Rejected{Row: number, Column: columnName, Value: Shorten(value), Reason: reason})
}

// Shorten copies at most 200 bytes of a value.
func Shorten(value []byte) string {
	if len(value) <= 200 {
		return string(value)
	}
	n := 200 - len("…")
	for n > 190 && !utf8.RuneStart(value[n]) {
		n--
	}
	return string(value[:n]) + "…"
}

// Full reports whether the batch should be taken.
func (b *Builder) Full() bool {
	return b.count >= b.batch || b.bytes >= maxBytes || len(b.rejected) >= maxRejected
}

// Empty reports whether there is nothing to take.
func (b *Builder) Empty() bool { return b.count == 0 && len(b.rejected) == 0 }

// Batch hands over what was gathered; the receiver releases it. Its record is nil when all rows were rejected.
func (b *Builder) Batch() sources.Batch {
	out := sources.Batch{Object: b.object, Rejected: b.rejected}
	if b.count > 0 {
		arrays := make([]arrow.Array, len(b.columns))
		for i := range b.columns {
			arrays[i] = b.columns[i].array(b.alloc, b.count)
		}
		out.Record = array.NewRecord(b.schema, arrays, int64(b.count))
		for _, a := range arrays {
			a.Release()
		}
		out.FirstRow, out.Rows = b.first, b.rows
	} else if len(b.rejected) > 0 {
		out.FirstRow = b.rejected[0].Row
	}
	b.count, b.bytes, b.rows, b.rejected = 0, 0, nil, nil
	return out
}

// Release frees what was gathered and not taken.
func (b *Builder) Release() {
	for i := range b.columns {
		c := &b.columns[i]
		if c.data != nil {
			c.data.Release()
		}
		c.data, c.raw = nil, nil
	}
}

// array hands over the column's n values and makes it empty.
func (c *column) array(alloc memory.Allocator, n int) arrow.Array {
	offsets := memory.NewResizableBuffer(alloc)
	defer offsets.Release()
	offsets.Resize(4 * (n + 1))
	to := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	to[0] = 0
	copy(to[1:], c.offsets)

	var valid *memory.Buffer
	if len(c.nulls) > 0 {
		valid = memory.NewResizableBuffer(alloc)
		defer valid.Release()
		valid.Resize((n + 7) / 8)
		bits := valid.Bytes()
		for i := range bits {
			bits[i] = 0xff
		}
		for _, i := range c.nulls {
			bits[i/8] &^= 1 << (i % 8)
		}
	}
	if c.data == nil {
		c.data = memory.NewResizableBuffer(alloc)
	}
	// What was reserved and not used stays with the array, unless that is much: moving it would cost a copy.
	c.data.ResizeNoShrink(c.used)
	if cap(c.raw) > 2*c.used+4096 {
		c.data.Resize(c.used)
	}
	defer c.data.Release()
	data := array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{valid, offsets, c.data}, nil, len(c.nulls), 0)
	defer data.Release()
	arr := array.NewStringData(data)
	c.hint = c.used + c.used/8
	c.data, c.raw, c.used = nil, nil, 0
	c.offsets, c.nulls = c.offsets[:0], c.nulls[:0]
	return arr
}

// Positions returns where each of the wanted names stands in names, leaving out those that are not there. No wanted
// names means all.
func Positions(names, wanted []string) (picked []string, positions []int) {
	if len(wanted) == 0 {
		wanted = names
	}
	for _, w := range wanted {
		if i := slices.Index(names, w); i >= 0 {
			picked, positions = append(picked, w), append(positions, i)
		}
	}
	return picked, positions
}
