package identity

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// text is an observation as the source has it.
type text struct{ email, username, display string }

func (t text) String() string { return fmt.Sprintf("{%q %q %q}", t.email, t.username, t.display) }

// coded numbers the distinct raw texts of observations, in the order of their coming.
func coded(texts []text) (Values, []Observation) {
	var v Values
	code := func(values *[]string, s string) uint32 {
		if i := slices.Index(*values, s); i >= 0 {
			return uint32(i + 1)
		}
		if s == "" {
			return 0
		}
		*values = append(*values, s)
		return uint32(len(*values))
	}
	var obs []Observation
	for _, t := range texts {
		obs = append(obs, Observation{code(&v.Emails, t.email), code(&v.Usernames, t.username), code(&v.DisplayNames, t.display)})
	}
	return v, obs
}

type fataler interface {
	Helper()
	Fatal(args ...any)
}

// resolved resolves texts and returns the users with each text's observation.
func resolved(t fataler, texts []text, r Rules) (*Users, []Observation) {
	t.Helper()
	v, obs := coded(texts)
	res, err := NewResolver(v, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range obs {
		res.Add(o)
	}
	return res.Resolve(), obs
}

// numbers returns the user of each observation, -1 for none.
func numbers(u *Users, obs []Observation) []int {
	out := make([]int, len(obs))
	for i, o := range obs {
		if n, ok := u.Of(o); ok {
			out[i] = n
		} else {
			out[i] = -1
		}
	}
	return out
}

// parse reads observations from a short form: one a word list, fields e= u= d=, observations separated by " | ".
// Fields are separated by "; ", since texts may have spaces.
func parse(t *testing.T, s string) []text {
	t.Helper()
	var out []text
	for _, o := range strings.Split(s, " | ") {
		var x text
		for _, f := range strings.Split(o, "; ") {
			name, value, ok := strings.Cut(f, "=")
			switch {
			case ok && name == "e":
				x.email = value
			case ok && name == "u":
				x.username = value
			case ok && name == "d":
				x.display = value
			case o != "":
				t.Fatalf("field %q of %q", f, s)
			}
		}
		out = append(out, x)
	}
	return out
}

// identifiers reads override entries: identifiers separated by ", ", entries by " | "; a leading ~ makes a display name.
func identifiers(s string) [][]Identifier {
	var out [][]Identifier
	if s == "" {
		return nil
	}
	for _, entry := range strings.Split(s, " | ") {
		var ids []Identifier
		for _, id := range strings.Split(entry, ", ") {
			switch name, display := strings.CutPrefix(id, "~"); {
			case display:
				ids = append(ids, Identifier{DisplayName, name})
			case strings.Contains(id, "@"):
				ids = append(ids, Identifier{Email, id})
			default:
				ids = append(ids, Identifier{Username, id})
			}
		}
		out = append(out, ids)
	}
	return out
}

// groups writes a partition of observations, such as "ABC D": letters in one word are one user; those without an
// identity are left out. It also gives the bucket of each word by its place in the contract: "ABC1 D3".
func groups(u *Users, users []int) string {
	words := map[int]string{}
	var order []int
	for i, n := range users {
		if n < 0 {
			continue
		}
		if words[n] == "" {
			order = append(order, n)
		}
		words[n] += string(rune('A' + i))
	}
	var out []string
	for _, n := range order {
		out = append(out, fmt.Sprintf("%s%d", words[n], u.Bucket(n)+1))
	}
	return strings.Join(out, " ")
}
