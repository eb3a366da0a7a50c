//go:build unix

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // of the source systems
)

// The run dates. The first three nights are published one after the other.
const (
	day1, day2, day3 = "2026-03-01", "2026-03-02", "2026-03-03"
)

// runTime is the run time of a date's first run, at half past two in the reporting zone.
func runTime(date string) string { return date + "T07:30:00Z" }

// secondTime is that of a later run of the same date.
func secondTime(date string) string { return date + "T15:00:00Z" }

// world is the source systems of a company so small that a night is over in a moment, with every domain bound, and the
// configs that read them. It has no state of its own: a run may be killed in it as often as one likes.
type world struct {
	dir string
}

func (w world) config() string { return filepath.Join(w.dir, "usagereport.yaml") }

// lean is a config without audit log and usage reports: what it publishes leaves objects of a date without a successor.
func (w world) lean() string { return filepath.Join(w.dir, "lean.yaml") }

const configHead = `timezone: America/New_York
lake: { bucket: "${CHAOS_BUCKET}", prefix: "${CHAOS_PREFIX}" }
quality: { max_rejected_ratio: 0.5 }
sources:
  app: { url: "sqlite:app.db" }
  events: { url: "file:events" }
datasets:
  generations: { source: events, path: "generations/{date}.csv" }
`

const arrives = ` WHERE (AT >= :from AND AT < :to) OR arrived_at >= :changed_since`

// bindings says how each dataset is read from the table of its name: the columns, and for events their instant.
var bindings = []struct {
	name, columns, instant string
	usage                  bool
}{
	{"workspaces", "workspace_id, workspace_name, plan", "", true},
	{"members", "workspace_id, user_id, user_name, user_email, user_role, user_active, created_at", "", true},
	{"groups", "workspace_id, group_id, group_name, group_visibility, creator_user_id, created_at", "", true},
	{"group_members", "workspace_id, group_id, user_id, added_at", "", true},
	{"agents", "workspace_id, agent_id, agent_name, created_at, agent_type, agent_active, studio_agent, creator_user_id, agent_visibility", "", true},
	{"logins", "event_id, workspace_id, user_id, logged_in_at", "logged_in_at", true},
	{"audit_events", "event_id, workspace_id, occurred_at, action, actor_user_id, target_user_id, old_role, new_role", "occurred_at", false},
	{"systems", "system_id, system_name", "", false},
	{"integrations", "integration_id, integration_name, system1_id, system2_id, status, updated_at", "", false},
	{"project_pairs", "integration_id, system1_project, system2_project, status, updated_at", "", false},
	{"sync_events", "event_id, integration_id, end_system_id, entity_type, entity_id, synced_at, succeeded", "synced_at", false},
	{"user_observations", "system_id, interaction_type, observed_at, email, username, display_name", "observed_at", false},
}

// newWorld makes the source systems in a folder. With late, some events of long ago have come since, and names have changed.
func newWorld(ctx context.Context, dir string, late bool) (w world, err error) {
	w = world{dir: dir}
	if err := os.MkdirAll(filepath.Join(dir, "events", "generations"), 0o755); err != nil {
		return w, err
	}
	config, lean := configHead, configHead
	for _, b := range bindings {
		query := "SELECT " + b.columns + " FROM " + b.name
		if b.instant != "" {
			query += strings.ReplaceAll(arrives, "AT", b.instant)
		}
		line := fmt.Sprintf("  %s: { source: app, query: %q }\n", b.name, query)
		config += line
		if b.usage {
			lean += line
		}
	}
	files := map[string]string{"usagereport.yaml": config, "lean.yaml": lean}
	for day := range 4 { // the last one is the first that the third night has
		date := midnight(day2).AddDate(0, 0, day-3)
		files["events/generations/"+date.Format(time.DateOnly)+".csv"] = generations(date, late)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		// Long delivered: a file that was written just before a run is read once more by the next.
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, delivered, delivered)); err != nil {
			return w, err
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "app.db"))
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return w, err
	}
	if err := fill(ctx, tx, late); err != nil {
		return w, errors.Join(err, tx.Rollback())
	}
	return w, tx.Commit()
}

