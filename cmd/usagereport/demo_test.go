package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
)

// TestDemo makes the demo once and does with it what its last lines propose, and what its users will do next.
func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	visited := false
	got := visit(t, func(url, key string) {
		visited = true
		if code, zip := get(t, url+"/export/usage-reports", key); code != http.StatusOK || !strings.HasPrefix(zip, "PK") {
			t.Errorf("the export answers %d, %.40q", code, zip)
		}
		if code, page := get(t, url+"/licenses", key); code != http.StatusOK || !strings.Contains(page, "Export Usage Reports") {
			t.Errorf("the page answers %d, %.400s", code, page)
		}
	}, "demo", "--dir", dir, "--date", "2026-11-21", "--serve", "--listen", "127.0.0.1:0")
	got.want(t, 0, "First night", "A day passes", "Second night", "Rejected rows", "What to try next", "snapshot 2026-11-20", "snapshot 2026-11-21")
	if !visited {
		t.Error("it did not say where its server is")
	}
	d := &demoDir{dir: dir, config: filepath.Join(dir, "usagereport.yaml")}

	t.Run("five logs", d.fiveLogs)
	t.Run("the second night reads little", d.readsLittle)
	t.Run("its key has ended", func(t *testing.T) {
		invoke(t, "key", "list", "--config", d.config).want(t, 0, "demo", "revoked")
	})
	t.Run("the same folder again", func(t *testing.T) {
		invoke(t, "demo", "--dir", dir).want(t, 2, "already there", "another folder")
	})
	t.Run("check", func(t *testing.T) {
		invoke(t, "check", "--config", d.config).want(t, 0, "ok    dataset generations", "ok    lake", "2 snapshots", "all is well")
	})
	t.Run("verify", func(t *testing.T) {
		invoke(t, "verify", "--config", d.config).want(t, 0, "snapshot 2026-11-21", "11 objects", "generation_log: ")
		invoke(t, "verify", "--config", d.config, "--date", "2026-11-20").want(t, 0, "snapshot 2026-11-20", "11 objects")
	})
	t.Run("verify what was never published", func(t *testing.T) {
		got := invoke(t, "verify", "--config", d.config, "--date", "2020-01-01")
		got.want(t, jobs.ExitConfig, "no snapshot of 2020-01-01", "usagereport runs")
	})
	t.Run("verify a flipped byte", d.flipped)
	t.Run("runs", d.runs)
	t.Run("explain-user", d.explain)
	t.Run("check finds all problems at once", d.broken)
	t.Run("a dry run changes nothing", d.dryRun)
	t.Run("a date to come", d.ahead)
	t.Run("backfill", d.backfill)
}

type demoDir struct{ dir, config string }

func (d *demoDir) lake(parts ...string) string {
	return filepath.Join(append([]string{d.dir, "lake"}, parts...)...)
}

