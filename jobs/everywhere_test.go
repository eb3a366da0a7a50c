package jobs_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/mysql"
	"gocloud.dev/postgres"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// server is a kind of database that a world can live in.
type server struct {
	name   string
	url    func(testing.TB) string
	open   func(context.Context, string) (*sql.DB, error)
	types  map[dictionary.Kind]string
	own    map[string]string // types of single columns
	holder func(n int) string
}

var servers = []server{
	{name: "sqlite"}, // the world's own file
	{
		name: "postgres", url: testservice.Postgres, open: postgres.Open,
		types: map[dictionary.Kind]string{
			dictionary.String: "TEXT", dictionary.Boolean: "BOOLEAN", dictionary.Integer: "BIGINT", dictionary.Timestamp: "TIMESTAMPTZ",
		},
		own: map[string]string{
			"event_id": "UUID", "user_role": "VARCHAR(20)", "content_generations": "SMALLINT", "added_at": "TIMESTAMP",
		},
		holder: func(n int) string { return fmt.Sprint("$", n) },
	},
	{
		name: "mariadb", url: testservice.MySQL, open: mysql.Open,
		types: map[dictionary.Kind]string{
			dictionary.String: "VARCHAR(200)", dictionary.Boolean: "TINYINT(1)", dictionary.Integer: "BIGINT", dictionary.Timestamp: "DATETIME(6)",
		},
		own: map[string]string{
			"event_id": "CHAR(36)", "user_role": "ENUM('admin','manager','member','developer')", "content_generations": "TINYINT UNSIGNED",
			"added_at": "TIMESTAMP(6)", "agent_name": "MEDIUMTEXT",
		},
		holder: func(int) string { return "?" },
	},
}

// layout says which event datasets are tables and which are files, and how they are read.
type layout struct {
	name         string
	logins, gens mode
	format       string
	local        bool // no files: no other bucket than those that need no server
}

var layouts = []layout{
	{"logins in the database by days, generations in CSV", lookback, dated, "csv", false},
	{"logins in JSON Lines, generations in the database by arrival", dated, arrivalDay, "jsonl", false},
	{"both in the database", arrival, lookback, "csv", true},
}

// TestEverywhere has one company live in every kind of database, with its event files in every kind of bucket, and
// publishes on every kind of bucket: two nights give the same files, byte for byte, and count the same rows.
func TestEverywhere(t *testing.T) {
	for i, lay := range layouts {
		if underRace && i > 0 {
			break
		}
		t.Run(lay.name, func(t *testing.T) {
			t.Parallel()
			// SQLite, a folder of files and a lake in memory say what is to come out.
			w, b := lay.world(t), newBucket(t)
			first := run(t, w, b, firstNight, jobs.Request{})
			lay.next(w)
			second := run(t, w, b, secondNight, jobs.Request{})
			firstFiles, secondFiles := snapshotOf(t, b, "2026-11-20"), snapshotOf(t, b, "2026-11-21")
			lay.checkWorld(t, first, second)

			for _, s := range servers {
				t.Run(s.name, func(t *testing.T) {
					t.Parallel() // most of the time goes by while servers answer
					at := home{server: s}
					if s.url != nil {
						at.url = s.url(t)
					}
					testservice.ForEachBucket(t, func(t *testing.T, b *blob.Bucket, bucketURL string) {
						if lay.local && !strings.HasPrefix(bucketURL, "file:") && !strings.HasPrefix(bucketURL, "mem:") {
							return
						}
						at.bucketURL, at.bucket, at.lake = bucketURL, b, openLake(t, b, bucketURL, "lake")
						w := lay.world(t)
						at.night(t, w, firstNight, first, firstFiles)
						lay.next(w)
						at.night(t, w, secondNight, second, secondFiles)
					})
				})
			}
		})
	}
}

// eventID returns an id that fits a UUID column.
func eventID(n int) string { return fmt.Sprintf("0198c0de-0000-7000-8000-%012x", n) }

