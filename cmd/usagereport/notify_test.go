package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/jobs/schedule"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// told is a config whose sources are a few CSV files, and which tells a server of its runs.
const told = `
lake: { bucket: "file:lake?create_dir=true" }
sources: { files: { url: "file:files" } }
datasets:
  workspaces:    { source: files, path: workspaces.csv }
  members:       { source: files, path: members.csv }
  groups:        { source: files, path: groups.csv }
  group_members: { source: files, path: group_members.csv }
  agents:        { source: files, path: agents.csv }
  logins:        { source: files, path: "logins/{date}.csv" }
  generations:   { source: files, path: "generations/{date}.csv" }
notify:
  webhooks: [{ url: "${TOLD_URL}/hook?k3y=hook-canary", signing_key: "${TOLD_KEY}" }]
  ping: "${TOLD_URL}/ping/ping-canary"
openlineage: { url: "${TOLD_URL}/lineage?lineage-canary", api_key: "${TOLD_API_KEY}" }
`

const toldKey = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"

var toldFiles = map[string]string{
	"workspaces.csv":             "workspace_id,workspace_name,plan\nw1,Acme,Business\n",
	"members.csv":                "workspace_id,user_id,user_name,user_email,user_role,user_department,user_active,created_at\nw1,u1,Ann,ann@acme.example,Admin,,true,2026-01-01T00:00:00Z\n",
	"groups.csv":                 "workspace_id,group_id,group_name,group_visibility,creator_user_id,created_at\nw1,g1,All,Public,u1,2026-01-01T00:00:00Z\n",
	"group_members.csv":          "workspace_id,group_id,user_id,added_at\nw1,g1,u1,2026-01-01T00:00:00Z\n",
	"agents.csv":                 "workspace_id,agent_id,agent_name,created_at,agent_type,agent_active,studio_agent,creator_user_id,agent_visibility\n",
	"logins/2026-11-20.csv":      "workspace_id,user_id,logged_in_at,event_id\nw1,u1,2026-11-20T10:00:00Z,e1\n",
	"generations/2026-11-20.csv": "workspace_id,created_at,generation_type,generation_feature,event_id,user_id\nw1,2026-11-20T10:00:00Z,Text,Ask Jasper,g1,u1\n",
}

// audience is a server that keeps what it is told.
type audience struct {
	*httptest.Server

	mu  sync.Mutex
	got []string         // what it heard, in short
	all []map[string]any // the lineage events
	raw strings.Builder  // all bodies
}

