package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/jobs"
)

// unreachable is a config whose sources nobody answers for, and whose URLs carry secrets in every way there is.
const unreachable = `
lake: { bucket: "file:lake?create_dir=true" }
retry: { budget: 0s }
sources:
  app:    { url: "postgres://report:${SECRET_PASSWORD}@127.0.0.1:1/app?connect_timeout=5" }
  other:  { url: "mysql://report:literal-hunter2@127.0.0.1:1/app" }
  events: { url: "${file:events.url}" }
datasets:
  workspaces:    { source: app, query: "SELECT * FROM workspaces" }
  members:       { source: other, query: "SELECT * FROM members" }
  groups:        { source: app, query: "SELECT * FROM groups" }
  group_members: { source: other, query: "SELECT * FROM group_members" }
  agents:        { source: app, query: "SELECT * FROM agents" }
  logins:        { source: app, query: "SELECT * FROM logins WHERE t >= :from AND t < :to" }
  generations:   { source: events, query: "SELECT * FROM generations WHERE t >= :from AND t < :to" }
`

func TestSecretsAreNotPrinted(t *testing.T) {
	secrets := []string{"from-the-environment", "literal-hunter2", "from-a-file"}
	t.Setenv("SECRET_PASSWORD", secrets[0])
	dir := t.TempDir()
	for name, text := range map[string]string{
		"usagereport.yaml": unreachable,
		"events.url":       "postgres://report:" + secrets[2] + "@127.0.0.1:1/events?connect_timeout=5",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "usagereport.yaml")
	check := func(t *testing.T, got invocation) {
		t.Helper()
		for _, s := range secrets {
			if strings.Contains(got.stdout+got.stderr, s) {
				t.Errorf("%q is printed:\n%s\n%s", s, got.stdout, got.stderr)
			}
		}
	}
	t.Run("check", func(t *testing.T) {
		got := invoke(t, "check", "--config", config)
		got.want(t, jobs.ExitRetry, "FAIL  dataset agents", "127.0.0.1", "FAIL  dataset groups: the same as of dataset agents", "ok    lake", "3 problems")
		check(t, got)
	})
	t.Run("run", func(t *testing.T) {
		got := invoke(t, "run", "--config", config)
		got.want(t, jobs.ExitRetry, "unreachable", "127.0.0.1")
		check(t, got)
	})
	t.Run("runs", func(t *testing.T) {
		for _, args := range [][]string{{"runs", "--config", config}, {"runs", "--config", config, "--json"}} {
			got := invoke(t, args...)
			got.want(t, 0, "failed", "unreachable")
			check(t, got)
		}
	})
	t.Run("a config that is wrong", func(t *testing.T) {
		wrong := filepath.Join(dir, "wrong.yaml")
		text := strings.Replace(unreachable, "postgres://", "postgress://", 1)
		if err := os.WriteFile(wrong, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := invoke(t, "run", "--config", wrong)
		got.want(t, jobs.ExitConfig, "wrong.yaml:5:", "sources.app.url")
		check(t, got)
	})
}
