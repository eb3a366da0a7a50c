package workbook

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/internal/testservice"
)

// Of the sheet Summary: every cell, in its place.
func TestSummaryCells(t *testing.T) {
	b, _ := write(t, sampleOptions(), sampleSheets()...)
	f := open(t, b)
	if got := f.GetSheetList(); got[0] != "Summary" || len(got) != 7 {
		t.Errorf("sheets %q", got)
	}
	var got []string
	for i, row := range cells(t, f, "Summary") {
		if len(row) > 0 {
			got = append(got, fmt.Sprint(i+1, " ", strings.Join(row, " | ")))
		}
	}
	notes := sampleOptions().Summary.Notes
	want := []string{
		"1 T Usage Report (Last 1 Year)",
		"3 T Window | T 2025-11-21 to 2026-11-20 (both days included)",
		"4 T Time zone | T Europe/Zurich",
		"5 T Run time | T 2026-11-21T02:30:00Z",
		"6 T Run | T 2026-11-21-0230-5f2a9c1e",
		"8 T Total Unique Users | N 1,234",
		"9 T Usernames or Emails | N 700",
		"10 T Emails | N 300",
		"11 T Display Names | N 200",
		"12 T Usernames | N 34",
		"13 T Total Unique Entity Types | N 17",
		"14 T Total Unique Projects | N 58",
		"15 T Total Entities Synced | N 60,321",
		"17 T Users by System",
		"18 T System / Source | T Unique Users",
		"19 T Jira | N 812",
		"20 T GitHub | N 640",
		"21 T Azure DevOps (North America, production) | N 400",
		"22 T ServiceNow | N 77",
		`23 T =HYPERLINK("x") | N 3`,
		"32 T Entities Synced by System Pair",
		"33 T System Pair | T Entities",
		"34 T Jira ↔ GitHub | N 40,000",
		"35 T GitHub ↔ Jira | N 15,000",
		"36 T Jira ↔ ServiceNow | N 5,000",
		"37 T Azure DevOps (North America, production) ↔ Jira | N 321",
		"46 T " + notes[0].Heading,
		"47 T " + notes[0].Text,
		"49 T " + notes[1].Heading,
		"50 T " + notes[1].Text,
		"52 T " + notes[2].Heading,
		"53 T " + notes[2].Text,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("found\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for at, want := range map[string]struct {
		bold   bool
		indent int
	}{"A8": {true, 0}, "A9": {false, 2}, "A13": {true, 0}, "B8": {true, 0}, "B9": {false, 0}, "A1": {true, 0}, "A17": {true, 0}, "B18": {true, 0}, "A19": {false, 0}} {
		style := styleOf(t, f, "Summary", at)
		if style.Font.Bold != want.bold || style.Alignment != nil && style.Alignment.Indent != want.indent {
			t.Errorf("%s: %+v", at, style)
		}
	}
}

func styleOf(t *testing.T, f *excelize.File, sheet, at string) *excelize.Style {
	t.Helper()
	n, err := f.GetCellStyle(sheet, at)
	if err != nil {
		t.Fatal(err)
	}
	style, err := f.GetStyle(n)
	if err != nil {
		t.Fatal(err)
	}
	return style
}

// Charts are native: bars of the rows beside them, at most as many as can be read, in an order that goes down.
func TestCharts(t *testing.T) {
	o := sampleOptions()
	o.Summary.Charts = append(o.Summary.Charts, Chart{"Nothing", "L", "V", nil}, Chart{Title: "Many & <more>", Label: "L", Value: "V"})
	for i := range 40 {
		o.Summary.Charts[3].Bars = append(o.Summary.Charts[3].Bars, Bar{fmt.Sprint("bar ", i), int64(100 - i)})
	}
	b, contents := write(t, o)
	if len(contents.Summary) != 8+5+4+40 || contents.Summary[56] != (Number{"bar 39", 61}) {
		t.Errorf("numbers %v", contents.Summary)
	}
	parts := content(b)
	var charts []string
	for i := 1; parts[fmt.Sprintf("xl/charts/chart%d.xml", i)] != ""; i++ {
		charts = append(charts, parts[fmt.Sprintf("xl/charts/chart%d.xml", i)])
	}
	if len(charts) != 3 {
		t.Fatalf("%d charts", len(charts))
	}
	for i, want := range [][]string{
		{"<c:f>Summary!$A$19:$A$23</c:f>", "<c:f>Summary!$B$19:$B$23</c:f>", `<c:orientation val="maxMin">`, `<c:barDir val="bar">`, `<c:showVal val="1">`},
		{"<c:f>Summary!$A$34:$A$37</c:f>", "<c:f>Summary!$B$34:$B$37</c:f>"},
		{"Many &amp; &lt;more&gt; (the first 25 of 40)", "<c:f>Summary!$B$51:$B$75</c:f>"},
	} {
		for _, w := range want {
			if !strings.Contains(charts[i], w) && !strings.Contains(charts[i], strings.ReplaceAll(w, "c:", "")) {
				t.Errorf("chart %d: no %s in %s", i+1, w, charts[i])
			}
		}
	}
}

type dumped struct {
	Title, Subject, Created, Creator string
	Sheets                           []struct {
		Name, Freeze, Filter, Dimension, Titles string
		Widths                                  map[string]float64
		Bold, Filled, Landscape                 bool
		Charts                                  int
		Merged                                  []string
		Rows                                    [][][]any
	}
}

// What openpyxl reads: types, values and formats of all cells, and all that makes a sheet easy to read.
func TestOpenpyxl(t *testing.T) {
	interpreter := testservice.Python(t, "openpyxl")
	name := filepath.Join(t.TempDir(), "sample.xlsx")
	sheets := append(sampleSheets(), sheet{def: kinds, rows: kindRows[:5]})
	b, _ := write(t, sampleOptions(), sheets...)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), interpreter, "-W", "error", filepath.Join("testdata", "openpyxl_dump.py"), name)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var d dumped
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatal(err)
	}
	o := sampleOptions()
	if d.Title != o.Title || d.Subject != o.Subject || d.Created != "2026-11-21T02:30:00" || d.Creator != "usagereport" {
		t.Errorf("properties: %q %q %q %q", d.Title, d.Subject, d.Created, d.Creator)
	}
	if s := d.Sheets[0]; s.Name != "Summary" || s.Charts != 2 || s.Freeze != "" || s.Landscape || !reflect.DeepEqual(s.Merged, []string{"A47:K47", "A50:K50", "A53:K53"}) {
		t.Errorf("Summary: %+v", s)
	}
	for i, s := range sheets {
		got := d.Sheets[i+1]
		last := columnLetters(len(s.def.Fields)-1) + fmt.Sprint(len(s.rows)+1)
		if got.Name != s.def.Title || got.Freeze != "A2" || got.Filter != "$A$1:$"+columnLetters(len(s.def.Fields)-1)+"$"+fmt.Sprint(len(s.rows)+1) ||
			got.Dimension != "A1:"+last || !got.Bold || !got.Filled || !got.Landscape || got.Titles != "$1:$1" || len(got.Rows) != len(s.rows)+1 {
			got.Rows = nil
			t.Errorf("%s: %+v", s.def.Title, got)
			continue
		}
		for j, f := range s.def.Fields {
			if w := got.Widths[columnLetters(j)]; w < minWidth || w > maxWidth || w < float64(len(f.Name)) {
				t.Errorf("%s: column %s is %v wide", s.def.Title, f.Name, w)
			}
			if want := []any{"text", f.Name, "General"}; !reflect.DeepEqual(got.Rows[0][j], want) {
				t.Errorf("%s: header %v, expected %v", s.def.Title, got.Rows[0][j], want)
			}
		}
		for r, row := range s.rows {
			for c, value := range row {
				if want := openpyxlCell(s.def.Fields[c].Kind, value); !reflect.DeepEqual(got.Rows[r+1][c], want) {
					t.Fatalf("%s: row %d, %s: found %v, expected %v", s.def.Title, r+2, s.def.Fields[c].Name, got.Rows[r+1][c], want)
				}
			}
		}
	}
}

