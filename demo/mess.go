package demo

import (
	"fmt"
	"time"
)

// edges puts events where mistakes hide: at midnight in the zone and a microsecond to either side, where a window
// begins, at the run date, on the days when the clock changes; and events of things that no longer exist.
func (c *Company) edges() {
	m := c.membersOf(c.workspaces[0].id)[0]
	m.joined = c.historyStart().AddDate(0, -2, 0).UTC()
	m.active, m.left = true, time.Time{}
	midnights := []time.Time{c.night, c.night.AddDate(0, 0, -1), c.night.AddDate(0, 0, -364), c.night.AddDate(0, 0, -365)}
	for day := c.night.AddDate(0, 0, -360); day.Before(c.night.AddDate(0, 0, -1)); day = day.AddDate(0, 0, 1) {
		next := day.AddDate(0, 0, 1)
		if next.Sub(day) != 24*time.Hour || day.YearDay() == 1 {
			midnights = append(midnights, day, next)
		}
	}
	for _, midnight := range midnights {
		for _, d := range []time.Duration{-time.Microsecond, 0, time.Microsecond} {
			at := midnight.Add(d)
			l := login{c.uuid(), m.workspace, m.user, at.UTC().Format(clockText)}
			sendAt(&c.logins, at, at.Add(time.Second), l)
			g := generation{ID: c.uuid(), Workspace: m.workspace, At: at.UnixMicro(), Kind: "text", Surface: "chat", User: m.user}
			sendAt(&c.generations, at, at.Add(time.Second), g)
		}
	}
	// The application keeps its own date of the last login, which by the night is one of today.
	m.seen[1] = c.night.Add(time.Microsecond)

	for i := range 40 {
		at := c.moment(c.night.AddDate(0, 0, -3-5*i))
		gone := &member{workspace: m.workspace, user: "u_gone", role: "U"}
		if i%4 == 3 {
			gone.workspace = closedWorkspace
		}
		c.login(gone, at)
		g := generation{ID: c.uuid(), Workspace: gone.workspace, At: at.UnixMicro(), Kind: "text", Surface: "chat", User: gone.user}
		switch i % 4 {
		case 0:
			g.Surface, g.Agent = "agent_run", "bot_gone"
		case 1:
			g.Surface, g.Canvas = "ask_jasper", "cv_gone"
		case 2:
			g.Surface, g.Grid = "agent_run", "gr_gone"
		}
		c.sendGeneration(g, at)

		// Values that nobody has mapped: a feature, a kind of content, a kind of agent.
		at = at.Add(time.Hour)
		g = generation{ID: c.uuid(), Workspace: m.workspace, At: at.UnixMicro(), Kind: "text", Surface: "hologram", User: m.user}
		switch i % 3 {
		case 1:
			g.Kind, g.Surface = "video", "chat"
		case 2:
			g.Surface, g.AgentKind = "agent_run", "prototype"
		}
		c.sendGeneration(g, at)
	}
}

// breakRows adds rows that nothing can be made of, all of them in deliveries that are weeks old.
func (c *Company) breakRows() {
	m := c.membersOf(c.workspaces[1].id)[1]
	for i := range 20 {
		at := c.moment(c.night.AddDate(0, 0, -60-11*i))
		g := generation{ID: c.uuid(), Workspace: m.workspace, At: at.UnixMicro(), Kind: "text", Surface: "chat", User: m.user}
		if i%3 == 2 {
			g.Canvas = "cv_\xff\xfe" // not UTF-8
		} else {
			g.Workspace = "" // null
		}
		sendAt(&c.generations, at, at.Add(time.Second), g)

		if i >= 14 {
			continue
		}
		l := login{c.uuid(), m.workspace, m.user, at.UTC().Format(clockText)}
		if i%2 == 0 {
			l.user = "" // null
		} else {
			l.at = fmt.Sprintf("%d-13-%02dT09:00:00.000000Z", at.Year()-1, i+1) // no such month
		}
		sendAt(&c.logins, at, at.Add(time.Second), l)
	}
	c.counts.Broken += 20 + 14
}

// change is what happens to the company itself in a day.
func (c *Company) change(yesterday time.Time) {
	c.news = nil
	home := c.workspaces[0].id
	members := c.membersOf(home)
	noon := yesterday.Add(12 * time.Hour)

	renamed := c.personOf(members[4].user)
	old := renamed.name
	renamed.name += "-Winter"
	c.tell("%s is now called %s", old, renamed.name)

	gone := members[6]
	for i, m := range c.members {
		if m == gone {
			c.members = append(c.members[:i:i], c.members[i+1:]...)
			break
		}
	}
	c.tell("%s was deleted from %s; events, teams and agents still name this user", c.personOf(gone.user).name, home)

	p := c.hire("Noor Newcomer", fmt.Sprintf("noor.%s@example.com", yesterday.Format("0102")))
	fresh := &member{workspace: home, user: p.id, role: "M", dept: "Marketing", active: true, zeal: 1, joined: noon.UTC()}
	fresh.invitedBy, fresh.invited = renamed.mail, noon.Add(-26*time.Hour)
	c.members = append(c.members, fresh)
	for i := range 5 {
		at := noon.Add(time.Duration(i+1) * time.Hour)
		c.login(fresh, at)
		c.generate(fresh, at.Add(time.Minute))
	}
	c.tell("%s joined %s", p.name, home)

	a := c.agentOf(home)
	c.tell("the agent %q is now called %q", a.name, a.name+" II")
	a.name += " II"
	for i := len(c.agents) - 1; i >= 0; i-- {
		if c.agents[i].workspace == home && a.name != c.agents[i].name+" II" {
			c.tell("the agent %q was deleted", c.agents[i].name)
			c.agents = append(c.agents[:i:i], c.agents[i+1:]...)
			break
		}
	}
	c.tell("the canvas %q is now called %q, and %q was deleted", c.canvases[0].name, "Renamed plan", c.canvases[1].name)
	c.canvases[0].name, c.canvases[0].unnamed = "Renamed plan", false
	c.canvases = append(c.canvases[:1:1], c.canvases[2:]...)

	// Rows that were stuck somewhere: from last week and from half a year ago.
	const stuck = 24
	for i := range stuck {
		at := c.moment(yesterday.AddDate(0, 0, -2-i%6))
		if i%4 == 0 {
			at = c.moment(yesterday.AddDate(0, 0, -180-i))
		}
		m := members[i%len(members)]
		l := login{c.uuid(), m.workspace, m.user, at.UTC().Format(clockText)}
		sendAt(&c.logins, at, noon, l)
		g := generation{ID: c.uuid(), Workspace: m.workspace, At: at.UnixMicro(), Kind: "text", Surface: "chat", User: m.user}
		sendAt(&c.generations, at, noon, g)
	}
	c.tell("%d logins and %d generations arrived days or months late", stuck, stuck)
}

func (c *Company) personOf(user string) *person {
	for i := range c.people {
		if c.people[i].id == user {
			return &c.people[i]
		}
	}
	return &person{id: user}
}

func (c *Company) tell(format string, args ...any) {
	c.news = append(c.news, fmt.Sprintf(format, args...))
}
