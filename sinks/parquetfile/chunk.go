package parquetfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"math"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// pageRows is how many rows a data page holds, the same rows in every column, so that a reader who finds the pages
// it needs in one column's index reads the same rows of the others. A multiple of 8: pages start on whole bytes of a
// bitmap.
const pageRows = 20 << 10

// sumKey is the key, in a column chunk's own metadata, of the sum of its values.
const sumKey = "sum"

// chunk is the encoded part of one column in one row group, and what the footer says about it. Its buffers are used
// again for the next row group, except for bounds, which the footer keeps.
type chunk struct {
	buf          []byte // the dictionary page, if any, then the data pages, with their headers
	dictionary   int    // bytes of the dictionary page with its header; 0 without one
	encoding     format.Encoding
	pages        []pageInfo
	values       int64 // rows, nulls included
	nulls        int64
	distinct     int64  // of the values that are not null; 0 when not known
	min, max     []byte // in PLAIN encoding; nil without values
	uncompressed int64  // bytes of all pages with their headers before compression
	textBytes    int64  // bytes of all text, nulls and repetitions counted, as if it were not encoded; else 0
	sum          int64  // of all values, for integers
}

// pageInfo is what the page indexes say about a data page.
type pageInfo struct {
	offset    int // within the chunk
	size      int // with the header
	firstRow  int
	rows      int
	nulls     int
	textBytes int64
	min, max  []byte // nil when all values are null
}

func (c *chunk) reset() {
	*c = chunk{buf: c.buf[:0], pages: c.pages[:0]}
}

// bounds takes the chunk's bounds from those of its pages, in the order of the type.
func (c *chunk) bounds(compare func(a, b []byte) int) {
	for i := range c.pages {
		p := &c.pages[i]
		if p.min == nil {
			continue
		}
		if c.min == nil || compare(p.min, c.min) < 0 {
			c.min = p.min
		}
		if c.max == nil || compare(p.max, c.max) > 0 {
			c.max = p.max
		}
	}
}

// metadata is what the footer says of the chunk when it starts at byte at of the file.
func (c *chunk) metadata(col *column, at int64) columnMetaData {
	m := columnMetaData{
		Type:                  physicalType(col.field.Kind),
		PathInSchema:          []string{col.field.Name},
		Codec:                 format.Zstd,
		NumValues:             c.values,
		TotalUncompressedSize: c.uncompressed,
		TotalCompressedSize:   int64(len(c.buf)),
		DataPageOffset:        at + int64(c.dictionary),
		Statistics: statistics{
			NullCount:     c.nulls,
			DistinctCount: c.distinct,
			MaxValue:      c.max,
			MinValue:      c.min,
		},
	}
	if c.min != nil {
		m.Statistics.IsMinValueExact.Set(true)
		m.Statistics.IsMaxValueExact.Set(true)
	}
	if c.dictionary > 0 {
		m.DictionaryPageOffset = at
		m.Encoding = []format.Encoding{format.Plain, format.RLE, format.RLEDictionary}
		m.EncodingStats = append(m.EncodingStats,
			format.PageEncodingStats{PageType: format.DictionaryPage, Encoding: format.Plain, Count: 1})
	} else {
		m.Encoding = []format.Encoding{format.Plain, format.RLE}
	}
	m.EncodingStats = append(m.EncodingStats,
		format.PageEncodingStats{PageType: format.DataPage, Encoding: c.encoding, Count: int32(len(c.pages))})
	if m.Type == format.ByteArray {
		m.SizeStatistics.UnencodedByteArrayDataBytes = c.textBytes
	}
	if col.optional {
		m.SizeStatistics.DefinitionLevelHistogram = []int64{c.nulls, c.values - c.nulls}
	}
	if col.field.Sum {
		m.KeyValueMetadata = []format.KeyValue{{Key: sumKey, Value: strconv.FormatInt(c.sum, 10)}}
	}
	return m
}

// indexes are the page indexes of the chunk when it starts at byte at of the file.
func (c *chunk) indexes(col *column, at int64) (format.ColumnIndex, format.OffsetIndex) {
	n := len(c.pages)
	ci := format.ColumnIndex{
		NullPages:     make([]bool, n),
		MinValues:     make([][]byte, n),
		MaxValues:     make([][]byte, n),
		BoundaryOrder: c.boundaryOrder(col.compare),
		NullCounts:    make([]int64, n),
	}
	oi := format.OffsetIndex{PageLocations: make([]format.PageLocation, n)}
	var text []int64
	for i := range c.pages {
		p := &c.pages[i]
		ci.NullPages[i] = p.min == nil
		ci.MinValues[i], ci.MaxValues[i] = p.min, p.max
		ci.NullCounts[i] = int64(p.nulls)
		if col.optional {
			ci.DefinitionLevelHistogram = append(ci.DefinitionLevelHistogram, int64(p.nulls), int64(p.rows-p.nulls))
		}
		oi.PageLocations[i] = format.PageLocation{
			Offset:             at + int64(p.offset),
			CompressedPageSize: int32(p.size),
			FirstRowIndex:      int64(p.firstRow),
		}
		text = append(text, p.textBytes)
	}
	if c.textBytes > 0 {
		oi.UnencodedByteArrayDataBytes = text
	}
	return ci, oi
}

