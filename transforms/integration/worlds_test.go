package integration_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/identity"
)

// Texts that collide often, in many forms.
var (
	emailTexts = rapid.SampledFrom([]string{null, null, "", " ", "alice@x.com", "Alice@X.com", " alice@x.com\t", "ＡＬＩＣＥ@x.com", "alice@y.org",
		"asmith@x.com", "bob@x.com", "BOB@x.com", "straße@x.de", "STRASSE@x.de", "info@x.com", "info@y.org", "no at", "@x.com", "a@b@x.com"})
	usernameTexts = rapid.SampledFrom([]string{null, null, "", "\u00a0", "alice", "ALICE", " alice", "asmith", "bob", "Bob", "strasse", "Straße",
		"İ", "i\u0307", "info", "é", "e\u0301", "a@b", "carol", "dave"})
	displayTexts = rapid.SampledFrom([]string{null, null, "", "Alice", "alice", "Alice ", "Bob B.", "bob b.", "=cmd()", "Ｂob B.", "√", "Zoë", "ZOË"})
	statusTexts  = rapid.SampledFrom([]string{"Active", "Inactive", "Inactive", "Paused"})
	projectTexts = rapid.SampledFrom([]string{null, "P1", "P2", "p1"})
)

// Systems by id. Two share a name, two have none that is known, and the names of two begin alike.
var drawnSystems = []system{
	{id: "s1", name: "Jira"}, {id: "s2", name: "Jira Cloud"}, {id: "s3", name: "Desk"}, {id: "s4", name: "Desk"}, {id: "s5", name: "Ärger"},
	{id: "s6", name: ""},
}

// drawWorld draws a small company. Events lie around the days that matter.
func drawWorld(t *rapid.T) *world {
	zone := rapid.SampledFrom([]string{"UTC", "America/New_York", "Pacific/Kiritimati", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut"})
	w := &world{zone: location(t, zone.Draw(t, "zone"))}
	w.date = rapid.SampledFrom([]calendar.Date{
		calendar.Civil(2026, 11, 21), calendar.Civil(2026, 11, 2), calendar.Civil(2026, 3, 9), calendar.Civil(2026, 8, 31),
		calendar.Civil(2024, 2, 29), calendar.Civil(2025, 3, 1), calendar.Civil(1970, 6, 15), calendar.Civil(2100, 3, 2),
	}).Draw(t, "date")
	gone := func(label string) bool { return rapid.IntRange(0, 4).Draw(t, label) == 0 }
	for _, s := range drawnSystems {
		if s.gone = gone("system gone"); rapid.IntRange(0, 4).Draw(t, "system known") > 0 {
			w.systems = append(w.systems, s)
		}
	}
	systemID := rapid.SampledFrom([]string{"s1", "s2", "s3", "s4", "s5", "s6", "s7"})
	for i := range rapid.IntRange(0, 6).Draw(t, "integrations") {
		w.integrations = append(w.integrations, connection{
			id: "i" + strconv.Itoa(i), system1: systemID.Draw(t, "system 1"), system2: systemID.Draw(t, "system 2"),
			status: statusTexts.Draw(t, "status"), gone: gone("integration gone"),
		})
	}
	integrationID := rapid.Map(rapid.IntRange(0, 6), func(i int) string { return "i" + strconv.Itoa(i) }) // i6 is never known
	for _, k := range rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) [3]string {
		return [3]string{integrationID.Draw(t, "of"), projectTexts.Draw(t, "p1"), projectTexts.Draw(t, "p2")}
	}), 0, 8, rapid.ID).Draw(t, "project pairs") {
		if k[1] != null && k[2] != null {
			w.projects = append(w.projects, projectPair{k[0], k[1], k[2], statusTexts.Draw(t, "status"), w.drawInstant(t), gone("project pair gone")})
		}
	}
	kinds := rapid.SampledFrom([]string{"Issue", "issue", "Pull Request"})
	for i := range rapid.IntRange(0, 30).Draw(t, "syncs") {
		e := syncEvent{
			integrationID.Draw(t, "integration"), systemID.Draw(t, "end system"), kinds.Draw(t, "entity type"),
			rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "entity"), w.drawInstant(t), rapid.IntRange(0, 3).Draw(t, "succeeded") > 0,
			null, projectTexts.Draw(t, "p1"), projectTexts.Draw(t, "p2"),
		}
		if rapid.Bool().Draw(t, "has an id") {
			e.id = "e" + strconv.Itoa(i)
		}
		w.syncs = append(w.syncs, e)
	}
	for range rapid.IntRange(0, 30).Draw(t, "observations") {
		w.sights = append(w.sights, observation{
			systemID.Draw(t, "system"), rapid.SampledFrom([]string{"author", "Author", "assignee"}).Draw(t, "interaction"), w.drawInstant(t),
			emailTexts.Draw(t, "email"), usernameTexts.Draw(t, "username"), displayTexts.Draw(t, "display name"),
			rapid.SampledFrom([]string{null, null, "false", "false", "true"}).Draw(t, "service"),
		})
	}
	for i := range len(w.sights) { // some are seen again, mostly within the same day
		if rapid.IntRange(0, 4).Draw(t, "again") == 0 {
			again := w.sights[i]
			again.at += rapid.SampledFrom([]int64{-1_000_000, 1, 7_000_000, -3600e6, 3600e6}).Draw(t, "by")
			w.sights = append(w.sights, again)
		}
	}
	w.rules = rapid.SampledFrom([]identity.Rules{{}, {}, {NoProof: []string{"INFO"}},
		{Same: [][]identity.Identifier{{{Kind: identity.Email, Text: "bob@x.com"}, {Kind: identity.DisplayName, Text: "Zoë"}}},
			Different: [][]identity.Identifier{{{Kind: identity.Username, Text: "alice"}, {Kind: identity.Username, Text: "asmith"}}}},
	}).Draw(t, "rules")
	return w
}

