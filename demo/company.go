package demo

import (
	"fmt"
	"time"
)

type workspace struct {
	id, name, tier string // tier in the words of the source; empty is none
	users          int
	api            float64 // calls of the API on a busy day
}

// The six workspaces. The fifth is on a plan nobody mapped, the sixth on none.
var workspaceList = []workspace{
	{"ws_harbor", "Harbor & Pine", "biz", 150, 21},
	{"ws_lumen", "Lumen Labs", "biz", 105, 14},
	{"ws_kestrel", "Kestrel Travel", "pro", 70, 5},
	{"ws_orbita", "Órbita Alimentos", "pro", 52, 3},
	{"ws_hokkyoku", "北極星スタジオ", "starter", 32, 2},
	{"ws_tailors", "Tiny Tailors", "", 18, 0},
}

// closedWorkspace is a workspace that the application no longer holds; some of its events remain.
const closedWorkspace = "ws_closed"

type person struct{ id, name, mail string }

// member is a person's place in a workspace.
type member struct {
	workspace, user string
	role, dept      string // dept empty is none
	active          bool
	joined, left    time.Time
	invitedBy       string
	invited         time.Time
	seen            [4]time.Time // first and last login, first and last generation, as the application remembers them
	zeal            float64      // how often this member shows up, around 1
	places          []string     // canvases this member works on
}

type team struct {
	workspace, id, name, access, creator string
	created                              time.Time
}

type teamMember struct {
	workspace, team, user string
	added                 time.Time
}

type teamAsset struct{ workspace, team, asset, kind string }

type agent struct {
	workspace, id, name, kind, creator string
	enabled, shared                    bool
	created                            time.Time
}

// place is a canvas or a grid.
type place struct {
	workspace, id, name string
	unnamed             bool
}

// Names that have broken somebody's spreadsheet, report or sort before. All are made up.
var oddNames = []string{
	"Aoife O'Brien", "=cmd()", "Zoë 🚀 Lund", "+1 Guest", "-Dash-", "@handle", "Jose\u0301 Nin\u0303o", "José Niño",
	"李小雨", "佐々木 ゆき", "김하늘", "Ольга Синицына", "Ελένη Δ.", "نور الهادي", "נועה ברק", "आरव मेहता", "สมใจ ดี",
	"Bobby \"Quote\" Tables", "Semi;Colon, Comma", "Line\nBreak", "  Padded  ", "NULL", "Straße Groß", "İpek Işık",
}

