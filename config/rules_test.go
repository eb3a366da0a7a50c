package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestQueryParameters(t *testing.T) {
	for _, c := range []struct {
		dialects, query, want string
	}{
		{"", "", ""},
		{"", "SELECT 1 WHERE a>=:from AND b<:to", "from to"},
		{"", ":to,:from,:to", "to from"},
		{"", "a::text, b :: int, :from::date", "from"},
		{"", "'it''s :from' \":to\" `:x`", ""},
		{"", "-- :from\n:to", "to"},
		{"", "/* :from */ :to", "to"},
		{"", "x[1:n]", ""},
		{"", "SELECT ':from", ""},
		{"", "/* :from", ""},
		{"", "-- :from", ""},
		{"", ": from", ""},
		{"", ":changed_since", "changed_since"},
		{"", "12:30", ""},
		{"postgres", "$$ :from $$ :to $tag$ :from $tag$ $1", "to"},
		{"postgres", "$a$ :from", ""},
		{"postgres", "a$b$ :from", "from"},
		{"mysql sqlite", "$$ :from $$", "from"},
		{"mysql", `'it\'s :from' :to`, "to"},
		{"postgres sqlite", `'a\' :from ':to'`, "from"},
		{"postgres", `E'it\'s :from' :to`, "to"},
		{"postgres", `name'it\' :to`, "to"},
		{"mysql", "# :from\n:to", "to"},
		{"postgres", "a #> :from", "from"},
		{"mysql", "5--:from", "from"},
		{"postgres sqlite", "5--:from", ""},
		{"postgres", "/* /* */ :from */ :to", "to"},
		{"mysql sqlite", "/* /* */ :from", "from"},
		{"sqlite", "[a :from] :to", "to"},
		{"postgres", "ARRAY[ :from]", "from"},
	} {
		dialects := strings.Fields(c.dialects)
		if c.dialects == "" {
			dialects = []string{"", "sqlite", "postgres", "mysql"}
		}
		for _, d := range dialects {
			if got := strings.Join(queryParameters(c.query, dialect(d)), " "); got != c.want {
				t.Errorf("%s %q: got %q, want %q", d, c.query, got, c.want)
			}
		}
	}
	for scheme, want := range map[string]dialect{
		"sqlite": sqlite, "awspostgres": postgres, "postgresql": postgres, "azuremysql": mysql, "s3": "", "": "",
	} {
		if got := dialectOf(scheme); got != want {
			t.Errorf("%s: got %q, want %q", scheme, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"query", "path", "source", "lookback_days", "s3", "gs"}
	for in, want := range map[string]string{
		"qurey": "query", "Query": "query", "patth": "path", "sourec": "source", "lookbackdays": "lookback_days",
		"zzz": "", "": "", "s4": "s3", "prefix": "", strings.Repeat("x", 100): "",
	} {
		if got := nearest(in, names); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	word := rapid.StringMatching(`[ab]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := editDistance(a, b)
		if d != editDistance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a)-len(b), len(b)-len(a)) {
			t.Fatalf("distance of %q and %q is %d", a, b, d)
		}
	})
	for _, c := range []struct {
		a, b string
		want int
	}{{"qurey", "query", 1}, {"dat", "date", 1}, {"kitten", "sitting", 3}, {"é", "e", 1}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("%s, %s: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestParseCron(t *testing.T) {
	from := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for spec, want := range map[string]string{
		"30 2 * * *": "2026-11-22T02:30:00Z", "@daily": "2026-11-22T00:00:00Z", "0 0 1 * *": "2026-12-01T00:00:00Z",
	} {
		s, err := ParseCron(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Next(from).Format(time.RFC3339); got != want {
			t.Errorf("%s: got %s, want %s", spec, got, want)
		}
	}
	for _, spec := range []string{"", "TZ=", "TZ=0", "CRON_TZ=UTC 0 0 * * *", "* * * * * *", "@x", "61 * * * *", "@every 1h", "@every"} {
		if _, err := ParseCron(spec); err == nil {
			t.Errorf("%q is accepted", spec)
		}
	}
}

func TestDate(t *testing.T) {
	d, err := ParseDate("2024-02-29")
	if err != nil || d.String() != "2024-02-29" || d.IsZero() {
		t.Errorf("got %v, %v", d, err)
	}
	lordHowe, err := time.LoadLocation("Australia/Lord_Howe")
	if err != nil {
		t.Fatal(err)
	}
	if got := d.In(lordHowe).UTC().Format(time.RFC3339); got != "2024-02-28T13:00:00Z" {
		t.Errorf("begins at %s", got)
	}
	for _, s := range []string{"", "2024-2-29", "2023-02-29", "2024-02-29T00:00:00Z"} {
		if _, err := ParseDate(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
}

func TestFormatOf(t *testing.T) {
	for in, want := range map[string]Format{
		"a.csv": CSV, "a/b.CSV.gz": CSV, "a.jsonl.zst": JSONL, "a.ndjson": JSONL, "x/*.parquet": Parquet, "a.gz": "", "csv": "", "a.json": JSONL, "a.pq.zstd": Parquet,
	} {
		if got := formatOf(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestFingerprint(t *testing.T) {
	base := usageYAML("api_routes: [/v1/a]\n")
	of := func(text, dataset string) string { t.Helper(); return mustLoad(t, text).Fingerprint(dataset) }
	logins, generations := of(base, "logins"), of(base, "generations")
	if len(logins) != 64 || logins == generations || logins != of(base, "logins") {
		t.Fatalf("got %q and %q", logins, generations)
	}
	edit := func(from, to string) string {
		t.Helper()
		if !strings.Contains(base, from) {
			t.Fatalf("no %q in the config", from)
		}
		return strings.Replace(base, from, to, 1)
	}
	query := `"SELECT 1 WHERE t >= :from AND t < :to"`
	for name, c := range map[string]struct {
		text                string
		logins, generations bool // whether it changes
	}{
		"query":             {edit(query, `"SELECT 2 WHERE t >= :from AND t < :to"`), true, false},
		"path":              {edit("g/{date}.parquet", "h/{date}.parquet"), false, true},
		"format":            {edit(`.parquet"`, `.parquet", format: csv`), false, true},
		"columns":           {edit(query, query+", columns: { user_id: uid }"), true, false},
		"mappings":          {edit(query, query+", mappings: { user_id: { a: b } }"), true, false},
		"dataset zone":      {edit(query, query+", timezone: Asia/Tokyo"), true, false},
		"source zone":       {edit("db/app\"", "db/app\", timezone: Asia/Tokyo"), true, false},
		"the zone it has":   {edit("db/app\"", "db/app\", timezone: UTC"), false, false},
		"epoch unit":        {edit(query, query+", epoch_unit: ms"), true, false},
		"reporting zone":    {"timezone: Asia/Tokyo\n" + base, true, true},
		"history":           {"history_start: 2024-01-01\n" + base, true, true},
		"routes":            {edit("/v1/a", "/v1/b"), false, true},
		"database":          {edit("db/app", "db/other"), true, false},
		"bucket":            {edit("s3://acme", "s3://acme?prefix=x/"), false, true},
		"user and password": {edit("report@", "other:pw@"), false, false},
		"password":          {edit("db/app", "db/app?password=x"), false, false},
		"credentials":       {edit("s3://acme", "s3://acme?secret_token=x"), false, false},
		"look-back":         {edit(query, query+", lookback_days: 9"), false, false},
		"no columns":        {edit(query, query+", columns: {}"), false, false},
		"timeout":           {edit("db/app\"", "db/app\", statement_timeout: 5m"), false, false},
		"other dataset":     {edit("workspaces: { source: app, query: SELECT 1 }", "workspaces: { source: app, query: SELECT 3 }"), false, false},
		"lake":              {edit("mem://", "gs://x"), false, false},
	} {
		if got := of(c.text, "logins") != logins; got != c.logins {
			t.Errorf("%s: logins changed %v, want %v", name, got, c.logins)
		}
		if got := of(c.text, "generations") != generations; got != c.generations {
			t.Errorf("%s: generations changed %v, want %v", name, got, c.generations)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a dataset that is not bound has a fingerprint")
		}
	}()
	mustLoad(t, base).Fingerprint("grids")
}

func TestSchemesAreDistinct(t *testing.T) {
	all := slices.Concat(SQLSchemes(), BucketSchemes(), variableSchemes)
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("a scheme has two meanings: %v", all)
	}
}
