package parquetfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/usagereport/usagereport/dictionary"
)

// File is a file that a Writer wrote, open for reading. Its methods may be called from several goroutines.
type File struct {
	table   *dictionary.Table
	reader  io.ReaderAt
	file    *parquet.File
	meta    *format.FileMetaData
	summary Summary
}

// Open reads the footer of a file of table t and checks that it is consistent and has the table's schema. It reads no
// pages: Scan does. r must stay usable as long as the File is; nothing is to be closed.
func Open(r io.ReaderAt, size int64, t *dictionary.Table) (*File, error) {
	f, err := open(r, size, t)
	if err != nil {
		return nil, fmt.Errorf("opening a file of table %s: %w", t.Name, err)
	}
	return f, nil
}

func open(r io.ReaderAt, size int64, t *dictionary.Table) (f *File, err error) {
	// A footer has no checksum. parquet-go panics over some that are damaged.
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("the footer is damaged: %v", p)
		}
	}()
	// A length that does not fit is found here, before anybody makes room for it.
	var tail [8]byte
	const least = int64(len(magic) + len(tail))
	if size < least {
		return nil, fmt.Errorf("%d bytes are too few for a Parquet file", size)
	}
	if _, err := r.ReadAt(tail[:], size-int64(len(tail))); err != nil && err != io.EOF {
		return nil, fmt.Errorf("reading the last bytes: %w", err)
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(tail[4:]) != magic || length > size-least {
		return nil, fmt.Errorf("the last bytes are %q, expected the length of the footer and %s: "+
			"the file is cut off or not a Parquet file", tail, magic)
	}
	file, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	f = &File{table: t, reader: r, file: file, meta: file.Metadata()}
	f.summary = Summary{Rows: f.meta.NumRows, RowGroups: len(f.meta.RowGroups), Bytes: size}
	if err := f.checkSchema(); err != nil {
		return nil, err
	}
	if err := f.checkRowGroups(); err != nil {
		return nil, err
	}
	return f, nil
}

// Inspect reads the footer of a file of table t and returns what it holds and its metadata.
func Inspect(r io.ReaderAt, size int64, t *dictionary.Table) (Summary, map[string]string, error) {
	f, err := Open(r, size, t)
	if err != nil {
		return Summary{}, nil, err
	}
	return f.Summary(), f.Metadata(), nil
}

// Summary returns what the file holds, as the footer has it.
func (f *File) Summary() Summary { return f.summary }

// Metadata returns the key-value metadata that the Writer was given, with what the table says of itself.
func (f *File) Metadata() map[string]string {
	all := make(map[string]string, len(f.meta.KeyValueMetadata))
	for _, kv := range f.meta.KeyValueMetadata {
		if kv.Key != arrowSchemaKey {
			all[kv.Key] = kv.Value
		}
	}
	return all
}

// RowGroups returns how many row groups the file has.
func (f *File) RowGroups() int { return len(f.meta.RowGroups) }

// RowGroupRows returns how many rows row group i has.
func (f *File) RowGroupRows(i int) int64 { return f.meta.RowGroups[i].NumRows }

// RowGroupBounds returns the smallest and the largest value of a column in row group i, in PLAIN encoding (text as it
// is, numbers little endian), and whether there are any: not where all are null or the table has no such column.
func (f *File) RowGroupBounds(i int, column string) (lo, hi []byte, ok bool) {
	at := f.table.Index(column)
	if at < 0 {
		return nil, nil, false
	}
	m := &f.meta.RowGroups[i].Columns[at].MetaData
	return m.Statistics.MinValue, m.Statistics.MaxValue, m.Statistics.NullCount < m.NumValues
}

func (f *File) checkSchema() error {
	want, got := schemaOf(f.table), f.meta.Schema
	for i := 1; i < max(len(want), len(got)); i++ {
		switch {
		case i >= len(got):
			return fmt.Errorf("column %d is missing, expected %s", i, describe(&want[i]))
		case i >= len(want):
			return fmt.Errorf("column %d is %s, expected no more columns", i, describe(&got[i]))
		case !reflect.DeepEqual(want[i], got[i]):
			return fmt.Errorf("column %d is %s, expected %s", i, describe(&got[i]), describe(&want[i]))
		}
	}
	return nil
}

func describe(e *format.SchemaElement) string {
	logical := ""
	if e.LogicalType.Value != nil {
		logical = " " + e.LogicalType.String()
	}
	return fmt.Sprintf("%s %s %s%s", e.Name, e.RepetitionType.V, e.Type.V, logical)
}

