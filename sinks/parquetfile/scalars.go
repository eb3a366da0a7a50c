package parquetfile

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/parquet-go/parquet-go/format"
)

// tableRange is how far the smallest and the largest integer of a row group may be apart for a dictionary to be tried:
// codes are then found in a table instead of by hashing.
const tableRange = 1 << 16

var errSum = errors.New("the sum of the values does not fit 64 bits")

// encodeIntegers makes a chunk of days, integers or instants.
func (s *scratch) encodeIntegers(col *column, parts []arrow.Array, rows int) error {
	c := &col.chunk
	s.gatherIntegers(col, parts, rows)
	lo, hi := int64(0), int64(0)
	if len(s.ints) > 0 {
		lo, hi = bounds(s.ints)
	}
	if col.field.Sum {
		// As long as no partial sum can overflow there is no need to look at each.
		largest := max(uint64(hi), uint64(-lo), uint64(hi-lo))
		over, _ := bits.Mul64(largest, uint64(len(s.ints)))
		safe := over == 0 && largest < 1<<40
		for _, v := range s.ints {
			sum, ok := c.sum+v, true
			if !safe {
				sum, ok = addInt64(c.sum, v)
			}
			if !ok {
				return errSum
			}
			c.sum = sum
		}
	}

	size := 8
	if col.physical == format.Int32 {
		size = 4
	}
	n := len(s.ints)
	distinct := 0
	if n > 0 && uint64(hi)-uint64(lo) < tableRange {
		distinct = s.codeIntegers(lo, int(hi-lo)+1)
		c.distinct = int64(distinct)
	}
	c.encoding = format.Plain
	if distinct > 0 && 8*distinct*size+n*bits.Len(uint(distinct-1)) < 8*n*size {
		c.encoding = format.RLEDictionary
		if err := s.dictionaryPage(c, appendIntegers(s.raw[:0], s.ints[n:n+distinct], size), distinct); err != nil {
			return err
		}
	}
	return s.plan(col, rows, func(p page) error {
		info := pageInfo{firstRow: p.firstRow, rows: p.rows, nulls: p.rows - p.values}
		s.beginPage(col, p.firstRow, p.rows, info.nulls)
		values := s.ints[p.firstValue : p.firstValue+p.values]
		if len(values) > 0 {
			lo, hi := bounds(values)
			info.min = appendIntegers(nil, []int64{lo}, size)
			info.max = appendIntegers(nil, []int64{hi}, size)
		}
		if c.encoding == format.Plain {
			s.raw = appendIntegers(s.raw, values, size)
		} else {
			s.raw = appendIndexes(s.raw, s.codes[p.firstValue:p.firstValue+p.values])
		}
		return s.endPage(c, info)
	})
}

// gatherIntegers puts the values that are not null into ints.
func (s *scratch) gatherIntegers(col *column, parts []arrow.Array, rows int) {
	if cap(s.ints) < rows {
		s.ints = make([]int64, rows)
	}
	s.ints = s.ints[:rows]
	n, at := 0, 0
	for _, part := range parts {
		switch a := part.(type) {
		case *array.Date32:
			n += gather(s.ints[n:], a.Date32Values(), s, col, at)
		case *array.Int64:
			n += gather(s.ints[n:], a.Int64Values(), s, col, at)
		case *array.Timestamp:
			n += gather(s.ints[n:], a.TimestampValues(), s, col, at)
		}
		at += part.Len()
	}
	s.ints = s.ints[:n]
}

// gather copies those values of src, which stand from row at of the row group on, that are not null to dst.
func gather[D, S integer](dst []D, src []S, s *scratch, col *column, at int) int {
	if col.optional && col.chunk.nulls > 0 {
		return compact(dst, src, s.valid, at)
	}
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] = D(v)
	}
	return len(src)
}

// codeIntegers numbers the values in the order they first occur, into codes, keeps each behind the values in ints and
// returns how many there are.
func (s *scratch) codeIntegers(lo int64, span int) int {
	if len(s.table) < span {
		s.table = make([]int32, tableRange)
	}
	table := s.table[:span]
	clear(table) // holds the code plus one
	n := len(s.ints)
	if cap(s.codes) < n {
		s.codes = make([]uint32, n)
	}
	codes := s.codes[:n]
	values := s.ints
	distinct := 0
	for i, v := range s.ints {
		at := v - lo
		code := table[at]
		if code == 0 {
			distinct++
			code = int32(distinct)
			table[at] = code
			values = append(values, v)
		}
		codes[i] = uint32(code - 1)
	}
	s.ints, s.codes = values[:n], codes
	return distinct
}

func bounds(values []int64) (lo, hi int64) {
	lo, hi = values[0], values[0]
	for _, v := range values {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

// appendIntegers appends values in PLAIN encoding, each of size bytes.
func appendIntegers(dst []byte, values []int64, size int) []byte {
	at := len(dst)
	dst = bytesOf(dst, at+size*len(values))
	out := dst[at:]
	if size == 4 {
		for i, v := range values {
			binary.LittleEndian.PutUint32(out[4*i:], uint32(v))
		}
		return dst
	}
	for i, v := range values {
		binary.LittleEndian.PutUint64(out[8*i:], uint64(v))
	}
	return dst
}

// encodeBooleans makes a chunk of booleans, bit-packed as PLAIN encoding has them.
func (s *scratch) encodeBooleans(col *column, parts []arrow.Array, rows int) error {
	c := &col.chunk
	c.encoding = format.Plain
	s.bits = bytesOf(s.bits[:0], (rows+7)/8+16)
	n, at := 0, 0
	for _, part := range parts {
		a := part.(*array.Boolean)
		if a.Len() == 0 {
			continue
		}
		values, offset := a.Data().Buffers()[1].Bytes(), a.Data().Offset()
		if col.optional && c.nulls > 0 {
			for i := range a.Len() {
				if bitutil.BitIsSet(s.valid, at+i) {
					bitutil.SetBitTo(s.bits, n, bitutil.BitIsSet(values, offset+i))
					n++
				}
			}
		} else {
			copyBits(s.bits, n, values, offset, a.Len())
			n += a.Len()
		}
		at += a.Len()
	}
	if trues := bitutil.CountSetBits(s.bits, 0, n); n > 0 {
		c.distinct = 1
		if trues > 0 && trues < n {
			c.distinct = 2
		}
	}
	return s.plan(col, rows, func(p page) error {
		info := pageInfo{firstRow: p.firstRow, rows: p.rows, nulls: p.rows - p.values}
		s.beginPage(col, p.firstRow, p.rows, info.nulls)
		if p.values > 0 {
			trues := bitutil.CountSetBits(s.bits, p.firstValue, p.values)
			info.min, info.max = boolean(trues == p.values), boolean(trues > 0)
			start := len(s.raw)
			s.raw = bytesOf(s.raw, start+(p.values+7)/8)
			s.raw[len(s.raw)-1] = 0 // the bits behind the last one
			copyBits(s.raw[start:], 0, s.bits, p.firstValue, p.values)
		}
		return s.endPage(c, info)
	})
}

func boolean(b bool) []byte {
	if b {
		return []byte{1}
	}
	return []byte{0}
}

type integer interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}
