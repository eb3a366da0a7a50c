package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/identity"
	"github.com/usagereport/usagereport/transforms/integration"
)

// describe writes an explanation line by line.
func describe(e integration.Explanation) (lines []string) {
	lines = append(lines, fmt.Sprintf("%s, bridges %q", e.Bucket, e.Bridges))
	for _, o := range e.Observations {
		lines = append(lines, fmt.Sprintf("%s %q: %q %q %q, service %v, %s, %d rows; %s", o.System, o.Interactions, o.Email, o.Username,
			o.DisplayName, o.ServiceAccount, o.Last.Format("2006-01-02 15:04:05 MST"), o.Rows, o.Tie))
	}
	return lines
}

func TestExplain(t *testing.T) {
	w := company(t)
	w.sights = append(w.sights, w.sights[0], w.sights[0]) // three rows of one sight
	year := w.open(t, checked(t), w.whole())
	defer year.close()
	carol := []string{
		`Emails, bridges []`,
		`Desk (d2) ["watcher"]: "CAROL@x.com" " " "", service false, 2026-06-30 20:00:00 EDT, 1 rows; step 2: no username; equal emails are one user: email "carol@x.com"`,
		`Jira ["watcher"]: "carol@x.com" "" "Carol", service false, 2026-06-30 20:00:00 EDT, 1 rows; step 2: no username; equal emails are one user: email "carol@x.com"`,
	}
	bob := []string{
		`Usernames or Emails, bridges []`,
		`GitHub ["reviewer"]: "" "bob" "Bob B.", service false, 2026-05-31 20:00:00 EDT, 1 rows; ` +
			`step 3: no email, a display name; its username is that of a user with email and username: username "bob"`,
		`GitHub ["reviewer"]: "b@x.com" "bob" "", service false, 2025-12-31 19:00:00 EST, 1 rows; step 1: email and username: username "bob", local part "b"`,
	}
	otherBob := []string{
		`Display Names, bridges []`,
		`GitHub ["reviewer"]: "" "" "bob b.", service false, 2026-06-01 20:00:00 EDT, 1 rows; step 3: no email; equal display names are one user: display name "bob b."`,
		`blank ["reviewer"]: "" "" "Bob B.", service false, 2026-06-01 20:00:00 EDT, 1 rows; step 3: no email; equal display names are one user: display name "bob b."`,
	}
	bot := []string{
		`Usernames, bridges []`,
		`blank ["Committer"]: "" "CI-Bot" "", service true, 2026-07-02 20:00:00 EDT, 1 rows; step 4: a username only; equal usernames are one user: username "ci-bot"`,
		`nowhere ["committer"]: "" "ci-bot" "", service false, 2026-07-03 20:00:00 EDT, 2 rows; step 4: a username only; equal usernames are one user: username "ci-bot"`,
	}
	heidi := []string{
		`Usernames or Emails, bridges []`,
		`Jira ["sender"]: "noreply@x.com" "heidi" "=cmd()", service false, 2026-07-31 20:00:00 EDT, 1 rows; ` +
			`step 1: email and username; the local part proves nothing: username "heidi"`,
	}
	ivan := []string{
		`Usernames or Emails, bridges []`,
		`Jira ["sender"]: "noreply@y.org" "ivan" "", service false, 2026-08-01 20:00:00 EDT, 1 rows; step 1: email and username; the local part proves nothing: username "ivan"`,
	}
	for ask, want := range map[string][][]string{
		"Carol@X.COM":  {carol},         // email, in another case
		" carol ":      {carol},         // local part, and display name
		"BOB":          {bob},           // username
		"bob B.":       {bob, otherBob}, // a display name that two have
		"ＣＩ-bot":       {bot},           // another form
		"b":            {bob},           // local part of an email of the year
		"noreply":      {heidi, ivan},   // a local part that proves nothing is found all the same
		"heidi":        {heidi},         //
		"ed":           nil,             // seen on the run date only
		"nobody":       nil,             //
		"x.com":        nil,             // no key
		"":             nil,             // what has no key …
		" \u00a0\t\n":  nil,             // … finds nobody, not those without identity
		"=CMD()":       {heidi},         //
		"frank@x.com":  {{"Emails, bridges []", `GitHub ["first of year"]: "frank@x.com" "" "", service false, 2025-11-21 00:00:00 EST, 1 rows; step 2: no username; equal emails are one user: email "frank@x.com"`}},
		"carol@x.com ": {carol},
	} {
		var got [][]string
		for _, e := range year.Explain(ask) {
			got = append(got, describe(e))
		}
		slices.SortFunc(got, func(a, b []string) int { return -strings.Compare(a[0]+a[1], b[0]+b[1]) })
		slices.SortFunc(want, func(a, b []string) int { return -strings.Compare(a[0]+a[1], b[0]+b[1]) })
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%q:\n got %s\nwant %s", ask, text(got), text(want))
		}
	}
	alice := year.Explain("alice")
	if len(alice) != 1 || !slices.Equal(alice[0].Bridges, []string{"alice"}) {
		t.Fatalf("alice: %+v", alice)
	}
	lines := describe(alice[0])
	if want := `GitHub ["commit author"]: "Alice@X.com" "alice" "Alice", service false, 2026-11-02 10:15:59 EST, 5 rows; ` +
		`step 1: email and username: username "alice", local part "alice"`; !slices.Contains(lines, want) {
		t.Errorf("no\n%s\namong\n%s", want, strings.Join(lines, "\n"))
	}
}

