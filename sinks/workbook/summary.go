package workbook

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/xuri/excelize/v2"
)

// summaryName is the name of the first sheet of a report.
const summaryName = "Summary"

// Summary is the first sheet of a report: what it is about, its figures and how they came about.
type Summary struct {
	Title   string
	Facts   []Fact   // window, zone, run
	Figures []Figure // the totals
	Charts  []Chart
	Notes   []Note // how a user is counted, for example
}

// Fact is a label with text beside it.
type Fact struct{ Label, Text string }

// Figure is a label with a number beside it. Level 0 is a total, 1 a part of the total above it.
type Figure struct {
	Label string
	N     int64
	Level int
}

// Chart is a table of two columns with a bar chart beside it.
type Chart struct {
	Title        string
	Label, Value string // headers of the table
	Bars         []Bar  // in the order in which they are shown
}

// Bar is a row of a chart's table.
type Bar struct {
	Label string
	N     int64
}

// Note is text with a heading.
type Note struct{ Heading, Text string }

// The layout of Summary: labels in column A, numbers in B, charts from D on, notes across from A.
const (
	minLabel     = 28 // width of column A in characters
	numberWidth  = 16.0
	otherWidth   = 11.0
	lastColumn   = "K"
	noteWidth    = minLabel + numberWidth + 9*otherWidth
	rowPixels    = 20
	chartPixels  = 640 // width
	barPixels    = 30  // height of a bar, with what is around it
	chartExtra   = 90  // height of what is above and below the bars
	maxChartBars = 25  // a chart of more could not be read: the table has them all
)

// charted is a chart and the row of its table's header.
type charted struct {
	chart  Chart
	header int
}

// summaryNumbers returns the numbers in the order in which they stand on the sheet.
func summaryNumbers(s *Summary) []Number {
	var numbers []Number
	for _, f := range s.Figures {
		numbers = append(numbers, Number{Label: f.Label, N: f.N})
	}
	for _, c := range s.Charts {
		for _, b := range c.Bars {
			numbers = append(numbers, Number(b))
		}
	}
	return numbers
}

// summaryRows writes the rows of Summary.
type summaryRows struct {
	w     *Writer
	row   int
	width width // of column A
	notes []int // rows that are merged
	tags  []charted
}

// writeSummary writes the rows of Summary; the sheet around them is made when the workbook is closed.
func (w *Writer) writeSummary(s *Summary) error {
	r := &summaryRows{w: w, row: 1}
	st := w.styles
	r.cells(24, textCell{st.title, s.Title})
	r.row++
	for _, f := range s.Facts {
		r.labelled(st.fact, f.Label, textCell{st.factText, f.Text})
	}
	r.row++
	for _, f := range s.Figures {
		label, number := st.total, st.totalNumber
		if f.Level > 0 {
			label, number = st.label, st.number
		}
		r.labelled(label, f.Label, numberCell{number, f.N})
	}
	for _, c := range s.Charts {
		r.chart(c)
	}
	for _, n := range s.Notes {
		r.row++
		r.cells(0, textCell{st.heading, n.Heading})
		r.notes = append(r.notes, r.row)
		r.cells(rowPoints(lines([]byte(n.Text), noteWidth)), textCell{st.note, n.Text})
	}
	data, err := w.spool.end()
	if err != nil {
		return err
	}
	w.summary = r
	w.sheets = append(w.sheets, &Sheet{w: w, name: summaryName, parts: []part{{rows: r.row - 1, data: data}}})
	return nil
}

// chart writes the table of a chart, and leaves as much room as the chart needs beside it.
func (r *summaryRows) chart(c Chart) {
	st := r.w.styles
	r.row++
	r.cells(20, textCell{st.part, c.Title})
	first := r.row
	r.tags = append(r.tags, charted{c, first})
	r.cells(headerHeight, textCell{st.report.header, c.Label}, textCell{st.barHeader, c.Value})
	for _, b := range c.Bars {
		r.labelled(st.bar, b.Label, numberCell{st.number, b.N})
	}
	if len(c.Bars) > 0 {
		r.row = max(r.row, first+(chartHeight(c)+rowPixels-1)/rowPixels+1)
	}
}

func chartHeight(c Chart) int { return chartExtra + barPixels*min(len(c.Bars), maxChartBars) }

// labelled writes a row of a label and what stands beside it.
func (r *summaryRows) labelled(style int, label string, beside any) {
	r.width.text([]byte(label))
	height := 0.0
	if n := lines([]byte(label), maxWidth-labelIndent); n > 1 {
		height = rowPoints(n)
	}
	r.cells(height, textCell{style, label}, beside)
}

// labelIndent is how many characters the parts of a total stand farther to the right.
const labelIndent = 3

type textCell struct {
	style int
	text  string
}

