package parquetsrc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/parquet-go/parquet-go"

	"github.com/usagereport/usagereport/sources"
)

// Batches reads the file from its first row. A batch lies within one row group, and each of its text columns is
// wholly by code or wholly plain. All batches of a column chunk share one dictionary array. Columns that the file
// does not have are left out. The receiver releases the batches; the sequence ends at the first error.
func (f *File) Batches(ctx context.Context, o Options) iter.Seq2[sources.Batch, error] {
	return func(yield func(sources.Batch, error) bool) {
		fields, err := f.wanted(o.Columns)
		if err != nil {
			yield(sources.Batch{}, err)
			return
		}
		r := &reading{File: f, options: o, schemas: map[string]*arrow.Schema{}}
		for _, c := range fields {
			r.columns = append(r.columns, &column{field: c, alloc: o.Allocator})
		}
		if err := r.open(); err != nil {
			yield(sources.Batch{}, err)
			return
		}
		for g := range f.meta.RowGroups {
			if more := r.group(ctx, g, yield); !more {
				return
			}
		}
	}
}

// reading is one pass over a file.
type reading struct {
	*File
	options Options
	columns []*column
	decoder *parquet.File // of the virtual file that has the wanted columns alone
	row     int64         // rows handed over
	schemas map[string]*arrow.Schema
}

// open checks the wanted chunks of all row groups and prepares the decoder for them.
func (r *reading) open() error {
	for g := range r.meta.RowGroups {
		if _, err := r.spans(g); err != nil {
			return err
		}
	}
	if len(r.columns) == 0 {
		return nil
	}
	err := guard(func() error {
		footer, err := virtualFooter(&r.meta, r.columns)
		if err != nil {
			return err
		}
		r.decoder, err = parquet.OpenFile(bytes.NewReader(footer), int64(len(footer)), &parquet.FileConfig{
			SkipMagicBytes: true, SkipPageIndex: true, SkipBloomFilters: true,
		})
		return err
	})
	if err != nil {
		return r.wrap("footer", err)
	}
	return nil
}

// group reads a row group and reports whether to go on.
func (r *reading) group(ctx context.Context, g int, yield func(sources.Batch, error) bool) (more bool) {
	fail := func(part string, err error) bool {
		yield(sources.Batch{}, r.wrap(part, err))
		return false
	}
	name := fmt.Sprintf("row group %d", g)
	defer func() {
		for _, c := range r.columns {
			if err := guard(c.finish); err != nil && more {
				more = fail(name, err)
			}
		}
	}()
	if err := ctx.Err(); err != nil {
		return fail(name, fmt.Errorf("reading %s: %w", r.name, err))
	}
	if err := r.begin(g); err != nil {
		return fail(name, err)
	}
	rows := r.meta.RowGroups[g].NumRows
	for rows > 0 {
		if err := ctx.Err(); err != nil {
			return fail(name, fmt.Errorf("reading %s: %w", r.name, err))
		}
		rec, n, err := r.batch(int(min(rows, int64(r.options.BatchRows))), g)
		if err != nil {
			return fail(name, err)
		}
		b := sources.Batch{Record: rec, Object: r.name, FirstRow: r.row + 1}
		r.row, rows = r.row+int64(n), rows-int64(n)
		if !yield(b, nil) {
			return false
		}
	}
	return true
}

// begin fetches the chunks of a row group and starts the columns on them.
func (r *reading) begin(g int) error {
	chunks, err := r.spans(g)
	if err != nil {
		return err
	}
	var next []span
	if g+1 < len(r.meta.RowGroups) {
		if next, err = r.spans(g + 1); err != nil {
			return err
		}
	}
	if err := r.ranges.load(g, chunks, next); err != nil {
		return err
	}
	rows := r.meta.RowGroups[g].NumRows
	for i, c := range r.columns {
		err := guard(func() error {
			chunk, ok := r.decoder.RowGroups()[g].ColumnChunks()[i].(*parquet.FileColumnChunk)
			if !ok {
				return errors.New("the decoder does not read from files")
			}
			stream := &pageStream{ranges: r.ranges, chunk: chunks[i], left: rows,
				codec: r.meta.RowGroups[g].Columns[c.field.leaf].MetaData.Codec}
			c.start(chunk.PagesFrom(stream), int(rows))
			return nil
		})
		if err != nil {
			return r.inColumn(c, g, err)
		}
	}
	return nil
}

