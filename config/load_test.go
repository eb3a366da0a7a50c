package config

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/dictionary"
)

var update = flag.Bool("update", false, "write the golden files and the generated documentation")

// testEnv is an environment with a few variables, one secret file and one secret store.
func testEnv(vars map[string]string) Env {
	return Env{
		LookupEnv: func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
		ReadFile: func(name string) ([]byte, error) {
			if name == "/run/secrets/pw" {
				return []byte("from-file\n"), nil
			}
			if name == "/run/secrets/hook" {
				return []byte("http://from-file.example/\n"), nil
			}
			if name == "/run/secrets/denied" {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
			}
			return os.ReadFile(name)
		},
		OpenVar: func(_ context.Context, url string) (string, error) {
			if strings.HasPrefix(url, "awssecretsmanager://db") || strings.HasPrefix(url, "file:///run/secrets/url?decoder=string") {
				return "postgres://app:from-store@db/app", nil
			}
			if strings.HasPrefix(url, "awssecretsmanager://ping") {
				return "https://from-store.example/ping", nil
			}
			return "", fmt.Errorf("no secret behind %s", url)
		},
	}
}

var fixtureEnv = testEnv(map[string]string{
	"APP_DB_PASSWORD": "s3cr3t", "DAYS": "5", "WORD": "hush-hush", "DB_URL": "postgres://u:hush-hush@db/app", "EMPTY": "", "BINARY": "\xff",
	"WEBHOOK_URL": "https://hooks.example/services/hush-hush", "WEBHOOK_KEY": "aHVzaC1odXNoIGh1c2gtaHVzaCBodXNoLWh1c2g=", "SMTP_PASSWORD": "hush-hush",
	"PING_URL": "https://ping.example/hush-hush", "LINEAGE_KEY": "hush-hush",
	"SESSION_SECRET": "aHVzaC1odXNoIGh1c2gtaHVzaCBodXNoLWh1c2ggaHVzaC1odXNo", "OIDC_SECRET": "hush-hush",
})

func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	return parse(context.Background(), "usagereport.yaml", "/etc/usagereport", []byte(text), fixtureEnv)
}

func mustLoad(t *testing.T, text string) *Config {
	t.Helper()
	c, err := load(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// usageYAML is a valid config for the usage domain; extra goes to its end.
func usageYAML(extra string) string {
	return `lake: { bucket: "mem://" }
sources:
  app: { url: "postgres://report@db/app" }
  files: { url: "s3://acme" }
datasets:
  workspaces: { source: app, query: SELECT 1 }
  members: { source: app, query: SELECT 1 }
  groups: { source: app, query: SELECT 1 }
  group_members: { source: app, query: SELECT 1 }
  agents: { source: app, query: SELECT 1 }
  logins: { source: app, query: "SELECT 1 WHERE t >= :from AND t < :to" }
  generations: { source: files, path: "g/{date}.parquet" }
` + extra
}

func TestGoodFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d fixtures, %v", len(files), err)
	}
	for _, f := range append(files, "example.yaml") {
		t.Run(filepath.Base(f), func(t *testing.T) {
			c, err := Load(context.Background(), f, fixtureEnv)
			if err != nil {
				t.Fatal(err)
			}
			if c.Domains() == 0 {
				t.Error("no domain is bound")
			}
			for _, name := range c.DatasetNames() {
				if d := c.Datasets[name]; d.IsQuery() == (d.Path != "") || d.Timezone == "" {
					t.Errorf("%s is not complete: %v", name, d)
				}
			}
		})
	}
}

func TestBadFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("found %d fixtures, want 60 or more; %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			c, err := parse(context.Background(), filepath.Base(f), "/etc/usagereport", text, fixtureEnv)
			if err == nil {
				t.Fatalf("accepted: %v", c)
			}
			if c != nil || !errors.Is(err, ErrInvalid) {
				t.Errorf("got config %v and error %T", c, err)
			}
			got := err.Error() + "\n"
			sameProblems(t, f, got)
			for _, secret := range []string{"hush", "s3cr3t", "from-store", "from-file"} {
				if strings.Contains(got, secret) {
					t.Errorf("the error shows %q", secret)
				}
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	c := mustLoad(t, usageYAML(""))
	if c.Timezone != "UTC" || c.Location() != time.UTC || !c.HistoryStart.IsZero() {
		t.Errorf("zone %q, history %v", c.Timezone, c.HistoryStart)
	}
	s := c.Schedule
	if s.Cron != "30 2 * * *" || s.CatchUpDays != 7 || s.Jitter != 0 || s.Deadline != 12*time.Hour || s.GracePeriod != 20*time.Second ||
		s.StatusFile != "" || s.Listen != "" {
		t.Errorf("schedule %v", s)
	}
	if n := c.Notify; len(n.Webhooks) > 0 || n.Email.IsSet() || n.Ping.IsSet() || c.OpenLineage.URL.IsSet() || c.OpenLineage.Namespace != "usagereport" {
		t.Errorf("notify %v, openlineage %v", n, c.OpenLineage)
	}
	if c.Quality.MaxRejectedRatio != 0.001 {
		t.Errorf("quality %v", c.Quality)
	}
	if got := c.Sources["app"].StatementTimeout; got != 30*time.Minute {
		t.Errorf("statement timeout %v", got)
	}
	if got := c.Datasets["logins"].LookbackDays; got != 3 {
		t.Errorf("lookback %d", got)
	}
	if g := c.Datasets["generations"]; g.FileFormat != Parquet || g.Timezone != "UTC" || !g.Partitioned() || g.Delimiter != "" {
		t.Errorf("generations %v", g)
	}
	if c.Domains() != dictionary.Usage {
		t.Errorf("domains %v", c.Domains())
	}
	if l := c.Datasets["logins"]; !l.Uses("from") || !l.Uses("to") || l.Uses("changed_since") {
		t.Errorf("parameters of %v", l)
	}
}

func TestEverythingSet(t *testing.T) {
	c, err := Load(context.Background(), "example.yaml", fixtureEnv)
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.HistoryStart.In(time.UTC); !got.Equal(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("history starts %v", got)
	}
	if got, want := c.Lake.Bucket.Reveal(), "file://"+here+"/lake?create_dir=true"; got != want {
		t.Errorf("bucket %q, want %q", got, want)
	}
	if got, want := c.Sources["app"].URL.Reveal(), "postgres://report:s3cr3t@db.internal/app?sslmode=require"; got != want {
		t.Errorf("url %q, want %q", got, want)
	}
	if got := c.Datasets["members"].Timezone; got != "Europe/Berlin" {
		t.Errorf("the source's zone is not the dataset's: %q", got)
	}
	if got := c.Datasets["user_observations"]; got.Timezone != "America/New_York" || got.FileFormat != JSONL {
		t.Errorf("user_observations %v", got)
	}
	if got := c.Datasets["systems"].Delimiter; got != ";" {
		t.Errorf("delimiter %q", got)
	}
	if got := c.Datasets["sync_events"].EpochUnit; got != Milliseconds {
		t.Errorf("epoch unit %q", got)
	}
	if got := c.Datasets["workspaces"].Mappings["plan"]["biz"]; got != "Business" {
		t.Errorf("mapping %q", got)
	}
	if got, want := c.Schedule.StatusFile, filepath.Join(here, "status.json"); got != want {
		t.Errorf("status file %q, want %q", got, want)
	}
	if s := c.Schedule; s.Jitter != 10*time.Minute || s.Listen != "127.0.0.1:8081" {
		t.Errorf("schedule %v", s)
	}
	if got, want := c.Identity.Overrides, filepath.Join(here, "identity-overrides.yaml"); got != want {
		t.Errorf("overrides %q, want %q", got, want)
	}
	if n := c.Notify; len(n.Webhooks) != 1 || n.Webhooks[0].URL.Reveal() != "https://hooks.example/services/hush-hush" || !n.Webhooks[0].SigningKey.IsSet() ||
		n.Email.Server.Reveal() != "smtp://report:hush-hush@mail.internal:587" || !n.Email.IsSet() || n.Ping.Reveal() != "https://ping.example/hush-hush" {
		t.Errorf("notify %v", n)
	}
	if o := c.OpenLineage; o.URL.Reveal() != "https://lineage.acme.example/api/v1/lineage" || o.APIKey.Reveal() != "hush-hush" || o.Namespace != "usagereport" {
		t.Errorf("openlineage %v", o)
	}
	if got := c.Domains(); got != dictionary.Usage|dictionary.Audit|dictionary.Integration {
		t.Errorf("domains %v", got)
	}
}

func TestSharedDatasetsAskForNoDomain(t *testing.T) {
	_, err := load(t, `lake: { bucket: "mem://" }
sources: { app: { url: "sqlite:a.db" } }
datasets:
  workspaces: { source: app, query: SELECT 1 }
  members: { source: app, query: SELECT 1 }
`)
	if err == nil || strings.Contains(err.Error(), "halves") || !strings.Contains(err.Error(), "nothing is bound") {
		t.Errorf("got %v", err)
	}
	c := mustLoad(t, `lake: { bucket: "mem://" }
sources: { app: { url: "sqlite:a.db" } }
datasets:
  workspaces: { source: app, query: SELECT 1 }
  audit_events: { source: app, query: "SELECT 1 WHERE t > :changed_since" }
`)
	if c.Domains() != dictionary.Audit {
		t.Errorf("domains %v", c.Domains())
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	_, err := Load(context.Background(), "testdata/none.yaml", fixtureEnv)
	if !errors.Is(err, ErrInvalid) || !strings.HasPrefix(err.Error(), "testdata/none.yaml: cannot be read: no such file") {
		t.Errorf("got %v", err)
	}
	if _, err := Load(context.Background(), "x", Env{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestRelativePathsStartAtTheFile(t *testing.T) {
	for raw, want := range map[string]string{
		"sqlite:app.db":                   "sqlite:///etc/usagereport/app.db",
		"sqlite:../data/app.db?_x=1":      "sqlite:///etc/data/app.db?_x=1",
		"sqlite:///srv/app.db":            "sqlite:///srv/app.db",
		"sqlite:a%20b.db":                 "sqlite:///etc/usagereport/a%20b.db",
		"file:lake?create_dir=true":       "file:///etc/usagereport/lake?create_dir=true",
		"file:lake/":                      "file:///etc/usagereport/lake/",
		"file://./lake":                   "file:///etc/usagereport/lake",
		"file:///var/lake":                "file:///var/lake",
		"file://localhost/var/lake":       "file:///var/lake",
		"file:/var/lake":                  "file:///var/lake",
		"s3://b?prefix=a/&region=x":       "s3://b?prefix=a/&region=x",
		"postgres://u:p%40ss@h:5432/db":   "postgres://u:p%40ss@h:5432/db",
		"postgres:///db?host=/var/run/pg": "postgres:///db?host=/var/run/pg",
		"postgres:///db":                  "",
		"s3://?region=x":                  "",
		"mem://":                          "mem://",
	} {
		got, message, _ := resolveURL(raw, "/etc/usagereport")
		if want == "" {
			if message == "" {
				t.Errorf("%s is accepted as %s", raw, got)
			}
			continue
		}
		if got != want || message != "" {
			t.Errorf("%s: got %s %q, want %s", raw, got, message, want)
		}
	}
}

func TestPrefixIsNormalised(t *testing.T) {
	for in, want := range map[string]string{"": "", "/": "", "a": "a/", "/a/b/": "a/b/", "a/b": "a/b/"} {
		c := mustLoad(t, strings.Replace(usageYAML(""), `"mem://" }`, fmt.Sprintf(`"mem://", prefix: %q }`, in), 1))
		if c.Lake.Prefix != want {
			t.Errorf("prefix %q: got %q, want %q", in, c.Lake.Prefix, want)
		}
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	c := mustLoad(t, strings.Replace(usageYAML(""),
		"  groups: { source: app, query: SELECT 1 }\n  group_members: { source: app, query: SELECT 1 }\n",
		"  groups: &g { source: app, query: SELECT 1, columns: { group_id: gid } }\n  group_members: { <<: *g, query: &q SELECT 2 }\n  canvases: { source: app, query: *q }\n", 1))
	if d := c.Datasets["group_members"]; d.Source != "app" || d.Query != "SELECT 2" || d.Columns["group_id"] != "gid" {
		t.Errorf("merged %v", d)
	}
	if d := c.Datasets["canvases"]; d.Query != "SELECT 2" {
		t.Errorf("alias %v", d)
	}
}

func TestPostgresSocketURL(t *testing.T) {
	mustLoad(t, strings.Replace(usageYAML(""), "postgres://report@db/app", "postgres://report@/app?host=/var/run/postgresql", 1))
}

// sameProblems compares what is said of a bad file with the golden text beside it.
func sameProblems(t *testing.T, file, got string) {
	t.Helper()
	golden := strings.TrimSuffix(file, ".yaml") + ".err"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
