package usage

import (
	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/rows"
)

// AgentsLog returns the Agents Log: today's agents with their creators. The caller releases the record.
func AgentsLog(run Run, today Today, known Known) arrow.Record {
	out := rows.New(run.Mem, dictionary.AgentsLog.Schema())
	dayer := calendar.NewDayer(run.Zone)
	a := today.Agents
	for i := range a.Len() {
		workspace, _ := a.Text("workspace_id", i)
		creatorID, hasCreator := a.Text("creator_user_id", i)
		creator, found := 0, false
		if hasCreator {
			creator, found = known.Members.Find(workspace, creatorID)
		}
		out.Text(workspace, true)
		out.Field(a, "agent_id", i, true)
		out.Field(a, "agent_name", i, true)
		out.Date(day(dayer, a, "created_at", i))
		out.Field(a, "agent_type", i, true)
		out.Bool(truth(a, "agent_active", i))
		out.Bool(truth(a, "studio_agent", i))
		out.Text(creatorID, hasCreator)
		out.Field(known.Members, "user_name", creator, found)
		out.Field(known.Members, "user_email", creator, found)
		out.Field(a, "agent_visibility", i, true)
	}
	return out.Record()
}
