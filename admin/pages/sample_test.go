package pages_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/admin/pages"
	"github.com/usagereport/usagereport/sinks/lake"
)

// sample is a page with something on it.
type sample struct {
	name   string
	render func(*pages.Pages, io.Writer) error
}

// samples returns every page in its states. Every text that a stranger may have typed is made by say, from a plain one.
func samples(say func(string) string) []sample {
	zone := time.FixedZone("CET", 3600)
	made := time.Date(2026, 11, 22, 2, 30, 0, 0, zone)
	frame := func(self string) pages.Frame {
		return pages.Frame{
			Person: say("Ines Osei"), Role: say("Administrator"), Self: self, Program: "1.4.0",
			Sections: []pages.Section{pages.Licenses, pages.AuditLog, pages.Usage, pages.Runs},
			Data:     &pages.Data{Date: "2026-11-22", Made: made},
		}
	}
	outside := pages.Frame{Self: "/signin", Program: "1.4.0"}
	record := sampleRun(say, made)
	failed := sampleFailure(say, made.AddDate(0, 0, -1))
	archives := sampleArchives(say, made)
	audit := sampleAudit(say, frame("/audit-log?person=x"), made)
	return []sample{
		{"signin", func(p *pages.Pages, w io.Writer) error {
			return p.SignIn(w, pages.SignInView{Frame: outside, OIDC: "/signin/oidc", OIDCName: say("Acme sign-in"), Return: say("/usage?from=2026-11-01")})
		}},
		{"signin-refused", func(p *pages.Pages, w io.Writer) error {
			return p.SignIn(w, pages.SignInView{Frame: outside, Problem: say("This key has expired, on 2026-11-01. Ask for a new one.")})
		}},
		{"licenses", func(p *pages.Pages, w io.Writer) error {
			return p.Licenses(w, pages.LicensesView{Frame: frame("/licenses"), Archives: archives, More: "/licenses?before=2026-11-10"})
		}},
		{"licenses-empty", func(p *pages.Pages, w io.Writer) error {
			f := frame("/licenses")
			f.Data = nil
			return p.Licenses(w, pages.LicensesView{Frame: f})
		}},
		{"auditlog", func(p *pages.Pages, w io.Writer) error { return p.AuditLog(w, audit) }},
		{"auditlog-filtered", func(p *pages.Pages, w io.Writer) error {
			v := audit
			v.Filter.Actions = append([]pages.Choice{{Value: "member.added", Label: "Member added", Chosen: true}}, v.Filter.Actions...)
			v.Filter.Workspaces = v.Filter.Workspaces[1:2]
			v.Filter.Person, v.Filter.From, v.Clear = say("nobody"), "2026-11-01", "/audit-log"
			v.Problems = []string{say("to: found 2026-02-30, expected a day such as 2026-11-21")}
			v.Page = &figures.AuditPage{Snapshot: v.Page.Snapshot, Window: v.Page.Window}
			return p.AuditLog(w, v)
		}},
		{"auditlog-empty", func(p *pages.Pages, w io.Writer) error {
			return p.AuditLog(w, pages.AuditLogView{Frame: frame("/audit-log")})
		}},
		{"accesslog", func(p *pages.Pages, w io.Writer) error {
			return p.AccessLog(w, sampleAccess(say, frame("/audit-log?view=access"), made))
		}},
		{"accesslog-empty", func(p *pages.Pages, w io.Writer) error {
			return p.AccessLog(w, pages.AccessLogView{Frame: frame("/audit-log?view=access"), Events: "/audit-log"})
		}},
		{"usage", func(p *pages.Pages, w io.Writer) error {
			return p.Usage(w, sampleUsage(say, frame("/usage"), 365, 430))
		}},
		{"usage-month", func(p *pages.Pages, w io.Writer) error {
			return p.Usage(w, sampleUsage(say, frame("/usage"), 30, 3))
		}},
		{"usage-none", func(p *pages.Pages, w io.Writer) error {
			v := sampleUsage(say, frame("/usage"), 30, 0)
			v.Usage.Agents, v.Usage.Users, v.Usage.Features = nil, nil, nil
			return p.Usage(w, v)
		}},
		{"usage-empty", func(p *pages.Pages, w io.Writer) error { return p.Usage(w, pages.UsageView{Frame: frame("/usage")}) }},
		{"runs", func(p *pages.Pages, w io.Writer) error {
			cancelled := *failed
			cancelled.Status, cancelled.Error, cancelled.SnapshotDate = lake.RunCancelled, "", "2026-11-20"
			return p.Runs(w, pages.RunsView{Frame: frame("/runs"), Runs: []*lake.RunRecord{record, failed, &cancelled, record}, Older: "/runs?after=x"})
		}},
		{"runs-empty", func(p *pages.Pages, w io.Writer) error { return p.Runs(w, pages.RunsView{Frame: frame("/runs")}) }},
		{"run", func(p *pages.Pages, w io.Writer) error {
			return p.Run(w, pages.RunView{Frame: frame("/runs/" + record.RunID), Run: record, Quality: sampleQuality(say)})
		}},
		{"run-failed", func(p *pages.Pages, w io.Writer) error {
			return p.Run(w, pages.RunView{Frame: frame("/runs/" + failed.RunID), Run: failed})
		}},
		{"error-403", func(p *pages.Pages, w io.Writer) error {
			return p.Error(w, pages.ErrorView{Frame: frame("/licenses"), Status: 403, Missing: []string{say("role Administrator"), say("permission Server Management: Read")}, Request: say("01JD2Z5M3")})
		}},
		{"error-404", func(p *pages.Pages, w io.Writer) error {
			return p.Error(w, pages.ErrorView{Frame: frame("/nowhere"), Status: 404, Detail: say("There is no run 20261122."), Request: say("01JD2Z5M3")})
		}},
		{"error-429", func(p *pages.Pages, w io.Writer) error {
			return p.Error(w, pages.ErrorView{Frame: outside, Status: 429, Wait: 30 * time.Second, Request: say("01JD2Z5M3")})
		}},
		{"error-503", func(p *pages.Pages, w io.Writer) error {
			return p.Error(w, pages.ErrorView{Frame: frame("/usage"), Status: 503, Wait: 5 * time.Second, Retry: "/usage?from=2026-11-01", Request: say("01JD2Z5M3")})
		}},
	}
}

