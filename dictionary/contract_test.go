package dictionary_test

// What the contract says, written down a second time and by hand. S string, D date, B boolean, I integer,
// T timestamp; * never null.

var contractDatasets = []struct{ name, key, columns string }{
	{"workspaces", "workspace_id", "workspace_id S*, workspace_name S*, plan S"},
	{"members", "workspace_id user_id", "workspace_id S*, user_id S*, user_name S, user_email S, user_role S*, user_department S, " +
		"user_active B*, created_at T*, revoked_at T, invite_sent_from_email S, invite_sent_at T, first_login_at T, " +
		"last_login_at T, first_generation_at T, last_generation_at T"},
	{"groups", "workspace_id group_id", "workspace_id S*, group_id S*, group_name S, group_visibility S*, creator_user_id S, created_at T*"},
	{"group_members", "workspace_id group_id user_id", "workspace_id S*, group_id S*, user_id S*, added_at T*"},
	{"group_assets", "workspace_id group_id asset_id", "workspace_id S*, group_id S*, asset_id S*, asset_kind S*"},
	{"agents", "workspace_id agent_id", "workspace_id S*, agent_id S*, agent_name S, created_at T*, agent_type S*, agent_active B*, " +
		"studio_agent B*, creator_user_id S, agent_visibility S*"},
	{"logins", "", "workspace_id S*, user_id S*, logged_in_at T*, event_id S"},
	{"generations", "", "workspace_id S*, created_at T*, generation_type S*, generation_feature S*, event_id S, user_id S, " +
		"canvas_id S, grid_id S, api_path S, agent_id S, generation_agent_type S, used_iq B, content_generations I"},
	{"canvases", "workspace_id canvas_id", "workspace_id S*, canvas_id S*, canvas_name S"},
	{"grids", "workspace_id grid_id", "workspace_id S*, grid_id S*, grid_name S"},
	{"audit_events", "", "event_id S*, workspace_id S*, occurred_at T*, action S*, actor_user_id S, actor_email S, target_user_id S, " +
		"target_email S, old_role S, new_role S, invite_id S, ip_address S"},
	{"systems", "system_id", "system_id S*, system_name S*"},
	{"integrations", "integration_id", "integration_id S*, integration_name S, system1_id S*, system2_id S*, status S*, updated_at T*"},
	{"project_pairs", "integration_id system1_project system2_project", "integration_id S*, system1_project S*, system2_project S*, " +
		"status S*, updated_at T*"},
	{"sync_events", "", "integration_id S*, end_system_id S*, entity_type S*, entity_id S*, synced_at T*, succeeded B*, event_id S, " +
		"system1_project S, system2_project S"},
	{"user_observations", "", "system_id S*, interaction_type S*, observed_at T*, email S, username S, display_name S, service_account B"},
}

var contractLogs = []struct {
	name, title string
	fields      int
	order       string // what the rows are sorted by, which is also what makes a row unique
	columns     string
}{
	{"user_log", "User Log", 16, "workspace_id user_id",
		"workspace_id S*, workspace_name S, user_id S*, user_name S, user_email S, user_role S*, user_department S, user_active B*, " +
			"user_created_date D*, user_revoked_date D, first_login_date D, last_login_date D, first_content_generation_date D, " +
			"last_content_generation_date D, invite_sent_from_email S, invite_sent_date D"},
	{"group_members_log", "Group Members Log", 17, "workspace_id group_id member_user_id",
		"workspace_id S*, workspace_name S, group_id S*, group_name S, group_visibility S, creator_user_id S, creator_user_email S, " +
			"creator_user_name S, group_created_date D, member_user_id S*, member_user_email S, member_user_name S, " +
			"member_added_date D*, group_has_knowledge_applied B*, group_has_voice_applied B*, assets_in_group I*, " +
			"group_has_iq_applied B*"},
	{"agents_log", "Agents Log", 11, "workspace_id agent_id",
		"workspace_id S*, agent_id S*, agent_name S, agent_created_date D*, agent_type S*, agent_active B*, studio_agent B*, " +
			"creator_user_id S, creator_user_name S, creator_user_email S, agent_visibility S*"},
	{"user_activity_log", "User Activity Log", 6, "workspace_id user_login_date user_id",
		"workspace_id S*, workspace_name S, user_id S*, user_name S, user_email S, user_login_date D*"},
	{"generation_log", "Generation Log", 19, "workspace_id content_created_date user_id canvas_id grid_id generation_type " +
		"generation_feature api_endpoint generation_agent_type agent_id generation_used_iq",
		"run_time S*, workspace_id S*, workspace_name S, user_id S, user_name S, user_email S, content_created_date D*, canvas_id S, " +
			"canvas_name S, grid_id S, grid_name S, generation_type S*, generation_feature S*, api_endpoint S, " +
			"generation_agent_type S, agent_id S, generation_agent_name S, generation_used_iq B*, content_generations I*"},
	{"audit_log", "Audit Log", 15, "occurred_at event_id",
		"event_id S*, occurred_at T*, workspace_id S*, workspace_name S*, action S*, actor_user_id S, actor_user_name S, " +
			"actor_user_email S, target_user_id S, target_user_name S, target_user_email S, invite_id S, old_role S, new_role S, " +
			"ip_address S"},
}