func text(users [][]string) string {
	var b strings.Builder
	for _, lines := range users {
		fmt.Fprintf(&b, "\n%s", strings.Join(lines, "\n  "))
	}
	return b.String()
}

// TestExplainUnitesInteractions: what differs in its interaction alone is one line, the last time of all, all rows.
func TestExplainUnitesInteractions(t *testing.T) {
	w := &world{zone: location(t, "America/New_York"), date: calendar.Civil(2026, 11, 21), systems: []system{{id: "s", name: "S"}, {id: "a", name: "T"}}}
	for _, o := range []struct{ system, kind, at, service string }{
		{"s", "b", "2026-11-01T05:30:00Z", "true"}, {"s", "a", "2026-11-01T06:30:00Z", "true"}, {"s", "b", "2026-11-01T04:30:00Z", "true"},
		{"s", "c", "2026-10-01T04:30:00Z", "true"}, {"s", "a", "2026-10-02T04:30:00Z", "false"}, {"s", "z", "2026-10-03T04:30:00Z", null},
		{"a", "c", "2026-10-01T04:30:00Z", "true"},
	} {
		w.sights = append(w.sights, observation{o.system, o.kind, at(o.at), null, "u", null, o.service})
	}
	year := w.open(t, checked(t), w.whole())
	defer year.close()
	found := year.Explain("u")
	if len(found) != 1 {
		t.Fatalf("%d users", len(found))
	}
	const tie = `; step 4: a username only; equal usernames are one user: username "u"`
	got, want := describe(found[0]), []string{
		`Usernames, bridges []`,
		`S ["a" "z"]: "" "u" "", service false, 2026-10-03 00:30:00 EDT, 2 rows` + tie,
		`S ["a" "b" "c"]: "" "u" "", service true, 2026-11-01 01:30:00 EST, 4 rows` + tie,
		`T ["c"]: "" "u" "", service true, 2026-10-01 00:30:00 EDT, 1 rows` + tie,
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestQuality(t *testing.T) {
	w := company(t)
	year := w.open(t, checked(t), w.whole())
	defer year.close()
	q := year.Quality(2)
	// By full email alone: alice@x.com, al@y.org, b@x.com, carol, dave, erin, frank, grace, judy, two of noreply; Bob B.; the
	// usernames asmith, alice and ci-bot, seen by themselves.
	if q.Users != 12 || q.FullEmailUsers != 15 || q.Unidentified != 3 {
		t.Errorf("%+v", q)
	}
	if want := []identity.Large{{User: 0, Keys: 3, Smallest: "al"}, {User: 1, Keys: 2, Smallest: "b"}}; !slices.Equal(q.Largest, want) {
		t.Errorf("largest %v, want %v", q.Largest, want)
	}
	if fmt.Sprintf("%q", q.Bridges) != `[["alice"] []]` {
		t.Errorf("bridges %q", q.Bridges)
	}
	if q := year.Quality(0); len(q.Largest) != 0 || len(q.Bridges) != 0 || q.Users != 12 {
		t.Errorf("of none: %+v", q)
	}
	if q := year.Quality(1000); len(q.Largest) != 12 || len(q.Bridges) != 12 {
		t.Errorf("of all: %+v", q)
	}
}
