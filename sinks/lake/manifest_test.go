package lake

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func sampleManifest() *Manifest {
	m := second.manifest()
	m.Format, m.RunInfo = FormatVersion, second.info()
	for _, key := range second.keys() {
		table, _ := tableOf(key)
		m.Objects = append(m.Objects, ObjectInfo{Key: key, Bytes: 10, Rows: 20, SHA256: strings.Repeat("0a", 32), Table: table, ContentType: "x/y"})
	}
	return m
}

// TestManifestBytes pins the form of a manifest: consumers outside this program read it.
func TestManifestBytes(t *testing.T) {
	m := &Manifest{
		Format: 1,
		RunInfo: RunInfo{
			RunID: "r", SnapshotDate: day2, RunTime: time.Date(2026, 11, 20, 2, 30, 0, 0, time.UTC), TimeZone: "Europe/Berlin",
			Windows: []Window{{Name: "audit", From: "2026-08-22", To: "2026-11-19"}}, Program: "v1.2.3",
		},
		Domains: []Domain{
			{Name: "audit", Status: DomainPublished},
			{Name: "integration", Status: DomainMissing, Reason: "open source hub: source unreachable", Since: "2026-11-19", Last: "2026-11-18"},
		},
		Objects: []ObjectInfo{
			{Key: LogPart("user_log", day2, 0), Bytes: 3, Rows: 1, SHA256: strings.Repeat("ab", 32), Table: "user_log", ContentType: "application/vnd.apache.parquet"},
			{Key: ReportKey(day2, "R.zip"), Bytes: 4, SHA256: strings.Repeat("cd", 32), ContentType: "application/zip", Also: []string{LatestReportKey("R.zip")}},
		},
		Datasets: []Dataset{{Name: "logins", Source: "app", Queries: 1, Read: 9, Rejected: 1, Duplicate: 2, Late: 3}},
		Logs:     []Log{{Table: "user_log", SchemaVersion: 1, Rows: 1, Grain: []string{"workspace_id", "user_id"}}},
		Workbooks: []Workbook{{
			Archive: ReportKey(day2, "R.zip"), Name: "R.xlsx", Window: "audit", Summary: map[string]int64{"Total Unique Users": 3},
			Sheets: []Sheet{{Name: "Users", Rows: 2, Sums: map[string]int64{"Count": 5}}, {Name: "Words"}},
		}},
		Identity: &Identity{Users: 3, FullEmailUsers: 4, Unidentified: 1, Largest: []LargeUser{{Key: "a", Keys: 2, Bucket: "Emails"}}},
		Checks:   []Check{{Name: "total", OK: true, Figures: map[string]int64{"b": 2, "a": 1}}},
	}
	const want = `{
  "format_version": 1,
  "run_id": "r",
  "snapshot_date": "2026-11-20",
  "run_time": "2026-11-20T02:30:00Z",
  "time_zone": "Europe/Berlin",
  "windows": [
    {
      "name": "audit",
      "from": "2026-08-22",
      "to": "2026-11-19"
    }
  ],
  "program_version": "v1.2.3",
  "domains": [
    {
      "name": "audit",
      "status": "published"
    },
    {
      "name": "integration",
      "status": "missing",
      "reason": "open source hub: source unreachable",
      "missing_since": "2026-11-19",
      "last_published": "2026-11-18"
    }
  ],
  "objects": [
    {
      "key": "logs/user_log/snapshot_date=2026-11-20/part-00000.parquet",
      "bytes": 3,
      "rows": 1,
      "sha256": "abababababababababababababababababababababababababababababababab",
      "table": "user_log",
      "content_type": "application/vnd.apache.parquet"
    },
    {
      "key": "reports/2026-11-20/R.zip",
      "bytes": 4,
      "rows": 0,
      "sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
      "content_type": "application/zip",
      "also": [
        "reports/latest/R.zip"
      ]
    }
  ],
  "datasets": [
    {
      "name": "logins",
      "source": "app",
      "objects_read": 0,
      "objects_unchanged": 0,
      "queries": 1,
      "rows_read": 9,
      "rows_rejected": 1,
      "rows_duplicate": 2,
      "rows_late": 3
    }
  ],
  "logs": [
    {
      "table": "user_log",
      "schema_version": 1,
      "rows": 1,
      "grain": [
        "workspace_id",
        "user_id"
      ],
      "window": ""
    }
  ],
  "workbooks": [
    {
      "archive": "reports/2026-11-20/R.zip",
      "name": "R.xlsx",
      "window": "audit",
      "sheets": [
        {
          "name": "Users",
          "rows": 2,
          "sums": {
            "Count": 5
          }
        },
        {
          "name": "Words",
          "rows": 0,
          "sums": {}
        }
      ],
      "summary": {
        "Total Unique Users": 3
      }
    }
  ],
  "identity": {
    "users": 3,
    "full_email_users": 4,
    "unidentified": 1,
    "largest": [
      {
        "key": "a",
        "keys": 2,
        "bucket": "Emails",
        "bridges": []
      }
    ]
  },
  "checks": [
    {
      "name": "total",
      "ok": true,
      "figures": {
        "a": 1,
        "b": 2
      }
    }
  ],
  "warnings": []
}
`
	got, err := m.encode()
	must(t, err)
	if string(got) != want {
		t.Errorf("got\n%s", got)
	}
	back, err := DecodeManifest(got)
	must(t, err)
	again, err := back.encode()
	must(t, err)
	if !bytes.Equal(got, again) {
		t.Errorf("decoded and encoded again it reads\n%s", again)
	}
}

