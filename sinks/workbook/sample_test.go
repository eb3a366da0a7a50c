package workbook

import (
	"fmt"
	"strings"
	"time"

	"github.com/usagereport/usagereport/dictionary"
)

// sampleOptions and sampleSheets make a workbook that looks like a real one.
func sampleOptions() Options {
	return Options{
		Title:   "Usage Report (Last 1 Year)",
		Subject: "2025-11-21 to 2026-11-20, Europe/Zurich, run 20261121T023000Z",
		Zone:    zurich,
		Made:    time.Date(2026, 11, 21, 2, 30, 0, 0, time.UTC),
		Summary: &Summary{
			Title: "Usage Report (Last 1 Year)",
			Facts: []Fact{
				{"Window", "2025-11-21 to 2026-11-20 (both days included)"},
				{"Time zone", "Europe/Zurich"},
				{"Run time", "2026-11-21T02:30:00Z"},
				{"Run", "2026-11-21-0230-5f2a9c1e"},
			},
			Figures: []Figure{
				{"Total Unique Users", 1_234, 0}, {"Usernames or Emails", 700, 1}, {"Emails", 300, 1}, {"Display Names", 200, 1}, {"Usernames", 34, 1},
				{"Total Unique Entity Types", 17, 0}, {"Total Unique Projects", 58, 0}, {"Total Entities Synced", 60_321, 0},
			},
			Charts: []Chart{
				{"Users by System", "System / Source", "Unique Users", []Bar{
					{"Jira", 812}, {"GitHub", 640}, {"Azure DevOps (North America, production)", 400}, {"ServiceNow", 77}, {"=HYPERLINK(\"x\")", 3}}},
				{"Entities Synced by System Pair", "System Pair", "Entities", []Bar{
					{"Jira ↔ GitHub", 40_000}, {"GitHub ↔ Jira", 15_000}, {"Jira ↔ ServiceNow", 5_000}, {"Azure DevOps (North America, production) ↔ Jira", 321}}},
			},
			Notes: []Note{
				{"How a user is counted", "Observations that share a username, or a username and the part of an email before its last @, are one user, " +
					"in whatever order they came and across all systems. A user counts once, in the first of these groups that any of its observations is in: " +
					"Usernames or Emails (both were seen together), Emails, Display Names, Usernames."},
				{"Systems do not add up", "A person seen in two systems counts once in each, and once in All systems. So the rows of Unique User Count are more than its last row."},
				{"Entities", "An entity is an end system, an entity type and an entity id with at least one successful sync in the window."},
			},
		},
	}
}

func sampleSheets() []sheet {
	at := func(i int) time.Time {
		return time.Date(2026, 11, 20, 10, 15, 42, 0, time.UTC).Add(-time.Duration(i*7919) * time.Minute)
	}
	systems := []string{"Jira", "GitHub", "Azure DevOps (North America, production)", "ServiceNow", "Zendesk"}
	var users, types, projects, synced, people [][]any
	for i, s := range append(systems, "All systems") {
		n := int64(1000 - 150*i)
		users = append(users, []any{s, n, n / 2, n / 4, n / 8, n - n/2 - n/4 - n/8})
	}
	for i, a := range systems {
		for j, b := range systems {
			if i == j {
				continue
			}
			for k, kind := range []string{"Issue", "Pull Request", "Comment", "Attachment"} {
				types = append(types, []any{a + " ↔ " + b, []string{a, b}[k%2], kind, []string{"Active", "Inactive"}[i%2], at(i + j + k)})
			}
			projects = append(projects, []any{a, fmt.Sprintf("Project %c", 'A'+i), b, fmt.Sprintf("platform/service-%d", j), "Active", nil, at(i * j)})
			synced = append(synced, []any{a, b, int64(100_000 / (1 + i + j*j)), at(i + j)})
		}
	}
	for i := range 300 {
		var seen, mails []string
		for j, s := range systems[:1+i%5] {
			seen = append(seen, s+at(i+j).Format(" (2006-01-02 15:04)"))
			mails = append(mails, fmt.Sprintf("first.last%d@%s.example.com", i, strings.ToLower(s[:4])))
		}
		row := []any{strings.Join(mails, "; "), fmt.Sprintf("user%d", i), fmt.Sprintf("Firstname Lastname %d", i), "assignee; author of a comment; reporter",
			strings.Join(seen, "; "), []string{"No", "No", "Yes"}[i%3], at(i), nil}
		if i%4 == 0 {
			row[7] = fmt.Sprintf("asmith%d (GitHub); user%d (Jira)", i, i)
		}
		if i%7 == 0 {
			row[0], row[1], row[2] = nil, nil, "=cmd()|' /C calc'!A0 山田太郎"
		}
		people = append(people, row)
	}
	var log [][]any
	for i := range 3000 {
		id := fmt.Sprintf("%08x-1d2e-4f30-a123-%012x", i*7919, i)
		log = append(log, []any{"2026-11-21T02:30:00Z", "ws-" + id, "Acme & Söhne", "u-" + id, "Firstname Lastname", fmt.Sprintf("first.last%d@example.com", i),
			day(2026, 1, 1+i/10), id, "Campaign brief", nil, nil, "Text", "Canvas", nil, nil, nil, nil, i%3 == 0, int64(i * i)})
	}
	return []sheet{
		{def: dictionary.UniqueUserCount, rows: users}, {def: dictionary.EntityTypeCount, rows: types},
		{def: dictionary.IntegratedProjectCount, rows: projects}, {def: dictionary.SyncedDataCount, rows: synced},
		{def: dictionary.DetailedUserReport, rows: people, cut: []int{7, 100}}, {def: dictionary.GenerationLog, coded: "*", rows: log, cut: []int{1000}},
	}
}
