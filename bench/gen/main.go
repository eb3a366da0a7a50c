// Command gen writes a year of generation events, with the current-state tables they refer to, for benchmarks: daily
// Parquet files (zstd) in a folder, an SQLite database and a config. The same arguments give the same events.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite"
)

const days = 365

// event is one row of the files.
type event struct {
	EventID     string    `parquet:"event_id,zstd"`
	WorkspaceID string    `parquet:"workspace_id,dict,zstd"`
	UserID      *string   `parquet:"user_id,dict,zstd"`
	CreatedAt   time.Time `parquet:"created_at,timestamp(microsecond),zstd"`
	Type        string    `parquet:"generation_type,dict,zstd"`
	Feature     string    `parquet:"generation_feature,dict,zstd"`
	CanvasID    *string   `parquet:"canvas_id,dict,zstd"`
	GridID      *string   `parquet:"grid_id,dict,zstd"`
	APIPath     *string   `parquet:"api_path,dict,zstd"`
	AgentID     *string   `parquet:"agent_id,dict,zstd"`
	AgentType   *string   `parquet:"generation_agent_type,dict,zstd"`
	UsedIQ      bool      `parquet:"used_iq,zstd"`
}

type world struct {
	dir                              string
	perDay                           int
	last                             time.Time // the last day with events
	workspaces, users, agents, grids []string
	canvases                         int
	home                             []int // per user: the workspace
}

var (
	features   = []string{"Chat", "Chat", "Chat", "Agent", "Agent", "Command", "Ask Jasper", "API", "Extension", "Other"}
	agentTypes = []string{"Advanced Agent", "Public", "Custom – User Saved", "Custom – Studio (Private)", "Custom – Studio (Public)", "Single Use"}
)

func main() {
	dir := flag.String("dir", "bench-data", "the folder to make")
	events := flag.Int("events", 10_000_000, "how many events in all")
	date := flag.String("date", "2026-11-21", "the run date; the last day with events is the one before")
	flag.Parse()
	if err := run(*dir, *events, *date); err != nil {
		log.Fatal(err)
	}
}

func run(dir string, events int, date string) error {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return err
	}
	w := newWorld(dir, events, d.AddDate(0, 0, -1))
	if err := os.MkdirAll(filepath.Join(dir, "events"), 0o755); err != nil {
		return err
	}
	if err := w.database(context.Background()); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "usagereport.yaml"), []byte(configText), 0o644); err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range days {
		g.Go(func() error { return w.file(i) })
	}
	return g.Wait()
}

func newWorld(dir string, events int, last time.Time) *world {
	w := &world{dir: dir, perDay: events / days, last: last, canvases: max(1000, events/100)}
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range 6 {
		w.workspaces = append(w.workspaces, fmt.Sprintf("ws_%03d", i))
	}
	for range 10_000 {
		w.users = append(w.users, "usr_"+hex(rng, 16))
		// The largest workspace has about half of the users.
		w.home = append(w.home, min(int(rng.ExpFloat64()*1.5), 5))
	}
	for range 2000 {
		w.agents = append(w.agents, "agt_"+hex(rng, 12))
	}
	for range 5000 {
		w.grids = append(w.grids, "grd_"+hex(rng, 12))
	}
	return w
}

// canvas returns the id of a canvas, a function of its number.
func (w *world) canvas(n int) string {
	x := uint64(n+1) * 0x9E3779B97F4A7C15
	return fmt.Sprintf("cnv_%016x", x)
}

func (w *world) file(i int) error {
	rng := rand.New(rand.NewPCG(11, uint64(i)))
	day := w.last.AddDate(0, 0, i-days+1)
	path := filepath.Join(w.dir, "events", "dt="+day.Format(time.DateOnly)+".parquet")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	out := parquet.NewGenericWriter[event](f, parquet.MaxRowsPerRowGroup(1<<17), parquet.DictionaryMaxBytes(1<<19))
	batch := make([]event, 0, 4096)
	for n := range w.perDay {
		batch = append(batch, w.event(rng, day, i))
		if len(batch) == cap(batch) || n == w.perDay-1 {
			if _, err := out.Write(batch); err != nil {
				return errors.Join(err, f.Close())
			}
			batch = batch[:0]
		}
	}
	return errors.Join(out.Close(), f.Close())
}

