package figures

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/usagereport/usagereport/sinks/lake"
)

// question is a Query that fits a cube.
type question struct {
	workspaces []int32
	from, to   int // days of the window, both included
	top        int
}

// ask makes a question of a query. ErrQuery if it is none.
func (c *cube) ask(q Query) (question, error) {
	from, to, err := dates(q.From, q.To)
	if err != nil {
		return question{}, err
	}
	if q.From == "" {
		from = c.first
	}
	if q.To == "" {
		to = c.first + c.length - 1
	}
	from, to = from-c.first, to-c.first
	if from >= c.length || to < 0 || from > to {
		return question{}, fmt.Errorf("%w: there is no data of %s to %s, only of %s to %s",
			ErrQuery, c.date(from), c.date(to), c.window.From, c.window.To)
	}
	top := q.Top
	if top == 0 {
		top = 10
	}
	if top < 0 || top > MaxTop {
		return question{}, fmt.Errorf("%w: the top %d, expected 1 to %d", ErrQuery, top, MaxTop)
	}
	return question{workspaces: c.chosen(q.Workspaces), from: max(from, 0), to: min(to, c.length-1), top: top}, nil
}

// dates checks the bounds of a range, and returns them as days since 1970-01-01, 0 where one is empty.
func dates(from, to lake.Date) (first, last int, err error) {
	for _, d := range []struct {
		date lake.Date
		day  *int
	}{{from, &first}, {to, &last}} {
		if d.date == "" {
			continue
		}
		date, err := lake.ParseDate(string(d.date))
		if err != nil {
			return 0, 0, fmt.Errorf("%w: %w", ErrQuery, err)
		}
		*d.day = dayNumber(date)
	}
	if from != "" && to != "" && from > to {
		return 0, 0, fmt.Errorf("%w: from %s is after to %s", ErrQuery, from, to)
	}
	return first, last, nil
}

// answer works a question out, all but the Snapshot.
func (c *cube) answer(q question) *Usage {
	u := &Usage{Window: c.window, From: c.date(q.from), To: c.date(q.to)}
	now := c.count(q)
	u.Totals = now.totals
	if n := q.to - q.from + 1; q.from >= n {
		before := c.count(question{workspaces: q.workspaces, from: q.from - n, to: q.from - 1})
		u.Previous = &before.totals
	}
	u.Licences, u.InUse = now.licences, now.inUse
	u.Features = c.features(q)
	c.series(u, q, now)
	c.topAgents(u, q)
	c.topUsers(u, q, now)
	return u
}

// tally is what is known of each user, by code, and of all together.
type tally struct {
	totals   Totals
	licences int64
	inUse    int64

	generations, iq []int64  // of each user
	state           []uint8  // of each user: the bits below
	weeks           []uint64 // of each user: a bit for each week of the range with a login, from the first
	monday          int      // the first week, in days since 1970-01-01
}

const (
	generated uint8 = 1 << iota
	usedIQ
	active
)

// count goes through the users of a range.
func (c *cube) count(q question) *tally {
	n := len(c.users.ids.list)
	t := &tally{
		generations: make([]int64, n), iq: make([]int64, n), state: make([]uint8, n), weeks: make([]uint64, n),
		monday: mondayOf(c.first + q.from),
	}
	since := max(q.to-ActiveDays+1, 0)
	t.totals = Totals{From: c.date(q.from), To: c.date(q.to), ActiveFrom: c.date(since), ActiveTo: c.date(q.to)}
	inWorkspace := make([]int32, n) // the last workspace that a user was active in, plus 1
	for _, w := range q.workspaces {
		at := &c.workspaces[w]
		rows := &c.byUser
		s := rows.day.between(at.users, q.from, q.to)
		for i := s.lo; i < s.hi; i++ {
			user := rows.user[i]
			t.generations[user] += rows.generations.at(i)
			t.iq[user] += rows.iq.at(i)
			t.state[user] |= generated
			if rows.iq.small[i] != 0 {
				t.state[user] |= usedIQ
			}
		}
		s = rows.day.between(at.users, since, q.to)
		for _, user := range rows.user[s.lo:s.hi] {
			t.state[user] |= active
			inWorkspace[user] = w + 1
		}
		s = c.logins.day.between(at.logins, q.from, q.to)
		t.totals.Logins += int64(s.hi - s.lo)
		for i := s.lo; i < s.hi; i++ {
			week := (c.first + int(c.logins.day[i]) - t.monday) / 7
			t.weeks[c.logins.user[i]] |= 1 << week
		}
		s = c.logins.day.between(at.logins, since, q.to)
		for _, user := range c.logins.user[s.lo:s.hi] {
			t.state[user] |= active
			inWorkspace[user] = w + 1
		}
		t.licences += at.licences
		for _, seat := range c.seats[at.seat.lo:at.seat.hi] {
			if seat.active && inWorkspace[seat.user] == w+1 {
				t.inUse++
			}
		}
	}
	t.add()
	return t
}