// openpyxlCell returns what openpyxl has to say of a value.
func openpyxlCell(kind dictionary.Kind, value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		format := "General"
		if beginsFormula([]byte(v)) {
			format = "@"
		}
		return []any{"text", v, format}
	case int64:
		return []any{"number", float64(v), "#,##0"}
	case bool:
		return []any{"truth", v, formatTruth}
	case time.Time:
		if v.Before(day(1900, 3, 1)) {
			layout := time.DateOnly
			if kind == dictionary.Timestamp {
				v, layout = v.In(zurich), time.DateTime
			}
			return []any{"text", v.Format(layout), "General"}
		}
		if kind == dictionary.Date {
			return []any{"time", v.Format(time.DateOnly) + " 00:00:00", "yyyy-mm-dd"}
		}
		return []any{"time", v.In(zurich).Format(time.DateTime), "yyyy-mm-dd hh:mm:ss"}
	}
	return []any{fmt.Sprintf("%T", value)}
}

// Rows of a report are as high as the longest text in them needs, those of a log are one line.
func TestRowHeights(t *testing.T) {
	long := strings.Repeat("word ", 30)
	report := &dictionary.Table{Title: "Report", Role: dictionary.Sheet, Fields: []dictionary.Field{{Name: "A"}, {Name: "B"}}}
	log := &dictionary.Table{Title: "Log", Role: dictionary.Log, Fields: report.Fields}
	rows := [][]any{{"short", nil}, {long, "x"}, {nil, long + long + "=" + strings.Repeat("line\n", 400)}}
	for _, coded := range []string{"", "*"} {
		b, _ := write(t, Options{}, sheet{def: report, coded: coded, rows: rows}, sheet{def: log, coded: coded, rows: rows})
		f := open(t, b)
		for name, want := range map[string][]float64{"Report": {headerHeight, 15, 45, excelize.MaxRowHeight}, "Log": {headerHeight, 15, 15, 15}} {
			for i, w := range want {
				if got, err := f.GetRowHeight(name, i+1); got != w || err != nil {
					t.Errorf("%s, row %d: %v points, expected %v (%v)", name, i+1, got, w, err)
				}
			}
		}
		for name, wraps := range map[string]bool{"Report": true, "Log": false} {
			style := styleOf(t, f, name, "A2")
			if got := style.Alignment != nil && style.Alignment.WrapText; got != wraps {
				t.Errorf("%s wraps: %t", name, got)
			}
		}
	}
}

