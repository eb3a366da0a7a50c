package workbook

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

var errStopped = errors.New("the receiver wants no more")

// Rows yields the rows below the header of a sheet in a workbook that a Writer made, its parts one after the other:
// the text of each cell, of numbers and dates as the file has them, empty where there is none. The receiver may not keep
// the slice. It ends with the first error.
func Rows(r io.ReaderAt, size int64, sheet string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		if err := eachRow(r, size, sheet, yield); err != nil && !errors.Is(err, errStopped) {
			yield(nil, fmt.Errorf("workbook: read sheet %s: %w", sheet, err))
		}
	}
}

func eachRow(r io.ReaderAt, size int64, sheet string, yield func([]string, error) bool) error {
	entries, sheets, err := openPackage(r, size)
	if err != nil {
		return err
	}
	part := 0
	for _, s := range sheets {
		if s.name != partName(sheet, part) {
			continue
		}
		part++
		f := entries[s.part]
		if f == nil {
			return fmt.Errorf("no part %s", s.part)
		}
		var row []string
		err := scanEntry(f, scanRows{
			cell: func(c *cell) error {
				if c.column >= maxColumns {
					return fmt.Errorf("found a cell in column %d, expected at most %d", c.column+1, maxColumns)
				}
				for len(row) <= c.column {
					row = append(row, "")
				}
				row[c.column] = c.text()
				return nil
			},
			row: func(n int) error {
				if n > 1 && !yield(row, nil) {
					return errStopped
				}
				row = slices.Grow(row[:0], len(row))
				return nil
			},
		})
		if err != nil {
			return err
		}
	}
	if part == 0 {
		return errors.New("there is no such sheet")
	}
	return nil
}

// maxColumns is how many columns a sheet can have.
const maxColumns = 16_384
