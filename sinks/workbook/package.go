package workbook

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/xuri/excelize/v2"

	"github.com/usagereport/usagereport/sinks/archive"
)

// creator is who made a workbook, as its properties say.
const creator = "usagereport"

// writePackage has excelize make everything but the rows, and writes it with them to dst.
func (w *Writer) writePackage() error {
	rows := map[string]piece{} // by the part of the package that they belong into
	for _, s := range w.sheets {
		for i, p := range s.parts {
			name := partName(s.name, i)
			if err := w.addSheet(name); err != nil {
				return fmt.Errorf("sheet %s: %w", name, err)
			}
			if err := s.describe(name, p); err != nil {
				return fmt.Errorf("sheet %s: %w", name, err)
			}
			// excelize numbers sheets as they come.
			rows["xl/worksheets/sheet"+strconv.Itoa(len(rows)+1)+".xml"] = p.data
		}
	}
	if err := w.describe(); err != nil {
		return err
	}
	if types := w.book.ContentTypes; types != nil {
		// With a chart excelize declares the types of pictures, in the order of a map.
		sort.SliceStable(types.Defaults, func(i, j int) bool { return types.Defaults[i].Extension < types.Defaults[j].Extension })
	}
	parts := &parts{content: map[string]*bytes.Buffer{}}
	w.book.SetZipWriter(func(io.Writer) excelize.ZipWriter { return parts })
	if _, err := w.book.WriteToBuffer(); err != nil {
		return fmt.Errorf("make the workbook: %w", err)
	}
	return w.writeZip(parts.content, rows)
}

// addSheet adds a sheet to the book.
func (w *Writer) addSheet(name string) error {
	if !w.renamed {
		w.renamed = true
		return w.book.SetSheetName(firstSheet, name)
	}
	_, err := w.book.NewSheet(name)
	return err
}

// firstSheet is what excelize calls the sheet of a new book.
const firstSheet = "Sheet1"

// describe sets the properties of the book.
func (w *Writer) describe() error {
	made := w.options.Made.UTC().Format(time.RFC3339)
	err := w.book.SetDocProps(&excelize.DocProperties{
		Title: w.options.Title, Subject: w.options.Subject, Created: made, Modified: made,
		Creator: creator, LastModifiedBy: creator, Language: "en-GB",
	})
	if err == nil {
		err = w.book.SetAppProps(&excelize.AppProperties{Application: creator})
	}
	if err != nil {
		return fmt.Errorf("properties: %w", err)
	}
	w.book.SetActiveSheet(0)
	return nil
}

// describe makes everything but the rows of one part of a sheet.
func (s *Sheet) describe(name string, p part) error {
	if s.table == nil {
		return s.w.describeSummary(name, p)
	}
	f := s.w.book
	last := columnLetters(len(s.columns)-1) + strconv.Itoa(p.rows)
	// The filter comes first: it sets properties of the sheet anew.
	if err := f.AutoFilter(name, "A1:"+last, nil); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	if err := f.SetSheetDimension(name, "A1:"+last); err != nil {
		return fmt.Errorf("dimension: %w", err)
	}
	if err := f.AddIgnoredErrors(name, "A1:"+last, excelize.IgnoredErrorsNumberStoredAsText); err != nil {
		return fmt.Errorf("ignored errors: %w", err)
	}
	if err := printable(f, name); err != nil {
		return err
	}
	if err := f.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: "'" + name + "'!$1:$1", Scope: name}); err != nil {
		return fmt.Errorf("print titles: %w", err)
	}
	stream, err := f.NewStreamWriter(name)
	if err != nil {
		return err
	}
	header := make([]any, len(s.columns))
	for i, c := range slices.Backward(s.columns) { // excelize puts the column that comes last first
		if err := stream.SetColWidth(i+1, i+1, c.width.characters()); err != nil {
			return fmt.Errorf("column %s: %w", c.field.Name, err)
		}
		header[i] = excelize.Cell{StyleID: s.styles.header, Value: c.field.Name}
	}
	if err := stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft",
		Selection: []excelize.Selection{{SQRef: "A2", ActiveCell: "A2", Pane: "bottomLeft"}}}); err != nil {
		return fmt.Errorf("panes: %w", err)
	}
	if err := stream.SetRow("A1", header, excelize.RowOpts{Height: headerHeight}); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	return stream.Flush()
}