// Columns are as wide as what is in them, within bounds.
func TestWidths(t *testing.T) {
	def := &dictionary.Table{Title: "W", Fields: []dictionary.Field{{Name: "Id"}, {Name: "Text"}, {Name: "Wide"}, {Name: "N", Kind: dictionary.Integer},
		{Name: "D", Kind: dictionary.Date}, {Name: "T", Kind: dictionary.Timestamp}, {Name: "A long header of a column"}, {Name: "Lines"}, {Name: "Both"}}}
	b, _ := write(t, Options{}, sheet{def: def, rows: [][]any{
		{"a", strings.Repeat("x", 30), strings.Repeat("山", 10), int64(-1_234_567_890), day(2026, 1, 1), day(2026, 1, 1), nil, "a\n0123456789ab\nb", strings.Repeat("山", 9) + "ab"},
		{"b", "y", strings.Repeat("z", 500), int64(1), nil, nil, nil, nil, nil}}})
	f := open(t, b)
	for letter, want := range map[string]float64{"A": minWidth, "B": 32, "C": maxWidth, "D": 16, "E": 12, "F": 21, "G": 30, "H": 14, "I": 22} {
		if got, err := f.GetColWidth("W", letter); got != want || err != nil {
			t.Errorf("%s: %v wide, expected %v (%v)", letter, got, want, err)
		}
	}
	if at, _, _ := strings.Cut(content(b)["xl/worksheets/sheet1.xml"], "<sheetData>"); strings.Index(at, `<col min="1"`) > strings.Index(at, `<col min="2"`) {
		t.Errorf("columns are out of order: %s", at)
	}
}

// Text that would become a formula once somebody edits its cell has the format that keeps it text.
func TestFormulaFormat(t *testing.T) {
	b, _ := write(t, Options{}, sheet{def: kinds, coded: "Code", rows: [][]any{
		{"=1", "+1", nil, nil, nil, nil}, {"-1", "@a", nil, nil, nil, nil}, {"\t=1", "\r=1", nil, nil, nil, nil}, {"a=1", " =1", nil, nil, nil, nil}}})
	f := open(t, b)
	for at, want := range map[string]int{"A2": formatText, "B2": formatText, "A3": formatText, "B3": formatText, "A4": formatText, "B4": formatText, "A5": 0, "B5": 0} {
		if got := styleOf(t, f, "All Kinds", at).NumFmt; got != want {
			t.Errorf("%s: format %d, expected %d", at, got, want)
		}
	}
}

// In a report all rows are looked at for the widths of columns.
func TestWidthsOfLongReport(t *testing.T) {
	def := &dictionary.Table{Title: "R", Role: dictionary.Sheet, Fields: []dictionary.Field{{Name: "A"}}}
	rows := make([][]any, sampleEvery+500)
	for i := range rows {
		rows[i] = []any{"a"}
	}
	rows[sampleEvery+1][0] = strings.Repeat("x", 40)
	b, _ := write(t, Options{}, sheet{def: def, rows: rows})
	if got, err := open(t, b).GetColWidth("R", "A"); got != 42 || err != nil {
		t.Errorf("%v wide (%v)", got, err)
	}
}

// In a log the first rows are looked at for the widths of columns, and then one now and then.
func TestWidthsOfLongLog(t *testing.T) {
	def := &dictionary.Table{Title: "L", Role: dictionary.Log, Fields: []dictionary.Field{{Name: "A"}, {Name: "B"}, {Name: "C"}}}
	rows := make([][]any, sampleEvery+500)
	for i := range rows {
		rows[i] = []any{"a", "b", "c"}
	}
	rows[sampleFirst-1][0], rows[sampleEvery][1], rows[sampleEvery+1][2] = strings.Repeat("x", 20), strings.Repeat("x", 30), strings.Repeat("x", 40)
	for _, cut := range [][]int{nil, {7}} {
		b, _ := write(t, Options{}, sheet{def: def, rows: rows, cut: cut})
		f := open(t, b)
		for letter, want := range map[string]float64{"A": 22, "B": 32, "C": minWidth} {
			if got, err := f.GetColWidth("L", letter); got != want || err != nil {
				t.Errorf("%s: %v wide, expected %v (%v)", letter, got, want, err)
			}
		}
	}
}
