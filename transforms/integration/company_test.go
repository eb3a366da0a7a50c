package integration_test

import (
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/identity"
)

// company is a world made by hand in which every rule of the sheets shows. Its run date is 2026-11-21 in New York: the
// year began at 2025-11-21T05:00Z, the six months at 2026-05-21T04:00Z, and the run date begins at 2026-11-21T05:00Z.
func company(t rapid.TB) *world {
	t.Helper()
	return &world{
		zone: location(t, "America/New_York"), date: calendar.Civil(2026, 11, 21),
		systems: []system{
			{id: "jira", name: "Jira"}, {id: "gh", name: "GitHub"}, {id: "d1", name: "Desk"}, {id: "d2", name: "Desk"},
			{id: "cloud", name: "Jira Cloud"}, {id: "old", name: "Old Tracker", gone: true}, {id: "blank", name: ""},
		},
		integrations: []connection{
			{id: "i1", system1: "jira", system2: "gh", status: "Inactive"}, {id: "i2", system1: "jira", system2: "gh", status: "Active"},
			{id: "i3", system1: "gh", system2: "jira", status: "Inactive"}, // the other way round is another pair
			{id: "i4", system1: "d1", system2: "d2", status: "Paused"},
			{id: "i5", system1: "old", system2: "gh", status: "Active", gone: true},
			{id: "i6", system1: "cloud", system2: "gh", status: "Active"}, {id: "i7", system1: "cloud", system2: "gh", status: "Active", gone: true},
			{id: "i8", system1: "blank", system2: "nowhere", status: "Active"},
			{id: "i9", system1: "gh", system2: "d1", status: "Active"}, // nothing ever succeeds
		},
		projects: []projectPair{
			{"i1", "APP", "app", "Inactive", at("2026-05-20T12:00:00Z"), false}, // updated and synced, by either integration
			{"i2", "APP", "app", "Active", at("2026-06-01T12:00:00.999999Z"), false},
			{"i1", "OPS", "ops", "Inactive", at("2026-11-21T04:59:59.999999Z"), false},    // updated at the last instant, never synced
			{"i2", "LATE", "late", "Active", at("2026-11-21T05:00:00Z"), false},           // updated on the run date: too late
			{"i3", "app", "APP", "Active", at("2026-05-21T03:59:59.999999Z"), false},      // updated before the six months
			{"i2", "YEAR", "year", "Active", at("2025-11-21T05:00:00Z"), false},           // updated at the first instant of the year
			{"i2", "OLD", "old", "Active", at("2025-11-21T04:59:59.999999Z"), false},      // and before it
			{"i2", "SYNC", "sync", "Active", at("2019-01-01T00:00:00Z"), false},           // synced, updated long ago
			{"i5", "GONE", "gone", "Active", at("2026-07-04T12:00:00Z"), true},            // no longer there
			{"i4", "A", "B", "Paused", at("2026-07-04T12:00:00Z"), false},                 // a status of the source's own
			{"unheard", "X", "Y", "Active", at("2026-07-04T12:00:00Z"), false},            // of an integration that nobody knew
			{"i9", "F", "G", "Active", at("2020-07-04T12:00:00Z"), false},                 // synced by failed attempts alone
			{"i2", "HALF", "half", "Active", at("2020-07-04T12:00:00Z"), false},           // synced by events that name one project
			{"i1", "BOTH", "both", "Active", at("2026-07-04T12:00:00Z"), true},            // gone in one integration, Paused in the other
			{"i2", "BOTH", "both", "Paused", at("2026-03-04T12:00:00Z"), false},           //
			{"i6", "2026", "11", "Active", at("2026-11-01T05:30:00Z"), false},             // the repeated hour, first time …
			{"i6", "2026", "again", "Active", at("2026-11-01T06:30:00Z"), false},          // … and second
			{"i6", "spring", "forward", "Active", at("2026-03-08T07:00:00Z"), false},      // the hour after the missing one
			{"i7", "only", "in what is gone", "Active", at("2026-10-01T00:00:00Z"), true}, //
		},
		syncs:  companySyncs(),
		sights: companySights(),
		rules:  identity.Rules{NoProof: []string{"noreply"}},
	}
}

