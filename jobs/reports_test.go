package jobs_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// reportNight is the instant of the runs of these tests.
var reportNight = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

// newHub returns a world with the integration domain and some events of it.
func newHub(t *testing.T) *world {
	w := newWorld(t, "UTC")
	w.integrate()
	w.syncs.files["2026-11-20/a.csv"] = []event{
		{"event_id": "1", "integration_id": "i1", "end_system_id": "s1", "entity_type": "Issue", "entity_id": "1", "synced_at": "2026-11-19T10:00:00Z",
			"succeeded": "true", "system1_project": "p1", "system2_project": "q1"},
		{"event_id": "2", "integration_id": "i2", "end_system_id": "s3", "entity_type": "Page", "entity_id": "1", "synced_at": "2026-01-19T10:00:00Z", "succeeded": "true"},
		{"event_id": "3", "integration_id": "i9", "end_system_id": "s3", "entity_type": "Page", "entity_id": "1", "synced_at": "2026-11-19T10:00:00Z", "succeeded": "true"},
	}
	w.seen.files["2026-11-20/a.jsonl"] = []event{
		{"system_id": "s1", "interaction_type": "Mention", "observed_at": "2026-11-19T10:00:00Z", "email": "ann@x.org", "username": "ann"},
		{"system_id": "s2", "interaction_type": "Mention", "observed_at": "2026-11-18T10:00:00Z", "username": "ANN"},
		{"system_id": "s2", "interaction_type": "Mention", "observed_at": "2026-01-18T10:00:00Z", "display_name": "Bo"},
		{"system_id": "s2", "interaction_type": "Mention", "observed_at": "2026-11-18T10:00:00Z", "email": " "},
	}
	return w
}

// without leaves the datasets of the domains unbound.
func (w *world) without(d dictionary.Domain) {
	for _, def := range dictionary.DatasetsOf(d) {
		w.bindings[def.Name] = ""
	}
}

