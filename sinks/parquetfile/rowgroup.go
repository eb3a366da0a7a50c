package parquetfile

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/parquet-go/parquet-go/format"
	"golang.org/x/sync/errgroup"

	"github.com/usagereport/usagereport/dictionary"
)

// errTooLarge is wrapped by whoever knows which column it was.
var errTooLarge = errors.New("a row group holds more than 2 GiB of the column: lower RowGroupRows")

// column is what stays of a column from one row group to the next.
type column struct {
	field    dictionary.Field
	optional bool
	physical format.Type
	compare  func(a, b []byte) int
	chunk    chunk
	known    *source // the dictionary that the last row group began with, if all its values differ
}

func newColumn(f dictionary.Field) *column {
	physical := physicalType(f.Kind)
	return &column{field: f, optional: !f.Required, physical: physical, compare: comparison(physical)}
}

func (c *column) close() {
	if c.known != nil {
		c.known.dict.Release()
		c.known = nil
	}
}

// writeRowGroup encodes the columns of the pending rows, several at a time, and writes them in order.
func (w *Writer) writeRowGroup() error {
	var next atomic.Int64
	var group errgroup.Group
	for _, s := range w.workers {
		group.Go(func() error {
			parts := make([]arrow.Array, len(w.pending))
			for {
				i := int(next.Add(1)) - 1
				if i >= len(w.columns) {
					return nil
				}
				for j, rec := range w.pending {
					parts[j] = rec.Column(i)
				}
				if err := s.encode(w.columns[i], parts, w.pendingRows); err != nil {
					return fmt.Errorf("writing table %s: column %s, row group %d: %w",
						w.table.Name, w.columns[i].field.Name, len(w.footer.rowGroups), err)
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return w.add(chunksOf(w.columns), w.pendingRows)
}

// encode makes the chunk of a column from its parts in the pending records.
func (s *scratch) encode(col *column, parts []arrow.Array, rows int) error {
	c := &col.chunk
	c.reset()
	c.values = int64(rows)
	if col.optional {
		s.validity(parts, rows)
		c.nulls = int64(rows - bitutil.CountSetBits(s.valid, 0, rows))
	}
	var err error
	switch col.field.Kind {
	case dictionary.String:
		err = s.encodeText(col, parts, rows)
	case dictionary.Boolean:
		err = s.encodeBooleans(col, parts, rows)
	default:
		err = s.encodeIntegers(col, parts, rows)
	}
	if err != nil {
		return err
	}
	c.bounds(col.compare)
	return nil
}

// validity gathers the validity of all parts in one bitmap.
func (s *scratch) validity(parts []arrow.Array, rows int) {
	s.valid = bytesOf(s.valid[:0], (rows+7)/8+16)
	at := 0
	for _, part := range parts {
		n := part.Len()
		if bitmap := part.NullBitmapBytes(); len(bitmap) > 0 {
			copyBits(s.valid, at, bitmap, part.Data().Offset(), n)
		} else {
			bitutil.SetBitsTo(s.valid, int64(at), int64(n), true)
		}
		if d, values := dictionaryOf(part); d != nil && values.NullN() > 0 {
			for i := range n { // a code that stands for null
				if part.IsValid(i) && values.IsNull(d.GetValueIndex(i)) {
					bitutil.ClearBit(s.valid, at+i)
				}
			}
		}
		at += n
	}
}

// page is a run of rows that make one data page; values counts those of them that are not null.
type page struct {
	firstRow, rows     int
	firstValue, values int
}

// plan cuts the rows of a row group into pages.
func (s *scratch) plan(col *column, rows int, each func(page) error) error {
	value := 0
	for first := 0; first < rows; first += pageRows {
		p := page{firstRow: first, rows: min(pageRows, rows-first), firstValue: value}
		p.values = s.present(col, first, p.rows)
		if err := each(p); err != nil {
			return err
		}
		value += p.values
	}
	return nil
}

// present counts the rows that are not null.
func (s *scratch) present(col *column, first, rows int) int {
	if !col.optional || col.chunk.nulls == 0 {
		return rows
	}
	return bitutil.CountSetBits(s.valid, first, rows)
}

// firstNull returns the first row of a column that is null, be it by its validity or by its code; -1 without one.
func firstNull(a arrow.Array) int {
	if a.NullN() > 0 {
		for i := range a.Len() {
			if a.IsNull(i) {
				return i
			}
		}
	}
	if d, values := dictionaryOf(a); d != nil && values.NullN() > 0 {
		for i := range d.Len() {
			if values.IsNull(d.GetValueIndex(i)) {
				return i
			}
		}
	}
	return -1
}

func dictionaryOf(a arrow.Array) (*array.Dictionary, *array.String) {
	if d, ok := a.(*array.Dictionary); ok {
		return d, d.Dictionary().(*array.String)
	}
	return nil, nil
}