// boundaryOrder says whether the bounds of the pages that have any only ever grow, or only ever shrink.
func (c *chunk) boundaryOrder(compare func(a, b []byte) int) format.BoundaryOrder {
	ascending, descending := true, true
	var last *pageInfo
	for i := range c.pages {
		p := &c.pages[i]
		if p.min == nil {
			continue
		}
		if last != nil {
			lo, hi := compare(last.min, p.min), compare(last.max, p.max)
			ascending = ascending && lo <= 0 && hi <= 0
			descending = descending && lo >= 0 && hi >= 0
		}
		last = p
	}
	switch {
	case ascending:
		return format.Ascending
	case descending:
		return format.Descending
	}
	return format.Unordered
}

func compareInt32(a, b []byte) int {
	return cmp.Compare(int32(binary.LittleEndian.Uint32(a)), int32(binary.LittleEndian.Uint32(b)))
}

func compareInt64(a, b []byte) int {
	return cmp.Compare(int64(binary.LittleEndian.Uint64(a)), int64(binary.LittleEndian.Uint64(b)))
}

// comparison is the order of a physical type, of values in PLAIN encoding: of text by its bytes.
func comparison(t format.Type) func(a, b []byte) int {
	switch t {
	case format.Int32:
		return compareInt32
	case format.Int64:
		return compareInt64
	default:
		return bytes.Compare
	}
}

// scratch is the working memory of one goroutine that encodes chunks.
type scratch struct {
	zstd   *zstd.Encoder
	raw    []byte // the page being built, before compression
	packed []byte // the same after it
	header bytes.Buffer
	thrift *thrift.Encoder

	valid []byte   // bitmap over the rows of the row group, padded by eight bytes; only of optional columns
	codes []uint32 // of the rows that are not null
	ints  []int64  // of the rows that are not null
	bits  []byte   // of the rows that are not null, padded by eight bytes
	table []int32  // of integers: value minus the smallest → code
	dict  localDict
}

func newScratch() (*scratch, error) {
	// Pages are packed codes or values that occur once: higher levels search them in vain, for 1 % of their size. What
	// does pay is entropy coding where no matches are found at all.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithAllLitEntropyCompression(true))
	if err != nil {
		return nil, err
	}
	s := &scratch{zstd: encoder}
	s.thrift = thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&s.header))
	return s, nil
}

// beginPage starts a data page of optional rows with their definition levels; those of a required column have none.
func (s *scratch) beginPage(col *column, firstRow, rows, nulls int) {
	s.raw = s.raw[:0]
	if !col.optional {
		return
	}
	s.raw = append(s.raw, 0, 0, 0, 0)
	s.raw = appendLevels(s.raw, s.valid, firstRow, rows, nulls)
	binary.LittleEndian.PutUint32(s.raw, uint32(len(s.raw)-4))
}

// endPage compresses what stands in raw and appends it to the chunk with its header.
func (s *scratch) endPage(c *chunk, p pageInfo) error {
	head := format.PageHeader{Type: format.DataPage}
	head.DataPageHeader.Set(format.DataPageHeader{
		NumValues:               int32(p.rows),
		Encoding:                c.encoding,
		DefinitionLevelEncoding: format.RLE,
		RepetitionLevelEncoding: format.RLE,
	})
	p.offset = len(c.buf)
	if err := s.appendPage(c, &head, s.raw); err != nil {
		return err
	}
	p.size = len(c.buf) - p.offset
	c.pages = append(c.pages, p)
	return nil
}

// dictionaryPage appends the dictionary page with the given values in PLAIN encoding.
func (s *scratch) dictionaryPage(c *chunk, values []byte, n int) error {
	head := format.PageHeader{Type: format.DictionaryPage}
	head.DictionaryPageHeader.Set(format.DictionaryPageHeader{NumValues: int32(n), Encoding: format.Plain})
	if err := s.appendPage(c, &head, values); err != nil {
		return err
	}
	c.dictionary = len(c.buf)
	return nil
}

func (s *scratch) appendPage(c *chunk, head *format.PageHeader, raw []byte) error {
	if len(raw) > math.MaxInt32 {
		return errTooLarge
	}
	s.packed = s.zstd.EncodeAll(raw, s.packed[:0])
	head.UncompressedPageSize = int32(len(raw))
	head.CompressedPageSize = int32(len(s.packed))
	head.CRC = int32(crc32.ChecksumIEEE(s.packed))
	s.header.Reset()
	if err := s.thrift.Encode(head); err != nil {
		return err
	}
	c.uncompressed += int64(s.header.Len() + len(raw))
	c.buf = append(c.buf, s.header.Bytes()...)
	c.buf = append(c.buf, s.packed...)
	return nil
}
