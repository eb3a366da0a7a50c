package faults_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gocloud.dev/blob"
)

// delivery is what the second night brings of generations.
const delivery = "generations/2026-03-10/a.csv"

// tables are the databases' tables: three workspaces, fifty members, and some thousand logins of the days that the second
// night reads, so that there is a middle at which a connection can be cut.
var tables = []string{
	`CREATE TABLE workspaces AS SELECT 'w' || n AS workspace_id, 'Space ' || n AS workspace_name, 'Business' AS plan FROM generate_series(1, 3) n`,
	`CREATE TABLE members AS SELECT 'w' || n % 3 + 1 AS workspace_id, 'u' || n AS user_id, 'Name ' || n AS user_name, 'u' || n || '@x.org' AS user_email,
		'member' AS user_role, true AS user_active, timestamptz '2025-11-02 10:00Z' AS created_at FROM generate_series(1, 50) n`,
	`CREATE TABLE groups AS SELECT 'w1' AS workspace_id, 'g1' AS group_id, 'Group' AS group_name, 'Public' AS group_visibility,
		timestamptz '2025-11-02 10:00Z' AS created_at`,
	`CREATE TABLE group_members AS SELECT 'w1' AS workspace_id, 'g1' AS group_id, 'u3' AS user_id, timestamptz '2025-11-02 10:00Z' AS added_at`,
	`CREATE TABLE agents AS SELECT 'w1' AS workspace_id, 'b1' AS agent_id, 'Bot' AS agent_name, timestamptz '2025-11-02 10:00Z' AS created_at,
		'Public' AS agent_type, true AS agent_active, false AS studio_agent, 'Private' AS agent_visibility`,
	`CREATE TABLE systems AS SELECT * FROM (VALUES ('s1', 'Jira'), ('s2', 'GitHub')) v(system_id, system_name)`,
	`CREATE TABLE integrations AS SELECT 'i1' AS integration_id, 's1' AS system1_id, 's2' AS system2_id, 'Active' AS status,
		timestamptz '2025-11-02 10:00Z' AS updated_at`,
	`CREATE TABLE project_pairs AS SELECT 'i1' AS integration_id, 'p1' AS system1_project, 'q1' AS system2_project, 'Active' AS status,
		timestamptz '2025-11-02 10:00Z' AS updated_at`,
	`CREATE TABLE logins (event_id text, workspace_id text, user_id text, logged_in_at timestamptz)`,
	`CREATE TABLE audit_events (event_id text, workspace_id text, occurred_at timestamptz, action text, actor_user_id text)`,
}

// queries bind the datasets in PostgreSQL.
var queries = map[string]string{
	"workspaces": "SELECT * FROM workspaces", "members": "SELECT * FROM members", "groups": "SELECT * FROM groups",
	"group_members": "SELECT * FROM group_members", "agents": "SELECT * FROM agents", "systems": "SELECT * FROM systems",
	"integrations": "SELECT * FROM integrations", "project_pairs": "SELECT * FROM project_pairs",
	// These two wait as long as a test holds their locks: logins in the midst of what the second night reads, when
	// thousands of rows are on their way; the other one before its first row, when other datasets have been handed over.
	"logins": "SELECT * FROM logins WHERE logged_in_at >= :from AND logged_in_at < :to AND " +
		"CASE event_id WHEN 'l7000' THEN pg_advisory_xact_lock_shared(1)::text = '' ELSE true END",
	"audit_events": "SELECT e.* FROM audit_events e, (SELECT pg_advisory_xact_lock_shared(2)) l WHERE occurred_at >= :from AND occurred_at < :to",
}

