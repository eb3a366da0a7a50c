package parquetfile

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/parquet-go/parquet-go/format"
)

const (
	maxDictionary = 16 << 20 // bytes of a dictionary page that every reader can be expected to hold in memory
	maxPlainPage  = 1 << 20  // bytes of text in a page without a dictionary
)

// encodeText makes a chunk of text. Values get codes in the order they first occur; the chunk is stored as those where
// that is smaller than the values themselves, else plainly, as a whole.
func (s *scratch) encodeText(col *column, parts []arrow.Array, rows int) error {
	if cap(s.codes) < rows {
		s.codes = make([]uint32, rows)
	}
	if err := s.codeText(col, parts, rows); err != nil {
		return err
	}
	return s.storeText(col, rows)
}

// storeText makes a chunk of the codes and the dictionary of the row group.
func (s *scratch) storeText(col *column, rows int) error {
	c := &col.chunk
	s.dict.outline()
	c.distinct = int64(s.dict.len())
	pages := make([]pageInfo, 0, rows/pageRows+1)
	plan := make([]page, 0, rows/pageRows+1)
	err := s.plan(col, rows, func(p page) error {
		info := s.textPage(p)
		c.textBytes += info.textBytes
		plan, pages = append(plan, p), append(pages, info)
		return nil
	})
	if err != nil {
		return err
	}

	n := len(s.codes)
	page, plain := len(s.dict.page), int(c.textBytes)+4*n
	if n > 0 && page <= maxDictionary && page+n*bits.Len(uint(s.dict.len()-1))/8 < plain {
		c.encoding = format.RLEDictionary
		if err := s.dictionaryPage(c, s.dict.page, s.dict.len()); err != nil {
			return err
		}
		for i, p := range plan {
			s.beginPage(col, p.firstRow, p.rows, pages[i].nulls)
			s.raw = appendIndexes(s.raw, s.codes[p.firstValue:p.firstValue+p.values])
			if err := s.endPage(c, pages[i]); err != nil {
				return err
			}
		}
		return nil
	}
	c.encoding = format.Plain
	for i, p := range plan {
		if err := s.plainText(col, p, pages[i]); err != nil {
			return err
		}
	}
	return nil
}

// textPage returns what the indexes say of a page. Its bounds are copies.
func (s *scratch) textPage(p page) pageInfo {
	info := pageInfo{firstRow: p.firstRow, rows: p.rows, nulls: p.rows - p.values}
	codes := s.codes[p.firstValue : p.firstValue+p.values]
	if len(codes) == 0 {
		return info
	}
	lo, hi, text := s.dict.bounds(codes)
	info.textBytes = text
	info.min, info.max = bytes.Clone(s.dict.value(lo)), bytes.Clone(s.dict.value(hi))
	return info
}

// plainText appends a page of the values themselves, cut in two where it would be too large.
func (s *scratch) plainText(col *column, p page, info pageInfo) error {
	if info.textBytes > maxPlainPage && p.rows > 8 {
		first, second := p, p
		first.rows = p.rows / 2 &^ 7
		first.values = s.present(col, first.firstRow, first.rows)
		second.firstRow, second.rows = p.firstRow+first.rows, p.rows-first.rows
		second.firstValue, second.values = p.firstValue+first.values, p.values-first.values
		if err := s.plainText(col, first, s.textPage(first)); err != nil {
			return err
		}
		return s.plainText(col, second, s.textPage(second))
	}
	s.beginPage(col, p.firstRow, p.rows, info.nulls)
	for _, code := range s.codes[p.firstValue : p.firstValue+p.values] {
		s.raw = append(s.raw, s.dict.entry(code)...)
	}
	return s.endPage(&col.chunk, info)
}

// source is a dictionary that codes come from, with the code that each of its values has in the row group.
type source struct {
	id      identity
	dict    *array.String
	offsets []int32
	text    []byte
	codes   []int32 // by code of the source; -1 where it has not occurred in the row group
	valid   bool    // all values are known to be UTF-8
}

// identity tells dictionaries apart without looking at their values.
type identity struct {
	offsets, text *byte
	offset, len   int
}

func identify(a *array.String) identity {
	d := a.Data()
	id := identity{offset: d.Offset(), len: d.Len()}
	if b := d.Buffers()[1]; b != nil {
		id.offsets = unsafe.SliceData(b.Bytes())
	}
	if b := d.Buffers()[2]; b != nil {
		id.text = unsafe.SliceData(b.Bytes())
	}
	return id
}

func newSource(id identity, dict *array.String) *source {
	src := &source{id: id, dict: dict, offsets: offsetsOf(dict), text: textOf(dict), codes: make([]int32, dict.Len())}
	src.forget()
	return src
}

func (src *source) forget() {
	for i := range src.codes {
		src.codes[i] = -1
	}
}

func (src *source) value(code uint32) []byte {
	return src.text[src.offsets[code]:src.offsets[code+1]]
}

func offsetsOf(a *array.String) []int32 {
	if a.Len() == 0 {
		return []int32{0}
	}
	return a.ValueOffsets()
}

func textOf(a *array.String) []byte {
	if b := a.Data().Buffers()[2]; b != nil {
		return b.Bytes()
	}
	return nil
}

