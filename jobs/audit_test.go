package jobs_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// auditDay is the run date of the audit tests, and auditNight their instant.
var (
	auditDay   = calendar.Civil(2026, 11, 21)
	auditNight = time.Date(2026, 11, 21, 2, 30, 0, 0, time.UTC)
)

// watched returns a world with an audit domain and two events, of 10 and 12 November.
func watched(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "UTC")
	w.watch()
	w.act("e1", "w1", "2026-11-10T08:00:00Z", "member.added", event{"actor_user_id": "u1", "target_user_id": "u2"})
	w.act("e2", "w1", "2026-11-12T08:00:00Z", "member.role_updated",
		event{"actor_user_id": "ghost", "target_user_id": "u2", "old_role": "member", "new_role": "admin", "target_email": "=cmd()"})
	return w
}

func (w *world) act(id, workspace, at, action string, more event) {
	e := event{"event_id": id, "workspace_id": workspace, "occurred_at": at, "action": action}
	for k, v := range more {
		e[k] = v
	}
	w.audits.rows = append(w.audits.rows, e)
}

// verifies has every published date verified, and returns how many digests there are.
func verifies(t *testing.T, b *blob.Bucket) int64 {
	t.Helper()
	l := lakeOf(t, b)
	dates, err := l.Dates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, date := range dates {
		v, err := jobs.Verify(t.Context(), l, date, t.TempDir())
		if err != nil {
			t.Fatalf("verify %s: %v", date, err)
		}
		n = v.Digests
	}
	return n
}

