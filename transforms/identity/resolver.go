package identity

// state is what is known of a key, as bits.
type state uint8

const (
	bucketBits state = 0b111  // the best bucket of an observation that it ties, plus one; 0: it ties none
	single     state = 1 << 3 // it is a person of its own: nothing else ties it
	named      state = 1 << 4 // Same names it
	counted    state = 1 << 5 // a match by full email alone would count it as a user
)

// Resolver takes observations, in any order and any number of times. Its memory is bounded by the distinct keys and by
// the distinct pairs of them that were observed, not by the observations. It is for one goroutine.
type Resolver struct {
	*keys
	parent []int32 // by key: union–find by path halving, the smaller number on top
	states []state // by key
	holder []int32 // by email key minus emails: the smallest username seen with it, or none

	ties  pairs // username and local part, seen together
	names pairs // display name and username, seen together without an email, where step 3 must choose
}

// NewResolver numbers the keys of v and applies r. It keeps v's texts, not its slices. The error is ErrOverrides if r
// contradicts itself, and names the entries as same[i] and different[i], from 0.
func NewResolver(v Values, r Rules) (*Resolver, error) {
	o, err := r.compile()
	if err != nil {
		return nil, err
	}
	singles := o.singleUsernames()
	k, err := newKeys(v, o, func(local string) bool { return !o.noProof[local] && !singles[local] })
	if err != nil {
		return nil, err
	}
	res := &Resolver{keys: k, parent: make([]int32, len(k.texts)), states: make([]state, len(k.texts)), holder: make([]int32, len(k.local))}
	for i := range res.parent {
		res.parent[i] = int32(i)
	}
	for i := range res.holder {
		res.holder[i] = none
	}
	for _, id := range o.identifiers {
		union(res.parent, o.identifiers[id.group].key, id.key)
		if id.same {
			res.states[id.key] |= named
		}
		if id.single {
			res.states[id.key] |= single
		}
	}
	return res, nil
}

// Add takes one observation. It panics on a code that the values do not have.
func (r *Resolver) Add(o Observation) {
	e, u, d := r.email[o.Email], r.username[o.Username], r.display[o.DisplayName]
	switch {
	case e != none:
		r.addEmail(e, u)
	case d != none:
		r.states[d] |= counted
		r.addDisplayName(u, d)
	case u != none:
		r.states[u] |= counted
		r.seen(u, Usernames)
	}
}

func (r *Resolver) addEmail(e, u int32) {
	r.states[e] |= counted
	bucket := Emails
	if u != none {
		bucket = UsernamesOrEmails
	}
	if u == none || r.states[e]&single != 0 {
		r.seen(e, bucket)
		return
	}
	r.seen(u, bucket)
	if h := &r.holder[e-r.emails]; *h != u && (*h == none || r.texts[u] < r.texts[*h]) {
		*h = u
	}
	if r.states[u]&single != 0 {
		return
	}
	if l := r.localOf(e); l != none {
		r.seen(l, bucket)
		if l != u {
			union(r.parent, u, l)
			r.ties.add(u, l)
		}
	}
	if r.states[e]&named != 0 {
		r.seen(e, bucket)
		union(r.parent, u, e)
	}
}

// addDisplayName takes an observation without an email. Which of u and d ties it may be known only in the end.
func (r *Resolver) addDisplayName(u, d int32) {
	switch {
	case r.usernameFirst(u, d):
		r.seen(u, DisplayNames)
	case u == none || r.states[d]&single != 0:
		r.seen(d, DisplayNames)
	case r.states[d]&bucketBits == 0: // else d ties some observation anyway
		r.names.add(d, u)
	}
}

// usernameFirst reports whether a username that may be none ties an observation without an email, whoever holds it.
func (r *Resolver) usernameFirst(u, d int32) bool {
	return u != none && (r.states[u]&single != 0 || r.states[u]&named != 0 && r.states[d]&single == 0)
}

// seen notes that key ties an observation of a bucket.
func (r *Resolver) seen(key int32, b Bucket) {
	s := r.states[key]
	if was := s & bucketBits; was == 0 || state(b)+1 < was {
		r.states[key] = s&^bucketBits | state(b) + 1
	}
}

// find returns the top of key's tree.
func find(parent []int32, key int32) int32 {
	for parent[key] != key {
		parent[key] = parent[parent[key]]
		key = parent[key]
	}
	return key
}

// union makes one tree of those of a and b.
func union(parent []int32, a, b int32) {
	a, b = find(parent, a), find(parent, b)
	if a < b {
		parent[b] = a
	} else {
		parent[a] = b
	}
}
