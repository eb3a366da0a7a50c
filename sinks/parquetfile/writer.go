// Package parquetfile writes Arrow records of one dictionary table into one Parquet file, and reads such files
// back for checks and for verbatim reuse. It never opens, closes, names or publishes anything: it is handed an
// io.Writer or an io.ReaderAt.
//
// Text that arrives by code leaves by code: the values of a dictionary are looked at once, rows are only
// renumbered and packed. The bytes of a file follow from its rows, its metadata and where its row groups end;
// how the rows were cut into records, which dictionaries their codes came from and how many goroutines encoded
// them make no difference.
package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/parquet-go/parquet-go/format"

	"github.com/usagereport/usagereport/dictionary"
)

// DefaultRowGroupRows is how many rows a row group holds unless Options says otherwise.
const DefaultRowGroupRows = 1 << 20

// Options are the choices of a Writer. The zero value is a good one.
type Options struct {
	Metadata     map[string]string // key-value metadata, beside what the table says of itself; written sorted by key
	RowGroupRows int               // rows of a full row group; 0 stands for DefaultRowGroupRows
	Concurrency  int               // goroutines that encode columns; 0 stands for GOMAXPROCS. It does not change the bytes.
}

// Summary is what a file holds.
type Summary struct {
	Rows      int64
	RowGroups int
	Bytes     int64           // size of the whole file
	Columns   []ColumnSummary // in table order
}

// ColumnSummary is what one column of a file holds.
type ColumnSummary struct {
	Name  string
	Nulls int64
	Sum   int64 // of all values, where the dictionary says that the field is summed; else 0
}

// Writer writes one file. It is not safe for concurrent use.
type Writer struct {
	out     countingWriter
	table   *dictionary.Table
	columns []*column
	workers []*scratch
	options Options

	pending     []arrow.Record // retained, of the open row group
	pendingRows int

	footer  footer
	summary Summary
	err     error // the first failure; everything after it fails too
	closed  bool
}

// NewWriter returns a Writer of a file of table t to out. It writes in one pass, never seeks and never closes
// out: nothing is complete until Close of the Writer has returned without an error.
func NewWriter(out io.Writer, t *dictionary.Table, o Options) (*Writer, error) {
	if o.RowGroupRows < 0 || o.Concurrency < 0 {
		return nil, fmt.Errorf("writing table %s: RowGroupRows %d and Concurrency %d must not be negative",
			t.Name, o.RowGroupRows, o.Concurrency)
	}
	if o.RowGroupRows == 0 {
		o.RowGroupRows = DefaultRowGroupRows
	}
	if o.Concurrency == 0 {
		o.Concurrency = runtime.GOMAXPROCS(0)
	}
	w := &Writer{out: countingWriter{w: out}, table: t, options: o}
	foot, err := newFooter(t, o.Metadata)
	if err != nil {
		return nil, fmt.Errorf("writing table %s: %w", t.Name, err)
	}
	w.footer = foot
	w.summary.Columns = make([]ColumnSummary, len(t.Fields))
	for i, f := range t.Fields {
		w.columns = append(w.columns, newColumn(f))
		w.summary.Columns[i].Name = f.Name
	}
	for range min(o.Concurrency, len(w.columns)) {
		s, err := newScratch()
		if err != nil {
			return nil, fmt.Errorf("writing table %s: %w", t.Name, err)
		}
		w.workers = append(w.workers, s)
	}
	return w, nil
}

