package workbook

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/compress/flate"
	"golang.org/x/sync/errgroup"
)

// maxPart is how many bytes a part of a workbook that is read as a whole may have: it is far beyond what any has.
const maxPart = 64 << 20

// Read says what is in a workbook that a Writer made. It reads all of it once, in bounded memory; a file that is
// damaged or cut off, or that something else made, is an error that says where.
func Read(r io.ReaderAt, size int64) (*Contents, error) {
	c, err := read(r, size)
	if err != nil {
		return nil, fmt.Errorf("workbook: read: %w", err)
	}
	return c, nil
}

func read(r io.ReaderAt, size int64) (*Contents, error) {
	entries, sheets, err := openPackage(r, size)
	if err != nil {
		return nil, err
	}
	c := &Contents{}
	found := make([]*SheetContents, len(sheets))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range sheets {
		f := entries[s.part]
		if f == nil {
			return nil, errors.Join(g.Wait(), fmt.Errorf("sheet %s: no part %s", s.name, s.part))
		}
		delete(entries, s.part)
		g.Go(func() (err error) {
			if i == 0 && s.name == summaryName {
				c.Summary, err = readSummary(f)
			} else if found[i], err = readSheet(f); err == nil {
				found[i].Name = s.name
			}
			if err != nil {
				return fmt.Errorf("sheet %s: %w", s.name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, s := range found {
		if s == nil {
			continue // the Summary
		}
		if err := c.add(s); err != nil {
			return nil, err
		}
	}
	// The rest is of no interest but for its checksums.
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if err := check(entries[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return c, nil
}

// openPackage returns the parts of a workbook by name, and its sheets in their order.
func openPackage(r io.ReaderAt, size int64) (map[string]*zip.File, []listed, error) {
	zr, err := zip.NewReader(r, size)
	if err != nil {
		return nil, nil, err
	}
	zr.RegisterDecompressor(zip.Deflate, flate.NewReader)
	entries := map[string]*zip.File{}
	for _, f := range zr.File {
		if entries[f.Name] != nil {
			return nil, nil, fmt.Errorf("%s is there twice", f.Name)
		}
		entries[f.Name] = f
	}
	sheets, err := listSheets(entries)
	return entries, sheets, err
}

// add adds a sheet, or what it holds to the sheet before that it is a part of.
func (c *Contents) add(s *SheetContents) error {
	if len(c.Sheets) > 0 {
		last := &c.Sheets[len(c.Sheets)-1]
		if full := last.Parts[len(last.Parts)-1] == maxRows-1; full && s.Name == partName(last.Name, len(last.Parts)) {
			same := func(a, b ColumnContents) bool { return a.Name == b.Name }
			if !slices.EqualFunc(s.Columns, last.Columns, same) {
				return fmt.Errorf("sheet %s: its header is not that of %s", s.Name, last.Name)
			}
			last.Parts = append(last.Parts, s.Rows)
			last.Rows += s.Rows
			for i, column := range s.Columns {
				last.Columns[i].Cells += column.Cells
				last.Columns[i].Sum += column.Sum
			}
			return nil
		}
	}
	s.Parts = []int64{s.Rows}
	c.Sheets = append(c.Sheets, *s)
	return nil
}

// listed is a sheet as the workbook lists it.
type listed struct{ name, part string }

func listSheets(entries map[string]*zip.File) ([]listed, error) {
	const bookPart, relationsPart = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
	var book struct {
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	var relations struct {
		Relationship []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		}
	}
	if err := decode(entries, bookPart, &book); err != nil {
		return nil, err
	}
	if err := decode(entries, relationsPart, &relations); err != nil {
		return nil, err
	}
	targets := map[string]string{}
	for _, r := range relations.Relationship {
		targets[r.ID] = r.Target
	}
	if len(book.Sheets) == 0 {
		return nil, fmt.Errorf("%s lists no sheets", bookPart)
	}
	var sheets []listed
	for _, s := range book.Sheets {
		target := targets[s.ID]
		if !strings.HasPrefix(target, "/") {
			target = path.Join("xl", target)
		}
		l := listed{name: s.Name, part: strings.TrimPrefix(target, "/")}
		if slices.ContainsFunc(sheets, func(o listed) bool { return o.part == l.part || o.name == l.name }) {
			return nil, fmt.Errorf("%s lists sheet %s twice", bookPart, l.name)
		}
		sheets = append(sheets, l)
	}
	return sheets, nil
}

// decode reads a small part.
func decode(entries map[string]*zip.File, name string, to any) error {
	f := entries[name]
	if f == nil {
		return fmt.Errorf("no part %s: not a workbook", name)
	}
	if f.UncompressedSize64 > maxPart {
		return fmt.Errorf("%s: found %d bytes, expected at most %d", name, f.UncompressedSize64, maxPart)
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b, err := io.ReadAll(io.LimitReader(r, maxPart))
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := xml.Unmarshal(b, to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// check reads an entry to its end, where its checksum is compared.
func check(f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// readSheet reads a sheet with a header.
func readSheet(f *zip.File) (*SheetContents, error) {
	s := &SheetContents{}
	header := true
	err := scanEntry(f, scanRows{
		cell: func(c *cell) error { return s.addCell(c, header) },
		row: func(n int) error {
			if header {
				if n != 1 || len(s.Columns) == 0 {
					return fmt.Errorf("found row %d first, expected a header in row 1", n)
				}
				header = false
				return nil
			}
			s.Rows++
			if int64(n) != s.Rows+1 {
				return fmt.Errorf("found row %d, expected row %d", n, s.Rows+1)
			}
			return nil
		},
	})
	if err == nil && header {
		err = errors.New("no header")
	}
	return s, err
}

func (s *SheetContents) addCell(c *cell, header bool) error {
	if header {
		if c.kind != textKind || c.column != len(s.Columns) {
			return errors.New("found no text, expected one header after the other")
		}
		s.Columns = append(s.Columns, ColumnContents{Name: c.text()})
		return nil
	}
	if c.column >= len(s.Columns) {
		return errors.New("found a cell beyond the header")
	}
	column := &s.Columns[c.column]
	column.Cells++
	n, err := c.number()
	column.Sum += n
	return err
}

// readSummary returns the numbers that stand to the right of a text.
func readSummary(f *zip.File) ([]Number, error) {
	var numbers []Number
	label, at := "", -2
	err := scanEntry(f, scanRows{
		cell: func(c *cell) error {
			if c.kind == textKind {
				label, at = c.text(), c.column
				return nil
			}
			n, err := c.number()
			if err == nil && c.column == at+1 {
				numbers = append(numbers, Number{Label: label, N: n})
			}
			return err
		},
		row: func(int) error {
			label, at = "", -2
			return nil
		},
	})
	return numbers, err
}

// scanEntry scans the XML of a sheet while it is being inflated.
func scanEntry(f *zip.File, to scanRows) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	ahead := newAhead(r)
	err = scan(ahead, to)
	ahead.stop()
	return errors.Join(err, r.Close())
}

// ahead reads from another reader on a goroutine of its own.
type ahead struct {
	full, empty chan []byte
	quit        chan struct{}
	block, rest []byte
	err         error // of the reader, once full is closed
}

const aheadBlock = 64 << 10

func newAhead(r io.Reader) *ahead {
	a := &ahead{full: make(chan []byte, 3), empty: make(chan []byte, 4), quit: make(chan struct{})}
	for range cap(a.empty) {
		a.empty <- make([]byte, aheadBlock)
	}
	go a.read(r)
	return a
}

func (a *ahead) read(r io.Reader) {
	defer close(a.full)
	for {
		var block []byte
		select {
		case block = <-a.empty:
		case <-a.quit:
			return
		}
		n := 0
		var err error
		for n < len(block) && err == nil {
			var more int
			more, err = r.Read(block[n:])
			n += more
		}
		select {
		case a.full <- block[:n]:
		case <-a.quit:
			return
		}
		if err != nil {
			a.err = err
			return
		}
	}
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.block != nil {
			a.empty <- a.block[:aheadBlock]
			a.block = nil
		}
		block, ok := <-a.full
		if !ok {
			return 0, a.err
		}
		a.block, a.rest = block, block
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// stop ends the goroutine and waits for it.
func (a *ahead) stop() {
	close(a.quit)
	for range a.full {
	}
}
