package audit

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/rows"
)

// batchRows is how many rows a record of the log has at most.
const batchRows = 8192

// Totals counts what became of the events of the window. Events is the sum of Rows, OtherPlan, NoWorkspace and
// OtherAction.
type Totals struct {
	Events      int64 // distinct events in the daily facts of the window
	Rows        int64 // in the log
	OtherPlan   int64 // not in the log: the workspace has no audit log
	NoWorkspace int64 // not in the log: no snapshot ever knew the workspace, so nor its plan
	OtherAction int64 // not in the log: the workspace has one, but the action is none of those it shows
	NoActor     int64 // rows whose actor, given by id, no snapshot ever knew as a member
	NoTarget    int64 // the same of the target
	Repeated    int64 // rows with the event id of a row above them: there must be none
}

// event is a row of the log.
type event struct {
	at    int64 // microseconds since 1970
	codes [keys]uint32
}

// Log yields the audit log from the merged facts of audit events, newest first and by event id within an instant: the
// nine actions of workspaces on the Business plan over the 90 days before the run date (contract §2, §5). The plan is
// today's, of a workspace that is gone the one last known. An email address is the event's own, or else that of the
// member. On the way it counts in totals what is in the log and what is not. The rows of the window are in memory
// meanwhile; the consumer releases each record.
func Log(run Run, known Known, events *facts.Merger, totals *Totals) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		l := &log{run: run, known: known, merger: events, totals: totals}
		*totals = Totals{}
		if err := l.collect(); err != nil {
			yield(nil, err)
			return
		}
		slices.SortFunc(l.events, func(a, b event) int {
			return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.codes[keyEvent], b.codes[keyEvent]), slices.Compare(a.codes[:], b.codes[:]))
		})
		l.findRepeated()
		for chunk := range slices.Chunk(l.events, batchRows) {
			if !yield(l.record(chunk), nil) {
				return
			}
		}
	}
}

type log struct {
	run    Run
	known  Known
	merger *facts.Merger
	totals *Totals
	events []event
}

// collect gathers the rows of the log from the facts of the window.
func (l *log) collect() error {
	shown := map[uint32]bool{}
	for _, action := range dictionary.AuditLog.Fields[dictionary.AuditLog.Index("action")].Enum {
		shown[l.merger.Code(keyAction, action.Name)] = true
	}
	delete(shown, 0) // of actions that no event has
	for block, err := range l.merger.BlocksOf(l.run.Window()) {
		if err != nil {
			return err
		}
		n := int64(len(block.Count))
		l.totals.Events += n
		id, _ := l.text(keyWorkspace, block.Workspace)
		w, ok := l.known.Workspaces.Find(id)
		if !ok {
			l.totals.NoWorkspace += n
			continue
		}
		if plan, _ := l.known.Workspaces.Text("plan", w); plan != dictionary.PlanBusiness {
			l.totals.OtherPlan += n
			continue
		}
		for i := range block.Count {
			if !shown[block.Cols[keyAction][i]] {
				l.totals.OtherAction++
				continue
			}
			var e event
			for k, col := range block.Cols {
				e.codes[k] = col[i]
			}
			text, _ := l.text(keyInstant, e.codes[keyInstant])
			at, err := time.Parse(instantLayout, text)
			if err != nil {
				return fmt.Errorf("audit: instant of a fact: %w", err)
			}
			e.at = at.UnixMicro()
			l.events = append(l.events, e)
		}
	}
	l.totals.Rows = int64(len(l.events))
	return nil
}

func (l *log) findRepeated() {
	seen := make([]bool, len(l.merger.Values(keyEvent))+1)
	for _, e := range l.events {
		if seen[e.codes[keyEvent]] {
			l.totals.Repeated++
		}
		seen[e.codes[keyEvent]] = true
	}
}

// text returns the value of a code, false for null.
func (l *log) text(key int, code uint32) (string, bool) {
	if code == 0 {
		return "", false
	}
	return l.merger.Values(key)[code-1], true
}

func (l *log) record(events []event) arrow.Record {
	out := rows.New(l.run.Mem, dictionary.AuditLog.Schema())
	for i := range events {
		e := &events[i]
		show := func(key int) { out.Text(l.text(key, e.codes[key])) }
		workspace, _ := l.text(keyWorkspace, e.codes[keyWorkspace])
		w, named := l.known.Workspaces.Find(workspace)
		show(keyEvent)
		out.Instant(e.at, true)
		show(keyWorkspace)
		out.Field(l.known.Workspaces, "workspace_name", w, named)
		show(keyAction)
		l.person(out, workspace, e, keyActor, keyActorEmail, &l.totals.NoActor)
		l.person(out, workspace, e, keyTarget, keyTargetEmail, &l.totals.NoTarget)
		show(keyInvite)
		show(keyOldRole)
		show(keyNewRole)
		show(keyAddress)
	}
	return out.Record()
}

// person appends id, name and email address of one who did something, or to whom it was done.
func (l *log) person(out *rows.Builder, workspace string, e *event, id, email int, unknown *int64) {
	user, given := l.text(id, e.codes[id])
	member, found := 0, false
	if given {
		if member, found = l.known.Members.Find(workspace, user); !found {
			*unknown++
		}
	}
	out.Text(user, given)
	out.Field(l.known.Members, "user_name", member, found)
	if own, ok := l.text(email, e.codes[email]); ok && own != "" {
		out.Text(own, true)
		return
	}
	out.Field(l.known.Members, "user_email", member, found)
}
