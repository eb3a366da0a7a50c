package identity

import (
	"errors"
	"strings"
	"testing"
)

func TestContradictoryOverrides(t *testing.T) {
	for _, c := range []struct{ same, different, want string }{
		{"amy, bob", "BOB, amy", `different[0] says that username "bob" and username "amy" are two persons, same[0] that they are one`},
		{"amy, a@x.com | z, y | a@x.com, ~Amy", "x, y | amy, ~AMY", `different[1] says that username "amy" and display name "amy" are two persons, same[0] with same[2] that they are one`},
		{"", "amy, Amy", `different[0] names username "amy" twice`},
		{"amy, \u00a0", "", `same[0] names username "\u00a0", which is no key`},
		{"", "amy, ~", `different[0] names display name "", which is no key`},
		{"a, b | c, d", "a, b | c, d", `same[0] that they are one; different[1] says`},
	} {
		_, err := NewResolver(Values{}, Rules{Same: identifiers(c.same), Different: identifiers(c.different)})
		if !errors.Is(err, ErrOverrides) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, not %s:\ngot  %v\nwant …%s…", c.same, c.different, err, c.want)
		}
	}
	if _, err := NewResolver(Values{}, Rules{Same: [][]Identifier{{{Kind(9), "x"}}}}); !errors.Is(err, ErrOverrides) {
		t.Errorf("a kind that there is not: %v", err)
	}
	if _, err := NewResolver(Values{}, Rules{Same: identifiers("a, b"), Different: identifiers("b, c | a, d | c, d")}); err != nil {
		t.Errorf("no contradiction: %v", err)
	}
}

func TestTies(t *testing.T) {
	for _, c := range []struct {
		obs, noProof, same, different string
		want                          string // the tie of the first observation
	}{
		{obs: "u=amy; e=info@x.com", noProof: "info", want: `step 1: email and username; the local part proves nothing: username "amy"`},
		{obs: "u=Amy; e=A@x.com", different: "a@x.com, b@x.com", want: `step 1: email and username; the email is a person of its own: email "a@x.com" (override: different)`},
		{obs: "u=Amy; e=A@x.com", different: "amy, bob", want: `step 1: email and username; the username is a person of its own: username "amy" (override: different)`},
		{obs: "u=Amy; e=A@x.com", same: "a@x.com, bob", want: `step 1: email and username: username "amy", local part "a" (override: same)`},
		{obs: "e=a@x.com | u=amy; e=a@x.com", want: `step 2: no username; a user with email and username holds the full email: email "a@x.com"`},
		{obs: "e=a@x.com", want: `step 2: no username; equal emails are one user: email "a@x.com"`},
		{obs: "e=a@x.com", different: "a@x.com, bob", want: `step 2: no username; the email is a person of its own: email "a@x.com" (override: different)`},
		{obs: "e=a@x.com | u=amy; e=z@x.com", same: "a@x.com, amy", want: `step 2: no username; the email is the same person as a user with email and username: email "a@x.com" (override: same)`},
		{obs: "e=a@x.com | u=amy; e=q@x.com", same: "a@x.com, q@y.org", want: `step 2: no username; a user with email and username holds the local part: local part "q" (override: same)`},
		{obs: "e=a@x.com | u=amy; e=q@x.com", same: "a@x.com, q@x.com", want: `step 2: no username; the email is the same person as a user with email and username: email "a@x.com" (override: same)`},
		{obs: "d=Amy; u=amy", same: "amy, bob", want: `step 3: no email, a display name; an override names its username: username "amy" (override: same)`},
		{obs: "d=Amy; u=amy", want: `step 3: no email; equal display names are one user: display name "amy"`},
		{obs: "u=amy", want: `step 4: a username only; equal usernames are one user: username "amy"`},
	} {
		r := Rules{Same: identifiers(c.same), Different: identifiers(c.different)}
		if c.noProof != "" {
			r.NoProof = []string{c.noProof}
		}
		u, obs := resolved(t, parse(t, c.obs), r)
		if got := u.Tie(obs[0]).String(); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.obs, got, c.want)
		}
	}
}
