package identity

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// Users are the resolved users, numbered by their smallest keys: the numbers depend on the set of observations and on
// the rules, on nothing else. Users are read-only and may be shared between goroutines.
type Users struct {
	*keys
	states    []state
	holder    []int32
	ties      pairs
	root      []int32  // by key: the top of its tree after step 1
	user      []int32  // by key: the user, or none for a key that ties nothing
	held      []bool   // by tree top: it is a user of step 1
	joined    []joined // by tree top: how step 2 let it join another; zero without
	bucket    []Bucket // by user
	smallest  []int32  // by user: the smallest key
	size      []int32  // by user: the number of keys
	fullEmail int
}

// Resolve decides who is who. The resolver must not be used afterwards.
func (r *Resolver) Resolve() *Users {
	u := &Users{keys: r.keys, states: r.states, holder: r.holder, ties: r.ties, held: make([]bool, len(r.texts))}
	for k := range r.parent {
		top := find(r.parent, int32(k))
		r.parent[k] = top
		if r.states[k]&bucketBits == state(UsernamesOrEmails)+1 {
			u.held[top] = true
		}
	}
	u.root = r.parent
	r.names.all(func(d, name int32) {
		if !u.holds(name) {
			r.seen(d, DisplayNames)
		}
	})
	for _, s := range r.states {
		if s&counted != 0 {
			u.fullEmail++
		}
	}
	u.joinEmails()
	u.number()
	return u
}

// holds reports whether a user of step 1 holds the key.
func (u *Users) holds(key int32) bool { return u.held[u.root[key]] }

// joined says how an email, or an entry of Same with emails, joined a user of step 1.
type joined struct {
	by    joining
	email int32 // the email by which
	key   int32 // the key of the user of step 1
}

type joining uint8

const (
	byNothing joining = iota
	byFullEmail
	byLocalPart
)

// joinEmails is step 2.
func (u *Users) joinEmails() {
	u.joined = make([]joined, len(u.texts))
	for e := u.emails; e < u.names; e++ {
		s := u.states[e]
		if s&single != 0 || s&(named|bucketBits) == 0 || u.holds(e) {
			continue
		}
		j := joined{by: byFullEmail, email: e, key: u.holder[e-u.emails]}
		if j.key == none {
			j.by, j.key = byLocalPart, u.localOf(e)
			if j.key == none || !u.holds(j.key) {
				continue
			}
		}
		if best := &u.joined[u.root[e]]; best.by == byNothing || u.compareJoined(j, *best) < 0 {
			*best = j
		}
	}
}

func (u *Users) compareJoined(a, b joined) int {
	return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(u.texts[a.key], u.texts[b.key]), cmp.Compare(u.texts[a.email], u.texts[b.email]))
}

// top returns the tree top that stands for the user of a key, after step 2.
func (u *Users) top(key int32) int32 {
	top := u.root[key]
	if j := u.joined[top]; j.by != byNothing {
		return u.root[j.key]
	}
	return top
}

// number makes users of the trees that tie something.
func (u *Users) number() {
	type user struct {
		smallest, size int32
		bucket         Bucket
	}
	var users []user
	at := make([]int32, len(u.texts)) // by tree top: the index in users, plus one
	u.user = make([]int32, len(u.texts))
	for i, s := range u.states {
		key := int32(i)
		if s&bucketBits == 0 {
			u.user[key] = none
			continue
		}
		bucket := Bucket(s&bucketBits - 1)
		n := &at[u.top(key)]
		if *n == 0 {
			users = append(users, user{key, 0, bucket})
			*n = int32(len(users))
		}
		x := &users[*n-1]
		x.size++
		x.bucket = min(x.bucket, bucket)
		if u.compareKeys(key, x.smallest) < 0 {
			x.smallest = key
		}
		u.user[key] = *n - 1
	}
	order := make([]sortable, len(users))
	for i, x := range users {
		order[i] = sortable{lead(u.kind(x.smallest), u.texts[x.smallest]), int32(i)}
	}
	slices.SortFunc(order, func(a, b sortable) int {
		switch {
		case a.lead[0] != b.lead[0]:
			return cmp.Compare(a.lead[0], b.lead[0])
		case a.lead[1] != b.lead[1]:
			return cmp.Compare(a.lead[1], b.lead[1])
		}
		return u.compareKeys(users[a.index].smallest, users[b.index].smallest)
	})
	u.bucket, u.smallest, u.size = make([]Bucket, len(users)), make([]int32, len(users)), make([]int32, len(users))
	final := make([]int32, len(users))
	for n, o := range order {
		x := users[o.index]
		u.bucket[n], u.smallest[n], u.size[n] = x.bucket, x.smallest, x.size
		final[o.index] = int32(n)
	}
	for k, n := range u.user {
		if n != none {
			u.user[k] = final[n]
		}
	}
}

