package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go/format"

	"github.com/usagereport/usagereport/dictionary"
)

// ErrNotReusable is wrapped by CopyRowGroup where the rows must be encoded again.
var ErrNotReusable = errors.New("the row group cannot be copied")

// CopyRowGroup ends the open row group and adds row group i of src, a file of the same table: its bytes as they are,
// except for the text columns named in replace, which get one and the same value in every row. The bytes of the file
// are those that writing the same rows as a row group of their own would have made.
func (w *Writer) CopyRowGroup(src *File, i int, replace map[string]string) error {
	if err := w.Flush(); err != nil {
		return err
	}
	if err := w.start(); err != nil {
		return w.fail(err)
	}
	if err := w.copyRowGroup(src, i, replace); err != nil {
		return w.fail(fmt.Errorf("copying row group %d of table %s: %w", i, w.table.Name, err))
	}
	return nil
}

func (w *Writer) copyRowGroup(src *File, g int, replace map[string]string) error {
	if g < 0 || g >= src.RowGroups() {
		return fmt.Errorf("the file has %d", src.RowGroups())
	}
	if src.meta.CreatedBy != createdBy {
		return fmt.Errorf("%w: the file was written by %q, this is %q", ErrNotReusable, src.meta.CreatedBy, createdBy)
	}
	if !slices.EqualFunc(src.table.Fields, w.table.Fields, sameColumn) || !slices.Equal(src.table.SortOrder(), w.table.SortOrder()) {
		return fmt.Errorf("%w: the fields of table %s differ", ErrNotReusable, src.table.Name)
	}
	for name := range replace {
		if at := w.table.Index(name); at < 0 || w.table.Fields[at].Kind != dictionary.String {
			return fmt.Errorf("%s is not a text column", name)
		}
	}
	rows := int(src.RowGroupRows(g))
	for i, col := range w.columns {
		var err error
		if value, ok := replace[col.field.Name]; ok {
			err = w.workers[0].constant(col, []byte(value), rows)
		} else {
			err = col.chunk.load(src, g, i)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", col.field.Name, err)
		}
	}
	return w.add(chunksOf(w.columns), rows)
}

func sameColumn(a, b dictionary.Field) bool {
	return a.Name == b.Name && a.Kind == b.Kind && a.Required == b.Required && a.Sum == b.Sum
}

// constant makes a chunk of the same text in every row.
func (s *scratch) constant(col *column, value []byte, rows int) error {
	c := &col.chunk
	c.reset()
	c.values = int64(rows)
	s.dict.reset()
	s.dict.hashed()
	if _, err := s.dict.intern(value); err != nil {
		return err
	}
	if cap(s.codes) < rows {
		s.codes = make([]uint32, rows)
	}
	s.codes = s.codes[:rows]
	clear(s.codes)
	if err := s.storeText(col, rows); err != nil {
		return err
	}
	c.bounds(col.compare)
	return nil
}

// load reads a chunk as it stands in a file, and what the footer and the page indexes say about it.
func (c *chunk) load(src *File, g, i int) error {
	m := &src.meta.RowGroups[g].Columns[i].MetaData
	columnIndex, offsetIndex := src.pageIndexes(g, i)
	start, dictionaryLength := chunkRange(m)

	c.reset()
	c.buf = bytesOf(c.buf, int(m.TotalCompressedSize))
	if _, err := io.ReadFull(io.NewSectionReader(src.reader, start, m.TotalCompressedSize), c.buf); err != nil {
		return fmt.Errorf("reading %d bytes from byte %d on: %w", len(c.buf), start, err)
	}
	c.dictionary = int(dictionaryLength)
	for _, stats := range m.EncodingStats {
		if stats.PageType == format.DataPage {
			c.encoding = stats.Encoding
		}
	}
	c.values, c.nulls, c.distinct = m.NumValues, m.Statistics.NullCount, m.Statistics.DistinctCount
	c.uncompressed, c.textBytes = m.TotalUncompressedSize, m.SizeStatistics.UnencodedByteArrayDataBytes
	if c.nulls < c.values {
		c.min, c.max = orEmpty(m.Statistics.MinValue), orEmpty(m.Statistics.MaxValue)
	}
	if src.table.Fields[i].Sum {
		sum, err := chunkSum(m)
		if err != nil {
			return err
		}
		c.sum = sum
	}
	locations := offsetIndex.PageLocations
	for p, at := range locations {
		end := m.NumValues
		if p+1 < len(locations) {
			end = locations[p+1].FirstRowIndex
		}
		info := pageInfo{
			offset:   int(at.Offset - start),
			size:     int(at.CompressedPageSize),
			firstRow: int(at.FirstRowIndex),
			rows:     int(end - at.FirstRowIndex),
			nulls:    int(columnIndex.NullCounts[p]),
		}
		if p < len(offsetIndex.UnencodedByteArrayDataBytes) {
			info.textBytes = offsetIndex.UnencodedByteArrayDataBytes[p]
		}
		if !columnIndex.NullPages[p] {
			info.min, info.max = orEmpty(columnIndex.MinValues[p]), orEmpty(columnIndex.MaxValues[p])
		}
		c.pages = append(c.pages, info)
	}
	return nil
}

// orEmpty keeps an empty value from passing for none.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