// codeText fills codes and the dictionary of the row group with the values that are not null.
func (s *scratch) codeText(col *column, parts []arrow.Array, rows int) error {
	d := &s.dict
	d.reset()
	sources := make(map[identity]*source)
	codes := s.codes[:rows]
	n, at := 0, 0
	for _, part := range parts {
		if part.Len() == 0 {
			continue
		}
		var err error
		var got int
		switch a := part.(type) {
		case *array.String:
			got, err = s.codeValues(col, codes[n:], a, at)
		case *array.Dictionary:
			got, err = s.gatherCodes(col, codes[n:], a, at)
			if err == nil && got > 0 {
				src := col.source(sources, a.Dictionary().(*array.String), d)
				err = d.translate(codes[n:n+got], src)
			}
		}
		if err != nil {
			return err
		}
		n += got
		at += part.Len()
	}
	s.codes = codes[:n]
	return nil
}

// source returns the source of a dictionary. As long as the row group has only one, whose values all differ, its codes
// stand for values and nothing needs hashing; whether they do is found out once per dictionary.
func (col *column) source(sources map[identity]*source, dict *array.String, d *localDict) *source {
	id := identify(dict)
	if src := sources[id]; src != nil {
		return src
	}
	var src *source
	switch first := len(sources) == 0 && d.len() == 0; {
	case first && col.known != nil && col.known.id == id:
		src = col.known
		src.forget()
		d.single = true
	case first:
		src = newSource(id, dict)
		if d.single = src.unique(&d.index); d.single {
			src.valid = src.isText()
			dict.Retain()
			col.close()
			col.known = src
		} else {
			d.index.reset(0)
		}
	default:
		src = newSource(id, dict)
		d.hashed()
	}
	sources[id] = src
	return src
}

// gatherCodes puts the codes of a dictionary array that are not null into dst.
func (s *scratch) gatherCodes(col *column, dst []uint32, a *array.Dictionary, at int) (int, error) {
	switch idx := a.Indices().(type) {
	case *array.Int8:
		return gather(dst, idx.Int8Values(), s, col, at), nil
	case *array.Int16:
		return gather(dst, idx.Int16Values(), s, col, at), nil
	case *array.Int32:
		return gather(dst, idx.Int32Values(), s, col, at), nil
	case *array.Uint8:
		return gather(dst, idx.Uint8Values(), s, col, at), nil
	case *array.Uint16:
		return gather(dst, idx.Uint16Values(), s, col, at), nil
	case *array.Uint32:
		return gather(dst, idx.Uint32Values(), s, col, at), nil
	case *array.Int64:
		return gather(dst, narrow(idx.Int64Values()), s, col, at), nil
	case *array.Uint64:
		return gather(dst, narrow(idx.Uint64Values()), s, col, at), nil
	}
	return 0, fmt.Errorf("codes are %s, expected integers", a.Indices().DataType())
}

// narrow keeps codes that do not fit 32 bits from passing for others.
func narrow[T int64 | uint64](codes []T) []uint32 {
	narrowed := make([]uint32, len(codes))
	for i, c := range codes {
		narrowed[i] = uint32(min(uint64(c), math.MaxUint32))
	}
	return narrowed
}

// codeValues numbers the values of a plain array.
func (s *scratch) codeValues(col *column, dst []uint32, a *array.String, at int) (int, error) {
	d := &s.dict
	d.hashed()
	src := source{offsets: offsetsOf(a), text: textOf(a)}
	n := 0
	for i := range a.Len() {
		if col.optional && col.chunk.nulls > 0 && loadBits(s.valid, at+i, 1) == 0 {
			continue
		}
		value := src.value(uint32(i))
		if n > 0 && bytes.Equal(d.value(dst[n-1]), value) {
			dst[n] = dst[n-1]
		} else {
			code, err := d.intern(value)
			if err != nil {
				return 0, err
			}
			dst[n] = code
		}
		n++
	}
	return n, nil
}

// translate turns codes of src into codes of the row group.
func (d *localDict) translate(codes []uint32, src *source) error {
	known := src.codes
	for i, c := range codes {
		if uint64(c) >= uint64(len(known)) {
			return fmt.Errorf("code %d in a dictionary of %d values", int32(c), len(known))
		}
		code := known[c]
		if code < 0 {
			added, err := d.add(src, c)
			if err != nil {
				return err
			}
			code = int32(added)
			known[c] = code
		}
		codes[i] = uint32(code)
	}
	return nil
}

// add returns the code of a value of src that has not occurred in the row group, unless another source had it.
func (d *localDict) add(src *source, code uint32) (uint32, error) {
	value := src.value(code)
	if !d.single {
		return d.intern(value)
	}
	if !src.valid {
		if err := checkText(value); err != nil {
			return 0, err
		}
	}
	return d.append(value)
}

// unique reports whether all values of the dictionary differ. index is used as working memory.
func (src *source) unique(index *hashIndex) bool {
	index.reset(len(src.codes))
	for i := range len(src.codes) {
		if src.dict.IsNull(i) {
			continue
		}
		value := src.value(uint32(i))
		slot, found := index.find(value, func(code uint32) []byte { return src.value(code) })
		if found {
			return false
		}
		index.put(slot, uint32(i))
	}
	return true
}

// isText reports whether all values are UTF-8: their bytes together are, and no value begins within a character.
func (src *source) isText() bool {
	last := src.offsets[len(src.offsets)-1]
	if !utf8.Valid(src.text[src.offsets[0]:last]) {
		return false
	}
	for _, at := range src.offsets {
		if at < last && !utf8.RuneStart(src.text[at]) {
			return false
		}
	}
	return true
}
