package sqldb

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// column collects the values of one column of a batch. Unlike Arrow's builders it can take back the last value, for
// a row that turns out to be unusable in a later column, and it moves between dictionary and plain text.
type column struct {
	name  string
	typ   arrow.DataType // of plain text, where codes is set
	width int            // bytes per value; 0 of bool (a bit per value) and of text and binary
	mem   memory.Allocator

	n, nulls int
	room     int // for how many values valid, fixed and offsets have room
	valid    *memory.Buffer
	fixed    *memory.Buffer // values of fixed width, bits of bool, codes of text
	offsets  *memory.Buffer // of text and binary
	bytes    *memory.Buffer // of text and binary
	used     int            // of bytes

	codes *codes // set while text is collected by code

	// What valid, fixed and offsets hold, to write without calls. From n on, all of validBits are set.
	validBits, fixedBytes, offsetBytes []byte
}

const (
	firstRoom  = 1024
	firstBytes = 16 << 10
)

func newColumn(name string, typ arrow.DataType, mem memory.Allocator) *column {
	c := &column{name: name, typ: typ, mem: mem}
	switch t := typ.(type) {
	case *arrow.StringType:
		c.codes = newCodes(mem)
	case *arrow.BinaryType, *arrow.BooleanType:
	case arrow.FixedWidthDataType:
		c.width = t.Bytes()
	}
	return c
}

func (c *column) isVar() bool { return c.codes == nil && c.width == 0 && c.typ.ID() != arrow.BOOL }

// valueWidth returns the bytes per value in fixed.
func (c *column) valueWidth() int {
	if c.codes != nil {
		return 4
	}
	return c.width
}

// reserve makes room for n values in all, and none for the bytes of text.
func (c *column) reserve(n int) {
	if c.room >= n {
		return
	}
	c.room = n
	grow := func(b **memory.Buffer, size int) []byte {
		if *b == nil {
			*b = memory.NewResizableBuffer(c.mem)
		}
		(*b).Resize(size)
		return (*b).Bytes()
	}
	set := len(c.validBits)
	c.validBits = grow(&c.valid, (n+7)/8)
	for i := set; i < len(c.validBits); i++ {
		c.validBits[i] = 0xff
	}
	switch {
	case c.isVar():
		c.offsetBytes = grow(&c.offsets, (n+1)*4)
		if c.n == 0 {
			binary.NativeEndian.PutUint32(c.offsetBytes, 0)
		}
	case c.valueWidth() == 0:
		c.fixedBytes = grow(&c.fixed, (n+7)/8)
	default:
		c.fixedBytes = grow(&c.fixed, n*c.valueWidth())
	}
}

// next makes room for a value and returns its position. The value counts as valid: null clears its bit.
func (c *column) next() int {
	i := c.n
	if i >= c.room {
		c.reserve(max(firstRoom, 2*c.room))
	}
	c.n = i + 1
	return i
}

func setBit(bits []byte, i int, on bool) {
	mask := byte(1) << (i & 7)
	if on {
		bits[i>>3] |= mask
	} else {
		bits[i>>3] &^= mask
	}
}

func (c *column) null() {
	i := c.next()
	setBit(c.validBits, i, false)
	c.nulls++
	switch {
	case c.isVar():
		binary.NativeEndian.PutUint32(c.offsetBytes[(i+1)*4:], uint32(c.used))
	case c.codes != nil || c.width == 4:
		binary.NativeEndian.PutUint32(c.fixedBytes[i*4:], 0)
	case c.width == 8:
		binary.NativeEndian.PutUint64(c.fixedBytes[i*8:], 0)
	default: // bool
		setBit(c.fixedBytes, i, false)
	}
}

func (c *column) bool(v bool) { setBit(c.fixedBytesFor(c.next()), c.n-1, v) }

// fixedBytesFor is fixedBytes, evaluated after next has made room.
func (c *column) fixedBytesFor(int) []byte { return c.fixedBytes }

// word32 adds the bits of an int32 or float32.
func (c *column) word32(v uint32) {
	i := c.next()
	binary.NativeEndian.PutUint32(c.fixedBytes[i*4:], v)
}

// word64 adds the bits of an int64, uint64, float64 or timestamp.
func (c *column) word64(v uint64) {
	i := c.next()
	binary.NativeEndian.PutUint64(c.fixedBytes[i*8:], v)
}

func (c *column) int64(v int64)     { c.word64(uint64(v)) }
func (c *column) int32(v int32)     { c.word32(uint32(v)) }
func (c *column) float64(v float64) { c.word64(math.Float64bits(v)) }
func (c *column) float32(v float32) { c.word32(math.Float32bits(v)) }

