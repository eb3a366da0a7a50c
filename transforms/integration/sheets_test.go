package integration_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/integration"
)

var update = flag.Bool("update", false, "write the golden files anew")

// checked returns an allocator that fails the test if anything is left in the end.
func checked(t *testing.T) memory.Allocator {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

// TestSheetsOfACompany compares both reports of the company with the golden files, and with the model.
func TestSheetsOfACompany(t *testing.T) {
	mem := checked(t)
	w := company(t)
	year := w.open(t, mem, w.whole())
	defer year.close()
	windows := calendar.Windows(w.date)
	p := w.people(t, windows.OneYear)
	for name, days := range map[string]calendar.Days{"last_6_months": windows.SixMonths, "last_1_year": windows.OneYear} {
		r := year.Report(days)
		w.compare(t, r, w.report(days, p))
		golden(t, filepath.Join("testdata", name+".golden"), w.text(t, r))
	}
	golden(t, filepath.Join("testdata", "unknown.golden"), fmt.Sprintln(year.Unknown()))
}

// text writes a report for people to read.
func (w *world) text(t *testing.T, r *integration.Report) string {
	var b strings.Builder
	f := r.Figures
	fmt.Fprintf(&b, "Total Unique Users: %d %v\nTotal Unique Entity Types: %d\nTotal Unique Projects: %d\nTotal Entities Synced: %d\n",
		f.Users.All, f.Users.Buckets, f.EntityTypes, f.Projects, f.Entities)
	fmt.Fprintf(&b, "Users by system: %v\nEntities by pair: %v\n", r.BySystem, r.ByPair)
	for _, def := range dictionary.Reports() {
		var header []string
		for _, field := range def.Fields {
			header = append(header, field.Name)
		}
		fmt.Fprintf(&b, "\n# %s\n%s\n", def.Title, strings.Join(header, " | "))
		for _, row := range w.rowsOf(t, r, def) {
			fmt.Fprintln(&b, row)
		}
	}
	return b.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with go test ./transforms/integration -update", err)
	}
	if got != string(want) {
		t.Errorf("%s is out of date; got:\n%s\nwant:\n%s\nwrite it with go test ./transforms/integration -update", path, got, want)
	}
}

// TestNothingAtAll makes reports of a world without a row: headers, figures of zero, nobody anywhere.
func TestNothingAtAll(t *testing.T) {
	w := &world{zone: location(t, "UTC"), date: calendar.Civil(2026, 11, 21)}
	for name, d := range map[string]delivered{"no runs": {}, "a run of no rows": w.whole()} {
		t.Run(name, func(t *testing.T) {
			year := w.open(t, checked(t), d)
			defer year.close()
			r := year.Report(calendar.Windows(w.date).OneYear)
			if r.Figures != (integration.Figures{}) || r.BySystem != nil || r.ByPair != nil {
				t.Errorf("%+v, %v, %v", r.Figures, r.BySystem, r.ByPair)
			}
			for _, def := range dictionary.Reports() {
				records := recordsOf(t, r, def)
				want := 0
				if def == dictionary.UniqueUserCount {
					want = 1
				}
				if len(records) != 1 || records[0].NumRows() != int64(want) || !records[0].Schema().Equal(def.Schema()) {
					t.Errorf("%s: %v", def.Title, records)
				}
				if rows := w.rowsOf(t, r, def); want == 1 && rows[0] != "All systems | 0 | 0 | 0 | 0 | 0" {
					t.Errorf("%s: %q", def.Title, rows)
				}
				for _, rec := range records {
					rec.Release()
				}
			}
			if q := year.Quality(10); q.Users != 0 || q.FullEmailUsers != 0 || q.Unidentified != 0 || len(q.Largest) != 0 || len(q.Bridges) != 0 {
				t.Errorf("quality %+v", q)
			}
			if found := year.Explain("alice"); found != nil {
				t.Errorf("explained: %v", found)
			}
		})
	}
}

// TestOtherTablesAreNoSheets asks for a table that is no sheet.
func TestOtherTablesAreNoSheets(t *testing.T) {
	w := &world{zone: location(t, "UTC"), date: calendar.Civil(2026, 11, 21)}
	year := w.open(t, checked(t), delivered{})
	defer year.close()
	n := 0
	for rec, err := range year.Report(calendar.Windows(w.date).OneYear).Sheet(dictionary.Systems) {
		if n++; rec != nil || err == nil || !strings.Contains(err.Error(), "systems is no sheet of a usage report") {
			t.Errorf("%v, %v", rec, err)
		}
	}
	if n != 1 {
		t.Errorf("yielded %d times", n)
	}
}

// TestSheetsAreMadeWhenReadAndAsOftenAsRead: what nobody reads takes no memory, and a sheet can be read twice.
func TestSheetsAreMadeWhenReadAndAsOftenAsRead(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	w := company(t)
	year := w.open(t, mem, w.whole())
	r := year.Report(calendar.Windows(w.date).OneYear)
	for _, def := range dictionary.Reports() {
		before := mem.CurrentAlloc()
		sheet := r.Sheet(def)
		if after := mem.CurrentAlloc(); after != before {
			t.Errorf("%s: %d bytes before anybody reads it", def.Title, after-before)
		}
		var rows []int64
		for range 2 {
			for rec, err := range sheet {
				if err != nil {
					t.Fatal(err)
				}
				rows = append(rows, rec.NumRows())
				rec.Release()
			}
		}
		if len(rows) != 2 || rows[0] != rows[1] {
			t.Errorf("%s: read twice it has %d rows", def.Title, rows)
		}
	}
	year.close()
	mem.AssertSize(t, 0)
}

// TestManyUsers: the sheet of users comes in records that have an end, in one order, and stops when its consumer does.
func TestManyUsers(t *testing.T) {
	w := &world{zone: location(t, "UTC"), date: calendar.Civil(2026, 11, 21), systems: []system{{id: "s", name: "S"}}}
	const users = 2*(16<<10) + 1
	for i := range users {
		name := "u" + strconv.Itoa(100_000+i)
		w.sights = append(w.sights, observation{"s", "seen", at("2026-11-20T00:00:00Z"), null, name, null, null})
	}
	year := w.open(t, checked(t), w.whole())
	defer year.close()
	r := year.Report(calendar.Windows(w.date).SixMonths)
	var sizes []int64
	rows := 0
	for rec, err := range r.Sheet(dictionary.DetailedUserReport) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(rec.NumRows()) {
			if got, want := rec.Column(1).ValueStr(i), "u"+strconv.Itoa(100_000+rows); got != want {
				t.Fatalf("row %d: %s, want %s", rows, got, want)
			}
			rows++
		}
		sizes = append(sizes, rec.NumRows())
		rec.Release()
	}
	if rows != users || len(sizes) != 3 || sizes[2] != 1 {
		t.Errorf("%d rows in records of %d", rows, sizes)
	}
	for rec, err := range r.Sheet(dictionary.DetailedUserReport) {
		if err != nil {
			t.Fatal(err)
		}
		rec.Release()
		break
	}
}