func TestManifestDamage(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	key := LogPart("user_log", day2, 0)
	cases := map[string]struct {
		edit func(m *Manifest)
		say  string
	}{
		"date":               {func(m *Manifest) { m.SnapshotDate = "2026-02-30" }, "2026-02-30"},
		"run id":             {func(m *Manifest) { m.RunID = "../x" }, `"../x"`},
		"run time zone":      {func(m *Manifest) { m.RunTime = m.RunTime.In(time.FixedZone("x", 3600)) }, "UTC"},
		"run time fraction":  {func(m *Manifest) { m.RunTime = m.RunTime.Add(1) }, "whole seconds"},
		"zone":               {func(m *Manifest) { m.TimeZone = "" }, "time_zone"},
		"window":             {func(m *Manifest) { m.Windows[0].From = "2027-01-01" }, "windows[0]"},
		"other date's place": {func(m *Manifest) { m.Objects[0].Key = LogPart("generation_log", day1, 0) }, "not a place"},
		"escape":             {func(m *Manifest) { m.Objects[0].Key = LogDir("generation_log", day2) + "../x" }, "not a place"},
		"twice":              {func(m *Manifest) { m.Objects[1] = m.Objects[0] }, "named twice"},
		"negative":           {func(m *Manifest) { m.Objects[0].Bytes = -1 }, "negative"},
		"short sum":          {func(m *Manifest) { m.Objects[0].SHA256 = sum[1:] }, "64 lower-case"},
		"upper sum":          {func(m *Manifest) { m.Objects[0].SHA256 = strings.ToUpper(sum) }, "64 lower-case"},
		"table":              {func(m *Manifest) { m.Objects[0].Table = "user_log" }, `expected "generation_log"`},
		"also":               {func(m *Manifest) { m.Objects[0].Also = []string{"latest.json"} }, "reports/latest/"},
		"rows":               {func(m *Manifest) { m.Objects[0].Rows++ }, "its objects hold 61"},
		"domain":             {func(m *Manifest) { m.Domains = []Domain{{Name: "sales", Status: DomainPublished}} }, `domains[0] "sales"`},
		"domain's status":    {func(m *Manifest) { m.Domains = []Domain{{Name: "audit", Status: "lost"}} }, `status "lost"`},
		"domain's reason":    {func(m *Manifest) { m.Domains = []Domain{{Name: "audit", Status: DomainMissing}} }, "for no reason"},
		"reason for nothing": {func(m *Manifest) { m.Domains = []Domain{{Name: "audit", Status: DomainPublished, Reason: "x"}} }, "has a reason"},
		"domain's date": {func(m *Manifest) {
			m.Domains = []Domain{{Name: "audit", Status: DomainMissing, Reason: "x", Since: "yesterday"}}
		}, "yesterday"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := sampleManifest()
			c.edit(m)
			data, err := m.encode()
			must(t, err)
			_, err = DecodeManifest(data)
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v, want it to say %q", err, c.say)
			}
		})
	}
	good, err := sampleManifest().encode()
	must(t, err)
	for name, c := range map[string]struct {
		data string
		kind error
	}{
		"empty":         {"", ErrCorrupt},
		"cut off":       {string(good[:len(good)/2]), ErrCorrupt},
		"two values":    {string(good) + "{}", ErrCorrupt},
		"unknown field": {strings.Replace(string(good), `"run_id"`, `"ruN_idx": 1, "run_id"`, 1), ErrCorrupt},
		"no version":    {strings.Replace(string(good), `"format_version": 1,`, ``, 1), ErrCorrupt},
		"newer version": {strings.Replace(string(good), `"format_version": 1,`, `"format_version": 2, "what_is_this": 3,`, 1), ErrUnsupported},
		"wrong type":    {strings.Replace(string(good), `"bytes": 10`, `"bytes": "10"`, 1), ErrCorrupt},
		"array":         {"[]", ErrCorrupt},
	} {
		if _, err := DecodeManifest([]byte(c.data)); !errors.Is(err, c.kind) {
			t.Errorf("%s (%s): %v", name, key, err)
		}
	}
}