// add makes totals of what is known of each user.
func (t *tally) add() {
	t.totals.WithoutUser = t.generations[nobody]
	for user, state := range t.state {
		t.totals.Generations += t.generations[user]
		t.totals.IQGenerations += t.iq[user]
		if user == nobody {
			continue
		}
		if state&generated != 0 {
			t.totals.Users++
		}
		if state&usedIQ != 0 {
			t.totals.IQUsers++
		}
		if state&active != 0 {
			t.totals.ActiveUsers++
		}
		if t.weeks[user] != 0 {
			t.totals.LoginUsers++
		}
	}
}

// features adds up generations by feature.
func (c *cube) features(q question) []Feature {
	all := make([]Feature, len(c.feature.list))
	for code, name := range c.feature.list {
		all[code].Name = name
	}
	rows := &c.byFeature
	for _, w := range q.workspaces {
		s := rows.day.between(c.workspaces[w].features, q.from, q.to)
		for i := s.lo; i < s.hi; i++ {
			f, n := &all[rows.feature[i]/2], rows.generations.at(i)
			f.Generations += n
			if rows.feature[i]%2 == 1 {
				f.IQGenerations += n
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Feature) int { return cmp.Compare(b.Generations, a.Generations) })
	return all
}

// series makes the weeks and the heatmap.
func (c *cube) series(u *Usage, q question, t *tally) {
	first, last := c.first+q.from, c.first+q.to
	for monday := t.monday; monday <= last; monday += 7 {
		u.Weeks = append(u.Weeks, Week{Monday: dateOf(monday), Days: min(monday+6, last) - max(monday, first) + 1})
	}
	days := make([]int64, q.to-q.from+1)
	rows := &c.byFeature
	for _, w := range q.workspaces {
		s := rows.day.between(c.workspaces[w].features, q.from, q.to)
		for i := s.lo; i < s.hi; i++ {
			day, n := int(rows.day[i]), rows.generations.at(i)
			days[day-q.from] += n
			if rows.feature[i]%2 == 1 {
				u.Weeks[(c.first+day-t.monday)/7].IQGenerations += n
			}
		}
		s = c.logins.day.between(c.workspaces[w].logins, q.from, q.to)
		for _, day := range c.logins.day[s.lo:s.hi] {
			u.Weeks[(c.first+int(day)-t.monday)/7].Logins++
		}
	}
	for _, weeks := range t.weeks {
		for ; weeks != 0; weeks &= weeks - 1 {
			u.Weeks[bits.TrailingZeros64(weeks)].LoginUsers++
		}
	}
	for i, n := range days {
		day := first + i
		u.Weeks[(day-t.monday)/7].Generations += n
		u.Heatmap.add(time.Unix(int64(day)*daySeconds, 0).UTC(), n)
	}
}

// add adds the next day.
func (h *Heatmap) add(day time.Time, n int64) {
	first := lake.Date(day.AddDate(0, 0, 1-day.Day()).Format(time.DateOnly))
	if len(h.Months) == 0 || h.Months[len(h.Months)-1].First != first {
		m := Month{First: first}
		for i := range m.Days {
			m.Days[i] = NoData
		}
		h.Months = append(h.Months, m)
	}
	m := &h.Months[len(h.Months)-1]
	m.Days[day.Day()-1] = n
	m.Generations += n
	h.Max = max(h.Max, n)
}
