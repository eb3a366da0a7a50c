package jobs_test

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// blunder is a mistake that somebody can make, and what they are told.
type blunder struct {
	name  string
	exit  int
	spoil func(t *testing.T, w *world)
	wrap  func(t *testing.T, b *blob.Bucket) *blob.Bucket // what is wrong with the lake
}

func blunders() []blunder {
	bind := func(dataset, binding string) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) { w.bindings[dataset] = binding }
	}
	pg := func(dataset, query string, change func(u *url.URL)) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			u, err := url.Parse(testservice.Postgres(t))
			if err != nil {
				t.Fatal(err)
			}
			if change != nil {
				change(u)
			}
			w.sources = fmt.Sprintf("  pg: { url: %q }\n", u)
			w.bindings[dataset] = fmt.Sprintf("{ source: pg, query: %q }", query)
		}
	}
	noLogins := "SELECT workspace_id, user_id, logged_in_at FROM logins WHERE logged_in_at >= :from AND logged_in_at < :to"
	return []blunder{
		{name: "a column is missing", exit: jobs.ExitData,
			spoil: bind("agents", `{ source: app, query: "SELECT workspace_id, agent_id, agent_name, created_at, agent_active, studio_agent, agent_visibility FROM agents" }`)},
		{name: "a column is missing in a file", exit: jobs.ExitData,
			spoil: func(_ *testing.T, w *world) {
				w.raw["generations/2026-11-20/z.csv"] = []byte("workspace_id,created_at,generation_type\nw1,2026-11-20T00:00:00Z,Text\n")
			}},
		{name: "a column has another type", exit: jobs.ExitData,
			spoil: func(t *testing.T, w *world) {
				w.bindings["grids"] = `{ source: events, path: "grids/*.parquet", columns: { grid_id: number } }`
				w.raw["grids/a.parquet"] = parquetOf(t, []struct {
					Workspace string  `parquet:"workspace_id"`
					Number    float64 `parquet:"number"`
					Name      string  `parquet:"grid_name"`
				}{{"w1", 1.5, "x"}})
			}},
		{name: "a column that was renamed is not there", exit: jobs.ExitData,
			spoil: bind("grids", `{ source: app, query: "SELECT workspace_id, grid_id, grid_name FROM grids", columns: { grid_id: sheet } }`)},
		{name: "the host does not answer", exit: jobs.ExitRetry,
			spoil: func(_ *testing.T, w *world) {
				w.sources = "  pg: { url: \"postgres://report:secret@127.0.0.1:1/app\" }\n"
				w.bindings["grids"] = `{ source: pg, query: "SELECT 1" }`
			}},
		{name: "the password is wrong", exit: jobs.ExitConfig,
			spoil: pg("grids", "SELECT 1", func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wrong-secret") })},
		{name: "the database does not exist", exit: jobs.ExitConfig,
			spoil: pg("grids", "SELECT 1", func(u *url.URL) { u.Path = "/nowhere" })},
		{name: "the table does not exist", exit: jobs.ExitConfig, spoil: bind("grids", `{ source: app, query: "SELECT * FROM sheets" }`)},
		{name: "the table does not exist in PostgreSQL", exit: jobs.ExitConfig, spoil: pg("grids", "SELECT * FROM sheets", nil)},
		{name: "a column of the query does not exist", exit: jobs.ExitConfig, spoil: bind("grids", `{ source: app, query: "SELECT workspace, grid_id, grid_name FROM grids" }`)},
		{name: "the database file is not there", exit: jobs.ExitConfig,
			spoil: func(_ *testing.T, w *world) {
				w.sources = "  other: { url: \"sqlite:other.db\" }\n"
				w.bindings["grids"] = `{ source: other, query: "SELECT 1" }`
			}},
		{name: "a file is no Parquet", exit: jobs.ExitData,
			spoil: func(_ *testing.T, w *world) {
				w.bindings["grids"] = `{ source: events, path: "grids/*.parquet" }`
				w.raw["grids/a.parquet"] = []byte("workspace_id,grid_id\n")
			}},
		{name: "a file is cut short", exit: jobs.ExitData,
			spoil: func(t *testing.T, w *world) {
				w.bindings["grids"] = `{ source: events, path: "grids/*.csv.gz" }`
				whole := gzipped(t, deliveries())
				w.raw["grids/a.csv.gz"] = whole[:len(whole)/3]
			}},
		{name: "no file matches", exit: jobs.ExitConfig, spoil: bind("grids", `{ source: events, path: "grids/{date}/*.csv" }`)},
		{name: "a file has a date that is none", exit: jobs.ExitData,
			spoil: func(_ *testing.T, w *world) { w.raw["generations/2026-02-30/z.csv"] = []byte("event_id\n") }},
		{name: "the folder of a source is not there", exit: jobs.ExitConfig,
			spoil: func(_ *testing.T, w *world) {
				w.sources = "  other: { url: \"file:other\" }\n"
				w.bindings["grids"] = `{ source: other, path: "*.csv" }`
			}},
		{name: "arrivals without ids", exit: jobs.ExitConfig,
			spoil: bind("logins", `{ source: app, query: "SELECT workspace_id, user_id, logged_in_at FROM logins WHERE arrived_at >= :changed_since" }`)},
		{name: "an event query without ids is fine", exit: jobs.ExitDone, spoil: bind("logins", fmt.Sprintf("{ source: app, query: %q }", noLogins))},
		{name: "rows beyond use", exit: jobs.ExitData,
			spoil: func(_ *testing.T, w *world) {
				w.logins.rows = append(w.logins.rows, login("e9", "u1", "2026-11-19 at ten", "2026-11-19T10:00:00Z"), login("e8", "u1", "2026-11-19T10:00:00Z", ""))
			}},
		{name: "different rows with one key", exit: jobs.ExitData,
			spoil: func(_ *testing.T, w *world) {
				for i := range 12 {
					for _, name := range []string{"One", "Other"} {
						w.extra["canvases"] = append(w.extra["canvases"], event{"workspace_id": "w1", "canvas_id": fmt.Sprintf("k%02d", i), "canvas_name": name})
					}
				}
			}},
		{name: "the index of the state is damaged", exit: jobs.ExitData,
			wrap: func(t *testing.T, b *blob.Bucket) *blob.Bucket { return withState(t, b, "{") }},
		{name: "a pack of the state is gone", exit: jobs.ExitRetry,
			wrap: func(t *testing.T, b *blob.Bucket) *blob.Bucket {
				for key := range sinktest.Dump(t, b, "state/packs/") {
					if err := b.Delete(t.Context(), "state/packs/"+key); err != nil {
						t.Fatal(err)
					}
				}
				return b
			}},
		{name: "no space", exit: jobs.ExitRetry,
			wrap: func(_ *testing.T, b *blob.Bucket) *blob.Bucket { return diskFull("", "staging/").wrap(b) }},
	}
}

func withState(t *testing.T, b *blob.Bucket, text string) *blob.Bucket {
	t.Helper()
	if err := b.WriteAll(t.Context(), "state/index.json", []byte(text), nil); err != nil {
		t.Fatal(err)
	}
	return b
}

// volatile is what of a message differs from run to run.
var volatile = []struct {
	is   *regexp.Regexp
	text string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d{4,5}`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`state/packs/[0-9a-f]{32}`), "state/packs/HASH"},
}

// TestMessages compares what a person is told with the texts in testdata/messages.txt: what was being done, where, what was
// found, what was expected and what to do. Run with -update to write them anew, and read them.
func TestMessages(t *testing.T) {
	const golden = "testdata/messages.txt"
	want := map[string]string{}
	if !*update {
		data, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(data), "\n== ")[1:] {
			name, text, _ := strings.Cut(part, "\n")
			want[name] = strings.TrimSpace(text)
		}
	}
	var all strings.Builder
	all.WriteString("What the nightly run says when something is wrong, with its exit code.\n")
	for _, c := range blunders() {
		t.Run(c.name, func(t *testing.T) {
			got := c.message(t)
			fmt.Fprintf(&all, "\n== %s\n%s\n", c.name, got)
			if !*update && got != want[c.name] {
				t.Errorf("got\n%s\nwant\n%s", got, want[c.name])
			}
		})
	}
	if *update && !t.Failed() {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *blunder) message(t *testing.T) string {
	w, b := newWorld(t, "UTC"), newBucket(t)
	w.logins.rows = []event{login("e1", "u1", "2026-11-19T10:00:00Z", "2026-11-19T10:00:00Z")}
	w.gens.files["2026-11-19/a.csv"] = []event{generation("g1", "u1", "2026-11-19T10:00:00Z")}
	run(t, w, b, firstNight, jobs.Request{})
	if c.spoil != nil {
		c.spoil(t, w)
	}
	lakeBucket := b
	if c.wrap != nil {
		lakeBucket = c.wrap(t, b)
	}
	w.write(t)
	n := newNight(t, w, lakeBucket, secondNight)
	l, err := lake.New(lakeBucket, "mem://lake", "")
	if err != nil {
		t.Fatal(err)
	}
	n.Lake = l
	_, err = n.Run(t.Context(), jobs.Request{})
	if code := jobs.ExitCode(err); code != c.exit {
		t.Errorf("exit code %d, want %d: %v", code, c.exit, err)
	}
	if err == nil {
		return "exit 0"
	}
	text := strings.ReplaceAll(err.Error(), w.dir, "DIR")
	for _, v := range volatile {
		text = v.is.ReplaceAllString(text, v.text)
	}
	if strings.Contains(text, "secret") || strings.Contains(text, "test-password") {
		t.Errorf("a secret is shown: %s", text)
	}
	return fmt.Sprintf("exit %d: %s", jobs.ExitCode(err), text)
}
