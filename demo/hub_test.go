package demo

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// hubOf makes a hub alone, without any file.
func hubOf(t *testing.T, date string, seed uint64) *hub {
	t.Helper()
	zone, err := time.LoadLocation(Zone)
	if err != nil {
		t.Fatal(err)
	}
	night, err := time.ParseInLocation(time.DateOnly, date, zone)
	if err != nil {
		t.Fatal(err)
	}
	return newHub(&Company{night: night, zone: zone, now: cutoff(night)}, seed)
}

// keyOf is the form in which two texts are compared (contract §7).
func keyOf(text string) string {
	folded := cases.Fold().String(norm.NFKC.String(strings.TrimSpace(text)))
	return strings.TrimSpace(norm.NFKC.String(folded))
}

// shared are the keys that two people have on purpose: one that an override tells apart, and the mailboxes.
var shared = []string{"sam.miller", "info", "support", "noreply"}

// reserved are the domains that are nobody's.
var reserved = regexp.MustCompile(`(?i)^([a-z]+\.example|example\.(com|org|net))$`)

// TestPeopleStayApart looks for people whom a key makes one by chance: for that the figures would not be those meant.
func TestPeopleStayApart(t *testing.T) {
	for seed := range uint64(12) {
		h := hubOf(t, firstNight, seed)
		if p, i := h.c.counts.Hub.People, h.c.counts.Hub.Identities; p != firstPeople || i != firstIdentities {
			t.Errorf("seed %d: %d people under %d identities, want %d and %d", seed, p, i, firstPeople, firstIdentities)
		}
		holder, named := map[string]*someone{}, map[string]*someone{}
		take := func(of map[string]*someone, key string, p *someone) {
			if other := of[key]; key != "" && other != nil && other != p && !slices.Contains(shared, key) {
				t.Errorf("seed %d: %q ties %q to %q", seed, key, p.looks[0].identity, other.looks[0].identity)
			}
			of[key] = p
		}
		for _, p := range h.people {
			for _, l := range p.looks {
				if domain := l.mail[strings.LastIndex(l.mail, "@")+1:]; domain != l.mail && !reserved.MatchString(domain) {
					t.Errorf("seed %d: %q is not an address of an example", seed, l.mail)
				}
				take(holder, keyOf(l.login), p)
				take(holder, keyOf(localPart(keyOf(l.mail))), p)
				if l.mail == "" && l.login == "" {
					take(named, keyOf(l.name), p)
				}
			}
		}
	}
}

func TestMonthsBefore(t *testing.T) {
	for _, c := range []struct {
		day  string
		n    int
		want string
	}{
		{"2026-08-31", 6, "2026-02-28"}, {"2024-08-31", 6, "2024-02-29"}, {"2024-02-29", 12, "2023-02-28"},
		{"2026-11-21", 6, "2026-05-21"}, {"2026-03-15", 12, "2025-03-15"},
	} {
		day, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		if got := monthsBefore(day, c.n).Format(time.DateOnly); got != c.want {
			t.Errorf("%d months before %s: got %s, want %s", c.n, c.day, got, c.want)
		}
	}
}

func syncsOf(t *testing.T, dir string) []syncRecord {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, EventsDir, "sync", "dt=*", "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var all []syncRecord
	for _, f := range files {
		part, err := parquet.ReadFile[syncRecord](f)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all = append(all, part...)
	}
	return all
}

// sightingsOf returns the sightings, and how many lines are none.
func sightingsOf(t *testing.T, dir string) (all []sighting, lines, broken int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, EventsDir, "sightings", "dt=*.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		gz, err := gzip.NewReader(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, err := io.ReadAll(gz)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for line := range strings.Lines(string(text)) {
			lines++
			var s sighting
			if err := json.Unmarshal([]byte(line), &s); err != nil || s.Tool == nil || when(s).IsZero() {
				broken++
				continue
			}
			all = append(all, s)
		}
	}
	return all, lines, broken
}

func when(s sighting) time.Time {
	at, _ := time.Parse(time.RFC3339Nano, s.At) // zero where it is no time
	return at
}