// checkRowGroups checks that the figures of the footer agree with each other, and adds up the summary.
func (f *File) checkRowGroups() error {
	columns := len(f.table.Fields)
	f.summary.Columns = make([]ColumnSummary, columns)
	for i, field := range f.table.Fields {
		f.summary.Columns[i].Name = field.Name
	}
	groups := f.meta.RowGroups
	if n := len(groups) * columns; len(f.file.OffsetIndexes()) != n || len(f.file.ColumnIndexes()) != n {
		return fmt.Errorf("page indexes of %d and %d columns, expected %d",
			len(f.file.ColumnIndexes()), len(f.file.OffsetIndexes()), n)
	}
	rows, at := int64(0), int64(len(magic))
	for g := range groups {
		rows += groups[g].NumRows
		if groups[g].NumRows <= 0 || len(groups[g].Columns) != columns {
			return fmt.Errorf("row group %d has %d rows and %d columns, expected rows and %d columns",
				g, groups[g].NumRows, len(groups[g].Columns), columns)
		}
		for i, field := range f.table.Fields {
			var err error
			if at, err = f.checkChunk(g, i, at); err != nil {
				return fmt.Errorf("row group %d, column %s: %w", g, field.Name, err)
			}
		}
	}
	if rows != f.meta.NumRows {
		return fmt.Errorf("the row groups have %d rows, the file %d", rows, f.meta.NumRows)
	}
	return nil
}

// checkChunk checks a chunk, which is to start at byte at, and returns where it ends.
func (f *File) checkChunk(g, i int, at int64) (int64, error) {
	m := &f.meta.RowGroups[g].Columns[i].MetaData
	rows := f.meta.RowGroups[g].NumRows
	if m.NumValues != rows {
		return 0, fmt.Errorf("%d values, expected %d", m.NumValues, rows)
	}
	columnIndex, offsetIndex := f.pageIndexes(g, i)
	pages := offsetIndex.PageLocations
	if n := len(pages); len(columnIndex.NullCounts) != n || len(columnIndex.NullPages) != n ||
		len(columnIndex.MinValues) != n || len(columnIndex.MaxValues) != n {
		return 0, fmt.Errorf("the page indexes disagree about the number of pages, %d", n)
	}
	// Chunks follow one another without gaps, and so do the pages of each.
	start, dictionaryLength := chunkRange(m)
	if start != at || dictionaryLength < 0 || m.TotalCompressedSize < dictionaryLength || m.TotalCompressedSize > f.summary.Bytes-start {
		return 0, fmt.Errorf("%d bytes from byte %d on, expected from %d on", m.TotalCompressedSize, start, at)
	}
	nulls, next, offset := int64(0), int64(0), start+dictionaryLength
	for p := range pages {
		if first := pages[p].FirstRowIndex; first < next || first >= rows || p == 0 && first > 0 {
			return 0, fmt.Errorf("page %d begins with row %d of %d", p, first, rows)
		}
		if pages[p].Offset != offset || pages[p].CompressedPageSize <= 0 {
			return 0, fmt.Errorf("page %d has %d bytes from byte %d on, expected from %d on",
				p, pages[p].CompressedPageSize, pages[p].Offset, offset)
		}
		next = pages[p].FirstRowIndex + 1
		offset += int64(pages[p].CompressedPageSize)
		nulls += columnIndex.NullCounts[p]
	}
	if end := start + m.TotalCompressedSize; offset != end {
		return 0, fmt.Errorf("the pages end with byte %d, the row group's column with byte %d", offset, end)
	}
	if nulls != m.Statistics.NullCount {
		return 0, fmt.Errorf("the pages have %d nulls, the row group %d", nulls, m.Statistics.NullCount)
	}
	total := &f.summary.Columns[i]
	total.Nulls += nulls
	if f.table.Fields[i].Sum {
		sum, err := chunkSum(m)
		if err != nil {
			return 0, err
		}
		var ok bool
		if total.Sum, ok = addInt64(total.Sum, sum); !ok {
			return 0, errSum
		}
	}
	return offset, nil
}

func (f *File) pageIndexes(g, i int) (*format.ColumnIndex, *format.OffsetIndex) {
	at := g*len(f.table.Fields) + i
	return &f.file.ColumnIndexes()[at], &f.file.OffsetIndexes()[at]
}

// chunkRange returns where a chunk starts and how many bytes of it are the dictionary page.
func chunkRange(m *format.ColumnMetaData) (start, dictionary int64) {
	if m.DictionaryPageOffset > 0 {
		return m.DictionaryPageOffset, m.DataPageOffset - m.DictionaryPageOffset
	}
	return m.DataPageOffset, 0
}

func chunkSum(m *format.ColumnMetaData) (int64, error) {
	for _, kv := range m.KeyValueMetadata {
		if kv.Key == sumKey {
			sum, err := strconv.ParseInt(kv.Value, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("its sum: %w", err)
			}
			return sum, nil
		}
	}
	return 0, fmt.Errorf("its metadata has no %q", sumKey)
}
