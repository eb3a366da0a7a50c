package demo

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

const firstNight = "2026-11-21"

func write(t *testing.T, o Options) *Company {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Date == "" {
		o.Date = firstNight
	}
	c, err := Write(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func nextDay(t *testing.T, c *Company) {
	t.Helper()
	if err := c.NextDay(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// contents returns the hash of every file by name, and in place of the database's a hash of each of its tables.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == DatabaseFile {
			return err
		}
		data, err := os.ReadFile(path)
		sum := sha256.Sum256(data)
		sums[strings.TrimPrefix(path, dir)] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"accounts", "people", "memberships", "teams", "team_people", "team_assets", "bots", "signins", "tools", "links", "link_projects", "trail"} {
		sums[table] = rows(t, dir, "SELECT * FROM "+table)
	}
	return sums
}

// rows returns a hash of the rows of a query, and how many there are.
func rows(t *testing.T, dir, query string) string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rs, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	names, err := rs.Columns()
	if err != nil {
		t.Fatal(err)
	}
	h, n := sha256.New(), 0
	for ; rs.Next(); n++ {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rs.Scan(into...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%q\n", values)
	}
	if err := rs.Err(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %x", n, h.Sum(nil))
}

func number(t *testing.T, dir, query string) int {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func generations(t *testing.T, dir string) []record {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, EventsDir, "generations", "dt=*", "part-*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var all []record
	for _, f := range files {
		part, err := parquet.ReadFile[record](f)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all = append(all, part...)
	}
	return all
}

func TestSameSeedSameFiles(t *testing.T) {
	a, b := write(t, Options{Seed: 7}), write(t, Options{Seed: 7})
	for night := range 2 {
		if night > 0 {
			nextDay(t, a)
			nextDay(t, b)
		}
		x, y := contents(t, a.dir), contents(t, b.dir)
		for name := range x {
			if x[name] != y[name] {
				t.Errorf("night %d: %s differs between two demos of one seed", night+1, name)
			}
		}
		if len(x) != len(y) {
			t.Errorf("night %d: %d files and %d", night+1, len(x), len(y))
		}
	}
	if x, other := contents(t, a.dir), contents(t, write(t, Options{Seed: 8}).dir); x["memberships"] == other["memberships"] {
		t.Error("another seed gives the same company")
	}
}

// TestCompany makes one company and looks at it from several sides; the last lets a day pass.
func TestCompany(t *testing.T) {
	c := write(t, Options{Seed: 1})
	t.Run("has what it should", func(t *testing.T) { hasWhatItShould(t, c) })
	t.Run("has its hub", func(t *testing.T) { hasItsHub(t, c) })
	t.Run("is cut where it should", func(t *testing.T) { isCutWhereItShould(t, c) })
	t.Run("refuses", func(t *testing.T) { refuses(t, c) })
	t.Run("lets a day pass", func(t *testing.T) { letsADayPass(t, c) })
}

func hasWhatItShould(t *testing.T, c *Company) {
	n := c.Counts()
	for _, want := range []struct {
		what     string
		got      int
		from, to int
	}{
		{"workspaces", n.Workspaces, 6, 6},
		{"users", n.Users, 380, 430},
		{"logins", n.Logins, 32_000, 48_000},
		{"generations", n.Generations, 100_000, 140_000},
		{"duplicates", n.Duplicates, 300, 900},
		{"late rows", n.Late, 500, 1500},
		{"broken rows", n.Broken, 34, 34},
		{"acts", n.Trail.Acts, 400, 900},
		{"acts that came twice", n.Trail.Duplicates, 5, 50},
		{"rows of the trail", number(t, c.dir, "SELECT count(*) FROM trail"), n.Trail.Acts, n.Trail.Acts},
		{"acts in workspaces on the biz tier", number(t, c.dir, "SELECT count(*) FROM trail WHERE account_id IN (SELECT id FROM accounts WHERE tier = 'biz')"), 250, 600},
		{"verbs", number(t, c.dir, "SELECT count(DISTINCT verb) FROM trail"), 10, 10},
		{"roles changed", number(t, c.dir, "SELECT count(*) FROM trail WHERE role_before IS NOT NULL AND role_after IS NOT NULL"), 40, 300},
		{"formulas as addresses", number(t, c.dir, "SELECT count(*) FROM trail WHERE to_mail LIKE '=%'"), 4, 6},
		{"acts of the =cmd() member", number(t, c.dir, "SELECT count(*) FROM trail JOIN people ON uid = to_uid WHERE full_name = '=cmd()'"), 1, 20},
		{"files", n.Files, 1280, 1560},
		{"people in two workspaces", number(t, c.dir, "SELECT count(*) FROM (SELECT uid FROM memberships GROUP BY uid HAVING count(*) > 1)"), 10, 60},
		{"revoked", number(t, c.dir, "SELECT count(*) FROM memberships WHERE is_active = 0"), 25, 60},
		{"active again", number(t, c.dir, "SELECT count(*) FROM memberships WHERE is_active = 1 AND left_at IS NOT NULL"), 1, 20},
		{"roles", number(t, c.dir, "SELECT count(DISTINCT role_code) FROM memberships"), 5, 5},
		{"kinds of agents", number(t, c.dir, "SELECT count(DISTINCT kind) FROM bots"), 4, 4},
		{"logins without a user", number(t, c.dir, "SELECT count(*) FROM signins WHERE uid IS NULL"), 7, 7},
		{"logins in month 13", number(t, c.dir, "SELECT count(*) FROM signins WHERE signed_in_at LIKE '%-13-%'"), 7, 7},
		{"rows in the database", number(t, c.dir, "SELECT count(*) FROM signins"), n.Logins, n.Logins},
		{"apostrophes", number(t, c.dir, "SELECT count(*) FROM people WHERE full_name LIKE '%''%'"), 1, 5},
		{"formulas", number(t, c.dir, "SELECT count(*) FROM people WHERE full_name = '=cmd()'"), 1, 1},
		{"addresses of real domains", number(t, c.dir, "SELECT count(*) FROM people WHERE mail NOT LIKE '%@example.com'"), 0, 0},
	} {
		if want.got < want.from || want.got > want.to {
			t.Errorf("%s: got %d, want %d to %d", want.what, want.got, want.from, want.to)
		}
	}

	all := generations(t, c.dir)
	if len(all) != n.Generations {
		t.Errorf("the files hold %d generations, Counts says %d", len(all), n.Generations)
	}
	ids, broken, empty, surfaces := map[string]int{}, 0, 0, map[string]int{}
	for _, g := range all {
		if g.Workspace == nil || g.Canvas != nil && !utf8.ValidString(*g.Canvas) {
			broken++
		}
		if g.ID != nil {
			ids[*g.ID]++
		}
		for _, text := range []*string{g.ID, g.Workspace, g.User, g.Canvas, g.Grid, g.Path, g.Agent, g.AgentKind} {
			if text != nil && *text == "" {
				empty++
			}
		}
		surfaces[g.Surface]++
	}
	if broken != 20 {
		t.Errorf("got %d broken generations, want 20", broken)
	}
	if empty != 0 {
		t.Errorf("got %d empty texts where null was meant", empty)
	}
	if len(surfaces) != 8 || surfaces["hologram"] == 0 {
		t.Errorf("got features %v, want the seven mapped ones and hologram", surfaces)
	}
	if repeated := len(all) - len(ids); repeated < 300 || repeated > 800 {
		t.Errorf("got %d generations with an id seen before or none, want 300 to 800", repeated)
	}
}

// What arrived has a past: nothing was delivered after the run, and the run date has begun in the reporting zone.
func isCutWhereItShould(t *testing.T, c *Company) {
	zone, err := time.LoadLocation(Zone)
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Date(2026, 11, 21, 0, 0, 0, 0, zone)
	if c.Night() != firstNight || !c.RunTime().Equal(midnight.Add(150*time.Minute)) {
		t.Errorf("night %s, run time %s", c.Night(), c.RunTime())
	}
	late := number(t, c.dir, fmt.Sprintf("SELECT count(*) FROM signins WHERE arrived_at >= '%s'", c.RunTime().Format(clockText)))
	if late != 0 {
		t.Errorf("%d logins arrived after the run", late)
	}
	for _, d := range []time.Duration{-time.Microsecond, 0, time.Microsecond} {
		for _, day := range []int{0, -1, -365} {
			at := midnight.AddDate(0, 0, day).Add(d).UTC().Format(clockText)
			if n := number(t, c.dir, fmt.Sprintf("SELECT count(*) FROM signins WHERE signed_in_at = '%s'", at)); n == 0 {
				t.Errorf("no login at %s", at)
			}
		}
	}
}

func letsADayPass(t *testing.T, c *Company) {
	before, files := c.Counts(), contents(t, c.dir)
	nextDay(t, c)
	after, now := c.Counts(), contents(t, c.dir)
	if c.Night() != "2026-11-22" {
		t.Errorf("night %s, want the next day", c.Night())
	}
	if len(c.News()) < 6 {
		t.Errorf("news: %q", c.News())
	}
	if after.Broken != before.Broken || after.Users != before.Users+1 || after.Members != before.Members || after.Agents != before.Agents-1 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if after.Late < before.Late+48 || after.Duplicates < before.Duplicates+20 {
		t.Errorf("late and duplicate rows: before %+v, after %+v", before, after)
	}
	if n := number(t, c.dir, "SELECT count(*) FROM signins"); n != after.Logins {
		t.Errorf("the database holds %d logins, Counts says %d", n, after.Logins)
	}
	if n := len(generations(t, c.dir)); n != after.Generations {
		t.Errorf("the files hold %d generations, Counts says %d", n, after.Generations)
	}
	if after.Trail.Acts < before.Trail.Acts+5 || after.Trail.Late < before.Trail.Late+3 {
		t.Errorf("trail: before %+v, after %+v", before.Trail, after.Trail)
	}
	aDayPassedInTheHub(t, c, before.Hub, files, now)
	changed, dropped := 0, 0
	for name, sum := range files {
		if !strings.Contains(name, "/generations/") {
			continue
		}
		if _, ok := now[name]; !ok {
			dropped++
		} else if now[name] != sum {
			changed++
		}
	}
	if changed != 0 || dropped < 10 || dropped > 20 {
		t.Errorf("%d event files were changed after their delivery and %d dropped, want none and some two weeks of them", changed, dropped)
	}
	for _, name := range []string{"generations/dt=2026-11-21/part-00001.parquet", "generations/dt=2026-11-22/part-00000.parquet"} {
		if _, err := os.Stat(c.object(name)); err != nil {
			t.Error(err)
		}
	}
	if now["/"+EventsDir+"/reference/grids.csv"] != files["/"+EventsDir+"/reference/grids.csv"] {
		t.Error("the grids changed")
	}
	if now["/"+EventsDir+"/reference/canvases.jsonl.zst"] == files["/"+EventsDir+"/reference/canvases.jsonl.zst"] {
		t.Error("the canvases stayed")
	}
}

func TestOddDates(t *testing.T) {
	for _, date := range []string{"2024-02-29", "2026-11-02"} { // a leap day, the night after a change of the clock
		t.Run(date, func(t *testing.T) { nextDay(t, write(t, Options{Date: date, Seed: 3})) })
	}
}

func refuses(t *testing.T, made *Company) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context //nolint:containedctx // a column of the table
		o    Options
		want string
	}{
		{"a folder with a demo", t.Context(), Options{Dir: made.dir, Date: firstNight}, "is already there"},
		{"no date", t.Context(), Options{Dir: t.TempDir(), Date: "yesterday"}, "expected a day such as"},
		{"cancelled", cancelled, Options{Dir: t.TempDir(), Date: firstNight}, "context canceled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Write(test.ctx, test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that says %q", err, test.want)
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		if _, err := Write(b.Context(), Options{Dir: b.TempDir(), Date: firstNight, Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
