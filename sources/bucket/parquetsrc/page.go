package parquetsrc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// values are the non-null values of a page or a dictionary, in the shape of the column. The slices are
// borrowed from the page unless a conversion made them.
type values struct {
	n       int
	bits    []byte   // shapeBits
	v32     []uint32 // shape32
	v64     []uint64 // shape64
	data    []byte   // shapeBytes
	offsets []uint32 // shapeBytes: n+1 positions in data
}

// page is a data page of which some rows may have been taken already.
type page struct {
	source parquet.Page // released when all rows are taken
	rows   int
	defs   []byte // 1 where a row has a value, 0 where it is null; nil when no row is null
	codes  []int32
	dict   *dictionary // what codes refer to; nil when the page has its values in values
	values values
	row    int // rows taken
	value  int // values taken
}

// asCodes reports whether the page's rows come out as codes of an Arrow dictionary.
func (p *page) asCodes() bool { return p.dict != nil && p.dict.array != nil }

// left returns the number of rows not yet taken.
func (p *page) left() int { return p.rows - p.row }

// size estimates the bytes that the rows not yet taken will come to.
func (p *page) size() int64 {
	if p.values.offsets != nil && p.dict == nil {
		return int64(len(p.values.data))
	}
	return 8 * int64(p.left())
}

// newPage checks a page and brings its values into the column's shape.
func (c *column) newPage(src parquet.Page) (*page, error) {
	p := &page{source: src, rows: int(src.NumRows())}
	present := p.rows
	if levels := src.DefinitionLevels(); len(levels) > 0 || c.field.nullable {
		n, err := countPresent(levels)
		if err != nil {
			return nil, err
		}
		if n < len(levels) {
			p.defs = levels
		}
		present = n
	}
	data := src.Data()
	if dict := src.Dictionary(); dict != nil {
		d, err := c.dictionaryOf(dict)
		if err != nil {
			return nil, err
		}
		p.dict, p.codes = d, data.Int32()
		if len(p.codes) != present {
			return nil, fmt.Errorf("a page of %d codes for %d values", len(p.codes), present)
		}
		return p, checkCodes(p.codes, d.values.n)
	}
	var err error
	if p.values, err = c.convert(&data, present); err != nil {
		return nil, err
	}
	return p, nil
}

// countPresent returns how many of the definition levels of a flat column say that there is a value.
func countPresent(levels []byte) (int, error) {
	n, i := 0, 0
	for ; i+8 <= len(levels); i += 8 {
		w := binary.LittleEndian.Uint64(levels[i:])
		if w&^0x0101010101010101 != 0 {
			return 0, errors.New("a definition level above 1 in a flat column")
		}
		n += int(w * 0x0101010101010101 >> 56)
	}
	for ; i < len(levels); i++ {
		if levels[i] > 1 {
			return 0, errors.New("a definition level above 1 in a flat column")
		}
		n += int(levels[i])
	}
	return n, nil
}

// checkCodes makes sure that every code is in the dictionary: Arrow's readers do not ask again.
func checkCodes(codes []int32, n int) error {
	var most uint32
	for _, c := range codes {
		most = max(most, uint32(c))
	}
	if len(codes) > 0 && int64(most) >= int64(n) {
		return fmt.Errorf("code %d in a dictionary of %d values", most, n)
	}
	return nil
}

// convert brings n values as parquet-go holds them into the column's shape.
func (c *column) convert(data *encoding.Values, n int) (values, error) {
	v := values{n: n}
	raw, offsets := data.Data()
	f := &c.field
	var have int
	switch {
	case f.shape == shapeBits:
		v.bits, have = raw, 8*len(raw)
	case f.width == 0:
		if n == 0 { // an empty page may come without offsets
			v.data, v.offsets = nil, []uint32{0}
			break
		}
		v.data, v.offsets, have = raw, offsets, len(offsets)-1
		if have >= n {
			if err := checkOffsets(offsets[:n+1], len(raw)); err != nil {
				return v, err
			}
		}
	default:
		have = len(raw) / f.width
	}
	if have < n {
		return v, fmt.Errorf("a page of %d values where %d were announced", have, n)
	}
	switch {
	case f.text != nil:
		return f.toText(raw, offsets, n), nil
	case f.to64 != nil:
		return f.toInt64(raw, n)
	case f.shape == shape32:
		v.v32 = castSlice[uint32](raw, n)
	case f.shape == shape64:
		v.v64 = castSlice[uint64](raw, n)
	case f.shape == shapeBytes && f.width > 0:
		v.data, v.offsets = raw, make([]uint32, n+1)
		for i := range v.offsets {
			v.offsets[i] = uint32(i * f.width)
		}
	}
	return v, nil
}

// checkOffsets makes sure that every value lies within the page: encodings with lengths can say otherwise.
func checkOffsets(offsets []uint32, size int) error {
	last := uint32(0)
	for _, o := range offsets {
		if o < last {
			return fmt.Errorf("a value of negative length at byte %d of a page", last)
		}
		last = o
	}
	if int64(last) > int64(size) || last > math.MaxInt32 {
		return fmt.Errorf("a value that ends at byte %d of a page of %d", last, size)
	}
	return nil
}

func (f *field) toText(raw []byte, offsets []uint32, n int) values {
	v := values{n: n, offsets: make([]uint32, n+1), data: make([]byte, 0, 36*n)}
	for i := range n {
		var value []byte
		if f.width > 0 {
			value = raw[i*f.width:][:f.width]
		} else {
			value = raw[offsets[i]:offsets[i+1]]
		}
		v.data = f.text(v.data, value)
		v.offsets[i+1] = uint32(len(v.data))
	}
	return v
}

func (f *field) toInt64(raw []byte, n int) (values, error) {
	v := values{n: n, v64: make([]uint64, n)}
	for i := range v.v64 {
		x, err := f.to64(raw[i*f.width:][:f.width])
		if err != nil {
			return v, err
		}
		v.v64[i] = uint64(x)
	}
	return v, nil
}

// castSlice views n fixed-size values, which parquet-go holds in the machine's byte order, without copying.
func castSlice[T uint32 | uint64](raw []byte, n int) []T {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(raw))), n)
}
