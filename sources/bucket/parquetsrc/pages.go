package parquetsrc

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// maxPage bounds a page's unpacked bytes; writers make pages of about a megabyte.
const maxPage = 1 << 30

// pageStream serves a column chunk to parquet-go as if its pages had been written without compression. So sizes,
// checksums and unpacking are checked here, before the decoder trusts them, and the decoder's own handling of
// unpacked pages, which loses the result when a codec needs a larger buffer (parquet-go#608), is not used.
//
// It is an io.ReaderAt that can only be read in order, as parquet-go does. The bytes of a header are served alone: the
// next read is then that of the page, into which it is unpacked directly.
type pageStream struct {
	ranges *ranges
	chunk  span // what of it is not read yet
	codec  format.CompressionCodec
	left   int64 // values that the chunk still has to give

	protocol thrift.CompactProtocol
	served   int64      // bytes handed out
	head     []byte     // of the page, not handed out yet
	body     storedPage // after it
	buf      []byte     // an unpacked page that did not fit where it was wanted
	rest     []byte     // of buf, not handed out yet
	packed   []byte     // a page that is not in memory
}

// storedPage is a page as it is stored.
type storedPage struct {
	levels []byte // which data pages of version 2 never compress
	data   []byte
	plain  int // bytes of data when unpacked
	packed bool
}

// size returns the bytes of the page when unpacked.
func (p *storedPage) size() int { return len(p.levels) + p.plain }

