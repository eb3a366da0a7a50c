package identity

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrOverrides says that the overrides cannot all be kept.
var ErrOverrides = errors.New("contradictory overrides")

// Identifier is a text that an override names somebody by. Username and local part are not the same here: an
// Identifier of kind Email is one full address.
type Identifier struct {
	Kind Kind
	Text string
}

// String returns the identifier for people, such as `email "a@x.com"`.
func (i Identifier) String() string { return i.Kind.String() + " " + strconv.Quote(i.Text) }

// Rules are what an operator knows better. The zero value is the plain contract. The package's doc says what they do.
type Rules struct {
	NoProof   []string       // local parts that prove nothing
	Same      [][]Identifier // the identifiers of an entry are one person
	Different [][]Identifier // each identifier of an entry is a person of its own
}

// overrides are the rules with their identifiers normalised, numbered and grouped.
type overrides struct {
	noProof     map[string]bool
	identifiers []identifier // distinct
}

// identifier is one that a rule names; its Text is normalised.
type identifier struct {
	Identifier
	key    int32
	same   bool // named by Same
	single bool // named by Different, or said to be the same as one that is
	group  int  // the index of the first identifier that Same says is the same person, itself without any
}

func (r Rules) compile() (*overrides, error) {
	o := &overrides{noProof: map[string]bool{}}
	for _, l := range r.NoProof {
		o.noProof[Normalize(l)] = true
	}
	index := map[Identifier]int{}
	number := func(list string, entries [][]Identifier) ([][]int, error) {
		out := make([][]int, len(entries))
		for i, entry := range entries {
			for _, id := range entry {
				n := Identifier{id.Kind, Normalize(id.Text)}
				if n.Text == "" || n.Kind > DisplayName {
					return nil, fmt.Errorf("identity: %w: %s[%d] names %s, which is no key", ErrOverrides, list, i, id)
				}
				at, ok := index[n]
				if !ok {
					at = len(o.identifiers)
					index[n] = at
					o.identifiers = append(o.identifiers, identifier{Identifier: n, group: at})
				}
				out[i] = append(out[i], at)
			}
		}
		return out, nil
	}
	same, err := number("same", r.Same)
	if err != nil {
		return nil, err
	}
	different, err := number("different", r.Different)
	if err != nil {
		return nil, err
	}
	o.unite(same)
	for _, entry := range different {
		for _, i := range entry {
			o.identifiers[o.identifiers[i].group].single = true
		}
	}
	for i := range o.identifiers {
		o.identifiers[i].single = o.identifiers[o.identifiers[i].group].single
	}
	if problems := o.contradictions(same, different); len(problems) > 0 {
		return nil, fmt.Errorf("identity: %w: %s", ErrOverrides, strings.Join(problems, "; "))
	}
	return o, nil
}

// unite gives every identifier its group.
func (o *overrides) unite(same [][]int) {
	parent := make([]int32, len(o.identifiers))
	for i := range parent {
		parent[i] = int32(i)
	}
	for _, entry := range same {
		for _, i := range entry {
			o.identifiers[i].same = true
			union(parent, int32(entry[0]), int32(i))
		}
	}
	for i := range o.identifiers {
		o.identifiers[i].group = int(find(parent, int32(i)))
	}
}

// contradictions names every pair of identifiers that Different sets apart and Same makes one.
func (o *overrides) contradictions(same, different [][]int) []string {
	var problems []string
	for n, entry := range different {
		for i, a := range entry {
			for _, b := range entry[:i] {
				switch {
				case a == b:
					problems = append(problems, fmt.Sprintf("different[%d] names %s twice, in one form or another", n, o.identifiers[a]))
				case o.identifiers[a].group == o.identifiers[b].group:
					problems = append(problems, fmt.Sprintf("different[%d] says that %s and %s are two persons, %s that they are one",
						n, o.identifiers[b], o.identifiers[a], chain(same, b, a)))
				}
			}
		}
	}
	return problems
}

// chain names the entries of Same by which from and to are one person, as few as there need be.
func chain(same [][]int, from, to int) string {
	cameBy := map[int][2]int{from: {-1, -1}} // the entry and the identifier before
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		for n, entry := range same {
			if !slices.Contains(entry, queue[0]) {
				continue
			}
			for _, i := range entry {
				if _, ok := cameBy[i]; !ok {
					cameBy[i] = [2]int{n, queue[0]}
					queue = append(queue, i)
				}
			}
		}
	}
	var entries []string
	for i := to; i != from; i = cameBy[i][1] {
		entries = append(entries, "same["+strconv.Itoa(cameBy[i][0])+"]")
	}
	slices.Reverse(entries)
	return strings.Join(entries, " with ")
}

// singleUsernames are the usernames that are no key as local parts.
func (o *overrides) singleUsernames() map[string]bool {
	out := map[string]bool{}
	for _, i := range o.identifiers {
		if i.Kind == Username && i.single {
			out[i.Text] = true
		}
	}
	return out
}
