package demo

import (
	"math/rand/v2"
	"time"
)

// hub is what keeps the company's tools in step: which tools it connects, what it synchronised and whom it saw in them.
// It throws its own dice, so that the rest of the company is the same with it and without it.
type hub struct {
	dice
	c     *Company
	night time.Time // the first one, in the zone

	tools []tool
	links []*link
	pairs []projectPair

	people                     []*someone
	names                      namebook
	syncs                      []delivery[syncing]  // that have not arrived yet
	sightings                  []delivery[sighting] // that have not arrived yet
	usualSyncs, usualSightings float64              // on a day of busyness 1
	files                      hubFiles
}

// tool is one of the systems that the hub connects.
type tool struct {
	key, label string
	kinds      []kind
}

// kind is a type of entity, and how many of them the tool has.
type kind struct {
	name   string
	weight float64
	form   string // of an id
	pool   int
	fails  bool // always
	until  int  // the last day, in days before the night
}

// link is an integration in the words of the source. Names that are empty are null.
type link struct {
	id, label string
	a, b      string // keys of tools
	on        bool
	changed   int     // days before the night
	weight    float64 // how much goes through it
	from, to  int     // when events go through it, in days before the night; from 0 is always
}

// projectPair is a pair of projects in the words of the source.
type projectPair struct {
	link    string
	a, b    string
	enabled bool
	changed time.Duration // before the midnight of the night; less than nothing is today
	quiet   bool          // no events
	gone    bool          // the source no longer holds it, its events stayed
}

var tools = []tool{
	{"jira", "Jira", []kind{
		{name: "Issue", weight: 60, form: "SHOP-%d", pool: 6000}, {name: "Story", weight: 20, form: "STORY-%d", pool: 1800},
		{name: "Epic", weight: 8, form: "EPIC-%d", pool: 260}, {name: "Sub-task", weight: 12, form: "SUB-%d", pool: 1500},
	}},
	{"github", "GitHub", []kind{
		{name: "Issue", weight: 50, form: "issues/%d", pool: 5200}, {name: "Pull Request", weight: 45, form: "pull/%d", pool: 4100},
		{name: "Milestone", weight: 5, form: "milestone/%d", pool: 90},
	}},
	{"desk", "Desk", []kind{ // becomes the Service Desk after the first night
		{name: "Ticket", weight: 85, form: "T%07d", pool: 7000}, {name: "Problem", weight: 9, form: "P%05d", pool: 400},
		{name: "Änderung", weight: 6, form: "C%05d", pool: 300},
	}},
	{"wiki", "Wiki", []kind{
		{name: "Page", weight: 80, form: "page:%d", pool: 2200}, {name: "Attachment", weight: 14, form: "file:%d", pool: 900},
		{name: "Blog Post", weight: 6, form: "blog:%d", pool: 120, until: 200}, // given up more than half a year ago
	}},
	{"crm", "CRM", []kind{ // an account and a contact may have the same number
		{name: "Account", weight: 30, form: "%d", pool: 900}, {name: "Contact", weight: 50, form: "%d", pool: 2400},
		{name: "Opportunity", weight: 18, form: "O-%d", pool: 700}, {name: "Lead", weight: 2, form: "L-%d", pool: 300, fails: true},
	}},
}

// unknownLink stands in events, and no table ever held it. deletedLink is deleted after the first night.
const unknownLink, deletedLink = "ln-00", "ln-10"

var links = []link{
	{id: "ln-01", label: "Engineering backlog", a: "jira", b: "github", on: true, changed: 40, weight: 26},
	{id: "ln-02", label: "Platform team", a: "jira", b: "github", on: true, changed: 130, weight: 11},
	{id: "ln-03", label: "Import of the old tracker", a: "jira", b: "github", changed: 330, weight: 14, to: 330},
	{id: "ln-04", label: "Issues back to planning", a: "github", b: "jira", on: true, changed: 12, weight: 9}, // the other way round
	{id: "ln-05", label: "Escalations", a: "desk", b: "jira", on: true, changed: 75, weight: 19},
	{id: "ln-06", label: "Bugs of the \"EU\" desk; urgent", a: "desk", b: "jira", on: true, changed: 3, weight: 12, from: 118},
	{id: "ln-07", label: "Tickets of accounts", a: "desk", b: "crm", on: true, changed: 200, weight: 15},
	{id: "ln-08", label: "Specs", a: "wiki", b: "jira", changed: 196, weight: 8, to: 196}, // a pair that rests
	{id: "ln-09", a: "crm", b: "wiki", on: true, changed: 410, weight: 6},
	{id: deletedLink, label: "Docs as code", a: "wiki", b: "github", on: true, changed: 60, weight: 4},
}

const days = 24 * time.Hour

