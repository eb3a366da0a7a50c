package parquetfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// localDict is the dictionary of one row group: values in the order they first occur.
type localDict struct {
	page     []byte   // the values in PLAIN encoding: their length in four bytes, then their bytes
	starts   []uint32 // of each value in page, and the end of the last
	single   bool     // codes come from one source whose values all differ: they need not be found by value
	index    hashIndex
	outlines []outlined // by code, once all values are there
}

func (d *localDict) reset() {
	d.page = d.page[:0]
	d.starts = append(d.starts[:0], 0)
	d.single = true
}

func (d *localDict) len() int { return len(d.starts) - 1 }

// entry is a value with its length in front of it.
func (d *localDict) entry(code uint32) []byte { return d.page[d.starts[code]:d.starts[code+1]] }

func (d *localDict) value(code uint32) []byte { return d.page[d.starts[code]+4 : d.starts[code+1]] }

// hashed makes values be found by their bytes from now on.
func (d *localDict) hashed() {
	if !d.single {
		return
	}
	d.single = false
	d.index.reset(d.len())
	for code := range uint32(d.len()) {
		slot, _ := d.index.find(d.value(code), d.value)
		d.index.put(slot, code)
	}
}

// intern returns the code of a value, which may be new.
func (d *localDict) intern(value []byte) (uint32, error) {
	slot, found := d.index.find(value, d.value)
	if found {
		return d.index.slots[slot].code, nil
	}
	if err := checkText(value); err != nil {
		return 0, err
	}
	code, err := d.append(value)
	if err != nil {
		return 0, err
	}
	d.index.put(slot, code)
	return code, nil
}

func checkText(value []byte) error {
	if !utf8.Valid(value) {
		return fmt.Errorf("%s is not UTF-8", strconv.Quote(string(value[:min(len(value), 200)])))
	}
	return nil
}

// append adds a value that is known to be new and to be UTF-8.
func (d *localDict) append(value []byte) (uint32, error) {
	if len(d.page)+4+len(value) > math.MaxInt32 {
		return 0, errTooLarge
	}
	d.page = binary.LittleEndian.AppendUint32(d.page, uint32(len(value)))
	d.page = append(d.page, value...)
	d.starts = append(d.starts, uint32(len(d.page)))
	return uint32(len(d.starts) - 2), nil
}

// outlined is what finding the bounds of a page needs of it, close together.
type outlined struct {
	key  uint64 // eight bytes that order the value against the others: those behind what all values begin with
	size int32  // bytes
}

// outline fills outlines. Where the keys of two values are the same, the values decide their order.
func (d *localDict) outline() {
	n := d.len()
	if cap(d.outlines) < n {
		d.outlines = make([]outlined, n, n+n/4)
	}
	d.outlines = d.outlines[:n]
	if n == 0 {
		return
	}
	first := d.value(0)
	common := len(first)
	for code := uint32(1); code < uint32(n) && common > 0; code++ {
		v := d.value(code)
		if len(v) >= common && string(v[:common]) == string(first[:common]) {
			continue
		}
		common = min(common, len(v))
		for i := range common {
			if v[i] != first[i] {
				common = i
				break
			}
		}
	}
	for code := range uint32(n) {
		v := d.value(code)
		d.outlines[code] = outlined{key: key(v[common:]), size: int32(len(v))}
	}
}

func key(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var padded [8]byte
	copy(padded[:], b)
	return binary.BigEndian.Uint64(padded[:])
}

// fewValues is up to how many values it is cheaper to count how often each occurs in a page than to compare rows.
const fewValues = 1 << 10

// bounds returns the codes of the smallest and the largest value among codes, of which there is at least one, and how
// many bytes they all have.
func (d *localDict) bounds(codes []uint32) (lo, hi uint32, text int64) {
	if d.len() <= fewValues {
		var counts [fewValues]int32
		for _, c := range codes {
			counts[c%fewValues]++
		}
		lo, hi = codes[0], codes[0]
		for i, n := range counts[:d.len()] {
			if n > 0 {
				text += int64(n) * int64(d.outlines[i].size)
				lo, hi = d.widen(lo, hi, uint32(i))
			}
		}
		return lo, hi, text
	}
	lo, hi = codes[0], codes[0]
	loKey, hiKey := d.outlines[lo].key, d.outlines[lo].key
	for _, c := range codes {
		v := &d.outlines[c]
		text += int64(v.size)
		if v.key <= loKey || v.key >= hiKey {
			lo, hi = d.widen(lo, hi, c)
			loKey, hiKey = d.outlines[lo].key, d.outlines[hi].key
		}
	}
	return lo, hi, text
}

// widen returns lo and hi, one of them replaced by c where the value of c is smaller or larger.
func (d *localDict) widen(lo, hi, c uint32) (uint32, uint32) {
	if c != lo && d.compare(c, lo) < 0 {
		lo = c
	}
	if c != hi && d.compare(c, hi) > 0 {
		hi = c
	}
	return lo, hi
}

func (d *localDict) compare(a, b uint32) int {
	if k := cmp.Compare(d.outlines[a].key, d.outlines[b].key); k != 0 {
		return k
	}
	return bytes.Compare(d.value(a), d.value(b))
}

// hashIndex finds codes by the bytes of their values: open addressing, at most half full.
type hashIndex struct {
	slots []slot
	used  int
	last  uint32 // the hash that find looked for last
}

type slot struct {
	hash uint32 // of the value, never 0 where the slot is taken
	code uint32
}

// reset empties the index and makes room for n values.
func (x *hashIndex) reset(n int) {
	size := 1024
	for size < 2*n+2 {
		size *= 2
	}
	if size <= cap(x.slots) {
		x.slots = x.slots[:size]
		clear(x.slots)
	} else {
		x.slots = make([]slot, size)
	}
	x.used = 0
}

// find returns the slot of a value, or the free one that put may give it. valueOf returns the value of a code.
func (x *hashIndex) find(value []byte, valueOf func(code uint32) []byte) (at int, found bool) {
	if 2*x.used >= len(x.slots) {
		x.grow()
	}
	hash := uint32(xxh3.Hash(value)) | 1
	x.last = hash
	mask := len(x.slots) - 1
	at = int(hash>>1) & mask
	for ; x.slots[at].hash != 0; at = (at + 1) & mask {
		if x.slots[at].hash == hash && bytes.Equal(valueOf(x.slots[at].code), value) {
			return at, true
		}
	}
	return at, false
}

// put takes the free slot that find returned last.
func (x *hashIndex) put(at int, code uint32) {
	x.slots[at] = slot{hash: x.last, code: code}
	x.used++
}

func (x *hashIndex) grow() {
	old := x.slots
	x.slots = make([]slot, 2*len(old))
	mask := len(x.slots) - 1
	for _, s := range old {
		if s.hash == 0 {
			continue
		}
		at := int(s.hash>>1) & mask
		for x.slots[at].hash != 0 {
			at = (at + 1) & mask
		}
		x.slots[at] = s
	}
}
