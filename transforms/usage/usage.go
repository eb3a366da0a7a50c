// Package usage makes the five usage logs: pure functions from daily facts and current-state tables to Arrow batches,
// one file a log. It never reads a source, a bucket or a clock, and nothing it makes depends on the order of rows.
package usage

import (
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/current"
	"github.com/usagereport/usagereport/transforms/facts"
)

// Today is the current-state tables of a run. Nothing here is owned.
type Today struct {
	Workspaces, Members, Groups, GroupMembers, GroupAssets, Agents, Canvases, Grids *current.Table
}

// Known is, of each named thing, the row of today or else the last one seen before the source dropped it: names and
// agents' types of old events come from here (contract §3, §4). Nothing here is owned.
type Known struct {
	Workspaces, Members, Agents, Canvases, Grids *current.Table
}

// Run is what a run date fixes.
type Run struct {
	Date calendar.Date  // D: everything before it is in
	Time time.Time      // the run_time column
	Zone *time.Location // the reporting zone
	Mem  memory.Allocator
}

// Window is the rolling year of the event logs (contract §2).
func (r Run) Window() calendar.Days { return calendar.Windows(r.Date).Year }

// Columns of the facts of logins, in key order.
const (
	loginWorkspace = iota
	loginUser
)

// LoginFacts says how logins become facts: by user and day.
func LoginFacts(zone *time.Location) *facts.Spec {
	return &facts.Spec{
		Name: dictionary.Logins.Name, Instant: "logged_in_at", Keys: []string{"workspace_id", "user_id"},
		ID: "event_id", Zone: zone,
	}
}

// Columns of the facts of generations, in key order, which is the order the log is sorted by after workspace and day.
const (
	genWorkspace = iota
	genUser
	genCanvas
	genGrid
	genType
	genFeature
	genEndpoint
	genAgentType
	genAgent
	genIQ
	genKeys
)

// GenerationFacts says how generations, as Generations hands them over, become facts: by the grain of the Generation
// Log (contract §4), but with the event's own agent type, since the agent's may change.
func GenerationFacts(zone *time.Location) *facts.Spec {
	return &facts.Spec{
		Name: dictionary.Generations.Name, Instant: "created_at",
		Keys: []string{"workspace_id", "user_id", "canvas_id", "grid_id", "generation_type", "generation_feature",
			"api_path", "generation_agent_type", "agent_id", "used_iq"},
		Count: "content_generations", ID: "event_id", Zone: zone,
	}
}

// day converts the named Timestamp field of row i to its day in the reporting zone; false when it is null.
func day(d *calendar.Dayer, t *current.Table, field string, i int) (calendar.Date, bool) {
	col := t.Column(field).(*array.Timestamp)
	if col.IsNull(i) {
		return 0, false
	}
	return d.DayOf(int64(col.Value(i))), true
}

func truth(t *current.Table, field string, i int) bool {
	return t.Column(field).(*array.Boolean).Value(i)
}