// world returns the company on its first night.
func (lay layout) world(t *testing.T) *world {
	w := newWorld(t, "Australia/Lord_Howe")
	w.settings = "quality: { max_rejected_ratio: 0.1 }\n"
	w.integrate()
	w.logins.mode, w.gens.mode, w.syncs.mode, w.seen.mode = lay.logins, lay.gens, lay.logins, lay.gens
	for _, s := range w.streams() {
		s.format = lay.format
	}
	w.set("members", event{"workspace_id": "w1", "user_id": "u4", "user_name": "Zoë “O'Hara”; ☃", "user_email": "", "user_role": "admin",
		"user_department": "R&D", "user_active": "0", "created_at": "2025-03-09T06:59:59.999999Z", "revoked_at": "2026-11-01T04:30:00Z",
		"first_login_at": "2019-12-31T23:00:00.000001Z"})
	for i := range 60 {
		// Every 149 hours and some: each hour of the day, across both changes of the clocks, some before the window.
		at := firstNight.Add(-time.Duration(i)*149*time.Hour - time.Microsecond)
		lay.add(w, i, at, at)
	}
	return w
}

// next lets a day pass: new events, one that is late, one that comes again, and changes to the tables.
func (lay layout) next(w *world) {
	today := secondNight.Add(-3 * time.Hour)
	for i := 60; i < 64; i++ {
		lay.add(w, i, firstNight.Add(time.Duration(i-58)*3*time.Hour), today)
	}
	lay.add(w, 64, firstNight.Add(-30*time.Hour), today)
	lay.add(w, 0, firstNight.Add(-time.Microsecond), today)
	w.set("members", event{"workspace_id": "w2", "user_id": "u1", "user_name": "Renamed", "user_email": "u1@x.org", "user_role": "manager",
		"user_active": "1", "created_at": "2020-02-29T23:59:59.999999Z"})
	delete(w.tables["members"].rows, keyOf(event{"workspace_id": "w1", "user_id": "u3"}))
	delete(w.tables["agents"].rows, keyOf(event{"workspace_id": "w1", "agent_id": "b1"}))
}

// add puts the i-th login and generation into the tables and files that arrive at an instant.
func (lay layout) add(w *world, i int, at, arrived time.Time) {
	l := event{"event_id": eventID(i), "workspace_id": pickBy(i, "w1", "w1", "w2"), "user_id": pickBy(i, "u1", "u2", "u3", "u4"),
		"logged_in_at": stamp(at), "arrived_at": stamp(arrived)}
	g := event{"event_id": eventID(i), "workspace_id": l["workspace_id"], "created_at": stamp(at.Add(time.Duration(i) * time.Minute)),
		"arrived_at": stamp(arrived), "generation_type": pickBy(i, "Text", "Image"), "generation_feature": pickBy(i, "Chat", "API", "Ask Jasper", "Agent", "Hologram")}
	optional := func(field, value string) {
		if value != "" {
			g[field] = value
		}
	}
	optional("user_id", pickBy(i, "u1", "u2", "", "u9"))
	optional("canvas_id", pickBy(i, "c1", "", "c2"))
	optional("grid_id", pickBy(i, "", "s1"))
	optional("agent_id", pickBy(i, "b1", "", "b2"))
	optional("api_path", pickBy(i, "", fmt.Sprintf("/v1/runs/%d?x=1", i)))
	optional("generation_agent_type", pickBy(i, "", "", "Custom – Studio (Public)"))
	optional("used_iq", pickBy(i, "1", "", "0"))
	optional("content_generations", pickBy(i, "", "7"))
	sync := event{"event_id": eventID(i), "integration_id": pickBy(i, "i1", "i2"), "end_system_id": pickBy(i, "s1", "s2", "s3"),
		"entity_type": pickBy(i, "Issue", "Page"), "entity_id": fmt.Sprint(i % 20), "synced_at": stamp(at), "arrived_at": stamp(arrived),
		"succeeded": pickBy(i, "1", "1", "0")}
	if i%4 > 0 {
		sync["system1_project"], sync["system2_project"] = "p1", pickBy(i, "q1", "Ω “2”")
	}
	sight := event{"system_id": pickBy(i, "s1", "s2", "s3"), "interaction_type": pickBy(i, "Mention", "Update"), "observed_at": stamp(at),
		"arrived_at": stamp(arrived)}
	for field, value := range map[string]string{
		"email": pickBy(i, fmt.Sprintf("Ann.%d@x.org", i%9), ""), "username": pickBy(i, "", fmt.Sprintf("ann.%d", i%7), fmt.Sprint("bo", i%5)),
		"display_name": pickBy(i, "", "Straße; “Zoë”"), "service_account": pickBy(i, "", "0", "1"),
	} {
		if value != "" {
			sight[field] = value
		}
	}
	delivered := arrived
	if i < 60 {
		delivered = firstNight.AddDate(0, -i/10, -1) // few files: some servers take their time for each
	}
	file := delivered.Format(time.DateOnly) + "/all." + lay.format
	for s, e := range map[*stream]event{w.logins: l, w.gens: g, w.syncs: sync, w.seen: sight} {
		s.rows, s.files[file] = append(s.rows, e), append(s.files[file], e)
	}
}

