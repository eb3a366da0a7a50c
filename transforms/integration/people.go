package integration

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// People says which keys are those of one user, so that the users of two nights can be told from each other: a user of
// one night is the same as one of the other when they have a key in common.
type People struct {
	ties []tie // by key
}

// tie says whose a key is. Users are numbered anew every night.
type tie struct {
	key    uint64 // a hash of its kind and text
	user   uint32
	recent bool // the user was seen in the shorter window
}

// tieSize is the size of an encoded tie.
const tieSize = 12

// PeopleChange says how users became others: Before + Added − Removed − Merged + Split is After.
type PeopleChange struct {
	Before, After  int64
	Added, Removed int64 // users that have no key in common with any of the other night
	Merged, Split  int64 // users that are fewer, and more, of those that have
}

// People returns whose the keys of the year are, false when there are more than most of them. recent is the shorter window.
func (y *Year) People(recent calendar.Days, most int) (*People, bool) {
	from, seen := momentOf(recent.From, 0), make([]bool, y.seen.users.Len())
	for user, sights := range y.seen.byUser {
		seen[user] = slices.ContainsFunc(sights, func(s sighting) bool { return s.last >= from })
	}
	p := new(People)
	var buf []byte
	for key, user := range y.seen.users.Ties() {
		if len(p.ties) == most {
			return nil, false
		}
		buf = append(append(buf[:0], byte(key.Kind)), key.Text...)
		p.ties = append(p.ties, tie{xxh3.Hash(buf), uint32(user), seen[user]})
	}
	slices.SortFunc(p.ties, func(a, b tie) int { return cmp.Compare(a.key, b.key) })
	return p, true
}

// Encode returns p as bytes.
func (p *People) Encode() []byte {
	out := make([]byte, 0, tieSize*len(p.ties))
	for _, t := range p.ties {
		user := t.user << 1
		if t.recent {
			user |= 1
		}
		out = binary.LittleEndian.AppendUint64(out, t.key)
		out = binary.LittleEndian.AppendUint32(out, user)
	}
	return out
}

// DecodePeople reads what Encode wrote.
func DecodePeople(data []byte) (*People, error) {
	if len(data)%tieSize != 0 {
		return nil, fmt.Errorf("%d bytes, want a multiple of %d", len(data), tieSize)
	}
	p := &People{ties: make([]tie, 0, len(data)/tieSize)}
	for b := range slices.Chunk(data, tieSize) {
		user := binary.LittleEndian.Uint32(b[8:])
		t := tie{binary.LittleEndian.Uint64(b), user >> 1, user&1 == 1}
		if n := len(p.ties); n > 0 && p.ties[n-1].key > t.key {
			return nil, fmt.Errorf("key %d is out of order", n)
		}
		if int(t.user) >= len(data)/tieSize {
			return nil, fmt.Errorf("key %d is of user %d, and there are only %d keys", len(p.ties), t.user, len(data)/tieSize)
		}
		p.ties = append(p.ties, t)
	}
	return p, nil
}

// Since says how the users became those of p from those of then: of the year, or of the shorter window alone.
func (p *People) Since(then *People, recent bool) PeopleChange {
	before, after := then.members(recent), p.members(recent)
	// Users that share keys hang together in groups; the users before are numbered first.
	group := make([]int32, len(before)+len(after))
	for i := range group {
		group[i] = int32(i)
	}
	top := func(i int32) int32 {
		for group[i] != i {
			group[i] = group[group[i]]
			i = group[i]
		}
		return i
	}
	for i, j := 0, 0; i < len(then.ties) && j < len(p.ties); {
		a, b := then.ties[i], p.ties[j]
		switch {
		case a.key < b.key:
			i++
		case a.key > b.key:
			j++
		default:
			if before[a.user] && after[b.user] {
				group[top(int32(a.user))] = top(int32(len(before)) + int32(b.user))
			}
			i, j = i+1, j+1
		}
	}
	counts := make([][2]int64, len(group))
	for i := range group {
		side := 0
		if i >= len(before) {
			side = 1
			if !after[i-len(before)] {
				continue
			}
		} else if !before[i] {
			continue
		}
		counts[top(int32(i))][side]++
	}
	var c PeopleChange
	for _, n := range counts {
		c.Before, c.After = c.Before+n[0], c.After+n[1]
		switch {
		case n[0] == 0:
			c.Added += n[1]
		case n[1] == 0:
			c.Removed += n[0]
		case n[1] < n[0]:
			c.Merged += n[0] - n[1]
		default:
			c.Split += n[1] - n[0]
		}
	}
	return c
}

// members says of each user whether it is one of the window.
func (p *People) members(recent bool) []bool {
	users := uint32(0)
	for _, t := range p.ties {
		users = max(users, t.user+1)
	}
	in := make([]bool, users)
	for _, t := range p.ties {
		in[t.user] = !recent || t.recent
	}
	return in
}