func (w *world) event(rng *rand.Rand, day time.Time, i int) event {
	at := day.Add(time.Duration(rng.Int64N(int64(24 * time.Hour)))).Truncate(time.Microsecond)
	if rng.IntN(200) == 0 && i > 0 {
		at = at.AddDate(0, 0, -1)
	}
	u := int(float64(len(w.users)) * rng.Float64() * rng.Float64())
	e := event{
		EventID: uuid(rng), WorkspaceID: w.workspaces[w.home[u]], CreatedAt: at, Type: "Text", UsedIQ: u%3 == 0,
		// People keep to a few ways of working: most of the day's events of one are of two kinds.
		Feature: features[(u+i/30+rng.IntN(2)*3)%len(features)],
	}
	if rng.IntN(40) == 0 {
		e.Type = "Image"
	}
	if e.Feature == "API" {
		p := fmt.Sprintf("/v1/agents/%s/run?request=%d", w.agents[rng.IntN(50)], rng.IntN(10))
		e.APIPath = &p
	} else {
		e.UserID = &w.users[u]
		// They come back to the canvas of the week.
		c := w.canvas((u*37 + i/7*11 + rng.IntN(5)/4) % w.canvases)
		e.CanvasID = &c
		if u%20 == 0 {
			e.GridID = &w.grids[(u+i/7)%len(w.grids)]
		}
	}
	if e.Feature == "Agent" || e.Feature == "API" {
		a := (u*7 + i/30) % len(w.agents)
		e.AgentID = &w.agents[a]
		if a%4 > 0 {
			e.AgentType = &agentTypes[a%len(agentTypes)]
		}
	}
	return e
}

func (w *world) database(ctx context.Context) (err error) {
	path := filepath.Join(w.dir, "app.db")
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	exec := func(q string, args ...any) {
		if err == nil {
			_, err = tx.ExecContext(ctx, q, args...)
		}
	}
	exec(`CREATE TABLE workspaces (workspace_id TEXT, workspace_name TEXT, plan TEXT)`)
	exec(`CREATE TABLE members (workspace_id TEXT, user_id TEXT, user_name TEXT, user_email TEXT, user_role TEXT, user_active BOOLEAN, created_at TEXT)`)
	exec(`CREATE TABLE agents (workspace_id TEXT, agent_id TEXT, agent_name TEXT, created_at TEXT, agent_type TEXT,
		agent_active BOOLEAN, studio_agent BOOLEAN, agent_visibility TEXT)`)
	exec(`CREATE TABLE canvases (workspace_id TEXT, canvas_id TEXT, canvas_name TEXT)`)
	exec(`CREATE TABLE grids (workspace_id TEXT, grid_id TEXT, grid_name TEXT)`)
	exec(`CREATE TABLE logins (workspace_id TEXT, user_id TEXT, logged_in_at TEXT, event_id TEXT)`)
	for _, id := range w.workspaces {
		exec(`INSERT INTO workspaces VALUES (?, ?, 'Business')`, id, "Workspace "+id)
	}
	for i, id := range w.users {
		exec(`INSERT INTO members VALUES (?, ?, ?, ?, 'member', 1, '2025-01-01T00:00:00Z')`,
			w.workspaces[w.home[i]], id, fmt.Sprintf("User %05d", i), fmt.Sprintf("user%05d@example.com", i))
		for k := range 8 {
			exec(`INSERT INTO logins VALUES (?, ?, ?, ?)`, w.workspaces[w.home[i]], id,
				w.last.AddDate(0, 0, -(i*13+k*41)%days).Add(time.Hour*9).Format(time.RFC3339), fmt.Sprintf("l-%d-%d", i, k))
		}
	}
	for _, ws := range w.workspaces {
		for i, id := range w.agents {
			exec(`INSERT INTO agents VALUES (?, ?, ?, '2025-01-01T00:00:00Z', 'Custom – User Saved', 1, 0, 'Public')`, ws, id, fmt.Sprintf("Agent %04d", i))
		}
		for i, id := range w.grids {
			exec(`INSERT INTO grids VALUES (?, ?, ?)`, ws, id, fmt.Sprintf("Grid %04d", i))
		}
	}
	for n := range w.canvases {
		exec(`INSERT INTO canvases VALUES (?, ?, ?)`, w.workspaces[n%len(w.workspaces)], w.canvas(n), fmt.Sprintf("Canvas %d", n))
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func hex(rng *rand.Rand, n int) string { return fmt.Sprintf("%016x", rng.Uint64())[:n] }

func uuid(rng *rand.Rand) string {
	a, b := rng.Uint64(), rng.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}

const configText = `timezone: UTC
lake: { bucket: "file:lake?create_dir=true" }
sources:
  app: { url: "sqlite:app.db" }
  events: { url: "file:events" }
datasets:
  workspaces: { source: app, query: "SELECT * FROM workspaces" }
  members: { source: app, query: "SELECT * FROM members" }
  groups: { source: app, query: "SELECT '' AS workspace_id, '' AS group_id, '' AS group_visibility, '' AS created_at WHERE false" }
  group_members: { source: app, query: "SELECT '' AS workspace_id, '' AS group_id, '' AS user_id, '' AS added_at WHERE false" }
  agents: { source: app, query: "SELECT * FROM agents" }
  canvases: { source: app, query: "SELECT * FROM canvases" }
  grids: { source: app, query: "SELECT * FROM grids" }
  logins: { source: app, query: "SELECT * FROM logins WHERE logged_in_at >= :from AND logged_in_at < :to" }
  generations: { source: events, path: "dt={date}.parquet" }
`
