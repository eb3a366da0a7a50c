package pages

import (
	"strconv"

	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/sinks/lake"
)

// chart is a figure that the script draws; its table says the same.
type chart struct {
	ID, Title, Note string
	First           string // header of the column of labels
	Plot            plot
	Empty           bool // nothing but zeros
}

// plot is what the script draws from.
type plot struct {
	Kind   string   `json:"kind"` // columns or rows: bars that stand or lie; line
	Labels []string `json:"labels"`
	Series []series `json:"series"`
}

type series struct {
	Name   string  `json:"name"`
	Values []int64 `json:"values"`
}

// usagePage is what the page of figures shows, in the order of the page.
type usagePage struct {
	Tiles   []tile
	Charts  []chart
	Rank    []ranking
	Heatmap heatmap
}

// tile is a figure with what it means.
type tile struct{ Label, Value, Note, Change string }

// ranking is a list of what has most generations.
type ranking struct {
	ID, Title, Note, First, Empty string
	Rows                          []rankingRow
}

type rankingRow struct {
	Name, Note string
	Value      int64
	Share      string // of the first, as a length for a bar
}

func usageOf(u *figures.Usage) usagePage {
	return usagePage{tilesOf(u), chartsOf(u), rankingsOf(u), heatmapOf(u.Heatmap)}
}

func tilesOf(u *figures.Usage) []tile {
	t := u.Totals
	rate := tile{"Active user rate", percent(u.InUse, u.Licences), number(u.InUse) + " of " + plural(u.Licences, "licence", "licences") + " in use", ""}
	return []tile{
		{"Total generations", number(t.Generations), "", changeWords(u, func(t *figures.Totals) int64 { return t.Generations })},
		{"IQ adoption", percent(t.IQGenerations, t.Generations), number(t.IQGenerations) + " generations by " + plural(t.IQUsers, "user", "users"), ""},
		{"Active users", number(t.ActiveUsers), "of the last " + strconv.Itoa(figures.ActiveDays) + " days, " + dayRange(t.ActiveFrom, t.ActiveTo), ""},
		{"Active licences", number(u.Licences), "memberships with access today", ""},
		rate,
	}
}

// changeWords compares a figure with the days before, in words; it is empty when there is nothing to compare with.
func changeWords(u *figures.Usage, of func(*figures.Totals) int64) string {
	if u.Previous == nil {
		return ""
	}
	before := of(u.Previous)
	by, ok := figures.Change(before, of(&u.Totals))
	period := dayRange(u.Previous.From, u.Previous.To)
	switch {
	case !ok:
		return "none in " + period
	case by > 0:
		return ratio(by) + " more than " + period
	case by < 0:
		return ratio(-by) + " less than " + period
	}
	return "as many as " + period
}

func ratio(v float64) string {
	if v < 0.0995 {
		return strconv.FormatFloat(100*v, 'f', 1, 64) + " %"
	}
	return number(int64(100*v+0.5)) + " %"
}

func chartsOf(u *figures.Usage) []chart {
	weeks := plot{Kind: "columns", Series: []series{{Name: "with IQ"}, {Name: "without IQ"}}}
	logins := plot{Kind: "columns", Series: []series{{Name: "days with a login"}, {Name: "users who logged in"}}}
	logins.Kind = "line"
	var generations, days int64
	part := false
	for _, w := range u.Weeks {
		label := weekLabel(w)
		part = part || w.Days < 7
		weeks.Labels, logins.Labels = append(weeks.Labels, label), append(logins.Labels, label)
		weeks.add(w.IQGenerations, w.Generations-w.IQGenerations)
		logins.add(w.Logins, w.LoginUsers)
		generations += w.Generations
		days += w.Logins
	}
	features := plot{Kind: "rows", Series: []series{{Name: "with IQ"}, {Name: "without IQ"}}}
	for _, f := range u.Features {
		features.Labels = append(features.Labels, f.Name)
		features.add(f.IQGenerations, f.Generations-f.IQGenerations)
	}
	note := "Weeks from Monday"
	if part {
		note += "; * not all of its days are in the range"
	}
	return []chart{
		{"weekly-generations", "Weekly generations", note, "Week from", weeks, generations == 0},
		{"weekly-logins", "Weekly logins", "A day on which somebody logged in counts once", "Week from", logins, days == 0},
		{"features", "Generations by feature", "Where in the product text and images were generated", "Feature", features, generations == 0},
	}
}

