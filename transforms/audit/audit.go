// Package audit makes the audit log: who invited, added, removed or gave a role to whom. Its functions are pure, from
// daily facts and current-state tables to Arrow batches; it never reads a source, a bucket or a clock, and nothing it
// makes depends on the order of rows. Package chain beside it digests what it makes.
package audit

import (
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/current"
	"github.com/usagereport/usagereport/transforms/facts"
)

// Run is what a run date fixes.
type Run struct {
	Date calendar.Date // D: everything before it is in
	Mem  memory.Allocator
}

// Window is the days of the audit log (contract §2).
func (r Run) Window() calendar.Days { return calendar.Windows(r.Date).Audit }

// Known is, of each workspace and member, the row of today or else the last one seen before the source dropped it.
// Where members are not bound the table is empty. Nothing here is owned.
type Known struct {
	Workspaces, Members *current.Table
}

// instant is the column that Prepare adds: when an event happened, as a key of its fact.
const instant = "instant"

// instantLayout has one width and sorts as the instants do, in all years that the contract knows.
const instantLayout = "2006-01-02T15:04:05.000000Z"

// Columns of the facts of audit events, in key order.
const (
	keyWorkspace = iota
	keyEvent
	keyInstant
	keyAction
	keyActor
	keyActorEmail
	keyTarget
	keyTargetEmail
	keyOldRole
	keyNewRole
	keyInvite
	keyAddress
	keys
)

// Facts says how audit events, as Prepare hands them over, become facts: every event is one of its own, with all that
// is known of it. Of rows that share an event id in one delivery the one stands that sorts first by day, workspace,
// instant, action and so on in this order.
func Facts(zone *time.Location) *facts.Spec {
	return &facts.Spec{
		Name: dictionary.AuditEvents.Name, Instant: "occurred_at",
		Keys: []string{"workspace_id", "event_id", instant, "action", "actor_user_id", "actor_email", "target_user_id",
			"target_email", "old_role", "new_role", "invite_id", "ip_address"},
		ID: "event_id", Zone: zone,
	}
}

// Prepare returns a function that adds to conformed audit events what spec, which Facts returned, groups by beside their own
// columns: same rows, same order. Its caller releases both records.
func Prepare(mem memory.Allocator, spec *facts.Spec) func(rec arrow.Record) (arrow.Record, error) {
	return func(rec arrow.Record) (arrow.Record, error) {
		return spec.WithInstant(mem, rec, instant, func(buf []byte, micros int64) []byte {
			return time.UnixMicro(micros).UTC().AppendFormat(buf, instantLayout)
		})
	}
}
