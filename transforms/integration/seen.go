package integration

import (
	"cmp"
	"slices"

	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/identity"
)

// sighting is all observations of a year that show the same: where, as what, and by which names.
type sighting struct {
	sight
	last moment
	rows int64 // observations
	user int32 // -1: no identity
}

// sight is the codes of a sighting.
type sight struct {
	system, kind, email, username, displayName uint32
	service                                    bool
}

func (s *sight) observation() identity.Observation {
	return identity.Observation{Email: s.email, Username: s.username, DisplayName: s.displayName}
}

// seen is who was seen in a year.
type seen struct {
	systems []string // the merger's dictionaries, code 1 first
	kinds   []string
	values  identity.Values
	sights  []sighting // by user, those without identity first
	users   *identity.Users

	unidentified int64 // observations without identity
}

// collectSeen goes through the facts of the year once, and resolves its users.
func collectSeen(run Run, m *facts.Merger, rules identity.Rules) (*seen, error) {
	s := &seen{systems: m.Values(seenSystem), kinds: m.Values(seenType), values: identity.Values{
		Emails: m.Values(seenEmail), Usernames: m.Values(seenUsername), DisplayNames: m.Values(seenDisplayName),
	}}
	resolver, err := identity.NewResolver(s.values, rules)
	if err != nil {
		return nil, err
	}
	seconds, err := secondsOf(m.Values(seenSecond))
	if err != nil {
		return nil, err
	}
	index := map[sight]int{}
	service := m.Code(seenService, "true")
	for block, err := range m.BlocksOf(run.Window()) {
		if err != nil {
			return nil, err
		}
		for i, n := range block.Count {
			key := sight{
				block.Workspace, block.Cols[seenType][i], block.Cols[seenEmail][i], block.Cols[seenUsername][i],
				block.Cols[seenDisplayName][i], service > 0 && block.Cols[seenService][i] == service,
			}
			at, ok := index[key]
			if !ok {
				at = len(s.sights)
				index[key] = at
				s.sights = append(s.sights, sighting{sight: key, last: never})
				resolver.Add(key.observation())
			}
			s.sights[at].last = max(s.sights[at].last, momentOf(block.Day, seconds[block.Cols[seenSecond][i]]))
			s.sights[at].rows += n
		}
	}
	s.users = resolver.Resolve()
	for i := range s.sights {
		one := &s.sights[i]
		user, ok := s.users.Of(one.observation())
		if !ok {
			user = -1
			s.unidentified += one.rows
		}
		one.user = int32(user)
	}
	slices.SortFunc(s.sights, func(a, b sighting) int {
		return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.system, b.system), cmp.Compare(a.kind, b.kind),
			cmp.Compare(a.email, b.email), cmp.Compare(a.username, b.username), cmp.Compare(a.displayName, b.displayName),
			cmp.Compare(btoi(a.service), btoi(b.service)))
	})
	return s, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// byUser yields each user with its sightings.
func (s *seen) byUser(yield func(user int, sights []sighting) bool) {
	for from := 0; from < len(s.sights); {
		to := from
		for to < len(s.sights) && s.sights[to].user == s.sights[from].user {
			to++
		}
		if user := int(s.sights[from].user); user >= 0 && !yield(user, s.sights[from:to]) {
			return
		}
		from = to
	}
}

// Users counts users, all of them and by bucket.
type Users struct {
	All     int64
	Buckets [identity.Usernames + 1]int64
}

func (u *Users) add(b identity.Bucket) {
	u.All++
	u.Buckets[b]++
}

// since counts the users seen from a moment on, and those of each system, by code.
func (s *seen) since(from moment) (all Users, bySystem map[uint32]*Users) {
	bySystem = map[uint32]*Users{}
	for user, sights := range s.byUser {
		bucket, before, counted := s.users.Bucket(user), uint32(0), false
		for _, one := range sights { // sorted by system
			if one.last < from {
				continue
			}
			if !counted {
				all.add(bucket)
			}
			if !counted || one.system != before {
				if bySystem[one.system] == nil {
					bySystem[one.system] = new(Users)
				}
				bySystem[one.system].add(bucket)
			}
			counted, before = true, one.system
		}
	}
	return all, bySystem
}