func pickBy(i int, from ...string) string { return from[i%len(from)] }

// checkWorld makes sure that the company is worth the trouble.
func (lay layout) checkWorld(t *testing.T, first, second *jobs.Outcome) {
	t.Helper()
	for _, d := range first.Manifest.Datasets {
		if d.Read == 0 {
			t.Errorf("%s is empty", d.Name)
		}
	}
	for _, d := range second.Manifest.Datasets {
		if def, _ := dictionary.Dataset(d.Name); def.Role == dictionary.Event && (d.Late == 0 || d.Duplicate == 0 && !lay.byDays(d.Name)) {
			t.Errorf("%s has no late or no duplicate events: %+v", d.Name, d)
		}
	}
}

// byDays tells that the dataset is a table whose days are read again, where an event that comes again replaces itself.
func (lay layout) byDays(dataset string) bool {
	switch dataset {
	case "logins", "sync_events":
		return lay.logins == lookback
	case "generations":
		return lay.gens == lookback
	}
	return dataset == "user_observations" // which have no ids: to be seen again is nothing special
}

// home is where a world lives and publishes.
type home struct {
	server    server
	url       string // of the database, empty for SQLite
	bucket    *blob.Bucket
	bucketURL string
	lake      *lake.Lake
}

// sourceFolder is where the event files lie in the bucket, beside the lake.
const sourceFolder = "events/"

// night moves the world in, makes a run there and compares what it published.
func (h *home) night(t *testing.T, w *world, at time.Time, want *jobs.Outcome, files map[string][]byte) {
	t.Helper()
	date := string(want.Manifest.SnapshotDate)
	w.write(t)
	var move []string
	if h.url != "" {
		h.fill(t, w)
		move = append(move, `"sqlite:app.db"`, fmt.Sprintf("%q", h.url))
	}
	if !strings.HasPrefix(h.bucketURL, "mem:") { // which nobody else can open
		h.upload(t, w)
		move = append(move, `"file:events?create_dir=true"`, fmt.Sprintf("%q", sourceURL(t, h.bucketURL)))
	}
	path := filepath.Join(w.dir, "moved.yaml")
	if err := os.WriteFile(path, []byte(strings.NewReplacer(move...).Replace(w.text())), 0o600); err != nil {
		t.Fatal(err)
	}
	n := newNight(t, w, h.bucket, at)
	n.Config, n.Lake = load(t, path), h.lake
	got, err := n.Run(t.Context(), jobs.Request{})
	if err != nil {
		t.Fatalf("night of %s: %v", date, err)
	}
	published := sinktest.Dump(t, h.bucket, "lake/reports/"+date+"/")
	maps.Copy(published, sinktest.Dump(t, h.bucket, "lake/logs/"))
	maps.DeleteFunc(published, func(key string, _ []byte) bool {
		return !strings.Contains(key, "snapshot_date="+date+"/") && !strings.HasSuffix(key, ".zip")
	})
	report(t, date, files, published)
	for i, d := range got.Manifest.Datasets {
		if d != want.Manifest.Datasets[i] {
			t.Errorf("%s: manifest says %+v, want %+v", date, d, want.Manifest.Datasets[i])
		}
	}
	if !slices.Equal(got.Manifest.Warnings, want.Manifest.Warnings) {
		t.Errorf("%s: warnings %q, want %q", date, got.Manifest.Warnings, want.Manifest.Warnings)
	}
	v, err := jobs.Verify(t.Context(), h.lake, "", t.TempDir())
	if err != nil || string(v.Manifest.SnapshotDate) != date || v.Objects != len(files) {
		t.Errorf("verify: %+v, %v", v, err)
	}
	for _, f := range n.Check(t.Context()) {
		if f.Err != nil {
			t.Errorf("check: %s: %v", f.Subject, f.Err)
		}
	}
}