// FuzzDecodeManifest: whatever decodes can be encoded, and then decodes to the same bytes.
func FuzzDecodeManifest(f *testing.F) {
	good, err := sampleManifest().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format_version":1}`))
	f.Add([]byte(`{"format_version":1,"run_id":"r","snapshot_date":"2026-11-20","run_time":"2026-11-20T00:00:00Z","time_zone":"UTC"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeManifest(data)
		if err != nil {
			return
		}
		once, err := m.encode()
		must(t, err)
		back, err := DecodeManifest(once)
		must(t, err)
		twice, err := back.encode()
		must(t, err)
		if !bytes.Equal(once, twice) {
			t.Errorf("%s\n%s", once, twice)
		}
	})
}

// FuzzIntent: a record that is accepted never touches anything but its own date, run and the newest reports.
func FuzzIntent(f *testing.F) {
	m := sampleManifest()
	it := intent{
		Format: 1, RunID: m.RunID, Date: m.SnapshotDate, Staging: stagingPrefix(7, m.RunID), Manifest: *m,
		Deletes: []string{LogPart("x", day2, 0)},
	}
	for _, o := range m.Objects {
		it.Copies = append(it.Copies, move{it.Staging + o.Key, o.Key})
	}
	data, err := encodeJSON(it)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var it intent
		if decodeJSON(data, &it) != nil || it.validate() != nil {
			return
		}
		touched := slices.Clone(it.Deletes)
		for _, m := range append(it.Copies, it.Also...) {
			touched = append(touched, m.To)
		}
		for _, key := range touched {
			date := string(it.Manifest.SnapshotDate)
			if !strings.Contains(key, date) && !strings.HasPrefix(key, latestDir) || strings.HasPrefix(key, "state/") {
				t.Errorf("touches %q", key)
			}
		}
	})
}

func TestIntentIsChecked(t *testing.T) {
	l, b, _ := fileLake(t)
	must(t, first.publish(t.Context(), l))
	good := intent{Format: 1, RunID: "run-2", Date: day2, Staging: stagingPrefix(7, "run-2"), Manifest: *sampleManifest()}
	for _, o := range good.Manifest.Objects {
		good.Copies = append(good.Copies, move{good.Staging + o.Key, o.Key})
	}
	for name, edit := range map[string]func(it *intent){
		"deletes state":      func(it *intent) { it.Deletes = []string{"state/facts"} },
		"deletes other date": func(it *intent) { it.Deletes = []string{LogPart("user_log", day3, 0)} },
		"copies elsewhere":   func(it *intent) { it.Copies[0].To = "latest.json" },
		"copies too little":  func(it *intent) { it.Copies = it.Copies[1:] },
		"latest from other":  func(it *intent) { it.Also = []move{{it.Copies[0].To, LatestReportKey("x")}} },
		"other run":          func(it *intent) { it.RunID = "run-9" },
		"latest from date":   func(it *intent) { it.Also = []move{{it.Copies[0].To, LatestReportKey("x")}} },
		"other staging":      func(it *intent) { it.Staging = "staging/" },
		"staging is gone":    func(*intent) {},
	} {
		t.Run(name, func(t *testing.T) {
			it := good
			it.Copies = slices.Clone(good.Copies)
			edit(&it)
			data, err := json.Marshal(it)
			must(t, err)
			must(t, b.WriteAll(t.Context(), l.full(good.Staging+IntentKey), data, nil))
			s, err := l.Acquire(t.Context(), "test")
			must(t, err)
			must(t, s.record(t.Context(), &good))
			must(t, s.Release(t.Context()))
			before := inspect(t, b, l.prefix)
			if _, err := l.Recover(t.Context()); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), IntentKey) {
				t.Errorf("got %v", err)
			}
			if _, err := l.Begin(t.Context(), newer.info()); !errors.Is(err, ErrCorrupt) {
				t.Errorf("Begin: %v", err)
			}
			if after := inspect(t, b, l.prefix); len(after) != len(before) {
				t.Error("it did something all the same")
			}
		})
	}
}
