package dictionary

// Systems is the current state of the systems that integrations connect. Read-only.
var Systems = &Table{
	Name: "systems", Title: "Systems", Role: State, Domains: Integration,
	Doc: "The systems that integrations connect, as they are today, one row per system.",
	Fields: []Field{
		{Name: "system_id", Required: true, Grain: true, Doc: "Identifies the system."},
		{Name: "system_name", Required: true, Doc: "What people call the system."},
	},
}

// Integrations is the current state of the integrations. Read-only.
var Integrations = &Table{
	Name: "integrations", Title: "Integrations", Role: State, Domains: Integration,
	Doc: "The integrations as they are today, one row per integration of two systems.",
	Fields: []Field{
		{Name: "integration_id", Required: true, Grain: true, Doc: "Identifies the integration."},
		{Name: "integration_name", Doc: "What people call the integration."},
		{Name: "system1_id", Required: true, Doc: "The first of the two systems."},
		{Name: "system2_id", Required: true, Doc: "The second of the two systems."},
		{Name: "status", Required: true, Enum: integrationStatuses, Doc: "Whether the integration is at work."},
		{Name: "updated_at", Kind: Timestamp, Required: true, Doc: "When the integration was last changed."},
	},
}

// ProjectPairs is the current state of the projects that integrations connect. Read-only.
var ProjectPairs = &Table{
	Name: "project_pairs", Title: "Project pairs", Role: State, Domains: Integration,
	Doc: "The projects that each integration connects today, one row per pair of projects.",
	Fields: []Field{
		{Name: "integration_id", Required: true, Grain: true, Doc: "The integration that connects the two projects."},
		{Name: "system1_project", Required: true, Grain: true, Doc: "The project in the integration's first system."},
		{Name: "system2_project", Required: true, Grain: true, Doc: "The project in the integration's second system."},
		{Name: "status", Required: true, Enum: integrationStatuses, Doc: "Whether the pair is at work."},
		{Name: "updated_at", Kind: Timestamp, Required: true, Doc: "When the pair was last changed."},
	},
}

// SyncEvents are the events of entities being synchronised. Read-only.
var SyncEvents = &Table{
	Name: "sync_events", Title: "Sync events", Role: Event, Domains: Integration,
	Doc: "Every attempt to synchronise an entity, delivered at least once.",
	Fields: []Field{
		{Name: "integration_id", Required: true, Doc: "The integration at work."},
		{Name: "end_system_id", Required: true, Doc: "The system in which the entity lives or to which it was brought."},
		{Name: "entity_type", Required: true, Doc: "What kind of thing the entity is, in the words of its system."},
		{Name: "entity_id", Required: true, Doc: "Identifies the entity within its system and type."},
		{Name: "synced_at", Kind: Timestamp, Required: true, Doc: "The instant of the attempt."},
		{Name: "succeeded", Kind: Boolean, Required: true, Doc: "True when the entity was synchronised, false when the attempt failed."},
		{Name: "event_id", Doc: "Identifies the event, so that one delivered twice counts once."},
		{Name: "system1_project", Doc: "The project in the integration's first system, where the source knows it."},
		{Name: "system2_project", Doc: "The project in the integration's second system, where the source knows it."},
	},
}

// UserObservations are the events of somebody being seen in a system. Read-only.
var UserObservations = &Table{
	Name: "user_observations", Title: "User observations", Role: Event, Domains: Integration,
	Doc: "Every sight of a user in a system, with whatever identified the user there, delivered at least once.",
	Fields: []Field{
		{Name: "system_id", Required: true, Doc: "The system that the user was seen in."},
		{Name: "interaction_type", Required: true, Doc: "Where in the system the user was seen, as author of a comment for example."},
		{Name: "observed_at", Kind: Timestamp, Required: true, Doc: "The instant the user was seen."},
		{Name: "email", Doc: "The email address that the system showed."},
		{Name: "username", Doc: "The username that the system showed."},
		{Name: "display_name", Doc: "The display name that the system showed."},
		{Name: "service_account", Kind: Boolean, Doc: "True when the user is a service account, null is false."},
	},
}
