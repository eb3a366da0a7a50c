package jobs_test

import (
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "gocloud.dev/blob/fileblob" // of the sources
	_ "modernc.org/sqlite"        // the source systems are written with it, too
)

// event is a row of an event dataset as its source holds it: values by column, no key for null.
type event map[string]string

// mode is how an event dataset is bound.
type mode string

const (
	lookback   mode = "days"              // :from and :to, with days read again
	arrival    mode = "arrival"           // :changed_since alone
	arrivalDay mode = "arrival, complete" // :changed_since beside :from and :to
	dated      mode = "files by day"
	undated    mode = "files"
)

func (m mode) isFile() bool { return m == dated || m == undated }

// stream is the source of one event dataset.
type stream struct {
	name, instant string
	columns       []string // but for arrived_at
	mode          mode
	lookback      int
	format        string // of files: csv or jsonl
	rows          []event
	files         map[string][]event
	version       map[string]int // of files: their modification time
}

// config is the dataset's part of the config.
func (s *stream) config() string {
	if s.mode.isFile() {
		name := "{date}/*." + s.format
		if s.mode == undated {
			name = "*." + s.format
		}
		return fmt.Sprintf("  %s: { source: events, path: %q }\n", s.name, s.name+"/"+name)
	}
	where := map[mode]string{
		lookback:   "WHERE AT >= :from AND AT < :to",
		arrival:    "WHERE arrived_at >= :changed_since",
		arrivalDay: "WHERE (AT >= :from AND AT < :to) OR (arrived_at >= :changed_since AND AT < :to)",
	}[s.mode]
	query := fmt.Sprintf("SELECT %s FROM %s %s", strings.Join(s.columns, ", "), s.name, strings.ReplaceAll(where, "AT", s.instant))
	extra := ""
	if s.mode == lookback {
		extra = fmt.Sprintf(", lookback_days: %d", s.lookback)
	}
	return fmt.Sprintf("  %s: { source: app, query: %q%s }\n", s.name, query, extra)
}

// world is source systems: an SQLite database and a folder of files.
type world struct {
	dir          string
	zone         *time.Location
	settings     string        // further lines of the config
	patience     time.Duration // the budget of pauses, which take no time; none: nothing is tried again
	logins, gens *stream
	syncs, seen  *stream          // nil without the integration domain
	audits       *stream          // nil without the audit domain
	tables       map[string]table // of the current state
	order        *rand.Rand       // not nil: rows are written in its order

	sources  string             // further lines of sources
	bindings map[string]string  // of datasets, in place of their own
	unbound  []string           // datasets that the config leaves out
	down     []string           // datasets whose source is one that is down
	extra    map[string][]event // further rows of tables, whatever their key
	raw      map[string][]byte  // further files of the events folder
	database []byte             // not nil: what stands where the database should
}

// table is a current-state dataset: rows by key.
type table struct {
	columns []string
	rows    map[string]event
}

func newStreams() (logins, gens *stream) {
	logins = &stream{name: "logins", instant: "logged_in_at", mode: lookback, lookback: 3, format: "csv",
		columns: []string{"event_id", "workspace_id", "user_id", "logged_in_at"}}
	gens = &stream{name: "generations", instant: "created_at", mode: dated, lookback: 3, format: "csv",
		columns: []string{"event_id", "workspace_id", "user_id", "created_at", "generation_type", "generation_feature", "canvas_id",
			"grid_id", "api_path", "agent_id", "generation_agent_type", "used_iq", "content_generations"}}
	for _, s := range []*stream{logins, gens} {
		s.files, s.version = map[string][]event{}, map[string]int{}
	}
	return logins, gens
}

