package lineage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
)

var update = flag.Bool("update", false, "write the golden files anew")

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const base = `
lake: { bucket: "s3://acme-lake?region=eu-west-1&secret_key=buck3tk3y", prefix: usage/prod }
sources:
  app:    { url: "postgres://report:s0urcepw@db.internal/app?sslmode=require" }
  events: { url: "s3://acme-events?prefix=raw/&region=eu-west-1" }
datasets:
  workspaces:    { source: app, query: SELECT 1 }
  members:       { source: app, query: SELECT 1 }
  groups:        { source: app, query: SELECT 1 }
  group_members: { source: app, query: SELECT 1 }
  agents:        { source: app, query: SELECT 1 }
  logins:        { source: app, query: "SELECT 1 WHERE t > :changed_since" }
  generations:   { source: events, path: "generations/dt={date}/*.parquet" }
`

func load(t *testing.T, extra string, vars map[string]string) *config.Config {
	t.Helper()
	cfg, err := config.Load(t.Context(), "usagereport.yaml", config.Env{
		ReadFile:  func(string) ([]byte, error) { return []byte(base + extra), nil },
		LookupEnv: func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

var theRun = Run{ID: "20261122T023000Z-2026-11-22", Time: time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC), Lake: "s3://acme-lake/usage/prod"}

// outcome is what a small run did.
func outcome() *jobs.Outcome {
	log := func(table, part string, rows, size int64) lake.ObjectInfo {
		return lake.ObjectInfo{Key: "logs/" + table + "/snapshot_date=2026-11-22/" + part, Table: table, Rows: rows, Bytes: size}
	}
	return &jobs.Outcome{Published: true, Took: time.Minute, Manifest: lake.Manifest{
		RunInfo: lake.RunInfo{RunID: theRun.ID, SnapshotDate: "2026-11-22", RunTime: theRun.Time},
		Objects: []lake.ObjectInfo{
			{Key: "audit/2026-11-22/audit_log.csv", Bytes: 17, Rows: 2},
			log("generation_log", "part-00000.parquet", 100, 1000), log("generation_log", "part-00001.parquet", 50, 600), log("user_log", "part-00000.parquet", 0, 90),
			{Key: "reports/2026-11-22/Usage Logs.zip", Bytes: 5000, Also: []string{"reports/latest/Usage Logs.zip"}},
		},
		Datasets: []lake.Dataset{
			{Name: "generations", Source: "events", Objects: 3, Unchanged: 362, Read: 1000, Rejected: 7, Duplicate: 2, Late: 1},
			{Name: "logins", Source: "app", Queries: 1, Read: 20},
		},
		Checks: []lake.Check{
			{Name: "generation_total", OK: true, Figures: map[string]int64{"events": 993, "published": 993}},
			{Name: "grain_user_log", OK: false, Figures: map[string]int64{"rows": 2}, Detail: "u1 stands twice"},
		},
	}}
}

func reporter(t *testing.T, cfg *config.Config) (*Reporter, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	r := New(cfg, "1.0.0", slog.New(slog.NewJSONHandler(log, nil)))
	var mu sync.Mutex
	now := noon
	r.courier.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	r.courier.Wait = func(_ context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
		return nil
	}
	r.courier.Random = func() float64 { return 0 }
	return r, log
}

// events are one of each kind that is sent.
func events(t *testing.T) map[string]event {
	t.Helper()
	r, _ := reporter(t, load(t, "", nil))
	checkFailed := fmt.Errorf("%w: grain_user_log: u1 stands twice", jobs.ErrCheck)
	unpublished := outcome()
	unpublished.Published = false // though it may know what it would have published
	return map[string]event{
		"start":      r.started(theRun, noon),
		"complete":   r.ended(theRun, End{Outcome: outcome()}, noon),
		"fail":       r.ended(theRun, End{Outcome: unpublished, Err: checkFailed}, noon),
		"incomplete": r.ended(theRun, End{Outcome: outcome(), Err: errors.New("sync_events: source unreachable; the driver said report:s0urcepw")}, noon),
		"abort":      r.ended(theRun, End{Err: context.Canceled, Stopped: true}, noon),
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestEvents(t *testing.T) {
	for name, e := range events(t) {
		got := encode(t, e)
		path := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v; write it with -update", err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs; got\n%s", path, got)
		}
		for _, secret := range []string{"s0urcepw", "buck3tk3y", "sslmode", "report@", "region"} {
			if bytes.Contains(got, []byte(secret)) {
				t.Errorf("%s: %s is shown", name, secret)
			}
		}
	}
}

func TestTypes(t *testing.T) {
	r, _ := reporter(t, load(t, "", nil))
	for name, c := range map[string]struct {
		end  End
		want string
	}{
		"well":               {End{Outcome: outcome()}, complete},
		"stopped too late":   {End{Outcome: outcome(), Stopped: true}, complete},
		"failed":             {End{Err: errors.New("x")}, fail},
		"stopped":            {End{Err: errors.New("x"), Stopped: true}, abort},
		"lost its lease":     {End{Err: fmt.Errorf("%w: %w", lake.ErrLeaseLost, context.Canceled)}, fail},
		"published, but not": {End{Outcome: outcome(), Err: errors.New("x")}, fail},
	} {
		if got := r.ended(theRun, c.end, noon).Type; got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestRunUUID(t *testing.T) {
	id := runUUID(theRun)
	if u, err := uuid.Parse(id); err != nil || u.Version() != 5 || id != "9cb0d9a6-2875-5bd2-a34f-5fb65b8b208a" {
		t.Errorf("got %s, %v", id, err)
	}
	other, elsewhere := theRun, theRun
	other.ID, elsewhere.Lake = "20261123T023000Z-2026-11-23", "s3://other"
	if runUUID(other) == id || runUUID(elsewhere) == id || runUUID(theRun) != id {
		t.Error("runs are mixed up")
	}
}

// server keeps the events that it is sent.
type server struct {
	*httptest.Server

	mu     sync.Mutex
	got    []map[string]any
	keys   []string
	status func(n int) int
}

func newServer(t *testing.T, status func(n int) int) *server {
	s := &server{status: status}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var e map[string]any
		if err := json.Unmarshal(body, &e); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got, s.keys = append(s.got, e), append(s.keys, r.Header.Get("Authorization"))
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.URL.Path != "/api/v1/lineage" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		if s.status != nil {
			w.WriteHeader(s.status(len(s.got)))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) types() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, e := range s.got {
		all = append(all, fmt.Sprint(e["eventType"]))
	}
	return strings.Join(all, " ")
}

func TestARun(t *testing.T) {
	for name, c := range map[string]struct {
		status func(n int) int
		want   string
		log    string
	}{
		"accepted":        {func(int) int { return http.StatusCreated }, "START COMPLETE", "lineage event sent"},
		"the second time": {func(n int) int { return []int{0, 503, 201, 429, 200}[n] }, "START START COMPLETE COMPLETE", "lineage event sent"},
		"refused":         {func(int) int { return http.StatusUnauthorized }, "START COMPLETE", "401 Unauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.status)
			r, log := reporter(t, load(t, "openlineage: { url: \"${URL}\", api_key: \"${KEY}\", namespace: acme }\n",
				map[string]string{"URL": s.URL + "/api/v1/lineage?k=s3cr3t", "KEY": "k3y-of-the-api"}))
			ended := r.Start(t.Context(), theRun)
			ended(t.Context(), End{Outcome: outcome()})
			if got := s.types(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			for i, key := range s.keys {
				if job := s.got[i]["job"].(map[string]any); key != "Bearer k3y-of-the-api" || job["namespace"] != "acme" {
					t.Errorf("key %q, job %v", key, job)
				}
			}
			if !strings.Contains(log.String(), c.log) || strings.Contains(log.String(), "s3cr3t") || strings.Contains(log.String(), "k3y") {
				t.Errorf("log\n%s", log)
			}
		})
	}
}

func TestNowhereToSend(t *testing.T) {
	r, log := reporter(t, load(t, "", nil))
	r.Start(t.Context(), theRun)(t.Context(), End{Outcome: outcome()})
	if log.Len() > 0 {
		t.Errorf("log\n%s", log)
	}
}

// A server that never answers delays neither the run nor, for longer than the budget, its end.
func TestTheBudgetHolds(t *testing.T) {
	hang := make(chan struct{})
	mute := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(mute.Close)
	t.Cleanup(func() { close(hang) })
	r, log := reporter(t, load(t, "openlineage: { url: \"${URL}\" }\n", map[string]string{"URL": mute.URL}))
	r.courier.Now, r.budget = time.Now, 50*time.Millisecond
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Start(t.Context(), theRun)(t.Context(), End{Outcome: outcome()})
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it hangs")
	}
	if n := strings.Count(log.String(), "lineage event not sent"); n != 2 {
		t.Errorf("log\n%s", log)
	}
}

func TestNames(t *testing.T) {
	for url, want := range map[string][2]string{
		"postgres://u:p@db.internal/app?x=y":        {"postgres://db.internal:5432", "app.logins"},
		"postgresql://u:p%40@[::1]:6543/app":        {"postgres://[::1]:6543", "app.logins"},
		"postgres:///app?host=/run/postgresql":      {"postgres://localhost:5432", "app.logins"},
		"awspostgres://u:p@x.rds.amazonaws.com/app": {"postgres://x.rds.amazonaws.com:5432", "app.logins"},
		"mysql://u:p@db:3307/app":                   {"mysql://db:3307", "app.logins"},
		"azuremysql://u:p@db/app":                   {"mysql://db:3306", "app.logins"},
		"gcppostgres://u:p@project/region/inst/app": {"gcppostgres://project/region/inst", "app.logins"},
		"gcpmysql://u@project/region/inst/app?x=y":  {"gcpmysql://project/region/inst", "app.logins"},
		"sqlite:///srv/app.db?_pragma=secret":       {"file", "/srv/app.db.logins"},
		"postgres://u:p@db":                         {"postgres://db:5432", "logins"},
	} {
		d := input(config.Dataset{Query: "SELECT 1"}, config.NewURL(url), "logins")
		if d.Namespace != want[0] || d.Name != want[1] {
			t.Errorf("%s: got %s %s", url, d.Namespace, d.Name)
		}
	}
	for url, want := range map[string][2]string{
		"s3://acme?region=eu":           {"s3://acme", "a/{date}/*.csv"},
		"s3://acme?prefix=raw/&sig=x":   {"s3://acme", "raw/a/{date}/*.csv"},
		"gs://acme":                     {"gs://acme", "a/{date}/*.csv"},
		"azblob://box":                  {"azblob://box", "a/{date}/*.csv"},
		"file:///srv/events?prefix=raw": {"file", "/srv/events/raw/a/{date}/*.csv"},
		"mem://":                        {"inmemory://", "a/{date}/*.csv"},
	} {
		d := input(config.Dataset{Path: "a/{date}/*.csv"}, config.NewURL(url), "logins")
		if d.Namespace != want[0] || d.Name != want[1] {
			t.Errorf("%s: got %s %s", url, d.Namespace, d.Name)
		}
	}
}