func newAudience(t *testing.T) *audience {
	a := new(audience)
	a.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var m map[string]any
		if r.Method == http.MethodPost {
			if err := json.Unmarshal(body, &m); err != nil {
				t.Error(err)
			}
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.raw.Write(body)
		switch r.URL.Path {
		case "/hook":
			a.got = append(a.got, fmt.Sprint(m["type"]))
		case "/lineage":
			a.got, a.all = append(a.got, fmt.Sprint(m["eventType"])), append(a.all, m)
		default:
			a.got = append(a.got, r.Method+" "+r.URL.Path)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

// heard returns what the server heard since it was asked last. What goes out at the same time is in the order of the alphabet.
func (a *audience) heard() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	got := a.got
	a.got = nil
	slices.Sort(got)
	return strings.Join(got, ", ")
}

// tellingConfig writes the config and its files, and returns its path.
func tellingConfig(t *testing.T, a *audience) string {
	t.Helper()
	t.Setenv("TOLD_URL", a.URL)
	t.Setenv("TOLD_KEY", toldKey)
	t.Setenv("TOLD_API_KEY", "api-canary")
	dir := t.TempDir()
	for name, text := range toldFiles {
		path := filepath.Join(dir, "files", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "usagereport.yaml")
	if err := os.WriteFile(config, []byte(told), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

// breaks takes a file away until mend.
func breaks(t *testing.T, config, name string) (mend func()) {
	t.Helper()
	path := filepath.Join(filepath.Dir(config), "files", name)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPeopleAreTold(t *testing.T) {
	a := newAudience(t)
	config := tellingConfig(t, a)
	var shown strings.Builder
	hour := 0
	run := func(code int, want string, args ...string) {
		t.Helper()
		hour++
		at := fmt.Sprintf("2026-11-21T%02d:00:00Z", hour)
		got := invoke(t, append([]string{"run", "--config", config, "--date", "2026-11-21", "--run-time", at}, args...)...)
		shown.WriteString(got.stdout + got.stderr)
		got.want(t, code)
		if heard := a.heard(); heard != want {
			t.Errorf("heard %q, want %q\n%s", heard, want, got.stderr)
		}
	}
	run(0, "COMPLETE, GET /ping/ping-canary, START")
	run(0, "", "--dry-run")
	mend := breaks(t, config, "members.csv")
	run(jobs.ExitConfig, "", "--dry-run")
	run(jobs.ExitConfig, "FAIL, START, run.failed")
	run(jobs.ExitConfig, "FAIL, START, run.failed")
	mend()
	run(0, "COMPLETE, GET /ping/ping-canary, START, run.recovered")
	run(0, "COMPLETE, GET /ping/ping-canary, START")

	last := a.all[len(a.all)-1]
	if outputs := last["outputs"].([]any); len(outputs) < 6 {
		t.Errorf("%d outputs: %v", len(outputs), outputs)
	}
	if first := a.all[len(a.all)-2]; fmt.Sprint(first["run"].(map[string]any)["runId"]) != fmt.Sprint(last["run"].(map[string]any)["runId"]) {
		t.Error("a run's events have different ids")
	}
	shown.WriteString(a.raw.String())
	err := filepath.WalkDir(filepath.Join(filepath.Dir(config), "lake"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		shown.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"canary", toldKey, a.URL} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%s is shown", secret)
		}
	}
}

// A scheduler tries again and again; people hear of it once.
func TestASchedulerTellsOnce(t *testing.T) {
	a := newAudience(t)
	config := tellingConfig(t, a)
	s := newScheduled(t, config, "2026-11-21T03:00:00Z")
	date, err := calendar.ParseDate("2026-11-21")
	if err != nil {
		t.Fatal(err)
	}
	night := func(ctx context.Context, fails bool, want string) {
		t.Helper()
		if err := s.daemon.run(ctx, date); (err != nil) != fails {
			t.Fatal(err)
		}
		if heard := a.heard(); heard != want {
			t.Errorf("heard %q, want %q\n%s", heard, want, s.log)
		}
	}
	mend := breaks(t, config, "members.csv")
	night(t.Context(), true, "FAIL, START, run.failed")
	night(t.Context(), true, "FAIL, START")
	late, cancel := context.WithCancelCause(t.Context())
	cancel(schedule.ErrDeadline)
	night(late, true, "FAIL, run.failed") // exit code 1 in place of 2; START no longer went out
	stopped, cancel := context.WithCancelCause(t.Context())
	cancel(nil)
	night(stopped, true, "ABORT")
	mend()
	night(t.Context(), false, "COMPLETE, GET /ping/ping-canary, START, run.recovered")
	night(t.Context(), false, "COMPLETE, GET /ping/ping-canary, START")
	if text := a.raw.String(); !strings.Contains(text, schedule.ErrDeadline.Error()) {
		t.Errorf("nobody heard of the deadline: %s", text)
	}
}

// What cannot be told changes nothing about the run.
func TestNobodyListens(t *testing.T) {
	a := newAudience(t)
	a.Config.Handler = http.NotFoundHandler()
	config := tellingConfig(t, a)
	got := invoke(t, "run", "--config", config, "--date", "2026-11-21")
	got.want(t, 0, "Published snapshot 2026-11-21", "lineage event not sent", "not told", "404 Not Found")
	breaks(t, config, "members.csv")
	failed := invoke(t, "run", "--config", config, "--date", "2026-11-21")
	failed.want(t, jobs.ExitConfig, "lineage event not sent", "notify.webhooks[0]")
	for _, secret := range []string{"canary", toldKey} {
		if strings.Contains(got.stderr+got.stdout+failed.stderr+failed.stdout, secret) {
			t.Errorf("%s is shown:\n%s\n%s", secret, got.stderr, failed.stderr)
		}
	}
}
