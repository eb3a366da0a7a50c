package identity

import (
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// brute resolves by the words of the package's doc: sets of keys that are merged until nothing changes. It shares
// nothing with the package but its types.
type brute struct {
	noProof map[string]bool
	named   map[bruteKey]bool
	alone   map[bruteKey]bool
	obs     []bruteObs
	sets    []*bruteSet
}

type bruteKey struct {
	kind Kind
	text string
}

type bruteObs struct{ e, u, d string }

type bruteSet struct {
	keys  map[bruteKey]bool
	step1 bool
}

type bruteUser struct {
	bucket Bucket
	keys   map[bruteKey]bool
	obs    []int
}

func bruteNormalize(s string) string {
	for range 3 {
		s = norm.NFKC.String(strings.TrimSpace(s))
		s = norm.NFKC.String(cases.Fold().String(s))
		s = strings.TrimSpace(s)
	}
	return s
}

func bruteResolve(texts []text, r Rules) []bruteUser {
	b := &brute{noProof: map[string]bool{}, named: map[bruteKey]bool{}, alone: map[bruteKey]bool{}}
	for _, l := range r.NoProof {
		b.noProof[bruteNormalize(l)] = true
	}
	key := func(id Identifier) bruteKey { return bruteKey{id.Kind, bruteNormalize(id.Text)} }
	for _, entry := range r.Same {
		set := &bruteSet{keys: map[bruteKey]bool{}}
		for _, id := range entry {
			set.keys[key(id)] = true
			b.named[key(id)] = true
		}
		b.sets = append(b.sets, set)
	}
	b.merge()
	for _, entry := range r.Different {
		for _, id := range entry {
			b.alone[key(id)] = true
			if s := b.set(key(id)); s != nil {
				for k := range s.keys {
					b.alone[k] = true
				}
			}
		}
	}
	for _, t := range texts {
		b.obs = append(b.obs, bruteObs{bruteNormalize(t.email), bruteNormalize(t.username), bruteNormalize(t.display)})
	}
	for _, o := range b.obs {
		if o.e == "" || o.u == "" {
			continue
		}
		set := &bruteSet{keys: map[bruteKey]bool{}, step1: true}
		for _, k := range b.step1Keys(o) {
			set.keys[k] = true
		}
		b.sets = append(b.sets, set)
	}
	b.merge()
	return b.users()
}

func (b *brute) local(e string) string {
	at := strings.LastIndex(e, "@")
	if at < 0 {
		return ""
	}
	l := strings.TrimSpace(e[:at])
	if b.noProof[l] || b.alone[bruteKey{Username, l}] {
		return ""
	}
	return l
}

func (b *brute) step1Keys(o bruteObs) []bruteKey {
	e, u := bruteKey{Email, o.e}, bruteKey{Username, o.u}
	switch {
	case b.alone[e]:
		return []bruteKey{e}
	case b.alone[u]:
		return []bruteKey{u}
	}
	keys := []bruteKey{u}
	if l := b.local(o.e); l != "" {
		keys = append(keys, bruteKey{Username, l})
	}
	if b.named[e] {
		keys = append(keys, e)
	}
	return keys
}

func (b *brute) merge() {
	for changed := true; changed; {
		changed = false
		for i := 0; i < len(b.sets); i++ {
			for j := i + 1; j < len(b.sets); j++ {
				if !b.sets[i].meets(b.sets[j]) {
					continue
				}
				for k := range b.sets[j].keys {
					b.sets[i].keys[k] = true
				}
				b.sets[i].step1 = b.sets[i].step1 || b.sets[j].step1
				b.sets = slices.Delete(b.sets, j, j+1)
				j--
				changed = true
			}
		}
	}
}

func (s *bruteSet) meets(t *bruteSet) bool {
	for k := range s.keys {
		if t.keys[k] {
			return true
		}
	}
	return false
}

// set returns the set that a key is in, or nil.
func (b *brute) set(k bruteKey) *bruteSet {
	for _, s := range b.sets {
		if s.keys[k] {
			return s
		}
	}
	return nil
}

func (b *brute) heldByStep1(k bruteKey) bool {
	s := b.set(k)
	return s != nil && s.step1
}

// tying returns the keys that tie an observation, the first one decides.
func (b *brute) tying(o bruteObs) []bruteKey {
	e, u, d := bruteKey{Email, o.e}, bruteKey{Username, o.u}, bruteKey{DisplayName, o.d}
	switch {
	case o.e != "" && o.u != "":
		return b.step1Keys(o)
	case o.e != "":
		return []bruteKey{e}
	case o.d != "" && o.u != "":
		switch {
		case b.alone[u]:
			return []bruteKey{u}
		case b.alone[d]:
			return []bruteKey{d}
		case b.named[u], b.heldByStep1(u):
			return []bruteKey{u}
		}
		return []bruteKey{d}
	case o.d != "":
		return []bruteKey{d}
	case o.u != "":
		return []bruteKey{u}
	}
	return nil
}

// joins returns the set that a key's set, or the key by itself, joins by its emails in step 2, or nil.
func (b *brute) joins(k bruteKey) *bruteSet {
	s := b.set(k)
	if s != nil && s.step1 {
		return nil
	}
	emails := map[string]bool{}
	if s != nil {
		for x := range s.keys {
			if x.kind == Email {
				emails[x.text] = true
			}
		}
	} else if k.kind == Email {
		emails[k.text] = true
	}
	full, local := "", ""
	for e := range emails {
		if b.alone[bruteKey{Email, e}] {
			return nil
		}
		for _, o := range b.obs {
			if o.e == e && o.u != "" && (full == "" || o.u < full) {
				full = o.u
			}
		}
		if l := b.local(e); l != "" && b.heldByStep1(bruteKey{Username, l}) && (local == "" || l < local) {
			local = l
		}
	}
	switch {
	case full != "":
		return b.set(bruteKey{Username, full})
	case local != "":
		return b.set(bruteKey{Username, local})
	}
	return nil
}

func (b *brute) users() []bruteUser {
	var users []bruteUser
	bySet, byKey := map[*bruteSet]int{}, map[bruteKey]int{}
	for i, o := range b.obs {
		keys := b.tying(o)
		if len(keys) == 0 {
			continue
		}
		set := b.joins(keys[0])
		if set == nil {
			set = b.set(keys[0])
		}
		n, ok := byKey[keys[0]]
		if set != nil {
			n, ok = bySet[set]
		}
		if !ok {
			n = len(users)
			users = append(users, bruteUser{bucket: Usernames, keys: map[bruteKey]bool{}})
			if set != nil {
				bySet[set] = n
			} else {
				byKey[keys[0]] = n
			}
		}
		own := Usernames
		switch {
		case o.e != "" && o.u != "":
			own = UsernamesOrEmails
		case o.e != "":
			own = Emails
		case o.d != "":
			own = DisplayNames
		}
		users[n].bucket = min(users[n].bucket, own)
		users[n].obs = append(users[n].obs, i)
		for _, k := range keys {
			users[n].keys[k] = true
		}
	}
	slices.SortFunc(users, func(x, y bruteUser) int { return compareBrute(x.smallest(), y.smallest()) })
	return users
}

func (x bruteUser) smallest() bruteKey {
	var all []bruteKey
	for k := range x.keys {
		all = append(all, k)
	}
	return slices.MinFunc(all, compareBrute)
}

func compareBrute(a, b bruteKey) int {
	order := []Kind{Username, Email, DisplayName}
	if c := slices.Index(order, a.kind) - slices.Index(order, b.kind); c != 0 {
		return c
	}
	return strings.Compare(a.text, b.text)
}
