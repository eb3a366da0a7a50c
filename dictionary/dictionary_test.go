package dictionary_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
)

func all() []*dictionary.Table { return slices.Concat(dictionary.Datasets(), dictionary.Logs()) }

// columns writes a table's fields the way the contract in this test does.
func columns(t *dictionary.Table) string {
	letters := map[dictionary.Kind]string{dictionary.String: "S", dictionary.Date: "D", dictionary.Boolean: "B",
		dictionary.Integer: "I", dictionary.Timestamp: "T"}
	var out []string
	for _, f := range t.Fields {
		text := f.Name + " " + letters[f.Kind]
		if f.Required {
			text += "*"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestDatasets(t *testing.T) {
	if got, want := len(dictionary.Datasets()), len(contractDatasets); got != want {
		t.Fatalf("%d datasets, want %d", got, want)
	}
	for i, want := range contractDatasets {
		got := dictionary.Datasets()[i]
		if got.Name != want.name {
			t.Fatalf("dataset %d is %s, want %s", i, got.Name, want.name)
		}
		if c := columns(got); c != want.columns {
			t.Errorf("%s:\n got %s\nwant %s", want.name, c, want.columns)
		}
		if key := strings.Join(got.Grain(), " "); key != want.key {
			t.Errorf("%s: key %q, want %q", want.name, key, want.key)
		}
		if (got.Role == dictionary.State) != (want.key != "") || got.Role == dictionary.Log {
			t.Errorf("%s: role %d does not go with key %q", want.name, got.Role, want.key)
		}
		if got.Version != 0 || got.NewestFirst != "" {
			t.Errorf("%s: a dataset has no version and no order of its own", want.name)
		}
		if byName, ok := dictionary.Dataset(want.name); !ok || byName != got {
			t.Errorf("Dataset(%q) = %v, %v", want.name, byName, ok)
		}
	}
}

func TestLogs(t *testing.T) {
	if got, want := len(dictionary.Logs()), len(contractLogs); got != want {
		t.Fatalf("%d logs, want %d", got, want)
	}
	for i, want := range contractLogs {
		got := dictionary.Logs()[i]
		if got.Name != want.name || got.Title != want.title {
			t.Fatalf("log %d is %s, %s, want %s, %s", i, got.Name, got.Title, want.name, want.title)
		}
		if len(got.Fields) != want.fields {
			t.Errorf("%s: %d fields, want %d", want.name, len(got.Fields), want.fields)
		}
		if c := columns(got); c != want.columns {
			t.Errorf("%s:\n got %s\nwant %s", want.name, c, want.columns)
		}
		if order := strings.Join(got.SortOrder(), " "); order != want.order {
			t.Errorf("%s: sort order\n got %s\nwant %s", want.name, order, want.order)
		}
		for _, f := range got.Fields {
			if wantSum := want.name == "generation_log" && f.Name == "content_generations"; f.Sum != wantSum {
				t.Errorf("%s.%s: Sum is %v", want.name, f.Name, f.Sum)
			}
			if f.Sum && f.Grain {
				t.Errorf("%s.%s is both grain and sum", want.name, f.Name)
			}
		}
		if got.Role != dictionary.Log || got.Version != 1 || got.Optional != 0 {
			t.Errorf("%s: role %d, version %d, optional %d", want.name, got.Role, got.Version, got.Optional)
		}
		if byName, ok := dictionary.LogTable(want.name); !ok || byName != got {
			t.Errorf("LogTable(%q) = %v, %v", want.name, byName, ok)
		}
	}
}

func TestReports(t *testing.T) {
	if got, want := len(dictionary.Reports()), len(contractSheets); got != want {
		t.Fatalf("%d sheets, want %d", got, want)
	}
	for i, want := range contractSheets {
		got := dictionary.Reports()[i]
		if c := columns(got); got.Title != want.title || c != want.columns {
			t.Errorf("sheet %d:\n got %s: %s\nwant %s: %s", i, got.Title, c, want.title, want.columns)
		}
		if got.Role != dictionary.Sheet || got.Version != 1 || got.Domains != dictionary.Integration {
			t.Errorf("%s: role %d, version %d, domains %s", want.title, got.Role, got.Version, got.Domains)
		}
		if n := len(got.Title); n > 31 {
			t.Errorf("%s: %d characters, a sheet's name has at most 31", want.title, n)
		}
	}
}

// TestGenerationGrain holds the rule that every column of the generation log that is no name, no measure and not the
// run's is part of the grouping.
func TestGenerationGrain(t *testing.T) {
	for _, f := range dictionary.GenerationLog.Fields {
		free := strings.HasSuffix(f.Name, "_name") || f.Name == "user_email" || f.Name == "run_time" || f.Sum
		if f.Grain == free {
			t.Errorf("%s: Grain is %v", f.Name, f.Grain)
		}
	}
}

func TestEnums(t *testing.T) {
	seen := map[string]bool{}
	for _, table := range all() {
		for _, f := range table.Fields {
			if f.Enum == nil {
				continue
			}
			var names []string
			for _, v := range f.Enum {
				names = append(names, v.Name)
			}
			name := table.Name + "." + f.Name
			seen[name] = true
			if got := strings.Join(names, "|"); got != contractEnums[name] {
				t.Errorf("%s:\n got %s\nwant %s", name, got, contractEnums[name])
			}
		}
	}
	for name := range contractEnums {
		if !seen[name] {
			t.Errorf("%s has no documented values", name)
		}
	}
}

// TestForm holds every table to what the renderers, the sinks and the checks rely on.
func TestForm(t *testing.T) {
	identifier := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	sentence := func(where, doc string) {
		t.Helper()
		if !regexp.MustCompile(`^[A-Z].*[^.]\.$`).MatchString(doc) || strings.Contains(doc, ". ") || strings.ContainsAny(doc, "|\n") {
			t.Errorf("%s: want one sentence that ends with a period, found %q", where, doc)
		}
		if strings.Contains(doc, "Jasper") {
			t.Errorf("%s: the name of another product stands in %q", where, doc)
		}
	}
	tables := map[string]bool{}
	for _, table := range all() {
		if tables[table.Name] {
			t.Errorf("two tables are called %s", table.Name)
		}
		tables[table.Name] = true
		sentence(table.Name, table.Doc)
		if !identifier.MatchString(table.Name) || table.Title == "" || table.Domains == 0 || table.Optional&^table.Domains != 0 {
			t.Errorf("%s: title %q, domains %d, optional %d", table.Name, table.Title, table.Domains, table.Optional)
		}
		fields := map[string]bool{}
		for i, f := range table.Fields {
			where := table.Name + "." + f.Name
			if fields[f.Name] || !identifier.MatchString(f.Name) {
				t.Errorf("%s: twice, or no identifier", where)
			}
			fields[f.Name] = true
			if table.Index(f.Name) != i {
				t.Errorf("%s: Index is %d, want %d", where, table.Index(f.Name), i)
			}
			sentence(where, f.Doc)
			if f.Enum != nil && f.Kind != dictionary.String {
				t.Errorf("%s: documented values on a %s", where, f.Kind)
			}
			if table.Role == dictionary.State && f.Grain && !f.Required {
				t.Errorf("%s: part of the key, but may be null", where)
			}
			values := map[string]bool{}
			for _, v := range f.Enum {
				if v.Name == "" || strings.TrimSpace(v.Name) != v.Name || strings.Contains(v.Name, "'") || values[v.Name] {
					t.Errorf("%s: value %q is empty, padded, quoted or there twice", where, v.Name)
				}
				values[v.Name] = true
				sentence(where+" "+v.Name, v.Doc)
			}
		}
		if table.Role == dictionary.Log && (len(table.Grain()) == 0 || table.NewestFirst != "" && table.Index(table.NewestFirst) < 0) {
			t.Errorf("%s: grain %v, newest first by %q", table.Name, table.Grain(), table.NewestFirst)
		}
		for _, name := range table.Grain() {
			if !slices.Contains(table.SortOrder(), name) {
				t.Errorf("%s.%s is part of the grain, but not of the sort order", table.Name, name)
			}
		}
	}
}

func TestDomains(t *testing.T) {
	names := func(tables []*dictionary.Table, keep func(*dictionary.Table) bool) string {
		var out []string
		for _, table := range tables {
			if keep(table) {
				out = append(out, table.Name)
			}
		}
		return strings.Join(out, " ")
	}
	for _, d := range dictionary.Domains() {
		want := contractDomains[d.String()]
		needed := names(dictionary.DatasetsOf(d), func(table *dictionary.Table) bool { return table.RequiredBy(d) })
		optional := names(dictionary.DatasetsOf(d), func(table *dictionary.Table) bool { return !table.RequiredBy(d) })
		if needed != want[0] || optional != want[1] {
			t.Errorf("%s:\n got %q, %q\nwant %q, %q", d, needed, optional, want[0], want[1])
		}
	}
	if got := names(all(), (*dictionary.Table).Shared); got != "workspaces members" {
		t.Errorf("shared datasets: %s", got)
	}
	if got := len(dictionary.DatasetsOf(dictionary.Usage | dictionary.Audit | dictionary.Integration)); got != 16 {
		t.Errorf("all domains together have %d datasets, want 16", got)
	}
	for d, want := range map[dictionary.Domain]string{
		0: "", dictionary.Audit: "audit", dictionary.Integration | dictionary.Usage: "usage, integration",
	} {
		if d.String() != want {
			t.Errorf("Domain(%d) is %q, want %q", d, d, want)
		}
	}
}

func TestJoins(t *testing.T) {
	want := []string{
		"user_log > user_activity_log: workspace_id=workspace_id user_id=user_id",
		"user_log > generation_log: workspace_id=workspace_id user_id=user_id?",
		"user_log > group_members_log: workspace_id=workspace_id user_id=member_user_id",
		"user_log > group_members_log: workspace_id=workspace_id user_id=creator_user_id?",
		"agents_log > generation_log: workspace_id=workspace_id agent_id=agent_id?",
	}
	var got []string
	for _, j := range dictionary.Joins() {
		text := j.From.Name + " > " + j.To.Name + ":"
		var key []string
		nullable := false
		for _, pair := range j.On {
			from, to := j.From.Index(pair[0]), j.To.Index(pair[1])
			if from < 0 || to < 0 {
				t.Fatalf("%s: no such fields: %v", text, pair)
			}
			key = append(key, pair[0])
			nullable = nullable || !j.To.Fields[to].Required
			text += " " + pair[0] + "=" + pair[1]
		}
		if !slices.Equal(key, j.From.Grain()) {
			t.Errorf("%s: joins on %v, which is not the grain of %s", text, key, j.From.Name)
		}
		if nullable != j.Optional {
			t.Errorf("%s: Optional is %v, the fields say %v", text, j.Optional, nullable)
		}
		if j.Optional {
			text += "?"
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("joins:\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestUnknownNames(t *testing.T) {
	if table, ok := dictionary.Dataset("user_log"); ok || table != nil {
		t.Errorf("Dataset(user_log) = %v, %v", table, ok)
	}
	if table, ok := dictionary.LogTable("members"); ok || table != nil {
		t.Errorf("LogTable(members) = %v, %v", table, ok)
	}
	if got := dictionary.UserLog.Index("nothing"); got != -1 {
		t.Errorf("Index of an unknown field is %d", got)
	}
	if got := dictionary.Logins.SortOrder(); got != nil {
		t.Errorf("sort order of an event dataset is %v", got)
	}
}

// TestSlicesAreTheCallers changes what the accessors return and looks again.
func TestSlicesAreTheCallers(t *testing.T) {
	clear(dictionary.Datasets())
	clear(dictionary.Logs())
	clear(dictionary.Domains())
	if dictionary.Datasets()[0] != dictionary.Workspaces || dictionary.Logs()[0] != dictionary.UserLog ||
		dictionary.Domains()[0] != dictionary.Usage {
		t.Error("an accessor handed out its own slice")
	}
}

func TestSchema(t *testing.T) {
	types := map[dictionary.Kind]string{dictionary.String: "utf8", dictionary.Date: "date32", dictionary.Boolean: "bool",
		dictionary.Integer: "int64", dictionary.Timestamp: "timestamp[us, tz=UTC]"}
	for _, table := range all() {
		schema := table.Schema()
		for i, f := range table.Fields {
			got := schema.Field(i)
			if got.Name != f.Name || got.Type.String() != types[f.Kind] || got.Nullable == f.Required {
				t.Errorf("%s.%s: Arrow field %v", table.Name, f.Name, got)
			}
			if doc, _ := got.Metadata.GetValue("description"); doc != f.Doc {
				t.Errorf("%s.%s: description %q", table.Name, f.Name, doc)
			}
		}
		want := map[string]string{"table": table.Name, "description": table.Doc}
		if table.Role == dictionary.Log {
			want["schema_version"] = "1"
		}
		if !schema.Metadata().Equal(arrow.MetadataFrom(want)) {
			t.Errorf("%s: metadata %v, want %v", table.Name, schema.Metadata(), want)
		}
	}
}

func TestKindString(t *testing.T) {
	for kind, want := range map[dictionary.Kind]string{dictionary.String: "STRING", dictionary.Date: "DATE",
		dictionary.Boolean: "BOOLEAN", dictionary.Integer: "INTEGER", dictionary.Timestamp: "TIMESTAMP", 9: "Kind(9)"} {
		if kind.String() != want {
			t.Errorf("Kind(%d) is %q, want %q", uint8(kind), kind, want)
		}
	}
}
