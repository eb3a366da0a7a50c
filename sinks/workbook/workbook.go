// Package workbook writes Arrow records into one Excel workbook, a sheet per dictionary table, and reads workbooks of
// its own back to say what is in them. It never decides what belongs into a workbook, and it publishes nothing.
//
// How it stays small and fast with a million rows: excelize makes the workbook (styles, sheets, columns, panes,
// filters, charts, header rows), but neither formats the rows nor holds the archive. Rows become XML straight from
// Arrow's values, in chunks that are deflated side by side and put one after the other into a scratch file; a chunk
// ends on a byte boundary, so that together they are one deflate stream. At the end excelize hands its parts to a
// ZipWriter of ours, which splices the chunks in where a sheet's rows belong and streams the archive out, in one order
// and with one date. The bytes of a workbook follow from its rows and Options alone, not from how rows were cut into
// records, from dictionaries or from the number of processors.
package workbook

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/usagereport/usagereport/dictionary"
)

// Options are what a workbook says of itself, and where it is made.
type Options struct {
	Title   string         // document property
	Subject string         // document property, one line: window, zone, run
	Zone    *time.Location // of the wall clock that Timestamp cells show, in whole seconds; nil stands for UTC
	Made    time.Time      // document properties created and modified
	Scratch string         // folder for a temporary file; empty stands for the system's
	Summary *Summary       // the first sheet, named Summary; nil stands for none
}

// Writer writes one workbook. It is not safe for concurrent use. Whoever has one calls Discard in the end.
type Writer struct {
	dst     io.Writer
	options Options
	book    *excelize.File
	styles  styles
	spool   *spool
	sheets  []*Sheet
	summary *summaryRows // nil without one
	renamed bool         // the sheet that a new book has is in use
	open    *Sheet
	err     error // the first one; whatever comes after it fails with it, too
	closed  bool
}

// New returns a Writer to dst, which gets the bytes of the workbook in one go when it is closed, and none before. It
// keeps the rows in a temporary file until then.
func New(dst io.Writer, o Options) (*Writer, error) {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	w := &Writer{dst: dst, options: o, book: excelize.NewFile()}
	var err error
	if w.styles, err = addStyles(w.book); err != nil {
		return nil, fmt.Errorf("workbook: %w", err)
	}
	file, err := os.CreateTemp(o.Scratch, "workbook-*.rows")
	if err != nil {
		return nil, fmt.Errorf("workbook: create a temporary file: %w", err)
	}
	w.spool = newSpool(file)
	if o.Summary != nil {
		if err := w.writeSummary(o.Summary); err != nil {
			w.Discard()
			return nil, fmt.Errorf("workbook: %s: %w", summaryName, err)
		}
	}
	return w, nil
}

// Sheet begins the sheet of a table. Sheets stand in the order of these calls; the one before must be closed. The
// table's title is the name of the sheet, shortened to the 31 characters that Excel allows.
func (w *Writer) Sheet(def *dictionary.Table) (*Sheet, error) {
	switch {
	case w.err != nil:
		return nil, w.err
	case w.closed:
		return nil, errClosed
	case w.open != nil:
		return nil, fmt.Errorf("workbook: sheet %s: sheet %s is still open", def.Title, w.open.name)
	}
	s, err := newSheet(w, def)
	if err != nil {
		return nil, fmt.Errorf("workbook: sheet %s: %w", def.Title, err)
	}
	w.open = s
	return s, nil
}

var errClosed = errors.New("workbook: closed already")

// Close completes the workbook, writes it to dst and returns what it holds, as Read finds it there. After an error dst
// may hold a part of a workbook. Temporary files are gone afterwards.
func (w *Writer) Close() (*Contents, error) {
	defer w.Discard()
	switch {
	case w.err != nil:
		return nil, w.err
	case w.closed:
		return nil, errClosed
	case w.open != nil:
		return nil, fmt.Errorf("workbook: sheet %s is still open", w.open.name)
	case len(w.sheets) == 0:
		return nil, errors.New("workbook: a workbook needs a sheet")
	}
	if err := w.writePackage(); err != nil {
		return nil, fmt.Errorf("workbook: %w", err)
	}
	return w.contents(), nil
}

// Discard removes temporary files. After Close, or a second time, it does nothing.
func (w *Writer) Discard() {
	if w.closed {
		return
	}
	w.closed = true
	if w.open != nil {
		w.open.release()
	}
	w.spool.discard()
	_ = w.book.Close() // removes temporary files of its own, of which it has none: its sheets are small
}

// fail remembers an error, with which everything after it fails.
func (w *Writer) fail(err error) error {
	if w.err == nil {
		w.err = err
	}
	return err
}

// Names of sheets have at most 31 characters, in UTF-16 as Excel counts.
const maxSheetName = 31

// partName returns the name of the i-th part of a sheet, counted from 0.
func partName(name string, i int) string {
	suffix := ""
	if i > 0 {
		suffix = fmt.Sprintf(" (%d)", i+1)
	}
	return cutUnits(name, maxSheetName-len(suffix)) + suffix
}

// checkName says what is wrong with the name of a new sheet.
func (w *Writer) checkName(name string) error {
	if name == "" || strings.ContainsAny(name, `:\/?*[]`) || strings.HasPrefix(name, "'") || strings.HasSuffix(name, "'") {
		return errors.New(`no name for a sheet: expected one without : \ / ? * [ ] and without an apostrophe at an end`)
	}
	if strings.EqualFold(name, summaryName) {
		return fmt.Errorf("%s is the name of the sheet that Options.Summary makes", summaryName)
	}
	for _, s := range w.sheets {
		for i := range s.parts {
			if strings.EqualFold(partName(s.name, i), name) {
				return fmt.Errorf("there is a sheet named %s already", partName(s.name, i))
			}
		}
	}
	return nil
}