func plain(s string) string { return s }

func sampleArchives(say func(string) string, made time.Time) figures.Archives {
	summary := map[string]int64{
		"Total Unique Users": 896, "Usernames or Emails": 587, "Emails": 131, "Display Names": 118, "Usernames": 60,
		"Total Unique Entity Types": 14, "Total Unique Projects": 24, "Total Entities Synced": 41022,
		say("Jira"): 518, say("GitHub"): 508, say("CRM"): 494, say("Jira") + " ↔ " + say("GitHub"): 6820, say("Service Desk") + " ↔ CRM": 3202,
	}
	var sheets []lake.Sheet
	for i, name := range []string{"Unique User Count", "Entity Type Count", "Integrated Project Count", "Synced Data Count", "Detailed User Report"} {
		sheets = append(sheets, lake.Sheet{Name: name, Rows: int64(6 + 181*i)})
	}
	reports := figures.Archive{
		Name: "Usage Reports.zip", Date: "2026-11-22", Made: made, Bytes: 214522, TimeZone: berlin(),
		Windows: []lake.Window{{Name: "last_6_months", From: "2026-05-22", To: "2026-11-21"}, {Name: "last_1_year", From: "2025-11-22", To: "2026-11-21"}},
		Workbooks: []lake.Workbook{
			{Name: "Usage Report (Last 6 Months).xlsx", Window: "last_6_months", Sheets: sheets, Summary: summary},
			{Name: "Usage Report (Last 1 Year).xlsx", Window: "last_1_year", Sheets: sheets, Summary: summary},
		},
	}
	logs := figures.Archive{
		Name: "Usage Logs.zip", Date: "2026-11-22", Made: made, Bytes: 7559509, TimeZone: berlin(),
		Windows:   []lake.Window{{Name: "rolling_year", From: "2025-11-22", To: "2026-11-21"}},
		Workbooks: []lake.Workbook{{Name: say("Usage Logs.xlsx"), Window: "rolling_year", Sheets: []lake.Sheet{{Name: say("User Log"), Rows: 425}, {Name: "Generation Log", Rows: 90580}}}},
	}
	out := figures.Archives{Newest: []figures.Archive{reports, logs}}
	for i := range 8 {
		r, l := reports, logs
		r.Made = made.AddDate(0, 0, -i-1)
		r.Date = lake.Date(r.Made.Format(time.DateOnly))
		l.Made, l.Date = r.Made, r.Date
		out.Earlier = append(out.Earlier, r)
		if i != 3 {
			out.Earlier = append(out.Earlier, l)
		}
	}
	return out
}

