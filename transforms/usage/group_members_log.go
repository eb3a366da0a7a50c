package usage

import (
	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/rows"
)

// GroupMembersLog returns the Group Members Log: who is in which group today. Assets count once each; knowledge and
// voice come from the kinds of a group's assets, IQ is either (contract §4). A member of a group that the source does
// not hold stays, with the group's columns null. The caller releases the record.
func GroupMembersLog(run Run, today Today, known Known) arrow.Record {
	out := rows.New(run.Mem, dictionary.GroupMembersLog.Schema())
	dayer := calendar.NewDayer(run.Zone)
	gm := today.GroupMembers
	for i := range gm.Len() {
		workspace, _ := gm.Text("workspace_id", i)
		group, _ := gm.Text("group_id", i)
		user, _ := gm.Text("user_id", i)
		w, knownWorkspace := known.Workspaces.Find(workspace)
		g, knownGroup := today.Groups.Find(workspace, group)
		member, knownMember := known.Members.Find(workspace, user)
		var creatorID string
		var hasCreator, knownCreator bool
		var creator int
		if knownGroup {
			if creatorID, hasCreator = today.Groups.Text("creator_user_id", g); hasCreator {
				creator, knownCreator = known.Members.Find(workspace, creatorID)
			}
		}
		assets := today.assetsOf(workspace, group)

		out.Text(workspace, true)
		out.Field(known.Workspaces, "workspace_name", w, knownWorkspace)
		out.Text(group, true)
		out.Field(today.Groups, "group_name", g, knownGroup)
		out.Field(today.Groups, "group_visibility", g, knownGroup)
		out.Text(creatorID, hasCreator)
		out.Field(known.Members, "user_email", creator, knownCreator)
		out.Field(known.Members, "user_name", creator, knownCreator)
		if knownGroup {
			out.Date(day(dayer, today.Groups, "created_at", g))
		} else {
			out.Date(0, false)
		}
		out.Text(user, true)
		out.Field(known.Members, "user_email", member, knownMember)
		out.Field(known.Members, "user_name", member, knownMember)
		out.Date(day(dayer, gm, "added_at", i))
		out.Bool(assets.knowledge)
		out.Bool(assets.voice)
		out.Integer(assets.count)
		out.Bool(assets.knowledge || assets.voice)
	}
	return out.Record()
}

type assets struct {
	count            int64
	knowledge, voice bool
}

func (t Today) assetsOf(workspace, group string) (a assets) {
	from, to := t.GroupAssets.Range(workspace, group)
	for i := from; i < to; i++ {
		a.count++
		switch kind, _ := t.GroupAssets.Text("asset_kind", i); kind {
		case "knowledge":
			a.knowledge = true
		case "voice":
			a.voice = true
		}
	}
	return a
}