// Write adds the rows of rec, whose columns are the fields of the table in order: text as utf8 or as a dictionary
// of utf8 with any integer codes, the rest as dictionary.Kind says. Rows are expected in the table's SortOrder;
// an OrderChecker finds those that are not.
//
// It does not take ownership of rec, but retains it until its row group is written. Records that reach Write in
// the same row group with the same dictionary array cost least.
func (w *Writer) Write(rec arrow.Record) error {
	if err := w.usable(); err != nil {
		return err
	}
	if err := w.check(rec); err != nil {
		return w.fail(err)
	}
	rows := int(rec.NumRows())
	for start := 0; start < rows; {
		n := min(rows-start, w.options.RowGroupRows-w.pendingRows)
		if n == rows {
			rec.Retain()
			w.pending = append(w.pending, rec)
		} else {
			w.pending = append(w.pending, rec.NewSlice(int64(start), int64(start+n)))
		}
		w.pendingRows += n
		start += n
		if w.pendingRows == w.options.RowGroupRows {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Flush ends the row group here. Without rows since the last one it does nothing.
func (w *Writer) Flush() error {
	if err := w.usable(); err != nil {
		return err
	}
	if w.pendingRows == 0 {
		return nil
	}
	defer w.release()
	if err := w.start(); err != nil {
		return w.fail(err)
	}
	if err := w.writeRowGroup(); err != nil {
		return w.fail(err)
	}
	return nil
}

// Close writes what is left and the footer, and says what the file holds. After a failure it only lets go of the
// retained records and returns that failure.
func (w *Writer) Close() (Summary, error) {
	if w.closed {
		return Summary{}, fmt.Errorf("writing table %s: the writer is closed", w.table.Name)
	}
	defer w.Discard()
	if err := w.Flush(); err != nil {
		return Summary{}, err
	}
	if err := w.start(); err != nil {
		return Summary{}, w.fail(err)
	}
	if err := w.footer.write(&w.out); err != nil {
		return Summary{}, w.fail(fmt.Errorf("writing the footer of table %s: %w", w.table.Name, err))
	}
	w.summary.Bytes = w.out.n
	w.summary.RowGroups = len(w.footer.rowGroups)
	return w.summary, nil
}

// Discard gives the file up: it writes nothing more and lets go of the retained records. It may be deferred: after
// Close it does nothing.
func (w *Writer) Discard() {
	w.closed = true
	w.release()
	for _, c := range w.columns {
		c.close()
	}
}

func (w *Writer) usable() error {
	if w.err == nil && w.closed {
		return fmt.Errorf("writing table %s: the writer is closed", w.table.Name)
	}
	return w.err
}

func (w *Writer) fail(err error) error {
	w.err = err
	return err
}

func (w *Writer) release() {
	for _, rec := range w.pending {
		rec.Release()
	}
	clear(w.pending)
	w.pending, w.pendingRows = w.pending[:0], 0
}

// start writes the magic bytes that a file begins with, once.
func (w *Writer) start() error {
	if w.out.n > 0 {
		return nil
	}
	if _, err := w.out.Write([]byte(magic)); err != nil {
		return fmt.Errorf("writing table %s: %w", w.table.Name, err)
	}
	return nil
}

// add appends encoded chunks, one per column, as a row group of the given number of rows.
func (w *Writer) add(chunks []*chunk, rows int) error {
	if len(w.footer.rowGroups) > 1<<15-1 {
		return errors.New("a file holds at most 32,768 row groups: raise RowGroupRows")
	}
	group := rowGroup{
		Columns:        make([]columnChunk, len(chunks)),
		NumRows:        int64(rows),
		SortingColumns: w.footer.sorting,
		FileOffset:     w.out.n,
		Ordinal:        int16(len(w.footer.rowGroups)),
	}
	columnIndexes := make([]format.ColumnIndex, len(chunks))
	offsetIndexes := make([]format.OffsetIndex, len(chunks))
	for i, c := range chunks {
		at := w.out.n
		if _, err := w.out.Write(c.buf); err != nil {
			return fmt.Errorf("writing column %s: %w", w.table.Fields[i].Name, err)
		}
		group.Columns[i] = columnChunk{MetaData: c.metadata(w.columns[i], at)}
		group.TotalByteSize += c.uncompressed
		group.TotalCompressedSize += int64(len(c.buf))
		columnIndexes[i], offsetIndexes[i] = c.indexes(w.columns[i], at)

		total := &w.summary.Columns[i]
		total.Nulls += c.nulls
		if w.columns[i].field.Sum {
			sum, ok := addInt64(total.Sum, c.sum)
			if !ok {
				return fmt.Errorf("column %s: the sum does not fit 64 bits", total.Name)
			}
			total.Sum = sum
		}
	}
	w.footer.rowGroups = append(w.footer.rowGroups, group)
	w.footer.columnIndexes = append(w.footer.columnIndexes, columnIndexes)
	w.footer.offsetIndexes = append(w.footer.offsetIndexes, offsetIndexes)
	w.summary.Rows += int64(rows)
	return nil
}

// check says what is wrong with the columns of rec, or whether a column that must not be null is.
func (w *Writer) check(rec arrow.Record) error {
	fields := w.table.Fields
	if int(rec.NumCols()) != len(fields) {
		return fmt.Errorf("writing table %s: the record has %d columns, the table %d: hand over its fields in order",
			w.table.Name, rec.NumCols(), len(fields))
	}
	for i, f := range fields {
		if name := rec.ColumnName(i); name != f.Name {
			return fmt.Errorf("writing table %s: column %d of the record is %q, of the table %q: hand over its fields in order",
				w.table.Name, i+1, name, f.Name)
		}
		col := rec.Column(i)
		if !acceptable(f.Kind, col.DataType()) {
			return fmt.Errorf("writing table %s: column %s is %s, expected %s%s", w.table.Name, f.Name, col.DataType(),
				f.Kind.ArrowType(), orDictionary(f.Kind))
		}
		if _, values := dictionaryOf(col); values != nil {
			values.NullN() // arrays find such things out when first asked: here, not in several goroutines at once
		}
		if !f.Required {
			continue
		}
		if row := firstNull(col); row >= 0 {
			return fmt.Errorf("writing table %s: column %s is null in row %d of the file, counted from 1: it must have a value",
				w.table.Name, f.Name, w.summary.Rows+int64(w.pendingRows)+int64(row)+1)
		}
	}
	return nil
}

func acceptable(k dictionary.Kind, t arrow.DataType) bool {
	if k != dictionary.String {
		return arrow.TypeEqual(t, k.ArrowType())
	}
	if d, ok := t.(*arrow.DictionaryType); ok {
		return d.ValueType.ID() == arrow.STRING
	}
	return t.ID() == arrow.STRING
}

func orDictionary(k dictionary.Kind) string {
	if k == dictionary.String {
		return " or a dictionary of it"
	}
	return ""
}

// countingWriter knows how many bytes have gone through it.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

// addInt64 returns a+b, and false where that overflows.
func addInt64(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0) || b == 0
}

// chunksOf returns the encoded chunks of the columns.
func chunksOf(columns []*column) []*chunk {
	chunks := make([]*chunk, len(columns))
	for i, c := range columns {
		chunks[i] = &c.chunk
	}
	return chunks
}
