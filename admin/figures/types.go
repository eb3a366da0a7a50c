package figures

import (
	"time"

	"github.com/usagereport/usagereport/sinks/lake"
)

// Snapshot says where an answer comes from.
type Snapshot struct {
	Date     lake.Date      // the run date: the data is of the days before it
	RunID    string         // of the run that published it
	RunTime  time.Time      // when that run began, UTC
	TimeZone *time.Location // the reporting zone
	Seen     time.Time      // when latest.json last named it; a while ago when the bucket is away
}

// Workspace is a workspace that any published log knows.
type Workspace struct {
	ID       string
	Name     string // empty: no log knows one
	Plan     string // "Business" where the audit log has events of it, else empty: no log carries the plan itself
	Licences int64  // members with access
}

// Query asks for usage figures.
type Query struct {
	Workspaces []string  // ids, repeated and unknown ones count once and nothing; nil: all; empty but not nil: none
	From, To   lake.Date // days, both included; empty: from the first, to the last day of the published year
	Top        int       // how many agents and users to name; 0: 10; at most MaxTop
}

// MaxTop is how many agents and users a Query may ask for.
const MaxTop = 1000

// ActiveDays is how many days back somebody counts as active.
const ActiveDays = 30

// Usage answers a Query. Lists are in reading order, series without gaps: a week or a day without anything has a zero.
// What it refers to is shared: do not modify.
//
// A user is a user_id, counted once in however many workspaces; a licence is a membership with access today, so that
// somebody with access to two workspaces holds two. A day with logins counts as one login, which is as exactly as the User
// Activity Log knows it.
type Usage struct {
	Snapshot   Snapshot
	Window     lake.Window // the days that there is data of
	From, To   lake.Date   // the days that this is about: those asked for, as far as they are in the window
	Totals     Totals
	Previous   *Totals // of as many days right before From; nil where the window does not have all of them
	Licences   int64   // memberships with access, today
	InUse      int64   // of Licences, those whose user was active in that workspace in Totals.ActiveFrom … Totals.ActiveTo
	Weeks      []Week  // oldest first
	Features   []Feature
	Agents     []Agent // most generations first
	AgentCount int64   // agents with generations
	WithAgent  int64   // generations with an agent
	Users      []User  // most generations first
	Heatmap    Heatmap
}

// Rate returns the share of licences in use, the active user rate, 0 … 1. False when there are no licences.
func (u *Usage) Rate() (float64, bool) { return share(u.InUse, u.Licences) }

// Totals are the figures of a range of days.
type Totals struct {
	From, To      lake.Date // both included
	Generations   int64
	IQGenerations int64 // those that used IQ
	Users         int64 // who generated
	IQUsers       int64 // of Users, who used IQ at least once
	WithoutUser   int64 // generations of nobody, as calls of the API may be
	Logins        int64 // days on which users logged in, by user and workspace
	LoginUsers    int64 // who logged in

	// Active users logged in or generated in the ActiveDays days up to To, or as many of them as the window has.
	ActiveUsers          int64
	ActiveFrom, ActiveTo lake.Date
}

// IQAdoption returns the share of generations that used IQ, 0 … 1. False when there were none.
func (t *Totals) IQAdoption() (float64, bool) { return share(t.IQGenerations, t.Generations) }

// Change returns how much more now is than before: 0.25 for a quarter more. False when there was nothing before.
func Change(before, now int64) (float64, bool) {
	if before == 0 {
		return 0, false
	}
	return float64(now-before) / float64(before), true
}

func share(part, whole int64) (float64, bool) {
	if whole == 0 {
		return 0, false
	}
	return float64(part) / float64(whole), true
}

// Week is a week from Monday to Sunday.
type Week struct {
	Monday        lake.Date
	Days          int // of the week, in the range: 7 but for the first and the last week
	Generations   int64
	IQGenerations int64
	Logins        int64 // as Totals.Logins
	LoginUsers    int64 // who logged in
}

// Feature is one value of generation_feature. The documented ones are always there; most generations come first.
type Feature struct {
	Name          string
	Generations   int64
	IQGenerations int64
}

// Agent is an agent in the range, over all its workspaces.
type Agent struct {
	ID          string
	Name        string // empty: unknown
	Type        string // agent_type in the Agents Log, else generation_agent_type of its generations; empty: unknown
	Generations int64
}

