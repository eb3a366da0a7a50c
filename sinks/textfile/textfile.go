// Package textfile writes the rows of a table as CSV or as JSON for people and for programs that know no Parquet, the
// same bytes for the same rows, and compares such files with the rows again. It never opens, names or publishes a file.
//
// CSV is RFC 4180 in UTF-8 with a header in any case and lines that end in CR LF. Null is an empty cell, empty text a
// cell of two quotes. A cell that a spreadsheet would take for a formula begins with an apostrophe (contract §12).
// JSON is one array of objects, a line each, with the fields in the order of the dictionary, all of them in every
// object and values as they are. In both, instants are RFC 3339 in UTC to the microsecond and days are 2006-01-02.
package textfile

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
)

// flushBytes is how much is gathered before it is written.
const flushBytes = 64 << 10

// Writer writes records of one table as text to what it was made for. It is not safe for concurrent use.
type Writer struct {
	w      io.Writer
	def    *dictionary.Table
	format format
	buf    []byte
	rows   int64
	err    error // of an earlier Write; nothing is written any more
}

// format is how rows become text.
type format interface {
	begin(dst []byte) []byte
	row(dst []byte, cols []column, i int, first bool) ([]byte, error)
	end(dst []byte, rows int64) []byte
}

// NewCSV returns a Writer of CSV. It is up to the caller to close w.
func NewCSV(w io.Writer, def *dictionary.Table) *Writer { return newWriter(w, def, csvFormat{def}) }

// NewJSON returns a Writer of JSON. It is up to the caller to close w.
func NewJSON(w io.Writer, def *dictionary.Table) *Writer {
	return newWriter(w, def, newJSONFormat(def))
}

func newWriter(w io.Writer, def *dictionary.Table, f format) *Writer {
	return &Writer{w: w, def: def, format: f, buf: f.begin(nil)}
}

// Write writes the rows of rec, whose columns are those of the table in its order; text is utf8 or a dictionary of it.
// It does not keep rec. Text that is not UTF-8 and an instant outside of the years 0001 to 9999 are errors that name
// row and column.
func (t *Writer) Write(rec arrow.Record) error {
	if t.err == nil {
		t.err = t.write(rec)
	}
	return t.err
}

func (t *Writer) write(rec arrow.Record) error {
	cols, err := columnsOf(t.def, rec)
	if err != nil {
		return err
	}
	for i := range int(rec.NumRows()) {
		if t.buf, err = t.format.row(t.buf, cols, i, t.rows == 0); err != nil {
			return fmt.Errorf("textfile: %s: row %d: %w", t.def.Name, t.rows+1, err)
		}
		t.rows++
		if len(t.buf) >= flushBytes {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Writer) flush() error {
	if _, err := t.w.Write(t.buf); err != nil {
		return fmt.Errorf("textfile: write %s: %w", t.def.Name, err)
	}
	t.buf = t.buf[:0]
	return nil
}

// Close writes what is left and returns how many rows there are in all. After an error of Write it returns that error,
// and what was written is no file to keep.
func (t *Writer) Close() (rows int64, err error) {
	if t.err != nil {
		return t.rows, t.err
	}
	t.buf = t.format.end(t.buf, t.rows)
	t.err = t.flush()
	if t.err != nil {
		return t.rows, t.err
	}
	t.err = fmt.Errorf("textfile: write %s: the writer is closed", t.def.Name)
	return t.rows, nil
}
