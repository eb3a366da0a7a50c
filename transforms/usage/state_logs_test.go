package usage

import (
	"strings"
	"testing"

	"github.com/usagereport/usagereport/transforms/calendar"
)

func TestUserLog(t *testing.T) {
	f := newFixture(t, d, "America/New_York")
	f.tables["workspaces"] = []fields{{"workspace_id": "w1", "workspace_name": "One"}}
	base := fields{"workspace_id": "w1", "user_role": "member", "user_active": "true", "created_at": "2024-03-01T04:59:59.999999Z"}
	f.tables["members"] = []fields{
		base.With("user_id", "a plain", "user_name", "Ann", "user_email", "a@x.org", "user_department", "R&D",
			"invite_sent_from_email", "boss@x.org", "invite_sent_at", "2024-02-29T05:00:00Z"),
		base.With("user_id", "b revoked", "user_active", "false", "revoked_at", "2026-11-20T03:00:00Z"),
		base.With("user_id", "c back again", "revoked_at", "2026-11-20T03:00:00Z"),
		base.With("user_id", "d revoked, nobody knows when", "user_active", "false"),
		base.With("user_id", "e with events"),
		base.With("user_id", "f with own columns", "first_login_at", "2020-01-01T12:00:00Z", "last_login_at", "2020-02-01T12:00:00Z",
			"first_generation_at", "2020-03-01T12:00:00Z", "last_generation_at", "2020-04-01T12:00:00Z"),
		base.With("user_id", "g own columns after D-1", "first_login_at", "2026-11-21T04:59:59.999999Z", "last_login_at", "2026-11-21T05:00:00Z",
			"last_generation_at", "2030-01-01T00:00:00Z"),
		base.With("user_id", "h both", "first_login_at", "2026-11-10T12:00:00Z", "last_login_at", "2026-11-18T12:00:00Z",
			"first_generation_at", "2026-11-01T12:00:00Z"),
		base.With("user_id", "i elsewhere", "workspace_id", "w2"),
	}
	seen := NewActivity()
	span := func(first, last calendar.Date) span { return span{first, last, true} }
	seen.join("w1", "e with events", userDays{logins: span(d-300, d-200), generations: span(d-900, d-1)})
	seen.join("w1", "h both", userDays{logins: span(d-9, d-1), generations: span(d-3, d-2)})
	seen.join("w2", "e with events", userDays{logins: span(d-1000, d-1)})
	compare(t, textOf(UserLog(f.run, f.today(), f.known(), seen)),
		"w1|One|a plain|Ann|a@x.org|member|R&D|true|2024-02-29|∅|∅|∅|∅|∅|boss@x.org|2024-02-29",
		"w1|One|b revoked|∅|∅|member|∅|false|2024-02-29|2026-11-19|∅|∅|∅|∅|∅|∅",
		"w1|One|c back again|∅|∅|member|∅|true|2024-02-29|∅|∅|∅|∅|∅|∅|∅",
		"w1|One|d revoked, nobody knows when|∅|∅|member|∅|false|2024-02-29|∅|∅|∅|∅|∅|∅|∅",
		"w1|One|e with events|∅|∅|member|∅|true|2024-02-29|∅|2026-01-25|2026-05-05|2024-06-04|2026-11-20|∅|∅",
		"w1|One|f with own columns|∅|∅|member|∅|true|2024-02-29|∅|2020-01-01|2020-02-01|2020-03-01|2020-04-01|∅|∅",
		"w1|One|g own columns after D-1|∅|∅|member|∅|true|2024-02-29|∅|2026-11-20|2026-11-20|∅|∅|∅|∅",
		"w1|One|h both|∅|∅|member|∅|true|2024-02-29|∅|2026-11-10|2026-11-20|2026-11-01|2026-11-19|∅|∅",
		"w2|∅|i elsewhere|∅|∅|member|∅|true|2024-02-29|∅|∅|∅|∅|∅|∅|∅",
	)
}

func TestGroupMembersLog(t *testing.T) {
	f := newFixture(t, d, "Pacific/Kiritimati")
	f.tables["workspaces"] = []fields{{"workspace_id": "w1", "workspace_name": "One"}}
	member := fields{"workspace_id": "w1", "user_role": "r", "user_active": "true", "created_at": "2026-01-01T00:00:00Z"}
	f.tables["members"] = []fields{member.With("user_id", "u1", "user_name", "Ann", "user_email", "a@x.org")}
	f.gone["members"] = []fields{member.With("user_id", "u2", "user_name", "Gone", "user_email", "g@x.org")}
	group := fields{"workspace_id": "w1", "group_visibility": "Public", "created_at": "2026-02-28T10:00:00Z"}
	f.tables["groups"] = []fields{
		group.With("group_id", "g1", "group_name", "First", "creator_user_id", "u2"), group.With("group_id", "g2"),
		group.With("group_id", "g3", "creator_user_id", "ghost"), group.With("group_id", "g4"), group.With("group_id", "without members"),
		group.With("workspace_id", "w2", "group_id", "g1", "group_name", "Elsewhere"),
	}
	in := func(g, u string) fields {
		return fields{"workspace_id": "w1", "group_id": g, "user_id": u, "added_at": "2026-12-31T09:59:59.999999Z"}
	}
	f.tables["group_members"] = []fields{in("g1", "u1"), in("g1", "u2"), in("g2", "ghost"), in("g3", "u1"), in("g4", "u1"), in("g9", "u1")}
	asset := func(g, a, kind string) fields {
		return fields{"workspace_id": "w1", "group_id": g, "asset_id": a, "asset_kind": kind}
	}
	f.tables["group_assets"] = []fields{
		asset("g1", "k1", "knowledge"), asset("g1", "k2", "knowledge"), asset("g1", "o1", "template"),
		asset("g2", "v1", "voice"), asset("g3", "k1", "knowledge"), asset("g3", "v1", "voice"), asset("g4", "o1", "Voice"),
	}
	const created = "2026-03-01"
	compare(t, textOf(GroupMembersLog(f.run, f.today(), f.known())),
		"w1|One|g1|First|Public|u2|g@x.org|Gone|"+created+"|u1|a@x.org|Ann|2026-12-31|true|false|3|true",
		"w1|One|g1|First|Public|u2|g@x.org|Gone|"+created+"|u2|g@x.org|Gone|2026-12-31|true|false|3|true",
		"w1|One|g2|∅|Public|∅|∅|∅|"+created+"|ghost|∅|∅|2026-12-31|false|true|1|true",
		"w1|One|g3|∅|Public|ghost|∅|∅|"+created+"|u1|a@x.org|Ann|2026-12-31|true|true|2|true",
		"w1|One|g4|∅|Public|∅|∅|∅|"+created+"|u1|a@x.org|Ann|2026-12-31|false|false|1|false",
		"w1|One|g9|∅|∅|∅|∅|∅|∅|u1|a@x.org|Ann|2026-12-31|false|false|0|false",
	)
}