func reportKeys(t *testing.T, b *blob.Bucket) (keys []string) {
	for key := range sinktest.Dump(t, b, "") {
		if strings.HasPrefix(key, "reports/") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// TestDomains publishes what is bound: the usage domain, the integration domain, or both.
func TestDomains(t *testing.T) {
	usage := []string{"reports/2026-11-21/Usage Logs.zip", "reports/latest/Usage Logs.zip"}
	integration := []string{"reports/2026-11-21/Usage Reports.zip", "reports/latest/Usage Reports.zip"}
	for _, c := range []struct {
		name    string
		without dictionary.Domain
		want    []string
		windows []string
		logs    int
	}{
		{"both", 0, slices.Concat(usage, integration), []string{"rolling_year", "last_6_months", "last_1_year"}, 5},
		{"usage", dictionary.Integration, usage, []string{"rolling_year"}, 5},
		{"integration", dictionary.Usage, integration, []string{"last_6_months", "last_1_year"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, b := newHub(t), newBucket(t)
			w.without(c.without)
			out := run(t, w, b, reportNight, jobs.Request{})
			slices.Sort(c.want)
			if got := reportKeys(t, b); !slices.Equal(got, c.want) {
				t.Errorf("published %q, want %q", got, c.want)
			}
			var windows []string
			for _, win := range out.Manifest.Windows {
				windows = append(windows, win.Name)
			}
			if !slices.Equal(windows, c.windows) || len(out.Manifest.Logs) != c.logs {
				t.Errorf("windows %q and %d logs, want %q and %d", windows, len(out.Manifest.Logs), c.windows, c.logs)
			}
			if (out.Manifest.Identity != nil) != (c.without != dictionary.Integration) {
				t.Errorf("identity %+v", out.Manifest.Identity)
			}
			l := openLake(t, b, "mem:", "")
			if _, err := jobs.Verify(t.Context(), l, "", t.TempDir()); err != nil {
				t.Errorf("verify: %v", err)
			}
		})
	}
}

// TestUnboundForANight keeps what is known of a domain that is not bound for a while.
func TestUnboundForANight(t *testing.T) {
	w, b := newHub(t), newBucket(t)
	run(t, w, b, reportNight, jobs.Request{})
	w.without(dictionary.Integration)
	run(t, w, b, reportNight.AddDate(0, 0, 1), jobs.Request{})
	clear(w.bindings)
	out := run(t, w, b, reportNight.AddDate(0, 0, 2), jobs.Request{})
	for _, d := range out.Manifest.Datasets {
		if d.Name == "sync_events" && (d.Objects != 0 || d.Unchanged != 1) {
			t.Errorf("read %d files of sync_events again, %d were known; want 0 and 1", d.Objects, d.Unchanged)
		}
	}
}

// TestReportFigures looks at what the manifest says of the reports.
func TestReportFigures(t *testing.T) {
	w, b := newHub(t), newBucket(t)
	out := run(t, w, b, reportNight, jobs.Request{})
	m := out.Manifest
	i := m.Identity
	if i.Users != 2 || i.FullEmailUsers != 3 || i.Unidentified != 1 || len(i.Largest) != 2 || i.Largest[0].Key != "ann" {
		t.Errorf("identity %+v", i)
	}
	for name, want := range map[string]map[string]int64{
		"Usage Report (Last 6 Months).xlsx": {"Total Unique Users": 1, "Total Unique Entity Types": 1, "Total Unique Projects": 2, "Total Entities Synced": 1},
		"Usage Report (Last 1 Year).xlsx":   {"Total Unique Users": 2, "Total Unique Entity Types": 2, "Total Unique Projects": 2, "Total Entities Synced": 2},
	} {
		at := slices.IndexFunc(m.Workbooks, func(w lake.Workbook) bool { return w.Name == name })
		if at < 0 {
			t.Fatalf("no workbook %s", name)
		}
		for label, n := range want {
			if got := m.Workbooks[at].Summary[label]; got != n {
				t.Errorf("%s: %s is %d, want %d", name, label, got, n)
			}
		}
	}
	for _, want := range []string{"user_observations: 1 rows of the last year have neither", "sync_events: 1 of the last year belong to integrations"} {
		if !slices.ContainsFunc(m.Warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("no warning %q in %q", want, m.Warnings)
		}
	}
}

// TestOverrides applies the overrides file, and names it when its entries contradict each other.
func TestOverrides(t *testing.T) {
	w, b := newHub(t), newBucket(t)
	w.settings = "identity: { overrides: who.yaml }\n"
	overrides := filepath.Join(w.dir, "who.yaml")
	write := func(text string) {
		if err := os.WriteFile(overrides, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("same:\n  - [ann, { display_name: Bo }]\n")
	if out := run(t, w, b, reportNight, jobs.Request{}); out.Manifest.Identity.Users != 1 {
		t.Errorf("%d users, want one", out.Manifest.Identity.Users)
	}
	// The state knows nothing of the overrides: another night applies others to what it knows.
	write("different:\n  - [ann, bo]\n")
	if out := run(t, w, b, reportNight, jobs.Request{}); out.Manifest.Identity.Users != 2 {
		t.Errorf("%d users, want two", out.Manifest.Identity.Users)
	}
	write("same:\n  - [ann, bo]\ndifferent:\n  - [ann, bo]\n")
	_, err := newNight(t, w, b, reportNight).Run(t.Context(), jobs.Request{})
	if !errors.Is(err, jobs.ErrConfig) || jobs.ExitCode(err) != jobs.ExitConfig || !strings.Contains(err.Error(), overrides) {
		t.Errorf("contradiction: %v (exit %d)", err, jobs.ExitCode(err))
	}
}

// TestExplain explains from the state, by the rules as they are now, and says what to do when it cannot.
func TestExplain(t *testing.T) {
	w, b := newHub(t), newBucket(t)
	w.write(t)
	if _, err := newNight(t, w, b, reportNight).Explain(t.Context(), "ann", nil); !errors.Is(err, lake.ErrNoSnapshot) || jobs.ExitCode(err) != jobs.ExitConfig {
		t.Errorf("before any run: %v", err)
	}
	run(t, w, b, reportNight, jobs.Request{})
	e, err := newNight(t, w, b, reportNight).Explain(t.Context(), "ANN@X.ORG", nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.Date.String() != "2026-11-21" || len(e.Users) != 1 || len(e.Users[0].Observations) != 2 || e.Users[0].Bucket.String() != "Usernames or Emails" {
		t.Errorf("got %+v", e)
	}
	if got := e.Users[0].Observations[0].System; got != "GitHub" {
		t.Errorf("first seen in %q, want the system's name", got)
	}
	w.without(dictionary.Integration)
	w.write(t)
	if _, err := newNight(t, w, b, reportNight).Explain(t.Context(), "ann", nil); !errors.Is(err, jobs.ErrConfig) || !strings.Contains(err.Error(), "user_observations") {
		t.Errorf("without the integration domain: %v", err)
	}
}

// TestVerifyWorkbook notices a workbook that holds other figures than the manifest, although its checksum is right.
func TestVerifyWorkbook(t *testing.T) {
	w, b := newHub(t), newBucket(t)
	run(t, w, b, reportNight, jobs.Request{})
	other := newHub(t)
	other.seen.files["2026-11-20/b.jsonl"] = []event{
		{"system_id": "s1", "interaction_type": "Mention", "observed_at": "2026-11-19T10:00:00Z", "email": "cy@x.org", "username": "cy"}}
	c := newBucket(t)
	run(t, other, c, reportNight, jobs.Request{})
	const key = "reports/2026-11-21/Usage Reports.zip"
	data, err := c.ReadAll(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.WriteAll(t.Context(), key, data, nil); err != nil {
		t.Fatal(err)
	}
	_, err = jobs.Verify(t.Context(), openLake(t, b, "mem:", ""), "", t.TempDir())
	if !errors.Is(err, lake.ErrCorrupt) || !strings.Contains(err.Error(), "Usage Report (Last 1 Year).xlsx in "+key) {
		t.Errorf("verify: %v", err)
	}
}