func sampleAudit(say func(string) string, frame pages.Frame, made time.Time) pages.AuditLogView {
	v := pages.AuditLogView{
		Frame: frame, Access: "/audit-log?view=access", Newer: "/audit-log?cursor=a", Older: "/audit-log?cursor=b",
		CSV: "/export/audit-log?format=csv&person=" + "x", JSON: "/export/audit-log?format=json&person=x",
		Filter: pages.AuditFilter{Workspaces: []pages.Choice{{Label: "All workspaces", Chosen: true}, {Value: say("ws-1"), Label: say("Northwind Research")}, {Value: "ws-2", Label: say("Contoso")}}},
		Page: &figures.AuditPage{
			Snapshot: figures.Snapshot{TimeZone: berlin(), Date: "2026-11-22", RunTime: made},
			Window:   lake.Window{Name: "audit", From: "2026-08-24", To: "2026-11-21"}, First: 51, Total: 188,
		},
	}
	actions := []string{
		"public_invite_link.created", "public_invite_link.deleted", "public_invite_link.accepted", "email_invite.created", "email_invite.deleted",
		"email_invite.accepted", "member.added", "member.removed", "member.role_updated",
	}
	for _, a := range actions {
		v.Filter.Actions = append(v.Filter.Actions, pages.Choice{Value: say(a), Label: say(a)})
	}
	for i := range 24 {
		e := figures.AuditEvent{
			ID: say(fmt.Sprintf("evt-%04d", i)), At: made.Add(-time.Duration(i) * 7 * time.Hour), WorkspaceID: say("ws-1"), WorkspaceName: say("Northwind Research"),
			Action: say(actions[i%len(actions)]), Actor: figures.Person{ID: say("u-1"), Name: say("Ben Jansen"), Email: say("ben.jansen@northwind.example")}, IPAddress: say("2001:db8::1f"),
		}
		switch {
		case i%len(actions) == 8:
			e.OldRole, e.NewRole = say("member"), say("admin")
			e.Target = figures.Person{ID: say("u-9"), Name: say("Celia Varga-Kovac")}
		case i%len(actions) < 3:
			e.InviteID = say("inv-0f3a77d2")
		default:
			e.Target = figures.Person{Email: say("somebody.with.a.rather.long.address@subsidiary.northwind.example")}
		}
		v.Page.Events = append(v.Page.Events, e)
	}
	return v
}

func sampleAccess(say func(string) string, frame pages.Frame, made time.Time) pages.AccessLogView {
	size := int64(214522)
	return pages.AccessLogView{
		Frame: frame, Events: "/audit-log", From: "2026-11-01", To: "2026-11-22", Older: "/audit-log?view=access&before=x",
		CSV: "/export/access-log?format=csv", JSON: "/export/access-log?format=json", Clear: "/audit-log?view=access",
		Records: []lake.AccessRecord{
			{Time: made, Kind: lake.AccessDownload, WhoType: "key", WhoID: say("k-1"), WhoName: say("Nightly mirror"), Object: say("reports/2026-11-22/Usage Reports.zip"), Route: "/export/usage-reports", Bytes: &size, Status: 200, Client: say("192.0.2.7"), RequestID: "01JD2Z5M3QX6"},
			{Time: made, Kind: lake.AccessDownload, WhoType: "person", WhoID: "p-1", WhoName: say("Ines Osei"), Route: "/export/audit-log", Filters: map[string]string{say("format"): "csv", "person": say("ben")}, Status: 200, Client: say("192.0.2.7"), RequestID: "01JD2Z5M3QX7"},
			{Time: made, Kind: lake.AccessSignInRefused, Status: 401, Detail: say("the key was revoked"), Client: "198.51.100.23", RequestID: say("01JD2Z5M3QX8")},
			{Time: made, Kind: lake.AccessKeyCreated, WhoID: say("operator"), Object: say("k-2"), Detail: say("role Administrator")},
			{Time: made, Kind: lake.AccessKind(say("something_else")), Status: 200},
		},
	}
}

