package demo

import (
	"time"
)

// sighting is a user seen in a tool, as the source writes it: null for what the tool does not know.
type sighting struct {
	Tool   *string `json:"tool"`
	SeenAs string  `json:"seen_as"`
	At     string  `json:"at"`
	Mail   *string `json:"mail"`
	Login  *string `json:"login"`
	Name   *string `json:"name"`
	Robot  *bool   `json:"robot"`

	cut bool // the line ends in the middle
}

// someone is a person or a program that was seen in the tools, under all its looks.
type someone struct {
	looks    []look
	from, to time.Time // when it was there; zero is always
}

// look is one way in which someone shows up.
type look struct {
	identity
	robot    *bool
	tools    []string
	from, to time.Time // when, within the time that the person was there; zero is always
	times    int       // that it is seen, 0 is as chance has it
}

// identity is what a tool says of a user. What is empty it does not know.
type identity struct{ mail, login, name string }

// interactions are how somebody can be seen, the frequent ones more than once.
var interactions = []string{"Comment author", "Comment author", "Comment author", "Update", "Update", "Mapped user field",
	"Mapped user field", "Mention", "Attachment author"}

// clocks are how the tools write an instant: each in its own zone and as precisely as it likes.
var clocks = map[string]struct {
	layout string
	offset time.Duration
}{
	"jira":   {"2006-01-02T15:04:05.000Z07:00", 0},
	"github": {time.RFC3339, 0},
	"desk":   {"2006-01-02T15:04:05.000Z07:00", -4 * time.Hour},
	"wiki":   {time.RFC3339, 5*time.Hour + 30*time.Minute},
	"crm":    {"2006-01-02T15:04:05.000000Z07:00", 9 * time.Hour},
}

// see is a sighting of a look in a tool.
func (h *hub) see(l *look, tool string, at time.Time) sighting {
	clock := clocks[tool]
	zone := time.UTC
	if clock.offset != 0 {
		zone = time.FixedZone("", int(clock.offset/time.Second))
	}
	s := sighting{
		Tool: &tool, SeenAs: pick(h, interactions), At: at.In(zone).Format(clock.layout),
		Mail: optional(l.mail), Login: optional(l.login), Name: optional(l.name), Robot: l.robot,
	}
	if tool == "crm" { // which writes empty text for what it does not know
		for _, field := range []**string{&s.Mail, &s.Login, &s.Name} {
			if *field == nil {
				*field = new(string)
			}
		}
	}
	return s
}

// pastSightings makes who was seen until the first night, and those of the rest of its day.
func (h *hub) pastSightings() {
	for _, p := range h.people {
		for i := range p.looks {
			h.showUp(p, &p.looks[i])
		}
	}
	for i := range 12 { // nobody at all
		at := h.moment(h.night.AddDate(0, 0, -3-40*i))
		s := h.see(&look{identity: identity{"  ", "", ""}}, []string{"crm", "desk"}[i%2], at)
		h.arriveSighting(at, s)
	}
	h.breakSightings()
	_, sums := h.calendar()
	h.c.counts.Hub.People, h.c.counts.Hub.Identities = len(h.people), len(h.identities())
	h.usualSightings = h.perDay(sums, len(h.sightings))
	h.liveSightings(h.night, h.c.now)
}

// showUp has a look seen a few times: in each of its tools, and towards the end of its time.
func (h *hub) showUp(p *someone, l *look) {
	from, to := h.c.historyStart(), h.c.now
	for _, t := range []time.Time{p.from, l.from} {
		if t.After(from) {
			from = t
		}
	}
	for _, t := range []time.Time{p.to, l.to} {
		if !t.IsZero() && t.Before(to) {
			to = t
		}
	}
	n := l.times
	if n == 0 {
		n = len(l.tools) + 1 + int(h.rng.ExpFloat64()*8)
	}
	for i := range n {
		tool := l.tools[i%len(l.tools)]
		since := from
		if i <= len(l.tools) {
			since = to.Add(-to.Sub(from) / 4)
		}
		at := h.momentIn(since, to)
		h.arriveSighting(at, h.see(l, tool, at))
		if h.rng.IntN(300) == 0 {
			d := h.sightings[len(h.sightings)-1]
			sendAgain(h.dice, &h.sightings, d.event, d.row)
		}
	}
}

// momentIn returns an instant from a time on and before another, most likely in the office hours of a weekday.
func (h *hub) momentIn(from, to time.Time) time.Time {
	for range 20 {
		at := from.Add(h.part(to.Sub(from))).In(h.c.zone)
		y, m, d := at.Date()
		day := time.Date(y, m, d, 0, 0, 0, 0, h.c.zone)
		if h.rng.Float64() > h.c.busyness(day) {
			continue
		}
		if at = h.moment(day); !at.Before(from) && at.Before(to) {
			return at
		}
	}
	return from.Add(h.part(to.Sub(from))).Truncate(time.Microsecond)
}

func (h *hub) arriveSighting(at time.Time, s sighting) {
	arrival := at.Add(h.delay())
	if !arrival.Before(h.c.now) {
		arrival = h.c.now.Add(-time.Second)
	}
	sendAt(&h.sightings, at, arrival, s)
}

// liveSightings has people seen on a day, from an instant of it on.
func (h *hub) liveSightings(day, from time.Time) {
	for range h.poisson(h.usualSightings * h.c.busyness(day)) {
		p := pick(h, h.people)
		l := &p.looks[h.rng.IntN(len(p.looks))]
		if !p.to.IsZero() || !l.to.IsZero() || l.times > 0 {
			continue
		}
		if at := h.moment(day); !at.Before(from) {
			send(h.dice, &h.sightings, at, h.see(l, pick(h, l.tools), at))
		}
	}
}

// seeLate delivers a sighting of somebody who was there at the time.
func (h *hub) seeLate(at, now time.Time) {
	for {
		p := pick(h, h.people)
		l := &p.looks[h.rng.IntN(len(p.looks))]
		if p.from.IsZero() && p.to.IsZero() && l.from.IsZero() && l.to.IsZero() && l.times == 0 {
			sendAt(&h.sightings, at, now, h.see(l, pick(h, l.tools), at))
			return
		}
	}
}

// breakSightings adds lines that nothing can be made of, in deliveries that are weeks old.
func (h *hub) breakSightings() {
	l := &h.people[0].looks[0]
	for i := range 5 {
		at := h.moment(h.night.AddDate(0, 0, -45-17*i))
		s := h.see(l, "jira", at)
		switch i {
		case 0, 1:
			s.At = "2026-02-30T09:00:00Z" // no such day
		case 2, 3:
			s.Tool = nil
		case 4:
			s.cut = true
		}
		sendAt(&h.sightings, at, at.Add(time.Second), s)
		h.c.counts.Hub.Broken++
	}
}

// identities are the distinct ones, as the tools write them.
func (h *hub) identities() map[identity]bool {
	all := map[identity]bool{}
	for _, p := range h.people {
		for _, l := range p.looks {
			all[l.identity] = true
		}
	}
	return all
}
