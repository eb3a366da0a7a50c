package parquetsrc

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// arrayBuffers is the memory of one Arrow array while it is being filled.
type arrayBuffers struct {
	alloc memory.Allocator
	bufs  [3]*memory.Buffer // validity, offsets or fixed-size values, bytes
	used  int
	valid []byte
	i32   []int32
	raw   []byte
}

// newBuffers prepares the memory of an array of n values. The caller releases it; arrays made of it keep their share.
func newBuffers(alloc memory.Allocator, n int, nullable bool) *arrayBuffers {
	b := &arrayBuffers{alloc: alloc, used: 1}
	if nullable {
		b.valid = b.add(0, (n+7)/8)
	}
	return b
}

func (b *arrayBuffers) add(i, size int) []byte {
	buf := memory.NewResizableBuffer(b.alloc)
	buf.Resize(size)
	b.bufs[i], b.used = buf, max(b.used, i+1)
	return buf.Bytes()
}

func (b *arrayBuffers) offsets(n int) { b.i32 = arrow.Int32Traits.CastFromBytes(b.add(1, 4*(n+1))) }
func (b *arrayBuffers) fixed(n int)   { b.raw = b.add(1, n) }
func (b *arrayBuffers) bytes(n int)   { b.raw = b.add(2, n) }

func (b *arrayBuffers) list() []*memory.Buffer { return b.bufs[:b.used] }

func (b *arrayBuffers) release() {
	for _, buf := range b.bufs {
		if buf != nil {
			buf.Release()
		}
	}
}

// packBits writes a bitmap of bytes that are 0 or 1.
func packBits(dst, src []byte) {
	i := 0
	for ; i+8 <= len(src); i += 8 {
		// The product moves byte k's bit to bit 56+k.
		dst[i/8] = byte(binary.LittleEndian.Uint64(src[i:]) * 0x0102040810204080 >> 56)
	}
	if i < len(src) {
		var last byte
		for k, b := range src[i:] {
			last |= b << k
		}
		dst[i/8] = last
	}
}

// fillCodes writes the codes of the parts' rows. What stands under a null is any code of the dictionary, or 0.
func fillCodes(dst []uint32, parts []part) {
	for _, t := range parts {
		codes := castCodes(t.page.codes[t.first:t.last])
		spread(dst[:t.rows], codes, t.defs)
		dst = dst[t.rows:]
	}
}

func castCodes(codes []int32) []uint32 {
	return arrow.Uint32Traits.CastFromBytes(arrow.Int32Traits.CastToBytes(codes))
}

// fill writes fixed-size values, looking up those that are held by code.
func fill[T uint32 | uint64](dst []T, parts []part, of func(*values) []T) {
	for _, t := range parts {
		to := dst[:t.rows]
		dst = dst[t.rows:]
		if t.page.dict == nil {
			spread(to, of(&t.page.values)[t.first:t.last], t.defs)
			continue
		}
		table, codes := of(&t.page.dict.values), t.page.codes[t.first:t.last]
		if t.defs == nil {
			for i, code := range codes {
				to[i] = table[code]
			}
			continue
		}
		v := 0
		for i, d := range t.defs {
			if d != 0 {
				to[i] = table[codes[v]]
				v++
			} else {
				to[i] = 0
			}
		}
	}
}

// spread copies values to the rows that have one.
func spread[T uint32 | uint64](dst, src []T, defs []byte) {
	if defs == nil {
		copy(dst, src)
		return
	}
	if len(src) == 0 {
		clear(dst)
		return
	}
	v, last := 0, len(src)-1
	for i, d := range defs { // without a branch: a null row repeats a value
		dst[i] = src[min(v, last)]
		v += int(d)
	}
}

func fillBits(dst []byte, parts []part) {
	clear(dst)
	row := 0
	for _, t := range parts {
		v := t.first
		for i := range t.rows {
			if t.defs != nil && t.defs[i] == 0 {
				continue
			}
			from, bits := v, t.page.values.bits
			if t.page.dict != nil {
				from, bits = int(t.page.codes[v]), t.page.dict.values.bits
			}
			dst[(row+i)/8] |= bits[from/8] >> (from % 8) & 1 << ((row + i) % 8)
			v++
		}
		row += t.rows
	}
}

// fillOffsets writes where each row's bytes begin and end, and returns how many bytes there are.
func fillOffsets(dst []int32, parts []part) (int, error) {
	at, row := int64(0), 0
	dst[0] = 0
	for _, t := range parts {
		v := t.first
		for i := range t.rows {
			if t.defs == nil || t.defs[i] != 0 {
				from, offsets := v, t.page.values.offsets
				if t.page.dict != nil {
					from, offsets = int(t.page.codes[v]), t.page.dict.values.offsets
				}
				at += int64(offsets[from+1] - offsets[from])
				v++
			}
			row++
			dst[row] = int32(at)
		}
	}
	if at > math.MaxInt32 {
		return 0, fmt.Errorf("%d rows of %d bytes together", row, at)
	}
	return int(at), nil
}

// fillBytes copies the bytes of the rows to where offsets say. The values of a plain page lie side by side.
func fillBytes(dst []byte, offsets []int32, parts []part) {
	row := 0
	for _, t := range parts {
		to := dst[offsets[row]:offsets[row+t.rows]]
		row += t.rows
		if t.page.dict == nil {
			o := t.page.values.offsets
			copy(to, t.page.values.data[o[t.first]:o[t.last]])
			continue
		}
		d := &t.page.dict.values
		for _, code := range t.page.codes[t.first:t.last] {
			to = to[copy(to, d.data[d.offsets[code]:d.offsets[code+1]]):]
		}
	}
}