// User is a user in the range, over all workspaces.
type User struct {
	ID            string
	Name          string // empty: unknown
	Email         string // empty: unknown
	Generations   int64
	IQGenerations int64
}

// Heatmap is the generations of every day, a row for each month of the range, oldest first.
type Heatmap struct {
	Months []Month
	Max    int64 // the largest day
}

// Month is a row of a Heatmap.
type Month struct {
	First       lake.Date // its first day, also where that is before the range
	Days        [31]int64 // by day of the month; NoData where the day is not in the range or does not exist
	Generations int64     // the sum of its days
}

// NoData marks a day that there is no figure of.
const NoData = -1

// AuditQuery asks for events of the audit log.
type AuditQuery struct {
	Workspaces []string  // ids; nil: all; empty but not nil: none
	Actions    []string  // any of them; none: all
	Person     string    // part of the id, the name or the email of who did it or to whom; case, and the form of letters, do not matter
	From, To   lake.Date // days in the reporting zone, both included; empty: no bound
	Cursor     string    // AuditPage.Older or AuditPage.Newer of the page before; empty: the newest events. AuditRecords passes it over
	Limit      int       // events on a page; 0: 50; at most MaxLimit. AuditRecords passes it over
}

// MaxLimit is how many events or runs a page may ask for.
const MaxLimit = 1000

// AuditPage answers an AuditQuery. Events are newest first.
type AuditPage struct {
	Snapshot Snapshot
	Window   lake.Window // the days that the log is of
	Events   []AuditEvent
	First    int64  // the position of the first of Events among all that fit, from 1; 0 when there is none
	Total    int64  // events that fit
	Newer    string // cursors of the neighbouring pages; empty: there is none
	Older    string //

	Actions    []string    // to choose from: the documented ones in their order, then others that occur; shared, do not modify
	Workspaces []Workspace // to choose from: those with events, by id, without Licences; shared, do not modify
}

// AuditEvent is a row of the audit log. What is unknown is empty.
type AuditEvent struct {
	ID            string
	At            time.Time // in the reporting zone
	WorkspaceID   string
	WorkspaceName string
	Action        string
	Actor, Target Person
	InviteID      string
	OldRole       string
	NewRole       string
	IPAddress     string
}

// Person is somebody in the audit log.
type Person struct{ ID, Name, Email string }

// ArchivesQuery asks for published zips.
type ArchivesQuery struct {
	Before lake.Date // of these, only run dates before it; empty: from the newest on
	Limit  int       // run dates; 0: 30; at most MaxLimit
}

// Archives are zips that stand ready.
type Archives struct {
	Newest  []Archive // the newest of each name, "Usage Reports.zip" first, whatever was asked for; one that was never published is missing
	Earlier []Archive // the others of the run dates asked for, newest date first, "Usage Reports.zip" first
	Older   lake.Date // ArchivesQuery.Before of the dates that follow; empty: none do
}

// Archive is a published zip.
type Archive struct {
	Name      string    // its file name, such as "Usage Reports.zip"
	Key       string    // in the bucket
	Date      lake.Date // the run date
	RunID     string
	Made      time.Time // when its run began, UTC
	Bytes     int64
	SHA256    string
	TimeZone  *time.Location // the reporting zone
	Windows   []lake.Window
	Workbooks []lake.Workbook // those in it, with rows and the figures of their Summary
}

// RunsQuery asks for the history of runs.
type RunsQuery struct {
	Cursor string // RunsPage.Older or RunsPage.Newer of the page before; empty: the newest runs
	Limit  int    // 0: 50; at most MaxLimit
}

// RunsPage answers a RunsQuery.
type RunsPage struct {
	Runs  []lake.RunRecord // newest first
	First int64            // the position of the first of Runs among all, from 1; 0 when there is none
	Total int64            // all runs
	Newer string           // cursors of the neighbouring pages; empty: there is none
	Older string
}

// StatusUnreadable is the status of a run in a RunsPage whose record is damaged: its Error says how.
const StatusUnreadable = "unreadable"

// RunDetail is one run: its record, which also says what changed since an earlier run, and its quality report.
type RunDetail struct {
	Record  *lake.RunRecord
	Quality *lake.Quality // nil: the run made none, or it was deleted for its age
}
