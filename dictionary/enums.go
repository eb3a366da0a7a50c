package dictionary

// Values that a rule of the contract names, so that code spells them in one place.
const (
	PlanBusiness   = "Business"  // workspaces.plan: the plan that has an audit log
	AssetKnowledge = "knowledge" // group_assets.asset_kind: sets group_has_knowledge_applied
	AssetVoice     = "voice"     // group_assets.asset_kind: sets group_has_voice_applied
	FeatureAPI     = "API"       // generation_feature: the only one that has an api_endpoint
	FeatureOther   = "Other"     // generation_feature: the catch-all for unknown features
	StatusActive   = "Active"    // integrations.status and project_pairs.status
	StatusInactive = "Inactive"  // integrations.status and project_pairs.status
)

var plans = []Value{
	{PlanBusiness, "The plan whose workspaces have an audit log."},
}

var userRoles = []Value{
	{"admin", "Administers the workspace without restriction."},
	{"manager", "Manages the people and the settings of the workspace."},
	{"member", "Uses the product without administering it."},
	{"developer", "Works with the API."},
}

var groupVisibilities = []Value{
	{"Public", "Everyone in the workspace sees the group."},
	{"Private", "Only its members see the group."},
}

var assetKinds = []Value{
	{AssetKnowledge, "A knowledge asset."},
	{AssetVoice, "A brand voice."},
}

var agentTypes = []Value{
	{"Custom – User Saved", "One user saved it."},
	{"Custom – Studio (Private)", "Built in the studio and visible to its creator alone."},
	{"Custom – Studio (Public)", "Built in the studio and shared with the whole workspace."},
	{"Custom – Services Built", "Built through the API or by a service."},
}

var agentVisibilities = []Value{
	{"Public", "Everyone in the workspace can use the agent."},
	{"Private", "Only its creator can use the agent."},
}

var generationTypes = []Value{
	{"Text", "Text was generated."},
	{"Image", "An image was generated."},
}

var generationFeatures = []Value{
	{"Chat", "A chat conversation."},
	{"Agent", "An agent's run."},
	{"Command", "A command given inline in a document."},
	{"Ask Jasper", "A question put to the assistant in a document."},
	{FeatureAPI, "A call of the API."},
	{"Extension", "The browser extension."},
	{FeatureOther, "Anything else, older features and unknown ones among it."},
}

var generationAgentTypes = []Value{
	{"Advanced Agent", "One of the product's own advanced agents, for research or search optimisation for example."},
	{"Public", "A ready-made agent that comes with the product."},
	{"Custom – User Saved", "An agent that one user saved."},
	{"Custom – Studio (Private)", "A studio-built agent that only its creator sees."},
	{"Custom – Studio (Public)", "A studio-built agent that the workspace shares."},
	{"Custom – Services Built", "An agent built through the API or by a service."},
	{"Single Use", "A throw-away agent whose configuration nobody saved."},
}

var auditActions = []Value{
	{"public_invite_link.created", "A public invite link was made."},
	{"public_invite_link.deleted", "A public invite link was withdrawn."},
	{"public_invite_link.accepted", "Someone joined through a public invite link."},
	{"email_invite.created", "An invitation was sent by email."},
	{"email_invite.deleted", "An invitation sent by email was withdrawn."},
	{"email_invite.accepted", "Someone accepted an invitation sent by email."},
	{"member.added", "A user became a member of the workspace."},
	{"member.removed", "A user was removed from the workspace."},
	{"member.role_updated", "A member's role changed from old_role to new_role."},
}

var integrationStatuses = []Value{
	{StatusActive, "It synchronises."},
	{StatusInactive, "It is switched off."},
}