// text adds text or binary. It keeps a copy of v.
func (c *column) text(v []byte) {
	if c.codes != nil {
		if code, ok := c.codes.code(v); ok {
			c.word32(uint32(code))
			return
		}
		c.plain()
	}
	i := c.next()
	c.grow(len(v))
	copy(c.bytes.Buf()[c.used:], v)
	c.used += len(v)
	binary.NativeEndian.PutUint32(c.offsetBytes[(i+1)*4:], uint32(c.used))
}

// textString is text for a string.
func (c *column) textString(v string) { c.text(unsafe.Slice(unsafe.StringData(v), len(v))) }

// grow makes room for n more bytes of text.
func (c *column) grow(n int) {
	if c.bytes == nil {
		c.bytes = memory.NewResizableBuffer(c.mem)
	}
	if need := c.used + n; need > c.bytes.Len() {
		c.bytes.Resize(max(firstBytes, 2*c.bytes.Len(), need))
	}
}

// plain turns codes into plain text, for the rest of the read.
func (c *column) plain() {
	codes, fixed, old := c.codes, c.fixed, c.fixedBytes
	c.codes, c.fixed, c.fixedBytes = nil, nil, nil
	room := c.room
	c.room = 0
	if room > 0 {
		n := c.n
		c.n = 0 // reserve starts the offsets
		c.reserve(room)
		c.n = n
	}
	for i := range c.n {
		if c.validBits[i>>3]&(1<<(i&7)) != 0 {
			v := codes.value(int32(binary.NativeEndian.Uint32(old[i*4:])))
			c.grow(len(v))
			copy(c.bytes.Buf()[c.used:], v)
			c.used += len(v)
		}
		binary.NativeEndian.PutUint32(c.offsetBytes[(i+1)*4:], uint32(c.used))
	}
	release(fixed)
	codes.release()
}

// truncate takes back the values from position n on, of which there is one at most.
func (c *column) truncate(n int) {
	if c.n <= n {
		return
	}
	if c.validBits[n>>3]&(1<<(n&7)) == 0 {
		c.nulls--
		setBit(c.validBits, n, true)
	}
	if c.isVar() {
		c.used = int(binary.NativeEndian.Uint32(c.offsetBytes[n*4:]))
	}
	c.n = n
}

// array returns what was collected, which the caller releases, and starts anew.
func (c *column) array() arrow.Array {
	if c.codes != nil && !c.codes.pays() {
		c.plain()
	}
	c.reserve(1) // an empty array has buffers too
	var data *array.Data
	set := func(b *memory.Buffer, size int) *memory.Buffer {
		b.ResizeNoShrink(size)
		return b
	}
	valid := set(c.valid, (c.n+7)/8)
	switch {
	case c.codes != nil:
		dict := c.codes.array()
		data = array.NewDataWithDictionary(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: c.typ},
			c.n, []*memory.Buffer{valid, set(c.fixed, c.n*4)}, c.nulls, 0, dict.Data().(*array.Data))
	case c.isVar():
		c.grow(1)
		data = array.NewData(c.typ, c.n, []*memory.Buffer{valid, set(c.offsets, (c.n+1)*4), set(c.bytes, c.used)}, nil, c.nulls, 0)
	case c.width == 0:
		data = array.NewData(c.typ, c.n, []*memory.Buffer{valid, set(c.fixed, (c.n+7)/8)}, nil, c.nulls, 0)
	default:
		data = array.NewData(c.typ, c.n, []*memory.Buffer{valid, set(c.fixed, c.n*c.width)}, nil, c.nulls, 0)
	}
	defer data.Release()
	room, used := min(c.room, max(c.n, firstRoom)), c.used
	c.releaseBuffers()
	// The next batch is likely to be as large.
	c.reserve(room)
	if used > 0 {
		c.grow(used)
	}
	return array.MakeFromData(data)
}

func (c *column) releaseBuffers() {
	for _, b := range []**memory.Buffer{&c.valid, &c.fixed, &c.offsets, &c.bytes} {
		release(*b)
		*b = nil
	}
	c.validBits, c.fixedBytes, c.offsetBytes = nil, nil, nil
	c.n, c.nulls, c.room, c.used = 0, 0, 0, 0
}

// release frees what the column holds.
func (c *column) release() {
	c.releaseBuffers()
	if c.codes != nil {
		c.codes.release()
	}
}

func release(b *memory.Buffer) {
	if b != nil {
		b.Release()
	}
}
