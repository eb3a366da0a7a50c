package workbook

import (
	"slices"

	"github.com/usagereport/usagereport/dictionary"
)

// Order puts the sheets into the order of their tables, behind the Summary, for sheets that could not be written in the
// order in which people expect them. Sheets of other tables stay in front.
func (w *Writer) Order(tables ...*dictionary.Table) {
	slices.SortStableFunc(w.sheets, func(a, b *Sheet) int {
		return slices.Index(tables, a.table) - slices.Index(tables, b.table)
	})
}