// config is the program's config: everything through the wires.
func (s *site) config(p program) string {
	bucket := p.bucket
	if bucket == "" {
		bucket = s.lakesURL()
	}
	pg := s.pgURL
	q := pg.Query()
	q.Set("connect_timeout", "3")
	pg.RawQuery = q.Encode()
	timeout := "1m"
	if p.hasty {
		timeout = "1s"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "lake: { bucket: %q, prefix: %q }\n%ssources:\n  app: { url: \"%s://%s:%s@%s%s?%s\", statement_timeout: %s }\n"+
		"  events: { url: %q }\ndatasets:\n", bucket, p.lake, p.settings, pg.Scheme, s.user, s.password, pg.Host, pg.Path, pg.RawQuery, timeout,
		s.through(nil, "events/"))
	bound := map[string]string{
		"generations":       `{ source: events, path: "generations/{date}/*.csv" }`,
		"sync_events":       `{ source: events, path: "syncs/{date}/*.csv" }`,
		"user_observations": `{ source: events, path: "seen/{date}/*.jsonl" }`,
	}
	for name, query := range queries {
		bound[name] = fmt.Sprintf("{ source: app, query: %q }", query)
	}
	maps.Copy(bound, p.datasets)
	for _, name := range slices.Sorted(maps.Keys(bound)) {
		fmt.Fprintf(&b, "  %s: %s\n", name, bound[name])
	}
	return b.String()
}

// deliver brings what came before the first or the second night. Of what the second one brings some is late, and some has been
// there before.
func (s *site) deliver(t *testing.T, night int) {
	t.Helper()
	from, to, last := 0, 6000, "2026-03-09"
	if night == 2 {
		from, to, last = 5500, 9000, "2026-03-10"
	}
	s.exec(t, `INSERT INTO logins SELECT 'l' || n, 'w' || n % 3 + 1, 'u' || n % 60, timestamptz '2026-03-06 00:00Z' + n * interval '45 s'
		FROM generate_series($1::int, $2::int) n WHERE NOT EXISTS (SELECT FROM logins WHERE event_id = 'l' || n)`, from, to)
	s.exec(t, `INSERT INTO audit_events SELECT 'a' || $1 || n, 'w1', $2::date + n * interval '1 minute', 'member.added', 'u' || n
		FROM generate_series(1, 20) n`, fmt.Sprint(night), last)
	s.put(t, "generations/"+last+"/a.csv", generations(from, to))
	var syncs, seen strings.Builder
	syncs.WriteString("event_id,integration_id,end_system_id,entity_type,entity_id,synced_at,succeeded,system1_project,system2_project\n")
	for n := from; n < to; n += 100 {
		fmt.Fprintf(&syncs, "s%d,i1,s%d,Issue,%d,%sT%02d:00:00Z,true,p1,q1\n", n, n/100%2+1, n/300, last, n/100%24)
		line, err := json.Marshal(map[string]string{"system_id": fmt.Sprint("s", n/100%2+1), "interaction_type": "Mention",
			"observed_at": fmt.Sprintf("%sT%02d:30:00Z", last, n/100%24), "email": fmt.Sprintf("u%d@x.org", n/200), "username": fmt.Sprintf("u%d", n/200%17)})
		if err != nil {
			t.Fatal(err)
		}
		seen.Write(append(line, '\n'))
	}
	s.put(t, "syncs/"+last+"/a.csv", syncs.String())
	s.put(t, "seen/"+last+"/a.jsonl", seen.String())
}

// generations is a delivery: the events from one number up to another, five days of them.
func generations(from, to int) string {
	var b strings.Builder
	b.WriteString("event_id,workspace_id,user_id,created_at,generation_type,generation_feature\n")
	for n := from; n < to; n++ {
		fmt.Fprintf(&b, "g%d,w%d,u%d,2026-03-%02dT%02d:%02d:00Z,Text,Chat\n", n, n%3+1, n%60, 5+n/1800, n/60%24, n%60)
	}
	return b.String()
}

// put writes a delivery.
func (s *site) put(t *testing.T, key, text string) {
	t.Helper()
	if err := s.bucket.Upload(t.Context(), "events/"+key, strings.NewReader(text), &blob.WriterOptions{ContentType: "text/plain"}); err != nil {
		t.Errorf("%s: %v", key, err)
	}
}