// sortable is a user with the beginning of its smallest key, which decides most comparisons.
type sortable struct {
	lead  [2]uint64
	index int32
}

// lead returns the kind and the first fifteen bytes of a key as numbers that sort like compareKeys, up to ties.
func lead(kind Kind, text string) [2]uint64 {
	var b [16]byte
	b[0] = byte(rank(kind))
	copy(b[1:], text)
	return [2]uint64{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// rank orders the kinds as their keys are numbered.
func rank(k Kind) int {
	switch k {
	case Username:
		return 0
	case Email:
		return 1
	}
	return 2
}

// compareKeys orders keys by what they are: usernames and local parts, full emails, display names; then by text.
func (u *Users) compareKeys(a, b int32) int {
	if a == b {
		return 0
	}
	return cmp.Or(cmp.Compare(rank(u.kind(a)), rank(u.kind(b))), cmp.Compare(u.texts[a], u.texts[b]))
}

// Of returns the number, from 0 to Len()-1, of the user that an observation is of; ok is false if it has no identity. The
// observation must have been added.
func (u *Users) Of(o Observation) (user int, ok bool) {
	key := u.keyOf(u.email[o.Email], u.username[o.Username], u.display[o.DisplayName])
	if key == none || u.user[key] == none {
		return 0, false
	}
	return int(u.user[key]), true
}

// keyOf returns a key of the user that an observation is of, or none.
func (u *Users) keyOf(e, name, d int32) int32 {
	switch {
	case e != none && (name == none || u.states[e]&single != 0):
		return e
	case e != none || d == none:
		return name
	case name == none || u.states[name]&single == 0 && (u.states[d]&single != 0 || u.states[name]&named == 0 && !u.holds(name)):
		return d
	}
	return name
}

// Len returns the number of users.
func (u *Users) Len() int { return len(u.bucket) }

// Bucket returns the bucket of a user.
func (u *Users) Bucket(user int) Bucket { return u.bucket[user] }

// Key returns the normalised text that a code stands for, "" if that is no key.
func (u *Users) Key(kind Kind, code uint32) string {
	switch kind {
	case Email:
		return u.text(u.email[code])
	case Username:
		return u.text(u.username[code])
	default:
		return u.text(u.display[code])
	}
}

// FullEmailCount returns how many users there would be if nothing but equal full emails tied: distinct emails, display
// names of observations without an email, and usernames of observations with neither.
func (u *Users) FullEmailCount() int { return u.fullEmail }

// Large is a user with the number of its keys: the usernames, local parts, emails and display names that tie
// observations to it. An email that was only seen with usernames is none of these, its local part is.
type Large struct {
	User, Keys int
	Smallest   string // the smallest of its usernames and local parts, else of its emails, else of its display names
}

// Largest returns the n users with the most keys, the most first; of equal ones the smaller number is first.
func (u *Users) Largest(n int) []Large {
	top := make([]Large, 0, max(0, min(n, u.Len()))+1)
	for i, size := range u.size {
		at, _ := slices.BinarySearchFunc(top, int(size), func(x Large, size int) int {
			if x.Keys >= size { // equal ones came before and stay before
				return -1
			}
			return 1
		})
		if at >= n {
			continue
		}
		top = slices.Insert(top, at, Large{User: i, Keys: int(size), Smallest: u.texts[u.smallest[i]]})
		top = top[:min(n, len(top))]
	}
	return top
}