func TestAgentsLog(t *testing.T) {
	f := newFixture(t, d, "America/New_York")
	member := fields{"workspace_id": "w1", "user_role": "r", "user_active": "true", "created_at": "2026-01-01T00:00:00Z"}
	f.tables["members"] = []fields{member.With("user_id", "u1", "user_name", "Ann", "user_email", "a@x.org")}
	f.gone["members"] = []fields{member.With("user_id", "u2", "user_name", "Gone")}
	agent := fields{"workspace_id": "w1", "created_at": "2026-01-01T04:59:59Z", "agent_type": "Custom – User Saved", "agent_active": "true",
		"studio_agent": "false", "agent_visibility": "Public"}
	f.tables["agents"] = []fields{
		agent.With("agent_id", "b1", "agent_name", "Bot", "creator_user_id", "u1"), agent.With("agent_id", "b2", "creator_user_id", "u2", "agent_active", "false"),
		agent.With("agent_id", "b3", "creator_user_id", "ghost", "studio_agent", "true"), agent.With("agent_id", "b4", "agent_type", "Novel", "agent_visibility", "Odd"),
		agent.With("workspace_id", "w0", "agent_id", "b1", "creator_user_id", "u1"),
	}
	f.gone["agents"] = []fields{agent.With("agent_id", "deleted")}
	compare(t, textOf(AgentsLog(f.run, f.today(), f.known())),
		"w0|b1|∅|2025-12-31|Custom – User Saved|true|false|u1|∅|∅|Public",
		"w1|b1|Bot|2025-12-31|Custom – User Saved|true|false|u1|Ann|a@x.org|Public",
		"w1|b2|∅|2025-12-31|Custom – User Saved|false|false|u2|Gone|∅|Public",
		"w1|b3|∅|2025-12-31|Custom – User Saved|true|true|ghost|∅|∅|Public",
		"w1|b4|∅|2025-12-31|Novel|true|false|∅|∅|∅|Odd",
	)
}

// TestActivityIsKept stores first and last days and reads them again, joins them, and folds events before a day.
func TestActivityIsKept(t *testing.T) {
	f := newFixture(t, d, "UTC")
	kept := NewActivity()
	if err := kept.FoldGenerations(f.generations([]fields{
		gen("u1", "2020-01-01T00:00:00Z"), gen("u1", "2021-01-01T00:00:00Z"), gen("u1", "2025-11-20T23:59:59.999999Z"),
		gen("u1", "2025-11-21T00:00:00Z"), gen("u2", "2026-01-01T00:00:00Z"), gen("u1", "2020-02-01T00:00:00Z").With("user_id", "∅"),
		gen("u1", "2019-01-01T00:00:00Z").With("workspace_id", "w2"),
	}), d-365); err != nil {
		t.Fatal(err)
	}
	in := func(u, at string) fields { return fields{"workspace_id": "w1", "user_id": u, "logged_in_at": at} }
	if err := kept.FoldLogins(f.logins([]fields{in("u1", "2018-01-01T00:00:00Z"), in("u3", "2018-01-02T00:00:00Z")}, []fields{in("u3", "2017-01-02T00:00:00Z")}), d-365); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"w1|u1|2018-01-01|2018-01-01|2020-01-01|2025-11-20", "w1|u3|2017-01-02|2018-01-02|∅|∅", "w2|u1|∅|∅|2019-01-01|2019-01-01",
	}
	compare(t, textOf(kept.Record(f.mem)), want...)
	rec := kept.Record(f.mem)
	defer rec.Release()
	again := NewActivity()
	for range 2 {
		if err := again.Load(rec); err != nil {
			t.Fatal(err)
		}
	}
	again.Add(kept)
	compare(t, textOf(again.Record(f.mem)), want...)
	other := NewActivity()
	other.join("w1", "u1", userDays{logins: span{d - 1, d - 1, true}})
	again.Add(other)
	compare(t, textOf(again.Record(f.mem))[:1], "w1|u1|2018-01-01|2026-11-20|2020-01-01|2025-11-20")
	tables := f.today()
	if err := again.Load(tables.Members.Record()); err == nil || !strings.Contains(err.Error(), "history has other columns") {
		t.Errorf("other columns: %v", err)
	}
}
