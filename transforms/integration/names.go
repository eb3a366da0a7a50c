package integration

import (
	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/current"
	"github.com/usagereport/usagereport/transforms/facts"
)

// systems is what to call systems.
type systems struct {
	names map[string]string // by id
	taken map[string]bool   // names that known systems have
}

// newSystems names the known systems. Several of one name are told apart by their ids.
func newSystems(known *current.Table) *systems {
	s := &systems{names: map[string]string{}, taken: map[string]bool{}}
	bearers := map[string]int{}
	for i := range known.Len() {
		name, _ := known.Text("system_name", i)
		bearers[name]++
	}
	for i := range known.Len() {
		id, _ := known.Text("system_id", i)
		name, _ := known.Text("system_name", i)
		if name == "" {
			continue
		}
		if bearers[name] > 1 {
			name += " (" + id + ")"
		}
		s.names[id], s.taken[name] = name, true
	}
	return s
}

// name returns what to call a system, its id when nobody ever named it.
func (s *systems) name(id string) string {
	switch name, ok := s.names[id]; {
	case ok:
		return name
	case s.taken[id]:
		return id + " (" + id + ")" // another system has that name
	}
	return id
}

// pair is two systems that integrations connect, in the order in which these have them (contract §6).
type pair struct {
	system1, system2 string // ids
	status           status
}

// pairs is the pairs of all known integrations.
type pairs struct {
	list  []pair
	index map[[2]string]int
	known *current.Table // integrations
}

func newPairs(today, known *current.Table) *pairs {
	p := &pairs{index: map[[2]string]int{}, known: known}
	for i := range known.Len() {
		key := p.key(i)
		at, ok := p.index[key]
		if !ok {
			at = len(p.list)
			p.index[key] = at
			p.list = append(p.list, pair{system1: key[0], system2: key[1]})
		}
		id, _ := known.Text("integration_id", i)
		p.list[at].status.add(statusOf(today, id))
	}
	return p
}

func (p *pairs) key(row int) (key [2]string) {
	key[0], _ = p.known.Text("system1_id", row)
	key[1], _ = p.known.Text("system2_id", row)
	return key
}

// of returns the pair of an integration, -1 when no snapshot ever knew it.
func (p *pairs) of(integration string) int {
	row, ok := p.known.Find(integration)
	if !ok {
		return -1
	}
	return p.index[p.key(row)]
}

// byCode returns the pairs of the integrations that the facts name, by code.
func (p *pairs) byCode(m *facts.Merger) []int {
	out := []int{-1}
	for _, id := range m.Values(syncIntegration) {
		out = append(out, p.of(id))
	}
	return out
}

// status is the status of several things together: Active if any is; else what all of them are, Inactive if they differ.
type status struct {
	text string
}

func (s *status) add(one string) {
	switch {
	case s.text == "":
		s.text = one
	case one == dictionary.StatusActive:
		s.text = one
	case s.text != dictionary.StatusActive && s.text != one:
		s.text = dictionary.StatusInactive
	}
}

// statusOf returns the status of a row of today, Inactive when there is none: what is gone is not at work.
func statusOf(today *current.Table, key ...string) string {
	if i, ok := today.Find(key...); ok {
		text, _ := today.Text("status", i)
		return text
	}
	return dictionary.StatusInactive
}