func (p *plot) add(values ...int64) {
	for i, v := range values {
		p.Series[i].Values = append(p.Series[i].Values, v)
	}
}

func weekLabel(w figures.Week) string {
	label := day(w.Monday)
	if w.Days < 7 {
		label += " *"
	}
	return label
}

func rankingsOf(u *figures.Usage) []ranking {
	agents := ranking{
		ID: "agents", Title: "Top agents", First: "Agent", Empty: "No agent was used in these days.",
		Note: plural(u.AgentCount, "agent", "agents") + " with " + plural(u.WithAgent, "generation", "generations") + " in all",
	}
	for _, a := range u.Agents {
		agents.Rows = append(agents.Rows, rankingRow{nameOr(a.Name, a.ID), a.Type, a.Generations, shareOf(a.Generations, u.Agents[0].Generations)})
	}
	users := ranking{
		ID: "users", Title: "Top users", First: "User", Empty: "Nobody generated anything in these days.",
		Note: plural(u.Totals.Users, "user", "users") + " in all; " +
			plural(u.Totals.WithoutUser, "generation", "generations") + " of nobody, as calls of the API may be",
	}
	for _, p := range u.Users {
		users.Rows = append(users.Rows, rankingRow{nameOr(p.Name, nameOr(p.Email, p.ID)), p.Email, p.Generations, shareOf(p.Generations, u.Users[0].Generations)})
	}
	for i, r := range users.Rows {
		if r.Name == r.Note {
			users.Rows[i].Note = ""
		}
	}
	return []ranking{agents, users}
}

func nameOr(name, other string) string {
	if name != "" {
		return name
	}
	return other
}

func shareOf(part, whole int64) string {
	if whole <= 0 {
		return "0%"
	}
	return strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64) + "%"
}

// heatmap is a table of months and their days, each cell with a step of colour.
type heatmap struct {
	Days  []int
	Rows  []heatmapRow
	Steps []heatmapStep
}

type heatmapRow struct {
	Month string
	First lake.Date
	Cells []heatmapCell
	Sum   int64
}

type heatmapCell struct {
	Day   lake.Date
	Value int64 // figures.NoData: no such day, or not in the range
	Short string
	Step  int // of colour, from 0
}

type heatmapStep struct {
	Step int
	From int64
}

// heatSteps is how many steps of colour there are beside that of zero; the style sheet has a class for each.
const heatSteps = 5

func heatmapOf(h figures.Heatmap) heatmap {
	out := heatmap{}
	for d := range 31 {
		out.Days = append(out.Days, d+1)
	}
	for _, m := range h.Months {
		first := m.First.Time()
		row := heatmapRow{Month: first.Format("Jan 2006"), First: m.First, Sum: m.Generations}
		for d, v := range m.Days {
			row.Cells = append(row.Cells, heatmapCell{
				Day: lake.Date(first.AddDate(0, 0, d).Format("2006-01-02")), Value: v, Short: short(v), Step: heatStep(v, h.Max),
			})
		}
		out.Rows = append(out.Rows, row)
	}
	for s := range int64(heatSteps) {
		step := heatmapStep{int(s) + 1, h.Max*s/heatSteps + 1}
		if n := len(out.Steps); n > 0 && out.Steps[n-1].From == step.From {
			out.Steps[n-1] = step // of few generations not every step can be
			continue
		}
		out.Steps = append(out.Steps, step)
	}
	return out
}

// heatStep returns the step of colour of a value: 0 for nothing, else 1 … heatSteps by its part of the largest.
func heatStep(v, largest int64) int {
	if v <= 0 || largest <= 0 {
		return 0
	}
	return int(min(heatSteps, 1+(v*heatSteps-1)/largest))
}

// short writes a figure in at most four characters.
func short(v int64) string {
	switch {
	case v < 0:
		return ""
	case v < 1000:
		return strconv.FormatInt(v, 10)
	}
	f := float64(v)
	for _, unit := range []string{"k", "M", "G", "T", "P"} {
		f /= 1000
		if f < 9.95 {
			return strconv.FormatFloat(f, 'f', 1, 64) + unit
		}
		if f < 999.5 {
			return strconv.FormatFloat(f, 'f', 0, 64) + unit
		}
	}
	return "∞"
}