// The sheets of a usage report after its Summary, in order.
var contractSheets = []struct{ title, columns string }{
	{"Unique User Count", "System / Source S*, Count I*, Usernames or Emails I*, Emails I*, Display Names I*, Usernames I*"},
	{"Entity Type Count", "System Pairs S*, End System S*, Entity Types S*, Status S*, Last Synced T*"},
	{"Integrated Project Count", "End System 1 S*, End System 1 Project S*, End System 2 S*, End System 2 Project S*, Status S*, " +
		"Last Updated T, Last Synced T"},
	{"Synced Data Count", "End System 1 S*, End System 2 S*, Counts Based on System Pair I*, Last Synced T*"},
	{"Detailed User Report", "Email S, Username S, Display Name S, Interaction Types S*, Observed In S*, Service Account S*, " +
		"Last Seen T*, Duplicates S"},
}

const contractRoles = "admin|manager|member|developer"
const contractVisibility = "Public|Private"
const contractAgents = "Custom – User Saved|Custom – Studio (Private)|Custom – Studio (Public)|Custom – Services Built"
const contractActions = "public_invite_link.created|public_invite_link.deleted|public_invite_link.accepted|email_invite.created|" +
	"email_invite.deleted|email_invite.accepted|member.added|member.removed|member.role_updated"
const contractFeatures = "Chat|Agent|Command|Ask Jasper|API|Extension|Other"
const contractUsedAgents = "Advanced Agent|Public|Custom – User Saved|Custom – Studio (Private)|Custom – Studio (Public)|" +
	"Custom – Services Built|Single Use"

// Every enumerated field there is.
var contractEnums = map[string]string{
	"workspaces.plan":                      "Business",
	"members.user_role":                    contractRoles,
	"groups.group_visibility":              contractVisibility,
	"group_assets.asset_kind":              "knowledge|voice",
	"agents.agent_type":                    contractAgents,
	"agents.agent_visibility":              contractVisibility,
	"generations.generation_type":          "Text|Image",
	"generations.generation_feature":       contractFeatures,
	"generations.generation_agent_type":    contractUsedAgents,
	"audit_events.action":                  contractActions,
	"audit_events.old_role":                contractRoles,
	"audit_events.new_role":                contractRoles,
	"integrations.status":                  "Active|Inactive",
	"project_pairs.status":                 "Active|Inactive",
	"user_log.user_role":                   contractRoles,
	"group_members_log.group_visibility":   contractVisibility,
	"agents_log.agent_type":                contractAgents,
	"agents_log.agent_visibility":          contractVisibility,
	"generation_log.generation_type":       "Text|Image",
	"generation_log.generation_feature":    contractFeatures,
	"generation_log.generation_agent_type": contractUsedAgents,
	"audit_log.action":                     contractActions,
	"audit_log.old_role":                   contractRoles,
	"audit_log.new_role":                   contractRoles,
}

// The datasets that each domain needs, and those that it can do without.
var contractDomains = map[string][2]string{
	"usage": {"workspaces members groups group_members agents logins generations", "group_assets canvases grids"},
	"audit": {"workspaces audit_events", "members"},
	"integration": {
		"systems integrations project_pairs sync_events user_observations", ""},
}
