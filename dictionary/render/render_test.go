package render_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/dictionary/render"
)

// rendered returns what write writes.
func rendered(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGenerated fails when a generated file is not what the dictionary renders to today.
func TestGenerated(t *testing.T) {
	for path, write := range map[string]func(io.Writer) error{
		"../../docs/dictionary.md": render.Markdown,
		"testdata/dictionary.json": render.JSON,
		"testdata/dictionary.sql":  render.SQL,
	} {
		t.Run(path, func(t *testing.T) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(string(file), "\n")
			got := strings.Split(rendered(t, write), "\n")
			for i := range max(len(got), len(want)) {
				switch {
				case i >= len(got):
					t.Fatalf("%s:%d is stale: it has lines too many; run go generate ./dictionary/render", path, i+1)
				case i >= len(want):
					t.Fatalf("%s is stale: after line %d comes %q; run go generate ./dictionary/render", path, i, got[i])
				case got[i] != want[i]:
					t.Fatalf("%s:%d is stale:\nfile says %q\ncode says %q\nrun go generate ./dictionary/render", path, i+1, want[i], got[i])
				}
			}
		})
	}
}

// TestSQLExecutes runs the statements on a database and compares the tables it then has with the dictionary.
func TestSQLExecutes(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	db.SetMaxOpenConns(1) // each connection to :memory: is a database of its own
	if _, err := db.Exec(rendered(t, render.SQL)); err != nil {
		t.Fatal(err)
	}
	types := map[dictionary.Kind]string{dictionary.String: "VARCHAR", dictionary.Date: "DATE", dictionary.Boolean: "BOOLEAN",
		dictionary.Integer: "BIGINT", dictionary.Timestamp: "TIMESTAMP"}
	for _, table := range append(dictionary.Datasets(), dictionary.Logs()...) {
		rows, err := db.Query(`SELECT name, type, "notnull", pk FROM pragma_table_info(?) ORDER BY cid`, table.Name)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; rows.Next(); n++ {
			var name, typ string
			var notNull bool
			var pk int
			if err := rows.Scan(&name, &typ, &notNull, &pk); err != nil {
				t.Fatal(err)
			}
			if n >= len(table.Fields) {
				continue
			}
			f := table.Fields[n]
			wantKey := table.Role == dictionary.State && f.Grain
			if name != f.Name || !strings.HasPrefix(typ, types[f.Kind]) || notNull != f.Required || (pk > 0) != wantKey {
				t.Errorf("%s: column %d is %s %s (not null %v, key %d), want %+v", table.Name, n, name, typ, notNull, pk, f)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		if n != len(table.Fields) {
			t.Errorf("%s: %d columns, want %d", table.Name, n, len(table.Fields))
		}
	}
}

// TestJSON reads the document the way a program outside would.
func TestJSON(t *testing.T) {
	type tableJSON struct {
		Name          string   `json:"name"`
		Role          string   `json:"role"`
		Domains       []string `json:"domains"`
		OptionalFor   []string `json:"optional_for"`
		SchemaVersion *int     `json:"schema_version"`
		Grain         []string `json:"grain"`
		SortOrder     []struct {
			Field      string `json:"field"`
			Descending bool   `json:"descending"`
		} `json:"sort_order"`
		Fields []struct {
			Name     string                             `json:"name"`
			Arrow    string                             `json:"arrow"`
			Parquet  struct{ Physical, Logical string } `json:"parquet"`
			Nullable bool                               `json:"nullable"`
			Values   []struct{ Value, Description string }
		} `json:"fields"`
	}
	var doc struct {
		Datasets []tableJSON `json:"datasets"`
		Logs     []tableJSON `json:"logs"`
		Joins    []struct {
			From, To string
			On       []struct{ From, To string }
			Optional bool
		} `json:"joins"`
	}
	if err := json.Unmarshal([]byte(rendered(t, render.JSON)), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Datasets) != 16 || len(doc.Logs) != 6 || len(doc.Joins) != 5 {
		t.Fatalf("%d datasets, %d logs, %d joins, want 16, 6, 5", len(doc.Datasets), len(doc.Logs), len(doc.Joins))
	}
	members, agents, audit := doc.Datasets[1], doc.Logs[2], doc.Logs[5]
	if members.Role != "state" || members.SchemaVersion != nil || strings.Join(members.Domains, " ") != "usage audit" ||
		strings.Join(members.OptionalFor, " ") != "audit" || strings.Join(members.Grain, " ") != "workspace_id user_id" {
		t.Errorf("members: %+v", members)
	}
	if logins := doc.Datasets[6]; logins.Role != "event" || logins.Grain == nil || logins.SortOrder == nil || logins.OptionalFor == nil {
		t.Errorf("logins: lists that are empty must be there: %+v", logins)
	}
	if f := agents.Fields[4]; f.Name != "agent_type" || f.Nullable || f.Values[0].Value != "Custom – User Saved" {
		t.Errorf("agents_log: field 4 is %+v", f)
	}
	if f := agents.Fields[3]; f.Arrow != "date32" || f.Parquet.Physical != "INT32" || f.Parquet.Logical != "DATE" {
		t.Errorf("agents_log: field 3 is %+v", f)
	}
	if o := audit.SortOrder; audit.SchemaVersion == nil || *audit.SchemaVersion != 1 || len(o) != 2 ||
		o[0].Field != "occurred_at" || !o[0].Descending || o[1].Field != "event_id" || o[1].Descending {
		t.Errorf("audit_log: version %v, sort order %+v", audit.SchemaVersion, o)
	}
	if j := doc.Joins[3]; j.From != "user_log" || j.To != "group_members_log" || j.On[1].To != "creator_user_id" || !j.Optional {
		t.Errorf("join 3: %+v", j)
	}
}

// TestMarkdownTables holds every row of every table to the number of cells of its head.
func TestMarkdownTables(t *testing.T) {
	cells := 0
	for i, line := range strings.Split(rendered(t, render.Markdown), "\n") {
		n := 0
		if strings.HasPrefix(line, "|") {
			n = strings.Count(line, "|")
		}
		if n > 0 && cells > 0 && n != cells {
			t.Errorf("line %d has %d bars, the line above %d: %s", i+1, n, cells, line)
		}
		cells = n
	}
}

type brokenWriter struct{}

var errDisk = errors.New("no space left on device")

func (brokenWriter) Write([]byte) (int, error) { return 0, errDisk }

func TestWriterErrors(t *testing.T) {
	for form, write := range map[string]func(io.Writer) error{"Markdown": render.Markdown, "JSON": render.JSON, "SQL": render.SQL} {
		if err := write(brokenWriter{}); !errors.Is(err, errDisk) || !strings.Contains(err.Error(), form) {
			t.Errorf("%s: %v", form, err)
		}
	}
}