// newWorld returns a world with two workspaces, three members, a group, an agent, a canvas and a grid, without events.
func newWorld(t *testing.T, zone string) *world {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		dir: t.TempDir(), zone: loc, tables: map[string]table{}, bindings: map[string]string{}, extra: map[string][]event{}, raw: map[string][]byte{},
	}
	w.logins, w.gens = newStreams()
	for name, columns := range map[string]string{
		"workspaces": "workspace_id workspace_name plan",
		"members": "workspace_id user_id user_name user_email user_role user_department user_active created_at revoked_at " +
			"first_login_at last_login_at first_generation_at last_generation_at",
		"groups":        "workspace_id group_id group_name group_visibility creator_user_id created_at",
		"group_members": "workspace_id group_id user_id added_at",
		"group_assets":  "workspace_id group_id asset_id asset_kind",
		"agents":        "workspace_id agent_id agent_name created_at agent_type agent_active studio_agent creator_user_id agent_visibility",
		"canvases":      "workspace_id canvas_id canvas_name",
		"grids":         "workspace_id grid_id grid_name",
	} {
		w.tables[name] = table{strings.Fields(columns), map[string]event{}}
	}
	const born = "2020-02-29T23:59:59.999999Z"
	for _, ws := range []string{"w1", "w2"} {
		w.set("workspaces", event{"workspace_id": ws, "workspace_name": "Space " + ws, "plan": "Business"})
		for _, u := range []string{"u1", "u2", "u3"} {
			w.set("members", event{"workspace_id": ws, "user_id": u, "user_name": "Name " + u, "user_email": u + "@x.org",
				"user_role": "member", "user_active": "1", "created_at": born})
		}
		w.set("groups", event{"workspace_id": ws, "group_id": "g1", "group_name": "Group", "group_visibility": "Public",
			"creator_user_id": "u1", "created_at": born})
		w.set("group_members", event{"workspace_id": ws, "group_id": "g1", "user_id": "u2", "added_at": born})
		w.set("group_assets", event{"workspace_id": ws, "group_id": "g1", "asset_id": "a1", "asset_kind": "voice"})
		w.set("agents", event{"workspace_id": ws, "agent_id": "b1", "agent_name": "Bot", "created_at": born,
			"agent_type": "Custom – User Saved", "agent_active": "1", "studio_agent": "0", "creator_user_id": "u1", "agent_visibility": "Private"})
		w.set("canvases", event{"workspace_id": ws, "canvas_id": "c1", "canvas_name": "Canvas"})
		w.set("grids", event{"workspace_id": ws, "grid_id": "s1", "grid_name": "Grid"})
	}
	return w
}

// streams returns the event datasets.
func (w *world) streams() []*stream {
	all := []*stream{w.logins, w.gens}
	if w.syncs != nil {
		all = append(all, w.syncs, w.seen)
	}
	if w.audits != nil {
		all = append(all, w.audits)
	}
	return all
}

// watch adds the audit domain, without events.
func (w *world) watch() {
	w.audits = &stream{name: "audit_events", instant: "occurred_at", mode: lookback, lookback: 3, format: "jsonl", columns: []string{"event_id",
		"workspace_id", "occurred_at", "action", "actor_user_id", "actor_email", "target_user_id", "target_email", "old_role", "new_role",
		"invite_id", "ip_address"}, files: map[string][]event{}, version: map[string]int{}}
}

// integrate adds the integration domain: three systems, two integrations, two pairs of projects, no events.
func (w *world) integrate() {
	w.syncs = &stream{name: "sync_events", instant: "synced_at", mode: dated, lookback: 3, format: "csv", columns: []string{"event_id",
		"integration_id", "end_system_id", "entity_type", "entity_id", "synced_at", "succeeded", "system1_project", "system2_project"}}
	w.seen = &stream{name: "user_observations", instant: "observed_at", mode: dated, lookback: 3, format: "jsonl", columns: []string{
		"system_id", "interaction_type", "observed_at", "email", "username", "display_name", "service_account"}}
	for _, s := range []*stream{w.syncs, w.seen} {
		s.files, s.version = map[string][]event{}, map[string]int{}
	}
	for name, columns := range map[string]string{
		"systems":       "system_id system_name",
		"integrations":  "integration_id integration_name system1_id system2_id status updated_at",
		"project_pairs": "integration_id system1_project system2_project status updated_at",
	} {
		w.tables[name] = table{strings.Fields(columns), map[string]event{}}
	}
	const changed = "2024-02-28T12:00:00Z"
	for id, name := range map[string]string{"s1": "Jira", "s2": "GitHub", "s3": "Wiki"} {
		w.set("systems", event{"system_id": id, "system_name": name})
	}
	for id, systems := range map[string][2]string{"i1": {"s1", "s2"}, "i2": {"s3", "s1"}} {
		w.set("integrations", event{"integration_id": id, "integration_name": "I " + id, "system1_id": systems[0], "system2_id": systems[1],
			"status": "Active", "updated_at": changed})
		w.set("project_pairs", event{"integration_id": id, "system1_project": "p1", "system2_project": "q1", "status": "Active", "updated_at": changed})
	}
}

// keyOf names a row by its table's key.
func keyOf(row event) string {
	var key []string
	for _, c := range []string{"workspace_id", "group_id", "user_id", "asset_id", "agent_id", "canvas_id", "grid_id",
		"system_id", "integration_id", "system1_project", "system2_project"} {
		key = append(key, row[c])
	}
	return strings.Join(key, "/")
}

