package usage

import (
	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// AgentsLog returns the Agents Log: today's agents with their creators. The caller releases the record.
func AgentsLog(run Run, today Today, known Known) arrow.Record {
	out := newRows(run.Mem, dictionary.AgentsLog)
	dayer := calendar.NewDayer(run.Zone)
	a := today.Agents
	for i := range a.Len() {
		workspace, _ := a.Text("workspace_id", i)
		creatorID, hasCreator := a.Text("creator_user_id", i)
		creator, found := 0, false
		if hasCreator {
			creator, found = known.Members.Find(workspace, creatorID)
		}
		out.text(workspace, true)
		out.field(a, "agent_id", i, true)
		out.field(a, "agent_name", i, true)
		out.date(day(dayer, a, "created_at", i))
		out.field(a, "agent_type", i, true)
		out.bool(truth(a, "agent_active", i))
		out.bool(truth(a, "studio_agent", i))
		out.text(creatorID, hasCreator)
		out.field(known.Members, "user_name", creator, found)
		out.field(known.Members, "user_email", creator, found)
		out.field(a, "agent_visibility", i, true)
	}
	return out.record()
}
