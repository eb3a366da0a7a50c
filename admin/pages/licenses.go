package pages

import (
	"cmp"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/sinks/lake"
)

// LicensesView is the page on which the zips are fetched.
type LicensesView struct {
	Frame    Frame
	Archives figures.Archives // Made is shown in its own zone; Windows and Workbooks are only needed of Newest
	More     string           // URL of the page with still earlier ones; empty: none
}

// Licenses writes the page on which the zips are fetched.
func (p *Pages) Licenses(w io.Writer, v LicensesView) error {
	v.Frame.Here = Licenses
	return p.write(w, "licenses.html", v.Frame, v)
}

// exportOf describes the download of the newest zip of a name, or with a date that of the date.
func exportOf(name string, date lake.Date) form {
	f := form{Path: "/export/usage-reports", Label: "Export Usage Reports", Main: true}
	if name == "Usage Logs.zip" {
		f = form{Path: "/export/usage-logs", Label: "Export Usage Logs"}
	}
	if date != "" {
		f.Fields = []field{{"date", string(date)}}
	}
	return f
}

// URL returns the address that the form asks for.
func (f form) URL() string {
	if len(f.Fields) == 0 {
		return f.Path
	}
	q := url.Values{}
	for _, field := range f.Fields {
		q.Add(field.Name, field.Value)
	}
	return f.Path + "?" + q.Encode()
}

// exportRows puts the exports of a date in one row. They come with the newest date first.
func exportRows(archives []figures.Archive) []exportRow {
	var rows []exportRow
	for _, a := range archives {
		if n := len(rows); n == 0 || rows[n-1].Date != a.Date {
			rows = append(rows, exportRow{Date: a.Date, Made: a})
		}
		row := &rows[len(rows)-1]
		if a.Name == "Usage Logs.zip" {
			row.Logs = &a
		} else {
			row.Reports = &a
		}
	}
	return rows
}

// exportRow is what was exported on one date.
type exportRow struct {
	Date          lake.Date
	Made          figures.Archive
	Reports, Logs *figures.Archive
}

// summary is what the Summary of a workbook says, in the order that it says it in.
type summary struct {
	Totals, Users, Systems, Pairs []labelled
}

type labelled struct {
	Label string
	Value int64
}

var (
	summaryTotals = []string{"Total Unique Users", "Total Unique Entity Types", "Total Unique Projects", "Total Entities Synced"}
	summaryUsers  = []string{"Usernames or Emails", "Emails", "Display Names", "Usernames"}
)

// summaryOf sorts the figures of a Summary into those of all systems and those of systems and pairs of systems, the
// largest first.
func summaryOf(b lake.Workbook) summary {
	var s summary
	rest := maps.Clone(b.Summary)
	take := func(labels []string) (out []labelled) {
		for _, label := range labels {
			if v, ok := rest[label]; ok {
				out = append(out, labelled{label, v})
				delete(rest, label)
			}
		}
		return out
	}
	s.Totals, s.Users = take(summaryTotals), take(summaryUsers)
	for label, v := range rest {
		if strings.Contains(label, " ↔ ") {
			s.Pairs = append(s.Pairs, labelled{label, v})
		} else {
			s.Systems = append(s.Systems, labelled{label, v})
		}
	}
	for _, list := range [][]labelled{s.Systems, s.Pairs} {
		slices.SortFunc(list, func(a, b labelled) int {
			return cmp.Or(cmp.Compare(b.Value, a.Value), strings.Compare(a.Label, b.Label))
		})
	}
	return s
}

// windowOf returns the window of a workbook, the zero one where its sheets have their own.
func windowOf(b lake.Workbook, all []lake.Window) lake.Window {
	for _, w := range all {
		if w.Name == b.Window {
			return w
		}
	}
	return lake.Window{}
}
