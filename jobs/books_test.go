package jobs

import (
	"strings"
	"testing"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/parquetfile"
	"github.com/usagereport/usagereport/sinks/workbook"
)

// TestSameAsParquet names what a sheet has otherwise than the file of its log.
func TestSameAsParquet(t *testing.T) {
	def := dictionary.GenerationLog
	build := func() (*workbook.SheetContents, parquetfile.Summary) {
		sheet, file := &workbook.SheetContents{Name: def.Title, Rows: 10}, parquetfile.Summary{Rows: 10}
		for i, f := range def.Fields {
			sheet.Columns = append(sheet.Columns, workbook.ColumnContents{Name: f.Name, Cells: int64(10 - i%3), Sum: int64(i)})
			file.Columns = append(file.Columns, parquetfile.ColumnSummary{Nulls: int64(i % 3), Sum: int64(i)})
		}
		return sheet, file
	}
	last := len(def.Fields) - 1
	for _, c := range []struct {
		name  string
		spoil func(s *workbook.SheetContents, f *parquetfile.Summary)
		want  string
	}{
		{"the same", func(*workbook.SheetContents, *parquetfile.Summary) {}, ""},
		{"a row less", func(s *workbook.SheetContents, _ *parquetfile.Summary) { s.Rows-- }, "has 9 rows, the Parquet file 10"},
		{"a cell less", func(s *workbook.SheetContents, _ *parquetfile.Summary) { s.Columns[3].Cells-- }, "has 9 cells of user_id, the Parquet file 10"},
		{"another total", func(_ *workbook.SheetContents, f *parquetfile.Summary) { f.Columns[last].Sum++ }, "adds up to 18 content_generations, the Parquet file to 19"},
	} {
		sheet, file := build()
		c.spoil(sheet, &file)
		if got := sameAsParquet(def, sheet, file); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if got := sameAsParquet(def, nil, parquetfile.Summary{}); !strings.Contains(got, "there is no sheet Generation Log") {
		t.Errorf("no sheet: %q", got)
	}
}
