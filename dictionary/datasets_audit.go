package dictionary

// AuditEvents are the events of people being invited, added, removed and given roles. Read-only.
var AuditEvents = &Table{
	Name: "audit_events", Title: "Audit events", Role: Event, Domains: Audit,
	Doc: "Every act of user management in a workspace, delivered at least once.",
	Fields: []Field{
		{Name: "event_id", Required: true, Doc: "Identifies the event, so that one delivered twice counts once."},
		{Name: "workspace_id", Required: true, Doc: "The workspace that it happened in."},
		{Name: "occurred_at", Kind: Timestamp, Required: true, Doc: "The instant it happened."},
		{Name: "action", Required: true, Enum: auditActions, Doc: "What was done."},
		{Name: "actor_user_id", Doc: "The user who did it."},
		{Name: "actor_email", Doc: "The email address of whoever did it."},
		{Name: "target_user_id", Doc: "The user it was done to."},
		{Name: "target_email", Doc: "The email address of whoever it was done to."},
		{Name: "old_role", Enum: userRoles, Doc: "The role before a change of role."},
		{Name: "new_role", Enum: userRoles, Doc: "The role after a change of role."},
		{Name: "invite_id", Doc: "Identifies the invitation or the invite link."},
		{Name: "ip_address", Doc: "The network address that the act came from."},
	},
}
