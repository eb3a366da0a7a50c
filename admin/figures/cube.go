package figures

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
)

// cube holds what a year of usage logs comes to by workspace and day, once by feature and IQ, once by user, once by agent, and
// who logged in. Three narrow tables are smaller and faster than one of everything: nothing asks for users by feature. Rows
// stand by workspace, then by day. A finished cube does not change.
type cube struct {
	window lake.Window
	first  int // days since 1970-01-01 of the window's first day
	length int // days of the window

	ids        *names // of workspaces; its codes are the indexes of workspaces
	workspaces []workspace
	sorted     []int32 // workspaces by id

	users   people
	agents  *names
	agent   []agentInfo
	feature *names // the documented ones first

	byFeature featureRows
	byUser    userRows
	byAgent   agentRows
	logins    loginRows
	seats     []seat // licences and former ones, by workspace

	answers answers
}

// workspace is a workspace with its rows of each table.
type workspace struct {
	name                          string
	licences                      int64
	features, users, agents, seat span
	logins                        span
}

// people are users by code. Code 0 is nobody: the generations without a user.
type people struct {
	ids         *names
	name, email []string
}

const nobody = 0

type agentInfo struct {
	name, kind string
}

type featureRows struct {
	day         days
	feature     []uint16 // twice the feature's code, plus 1 with IQ
	generations counts
}

type userRows struct {
	day         days
	user        []int32
	generations counts
	iq          counts // of generations
}

type agentRows struct {
	day         days
	agent       []int32
	generations counts
}

type loginRows struct {
	day  days
	user []int32
}

type seat struct {
	user   int32
	active bool
}

// maxDays is the longest window: its weeks must fit into the bits of one number.
const maxDays = 63 * 7

func newCube(window lake.Window) (*cube, error) {
	from, err := lake.ParseDate(string(window.From))
	if err != nil {
		return nil, err
	}
	to, err := lake.ParseDate(string(window.To))
	if err != nil {
		return nil, err
	}
	c := &cube{
		window: window, first: dayNumber(from), length: dayNumber(to) - dayNumber(from) + 1,
		ids: newNames(), users: people{ids: newNames()}, agents: newNames(), feature: newNames(),
	}
	if c.length < 1 || c.length > maxDays {
		return nil, fmt.Errorf("window %s is %s to %s, expected 1 to %d days", window.Name, window.From, window.To, maxDays)
	}
	c.users.ids.list = append(c.users.ids.list, "") // nobody, who has no id to be found by
	c.users.grow()
	log := dictionary.GenerationLog
	for _, v := range log.Fields[log.Index("generation_feature")].Enum {
		c.feature.code(v.Name)
	}
	return c, nil
}

// grow makes room for the users that were given codes.
func (p *people) grow() {
	for len(p.name) < len(p.ids.list) {
		p.name, p.email = append(p.name, ""), append(p.email, "")
	}
}

// day returns the position in the window of a day since 1970-01-01.
func (c *cube) day(since1970 int) (int, error) {
	if d := since1970 - c.first; d >= 0 && d < c.length {
		return d, nil
	}
	return 0, fmt.Errorf("a row of %s, expected days from %s to %s", dateOf(since1970), c.window.From, c.window.To)
}

// date returns the day at a position in the window.
func (c *cube) date(day int) lake.Date { return dateOf(c.first + day) }

// bytes estimates the memory that the cube takes.
func (c *cube) bytes() int64 {
	n := c.ids.bytes() + c.users.ids.bytes() + c.agents.bytes() + c.feature.bytes()
	n += 2 * 16 * int64(cap(c.users.name))
	n += 32 * int64(cap(c.agent))
	n += 112 * int64(cap(c.workspaces))
	n += 2*int64(cap(c.byFeature.day)) + 2*int64(cap(c.byFeature.feature)) + c.byFeature.generations.bytes()
	n += 2*int64(cap(c.byUser.day)) + 4*int64(cap(c.byUser.user)) + c.byUser.generations.bytes() + c.byUser.iq.bytes()
	n += 2*int64(cap(c.byAgent.day)) + 4*int64(cap(c.byAgent.agent)) + c.byAgent.generations.bytes()
	n += 2*int64(cap(c.logins.day)) + 4*int64(cap(c.logins.user))
	return n + 8*int64(cap(c.seats))
}

// finish ends the building: it lets go of spare room and sorts the workspaces.
func (c *cube) finish() {
	c.users.grow()
	for range len(c.agents.list) - len(c.agent) {
		c.agent = append(c.agent, agentInfo{})
	}
	clip(&c.byFeature.feature)
	clip(&c.byFeature.day)
	clip(&c.byFeature.generations.small)
	clip(&c.byUser.user)
	clip(&c.byUser.day)
	clip(&c.byUser.generations.small)
	clip(&c.byUser.iq.small)
	clip(&c.byAgent.agent)
	clip(&c.byAgent.day)
	clip(&c.byAgent.generations.small)
	clip(&c.logins.user)
	clip(&c.logins.day)
	clip(&c.seats)
	for i := range c.workspaces {
		c.sorted = append(c.sorted, int32(i))
	}
	slices.SortFunc(c.sorted, func(a, b int32) int { return cmp.Compare(c.ids.list[a], c.ids.list[b]) })
}

// clip copies a slice that has much more room than it needs.
func clip[S ~[]E, E any](s *S) {
	if cap(*s)-len(*s) > len(*s)/16 {
		*s = append(make(S, 0, len(*s)), *s...)
	}
}

// chosen returns the positions of the workspaces with these ids, in the order of all ids; nil asks for all.
func (c *cube) chosen(ids []string) []int32 {
	if ids == nil {
		return c.sorted
	}
	var found []int32
	for _, id := range ids {
		if code, ok := c.ids.codes[id]; ok {
			found = append(found, code)
		}
	}
	slices.SortFunc(found, func(a, b int32) int { return strings.Compare(c.ids.list[a], c.ids.list[b]) })
	return slices.Compact(found)
}

// list returns all workspaces by id.
func (c *cube) list() []Workspace {
	all := make([]Workspace, 0, len(c.sorted))
	for _, i := range c.sorted {
		w := &c.workspaces[i]
		all = append(all, Workspace{ID: c.ids.list[i], Name: w.name, Licences: w.licences})
	}
	return all
}

func (c *cube) hold() {}

func (c *cube) drop() {}