func companySyncs() []syncEvent {
	sync := func(integration, system, kind, entity, instant string) syncEvent {
		return syncEvent{integration, system, kind, entity, at(instant), true, null, null, null}
	}
	failed := func(e syncEvent) syncEvent { e.succeeded = false; return e }
	of := func(e syncEvent, p1, p2 string) syncEvent { e.p1, e.p2 = p1, p2; return e }
	return []syncEvent{
		// One entity by two integrations of a pair is one; the last success counts, not the failure after it.
		of(sync("i1", "jira", "Issue", "1", "2026-08-01T10:00:00Z"), "APP", "app"), of(sync("i2", "jira", "Issue", "1", "2026-08-02T10:00:00.999999Z"), "APP", "app"),
		failed(of(sync("i2", "jira", "Issue", "1", "2026-08-03T10:00:00Z"), "APP", "app")),
		// The same id in another system, as another type, in another pair: entities of their own.
		sync("i1", "gh", "Issue", "1", "2026-08-02T10:00:00Z"), sync("i1", "jira", "issue", "1", "2026-08-02T10:00:00Z"),
		sync("i3", "jira", "Issue", "1", "2026-08-02T10:00:00Z"), sync("i3", "gh", "Pull Request", "7", "2026-11-01T05:30:00Z"),
		sync("i3", "gh", "Pull Request", "7", "2026-11-01T06:30:00Z"),
		// The run date and the day before it; the first instants of the windows and the last ones before them.
		sync("i2", "jira", "On D", "1", "2026-11-21T05:00:00Z"), sync("i2", "jira", "On D-1", "1", "2026-11-21T04:59:59.999999Z"),
		sync("i2", "jira", "On D-1", "1", "2026-11-21T05:00:00Z"),
		sync("i2", "jira", "First of half", "1", "2026-05-21T04:00:00Z"), sync("i2", "jira", "Before half", "1", "2026-05-21T03:59:59.999999Z"),
		sync("i2", "jira", "First of year", "1", "2025-11-21T05:00:00Z"), sync("i2", "jira", "Before year", "1", "2025-11-21T04:59:59.999999Z"),
		sync("i2", "jira", "Long", "1", "2025-12-01T00:00:00Z"), sync("i2", "jira", "Long", "1", "2026-10-01T00:00:00Z"), sync("i2", "jira", "Long", "2", "2026-01-01T00:00:00Z"),
		// Project pairs that no table has, that one project is missing of, and that were updated long ago.
		of(sync("i2", "gh", "File", "1", "2026-06-01T00:00:00Z"), "UNTOLD", "untold"), of(sync("i2", "gh", "File", "1", "2026-05-01T00:00:00Z"), "SPRING", "spring"),
		of(sync("i2", "gh", "File", "2", "2026-06-02T00:00:00Z"), "HALF", null), of(sync("i2", "gh", "File", "3", "2026-06-02T00:00:00Z"), null, "half"),
		of(sync("i2", "gh", "File", "4", "2026-02-01T00:00:00Z"), "SYNC", "sync"), of(sync("i3", "gh", "File", "1", "2026-06-01T00:00:00Z"), "app", "APP"),
		// Systems of one name, an integration that is gone, a pair whose systems have no names, nothing but failures.
		sync("i4", "d1", "Ticket", "1", "2026-09-09T09:09:09Z"), sync("i4", "d2", "Ticket", "1", "2026-09-09T10:09:09Z"),
		of(sync("i5", "old", "Bug", "1", "2026-06-06T00:00:00Z"), "GONE", "gone"), sync("i7", "gh", "Issue", "5", "2026-06-07T00:00:00Z"),
		sync("i8", "nowhere", "Thing", "1", "2026-06-08T00:00:00Z"), sync("i8", "blank", "Thing", "2", "2026-06-08T00:00:00Z"),
		failed(of(sync("i9", "gh", "Never", "1", "2026-06-09T00:00:00Z"), "F", "G")),
		// Nobody ever knew the integration: counted, on no sheet. Two are alike and have no id, one fails, one is of another year.
		sync("i404", "gh", "Stray", "1", "2026-06-10T00:00:00Z"), sync("i404", "gh", "Stray", "1", "2026-06-10T00:00:00Z"),
		failed(sync("i404", "gh", "Stray", "2", "2026-06-10T00:00:00Z")),
		sync("i404", "gh", "Stray", "3", "2025-06-10T00:00:00Z"),
	}
}

