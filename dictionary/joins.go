package dictionary

// Join says that rows of To refer to a row of From.
type Join struct {
	From, To *Table      // read-only
	On       [][2]string // pairs of fields, From's and To's, that are equal
	Optional bool        // the field of To may be null, and such rows refer to nothing
}

// Joins returns how the five logs refer to each other. From holds at most one row per key. A row of To whose key is not null
// finds its row in From unless the current state no longer holds it, which the checks count (contract §9).
func Joins() []Join {
	return []Join{
		{From: UserLog, To: UserActivityLog, On: [][2]string{{"workspace_id", "workspace_id"}, {"user_id", "user_id"}}},
		{From: UserLog, To: GenerationLog, On: [][2]string{{"workspace_id", "workspace_id"}, {"user_id", "user_id"}}, Optional: true},
		{From: UserLog, To: GroupMembersLog, On: [][2]string{{"workspace_id", "workspace_id"}, {"user_id", "member_user_id"}}},
		{From: UserLog, To: GroupMembersLog, On: [][2]string{{"workspace_id", "workspace_id"}, {"user_id", "creator_user_id"}}, Optional: true},
		{From: AgentsLog, To: GenerationLog, On: [][2]string{{"workspace_id", "workspace_id"}, {"agent_id", "agent_id"}}, Optional: true},
	}
}
