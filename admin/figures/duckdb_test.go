package figures

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/sinks/lake"
)

// inSQL is what testdata/usage.py says of a query.
type inSQL struct {
	Totals                Totals
	Previous              *Totals
	Licences, InUse       int64
	Weeks                 []Week
	Features              map[string][2]int64
	Agents                []Agent
	AgentCount, WithAgent int64
	Users                 []User
	Days                  map[lake.Date]int64
}

// compare says where SQL over the same files comes to other figures. Features and days without anything are not in SQL's.
func (s inSQL) compare(u *Usage) error {
	got := inSQL{
		Totals: u.Totals, Previous: u.Previous, Licences: u.Licences, InUse: u.InUse, Weeks: u.Weeks, Features: map[string][2]int64{},
		Agents: u.Agents, AgentCount: u.AgentCount, WithAgent: u.WithAgent, Users: u.Users, Days: map[lake.Date]int64{},
	}
	for _, f := range u.Features {
		if f.Generations > 0 {
			got.Features[f.Name] = [2]int64{f.Generations, f.IQGenerations}
		}
	}
	for _, m := range u.Heatmap.Months {
		for i, n := range m.Days {
			if n > 0 {
				got.Days[dateOf(dayNumber(m.First)+i)] = n
			}
		}
	}
	a, b := reflect.ValueOf(got), reflect.ValueOf(s)
	for i := range a.NumField() {
		x, y := a.Field(i), b.Field(i)
		if x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0 {
			continue
		}
		if !reflect.DeepEqual(x.Interface(), y.Interface()) {
			return fmt.Errorf("%s: %+v, SQL says %+v", a.Type().Field(i).Name, x.Interface(), y.Interface())
		}
	}
	return nil
}

// askSQL has DuckDB answer the queries, which name both their days, from the files of a lake in a folder.
func askSQL(t *testing.T, interpreter, dir string, date lake.Date, queries []Query) []inSQL {
	t.Helper()
	in, err := json.Marshal(queries)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), interpreter, filepath.Join("testdata", "usage.py"), dir, string(date))
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	var answers []inSQL
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}

// A year of logs in Parquet files gives the figures that SQL over these files gives.
func TestFiguresAsSQL(t *testing.T) {
	interpreter := testservice.Python(t, "duckdb")
	dir := t.TempDir()
	f := newFixture(t)
	f.open("file://" + filepath.ToSlash(dir) + "?metadata=skip")
	f.publish(published{date: "2026-11-21", logs: yearOfLogs(), parts: 3})
	r := f.reader(Options{})
	queries := []Query{
		{From: "2025-11-21", To: "2026-11-20", Top: 10},
		{From: "2026-08-21", To: "2026-11-20", Top: 3},
		{From: "2026-11-20", To: "2026-11-20", Top: 10},
		{From: "2025-11-21", To: "2025-12-05", Top: 1000},
		{Workspaces: []string{"w1"}, From: "2025-11-21", To: "2026-11-20", Top: 10},
		{Workspaces: []string{"w2", "w0", "unknown"}, From: "2026-02-01", To: "2026-02-28", Top: 10},
		{Workspaces: []string{"unknown"}, From: "2026-02-01", To: "2026-02-28", Top: 10},
	}
	for i, want := range askSQL(t, interpreter, filepath.Join(dir, "data"), "2026-11-21", queries) {
		u, err := r.Usage(t.Context(), queries[i])
		f.must(err)
		if err := want.compare(u); err != nil {
			t.Errorf("%+v: %v", queries[i], err)
		}
	}
}
