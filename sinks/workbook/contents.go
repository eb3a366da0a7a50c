package workbook

import "fmt"

// Contents is what a workbook holds. Of one workbook, what Close returns and what Read finds are equal.
type Contents struct {
	Summary []Number // of the sheet Summary, from top to bottom; nil without one
	Sheets  []SheetContents
}

// Number is a label with the number in the cell to its right.
type Number struct {
	Label string
	N     int64
}

// SheetContents is what a sheet holds, its parts taken together where it was split.
type SheetContents struct {
	Name    string
	Rows    int64   // below the headers
	Parts   []int64 // the same, by part
	Columns []ColumnContents
}

// ColumnContents is what a column holds below its header.
type ColumnContents struct {
	Name  string // the header
	Cells int64  // that are not empty: of values that are not null
	// Sum is of the numbers as they are, of booleans how many are true, of dates the days and of timestamps the whole
	// seconds since 1899-12-30, and of text nothing.
	Sum int64
}

// Number returns the first number on Summary with the label.
func (c *Contents) Number(label string) (int64, bool) {
	for _, n := range c.Summary {
		if n.Label == label {
			return n.N, true
		}
	}
	return 0, false
}

// Sheet returns the named sheet, or nil.
func (c *Contents) Sheet(name string) *SheetContents {
	for i := range c.Sheets {
		if c.Sheets[i].Name == name {
			return &c.Sheets[i]
		}
	}
	return nil
}

// Column returns the column with the header, or nil.
func (s *SheetContents) Column(name string) *ColumnContents {
	for i := range s.Columns {
		if s.Columns[i].Name == name {
			return &s.Columns[i]
		}
	}
	return nil
}

// Diff says where the contents differ from what was expected, empty if they do not.
func (c *Contents) Diff(expected *Contents) string {
	if len(c.Summary) != len(expected.Summary) || len(c.Sheets) != len(expected.Sheets) {
		return fmt.Sprintf("found %d numbers on %s and %d sheets beside, expected %d and %d",
			len(c.Summary), summaryName, len(c.Sheets), len(expected.Summary), len(expected.Sheets))
	}
	for i, n := range c.Summary {
		if n != expected.Summary[i] {
			return fmt.Sprintf("%s: found %q %d, expected %q %d", summaryName, n.Label, n.N, expected.Summary[i].Label, expected.Summary[i].N)
		}
	}
	for i := range c.Sheets {
		if d := c.Sheets[i].diff(&expected.Sheets[i]); d != "" {
			return d
		}
	}
	return ""
}

func (s *SheetContents) diff(expected *SheetContents) string {
	if s.Name != expected.Name || fmt.Sprint(s.Parts) != fmt.Sprint(expected.Parts) || s.Rows != expected.Rows || len(s.Columns) != len(expected.Columns) {
		return fmt.Sprintf("found sheet %s with %d columns and %d rows %v, expected %s with %d and %d %v",
			s.Name, len(s.Columns), s.Rows, s.Parts, expected.Name, len(expected.Columns), expected.Rows, expected.Parts)
	}
	for i, c := range s.Columns {
		if e := expected.Columns[i]; c != e {
			return fmt.Sprintf("sheet %s: found column %q with %d cells that sum to %d, expected %q with %d and %d",
				s.Name, c.Name, c.Cells, c.Sum, e.Name, e.Cells, e.Sum)
		}
	}
	return ""
}

// contents returns what was written.
func (w *Writer) contents() *Contents {
	c := &Contents{}
	for _, s := range w.sheets {
		if s.table == nil {
			c.Summary = summaryNumbers(w.options.Summary)
			continue
		}
		sheet := SheetContents{Name: s.name}
		for _, p := range s.parts {
			sheet.Parts = append(sheet.Parts, int64(p.rows-1))
			sheet.Rows += int64(p.rows - 1)
		}
		for _, c := range s.columns {
			sheet.Columns = append(sheet.Columns, c.contents)
		}
		c.Sheets = append(c.Sheets, sheet)
	}
	return c
}
