package demo

import (
	"math"
	"time"
)

// login is a row of the source's table of logins. at is text, as SQLite has it.
type login struct {
	id, workspace, user string // user empty is null
	at                  string
}

// generation is an event of content being generated. The zero of a field is null, but for At, Kind and Surface.
type generation struct {
	ID, Workspace      string
	At                 int64 // µs since 1970
	Kind, Surface      string
	User, Canvas, Grid string
	Path               string
	Agent, AgentKind   string
	IQ                 *bool
	Batch              int32 // how many generations the row stands for
}

// delivery is a row and when it arrives.
type delivery[T any] struct {
	event, at time.Time
	repeat    bool // the event is delivered by another row as well
	row       T
}

// send queues a row of an event to be delivered soon, or late.
func send[T any](d dice, queue *[]delivery[T], event time.Time, row T) {
	*queue = append(*queue, delivery[T]{event: event, at: event.Add(d.delay()), row: row})
}

// sendAgain queues the same row to be delivered once more.
func sendAgain[T any](d dice, queue *[]delivery[T], event time.Time, row T) {
	*queue = append(*queue, delivery[T]{event: event, at: event.Add(d.delay() + d.again()), repeat: true, row: row})
}

// sendAt queues a row to be delivered at a given instant.
func sendAt[T any](queue *[]delivery[T], event, at time.Time, row T) {
	*queue = append(*queue, delivery[T]{event: event, at: at, row: row})
}

// clockText is how the source writes an instant: it sorts as time does.
const clockText = "2006-01-02T15:04:05.000000Z"

// live lets the company live through a calendar day of the zone.
func (c *Company) live(day time.Time) {
	busy := c.busyness(day)
	for _, m := range c.members {
		if m.joined.After(day) || !m.left.IsZero() && !m.left.After(day) {
			continue
		}
		if c.rng.Float64() < math.Min(0.96, 0.27*m.zeal*busy) {
			c.work(m, day)
		}
	}
	for _, w := range c.workspaces {
		quiet := 0.35 + 0.65*busy // programs rest less than people
		for range c.poisson(w.api * quiet) {
			c.call(w, day)
		}
	}
}

// busyness is how much goes on, around 1: weekdays, holidays and growth.
func (c *Company) busyness(day time.Time) float64 {
	week := [...]float64{0.10, 1.0, 1.12, 1.1, 1.02, 0.8, 0.13}[day.Weekday()]
	months := c.night.Sub(day).Hours() / 24 / 30.4
	growth := 0.55 + 0.9*math.Max(0, 1-months/historyMonths)
	return week * growth * holiday(day)
}

// holiday dips: year's end, Independence Day, Thanksgiving with the Friday after, and a slow August.
func holiday(day time.Time) float64 {
	_, m, d := day.Date()
	switch {
	case m == time.December && d >= 23, m == time.January && d == 1:
		return 0.12
	case m == time.July && d == 4:
		return 0.2
	case m == time.November && d >= 22 && d <= 28 && day.Weekday() == time.Thursday,
		m == time.November && d >= 23 && d <= 29 && day.Weekday() == time.Friday:
		return 0.15
	case m == time.August:
		return 0.8
	}
	return 1
}

// work is a member's day: one login or more, and mostly some content.
func (c *Company) work(m *member, day time.Time) {
	at := c.moment(day)
	for c.login(m, at); c.rng.IntN(4) == 0; c.login(m, at) {
		at = c.moment(day)
	}
	if c.rng.IntN(10) < 3 {
		return
	}
	for range 1 + int(c.rng.ExpFloat64()*4.2) {
		c.generate(m, c.moment(day))
	}
}

func (c *Company) login(m *member, at time.Time) {
	c.sendLogin(login{c.uuid(), m.workspace, m.user, at.UTC().Format(clockText)}, at)
}

// sendLogin delivers a login soon, or late, and some twice.
func (c *Company) sendLogin(l login, at time.Time) {
	send(c.dice, &c.logins, at, l)
	if c.rng.IntN(400) == 0 {
		sendAgain(c.dice, &c.logins, at, l)
	}
}