func sampleUsage(say func(string) string, frame pages.Frame, days int, scale int64) pages.UsageView {
	random := rand.New(rand.NewPCG(1, 2))
	to := lake.Date("2026-11-21").Time()
	from := to.AddDate(0, 0, 1-days)
	u := &figures.Usage{
		Snapshot: figures.Snapshot{Date: "2026-11-22", TimeZone: berlin()}, Window: lake.Window{Name: "rolling_year", From: "2025-11-22", To: "2026-11-21"},
		From: lake.Date(from.Format(time.DateOnly)), To: "2026-11-21", Licences: 402, InUse: 219, AgentCount: 61, WithAgent: 21830,
		Totals: figures.Totals{
			From: lake.Date(from.Format(time.DateOnly)), To: "2026-11-21", Generations: 107734 * min(scale, 1), IQGenerations: 33921 * min(scale, 1),
			Users: 388, IQUsers: 147, WithoutUser: 2210, ActiveUsers: 214, ActiveFrom: "2026-10-23", ActiveTo: "2026-11-21",
		},
	}
	if days < 365 {
		u.Previous = &figures.Totals{From: "2026-09-23", To: "2026-10-22", Generations: 99000 * min(scale, 1)}
	}
	monday := from.AddDate(0, 0, -(int(from.Weekday())+6)%7)
	for ; !monday.After(to); monday = monday.AddDate(0, 0, 7) {
		w := figures.Week{Monday: lake.Date(monday.Format(time.DateOnly)), Days: 7}
		if monday.Before(from) || monday.AddDate(0, 0, 6).After(to) {
			w.Days = 4
		}
		w.Generations = random.Int64N(400+1) * 7 * min(scale, 1)
		w.IQGenerations = w.Generations * random.Int64N(50) / 100
		w.Logins = random.Int64N(700) * min(scale, 1)
		w.LoginUsers = w.Logins / 4
		u.Weeks = append(u.Weeks, w)
	}
	for i, name := range []string{"Chat", "Agent", "Command", "Ask Jasper", "API", "Extension", "Other"} {
		n := 40000 / int64(i*i+1) * min(scale, 1)
		u.Features = append(u.Features, figures.Feature{Name: say(name), Generations: n, IQGenerations: n / 3})
	}
	for i := range 10 {
		name := say([]string{"Brief writer", "Search optimiser", "Release notes", "Tone of voice"}[i%4])
		if i == 5 {
			name = ""
		}
		u.Agents = append(u.Agents, figures.Agent{ID: say(fmt.Sprintf("agent-%d", i)), Name: name, Type: say("Custom – Studio (Public)"), Generations: 4000 / int64(i+1)})
		u.Users = append(u.Users, figures.User{ID: say(fmt.Sprintf("u-%d", i)), Name: say("Celia Varga-Kovac"), Email: say("celia@northwind.example"), Generations: 2000 / int64(i+1)})
	}
	for m := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); !m.After(to); m = m.AddDate(0, 1, 0) {
		month := figures.Month{First: lake.Date(m.Format(time.DateOnly))}
		for d := range month.Days {
			day := m.AddDate(0, 0, d)
			month.Days[d] = figures.NoData
			if day.Month() == m.Month() && !day.Before(from) && !day.After(to) {
				month.Days[d] = random.Int64N(scale + 1)
				if wd := day.Weekday(); wd == 0 || wd == 6 {
					month.Days[d] /= 8
				}
				if d == 12 && scale > 100 {
					month.Days[d] *= 4
				}
				month.Generations += month.Days[d]
				u.Heatmap.Max = max(u.Heatmap.Max, month.Days[d])
			}
		}
		u.Heatmap.Months = append(u.Heatmap.Months, month)
	}
	return pages.UsageView{
		Frame: frame, Usage: u,
		Workspaces: []pages.Choice{{Label: "All workspaces", Chosen: true}, {Value: say("ws-1"), Label: say("Northwind Research")}},
		Presets:    []pages.Link{{Label: "7 days", URL: "/usage?from=2026-11-15"}, {Label: "30 days", URL: "/usage?from=2026-10-23", Here: days == 30}, {Label: "90 days", URL: "/usage?from=2026-08-24"}, {Label: "6 months", URL: "/usage?from=2026-05-22"}, {Label: "1 year", URL: "/usage", Here: days == 365}},
	}
}