func midnight(date string) time.Time {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err) // a constant of ours
	}
	return t
}

// at is an instant of the afternoon of a day, in New York as in London.
func at(day time.Time, minute int) string {
	return day.Add(17*time.Hour + time.Duration(minute)*time.Minute).Format(time.RFC3339)
}

// generations are the rows of a day's file; the last is of no use to anybody.
func generations(day time.Time, late bool) string {
	var b strings.Builder
	b.WriteString("event_id,workspace_id,user_id,created_at,generation_type,generation_feature,agent_id,generation_agent_type\n")
	n := 12
	if late && day.Format(time.DateOnly) < day2 {
		n = 15
	}
	for i := range n {
		fmt.Fprintf(&b, "g-%s-%d,w%d,u%d,%s,Text,Agent,b1,Custom – User Saved\n", day.Format("0102"), i, 1+i%2, i%9, at(day, i))
	}
	fmt.Fprintf(&b, "g-%s-x,w1,u1,yesterday,Text,Chat,,\n", day.Format("0102"))
	return b.String()
}

// fill makes the tables and their rows.
func fill(ctx context.Context, tx *sql.Tx, late bool) (err error) {
	exec := func(query string, values ...any) {
		if err == nil {
			_, err = tx.ExecContext(ctx, query, values...)
		}
	}
	for _, b := range bindings {
		columns := b.columns
		if b.instant != "" {
			columns += ", arrived_at"
		}
		exec("CREATE TABLE " + b.name + " (" + columns + ")")
	}
	put := func(table string, values ...any) {
		exec("INSERT INTO "+table+" VALUES (?"+strings.Repeat(", ?", len(values)-1)+")", values...)
	}
	const born = "2025-06-01T12:00:00Z"
	name := "Ada"
	if late {
		name = "Ada B."
	}
	for _, ws := range []string{"w1", "w2"} {
		put("workspaces", ws, "Space "+ws, "Business")
		for u := range 9 {
			user := fmt.Sprintf("u%d", u)
			put("members", ws, user, fmt.Sprintf("%s %d", name, u), user+"@x.example", "member", 1, born)
			put("group_members", ws, "g1", user, born)
		}
		put("groups", ws, "g1", "Group", "Public", "u1", born)
		put("agents", ws, "b1", "Bot", born, "Custom – User Saved", 1, 0, "u1", "Private")
	}
	for _, system := range [][2]string{{"s1", "Jira"}, {"s2", "GitHub"}, {"s3", "Wiki"}} {
		put("systems", system[0], system[1])
	}
	put("integrations", "i1", "Issues", "s1", "s2", "Active", born)
	put("project_pairs", "i1", "p1", "q1", "Active", born)
	for day := range 4 {
		date := midnight(day2).AddDate(0, 0, day-3)
		n, arrived := 10, date.AddDate(0, 0, 1).Format(time.RFC3339)
		for i := range n + 3 {
			if i >= n {
				arrived = date.AddDate(0, 0, 4).Format(time.RFC3339)
				if !late {
					break
				}
			}
			id := fmt.Sprintf("%s-%d", date.Format("0102"), i)
			put("logins", id, fmt.Sprintf("w%d", 1+i%2), fmt.Sprintf("u%d", i%9), at(date, i), arrived)
			put("audit_events", id, "w1", at(date, i), "member.role_updated", "u1", fmt.Sprintf("u%d", i%9), "member", "admin", arrived)
			put("sync_events", id, "i1", "s2", "Issue", fmt.Sprintf("e%d", i), at(date, i), "true", arrived)
			put("user_observations", "s1", "author", at(date, i), fmt.Sprintf("u%d@x.example", i%9), fmt.Sprintf("user%d", i%9), "", arrived)
		}
	}
	put("logins", "x", "w1", nil, at(midnight(day1), 0), born) // of nobody: for the quarantine
	return err
}

// delivered is when all files of the world were.
var delivered = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
