package year_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// company is the source systems: an SQLite database and a folder of deliveries. They keep all that they ever held.
type company struct {
	dir, scratch string
	nights       int
	rng          *rand.Rand
	next         int // event
	users        int
	renamed      bool // the column user_id of logins is called uid
	modelled     bool // deliveries of generations have columns that they did not have
	delivered    []string
	insertions   []string // of logins and audit events, to be repeated
}

const shared = `
CREATE TABLE workspaces (workspace_id, workspace_name, plan);
CREATE TABLE members (workspace_id, user_id, user_name, user_email, user_role, user_active, created_at);
CREATE TABLE groups (workspace_id, group_id, group_name, group_visibility, created_at);
CREATE TABLE group_members (workspace_id, group_id, user_id, added_at);
CREATE TABLE agents (workspace_id, agent_id, agent_name, created_at, agent_type, agent_active, studio_agent, agent_visibility);
CREATE TABLE systems (system_id, system_name);
CREATE TABLE integrations (integration_id, system1_id, system2_id, status, updated_at);
CREATE TABLE project_pairs (integration_id, system1_project, system2_project, status, updated_at);
CREATE TABLE logins (event_id, workspace_id, user_id, logged_in_at, arrived_at);
CREATE TABLE audit_events (event_id, workspace_id, occurred_at, action, actor_user_id, arrived_at);
INSERT INTO workspaces VALUES ('w1', 'Space 1', 'Business'), ('w2', 'Space 2', 'Free');
INSERT INTO groups VALUES ('w1', 'g1', 'Group', 'Public', '1999-05-01T00:00:00Z');
INSERT INTO agents VALUES ('w1', 'b1', 'Bot', '1999-05-01T00:00:00Z', 'Public', 1, 0, 'Private');
INSERT INTO systems VALUES ('s1', 'Jira'), ('s2', 'GitHub');
INSERT INTO integrations VALUES ('i1', 's1', 's2', 'Active', '1999-05-01T00:00:00Z');
INSERT INTO project_pairs VALUES ('i1', 'p1', 'q1', 'Active', '1999-05-01T00:00:00Z');
`

func newCompany(t *testing.T, nights int) *company {
	c := &company{dir: t.TempDir(), scratch: t.TempDir(), nights: nights, rng: rand.New(rand.NewPCG(365, *seed))}
	c.write(t, "overrides.yaml", "same: []\n")
	c.exec(t, shared)
	for range 5 {
		c.hire(t)
	}
	c.configure(t)
	return c
}

func (c *company) configFile() string { return filepath.Join(c.dir, "usagereport.yaml") }

func (c *company) write(t *testing.T, name, text string) {
	path := filepath.Join(c.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Now(), time.Now()); err != nil { // by the clock of the bubble
		t.Fatal(err)
	}
}