func sampleRun(say func(string) string, made time.Time) *lake.RunRecord {
	return &lake.RunRecord{
		RunID: say("20261122T013000Z-2026-11-22"), SnapshotDate: "2026-11-22", RunTime: made, Status: lake.RunPublished, Seconds: 74.2, Program: say("1.4.0"),
		TimeZone: say("Europe/Berlin"), Bytes: 9_800_432, Objects: 17,
		Stages:  []lake.Stage{{Name: say("read the state tables"), Seconds: 1.25, Rows: 1893}, {Name: say("publish"), Seconds: 12}},
		Windows: []lake.Window{{Name: say("rolling_year"), From: "2025-11-22", To: "2026-11-21"}, {Name: say("audit"), From: "2026-08-24", To: "2026-11-21"}},
		Datasets: []lake.Dataset{
			{Name: say("members"), Source: say("app"), Queries: 1, Read: 425},
			{Name: say("generations"), Source: say("events"), Objects: 4, Unchanged: 458, Read: 556, Duplicate: 401, Late: 26, Rejected: 3},
		},
		Logs: []lake.Log{{Table: say("user_log"), SchemaVersion: 1, Rows: 425}, {Table: "generation_log", SchemaVersion: 1, Rows: 90580, Window: say("rolling_year")}},
		Checks: []lake.Check{
			{Name: say("grain_unique:generation_log"), OK: true, Figures: map[string]int64{"rows": 90580}},
			{Name: say("generation_total"), OK: true, Figures: map[string]int64{say("content_generations"): 107734, "daily_facts": 107734, "distinct_source_events": 107734}},
			{Name: "joins", OK: true, Figures: map[string]int64{"generation_log_without_agent": 2301, "generation_log_without_user": 216, "group_members_log_without_creator": 0, "group_members_log_without_user": 0}},
			{Name: "workbook:Usage Logs.xlsx", Detail: say("sheet User Log has 424 rows, the Parquet 425")},
		},
		Warnings: []string{say(`members.user_role: unknown value "B" in 1 rows, kept as it is`), "audit_events: 10 of the last 90 days belong to workspaces that no snapshot ever knew: they are not in the audit log"},
		Changes: &lake.Changes{
			RunID: say("20261121T013000Z-2026-11-21"), SnapshotDate: "2026-11-21", Note: say("The run before was of an older program."),
			Figures: []lake.Change{
				{Figure: say("generation_log"), Unit: "rows", Before: 90410, After: 90580, Why: []lake.Reason{{Kind: lake.WindowCame, By: 402, Days: 1}, {Kind: lake.WindowLeft, By: -258, Days: 1}, {Kind: lake.LateData, By: 26, Days: 3}}},
				{Figure: "user_log", Unit: "rows", Before: 425, After: 425},
				{Figure: "Usage Report (Last 1 Year).xlsx", Unit: say("Total Unique Users"), Before: 897, After: 896, Why: []lake.Reason{{Kind: say(lake.Merged), By: -1}}},
			},
			Sources: []lake.Source{{Dataset: say("generations"), Late: 26, Deliveries: 2}, {Dataset: "members", Added: 3, Renamed: 1}},
		},
	}
}

func sampleFailure(say func(string) string, made time.Time) *lake.RunRecord {
	return &lake.RunRecord{
		RunID: say("20261121T013000Z-2026-11-21"), SnapshotDate: "2026-11-21", RunTime: made, Status: lake.RunFailed, ExitCode: 3, Seconds: 3.4, Full: true, Program: "1.4.0",
		Error: say("the data failed a check: generations: 1,204 of 90,580 rows were rejected, more than quality.max_rejected_ratio allows (0.001); the first: generations/dt=2026-11-20/part-1.parquet, row 17, column created_at"),
	}
}

func sampleQuality(say func(string) string) *lake.Quality {
	return &lake.Quality{
		Volumes: []lake.Volume{
			{Dataset: say("generations"), Day: "2026-11-21", Weekday: say("Saturday"), Events: 41, Weeks: []lake.DayCount{{Day: "2026-11-14", Events: 310}, {Day: "2026-11-07", Events: 295}}, Median: 302.5, Odd: true},
			{Dataset: "logins", Day: "2026-11-21", Weekday: "Saturday", Events: 80, Weeks: []lake.DayCount{{Day: "2026-11-14", Events: 81}}, Median: 81},
			{Dataset: "sync_events", Day: "2026-11-21", Weekday: "Saturday", Events: 7},
		},
		Datasets: []lake.DatasetQuality{
			{Name: say("generations"), Read: 556, Rejected: 3, Reasons: []lake.RejectReason{{Column: say("created_at"), Reason: say("expected a timestamp"), Rows: 2}}, OtherReasons: 1},
			{Name: "members", Read: 425, Unknown: []lake.UnknownValue{{Field: say("user_role"), Value: say("B"), Rows: 1, Kept: true}}},
		},
		Joins: []lake.Join{{Name: say("generation_log_without_agent"), Rows: 2301}},
	}
}

func berlin() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}
