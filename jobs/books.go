package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/archive"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/parquetfile"
	"github.com/usagereport/usagereport/sinks/workbook"
)

const (
	zipType = "application/zip"

	usageReportsZip = "Usage Reports.zip"
	usageLogsZip    = "Usage Logs.zip"
	usageLogsBook   = "Usage Logs.xlsx"
)

// book is a workbook that is being made, in a temporary file of its own.
type book struct {
	*workbook.Writer
	name string
	file *scratch
	size int64
	held *workbook.Contents
}

// newBook begins a workbook; name is its file in the zip. Whoever has it closes it.
func (r *nightRun) newBook(name string, o workbook.Options) (_ *book, err error) {
	b := &book{name: name}
	if b.file, err = newScratch(r.night.Scratch); err != nil {
		return nil, err
	}
	o.Zone, o.Made, o.Scratch = r.zone, r.time, r.night.Scratch
	if b.Writer, err = workbook.New(io.NewOffsetWriter(b.file.file, 0), o); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", name, err), b.file.close())
	}
	return b, nil
}

// finish completes the workbook and reads it back: what it then holds is what was written (contract §9).
func (b *book) finish() error {
	written, err := b.Close()
	if err != nil {
		return fmt.Errorf("write %s: %w", b.name, err)
	}
	info, err := b.file.file.Stat()
	if err != nil {
		return fmt.Errorf("read back %s: %w", b.name, err)
	}
	b.size = info.Size()
	if b.held, err = workbook.Read(b.file.file, b.size); err != nil {
		return fmt.Errorf("read back %s: %w: %w", b.name, ErrCheck, err)
	}
	if diff := b.held.Diff(written); diff != "" {
		return fmt.Errorf("read back %s: %w: %s", b.name, ErrCheck, diff)
	}
	return nil
}

// distinct counts the different values of groups of columns in a sheet of the finished workbook, all groups together.
func (b *book) distinct(def *dictionary.Table, groups ...[]int) (int64, error) {
	seen := map[string]bool{}
	for row, err := range workbook.Rows(b.file.file, b.size, def.Title) {
		if err != nil {
			return 0, fmt.Errorf("read back %s: %w: %w", b.name, ErrCheck, err)
		}
		for _, columns := range groups {
			key := ""
			for _, c := range columns {
				key += strconv.Quote(row[c]) // required, so that every row has the cell
			}
			seen[key] = true
		}
	}
	return int64(len(seen)), nil
}

func (b *book) discard() error {
	b.Discard()
	return b.file.close()
}

// writeSheet writes the records, which it releases, as a sheet.
func (b *book) writeSheet(ctx context.Context, def *dictionary.Table, records func(func(arrow.Record, error) bool)) error {
	sheet, err := b.Sheet(def)
	if err != nil {
		return fmt.Errorf("write %s: %w", b.name, err)
	}
	if err := ahead(ctx, records, sheet.Write); err != nil {
		return fmt.Errorf("write %s: %w", b.name, err)
	}
	if err := sheet.Close(); err != nil {
		return fmt.Errorf("write %s: %w", b.name, err)
	}
	return nil
}

// publishBooks puts finished workbooks into a zip of the publication, which is also the newest one's (contract §8).
func (r *nightRun) publishBooks(ctx context.Context, p *lake.Publication, name string, books ...*book) error {
	key := lake.ReportKey(lake.Date(r.date.String()), name)
	object, err := p.Create(ctx, key, zipType)
	if err != nil {
		return err
	}
	defer object.Abort()
	if err := object.Also(lake.LatestReportKey(name)); err != nil {
		return err
	}
	files := make([]archive.File, len(books))
	for i, b := range books {
		files[i] = archive.File{Name: b.name, Content: b.file.file, Size: b.size}
	}
	if err := archive.Write(object, r.time, files); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := object.Commit(0); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// noteBook notes for the manifest what a workbook holds.
func (r *nightRun) noteBook(zip string, b *book, window string) {
	r.books = append(r.books, noted(lake.ReportKey(lake.Date(r.date.String()), zip), b.name, window, b.held))
}

// noted is what the manifest says of a workbook.
func noted(key, name, window string, held *workbook.Contents) lake.Workbook {
	w := lake.Workbook{Archive: key, Name: name, Window: window, Summary: map[string]int64{}}
	for _, n := range held.Summary {
		w.Summary[n.Label] = n.N
	}
	for _, s := range held.Sheets {
		w.Sheets = append(w.Sheets, lake.Sheet{Name: s.Name, Rows: s.Rows, Sums: sums(s)})
	}
	return w
}

// sums returns the totals of a sheet's columns of numbers.
func sums(s workbook.SheetContents) map[string]int64 {
	out := map[string]int64{}
	for _, def := range append(dictionary.Logs(), dictionary.Reports()...) {
		if def.Title != s.Name {
			continue
		}
		for i, f := range def.Fields {
			if f.Kind == dictionary.Integer {
				out[f.Name] = s.Columns[i].Sum
			}
		}
	}
	return out
}

// sameAsParquet says where a sheet differs from the file of the same log: in rows, in values that are not null, in
// totals of numbers.
func sameAsParquet(def *dictionary.Table, s *workbook.SheetContents, file parquetfile.Summary) string {
	if s == nil {
		return fmt.Sprintf("there is no sheet %s", def.Title)
	}
	if s.Rows != file.Rows {
		return fmt.Sprintf("sheet %s has %d rows, the Parquet file %d", s.Name, s.Rows, file.Rows)
	}
	for i, f := range def.Fields {
		if cells, values := s.Columns[i].Cells, file.Rows-file.Columns[i].Nulls; cells != values {
			return fmt.Sprintf("sheet %s has %d cells of %s, the Parquet file %d values", s.Name, cells, f.Name, values)
		}
		if f.Sum && s.Columns[i].Sum != file.Columns[i].Sum {
			return fmt.Sprintf("sheet %s adds up to %d %s, the Parquet file to %d", s.Name, s.Columns[i].Sum, f.Name, file.Columns[i].Sum)
		}
	}
	return ""
}
