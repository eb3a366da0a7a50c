package demo

import (
	"fmt"
	"slices"
	"time"
)

// firstSyncs is how many sync events the sources hold on the first night, those that came twice or are broken not counted.
const firstSyncs = 60_000

// syncing is an attempt to synchronise an entity, in the words of the source. Text that is empty is null.
type syncing struct {
	id, link, side, kind, key string
	at                        int64 // ms since 1970
	ok                        bool
	a, b                      string // projects
}

// pastSyncs makes what was synchronised until the first night, all of which has arrived, and the rest of its day.
func (h *hub) pastSyncs() {
	h.brinkSyncs()
	for i := range 40 { // of an integration that nobody knows
		at := h.moment(h.night.AddDate(0, 0, -2-9*i))
		h.arrive(at, syncing{
			link: unknownLink, side: "jira", kind: "Issue", key: fmt.Sprintf("OLD-%d", i%15), ok: true, a: "Web Shop", b: "shop-web",
		})
	}
	for range 20 { // in the hours before the run: of the run date, which no report counts
		h.arriveSync(h.night.Add(h.part(2 * time.Hour)))
	}
	calendar, sums := h.calendar()
	for len(h.syncs) < firstSyncs {
		if at := h.moment(calendar[h.drawDay(sums)]); at.Before(h.c.now) {
			h.arriveSync(at)
		}
	}
	for i := range firstSyncs {
		if d := h.syncs[i]; h.rng.IntN(300) == 0 {
			sendAgain(h.dice, &h.syncs, d.event, d.row)
		}
	}
	h.breakSyncs()
	h.usualSyncs = h.perDay(sums, firstSyncs)
	h.liveSyncs(h.night, h.c.now)
}

// liveSyncs synchronises on a day, from an instant of it on. Rows come soon or late, and some twice.
func (h *hub) liveSyncs(day, from time.Time) {
	for range h.poisson(h.usualSyncs * h.c.busyness(day)) {
		at := h.moment(day)
		if at.Before(from) {
			continue
		}
		s := h.syncing(at)
		s.id, s.at = h.uuid(), at.UnixMilli()
		send(h.dice, &h.syncs, at, s)
		if h.rng.IntN(300) == 0 {
			sendAgain(h.dice, &h.syncs, at, s)
		}
	}
}

// calendar returns the days until the first night, and how much went on until the end of each.
func (h *hub) calendar() (of []time.Time, sums []float64) {
	sum := 0.0
	for day := h.c.historyStart(); !day.After(h.night); day = day.AddDate(0, 0, 1) {
		sum += h.c.busyness(day)
		of, sums = append(of, day), append(sums, sum)
	}
	return of, sums
}

// drawDay returns the position of a day, a busy one more likely than a quiet one.
func (h *hub) drawDay(sums []float64) int {
	i, _ := slices.BinarySearch(sums, h.rng.Float64()*sums[len(sums)-1])
	return min(i, len(sums)-1)
}

// perDay is how many of n events fall on a day of busyness 1.
func (h *hub) perDay(sums []float64, n int) float64 { return float64(n) / sums[len(sums)-1] }

// arrive queues an event that has arrived by the coming night, soon or late.
func (h *hub) arrive(at time.Time, s syncing) {
	s.id, s.at = h.uuid(), at.UnixMilli()
	arrival := at.Add(h.delay())
	if !arrival.Before(h.c.now) {
		arrival = h.c.now.Add(-time.Second)
	}
	sendAt(&h.syncs, at, arrival, s)
}

// arriveSync is an event of chance that has arrived by the coming night.
func (h *hub) arriveSync(at time.Time) { h.arrive(at, h.syncing(at)) }

// syncing makes an event of an integration that was at work at the time up.
func (h *hub) syncing(at time.Time) syncing {
	ago := max(0, int(h.night.Sub(at).Hours()/24))
	l := h.linkAt(ago)
	side := l.a
	if h.rng.IntN(2) == 0 {
		side = l.b
	}
	k := h.kindAt(side, ago)
	s := syncing{link: l.id, side: side, kind: k.name, ok: !k.fails && h.rng.IntN(33) > 0}

	// Numbers grow with time, and what is new is synchronised the most.
	start := h.night.AddDate(0, -historyMonths, 0)
	grown := at.Sub(start).Hours() / h.night.Sub(start).Hours()
	n := int((grown - h.rng.ExpFloat64()*0.06) * float64(k.pool))
	s.key = fmt.Sprintf(k.form, max(1, n))

	pair := h.pairOf(l)
	switch chance := h.rng.IntN(100); {
	case chance < 8: // the names got lost
	case chance == 8:
		s.a = pair.a
	default:
		s.a, s.b = pair.a, pair.b
	}
	return s
}

func (h *hub) linkAt(ago int) *link {
	at := func(l *link) bool { return (l.from == 0 || ago <= l.from) && ago >= l.to }
	sum := 0.0
	for _, l := range h.links {
		if at(l) {
			sum += l.weight
		}
	}
	left := h.rng.Float64() * sum
	var last *link
	for _, l := range h.links {
		if at(l) {
			last = l
			if left -= l.weight; left < 0 {
				break
			}
		}
	}
	return last
}

func (h *hub) kindAt(key string, ago int) kind {
	t := h.tools[slices.IndexFunc(h.tools, func(t tool) bool { return t.key == key })]
	left := h.rng.Float64() * 100
	for _, k := range t.kinds {
		if left -= k.weight; left < 0 && ago >= k.until {
			return k
		}
	}
	return t.kinds[0]
}

func (h *hub) pairOf(l *link) projectPair {
	var of []projectPair
	for _, p := range h.pairs {
		if p.link == l.id && !p.quiet {
			of = append(of, p)
		}
	}
	return pick(h, of)
}

// brinkSyncs puts an entity of its own at each instant where a window begins or ends.
func (h *hub) brinkSyncs() {
	for i, at := range h.brinks() {
		h.arrive(at, syncing{link: "ln-01", side: "jira", kind: "Issue", key: fmt.Sprintf("BRINK-%02d", i+1), ok: true, a: "Web Shop", b: "shop-web"})
	}
}

// breakSyncs adds rows that nothing can be made of, in deliveries that are weeks old.
func (h *hub) breakSyncs() {
	for i := range 6 {
		at := h.moment(h.night.AddDate(0, 0, -50-13*i))
		s := syncing{id: h.uuid(), link: "ln-05", side: "jira", kind: "Issue", key: "SHOP-1", at: at.UnixMilli(), ok: true}
		switch i % 3 {
		case 0:
			s.link = "" // null
		case 1:
			s.kind = "" // null
		case 2:
			s.key = "SHOP-\xff" // not UTF-8
		}
		sendAt(&h.syncs, at, at.Add(time.Second), s)
		h.c.counts.Hub.Broken++
	}
}

// stuck delivers events and sightings days, months and more than a year after they happened.
func (h *hub) stuck(now time.Time) {
	const n = 24
	for i := range n {
		ago := 2 + i%6
		switch {
		case i%8 == 3:
			ago = 400 + i
		case i%4 == 1:
			ago = 170 + i
		}
		at := h.moment(h.night.AddDate(0, 0, -ago))
		s := h.syncing(at)
		s.id, s.at = h.uuid(), at.UnixMilli()
		sendAt(&h.syncs, at, now, s)
		h.seeLate(at, now)
	}
	h.c.tell("%d sync events and %d sightings of users arrived days or months late", n, n)
}