func text(t *testing.T, b *blob.Bucket, key string) string {
	t.Helper()
	data, err := b.ReadAll(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func checkOf(t *testing.T, m *lake.Manifest, name string) lake.Check {
	t.Helper()
	i := slices.IndexFunc(m.Checks, func(c lake.Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no check %s in %+v", name, m.Checks)
	}
	return m.Checks[i]
}

// digestOf returns the number of the digest that the manifest lists.
func digestOf(t *testing.T, out *jobs.Outcome) int64 {
	t.Helper()
	_, n, ok := out.Manifest.Digest()
	if !ok {
		t.Fatalf("the manifest lists no digest: %+v", out.Manifest.Objects)
	}
	return n
}

func TestAuditLog(t *testing.T) {
	w, b := watched(t), newBucket(t)
	w.set("workspaces", event{"workspace_id": "w2", "workspace_name": "Other", "plan": "Pro"})
	w.act("e1", "w1", "2026-11-10T08:00:00Z", "member.added", event{"actor_user_id": "u1", "target_user_id": "u2"}) // again
	w.act("e3", "w2", "2026-11-12T08:00:00Z", "member.added", nil)
	w.act("e4", "gone", "2026-11-12T08:00:00Z", "member.added", nil)
	w.act("e5", "w1", "2026-11-12T08:00:00Z", "export.started", nil)
	w.act("e6", "w1", "2026-08-22T23:59:59Z", "member.added", nil) // the day before the window
	w.act("e7", "w1", "2026-08-23T00:00:00Z", "member.removed", nil)
	w.act("e8", "w1", "2026-11-21T00:00:00Z", "member.removed", nil) // the run date
	out := run(t, w, b, auditNight, jobs.Request{})
	m := &out.Manifest

	total := checkOf(t, m, "audit_event_total").Figures
	for figure, want := range map[string]int64{"distinct_source_events": 6, "rows": 3, "other_plan": 1, "unknown_workspace": 1, "other_action": 1} {
		if total[figure] != want {
			t.Errorf("%s is %d, want %d: %v", figure, total[figure], want, total)
		}
	}
	if joins := checkOf(t, m, "audit_joins").Figures; joins["audit_log_without_actor"] != 1 {
		t.Errorf("joins: %v", joins)
	}
	csv := text(t, b, "audit/2026-11-21/audit_log.csv")
	var ids []string
	for _, line := range strings.Split(strings.TrimSpace(csv), "\r\n")[1:] {
		ids = append(ids, line[:2])
	}
	if !slices.Equal(ids, []string{"e2", "e1", "e7"}) || !strings.Contains(csv, ",'=cmd(),") {
		t.Errorf("CSV:\n%s", csv)
	}
	if data := text(t, b, "audit/2026-11-21/audit_log.json"); !strings.Contains(data, `"target_user_email":"=cmd()"`) {
		t.Errorf("JSON:\n%s", data)
	}
	i := slices.IndexFunc(m.Logs, func(l lake.Log) bool { return l.Table == "audit_log" })
	if i != 5 || m.Logs[i].Window != "audit" || m.Logs[i].Rows != 3 {
		t.Errorf("logs: %+v", m.Logs)
	}
	if w := m.Windows[1]; w != (lake.Window{Name: "audit", From: "2026-08-23", To: "2026-11-20"}) {
		t.Errorf("windows: %+v", m.Windows)
	}
	if !slices.ContainsFunc(m.Warnings, func(s string) bool { return strings.Contains(s, "export.started") }) {
		t.Errorf("no warning of an unknown action: %q", m.Warnings)
	}
	if n := verifies(t, b); n != 1 || digestOf(t, out) != 1 {
		t.Errorf("%d digests, the run's is %d", n, digestOf(t, out))
	}
}

func TestEmptyAuditLog(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	w.watch()
	run(t, w, b, auditNight, jobs.Request{})
	if data := text(t, b, "audit/2026-11-21/audit_log.csv"); !strings.HasPrefix(data, "event_id,occurred_at,") || strings.Count(data, "\n") != 1 {
		t.Errorf("CSV: %q", data)
	}
	var all []any
	if err := json.Unmarshal([]byte(text(t, b, "audit/2026-11-21/audit_log.json")), &all); err != nil || all == nil || len(all) != 0 {
		t.Errorf("JSON: %v, %v", all, err)
	}
	verifies(t, b)
}

// TestAuditAlone binds nothing but what the audit log is made of, without and with members.
func TestAuditAlone(t *testing.T) {
	for _, members := range []bool{false, true} {
		t.Run(fmt.Sprintf("members=%v", members), func(t *testing.T) {
			w, b := watched(t), newBucket(t)
			w.unbound = []string{"logins", "generations", "groups", "group_members", "group_assets", "agents", "canvases", "grids"}
			if !members {
				w.unbound = append(w.unbound, "members")
			}
			out := run(t, w, b, auditNight, jobs.Request{})
			if len(out.Manifest.Logs) != 1 || out.Manifest.Logs[0].Rows != 2 || len(out.Manifest.Windows) != 1 {
				t.Errorf("manifest: %+v", out.Manifest)
			}
			if named := strings.Contains(text(t, b, "audit/2026-11-21/audit_log.csv"), "Name u2"); named != members {
				t.Errorf("names in the log: %v", named)
			}
			verifies(t, b)
		})
	}
}

// TestAuditDigests follows the chain of digests over late events, the same run again, a past date, a date whose audit
// log is no longer published, and a night after that.
func TestAuditDigests(t *testing.T) {
	w, b := watched(t), newBucket(t)
	w.audits.lookback = 30
	expect := func(what string, out *jobs.Outcome, number int64, amended ...string) {
		t.Helper()
		if n := digestOf(t, out); n != number {
			t.Errorf("%s: digest %d, want %d", what, n, number)
		}
		var told []string
		for _, line := range out.Manifest.Warnings {
			if day, ok := strings.CutPrefix(line, "audit_log: "); ok {
				told = append(told, day[:10])
			}
		}
		if !slices.Equal(told, amended) {
			t.Errorf("%s: warned of %q, want %q", what, told, amended)
		}
		verifies(t, b)
	}
	expect("first night", run(t, w, b, auditNight, jobs.Request{}), 1)
	w.act("e9", "w1", "2026-11-10T09:00:00Z", "member.removed", nil)
	w.act("e10", "w1", "2026-11-21T09:00:00Z", "member.removed", nil)
	next := auditNight.AddDate(0, 0, 1)
	expect("a late event", run(t, w, b, next, jobs.Request{}), 2, "2026-11-10")
	before := text(t, b, "audit/digests/00000002.json")
	expect("the same again", run(t, w, b, next, jobs.Request{}), 2, "2026-11-10")
	expect("all of it again", run(t, w, b, next, jobs.Request{Full: true}), 2, "2026-11-10")
	if text(t, b, "audit/digests/00000002.json") != before {
		t.Error("digest 2 was written again with other content")
	}
	expect("a past date", run(t, w, b, next, jobs.Request{Date: &auditDay}), 3)
	out, err := newNight(t, w, b, next).Run(t.Context(), jobs.Request{Date: &auditDay, DryRun: true, RunTime: next.Add(time.Hour)})
	if err != nil || checkOf(t, &out.Manifest, "audit_chain").Figures["digest"] != 4 || verifies(t, b) != 3 {
		t.Errorf("dry run: %v, %+v", err, out.Manifest.Checks)
	}

	audits := w.audits
	w.audits = nil
	out = run(t, w, b, next.Add(time.Hour), jobs.Request{Date: &auditDay})
	if n := digestOf(t, out); n != 3 || verifies(t, b) != 3 {
		t.Errorf("without the audit domain: digest %d", n)
	}
	if keys := differing(nil, snapshotOf(t, b, "2026-11-21")); slices.Contains(keys, "audit_log.csv") {
		t.Errorf("the audit log is still there: %v", keys)
	}
	w.audits = audits
	expect("bound again", run(t, w, b, next.AddDate(0, 0, 1), jobs.Request{}), 4)
}

// TestAuditLate delivers an event of long before the window a second time: it is the same event, and none that came late.
func TestAuditLate(t *testing.T) {
	w, b := watched(t), newBucket(t)
	w.audits.mode = dated
	old := event{"event_id": "e0", "workspace_id": "w1", "occurred_at": "2026-03-01T08:00:00Z", "action": "member.added"}
	w.audits.files["2026-03-01/a.jsonl"] = []event{old}
	w.audits.files["2026-11-12/a.jsonl"] = w.audits.rows
	run(t, w, b, auditNight, jobs.Request{})
	w.audits.files["2026-11-20/a.jsonl"] = []event{old}
	out := run(t, w, b, auditNight.AddDate(0, 0, 1), jobs.Request{})
	i := slices.IndexFunc(out.Manifest.Datasets, func(d lake.Dataset) bool { return d.Name == "audit_events" })
	if d := out.Manifest.Datasets[i]; d.Read != 1 || d.Late != 0 || d.Duplicate != 1 {
		t.Errorf("got %+v, want one row that is a duplicate and not late", d)
	}
}
