package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/jobs/schedule"
	"github.com/usagereport/usagereport/sinks/lake"
)

// scheduled is a scheduler whose clock stands still.
type scheduled struct {
	*daemon
	log *strings.Builder // complete once serve has returned
}

// newScheduled opens what a config file names for a scheduler.
func newScheduled(t *testing.T, path, now string) *scheduled {
	t.Helper()
	cfg, err := loadConfig(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Open(t.Context(), cfg.Lake.Bucket.Reveal(), cfg.Lake.Prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	at, err := time.Parse(time.RFC3339, now)
	if err != nil {
		t.Fatal(err)
	}
	s := &scheduled{log: new(strings.Builder)}
	n := &jobs.Night{
		Config: cfg, Lake: l, Log: slog.New(slog.NewTextHandler(s.log, nil)), Now: func() time.Time { return at }, Scratch: t.TempDir(),
		Mem: memory.NewGoAllocator(),
	}
	s.daemon = &daemon{path: path, night: n, current: cfg}
	return s
}

// newUnreachable is newScheduled with sources that nobody answers for.
func newUnreachable(t *testing.T, now, settings string) *scheduled {
	t.Helper()
	path := filepath.Join(t.TempDir(), "usagereport.yaml")
	write(t, path, unreachableAt(settings))
	return newScheduled(t, path, now)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// serveUntil serves until the first status of which done is true, and returns it.
func (s *scheduled) serveUntil(t *testing.T, done func(schedule.Status) bool) (last schedule.Status) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.told = func(now schedule.Status) {
		if ctx.Err() == nil && done(now) {
			last = now
			stop()
		}
	}
	if err := s.serve(ctx); err != nil {
		t.Fatal(err)
	}
	return last
}

func allPublished(s schedule.Status) bool {
	return s.State == "waiting" && s.LastRun != nil && len(s.Due) == 0
}

// The command's own parts, from the config file to the lake: two nights were missed, and are made.
func TestScheduleCatchesUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	invoke(t, "demo", "--dir", dir, "--date", "2026-11-21").want(t, 0)
	d := &demoDir{dir: dir, config: filepath.Join(dir, "usagereport.yaml")}
	path := d.rewritten(t, "scheduled.yaml", "  catch_up_days: 7\n", "  catch_up_days: 7\n  status_file: status.json\n  jitter: 5m\n")
	s := newScheduled(t, path, "2026-11-23T17:00:00Z")
	last := s.serveUntil(t, allPublished)
	for _, date := range []string{"2026-11-22", "2026-11-23"} {
		if m := d.manifest(t, date); string(m.SnapshotDate) != date {
			t.Errorf("the manifest of %s: %+v", date, m)
		}
	}
	if last.Published != "2026-11-23" || last.LastRun.Date != "2026-11-23" || last.LastRun.Result != "published" || last.Problem != "" {
		t.Errorf("the status: %+v, last run %+v", last, last.LastRun)
	}
	if next := last.NextRun; next == nil || next.Date != "2026-11-24" || next.At.Format("15:04") < "07:30" || next.At.Format("15:04") > "07:35" {
		t.Errorf("next is %+v, want 2026-11-24 at 02:30 to 02:35 in New York", next)
	}
	data, err := os.ReadFile(filepath.Join(dir, "status.json"))
	if err != nil {
		t.Fatal(err)
	}
	var kept schedule.Status
	if err := json.Unmarshal(data, &kept); err != nil || kept.State != "stopped" || kept.Published != "2026-11-23" {
		t.Errorf("the status file: %v\n%s", err, data)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".status*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	invoke(t, "verify", "--config", path).want(t, 0, "snapshot 2026-11-23")
	for _, text := range []string{"schedule began", "zone=America/New_York", "run is due", "run done", "schedule ended"} {
		if !strings.Contains(s.log.String(), text) {
			t.Errorf("the log does not say %q:\n%s", text, s.log)
		}
	}
}

// The config is read again for every run: what was mended is used, what is broken is not, and what needs a restart is said.
func TestScheduleReadsTheConfigAgain(t *testing.T) {
	s := newUnreachable(t, "2026-11-22T17:00:00Z", "jitter: 1m")
	good := unreachableAt("jitter: 1m")
	for _, c := range []struct{ name, from, to, says string }{
		{"not YAML", "sources:", "sources: [", "the one from before"},
		{"another time", "jitter: 1m", "jitter: 2m", "needs a restart"},
		{"another zone", "\nlake:", "\ntimezone: Europe/Berlin\nlake:", "needs a restart"},
		{"another lake", "file:lake", "file:other", "needs a restart"},
		{"another query", "FROM groups", "FROM all_groups", ""},
	} {
		text := strings.Replace(good, c.from, c.to, 1)
		if text == good {
			t.Fatalf("%s: the config has no %q", c.name, c.from)
		}
		write(t, s.path, text)
		before := s.current
		s.log.Reset()
		s.reload(t.Context())
		if kept := s.current == before; kept != (c.says != "") || !strings.Contains(s.log.String(), c.says) {
			t.Errorf("%s: the old one is kept: %t; the log: %s", c.name, kept, s.log)
		}
	}
	if q := s.current.Datasets["groups"].Query; !strings.Contains(q, "all_groups") {
		t.Errorf("the query is still %s", q)
	}
}

// A source that is down is a problem for /healthz, and none that a restart would mend.
func TestScheduleProbes(t *testing.T) {
	s := newUnreachable(t, "2026-11-22T17:00:00Z", "")
	stop, err := s.listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	_, address, _ := strings.Cut(s.log.String(), "address=")
	address = strings.TrimSpace(address)
	if code, got := probe(t, address, "/healthz"); code != 200 || got.State != "starting" {
		t.Errorf("before it began: %d %+v", code, got)
	}
	s.serveUntil(t, func(now schedule.Status) bool {
		if now.State != "waiting" || now.LastRun == nil {
			return false
		}
		code, got := probe(t, address, "/healthz")
		if code != 503 || !strings.Contains(got.Problem, "2026-11-22 is not published") || len(got.Failing) != 1 || got.Failing[0].Waits {
			t.Errorf("/healthz: %d %+v", code, got)
		}
		if code, got := probe(t, address, "/livez"); code != 200 || got.Problem != "" {
			t.Errorf("/livez: %d %+v", code, got)
		}
		return true
	})
	if code, got := probe(t, address, "/livez"); code != 503 || got.State != "stopped" {
		t.Errorf("/livez after the end: %d %+v", code, got)
	}
}

func probe(t *testing.T, address, path string) (code int, s schedule.Status) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return resp.StatusCode, s
}

// What is wrong with the place it should work in is said on start, not at night.
func TestScheduleCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	for _, c := range []struct {
		name, settings string
		code           int
		texts          []string
	}{
		{"no such folder", "status_file: no/such/folder/status.json", jobs.ExitConfig, []string{"schedule.status_file", "no/such/folder"}},
		{"an address that is taken", fmt.Sprintf("listen: %q", taken.Addr()), jobs.ExitRetry, []string{"schedule.listen", "address already in use"}},
		{"an interval", `cron: "@every 24h"`, jobs.ExitConfig, []string{"schedule.cron", "@every"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, "usagereport.yaml")
			write(t, path, unreachableAt(c.settings))
			invoke(t, "schedule", "--config", path).want(t, c.code, c.texts...)
		})
	}
}