func (d *demoDir) manifest(t *testing.T, date string) lake.Manifest {
	t.Helper()
	data, err := os.ReadFile(d.lake("manifests", date+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var m lake.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (d *demoDir) fiveLogs(t *testing.T) {
	for _, def := range []*dictionary.Table{
		dictionary.UserLog, dictionary.GroupMembersLog, dictionary.AgentsLog, dictionary.UserActivityLog, dictionary.GenerationLog,
	} {
		for _, date := range []string{"2026-11-20", "2026-11-21"} {
			path := d.lake("logs", def.Name, "snapshot_date="+date, "part-00000.parquet")
			if info, err := os.Stat(path); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	for _, c := range d.manifest(t, "2026-11-21").Checks {
		if !c.OK {
			t.Errorf("the manifest has a check that failed: %+v", c)
		}
	}
}

func (d *demoDir) readsLittle(t *testing.T) {
	first, second := d.manifest(t, "2026-11-20"), d.manifest(t, "2026-11-21")
	for _, name := range []string{"generations", "logins"} {
		read := func(m lake.Manifest) int64 {
			at := slices.IndexFunc(m.Datasets, func(s lake.Dataset) bool { return s.Name == name })
			if at < 0 {
				t.Fatalf("the manifest does not name %s", name)
			}
			return m.Datasets[at].Read
		}
		if all, more := read(first), read(second); all < 10_000 || more == 0 || more > all/50 {
			t.Errorf("%s: %d rows in the first night, %d in the second", name, all, more)
		}
	}
}

func (d *demoDir) flipped(t *testing.T) {
	path := d.lake("logs", "user_log", "snapshot_date=2026-11-21", "part-00000.parquet")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		invoke(t, "verify", "--config", d.config).want(t, 0)
	}()
	damaged := slices.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	invoke(t, "verify", "--config", d.config).want(t, jobs.ExitData, "user_log", "part-00000.parquet", "SHA-256")
}

func (d *demoDir) runs(t *testing.T) {
	text := invoke(t, "runs", "--config", d.config)
	text.want(t, 0, "RUN", "2026-11-20", "2026-11-21", "published")
	if strings.Index(text.stdout, "2026-11-21") > strings.Index(text.stdout, "2026-11-20") {
		t.Errorf("not the newest first:\n%s", text.stdout)
	}
	got := invoke(t, "runs", "--config", d.config, "--last", "1", "--json")
	got.want(t, 0)
	var rec lake.RunRecord
	if err := json.Unmarshal([]byte(got.stdout), &rec); err != nil {
		t.Fatalf("%v in %s", err, got.stdout)
	}
	if rec.SnapshotDate != "2026-11-21" || rec.Status != "published" || rec.ExitCode != 0 || len(rec.Logs) != 6 {
		t.Errorf("the record: %+v", rec)
	}
	invoke(t, "runs", "--config", d.config, "--run", rec.RunID).want(t, 0, "run "+rec.RunID+": published", "what changed since run", "snapshot 2026-11-20",
		"generation_log, rows:", "the window reached new days (1 day)", "publish:", "quality: runs/quality/")
	invoke(t, "runs", "--config", d.config, "--date", "2026-11-20").want(t, 0, "snapshot 2026-11-20", "there is no earlier snapshot")
	invoke(t, "runs", "--config", d.config, "--quality").want(t, 0, "quality of run "+rec.RunID, "logins:", "generations:", "the newest day")
	got = invoke(t, "runs", "--config", d.config, "--quality", "--date", "2026-11-21", "--json")
	got.want(t, 0)
	var q lake.Quality
	if err := json.Unmarshal([]byte(got.stdout), &q); err != nil || q.RunID != rec.RunID || len(q.Volumes) == 0 {
		t.Errorf("the quality report: %+v, %v", q, err)
	}
	invoke(t, "runs", "--config", d.config, "--run", "nobody").want(t, jobs.ExitConfig, `--run "nobody"`, "usagereport runs")
	invoke(t, "runs", "--config", d.config, "--date", "2020-01-01").want(t, jobs.ExitConfig, "--date 2020-01-01")
	invoke(t, "runs", "--config", d.config, "--date", "2020-01-01", "--run", "x").want(t, jobs.ExitConfig, "--run and --date")
	invoke(t, "runs", "--config", d.config, "--date", "yesterday").want(t, jobs.ExitConfig, "--date", "2026-11-21")
}

// rewritten writes the demo's config with texts replaced, beside it, and returns its path.
func (d *demoDir) rewritten(t *testing.T, name string, replace ...string) string {
	t.Helper()
	data, err := os.ReadFile(d.config)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(string(data), replace[i]) {
			t.Fatalf("the demo's config has no %q", replace[i])
		}
	}
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(strings.NewReplacer(replace...).Replace(string(data))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (d *demoDir) broken(t *testing.T) {
	path := d.rewritten(t, "broken.yaml",
		"account_id AS workspace_id, uid AS user_id, signed_in_at", "account_id AS workspace_id, signed_in_at",
		"made_by AS creator_user_id, made_at AS created_at\n      FROM teams", "made_by AS creator_user_id\n      FROM no_such_teams",
		"reference/grids.csv", "reference/nothing.csv",
		"generation_type: kind", "generation_type: no_such_column")
	got := invoke(t, "check", "--config", path)
	got.want(t, jobs.ExitData, "4 problems",
		"FAIL  dataset logins", "user_id", "FAIL  dataset groups", "no_such_teams", "FAIL  dataset grids", "reference/nothing.csv",
		"FAIL  dataset generations", "no_such_column", "ok    dataset members", "ok    lake")
}

func (d *demoDir) dryRun(t *testing.T) {
	before := d.files(t)
	invoke(t, "run", "--config", d.config, "--date", "2026-11-21", "--run-time", "2026-11-21T07:30:00Z", "--dry-run").
		want(t, 0, "Dry run", "2026-11-21")
	if after := d.files(t); !slices.Equal(before, after) {
		t.Errorf("the lake changed:\n%q\n%q", before, after)
	}
}

// explain asks for the worked example of the contract (§7), which the demo has among its people.
func (d *demoDir) explain(t *testing.T) {
	invoke(t, "explain-user", "--config", d.config, "ASMITH").want(t, 0, "1 user of", "counted under Usernames or Emails",
		`bridge: without "bob" this would be several users`, "ASMITH@y.example", `username "alice", local part "asmith"`)
	invoke(t, "explain-user", "--config", d.config, "Bob B.").want(t, 0, "2 users of", "counted under Display Names")
	invoke(t, "explain-user", "--config", d.config, "nobody@nowhere.example").want(t, 0, "0 users of")
	got := invoke(t, "explain-user", "--config", d.config, "--json", "--date", "2026-11-20", "alice")
	got.want(t, 0)
	var e struct {
		Date  string `json:"snapshot_date"`
		Users []struct {
			Bucket       string
			Bridges      []string
			Observations []struct {
				Step     int
				Username string
			}
		}
	}
	if err := json.Unmarshal([]byte(got.stdout), &e); err != nil {
		t.Fatal(err)
	}
	if e.Date != "2026-11-20" || len(e.Users) != 1 || e.Users[0].Bucket != "Usernames or Emails" ||
		!slices.Equal(e.Users[0].Bridges, []string{"asmith", "bob"}) || len(e.Users[0].Observations) < 6 {
		t.Errorf("got %+v", e)
	}
	invoke(t, "explain-user", "--config", d.config).want(t, jobs.ExitConfig, "expected one email, username or name")
}

func (d *demoDir) ahead(t *testing.T) {
	invoke(t, "run", "--config", d.config, "--date", "2999-01-01").want(t, 2, "--date: the run date 2999-01-01 has not come yet", "America/New_York")
	invoke(t, "run", "--config", d.config, "--run-time", "2999-01-01T12:00:00Z").want(t, 2, "--run-time: the run date 2999-01-01 has not come yet")
	invoke(t, "backfill", "--config", d.config, "--from", "2026-11-20", "--to", "2999-01-01").want(t, 2, "--to: the run date 2999-01-01 has not come yet")
}

func (d *demoDir) backfill(t *testing.T) {
	invoke(t, "backfill", "--config", d.config, "--from", "2026-11-19", "--to", "2026-11-20").want(t, 0, "2026-11-19", "2026-11-20")
	invoke(t, "verify", "--config", d.config).want(t, 0, "snapshot 2026-11-21") // still the newest
	invoke(t, "verify", "--config", d.config, "--date", "2026-11-19").want(t, 0)
}

// files lists what is in the lake: names, sizes and times of change.
func (d *demoDir) files(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.Walk(d.lake(), func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		// A run that publishes nothing takes the lease like any other.
		if !info.IsDir() && filepath.Base(filepath.Dir(path)) != "lease" {
			all = append(all, fmt.Sprint(path, info.Size(), info.ModTime()))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
