package figures

import "slices"

// ranked is something with a number.
type ranked struct {
	code int32
	n    int64
}

// top returns the most largest of what has a number above zero, largest first and equal ones by id.
func top(numbers []int64, ids []string, skip func(code int32) bool, most int) (best []ranked, count int64) {
	before := func(a, b ranked) int {
		switch {
		case a.n != b.n && a.n > b.n:
			return -1
		case a.n != b.n:
			return 1
		case ids[a.code] < ids[b.code]:
			return -1
		case ids[a.code] > ids[b.code]:
			return 1
		}
		return 0
	}
	for code, n := range numbers {
		r := ranked{int32(code), n}
		if n <= 0 || skip(r.code) {
			continue
		}
		count++
		if len(best) == most && before(r, best[most-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, r, before)
		if len(best) == most {
			best = best[:most-1]
		}
		best = slices.Insert(best, at, r)
	}
	return best, count
}

func (c *cube) topUsers(u *Usage, q question, t *tally) {
	best, _ := top(t.generations, c.users.ids.list, func(code int32) bool { return code == nobody }, q.top)
	for _, r := range best {
		u.Users = append(u.Users, User{
			ID: c.users.ids.list[r.code], Name: c.users.name[r.code], Email: c.users.email[r.code],
			Generations: r.n, IQGenerations: t.iq[r.code],
		})
	}
}

func (c *cube) topAgents(u *Usage, q question) {
	numbers := make([]int64, len(c.agents.list))
	rows := &c.byAgent
	for _, w := range q.workspaces {
		s := rows.day.between(c.workspaces[w].agents, q.from, q.to)
		for i := s.lo; i < s.hi; i++ {
			numbers[rows.agent[i]] += rows.generations.at(i)
		}
	}
	for _, n := range numbers {
		u.WithAgent += n
	}
	best, count := top(numbers, c.agents.list, func(int32) bool { return false }, q.top)
	u.AgentCount = count
	for _, r := range best {
		info := c.agent[r.code]
		u.Agents = append(u.Agents, Agent{ID: c.agents.list[r.code], Name: info.name, Type: info.kind, Generations: r.n})
	}
}