var projectPairs = []projectPair{
	{link: "ln-01", a: "Web Shop", b: "shop-web", enabled: true, changed: 40 * days},
	{link: "ln-01", a: "Mobile App", b: "shop-mobile", enabled: true, changed: 41 * days},
	{link: "ln-01", a: "Billing", b: "billing", enabled: true, changed: 380 * days},
	{link: "ln-01", a: "Skunkworks", b: "skunk", gone: true},
	{link: "ln-02", a: "Web Shop", b: "shop-web", changed: 130 * days}, // the same two projects, elsewhere at work
	{link: "ln-02", a: "Data Platform", b: "data-platform", enabled: true, changed: 131 * days},
	{link: "ln-02", a: "=Growth", b: "infra", enabled: true, changed: 20 * days},
	{link: "ln-02", a: "Ops", b: "infra", enabled: true, changed: 90 * days, quiet: true}, // updated, never synchronised
	{link: "ln-03", a: "Legacy", b: "legacy-tracker", changed: 330 * days},
	{link: "ln-04", a: "shop-web", b: "Web Shop", enabled: true, changed: 12 * days},
	{link: "ln-04", a: "infra", b: "Ops", enabled: true, changed: 13 * days},
	{link: "ln-05", a: "Customers EU", b: "Web Shop", enabled: true, changed: 75 * days},
	{link: "ln-05", a: "Customers US", b: "Web Shop", enabled: true, changed: 75 * days},
	{link: "ln-05", a: "Internal IT", b: "Ops", changed: 280 * days, quiet: true}, // updated in the year, not in the half
	{link: "ln-06", a: "Customers EU", b: "Mobile App", enabled: true, changed: 3 * days},
	{link: "ln-07", a: "Customers EU", b: "Key Accounts", enabled: true, changed: 200 * days},
	{link: "ln-07", a: "Customers US", b: "Self Service", enabled: true, changed: 201 * days},
	{link: "ln-07", a: "Internal IT", b: "Partners", enabled: true, changed: 700 * days, quiet: true}, // on no sheet
	{link: "ln-08", a: "Product Specs", b: "Web Shop", changed: 196 * days},
	{link: "ln-08", a: "Product Specs", b: "Billing", changed: 197 * days},
	{link: "ln-09", a: "Key Accounts", b: "Handbook", enabled: true, changed: 410 * days},
	{link: "ln-09", a: "Partners", b: "Ünïcode Space", enabled: true, changed: 100 * days},
	{link: "ln-09", a: "Self Service", b: "Handbook", enabled: true, changed: -time.Hour, quiet: true}, // updated today
	{link: deletedLink, a: "Handbook", b: "docs", enabled: true, changed: 60 * days},
}

// newHub makes the hub and all that went through it until now. seed is the company's.
func newHub(c *Company, seed uint64) *hub {
	h := &hub{
		dice: dice{rand.New(rand.NewPCG(seed, 0x687562))}, c: c, night: c.night,
		tools: append([]tool(nil), tools...), names: namebook{},
	}
	for i := range links {
		l := links[i]
		h.links = append(h.links, &l)
	}
	h.pairs = append(h.pairs, projectPairs...)
	h.meet()
	h.pastSyncs()
	h.pastSightings()
	return h
}

// live lets a day pass, and makes sure that something happens before the run of the night that the day begins with.
func (h *hub) live(day time.Time) {
	h.liveSyncs(day, day)
	h.liveSightings(day, day)
	for range 5 {
		h.arriveSync(day.Add(h.part(2 * time.Hour)))
		at := day.Add(h.part(2 * time.Hour))
		h.seeLate(at, at.Add(time.Minute))
	}
}

// change is what happens to the hub in a day, beside the events. c.night is the coming night.
func (h *hub) change(yesterday time.Time) {
	noon := yesterday.Add(12 * time.Hour)
	for i := range h.tools {
		if t := &h.tools[i]; t.key == "desk" {
			h.c.tell("the system %q is now called %q", t.label, "Service "+t.label)
			t.label = "Service " + t.label
		}
	}
	for i, l := range h.links {
		if l.id == deletedLink {
			h.c.tell("the integration %q was deleted; its sync events stay", l.label)
			h.links = append(h.links[:i:i], h.links[i+1:]...)
			break
		}
	}
	kept := h.pairs[:0:0]
	for _, p := range h.pairs {
		if p.link != deletedLink {
			kept = append(kept, p)
		}
	}
	h.pairs = kept
	h.stuck(noon)
	h.bridge(noon)
}

// monthsBefore returns the day n months before, at the end of the month where that has no such day.
func monthsBefore(day time.Time, n int) time.Time {
	y, m, d := day.Date()
	first := time.Date(y, m-time.Month(n), 1, 0, 0, 0, 0, day.Location())
	return first.AddDate(0, 0, min(d, first.AddDate(0, 1, -1).Day())-1)
}

// brinks are the instants where a window of the reports begins or ends, and those just before and just after.
func (h *hub) brinks() []time.Time {
	var at []time.Time
	for _, midnight := range []time.Time{h.night, h.night.AddDate(0, 0, -1), monthsBefore(h.night, 6), monthsBefore(h.night, 12)} {
		for _, d := range []time.Duration{-time.Millisecond, 0, time.Millisecond} {
			at = append(at, midnight.Add(d))
		}
	}
	return at
}

// bridge has somebody seen with the keys of two users, who are one from now on.
func (h *hub) bridge(at time.Time) {
	l := look{identity: identity{"robin@vale.example", "robin-v", "Robin Vale"}, tools: []string{"desk"}}
	sendAt(&h.sightings, at, at.Add(time.Minute), h.see(&l, "desk", at))
	h.c.tell("%s was seen with the email of one user and the username of another: they are one", l.name)
}