// unreachableAt is a valid config with settings of the schedule.
func unreachableAt(settings string) string {
	text := strings.ReplaceAll(unreachable, "${SECRET_PASSWORD}", "x")
	return strings.ReplaceAll(text, "${file:events.url}", "mysql://u@127.0.0.1:1/x") + "schedule: { " + settings + " }\n"
}

func TestKindsOfErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want schedule.Kind
	}{
		{errors.New("the network"), schedule.Retry},
		{context.Canceled, schedule.Retry},
		{fmt.Errorf("run: %w", lake.ErrHeld), schedule.Held},
		{fmt.Errorf("run: %w", jobs.ErrCheck), schedule.Hopeless},
		{fmt.Errorf("run: %w", config.ErrInvalid), schedule.Hopeless},
	} {
		if got := kindOf(c.err); got != c.want {
			t.Errorf("%v: got %d, want %d", c.err, got, c.want)
		}
	}
}

func TestSameService(t *testing.T) {
	dir := t.TempDir()
	load := func(text string) *config.Config {
		t.Helper()
		path := filepath.Join(dir, "usagereport.yaml")
		write(t, path, text)
		cfg, err := loadConfig(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	base := load(unreachableAt(""))
	if !sameService(base, load(unreachableAt("")+"quality: { max_rejected_ratio: 0.5 }\n")) {
		t.Error("a change of something else asks for a restart")
	}
	settings := []string{"cron: '@daily'", "catch_up_days: 1", "jitter: 1m", "deadline: 1h", "grace_period: 1s", "status_file: s.json", "listen: ':0'"}
	for _, setting := range settings {
		if sameService(base, load(unreachableAt(setting))) {
			t.Errorf("a change of %s does not ask for a restart", setting)
		}
	}
	if sameService(base, load(strings.Replace(unreachableAt(""), "file:lake", "file:other", 1))) {
		t.Error("another lake does not ask for a restart")
	}
}