var firstNames = []string{"Ada", "Ben", "Chloe", "Dario", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kira",
	"Liam", "Mona", "Nils", "Olive", "Priya", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera", "Wes", "Ximena", "Yara", "Zeno"}

var lastNames = []string{"Abel", "Brandt", "Castro", "Dunn", "Egger", "Falk", "Garza", "Holm", "Ito", "Jansen", "Kovac",
	"Lopez", "Moreau", "Nowak", "Osei", "Park", "Quist", "Rossi", "Silva", "Tanaka", "Ueda", "Varga", "Weiss", "Xu", "Yilmaz", "Zanetti"}

var departments = []string{"Marketing", "Marketing", "Marketing", "Sales", "Product", "Engineering", "Customer Care", "R&D", ""}

// roles in the words of the source: U is far the most common. Nobody mapped B, which stands for billing.
const roles = "UUUUUUUUUUUUUUMMAD"

var teamNames = []string{"Brand", "Web", "Campaigns", "Social", "Launch Crew", "SEO", "Équipe Contenu", "Field", "All Hands"}

var agentNames = []string{"Blog Writer", "Ad Variants", "Tone Check", "Press Release", "Alt Text", "Release Notes",
	"Persona Builder", "Subject Lines", "Übersetzer", "=HYPERLINK(\"x\")", "FAQ Maker", "Case Study"}

// agentKinds in the words of the source.
var agentKinds = []string{"saved", "studio_private", "studio_public", "service"}

var assetKinds = []string{"kb", "kb", "voice", "style_guide"}

var canvasNames = []string{"Q%d plan", "Landing page %d", "Newsletter %d", "Brief #%d", "Draft, v%d", "Notes %d", "Pitch “%d”", "キャンペーン %d"}

// found makes the company: who is in it and what they work with.
func (c *Company) found() {
	c.workspaces = workspaceList
	for i, name := range oddNames {
		c.hire(name, fmt.Sprintf("odd.%02d@example.com", i+1))
	}
	for _, w := range c.workspaces {
		c.staff(w)
	}
	for _, w := range c.workspaces {
		c.furnish(w)
	}
	c.forget()
}

func (c *Company) hire(name, mail string) person {
	p := person{id: "u_" + c.token(8), name: name, mail: mail}
	c.people = append(c.people, p)
	return p
}

// staff fills a workspace with people, some of whom are also in another.
func (c *Company) staff(w workspace) {
	odd := len(oddNames) * w.users / 427
	for i := range w.users {
		var p person
		switch {
		case i < odd+1 && c.oddLeft() != nil:
			p = *c.oddLeft()
		case w.id != c.workspaces[0].id && i%13 == 5:
			p = c.people[c.rng.IntN(len(c.people))]
			if c.isMember(w.id, p.id) {
				continue
			}
		default:
			first, last := pick(c, firstNames), pick(c, lastNames)
			p = c.hire(first+" "+last, fmt.Sprintf("%s.%s.%d@example.com", lower(first), lower(last), len(c.people)))
		}
		c.join(w.id, p)
	}
}

// oddLeft returns the next person with an odd name who has no workspace yet.
func (c *Company) oddLeft() *person {
	for i := range oddNames {
		p := &c.people[i]
		taken := false
		for _, m := range c.members {
			taken = taken || m.user == p.id
		}
		if !taken {
			return p
		}
	}
	return nil
}

func (c *Company) isMember(workspace, user string) bool {
	for _, m := range c.members {
		if m.workspace == workspace && m.user == user {
			return true
		}
	}
	return false
}

// join makes p a member at some time in the last three years, and perhaps lets it leave again.
func (c *Company) join(workspace string, p person) *member {
	m := &member{
		workspace: workspace, user: p.id, active: true, dept: pick(c, departments),
		role: string(roles[c.rng.IntN(len(roles))]),
		zeal: 0.35 + c.rng.ExpFloat64()*0.75,
	}
	age := time.Duration(10+c.rng.IntN(1000)) * 24 * time.Hour
	m.joined = c.night.Add(-age).Add(c.part(24 * time.Hour)).UTC().Truncate(time.Second)
	if c.rng.IntN(5) > 0 && len(c.members) > 0 {
		m.invitedBy = c.mailOf(c.members[c.rng.IntN(len(c.members))].user)
		m.invited = m.joined.Add(-c.part(9 * 24 * time.Hour)).Truncate(time.Millisecond)
	}
	if c.rng.IntN(9) == 0 {
		m.active = false
		m.left = m.joined.Add(c.part(age - 5*24*time.Hour)).Truncate(time.Second)
	}
	c.remember(m)
	c.members = append(c.members, m)
	return m
}

// remember sets what the application knows of a member's time before the events that are still there.
func (c *Company) remember(m *member) {
	start := c.historyStart()
	if !m.joined.Before(start.AddDate(0, -1, 0)) || c.rng.IntN(4) == 0 {
		return
	}
	end := start
	if !m.left.IsZero() && m.left.Before(end) {
		end = m.left
	}
	first := m.joined.Add(c.part(end.Sub(m.joined) / 3)).Truncate(time.Millisecond)
	last := first.Add(c.part(end.Sub(first))).Truncate(time.Millisecond)
	m.seen[0], m.seen[1] = first, last
	if c.rng.IntN(3) > 0 {
		m.seen[2], m.seen[3] = first.Add(time.Hour), last.Add(time.Minute)
	}
}

func (c *Company) mailOf(user string) string {
	for _, p := range c.people {
		if p.id == user {
			return p.mail
		}
	}
	return ""
}

// furnish gives a workspace teams, agents, canvases and grids.
func (c *Company) furnish(w workspace) {
	members := c.membersOf(w.id)
	someone := func() *member { return members[c.rng.IntN(len(members))] }
	long := func() time.Time {
		return c.night.Add(-30 * 24 * time.Hour).Add(-c.part(600 * 24 * time.Hour)).UTC().Truncate(time.Second)
	}
	for i := range 2 + w.users/20 {
		t := team{w.id, "t_" + c.token(6), teamNames[i%len(teamNames)], [2]string{"open", "closed"}[c.rng.IntN(2)], someone().user, long()}
		c.teams = append(c.teams, t)
		in := map[string]bool{}
		for range 3 + c.rng.IntN(3+w.users/6) {
			m := someone()
			if !in[m.user] {
				in[m.user] = true
				c.teamPeople = append(c.teamPeople, teamMember{w.id, t.id, m.user, t.created.Add(c.part(29 * 24 * time.Hour)).Truncate(time.Second)})
			}
		}
		for range c.rng.IntN(6) {
			c.teamAssets = append(c.teamAssets, teamAsset{w.id, t.id, "as_" + c.token(6), pick(c, assetKinds)})
		}
	}
	for i := range 4 + w.users/8 {
		kind := agentKinds[i%len(agentKinds)]
		c.agents = append(c.agents, agent{
			workspace: w.id, id: "bot_" + c.token(7), name: pick(c, agentNames), kind: kind, creator: someone().user,
			enabled: c.rng.IntN(8) > 0, shared: kind != "studio_private" && c.rng.IntN(3) > 0, created: long(),
		})
	}
	for i := range 12 + w.users {
		p := place{w.id, "cv_" + c.token(9), fmt.Sprintf(pick(c, canvasNames), i), c.rng.IntN(25) == 0}
		c.canvases = append(c.canvases, p)
		m := someone()
		m.places = append(m.places, p.id)
	}
	for i := range 2 + w.users/10 {
		c.grids = append(c.grids, place{w.id, "gr_" + c.token(5), fmt.Sprintf("Grid \"%d\", %s", i, w.name), c.rng.IntN(12) == 0})
	}
}

func (c *Company) membersOf(workspace string) []*member {
	var of []*member
	for _, m := range c.members {
		if m.workspace == workspace {
			of = append(of, m)
		}
	}
	return of
}

// forget puts in the contradictions that a database has after some years.
func (c *Company) forget() {
	first := c.membersOf(c.workspaces[0].id)
	for i, m := range c.members {
		switch {
		case !m.active && i%7 == 0:
			m.active = true // came back: the day of leaving stayed in the table
		case !m.active && i%11 == 0:
			m.left = time.Time{} // revoked, nobody knows when
		}
	}
	first[9].role = "B"
	c.people[30].mail = "" // a user without an address, and one without a name
	c.people[31].name = ""
	// A member of a team that was deleted, an asset of one, and an asset that the table holds twice.
	c.teamPeople = append(c.teamPeople, teamMember{first[3].workspace, "t_deleted", first[3].user, first[3].joined.Add(time.Hour)})
	c.teamAssets = append(c.teamAssets, teamAsset{first[3].workspace, "t_deleted", "as_orphan", "voice"}, c.teamAssets[0])
	c.agents[2].creator = "u_gone" // made by someone the table does not hold
	c.teams[1].creator = ""
}

func lower(s string) string {
	b := []byte(s)
	for i, ch := range b {
		if ch >= 'A' && ch <= 'Z' {
			b[i] = ch + 'a' - 'A'
		}
	}
	return string(b)
}