const headerHeight = 21 // points

// printable makes a sheet fit on landscape pages that say where they belong, the Summary on one upright page.
func printable(f *excelize.File, name string) error {
	yes, orientation, a4, one, high := true, "landscape", 9, 1, 0 // as many pages high as it takes
	if name == summaryName {
		orientation, high = "portrait", 1
	}
	if err := f.SetSheetProps(name, &excelize.SheetPropsOptions{FitToPage: &yes}); err != nil {
		return fmt.Errorf("sheet properties: %w", err)
	}
	if err := f.SetPageLayout(name, &excelize.PageLayoutOptions{Size: &a4, Orientation: &orientation, FitToWidth: &one, FitToHeight: &high}); err != nil {
		return fmt.Errorf("page layout: %w", err)
	}
	side, edge, foot := 0.4, 0.5, 0.25 // inches
	margins := excelize.PageLayoutMarginsOptions{Left: &side, Right: &side, Top: &edge, Bottom: &edge, Header: &foot, Footer: &foot}
	if err := f.SetPageMargins(name, &margins); err != nil {
		return fmt.Errorf("page margins: %w", err)
	}
	if err := f.SetHeaderFooter(name, &excelize.HeaderFooterOptions{OddFooter: "&L&A&RPage &P of &N"}); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	return nil
}

// parts collects what excelize writes: all but the rows, which is little.
type parts struct{ content map[string]*bytes.Buffer }

func (p *parts) Create(name string) (io.Writer, error) {
	b := &bytes.Buffer{}
	p.content[name] = b
	return b, nil
}

func (*parts) AddFS(fs.FS) error { return errors.ErrUnsupported }

func (*parts) Close() error { return nil }

// writeZip writes the parts with the rows of the sheets in them, in the order of their names and all with one date.
func (w *Writer) writeZip(content map[string]*bytes.Buffer, rows map[string]piece) error {
	for name := range rows {
		if content[name] == nil {
			return fmt.Errorf("excelize made no %s", name)
		}
	}
	zw := zip.NewWriter(w.dst)
	for _, name := range slices.Sorted(maps.Keys(content)) {
		head, tail := []byte(nil), content[name].Bytes()
		data, isSheet := rows[name]
		if isSheet {
			at := bytes.LastIndex(tail, []byte("</sheetData>"))
			if at < 0 {
				return fmt.Errorf("%s: excelize made no place for rows", name)
			}
			head, tail = tail[:at], tail[at:]
		}
		if err := w.writePart(zw, name, head, data, tail); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := zw.Close(); err != nil {
		return fmt.Errorf("write the directory: %w", err)
	}
	return nil
}

// writePart writes one entry: head, rows and tail, as one deflate stream.
func (w *Writer) writePart(zw *zip.Writer, name string, head []byte, rows piece, tail []byte) error {
	before, err := deflated(head, false)
	if err != nil {
		return err
	}
	after, err := deflated(tail, true)
	if err != nil {
		return err
	}
	sum := combineCRC(crc32.ChecksumIEEE(head), rows.crc, rows.raw)
	out, err := archive.Create(zw, archive.Entry{
		Name: name, Method: zip.Deflate,
		CRC32:      combineCRC(sum, crc32.ChecksumIEEE(tail), int64(len(tail))),
		Size:       uint64(int64(len(head)) + rows.raw + int64(len(tail))),
		Compressed: uint64(int64(len(before)) + rows.deflated + int64(len(after))),
	})
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.MultiReader(bytes.NewReader(before), w.spool.reader(rows), bytes.NewReader(after)))
	if err != nil {
		return err
	}
	if expected := int64(len(before)) + rows.deflated + int64(len(after)); n != expected {
		return fmt.Errorf("the temporary file gave %d bytes, expected %d: %w", n, expected, io.ErrUnexpectedEOF)
	}
	return nil
}

// deflated returns b as a deflate stream: a whole one, or one that others can follow.
func deflated(b []byte, last bool) ([]byte, error) {
	if len(b) == 0 && !last {
		return nil, nil
	}
	var out bytes.Buffer
	deflater, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := deflater.Write(b); err != nil {
		return nil, err
	}
	finish := deflater.Flush
	if last {
		finish = deflater.Close
	}
	if err := finish(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
