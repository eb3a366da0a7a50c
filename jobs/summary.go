package jobs

import (
	"fmt"
	"strings"
	"time"

	"github.com/usagereport/usagereport/sinks/workbook"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/identity"
	"github.com/usagereport/usagereport/transforms/integration"
)

// maxBars is how many bars a chart of the Summary has at most: more cannot be told apart.
const maxBars = 12

// totalUsers is the label of the figure that counts everybody.
const totalUsers = "Total Unique Users"

// subject says in one line what a workbook is about.
func (r *nightRun) subject(days calendar.Days) string {
	return fmt.Sprintf("%s to %s (%s), run %s", days.From, days.Last(), r.zone, runID(r.date, r.time))
}

// summaryFigures are the figures of the Summary in their order: users by how they are identified, then the rest.
func summaryFigures(report *integration.Report) []workbook.Figure {
	f := report.Figures
	out := []workbook.Figure{{Label: totalUsers, N: f.Users.All}}
	for b, n := range f.Users.Buckets {
		out = append(out, workbook.Figure{Label: identity.Bucket(b).String(), N: n, Level: 1})
	}
	return append(out,
		workbook.Figure{Label: "Total Unique Entity Types", N: f.EntityTypes},
		workbook.Figure{Label: "Total Unique Projects", N: f.Projects},
		workbook.Figure{Label: "Total Entities Synced", N: f.Entities},
	)
}

// summary is the first sheet of a usage report: whoever has never seen the program reads from it which days it is about,
// in which zone, when it was made, by which run, and how a user was counted.
func (r *nightRun) summary(w reportWindow, report *integration.Report) *workbook.Summary {
	return &workbook.Summary{
		Title: "Usage Report (" + w.title + ")",
		Facts: []workbook.Fact{
			{Label: "Window", Text: fmt.Sprintf("%s to %s, both days included", w.days.From, w.days.Last())},
			{Label: "Time zone", Text: r.zone.String() + " (all days and times)"},
			{Label: "Made", Text: r.time.In(r.zone).Format("2006-01-02 15:04:05") + " (" + r.time.Format(time.RFC3339) + ")"},
			{Label: "Run", Text: runID(r.date, r.time)},
			{Label: "Program", Text: "usagereport " + r.night.Version},
		},
		Figures: summaryFigures(report),
		Charts: []workbook.Chart{
			bars("Users by system", "System / Source", "Users", report.BySystem),
			bars("Entities synced by system pair", "System Pair", "Entities", report.ByPair),
		},
		Notes: r.notes(),
	}
}

func bars(title, label, value string, all []integration.Named) workbook.Chart {
	c := workbook.Chart{Title: title, Label: label, Value: value}
	if len(all) > maxBars {
		c.Title = fmt.Sprintf("%s (the %d largest of %d)", title, maxBars, len(all))
		all = all[:maxBars]
	}
	for _, n := range all {
		c.Bars = append(c.Bars, workbook.Bar{Label: n.Name, N: n.N})
	}
	return c
}

func (r *nightRun) notes() []workbook.Note {
	notes := []workbook.Note{
		{Heading: "How a user is counted", Text: "Everything seen of people in the last year is first sorted into users, over all systems together. " +
			"A username and what stands before the @ of an email are compared with each other; upper and lower case do not matter. " +
			"Whoever shares one of them is one user, also by way of a third. Emails, display names and usernames that come alone join such a user " +
			"where they fit; otherwise equal ones are one user."},
		{Heading: "Identifiers", Text: "A user counts once, under the best of: Usernames or Emails (seen with both), Emails (an email, no username), " +
			"Display Names (no email), Usernames (nothing else). The four add up to the total."},
		{Heading: "Systems", Text: "A user seen in several systems counts in each of them and once in All systems, " +
			"which is therefore less than the sum of the systems."},
		{Heading: "Entities", Text: "An entity counts once for each pair of systems between which it was synchronised successfully " +
			"within the window, however often that was."},
		{Heading: "Projects", Text: "Projects of a pair count when something was synchronised between them, or the pair was changed, within the window."},
	}
	if parts := r.night.Config.Identity.NoProof; len(parts) > 0 {
		notes = append(notes, workbook.Note{Heading: "Shared addresses", Text: "These names before the @ prove nothing, since many people share them: " +
			strings.Join(parts, ", ") + "."})
	}
	if r.night.Config.Identity.Overrides != "" {
		notes = append(notes, workbook.Note{Heading: "Overrides", Text: "A file of the operator's says of some people that they are one, or are not."})
	}
	return notes
}