// generate is one piece of content of a member.
func (c *Company) generate(m *member, at time.Time) {
	g := generation{ID: c.uuid(), Workspace: m.workspace, At: at.UnixMicro(), Kind: "text", User: m.user, IQ: c.iq()}
	if c.rng.IntN(11) == 0 {
		g.Kind = "image"
	}
	if m.role == "D" && c.rng.IntN(2) == 0 {
		g.Surface, g.Path = "api", c.path(m.workspace)
		c.sendGeneration(g, at)
		return
	}
	switch n := c.rng.IntN(100); {
	case n < 38:
		g.Surface = "chat"
		if n == 0 {
			g.Path = "/internal/chat/" + c.token(6) // no endpoint: the feature is not API
		}
	case n < 62:
		g.Surface = "agent_run"
		c.withAgent(&g)
	case n < 76:
		g.Surface = "inline_command"
		g.Canvas = c.canvas(m)
	case n < 89:
		g.Surface = "ask_jasper"
		g.Canvas = c.canvas(m)
	case n < 98:
		g.Surface = "browser_extension"
	default:
		g.Surface = "templates"
	}
	if g.Surface == "chat" && c.rng.IntN(6) == 0 {
		g.Canvas = c.canvas(m)
	}
	c.sendGeneration(g, at)
}

// withAgent runs an agent: one of the workspace's, whose kind the event may leave out, or one of the product's.
func (c *Company) withAgent(g *generation) {
	switch n := c.rng.IntN(20); {
	case n < 2:
		g.AgentKind = "advanced"
	case n < 4:
		g.Agent, g.AgentKind = [...]string{"public_blog", "public_seo", "public_bio"}[n%3], "public"
	case n == 4:
		g.AgentKind = "single_use"
	default:
		a := c.agentOf(g.Workspace)
		g.Agent = a.id
		if n > 9 {
			g.AgentKind = a.kind
		}
		if n == 19 {
			g.Grid = c.gridOf(g.Workspace)
		}
	}
}

func (c *Company) agentOf(workspace string) *agent {
	from, to := len(c.agents), 0
	for i := range c.agents {
		if c.agents[i].workspace == workspace {
			from, to = min(from, i), i+1
		}
	}
	if from >= to {
		return &agent{id: "bot_gone", kind: "saved"}
	}
	// The first of a workspace is the favourite.
	i := from + int(float64(to-from)*math.Pow(c.rng.Float64(), 2))
	return &c.agents[i]
}

func (c *Company) gridOf(workspace string) string {
	var of []string
	for _, g := range c.grids {
		if g.workspace == workspace {
			of = append(of, g.id)
		}
	}
	return pick(c, of)
}

// canvas returns a canvas of the member's own, mostly.
func (c *Company) canvas(m *member) string {
	if len(m.places) > 0 && c.rng.IntN(5) > 0 {
		return pick(c, m.places)
	}
	for {
		if p := pick(c, c.canvases); p.workspace == m.workspace {
			return p.id
		}
	}
}

// call is a call of the API, as a rule by nobody in particular.
func (c *Company) call(w workspace, day time.Time) {
	at := day.Add(c.part(day.AddDate(0, 0, 1).Sub(day))).Truncate(time.Microsecond)
	g := generation{ID: c.uuid(), Workspace: w.id, At: at.UnixMicro(), Kind: "text", Surface: "api", Path: c.path(w.id), IQ: c.iq()}
	if c.rng.IntN(3) == 0 {
		a := c.agentOf(w.id)
		g.Agent = a.id
		g.Path = "/v1/agents/" + slug(a.name) + "/run"
	}
	if c.rng.IntN(25) == 0 {
		g.Batch = int32(2 + c.rng.IntN(9))
		g.Path = "/v1/batches/" + c.digits(6)
	}
	if c.rng.IntN(60) == 0 {
		g.Path = ""
	}
	if c.rng.IntN(400) == 0 {
		g.ID = "" // an old client, which gives its events no id
	}
	c.sendGeneration(g, at)
}

// sendGeneration delivers an event soon, or late, and some twice.
func (c *Company) sendGeneration(g generation, at time.Time) {
	send(c.dice, &c.generations, at, g)
	if g.ID != "" && c.rng.IntN(300) == 0 {
		sendAgain(c.dice, &c.generations, at, g)
	}
}

// iq is true, false or, now and then, null.
func (c *Company) iq() *bool {
	n := c.rng.IntN(10)
	if n == 9 {
		return nil
	}
	used := n < 4
	return &used
}