func (w *world) set(name string, row event) { w.tables[name].rows[keyOf(row)] = row }

// keys returns the keys of a table in order.
func (w *world) keys(name string) []string {
	var keys []string
	for k := range w.tables[name].rows {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (w *world) events() string { return filepath.Join(w.dir, "events") }

func (w *world) configFile() string { return filepath.Join(w.dir, "usagereport.yaml") }

// text is the config.
func (w *world) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "timezone: %s\nlake: { bucket: \"mem://\" }\n%ssources:\n  app: { url: \"sqlite:app.db\" }\n"+
		"  events: { url: \"file:events?create_dir=true\" }\n%sdatasets:\n", w.zone, w.settings, w.sources)
	lines := map[string]string{}
	for _, s := range w.streams() {
		lines[s.name] = s.config()
	}
	for name, t := range w.tables {
		lines[name] = fmt.Sprintf("  %s: { source: app, query: \"SELECT %s FROM %s\" }\n", name, strings.Join(t.columns, ", "), name)
	}
	for name, binding := range w.bindings {
		if lines[name] = fmt.Sprintf("  %s: %s\n", name, binding); binding == "" {
			delete(lines, name) // not bound
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		if slices.Contains(w.down, name) {
			lines[name] = strings.NewReplacer("source: app,", "source: no_db,", "source: events,", "source: no_files,").Replace(lines[name])
		}
		if !slices.Contains(w.unbound, name) {
			b.WriteString(lines[name])
		}
	}
	text := b.String()
	if len(w.down) > 0 {
		text = strings.Replace(text, "sources:\n", "sources:\n  no_db: { url: \"postgres://u:s3cret@127.0.0.1:1/x\" }\n  no_files: { url: "+
			"\"s3://x?endpoint=http://127.0.0.1:1&use_path_style=true&disable_https=true&region=us-east-1\" }\n", 1)
	}
	return text
}

// write brings the files, the database and the config up to date.
func (w *world) write(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(w.events(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.configFile(), []byte(w.text()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.streams() {
		w.writeFiles(t, s)
	}
	for name, data := range w.raw {
		path := filepath.Join(w.events(), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.writeDatabase(t)
}

func (w *world) writeDatabase(t *testing.T) {
	t.Helper()
	path := filepath.Join(w.dir, "app.db")
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if w.database != nil {
		if err := os.WriteFile(path, w.database, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	db, err := sql.Open("sqlite", path+"?_pragma=synchronous(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	insert := func(name string, columns []string, rows []event) {
		if _, err := tx.Exec(fmt.Sprintf("CREATE TABLE %s (%s)", name, strings.Join(columns, ", "))); err != nil {
			t.Fatal(err)
		}
		stmt, err := tx.Prepare(fmt.Sprintf("INSERT INTO %s VALUES (?%s)", name, strings.Repeat(", ?", len(columns)-1)))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range w.shuffled(rows) {
			values := make([]any, len(columns))
			for i, c := range columns {
				if v, ok := row[c]; ok {
					values[i] = v
				}
			}
			if _, err := stmt.Exec(values...); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tab := range w.tables {
		var rows []event
		for _, k := range w.keys(name) {
			rows = append(rows, tab.rows[k])
		}
		rows = append(rows, w.extra[name]...)
		insert(name, tab.columns, rows)
	}
	for _, s := range w.streams() {
		insert(s.name, append(slices.Clone(s.columns), "arrived_at"), s.rows)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func (w *world) shuffled(rows []event) []event {
	rows = slices.Clone(rows)
	if w.order != nil {
		w.order.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return rows
}

// writeFiles makes the folder of s hold its files, each with the modification time of its version.
func (w *world) writeFiles(t *testing.T, s *stream) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(w.events(), s.name)); err != nil {
		t.Fatal(err)
	}
	for name, rows := range s.files {
		path := filepath.Join(w.events(), s.name, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		c := csv.NewWriter(&out)
		if s.format == "csv" {
			_ = c.Write(s.columns) // a strings.Builder takes everything
		}
		for _, row := range w.shuffled(rows) {
			if s.format == "csv" {
				values := make([]string, len(s.columns))
				for i, column := range s.columns {
					values[i] = row[column]
				}
				_ = c.Write(values)
				continue
			}
			kept := map[string]string{}
			for _, column := range s.columns {
				if v, ok := row[column]; ok {
					kept[column] = v
				}
			}
			line, err := json.Marshal(kept)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(append(line, '\n'))
		}
		c.Flush()
		if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1_700_000_000+int64(s.version[name]), 0)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}
