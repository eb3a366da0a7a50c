package dictionary

import "slices"

// UniqueUserCount is the sheet of users by system. Read-only.
var UniqueUserCount = &Table{
	Name: "unique_user_count", Title: "Unique User Count", Role: Sheet, Domains: Integration, Version: 1,
	Doc: "Unique users by the system that they were seen in, one row per system and a last one for all systems together.",
	Fields: []Field{
		{Name: "System / Source", Required: true, Grain: true, Doc: "The system; All systems is everybody resolved together, not the sum."},
		{Name: "Count", Kind: Integer, Required: true, Doc: "Unique users seen in the system."},
		{Name: "Usernames or Emails", Kind: Integer, Required: true, Doc: "Of these, users identified by a username together with an email."},
		{Name: "Emails", Kind: Integer, Required: true, Doc: "Of these, users identified by an email alone."},
		{Name: "Display Names", Kind: Integer, Required: true, Doc: "Of these, users identified by a display name, without any email."},
		{Name: "Usernames", Kind: Integer, Required: true, Doc: "Of these, users identified by a username alone."},
	},
}

// EntityTypeCount is the sheet of entity types by pair of systems. Read-only.
var EntityTypeCount = &Table{
	Name: "entity_type_count", Title: "Entity Type Count", Role: Sheet, Domains: Integration, Version: 1,
	Doc: "Entity types with a successful sync in the window, one row per pair of systems, end system and entity type.",
	Fields: []Field{
		{Name: "System Pairs", Required: true, Grain: true, Doc: "The two systems as their integration has them."},
		{Name: "End System", Required: true, Grain: true, Doc: "The system in which the entities live or to which they were brought."},
		{Name: "Entity Types", Required: true, Grain: true, Doc: "What kind of thing was synchronised."},
		{Name: "Status", Required: true, Enum: integrationStatuses, Doc: "Active if any integration of the pair is."},
		{Name: "Last Synced", Kind: Timestamp, Required: true, Doc: "The last successful sync."},
	},
}

// IntegratedProjectCount is the sheet of project pairs. Read-only.
var IntegratedProjectCount = &Table{
	Name: "integrated_project_count", Title: "Integrated Project Count", Role: Sheet, Domains: Integration, Version: 1,
	Doc: "Pairs of projects with a successful sync or an update in the window, one row per pair.",
	Fields: []Field{
		{Name: "End System 1", Required: true, Grain: true, Doc: "The integration's first system."},
		{Name: "End System 1 Project", Required: true, Grain: true, Doc: "The project in the first system."},
		{Name: "End System 2", Required: true, Grain: true, Doc: "The integration's second system."},
		{Name: "End System 2 Project", Required: true, Grain: true, Doc: "The project in the second system."},
		{Name: "Status", Required: true, Enum: integrationStatuses, Doc: "Active if the pair of projects is at work in any integration."},
		{Name: "Last Updated", Kind: Timestamp, Doc: "When the pair was last changed; empty where no source ever said."},
		{Name: "Last Synced", Kind: Timestamp, Doc: "The last successful sync between the two projects in the window; empty where there was none."},
	},
}

// SyncedDataCount is the sheet of entities by pair of systems. Read-only.
var SyncedDataCount = &Table{
	Name: "synced_data_count", Title: "Synced Data Count", Role: Sheet, Domains: Integration, Version: 1,
	Doc: "Distinct entities with a successful sync in the window, one row per pair of systems.",
	Fields: []Field{
		{Name: "End System 1", Required: true, Grain: true, Doc: "The integration's first system."},
		{Name: "End System 2", Required: true, Grain: true, Doc: "The integration's second system."},
		{Name: "Counts Based on System Pair", Kind: Integer, Required: true, Sum: true,
			Doc: "Distinct entities: end system, entity type and entity id."},
		{Name: "Last Synced", Kind: Timestamp, Required: true, Doc: "The last successful sync between the two systems."},
	},
}

// DetailedUserReport is the sheet of users. Read-only.
var DetailedUserReport = &Table{
	Name: "detailed_user_report", Title: "Detailed User Report", Role: Sheet, Domains: Integration, Version: 1,
	Doc: "Every user seen in the window, one row per user; several values in a cell are sorted and joined by a semicolon.",
	Fields: []Field{
		{Name: "Email", Doc: "The email addresses that the user was seen with."},
		{Name: "Username", Doc: "The usernames that the user was seen with."},
		{Name: "Display Name", Doc: "The display names that the user was seen with."},
		{Name: "Interaction Types", Required: true, Doc: "Where in the systems the user was seen, as author of a comment for example."},
		{Name: "Observed In", Required: true, Doc: "The systems that the user was seen in, each with the last time there."},
		{Name: "Service Account", Required: true, Enum: []Value{
			{Name: "Yes", Doc: "At least one system says that the user is a service account."},
			{Name: "No", Doc: "No system says so."},
		}, Doc: "Whether the user is a service account."},
		{Name: "Last Seen", Kind: Timestamp, Required: true, Doc: "The last time the user was seen in any system."},
		{Name: "Duplicates", Doc: "For an email seen with two or more usernames: those usernames, each with its systems."},
	},
}

// reports are the sheets of a usage report after its Summary, in the order of the contract (§6).
var reports = []*Table{UniqueUserCount, EntityTypeCount, IntegratedProjectCount, SyncedDataCount, DetailedUserReport}

// Reports returns the sheets of a usage report after its Summary, in their order. The names of their fields are the
// headers. The slice is the caller's, the tables are shared and read-only.
func Reports() []*Table { return slices.Clone(reports) }
