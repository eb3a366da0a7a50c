package facts

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/zeebo/xxh3"
)

// interner gives every distinct value of one key a code, from 1, in the order first seen. Values lie in one arena, so
// that a million of them are nothing to the garbage collector.
type interner struct {
	arena  []byte
	ends   []int // of each value, in arena
	hashes []uint32
	slots  slots

	// The last dictionary seen and its codes: batches of one file share dictionaries.
	dict  arrow.ArrayData
	remap []uint32
}

func newInterner() *interner { return &interner{} }

// len returns the number of values.
func (in *interner) len() int { return len(in.ends) }

// value returns the value of code c, which is not 0. It is good until the next call of code.
func (in *interner) value(c uint32) string {
	from := 0
	if c > 1 {
		from = in.ends[c-2]
	}
	if from == in.ends[c-1] {
		return ""
	}
	return unsafe.String(&in.arena[from], in.ends[c-1]-from)
}

// code returns the code of s, which may point into memory that is about to be freed.
func (in *interner) code(s string) uint32 {
	h := uint32(xxh3.HashString(s))
	in.slots.reserve(len(in.ends)+1, func(i uint32) uint32 { return in.hashes[i] })
	for at := in.slots.first(h); ; at = in.slots.next(at) {
		c := in.slots.at[at]
		if c == 0 {
			in.arena = append(in.arena, s...)
			in.ends = append(in.ends, len(in.arena))
			in.hashes = append(in.hashes, h)
			c = uint32(len(in.ends))
			in.slots.at[at] = c
			return c
		}
		if in.hashes[c-1] == h && in.value(c) == s {
			return c
		}
	}
}

// reset drops the values and keeps the memory.
func (in *interner) reset() {
	in.forget()
	in.arena, in.ends, in.hashes = in.arena[:0], in.ends[:0], in.hashes[:0]
	clear(in.slots.at)
}

// size returns about how many bytes the interner holds.
func (in *interner) size() int {
	return len(in.arena) + 12*len(in.ends) + 4*len(in.slots.at) + 4*len(in.remap)
}

// forget drops the cached dictionary, which is only known to be alive during one call of encode's caller.
func (in *interner) forget() {
	if in.dict != nil {
		in.dict.Release()
		in.dict = nil
	}
}

// encode appends the codes of col to dst.
func (in *interner) encode(dst []uint32, col arrow.Array) ([]uint32, error) {
	switch col := col.(type) {
	case *array.Dictionary:
		values, ok := col.Dictionary().(*array.String)
		if !ok {
			return nil, fmt.Errorf("dictionary of %s, want utf8", col.Dictionary().DataType())
		}
		if in.dict != values.Data() {
			in.forget()
			in.dict = values.Data()
			in.dict.Retain()
			in.remap = in.remap[:0]
			for i := range values.Len() {
				if values.IsNull(i) {
					in.remap = append(in.remap, 0)
				} else {
					in.remap = append(in.remap, in.code(values.Value(i)))
				}
			}
		}
		if idx, ok := col.Indices().(*array.Int32); ok {
			if idx.NullN() == 0 {
				for _, v := range idx.Int32Values() {
					dst = append(dst, in.remap[v])
				}
				return dst, nil
			}
			for i, v := range idx.Int32Values() {
				if idx.IsNull(i) {
					dst = append(dst, 0)
				} else {
					dst = append(dst, in.remap[v])
				}
			}
			return dst, nil
		}
		for i := range col.Len() {
			if col.IsNull(i) {
				dst = append(dst, 0)
			} else {
				dst = append(dst, in.remap[col.GetValueIndex(i)])
			}
		}
		return dst, nil
	case *array.String:
		var last string
		var lastCode uint32
		for i := range col.Len() {
			if col.IsNull(i) {
				dst = append(dst, 0)
				continue
			}
			v := col.Value(i)
			if lastCode == 0 || v != last {
				last, lastCode = v, in.code(v)
			}
			dst = append(dst, lastCode)
		}
		return dst, nil
	case *array.Boolean:
		// Codes by the order of false < true, whichever comes first.
		if in.len() == 0 {
			in.code("false")
			in.code("true")
		}
		for i := range col.Len() {
			switch {
			case col.IsNull(i):
				dst = append(dst, 0)
			case col.Value(i):
				dst = append(dst, 2)
			default:
				dst = append(dst, 1)
			}
		}
		return dst, nil
	}
	return nil, fmt.Errorf("column of %s, want utf8, dictionary or bool", col.DataType())
}
