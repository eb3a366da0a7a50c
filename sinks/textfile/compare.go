package textfile

import (
	"fmt"
	"io"
	"iter"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
)

// Difference is the first place in which a file differs from the rows it should hold.
type Difference struct {
	Row             int64  // from 1, the header not counted
	Column          string // empty where a whole row is missing or too many
	Found, Expected string
}

// Error says what differs and where.
func (d *Difference) Error() string {
	if d.Column == "" {
		return fmt.Sprintf("textfile: row %d: found %s, expected %s", d.Row, d.Found, d.Expected)
	}
	return fmt.Sprintf("textfile: row %d, column %s: found %s, expected %s", d.Row, d.Column, d.Found, d.Expected)
}

// CompareCSV reads a CSV file and compares it with the rows that it should hold, in their order, and returns how many
// there are. It releases the records. The error is a *Difference, ErrFormat, or one of reading either side.
func CompareCSV(r io.Reader, def *dictionary.Table, records iter.Seq2[arrow.Record, error]) (rows int64, err error) {
	return compare(csvRows(r, def), def, records, func(c *column, row int) (cell, error) {
		if c.null(row) {
			return cell{}, nil
		}
		text, err := c.append(nil, row)
		if c.text != nil {
			return cell{text: asCSV(neutral(string(text)))}, err
		}
		return cell{text: string(text)}, err
	})
}

// CompareJSON is CompareCSV for a JSON file.
func CompareJSON(r io.Reader, def *dictionary.Table, records iter.Seq2[arrow.Record, error]) (rows int64, err error) {
	return compare(jsonRows(r, def), def, records, func(c *column, row int) (cell, error) {
		if c.null(row) {
			return cell{null: true}, nil
		}
		text, err := c.append(nil, row)
		return cell{text: string(text)}, err
	})
}

func compare(file iter.Seq2[[]cell, error], def *dictionary.Table, records iter.Seq2[arrow.Record, error],
	want func(*column, int) (cell, error)) (rows int64, err error) {
	next, stop := iter.Pull2(file)
	defer stop()
	one := func(rec arrow.Record) error {
		defer rec.Release()
		cols, err := columnsOf(def, rec)
		if err != nil {
			return err
		}
		for i := range int(rec.NumRows()) {
			rows++
			have, err, ok := next()
			if !ok {
				return &Difference{Row: rows, Found: "the end", Expected: "a row"}
			}
			if err != nil {
				return err
			}
			for c := range cols {
				expected, err := want(&cols[c], i)
				if err != nil {
					return fmt.Errorf("textfile: %s: row %d: %w", def.Name, rows, err)
				}
				if have[c] != expected {
					return &Difference{Row: rows, Column: def.Fields[c].Name, Found: have[c].show(), Expected: expected.show()}
				}
			}
		}
		return nil
	}
	for rec, err := range records {
		if err != nil {
			return rows, err
		}
		if err := one(rec); err != nil {
			return rows, err
		}
	}
	if _, err, ok := next(); err != nil {
		return rows, err
	} else if ok {
		return rows, &Difference{Row: rows + 1, Found: "a row", Expected: "the end"}
	}
	return rows, nil
}

func (c cell) show() string {
	if c.null {
		return "null"
	}
	return fmt.Sprintf("%.200q", c.text)
}
