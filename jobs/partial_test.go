package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// The datasets that only one domain has.
var (
	auditOnly       = []string{"audit_events"}
	integrationOnly = []string{"integrations", "project_pairs", "sync_events", "systems", "user_observations"}
)

// failing makes a run that must fail.
func failing(t *testing.T, w *world, b *blob.Bucket, at time.Time, req jobs.Request) (*jobs.Outcome, error) {
	t.Helper()
	w.write(t)
	out, err := newNight(t, w, b, at).Run(t.Context(), req)
	if err == nil {
		t.Fatalf("the run at %s did not fail", at)
	}
	return out, err
}

// offline makes requests to S3 fail at once, for want of credentials.
func offline(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// threeDomains returns a world with events of all three domains.
func threeDomains(t *testing.T) *world {
	t.Helper()
	offline(t)
	w := newWorld(t, "UTC")
	w.integrate()
	w.watch()
	w.gens.files["2026-11-18/a.csv"] = []event{generation("g1", "u1", "2026-11-18T10:00:00Z")}
	w.logins.rows = []event{login("l1", "u1", "2026-11-18T10:00:00Z", "2026-11-18T10:00:00Z")}
	w.audits.rows = []event{{"event_id": "a1", "workspace_id": "w1", "occurred_at": "2026-11-18T10:00:00Z", "action": "member.added"}}
	w.syncs.files["2026-11-18/s.csv"] = []event{{"event_id": "s1", "integration_id": "i1", "end_system_id": "s1", "entity_type": "Issue",
		"entity_id": "1", "succeeded": "true", "synced_at": "2026-11-18T10:00:00Z"}}
	w.seen.files["2026-11-18/o.jsonl"] = []event{{"system_id": "s1", "interaction_type": "Mention", "observed_at": "2026-11-18T10:00:00Z", "email": "ann@x.org"}}
	return w
}

func verifyAll(t *testing.T, b *blob.Bucket) {
	t.Helper()
	l, err := lake.New(b, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	dates, err := l.Dates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dates {
		if _, err := jobs.Verify(t.Context(), l, d, t.TempDir()); err != nil {
			t.Errorf("verify %s: %v", d, err)
		}
	}
}

func manifestOf(t *testing.T, b *blob.Bucket, date string) *lake.Manifest {
	t.Helper()
	data, err := b.ReadAll(t.Context(), "manifests/"+date+".json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := lake.DecodeManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// status returns the domains of a snapshot as text, with dates and without reasons.
func status(m *lake.Manifest) string {
	var all []string
	for _, d := range m.Domains {
		text := d.Name + " " + d.Status
		if d.Status == lake.DomainMissing {
			text += fmt.Sprintf(" since %s, last %s", d.Since, d.Last)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestPartialNight(t *testing.T) {
	w, b := threeDomains(t), newBucket(t)
	run(t, w, b, firstNight, jobs.Request{})
	if got := status(manifestOf(t, b, "2026-11-20")); got != "usage published; audit published; integration published" {
		t.Errorf("the first night: %s", got)
	}
	reports := sinktest.Dump(t, b, "reports/latest/")

	w.down = slices.Concat(auditOnly, integrationOnly)
	out, err := failing(t, w, b, secondNight, jobs.Request{})
	if !errors.Is(err, jobs.ErrPartial) || jobs.ExitCode(err) != jobs.ExitRetry || !out.Published {
		t.Fatalf("published %t, exit code %d: %v", out.Published, jobs.ExitCode(err), err)
	}
	for _, part := range []string{"2026-11-21 was published without its audit and integration part", "no_db", "connection refused"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want it to say %q", err, part)
		}
	}
	m := manifestOf(t, b, "2026-11-21")
	want := "usage published; audit missing since 2026-11-21, last 2026-11-20; integration missing since 2026-11-21, last 2026-11-20"
	if got := status(m); got != want {
		t.Errorf("the second night: %s", got)
	}
	for _, d := range m.Missing() {
		if !strings.Contains(d.Reason, "source unreachable") || strings.Contains(d.Reason, "s3cret") {
			t.Errorf("%s: the reason %q", d.Name, d.Reason)
		}
	}
	for _, o := range m.Objects {
		if strings.HasPrefix(o.Key, "audit/") || strings.Contains(o.Key, "Usage Reports") || strings.Contains(o.Key, "audit_log") {
			t.Errorf("it has %s", o.Key)
		}
	}
	for name, data := range reports {
		now := sinktest.Dump(t, b, "reports/latest/")
		if same := bytes.Equal(now[name], data); same != strings.Contains(name, "Usage Reports") {
			t.Errorf("reports/latest/%s is as before: %t", name, same)
		}
	}
	rec := storedRecord(t, b, m.RunID)
	if rec.Status != lake.RunPartial || rec.ExitCode != jobs.ExitRetry || len(rec.Parts) != 3 || rec.Error == "" || len(rec.Domains) != 3 {
		t.Errorf("record: status %q, exit code %d, parts %v, domains %v", rec.Status, rec.ExitCode, rec.Parts, rec.Domains)
	}
	verifyAll(t, b)

	// The date once more as a whole, while the sources are still down: nothing changes.
	before := sinktest.Dump(t, b, "")
	out, err = failing(t, w, b, secondNight.Add(time.Hour), jobs.Request{Whole: true})
	if !errors.Is(err, jobs.ErrPartial) || out.Published || jobs.ExitCode(err) != jobs.ExitRetry {
		t.Errorf("published %t, %v", out.Published, err)
	}
	after := sinktest.Dump(t, b, "")
	for _, key := range differing(before, after) {
		if !strings.HasPrefix(key, "runs/") && !strings.HasPrefix(key, "lease/") {
			t.Errorf("%s is not as it was", key)
		}
	}

	// The night after that.
	third := secondNight.AddDate(0, 0, 1)
	_, err = failing(t, w, b, third, jobs.Request{})
	want = "usage published; audit missing since 2026-11-21, last 2026-11-20; integration missing since 2026-11-21, last 2026-11-20"
	if got := status(manifestOf(t, b, "2026-11-22")); got != want || !errors.Is(err, jobs.ErrPartial) {
		t.Errorf("the third night: %s, %v", got, err)
	}
	// The sources are back.
	w.down = nil
	run(t, w, b, third.Add(time.Hour), jobs.Request{Whole: true})
	if got := status(manifestOf(t, b, "2026-11-22")); got != "usage published; audit published; integration published" {
		t.Errorf("whole again: %s", got)
	}
	verifyAll(t, b)
	fresh := newBucket(t)
	run(t, w, fresh, third.Add(time.Hour), jobs.Request{})
	report(t, "a fresh lake", snapshotOf(t, fresh, "2026-11-22"), snapshotOf(t, b, "2026-11-22"))

	// What a date has, no later run takes from it.
	w.down = auditOnly
	stands := snapshotOf(t, b, "2026-11-22")
	out, err = failing(t, w, b, third.Add(2*time.Hour), jobs.Request{})
	if out.Published || !strings.Contains(err.Error(), "the snapshot of 2026-11-22 stays as it is") || jobs.ExitCode(err) != jobs.ExitRetry {
		t.Errorf("published %t, %v", out.Published, err)
	}
	report(t, "a complete date", stands, snapshotOf(t, b, "2026-11-22"))
}

func storedRecord(t *testing.T, b *blob.Bucket, id string) (rec lake.RunRecord) {
	t.Helper()
	data, err := b.ReadAll(t.Context(), "runs/"+id+".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &rec); err != nil {
		t.Fatal(err)
	}
	return rec
}

// Which parts a run can do without, by what is bound and what is down.
func TestWhatCanBeMissing(t *testing.T) {
	usageOnly := []string{"agents", "generations", "group_assets", "group_members", "groups", "logins", "canvases", "grids"}
	for _, c := range []struct {
		name          string
		unbound, down []string
		want          string // the domains published; empty: the run fails
	}{
		{"all is well", nil, []string{"nothing"}, "usage published; audit published; integration published"},
		{"a dataset of integration", nil, []string{"project_pairs"}, "usage published; audit published; integration missing"},
		{"events of integration", nil, []string{"sync_events"}, "usage published; audit published; integration missing"},
		{"audit", nil, auditOnly, "usage published; audit missing; integration published"},
		{"both", nil, []string{"audit_events", "user_observations"}, "usage published; audit missing; integration missing"},
		{"usage", nil, []string{"logins"}, ""},
		{"an optional dataset of usage", nil, []string{"grids"}, ""},
		{"what usage shares", nil, []string{"workspaces"}, ""},
		{"audit without usage", usageOnly, auditOnly, "audit missing; integration published"},
		{"what audit shares, without usage", usageOnly, []string{"members"}, "audit missing; integration published"},
		{"integration without usage", usageOnly, integrationOnly, "audit published; integration missing"},
		{"both without usage", usageOnly, slices.Concat(auditOnly, integrationOnly), ""},
		{"audit alone", slices.Concat(usageOnly, integrationOnly), auditOnly, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, b := threeDomains(t), newBucket(t)
			w.unbound, w.down = c.unbound, c.down
			w.write(t)
			out, err := newNight(t, w, b, firstNight).Run(t.Context(), jobs.Request{})
			if c.want == "" {
				if err == nil || out.Published || errors.Is(err, jobs.ErrPartial) || jobs.ExitCode(err) != jobs.ExitRetry {
					t.Errorf("published %t, exit code %d: %v", out.Published, jobs.ExitCode(err), err)
				}
				return
			}
			if missing := strings.Contains(c.want, "missing"); !out.Published || missing != errors.Is(err, jobs.ErrPartial) || !missing && err != nil {
				t.Fatalf("published %t, %v", out.Published, err)
			}
			got := strings.NewReplacer(" since 2026-11-20, last ", "").Replace(status(manifestOf(t, b, "2026-11-20")))
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			verifyAll(t, b)
		})
	}
}

// Bad data is no outage: the whole run fails.
func TestBadDataIsNoOutage(t *testing.T) {
	w, b := threeDomains(t), newBucket(t)
	w.bindings["systems"] = `{ source: app, query: "SELECT system_id FROM systems" }`
	out, err := failing(t, w, b, firstNight, jobs.Request{})
	if out.Published || jobs.ExitCode(err) != jobs.ExitData {
		t.Errorf("published %t, exit code %d: %v", out.Published, jobs.ExitCode(err), err)
	}
	w.bindings["systems"] = `{ source: app, query: "SELECT oops FROM nowhere" }`
	if out, err = failing(t, w, b, firstNight, jobs.Request{}); out.Published || jobs.ExitCode(err) != jobs.ExitConfig {
		t.Errorf("published %t, exit code %d: %v", out.Published, jobs.ExitCode(err), err)
	}
}

// A run that is cancelled while it waits for a source that is down publishes nothing.
func TestCancelledWhileWaiting(t *testing.T) {
	w, b := threeDomains(t), newBucket(t)
	w.down, w.patience = integrationOnly, time.Hour
	w.write(t)
	ctx, cancel := context.WithCancel(t.Context())
	n := newNight(t, w, b, firstNight)
	n.Wait = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	out, err := n.Run(ctx, jobs.Request{})
	if out.Published || !errors.Is(err, context.Canceled) || errors.Is(err, jobs.ErrPartial) {
		t.Errorf("published %t, %v", out.Published, err)
	}
}

// TestOutagesLeaveNoTrace lets random things happen over some nights, on some of which the sources of audit or integration are
// down: once they are back, the same bytes are published as if they had never been away (contract §8).
func TestOutagesLeaveNoTrace(t *testing.T) {
	n := *scenarios / 3
	if testing.Short() || underRace {
		n = min(n, 6)
	}
	for seed := range n {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { outages(t, seed) })
	}
}

func outages(t *testing.T, seed uint64) {
	offline(t)
	s := newScenario(t, seed, nil)
	s.steady = true // what a system was called while nobody could ask is not known afterwards
	r := rand.New(rand.NewPCG(seed, 11))
	if s.w.syncs == nil {
		s.w.integrate()
	}
	if s.w.audits == nil {
		s.w.watch()
	}
	for _, e := range s.w.streams()[2:] {
		e.mode, e.lookback, e.format = pick(r, lookback, arrival, arrivalDay, dated, undated), pick(r, 0, 1, 3), pick(r, "csv", "jsonl")
	}
	s.left += 2
	defer func() {
		if t.Failed() {
			for _, e := range s.w.streams() {
				t.Logf("%s %s (%d)", e.name, e.mode, e.lookback)
			}
			t.Logf("seed %d, %s\n%s\nthe nights:\n%s", seed, s.w.zone, s.w.settings, strings.Join(s.told, "\n"))
		}
	}()
	steady, shaken := newBucket(t), newBucket(t)
	for !s.over() {
		s.pass()
		run(t, s.w, steady, s.at(), jobs.Request{})
		if !s.over() {
			if r.IntN(2) == 0 {
				s.w.down = append(s.w.down, auditOnly...)
			}
			switch r.IntN(4) {
			case 0:
				s.w.down = append(s.w.down, integrationOnly...)
			case 1:
				s.w.down = append(s.w.down, pick(r, integrationOnly...))
			}
			s.tell("down: %v", s.w.down)
		}
		if s.w.down == nil {
			run(t, s.w, shaken, s.at(), jobs.Request{})
			continue
		}
		if out, err := failing(t, s.w, shaken, s.at(), jobs.Request{}); !out.Published || !errors.Is(err, jobs.ErrPartial) {
			t.Fatalf("published %t, %v", out.Published, err)
		}
		m := manifestOf(t, shaken, s.date.String())
		if m.Has("audit") == slices.Contains(s.w.down, "audit_events") || !m.Has("usage") {
			t.Errorf("%s, while %v are down", status(m), s.w.down)
		}
		for table, bytes := range logsIn(t, steady, s.date.String()) {
			if other, ok := logsIn(t, shaken, s.date.String())[table]; ok && other != bytes || !ok && m.Has("usage") && table != dictionary.AuditLog.Name {
				t.Errorf("night %d: %s differs", s.nights, table)
			}
		}
		s.w.down = nil
	}
	report(t, "after outages", snapshotOf(t, steady, s.date.String()), snapshotOf(t, shaken, s.date.String()))
	verifyAll(t, shaken)
}

// logsIn returns the published tables of a date, those of one object.
func logsIn(t *testing.T, b *blob.Bucket, date string) map[string]string {
	t.Helper()
	logs := map[string]string{}
	for key, data := range sinktest.Dump(t, b, "logs/") {
		if table, part, _ := strings.Cut(key, "/"); strings.HasPrefix(part, "snapshot_date="+date+"/") {
			logs[table] += string(data)
		}
	}
	return logs
}
