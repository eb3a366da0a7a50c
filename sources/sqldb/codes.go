package sqldb

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/zeebo/xxh3"
)

// The bounds within which a column of text is kept by code.
const (
	maxCodes     = 1 << 14 // distinct values
	maxCodeBytes = 1 << 20 // bytes of distinct values together
	maxCodeValue = 1 << 10 // bytes of one value
	firstLook    = 2048    // after how many values, at first, to see whether codes pay
	minRepeats   = 3       // values per distinct value, below which codes do not pay
)

// codes gives equal texts equal codes, for as long as there are few. The codes live as long as the read: a value
// keeps its code from batch to batch, and batches between which no new value appeared share one dictionary.
type codes struct {
	mem   memory.Allocator
	slots []slot // open addressing; the length is a power of two
	data  []byte
	ends  []uint32 // where each value ends in data
	seen  int      // values given a code
	last  slot     // of the value given a code last: values often repeat
	dict  arrow.Array
}

// slot says where its value is, so that a look at it leads straight there.
type slot struct {
	hash       uint32
	code       int32 // plus one; 0 is a free slot
	start, end uint32
}

func newCodes(mem memory.Allocator) *codes {
	return &codes{mem: mem, slots: make([]slot, 256)}
}

func (c *codes) value(code int32) []byte {
	start := uint32(0)
	if code > 0 {
		start = c.ends[code-1]
	}
	return c.data[start:c.ends[code]]
}

// code returns the code of v, or false where codes have come to cost more than they save.
func (c *codes) code(v []byte) (int32, bool) {
	c.seen++
	if s := &c.last; s.code != 0 && s.end-s.start == uint32(len(v)) && string(c.data[s.start:s.end]) == string(v) {
		return s.code - 1, true
	}
	hash := uint32(xxh3.Hash(v))
	mask := uint32(len(c.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &c.slots[i]
		if s.code == 0 {
			if !c.add(v, hash, i) {
				return 0, false
			}
			return c.last.code - 1, true
		}
		if s.hash == hash && string(c.data[s.start:s.end]) == string(v) {
			c.last = *s
			return s.code - 1, true
		}
	}
}

// add gives v the next code, in slot i.
func (c *codes) add(v []byte, hash, i uint32) bool {
	if len(c.ends) >= maxCodes || len(v) > maxCodeValue || len(c.data)+len(v) > maxCodeBytes || c.seen >= firstLook && !c.pays() {
		return false
	}
	start := uint32(len(c.data))
	c.data = append(c.data, v...)
	c.ends = append(c.ends, uint32(len(c.data)))
	c.last = slot{hash, int32(len(c.ends)), start, uint32(len(c.data))}
	c.slots[i] = c.last
	if c.dict != nil {
		c.dict.Release()
		c.dict = nil
	}
	if 2*len(c.ends) > len(c.slots) {
		old := c.slots
		c.slots = make([]slot, 4*len(old))
		mask := uint32(len(c.slots) - 1)
		for _, s := range old {
			if s.code == 0 {
				continue
			}
			j := s.hash & mask
			for c.slots[j].code != 0 {
				j = (j + 1) & mask
			}
			c.slots[j] = s
		}
	}
	return true
}

// pays reports whether values repeat often enough.
func (c *codes) pays() bool { return c.seen >= minRepeats*len(c.ends) }

// array returns the dictionary, which stays the codes' own: batches that share it retain it.
func (c *codes) array() arrow.Array {
	if c.dict != nil {
		return c.dict
	}
	offsets, data := memory.NewResizableBuffer(c.mem), memory.NewResizableBuffer(c.mem)
	defer offsets.Release()
	defer data.Release()
	offsets.Resize(4 * (len(c.ends) + 1))
	binary.NativeEndian.PutUint32(offsets.Bytes(), 0)
	for i, end := range c.ends {
		binary.NativeEndian.PutUint32(offsets.Bytes()[4*(i+1):], end)
	}
	data.Resize(max(1, len(c.data)))
	copy(data.Bytes(), c.data)
	data.ResizeNoShrink(len(c.data))
	d := array.NewData(arrow.BinaryTypes.String, len(c.ends), []*memory.Buffer{nil, offsets, data}, nil, 0, 0)
	defer d.Release()
	c.dict = array.MakeFromData(d)
	return c.dict
}

func (c *codes) release() {
	if c.dict != nil {
		c.dict.Release()
		c.dict = nil
	}
}