func companySights() []observation {
	see := func(system, kind, instant, email, username, displayName string) observation {
		return observation{system, kind, at(instant), email, username, displayName, null}
	}
	bot := func(o observation, service string) observation { o.service = service; return o }
	return []observation{
		// Alice, in forms of all kinds. Of each form the one seen last shows; of two in one second the smaller.
		see("gh", "commit author", "2026-11-02T15:15:59Z", "Alice@X.com", "alice", "Alice"), see("jira", "assignee", "2026-11-03T15:15:00Z", "alice@x.com", "asmith", "ALICE "),
		see("gh", "commit author", "2026-11-02T15:15:58Z", " alice@x.com", "Alice", null), see("jira", "assignee", "2026-11-03T15:15:00.5Z", "ALICE@x.com", "asmith", "alice"),
		bot(see("d1", "comment author", "2026-11-01T06:30:00Z", null, "ASMITH", null), "false"), see("d1", "comment author", "2026-11-01T05:45:59Z", null, "ALICE", null),
		see("d2", "comment author", "2026-11-20T05:00:00Z", null, "Alice", null),
		// The same again, earlier on one day and on another: the last time stays the last.
		see("gh", "commit author", "2026-11-02T09:00:00Z", "Alice@X.com", "alice", "Alice"), see("gh", "commit author", "2026-10-02T09:00:00Z", "Alice@X.com", "alice", "Alice"),
		// Before the six months she had another address, with two usernames in two systems each.
		see("jira", "reporter", "2026-05-21T03:59:59.999999Z", "al@y.org", "alice", null), see("gh", "reporter", "2026-02-01T00:00:00Z", "al@y.org", "alice", null),
		see("cloud", "reporter", "2026-02-01T00:00:00Z", "al@y.org", "al", null),
		// Bob has a full name alone within the six months, and was seen with an address and a username only before: his bucket is that of the year.
		see("gh", "reviewer", "2026-06-01T00:00:00Z", null, "bob", "Bob B."), see("gh", "reviewer", "2026-01-01T00:00:00Z", "b@x.com", "bob", null),
		// Another Bob B., without any username, is a user of his own.
		see("gh", "reviewer", "2026-06-02T00:00:00Z", null, null, "bob b."), see("blank", "reviewer", "2026-06-02T00:00:00Z", null, "", "Bob B."),
		// An address alone; a username alone, a service account by one observation of three, in systems without names.
		see("jira", "watcher", "2026-07-01T00:00:00Z", "carol@x.com", null, "Carol"), see("d2", "watcher", "2026-07-01T00:00:00Z", "CAROL@x.com", " ", null),
		see("nowhere", "committer", "2026-07-02T00:00:00Z", null, "ci-bot", null), bot(see("blank", "Committer", "2026-07-03T00:00:00Z", null, "CI-Bot", null), "true"),
		bot(see("nowhere", "committer", "2026-07-04T00:00:00Z", null, "ci-bot", null), "false"),
		// Only in the year's report, only in the system that is gone; and at the bounds of the windows.
		bot(see("old", "reporter", "2026-05-01T00:00:00Z", "dave@x.com", "dave", "Dave"), "true"), see("gh", "first of half", "2026-05-21T04:00:00Z", "erin@x.com", null, null),
		see("gh", "first of year", "2025-11-21T05:00:00Z", "frank@x.com", null, null), see("gh", "last", "2026-11-21T04:59:59.999999Z", "grace@x.com", null, null),
		// Outside of the year nothing counts: not for who is whom (the first would make Carol and Erin one), nor as last seen.
		see("gh", "before", "2025-11-21T04:59:59.999999Z", "carol@x.com", "erin", null), see("gh", "on D", "2026-11-21T05:00:00Z", "erin@x.com", "ed", "Erin"),
		// Two people by one address that proves nothing, and a display name that a spreadsheet might run.
		see("jira", "sender", "2026-08-01T00:00:00Z", "noreply@x.com", "heidi", "=cmd()"), see("jira", "sender", "2026-08-02T00:00:00Z", "noreply@y.org", "ivan", null),
		// A service account in the year alone.
		bot(see("gh", "sender", "2026-03-01T00:00:00Z", "judy@x.com", "judy", null), "true"), see("gh", "sender", "2026-08-01T00:00:00Z", "judy@x.com", "judy", null),
		// No identity, in three ways.
		see("jira", "ghost", "2026-08-01T00:00:00Z", null, null, null), see("jira", "ghost", "2026-08-01T00:00:00Z", "", " ", "\u00a0"),
		see("jira", "ghost", "2026-08-01T00:00:00Z", "\t", null, ""),
	}
}