// sourceURL returns the bucket's URL as that of the folder with the event files.
func sourceURL(t *testing.T, bucketURL string) string {
	t.Helper()
	u, err := url.Parse(bucketURL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("prefix", q.Get("prefix")+sourceFolder)
	u.RawQuery = q.Encode()
	return u.String()
}

// upload puts the files that are new or changed into the bucket.
func (h *home) upload(t *testing.T, w *world) {
	t.Helper()
	there := sinktest.Dump(t, h.bucket, sourceFolder)
	err := filepath.WalkDir(w.events(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(w.events(), path)
		if err != nil || string(there[filepath.ToSlash(name)]) == string(data) {
			return err
		}
		return h.bucket.WriteAll(t.Context(), sourceFolder+filepath.ToSlash(name), data, &blob.WriterOptions{ContentType: "application/octet-stream"})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fill makes the database hold the tables of the world, in types of its own.
func (h *home) fill(t *testing.T, w *world) {
	t.Helper()
	db, err := h.server.open(t.Context(), h.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for name, tab := range w.tables {
		h.insert(t, db, name, tab.columns, slices.Collect(maps.Values(tab.rows)))
	}
	for _, s := range w.streams() {
		h.insert(t, db, s.name, append(slices.Clone(s.columns), "arrived_at"), s.rows)
	}
}

func (h *home) insert(t *testing.T, db *sql.DB, name string, columns []string, rows []event) {
	t.Helper()
	def, _ := dictionary.Dataset(name)
	kinds := make([]dictionary.Kind, len(columns))
	var declared, holders []string
	for i, c := range columns {
		kinds[i] = dictionary.Timestamp // arrived_at
		if f := def.Index(c); f >= 0 {
			kinds[i] = def.Fields[f].Kind
		}
		typ := h.server.own[c]
		if typ == "" {
			typ = h.server.types[kinds[i]]
		}
		declared, holders = append(declared, c+" "+typ+" NULL"), append(holders, h.server.holder(i+1))
	}
	exec := func(query string) {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	exec("DROP TABLE IF EXISTS " + name)
	exec(fmt.Sprintf("CREATE TABLE %s (%s)", name, strings.Join(declared, ", ")))
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	stmt, err := tx.PrepareContext(t.Context(), fmt.Sprintf("INSERT INTO %s VALUES (%s)", name, strings.Join(holders, ", ")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stmt.Close() }()
	for _, row := range rows {
		values := make([]any, len(columns))
		for i, c := range columns {
			if v, ok := row[c]; ok {
				values[i] = native(t, kinds[i], v)
			}
		}
		if _, err := stmt.ExecContext(t.Context(), values...); err != nil {
			t.Fatalf("%s: %v: %v", name, row, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// native returns the value as its Go type.
func native(t *testing.T, kind dictionary.Kind, text string) any {
	t.Helper()
	switch kind {
	case dictionary.Boolean:
		return text == "1"
	case dictionary.Timestamp:
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at.UTC()
	}
	return text
}