// spans returns where the wanted chunks of a row group lie, column by column.
func (r *reading) spans(g int) ([]span, error) {
	group := &r.meta.RowGroups[g]
	spans := make([]span, len(r.columns))
	for i, c := range r.columns {
		if c.field.leaf >= len(group.Columns) {
			return nil, r.inColumn(c, g, fmt.Errorf("the row group has %d columns", len(group.Columns)))
		}
		m := &group.Columns[c.field.leaf].MetaData
		s := span{off: m.DataPageOffset}
		if m.DictionaryPageOffset != 0 {
			s.off = m.DictionaryPageOffset
		}
		s.end = s.off + m.TotalCompressedSize
		if s.off < 4 || s.end < s.off || s.end > r.ranges.size {
			return nil, r.inColumn(c, g, fmt.Errorf("its bytes %d to %d lie outside the file of %d bytes", s.off, s.end, r.ranges.size))
		}
		if m.Type != c.field.element.Type.V {
			return nil, r.inColumn(c, g, fmt.Errorf("a chunk of %s in a column of %s", m.Type, c.field.element.Type.V))
		}
		if group.Columns[c.field.leaf].CryptoMetadata.Value != nil {
			return nil, r.inColumn(c, g, errEncrypted)
		}
		if !codecs[m.Codec] {
			return nil, fmt.Errorf("%w: column %q of %s is compressed by %s: write it with zstd or snappy",
				sources.ErrUnsupported, c.field.name, r.name, m.Codec)
		}
		if group.NumRows < 0 || group.NumRows > math.MaxInt32 || group.NumRows != m.NumValues {
			return nil, r.inColumn(c, g, fmt.Errorf("%d values in a row group of %d rows", m.NumValues, group.NumRows))
		}
		spans[i] = s
	}
	return spans, nil
}

// batch reads up to n rows, fewer where a column changes between codes and plain values. It returns how many.
func (r *reading) batch(n, g int) (arrow.Record, int, error) {
	for _, c := range r.columns {
		err := guard(func() (err error) {
			n, err = c.ready(n)
			return err
		})
		if err != nil {
			return nil, 0, r.inColumn(c, g, err)
		}
	}
	arrays := make([]arrow.Array, 0, len(r.columns))
	defer func() {
		for _, a := range arrays {
			a.Release()
		}
	}()
	kinds := make([]byte, len(r.columns))
	for i, c := range r.columns {
		err := guard(func() error {
			a, err := c.take(n)
			if err == nil {
				arrays = append(arrays, a)
			}
			return err
		})
		if err != nil {
			return nil, 0, r.inColumn(c, g, err)
		}
		kinds[i] = byte(arrays[i].DataType().ID())
	}
	return array.NewRecord(r.schema(string(kinds), arrays), arrays, int64(n)), n, nil
}

// schema returns the schema of a batch, the same one for all batches whose columns have the same types.
func (r *reading) schema(kinds string, arrays []arrow.Array) *arrow.Schema {
	s := r.schemas[kinds]
	if s == nil {
		fields := make([]arrow.Field, len(arrays))
		for i, c := range r.columns {
			fields[i] = arrow.Field{Name: c.field.name, Type: arrays[i].DataType(), Nullable: c.field.nullable}
		}
		s = arrow.NewSchema(fields, nil)
		r.schemas[kinds] = s
	}
	return s
}

func (r *reading) inColumn(c *column, g int, err error) error {
	return r.wrap(fmt.Sprintf("column %q, row group %d", c.field.name, g), err)
}