type numberCell struct {
	style int
	n     int64
}

// cells writes a row of cells from column A on, and goes to the next. A height of 0 points is the usual one.
func (r *summaryRows) cells(height float64, cells ...any) {
	number := strconv.Itoa(r.row)
	buf := r.w.spool.buf
	buf = append(buf, `<row r="`+number+`"`...)
	if height > 0 {
		buf = append(buf, ` ht="`+strconv.FormatFloat(min(height, excelize.MaxRowHeight), 'f', -1, 64)+`" customHeight="1"`...)
	}
	buf = append(buf, '>')
	for i, cell := range cells {
		at := `<c r="` + columnLetters(i) + number + `" s="`
		switch cell := cell.(type) {
		case textCell:
			text := fitText([]byte(cell.text))
			buf = append(buf, at+strconv.Itoa(cell.style)+`" t="inlineStr"><is><t xml:space="preserve">`...)
			buf = append(appendText(buf, text), `</t></is></c>`...)
		case numberCell:
			buf = append(buf, at+strconv.Itoa(cell.style)+`"><v>`+strconv.FormatInt(cell.n, 10)+`</v></c>`...)
		}
	}
	buf = append(buf, `</row>`...)
	r.w.spool.buf = buf
	r.row++
}

// describeSummary makes everything of Summary but its rows.
func (w *Writer) describeSummary(name string, p part) error {
	f := w.book
	if err := f.SetSheetDimension(name, "A1:B"+strconv.Itoa(p.rows)); err != nil {
		return fmt.Errorf("dimension: %w", err)
	}
	no := false
	if err := f.SetSheetView(name, 0, &excelize.ViewOptions{ShowGridLines: &no}); err != nil {
		return fmt.Errorf("view: %w", err)
	}
	if err := printable(f, name); err != nil {
		return err
	}
	for _, t := range w.summary.tags {
		if err := addChart(f, name, t); err != nil {
			return fmt.Errorf("chart %s: %w", t.chart.Title, err)
		}
	}
	stream, err := f.NewStreamWriter(name)
	if err != nil {
		return err
	}
	r := w.summary
	r.width.at(minLabel)
	r.width += labelIndent
	widths := append([]float64{r.width.characters(), numberWidth}, slices.Repeat([]float64{otherWidth}, 9)...)
	for i, width := range slices.Backward(widths) { // excelize puts the column that comes last first
		if err := stream.SetColWidth(i+1, i+1, width); err != nil {
			return fmt.Errorf("column width: %w", err)
		}
	}
	for _, row := range w.summary.notes {
		n := strconv.Itoa(row)
		if err := stream.MergeCell("A"+n, lastColumn+n); err != nil {
			return fmt.Errorf("note: %w", err)
		}
	}
	return stream.Flush()
}

// addChart puts the chart beside its table.
func addChart(f *excelize.File, sheet string, t charted) error {
	if len(t.chart.Bars) == 0 {
		return nil
	}
	shown := min(len(t.chart.Bars), maxChartBars)
	title := t.chart.Title
	if shown < len(t.chart.Bars) {
		title = fmt.Sprintf("%s (the first %d of %d)", title, shown, len(t.chart.Bars))
	}
	ref := func(column string) string {
		return fmt.Sprintf("%s!$%s$%d:$%s$%d", sheet, column, t.header+1, column, t.header+shown)
	}
	gap, zero, one := uint(45), 0.0, false
	return f.AddChart(sheet, "D"+strconv.Itoa(t.header), &excelize.Chart{
		Type: excelize.Bar,
		Series: []excelize.ChartSeries{{
			Name:              fmt.Sprintf("%s!$B$%d", sheet, t.header),
			Categories:        ref("A"),
			Values:            ref("B"),
			Fill:              excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{colourBar}},
			DataLabelPosition: excelize.ChartDataLabelsPositionOutsideEnd,
		}},
		Format:     excelize.GraphicOptions{Name: t.chart.Title, AltText: title, Positioning: "oneCell"},
		Dimension:  excelize.ChartDimension{Width: chartPixels, Height: uint(chartHeight(t.chart))},
		Legend:     excelize.ChartLegend{Position: "none"},
		Title:      excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: title, Font: &excelize.Font{Bold: true, Size: 12, Color: colourInk}}}},
		VaryColors: &one,
		XAxis:      excelize.ChartAxis{ReverseOrder: true, Font: excelize.Font{Size: 10, Color: colourInk}},
		YAxis:      excelize.ChartAxis{None: true, Minimum: &zero},
		PlotArea:   excelize.ChartPlotArea{ShowVal: true, NumFmt: excelize.ChartNumFmt{CustomNumFmt: "#,##0"}},
		GapWidth:   &gap,
	})
}
