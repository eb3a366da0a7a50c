package workbook

import (
	"fmt"

	"github.com/xuri/excelize/v2"
)

// Formats of cells, as Excel writes them.
const (
	formatDate    = "yyyy-mm-dd"
	formatTime    = "yyyy-mm-dd hh:mm:ss"
	formatTruth   = `"TRUE";"TRUE";"FALSE"` // Excel shows booleans as that in any format, LibreOffice not in all
	formatInteger = 3                       // #,##0
	formatText    = 49                      // @
)

// Colours, RRGGBB.
const (
	colourInk    = "1F2A44" // titles and headers
	colourFill   = "DCE6F2" // behind headers
	colourLine   = "8EA9CF" // below headers
	colourBar    = "4472C4" // of charts
	colourLabel  = "5A6478" // beside what matters more
	fontSize     = 11.0
	fontSizeHead = 16.0
	fontSizePart = 13.0
)

// cellStyles are the numbers of the styles that the cells of one kind of sheet have.
type cellStyles struct {
	text, formula  int // formula: text that would become a formula when somebody edits the cell
	date, time     int
	integer, truth int
	header         int
	wraps          bool // long text goes on in the next line of its cell
}

// styles are the numbers of all styles of a workbook.
type styles struct {
	log, report cellStyles

	title, part, fact, factText, total, totalNumber, label, number, bar, barHeader, heading, note int
}

// addStyles adds the styles to a book, in an order that never changes.
func addStyles(f *excelize.File) (s styles, err error) {
	add := func(style excelize.Style) int {
		if style.Font == nil {
			style.Font = &excelize.Font{}
		}
		if style.Font.Size == 0 {
			style.Font.Size = fontSize
		}
		style.Font.Family = "Calibri"
		n, e := f.NewStyle(&style)
		if e != nil && err == nil {
			err = fmt.Errorf("style: %w", e)
		}
		return n
	}
	date, time, truth := formatDate, formatTime, formatTruth
	head := func(horizontal string) excelize.Style {
		return excelize.Style{
			Font:      &excelize.Font{Bold: true, Color: colourInk},
			Fill:      excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{colourFill}},
			Border:    []excelize.Border{{Type: "bottom", Color: colourLine, Style: 2}},
			Alignment: &excelize.Alignment{Horizontal: horizontal, Vertical: "center"},
		}
	}
	kinds := func(wrap bool) cellStyles {
		at := func(horizontal string) *excelize.Alignment {
			if !wrap {
				if horizontal == "" {
					return nil
				}
				return &excelize.Alignment{Horizontal: horizontal}
			}
			return &excelize.Alignment{Horizontal: horizontal, Vertical: "top"}
		}
		text := func() *excelize.Alignment {
			if !wrap {
				return nil
			}
			return &excelize.Alignment{Vertical: "top", WrapText: true}
		}
		number := func() *excelize.Alignment { // away from what begins at the left of the next column
			a := at("right")
			a.Indent = 1
			return a
		}
		k := cellStyles{
			formula: add(excelize.Style{NumFmt: formatText, Alignment: text()}),
			date:    add(excelize.Style{CustomNumFmt: &date, Alignment: at("left")}),
			time:    add(excelize.Style{CustomNumFmt: &time, Alignment: at("left")}),
			integer: add(excelize.Style{NumFmt: formatInteger, Alignment: number()}),
			truth:   add(excelize.Style{CustomNumFmt: &truth, Alignment: at("left")}),
			header:  add(head("left")),
			wraps:   wrap,
		}
		if wrap {
			k.text = add(excelize.Style{Alignment: text()})
		}
		return k
	}
	s.log, s.report = kinds(false), kinds(true)

	bold := func(size float64) *excelize.Font { return &excelize.Font{Bold: true, Size: size, Color: colourInk} }
	s.title = add(excelize.Style{Font: bold(fontSizeHead)})
	s.part = add(excelize.Style{Font: bold(fontSizePart)})
	top := func(indent int) *excelize.Alignment {
		return &excelize.Alignment{Horizontal: "left", Vertical: "top", WrapText: true, Indent: indent}
	}
	s.fact = add(excelize.Style{Font: &excelize.Font{Color: colourLabel}, Alignment: top(0)})
	s.factText = add(excelize.Style{NumFmt: formatText, Alignment: &excelize.Alignment{Horizontal: "left", Vertical: "top"}})
	s.total = add(excelize.Style{Font: bold(fontSize), Alignment: top(0)})
	s.totalNumber = add(excelize.Style{Font: bold(fontSize), NumFmt: formatInteger, Alignment: &excelize.Alignment{Vertical: "top"}})
	s.label = add(excelize.Style{NumFmt: formatText, Alignment: top(2)})
	s.number = add(excelize.Style{NumFmt: formatInteger, Alignment: &excelize.Alignment{Vertical: "top"}})
	s.bar = add(excelize.Style{NumFmt: formatText, Alignment: top(0)})
	s.barHeader = add(head("right"))
	s.heading = add(excelize.Style{Font: bold(fontSize), Alignment: &excelize.Alignment{Vertical: "top"}})
	s.note = add(excelize.Style{Alignment: &excelize.Alignment{Vertical: "top", WrapText: true}})
	return s, err
}