func hasItsHub(t *testing.T, c *Company) {
	n := c.Counts().Hub
	if n.Systems != 5 || n.Integrations != 10 || n.ProjectPairs != 23 || n.Broken != 11 {
		t.Errorf("got %+v", n)
	}
	c.hub.hasItsSyncs(t, syncsOf(t, c.dir), n)
	seen, lines, broken := sightingsOf(t, c.dir)
	if lines != n.Sightings || broken != 5 {
		t.Errorf("the files hold %d sightings, %d of them broken; Counts says %d, and 5 are meant to be", lines, broken, n.Sightings)
	}
	c.hub.hasItsSightings(t, seen)
	for what, query := range map[string]string{
		"an integration without a name":          "SELECT count(*) FROM links WHERE label IS NULL",
		"integrations that rest":                 "SELECT count(*) = 2 FROM links WHERE state = 'off'",
		"a pair of systems that rests":           "SELECT count(*) FROM links GROUP BY tool_a, tool_b HAVING max(state) = 'off'",
		"a pair both ways":                       "SELECT count(*) FROM links a JOIN links b ON a.tool_a = b.tool_b AND a.tool_b = b.tool_a",
		"several integrations of a pair":         "SELECT count(*) FROM links GROUP BY tool_a, tool_b HAVING count(*) > 2",
		"a pair of projects twice in a table":    "SELECT count(*) FROM link_projects GROUP BY link_id, project_a, project_b, enabled, changed_at HAVING count(*) = 2",
		"a pair of projects in two, one at work": "SELECT count(*) FROM link_projects GROUP BY project_a, project_b HAVING count(DISTINCT link_id) = 2 AND max(enabled) > min(enabled)",
	} {
		if number(t, c.dir, query) == 0 {
			t.Error("lacks", what)
		}
	}
}

func (h *hub) hasItsSyncs(t *testing.T, all []syncRecord, n HubCounts) {
	ids, broken, has := map[string]bool{}, 0, map[string]int{}
	year, half, run := monthsBefore(h.night, 12), monthsBefore(h.night, 6), h.night
	for _, r := range all {
		if r.Link == nil || r.Kind == nil || !utf8.ValidString(r.Key) {
			broken++
			continue
		}
		at := time.UnixMilli(r.At)
		for what, is := range map[string]bool{
			"twice": ids[r.ID], "failed": !r.OK, "of nobody's integration": *r.Link == unknownLink, "without projects": r.A == nil && r.B == nil,
			"with one project": r.A != nil && r.B == nil, "of a pair that no table holds": r.A != nil && *r.A == "Skunkworks",
			"before the year": at.Before(year), "in the year alone": !at.Before(year) && at.Before(half), "of the run date": !at.Before(run),
			"leads that worked": *r.Kind == "Lead" && r.OK, "blog posts in the half": *r.Kind == "Blog Post" && !at.Before(half),
		} {
			if is {
				has[what]++
			}
		}
		if strings.HasPrefix(r.Key, "BRINK-") {
			has["brink"]++
		}
		ids[r.ID] = true
	}
	if len(ids) != firstSyncs || len(all) != n.Syncs || broken != 6 || len(all) != len(ids)+broken+has["twice"] {
		t.Errorf("%d sync events in %d rows, %d broken, %d twice; Counts says %d", len(ids), len(all), broken, has["twice"], n.Syncs)
	}
	for what, least := range map[string]int{
		"twice": 100, "failed": 1500, "of nobody's integration": 40, "without projects": 4000, "with one project": 400,
		"of a pair that no table holds": 1000, "before the year": 3000, "in the year alone": 12_000, "of the run date": 20, "brink": 12,
	} {
		if has[what] < least {
			t.Errorf("%d sync events %s, want %d", has[what], what, least)
		}
	}
	if has["leads that worked"]+has["blog posts in the half"] > 0 {
		t.Error("a kind of entity is on a sheet where it should not be")
	}
}

