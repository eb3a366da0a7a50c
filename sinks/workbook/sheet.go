package workbook

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
)

// maxRows is how many rows a sheet holds, its header among them.
const maxRows = 1 << 20

// Rows of whose text the width of columns is taken in a log: the first ones, and then one now and then, since what comes
// first in a sorted table is alike. In a report it is all.
const (
	sampleFirst = 1000
	sampleEvery = 1021
)

// Sheet is a sheet being written.
type Sheet struct {
	w       *Writer
	name    string
	table   *dictionary.Table // nil for Summary
	columns []*column
	parts   []part
	rows    int // of the open part, its header among them
	total   int64
	digits  []byte
	styles  cellStyles
}

// part is what fits into one sheet of the workbook.
type part struct {
	rows int // the header among them
	data piece
}

func newSheet(w *Writer, def *dictionary.Table) (*Sheet, error) {
	s := &Sheet{w: w, table: def, name: cutUnits(def.Title, maxSheetName), rows: 1, styles: w.styles.log}
	if err := w.checkName(s.name); err != nil {
		return nil, err
	}
	if len(def.Fields) == 0 {
		return nil, errors.New("a sheet needs a column")
	}
	if def.Role == dictionary.Sheet {
		s.styles = w.styles.report
	}
	for i, f := range def.Fields {
		s.columns = append(s.columns, newColumn(f, i, w.options.Zone, s.styles))
	}
	return s, nil
}

// Write adds the rows of a record: the table's columns in their order, String as utf8 or dictionary<int32, utf8>, Date as
// date32, Boolean as bool, Integer as int64, Timestamp as timestamp[us, UTC]. A null is an empty cell. The record
// stays the caller's; of its dictionaries the sheet keeps the last until it is closed.
func (s *Sheet) Write(rec arrow.Record) error {
	if err := s.usable(); err != nil {
		return err
	}
	if int(rec.NumCols()) != len(s.columns) {
		return s.w.fail(fmt.Errorf("workbook: sheet %s: found a record of %d columns, expected %d", s.name, rec.NumCols(), len(s.columns)))
	}
	for i, c := range s.columns {
		if err := c.bind(rec.Column(i)); err != nil {
			return s.w.fail(fmt.Errorf("workbook: sheet %s: %w", s.name, err))
		}
	}
	for i := range int(rec.NumRows()) {
		if err := s.writeRow(i); err != nil {
			return s.w.fail(fmt.Errorf("workbook: sheet %s: %w", s.name, err))
		}
	}
	return nil
}

func (s *Sheet) usable() error {
	switch {
	case s.w.err != nil:
		return s.w.err
	case s.w.closed || s.w.open != s:
		return fmt.Errorf("workbook: sheet %s is closed", s.name)
	}
	return nil
}

// writeRow writes row i of the records that the columns are bound to.
func (s *Sheet) writeRow(i int) error {
	if s.rows == maxRows {
		if err := s.endPart(); err != nil {
			return err
		}
		s.rows = 1
	}
	s.rows++
	sample := s.styles.wraps || s.total < sampleFirst || s.total%sampleEvery == 0
	s.total++
	s.digits = strconv.AppendInt(s.digits[:0], int64(s.rows), 10)
	buf := s.w.spool.buf
	buf = append(buf, `<row r="`...)
	buf = append(buf, s.digits...)
	buf = append(buf, '"')
	if s.styles.wraps {
		buf = s.appendHeight(buf, i)
	}
	buf = append(buf, '>')
	for _, c := range s.columns {
		buf = c.appendCell(buf, s.digits, i, sample)
	}
	buf = append(buf, `</row>`...)
	s.w.spool.buf = buf
	return s.w.spool.cut()
}

// appendHeight appends how high the row is, if a text in it goes on in a second line: not every program works that out
// when it opens a workbook.
func (s *Sheet) appendHeight(buf []byte, i int) []byte {
	n := 1
	for _, c := range s.columns {
		n = max(n, lines(c.value(i), maxWidth))
	}
	if n == 1 {
		return buf
	}
	buf = append(buf, ` ht="`...)
	buf = strconv.AppendFloat(buf, rowPoints(n), 'f', -1, 64)
	return append(buf, '"')
}

func (s *Sheet) endPart() error {
	data, err := s.w.spool.end()
	s.parts = append(s.parts, part{rows: s.rows, data: data})
	return err
}

// Close completes the sheet.
func (s *Sheet) Close() error {
	if err := s.usable(); err != nil {
		s.release()
		return err
	}
	s.w.open = nil
	s.release()
	if err := s.endPart(); err != nil {
		return s.w.fail(fmt.Errorf("workbook: sheet %s: %w", s.name, err))
	}
	s.w.sheets = append(s.w.sheets, s)
	return nil
}

func (s *Sheet) release() {
	for _, c := range s.columns {
		c.release()
	}
}
