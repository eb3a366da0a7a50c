package integration

import (
	"github.com/usagereport/usagereport/transforms/facts"
)

// synced is what a year of sync events says: the last successful sync of every entity and of every pair of projects.
type synced struct {
	systems  []string // the merger's dictionaries, code 1 first
	types    []string
	projects [2][]string
	entities map[entity]moment
	between  map[projects]moment

	events  int64 // of the year, as the facts count them
	unknown int64 // of these, events of integrations that no snapshot ever knew
}

// entity is a thing that a pair of systems synchronises; all but the pair are codes.
type entity struct {
	pair              int32
	system, kind, key uint32
}

// projects is two projects of a pair, as codes.
type projects struct {
	pair   int32
	p1, p2 uint32
}

// collectSynced goes through the facts of the year once.
func collectSynced(run Run, m *facts.Merger, p *pairs) (*synced, error) {
	s := &synced{
		systems: m.Values(syncSystem), types: m.Values(syncType),
		projects: [2][]string{m.Values(syncProject1), m.Values(syncProject2)},
		entities: map[entity]moment{}, between: map[projects]moment{},
	}
	seconds, err := secondsOf(m.Values(syncSecond))
	if err != nil {
		return nil, err
	}
	of, succeeded := p.byCode(m), m.Code(syncSucceeded, "true")
	for block, err := range m.BlocksOf(run.Window()) {
		if err != nil {
			return nil, err
		}
		for _, n := range block.Count {
			s.events += n
		}
		pair := of[block.Workspace]
		if pair < 0 {
			for _, n := range block.Count {
				s.unknown += n
			}
			continue
		}
		for i := range block.Count {
			if block.Cols[syncSucceeded][i] != succeeded {
				continue
			}
			at := momentOf(block.Day, seconds[block.Cols[syncSecond][i]])
			e := entity{int32(pair), block.Cols[syncSystem][i], block.Cols[syncType][i], block.Cols[syncEntity][i]}
			if last, ok := s.entities[e]; !ok || last < at {
				s.entities[e] = at
			}
			p1, p2 := block.Cols[syncProject1][i], block.Cols[syncProject2][i]
			if p1 == 0 || p2 == 0 {
				continue
			}
			b := projects{int32(pair), p1, p2}
			if last, ok := s.between[b]; !ok || last < at {
				s.between[b] = at
			}
		}
	}
	return s, nil
}

// entityKind is the grain of the sheet of entity types.
type entityKind struct {
	pair         int32
	system, kind uint32
}

// latest is a count and the last moment of what it counts.
type latest struct {
	n    int64
	last moment
}

// since counts the entities with a successful sync in the days from a moment on, by kind and by pair.
func (s *synced) since(from moment) (kinds map[entityKind]latest, byPair map[int32]latest) {
	kinds, byPair = map[entityKind]latest{}, map[int32]latest{}
	for e, last := range s.entities {
		if last < from {
			continue
		}
		count(kinds, entityKind{e.pair, e.system, e.kind}, latest{1, last})
	}
	for k, c := range kinds {
		count(byPair, k.pair, c)
	}
	return kinds, byPair
}

func count[K comparable](counts map[K]latest, key K, more latest) {
	if c, ok := counts[key]; ok {
		more = latest{c.n + more.n, max(c.last, more.last)}
	}
	counts[key] = more
}