func (c *company) exec(t *testing.T, statements string) {
	db, err := sql.Open("sqlite", filepath.Join(c.dir, "app.db")+"?_pragma=synchronous(0)&_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), "BEGIN;"+statements+";COMMIT"); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// configure writes the config as it has to be by now.
func (c *company) configure(t *testing.T) {
	user, columns := "user_id", ""
	if c.renamed {
		user, columns = "uid", ", columns: { user_id: uid }"
	}
	c.write(t, "usagereport.yaml", `lake: { bucket: "mem://" }
retry: { budget: 2m }
retention: { snapshots_days: 60, reports_days: 90, quarantine_days: 60, runs_days: 60, access_days: 30 }
identity: { overrides: overrides.yaml }
quality: { max_rejected_ratio: 0.5 }
sources:
  app: { url: "sqlite:app.db" }
  events: { url: "file:events" }
datasets:
  workspaces: { source: app, query: "SELECT * FROM workspaces" }
  members: { source: app, query: "SELECT * FROM members" }
  groups: { source: app, query: "SELECT * FROM groups" }
  group_members: { source: app, query: "SELECT * FROM group_members" }
  agents: { source: app, query: "SELECT * FROM agents" }
  systems: { source: app, query: "SELECT * FROM systems" }
  integrations: { source: app, query: "SELECT * FROM integrations" }
  project_pairs: { source: app, query: "SELECT * FROM project_pairs" }
  logins: { source: app, query: "SELECT event_id, workspace_id, `+user+`, logged_in_at FROM logins WHERE arrived_at >= :changed_since"`+columns+` }
  audit_events: { source: app, query: "SELECT event_id, workspace_id, occurred_at, action, actor_user_id FROM audit_events WHERE arrived_at >= :changed_since" }
  generations: { source: events, path: "generations/{date}/*.csv" }
  sync_events: { source: events, path: "syncs/{date}/*.csv" }
  user_observations: { source: events, path: "seen/{date}/*.jsonl" }
`)
}

func (c *company) hire(t *testing.T) {
	c.users++
	c.exec(t, fmt.Sprintf("INSERT INTO members VALUES ('w%d', 'u%d', 'Name %[2]d', 'u%[2]d@x.org', 'member', 1, '1999-06-01T00:00:00Z');"+
		"INSERT INTO group_members VALUES ('w1', 'g1', 'u%[2]d', '1999-06-01T00:00:00Z')", c.users%2+1, c.users))
}

// share is the night by which so much of the year is over, in percent.
func (c *company) share(percent int) int { return c.nights * percent / 100 }

// day lets happen what the next night is to read. It is noon of the day before.
func (c *company) day(t *testing.T, night int) {
	switch night {
	case c.share(27): // a column that no one has asked for, and one that is optional
		c.modelled = true
	case c.share(54):
		c.renamed = true
		c.exec(t, "ALTER TABLE logins RENAME COLUMN user_id TO uid")
		c.configure(t)
	case c.share(40):
		c.write(t, "overrides.yaml", "same: [[u1, u2@x.org]]\ndifferent: [[u3, u4]]\n")
	case c.share(75):
		c.exec(t, "UPDATE members SET user_name = 'Married', user_role = 'admin' WHERE user_id = 'u3'; UPDATE workspaces SET plan = 'Business'")
	}
	if night%20 == 0 {
		c.hire(t)
	}
	var rows []string
	for range 12 {
		rows = append(rows, c.login(), c.audit())
	}
	for range 4 { // once more, some of long ago
		if len(c.insertions) > 0 {
			rows = append(rows, c.insertions[c.rng.IntN(len(c.insertions))])
		}
	}
	c.insertions = append(c.insertions, rows[:4]...)
	var statements strings.Builder
	for _, row := range rows {
		statements.WriteString(strings.ReplaceAll(row, "$now", stamp(time.Now())) + ";")
	}
	c.exec(t, statements.String())
	c.deliver(t, night)
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z") }

// instant is the time of an event that comes now: of the last day, or late.
func (c *company) instant() time.Time {
	back := time.Duration(c.rng.IntN(24*3600)) * time.Second
	switch c.rng.IntN(10) {
	case 0:
		back += time.Duration(c.rng.IntN(5*24)) * time.Hour
	case 1:
		back += time.Duration(c.rng.IntN(100*24)) * time.Hour
	}
	return time.Now().Add(-back)
}

func (c *company) id(kind string) string {
	c.next++
	return fmt.Sprint(kind, c.next)
}

func (c *company) user() string { return fmt.Sprint("u", 1+c.rng.IntN(c.users+1)) }

func (c *company) login() string {
	return fmt.Sprintf("INSERT INTO logins VALUES ('%s', 'w%d', '%s', '%s', '$now')", c.id("l"), 1+c.rng.IntN(2), c.user(), stamp(c.instant()))
}

func (c *company) audit() string {
	return fmt.Sprintf("INSERT INTO audit_events VALUES ('%s', 'w1', '%s', 'member.added', '%s', '$now')", c.id("a"), stamp(c.instant()), c.user())
}

// deliver writes the files of a night, and now and then files of old once more.
func (c *company) deliver(t *testing.T, night int) {
	date := time.Now().Format(time.DateOnly)
	var gens, syncs, seen strings.Builder
	gens.WriteString("event_id,workspace_id,user_id,created_at,generation_type,generation_feature,used_iq")
	if c.modelled {
		gens.WriteString(",canvas_id,model")
	}
	for range 20 {
		fmt.Fprintf(&gens, "\n%s,w%d,%s,%s,Text,Chat,%t", c.id("g"), 1+c.rng.IntN(2), c.user(), stamp(c.instant()), c.rng.IntN(2) == 0)
		if c.modelled {
			fmt.Fprintf(&gens, ",c%d,m1", c.rng.IntN(3))
		}
		if c.rng.IntN(60) == 0 {
			broken := gens.String()
			gens.WriteString("\nbroken" + strings.Replace(broken[strings.LastIndex(broken, "\n")+1:], "T", "?", 1))
		}
		if c.rng.IntN(8) == 0 { // twice
			text := gens.String()
			gens.WriteString(text[strings.LastIndex(text, "\n"):])
		}
	}
	syncs.WriteString("event_id,integration_id,end_system_id,entity_type,entity_id,synced_at,succeeded,system1_project,system2_project\n")
	for range 8 {
		fmt.Fprintf(&syncs, "%s,i1,s%d,Issue,%d,%s,true,p1,q1\n", c.id("s"), 1+c.rng.IntN(2), c.rng.IntN(500), stamp(c.instant()))
		n := c.rng.IntN(40)
		line, err := json.Marshal(map[string]string{"system_id": fmt.Sprint("s", 1+c.rng.IntN(2)), "interaction_type": "Mention",
			"observed_at": stamp(c.instant()), "email": fmt.Sprintf("u%d@x.org", n), "username": fmt.Sprint("u", n%30)})
		if err != nil {
			t.Fatal(err)
		}
		seen.Write(append(line, '\n'))
	}
	c.write(t, "events/generations/"+date+"/a.csv", gens.String()+"\n")
	c.write(t, "events/syncs/"+date+"/a.csv", syncs.String())
	c.write(t, "events/seen/"+date+"/a.jsonl", seen.String())
	if night%9 == 0 && len(c.delivered) > 0 {
		old := c.delivered[c.rng.IntN(len(c.delivered))]
		data, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(old)))
		if err != nil {
			t.Fatal(err)
		}
		c.write(t, "events/generations/"+date+"/again.csv", string(data))
	}
	c.delivered = append(c.delivered, "events/generations/"+date+"/a.csv")
}