// ReadAt implements io.ReaderAt. It returns fewer bytes than asked for without an error where a header ends.
func (s *pageStream) ReadAt(p []byte, off int64) (n int, err error) {
	if off != s.served {
		return 0, fmt.Errorf("the pages were read out of order: at %d, not %d", off, s.served)
	}
	defer func() { s.served += int64(n) }()
	if len(s.head) == 0 && len(s.rest) == 0 && s.body.size() == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	if len(s.head) > 0 {
		n = copy(p, s.head)
		s.head = s.head[n:]
		return n, nil
	}
	if size := s.body.size(); size > 0 {
		to := p
		if len(p) < size {
			s.buf = slices.Grow(s.buf[:0], size)
			to = s.buf[:size]
		}
		if err := s.unpack(to[:size]); err != nil {
			return 0, err
		}
		s.body = storedPage{}
		if len(p) >= size {
			return size, nil
		}
		s.rest = to
	}
	n = copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// unpack writes the whole page to dst.
func (s *pageStream) unpack(dst []byte) error {
	n := copy(dst, s.body.levels)
	if !s.body.packed {
		copy(dst[n:], s.body.data)
		return nil
	}
	if err := decompress(s.codec, dst[n:], s.body.data); err != nil {
		return fmt.Errorf("%s: %w", s.codec, err)
	}
	return nil
}

// next reads the next page's header and stored bytes. The error is io.EOF when all values have been given.
func (s *pageStream) next() error {
	if s.left <= 0 || s.chunk.off >= s.chunk.end {
		return io.EOF
	}
	h, err := s.header()
	if err != nil {
		return err
	}
	size, plain := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
	if size < 0 || size > s.chunk.end-s.chunk.off {
		return fmt.Errorf("a page of %d bytes where the chunk has %d left", size, s.chunk.end-s.chunk.off)
	}
	if plain < 0 || plain > maxPage {
		return fmt.Errorf("a page that unpacks to %d bytes: at most %d are read", plain, maxPage)
	}
	stored, err := s.take(size)
	if err != nil {
		return err
	}
	if crc := uint32(h.CRC); crc != 0 && crc != crc32.ChecksumIEEE(stored) {
		return fmt.Errorf("the checksum of a page is %08x, not %08x", crc32.ChecksumIEEE(stored), crc)
	}
	body := storedPage{data: stored, plain: int(plain), packed: s.codec != format.Uncompressed}
	switch h.Type {
	case format.DictionaryPage:
		if n := int64(h.DictionaryPageHeader.V.NumValues); !h.DictionaryPageHeader.Valid || n < 0 || n > plain+8 {
			return fmt.Errorf("a dictionary of %d values in %d bytes", n, plain)
		}
	case format.DataPage:
		d := &h.DataPageHeader
		if err := s.count(d.Valid, d.V.NumValues); err != nil {
			return err
		}
		d.V.Statistics = format.Statistics{}
	case format.DataPageV2:
		d := &h.DataPageHeaderV2
		levels := int64(d.V.DefinitionLevelsByteLength) + int64(d.V.RepetitionLevelsByteLength)
		if d.V.DefinitionLevelsByteLength < 0 || d.V.RepetitionLevelsByteLength < 0 || levels > min(size, plain) ||
			d.V.NumNulls < 0 || d.V.NumNulls > d.V.NumValues {
			return fmt.Errorf("a page of %d bytes with %d bytes of levels and %d nulls", size, levels, d.V.NumNulls)
		}
		if err := s.count(d.Valid, d.V.NumValues); err != nil {
			return err
		}
		body.levels, body.data, body.plain = stored[:levels], stored[levels:], int(plain-levels)
		body.packed = body.packed && (!d.V.IsCompressed.Valid || d.V.IsCompressed.V)
		d.V.IsCompressed = thrift.Null[bool]{V: false, Valid: true}
		d.V.Statistics = format.Statistics{}
	default: // an index page, which no one writes
		return s.next()
	}
	if !body.packed && len(body.data) != body.plain {
		return fmt.Errorf("an uncompressed page of %d bytes that says it has %d", len(body.data), body.plain)
	}
	if body.packed && body.plain == 0 {
		body.data, body.packed = nil, false // some writers compress nothing to something, others to nothing
	}
	h.CompressedPageSize, h.CRC = h.UncompressedPageSize, 0
	if s.head, err = thrift.Marshal(&s.protocol, h); err != nil {
		return err
	}
	s.body = body
	return nil
}

// count checks how many values a data page has.
func (s *pageStream) count(valid bool, n int32) error {
	if !valid || n < 0 || int64(n) > s.left {
		return fmt.Errorf("a data page of %d values where %d are left", n, s.left)
	}
	s.left -= int64(n)
	return nil
}

// header reads the header of the next page.
func (s *pageStream) header() (*format.PageHeader, error) {
	// Headers are small, unless they carry statistics of long values.
	for size := int64(1 << 10); ; size *= 16 {
		size = min(size, s.chunk.end-s.chunk.off)
		b, err := s.peek(size)
		if err != nil {
			return nil, err
		}
		reader := s.protocol.NewReaderFromBytes(b)
		h := new(format.PageHeader)
		err = thrift.NewDecoder(reader).Decode(h)
		if err == nil {
			s.chunk.off += int64(reader.BytesRead())
			return h, nil
		}
		if size == s.chunk.end-s.chunk.off || size >= 16<<20 {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("page header at byte %d of the file: %w", s.chunk.off, err)
		}
	}
}

// peek returns the next n bytes of the chunk.
func (s *pageStream) peek(n int64) ([]byte, error) {
	want := span{s.chunk.off, s.chunk.off + n}
	if b := s.ranges.bytes(want); b != nil {
		return b, nil
	}
	s.packed = slices.Grow(s.packed[:0], int(n))[:n]
	if _, err := s.ranges.ReadAt(s.packed, want.off); err != nil {
		return nil, err
	}
	return s.packed, nil
}

// take returns the next n bytes of the chunk and moves on.
func (s *pageStream) take(n int64) ([]byte, error) {
	b, err := s.peek(n)
	s.chunk.off += n
	return b, err
}

// virtualFooter returns the footer of a file that has the wanted columns alone, as plain physical types, and whose
// chunks are served by pageStreams.
func virtualFooter(meta *format.FileMetaData, columns []*column) ([]byte, error) {
	v := format.FileMetaData{Version: 2, NumRows: meta.NumRows}
	v.Schema = append(v.Schema, format.SchemaElement{
		Name: "schema", NumChildren: thrift.Null[int32]{V: int32(len(columns)), Valid: true}})
	for i, c := range columns {
		e := c.field.element
		v.Schema = append(v.Schema, format.SchemaElement{
			Type: e.Type, TypeLength: e.TypeLength, RepetitionType: e.RepetitionType, Name: fmt.Sprint(i)})
	}
	for g := range meta.RowGroups {
		group := format.RowGroup{NumRows: meta.RowGroups[g].NumRows, Ordinal: int16(g)}
		for i, c := range columns {
			m := &meta.RowGroups[g].Columns[c.field.leaf].MetaData
			group.Columns = append(group.Columns, format.ColumnChunk{MetaData: format.ColumnMetaData{
				Type: m.Type, Encoding: m.Encoding, PathInSchema: thrift.Slice[string]{fmt.Sprint(i)}, Codec: format.Uncompressed,
				NumValues: m.NumValues, TotalCompressedSize: 1 << 50, TotalUncompressedSize: 1 << 50,
			}})
		}
		v.RowGroups = append(v.RowGroups, group)
	}
	var protocol thrift.CompactProtocol
	b, err := thrift.Marshal(&protocol, &v)
	if err != nil {
		return nil, err
	}
	size := len(b)
	return append(b, byte(size), byte(size>>8), byte(size>>16), byte(size>>24), 'P', 'A', 'R', '1'), nil
}