// drawInstant draws an instant near the bounds of the windows, near a change of the clock, or any of fourteen months.
func (w *world) drawInstant(t *rapid.T) int64 {
	windows := calendar.Windows(w.date)
	start := func(d calendar.Date) int64 { return d.Start(w.zone).UnixMicro() }
	_, change := w.date.AddMonths(-12).Start(w.zone).ZoneBounds()
	base := rapid.SampledFrom([]int64{
		start(w.date), start(w.date), start(w.date - 1), start(windows.SixMonths.From), start(windows.SixMonths.From), start(windows.OneYear.From),
		change.UnixMicro(), start(w.date - rapid.SampledFrom([]calendar.Date{-5, 3, 100, 250, 420}).Draw(t, "days before")),
	}).Draw(t, "near")
	if change.IsZero() && base == change.UnixMicro() {
		base = start(w.date - 5)
	}
	return base + rapid.SampledFrom([]int64{0, -1, 1, 999_999, 1_000_000, -1_000_000, 1800e6, -1800e6, 3600e6, -3600e6, 43200e6}).Draw(t, "by")
}

// deliver puts the events of a world into any order and any number of runs. Observations, and events that have an id, may
// come more than once.
func (w *world) deliver(t *rapid.T) delivered {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
	n := rapid.IntRange(1, 4).Draw(t, "runs")
	return delivered{
		coded: rapid.Bool().Draw(t, "coded"),
		syncs: spread(r, n, w.syncs, func(e syncEvent) bool { return e.id != null }), sights: spread(r, n, w.sights, func(observation) bool { return true }),
	}
}

func spread[T any](r *rand.Rand, n int, rows []T, repeats func(T) bool) [][]T {
	runs := make([][]T, n)
	for _, row := range rows {
		for again := true; again; again = repeats(row) && r.IntN(3) == 0 {
			i := r.IntN(n)
			runs[i] = slices.Insert(runs[i], r.IntN(len(runs[i])+1), row)
		}
	}
	return runs
}

// at returns the instant of a text.
func at(text string) int64 {
	v, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return v.UnixMicro()
}