func (h *hub) hasItsSightings(t *testing.T, all []sighting) {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	tools, types, has := map[string]map[string]bool{}, map[string]bool{}, map[string]int{}
	logins := map[string]map[string]bool{}
	year, half := monthsBefore(h.night, 12), monthsBefore(h.night, 6)
	for _, s := range all {
		at, mail, login, name := when(s), text(s.Mail), text(s.Login), text(s.Name)
		for _, of := range []struct {
			into    map[string]map[string]bool
			key, to string
		}{{tools, login, *s.Tool}, {logins, keyOf(mail), keyOf(login)}} {
			if of.into[of.key] == nil {
				of.into[of.key] = map[string]bool{}
			}
			if of.to != "" {
				of.into[of.key][of.to] = true
			}
		}
		types[s.SeenAs] = true
		for what, is := range map[string]bool{
			"before the year": at.Before(year), "in the year alone": !at.Before(year) && at.Before(half), "of the run date": !at.Before(h.night),
			"of nobody": keyOf(mail)+keyOf(login)+keyOf(name) == "", "email alone": mail != "" && login == "", "username alone": mail == "" && login != "" && name == "",
			"display name alone": mail == "" && login == "" && name != "", "service accounts": s.Robot != nil && *s.Robot, "no service accounts": s.Robot != nil && !*s.Robot,
			"formulas": name == "=cmd()", "of the example": mail == "asmith@x.example" && login == "alice", "no addresses": mail == "unknown",
			"full-width": login == "ｙｕｋｉ", "noreply": mail == "noreply@example.com", "info": strings.HasPrefix(mail, "info@"),
			"capitals": mail != strings.ToLower(mail), "padded": login != strings.TrimSpace(login),
		} {
			if is {
				has[what]++
			}
		}
	}
	for what, least := range map[string]int{
		"before the year": 500, "in the year alone": 4000, "of the run date": 8, "of nobody": 12, "email alone": 1000, "username alone": 300,
		"display name alone": 300, "service accounts": 20, "no service accounts": 20, "formulas": 1, "of the example": 1, "no addresses": 2,
		"full-width": 1, "noreply": 5, "info": 5, "capitals": 100, "padded": 50,
	} {
		if has[what] < least {
			t.Errorf("%d sightings %s, want %d", has[what], what, least)
		}
	}
	if len(types) != 5 {
		t.Errorf("got interactions %v, want five", types)
	}
	everywhere, several := 0, 0
	for login, in := range tools {
		if login != "" && len(in) == 5 {
			everywhere++
		}
	}
	for mail, of := range logins {
		if mail != "" && len(of) > 1 {
			several++
		}
	}
	if everywhere < 6 || several < 50 {
		t.Errorf("%d usernames in all five systems, %d emails with several usernames", everywhere, several)
	}
}

// aDayPassedInTheHub compares the hub with what it was before.
func aDayPassedInTheHub(t *testing.T, c *Company, before HubCounts, files, now map[string]string) {
	after := c.Counts().Hub
	if after.Integrations != before.Integrations-1 || after.ProjectPairs != before.ProjectPairs-1 || after.Broken != before.Broken {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if after.Late < before.Late+48 || after.Duplicates < before.Duplicates+20 {
		t.Errorf("late and duplicate rows: before %+v, after %+v", before, after)
	}
	if n := len(syncsOf(t, c.dir)); n != after.Syncs {
		t.Errorf("the files hold %d sync events, Counts says %d", n, after.Syncs)
	}
	seen, lines, _ := sightingsOf(t, c.dir)
	if lines != after.Sightings {
		t.Errorf("the files hold %d sightings, Counts says %d", lines, after.Sightings)
	}
	if number(t, c.dir, "SELECT count(*) FROM tools WHERE label = 'Service Desk'") != 1 {
		t.Error("no system was renamed")
	}
	tied := slices.ContainsFunc(seen, func(s sighting) bool {
		return s.Mail != nil && s.Login != nil && *s.Mail == "robin@vale.example" && *s.Login == "robin-v"
	})
	today := slices.ContainsFunc(seen, func(s sighting) bool { return !when(s).Before(c.night) })
	if !tied || !today {
		t.Errorf("a sighting that ties two users: %t, one of the run date: %t", tied, today)
	}
	changed := []string{}
	for name, sum := range files {
		if is, ok := now[name]; ok && is != sum && (strings.Contains(name, "/sync/") || strings.Contains(name, "/sightings/")) {
			changed = append(changed, name)
		}
	}
	if !slices.Equal(changed, []string{"/events/sightings/dt=" + firstNight + ".jsonl.gz"}) {
		t.Errorf("files that changed after their delivery: %q, want the day's sightings alone", changed)
	}
}
