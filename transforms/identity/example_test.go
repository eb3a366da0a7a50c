package identity

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// workedExample is the one of the contract (§7), A to H.
const workedExample = "u=alice; e=asmith@x.com | u=asmith; e=bob@x.com | u=bob; e=c@x.com | e=ASMITH@y.org | d=Bob B. | " +
	"u=BOB | d=Bob B.; u=bob | u=; e=  ; d="

func TestWorkedExample(t *testing.T) {
	texts := parse(t, workedExample)
	u, obs := resolved(t, texts, Rules{})
	if got, want := groups(u, numbers(u, obs)), "ABCDFG1 E3"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	for i, want := range []string{
		`step 1: email and username: username "alice", local part "asmith"`,
		`step 1: email and username: username "asmith", local part "bob"`,
		`step 1: email and username: username "bob", local part "c"`,
		`step 2: no username; a user with email and username holds the local part: local part "asmith"`,
		`step 3: no email; equal display names are one user: display name "bob b."`,
		`step 4: a username only, which is that of a user with email and username: username "bob"`,
		`step 3: no email, a display name; its username is that of a user with email and username: username "bob"`,
		`neither email, username nor display name: no identity`,
	} {
		if got := u.Tie(obs[i]).String(); got != want {
			t.Errorf("%c: got %s, want %s", 'A'+i, got, want)
		}
	}
	if got, want := u.Bridges(0), []string{"asmith", "bob"}; !slices.Equal(got, want) {
		t.Errorf("bridges %q, want %q", got, want)
	}
	if got := u.FullEmailCount(); got != 6 { // four emails, Bob B., BOB
		t.Errorf("by full email alone: %d users", got)
	}
	if got, want := u.Largest(10), []Large{{0, 5, "alice"}, {1, 1, "bob b."}}; !slices.Equal(got, want) {
		t.Errorf("largest %v, want %v", got, want)
	}
}

// Every one of the 40,320 orders gives the same users with the same numbers.
func TestWorkedExampleInEveryOrder(t *testing.T) {
	texts := parse(t, workedExample)
	u, obs := resolved(t, texts, Rules{})
	want := numbers(u, obs)
	orders := 0
	permute(len(texts), func(order []int) {
		orders++
		var v Values
		shuffled := make([]text, len(order))
		for i, n := range order {
			shuffled[i] = texts[n]
		}
		v, obs := coded(shuffled) // the codes, too, are numbered in another order
		res, err := NewResolver(v, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range obs {
			res.Add(o)
		}
		got := numbers(res.Resolve(), obs)
		for i, n := range order {
			if got[i] != want[n] {
				t.Fatalf("order %v: got %v, want %v by place in the example", order, got, want)
			}
		}
	})
	if orders != 40320 {
		t.Errorf("%d orders", orders)
	}
}

// permute calls f with every order of 0 … n-1 (Heap's algorithm).
func permute(n int, f func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var rec func(k int)
	rec = func(k int) {
		if k <= 1 {
			f(order)
			return
		}
		for i := range k {
			rec(k - 1)
			if k%2 == 0 {
				order[i], order[k-1] = order[k-1], order[i]
			} else {
				order[0], order[k-1] = order[k-1], order[0]
			}
		}
	}
	rec(n)
}

// Normalize never changes its own result, and sees no difference between forms and cases.
func TestNormalizeIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		n := Normalize(s)
		if again := Normalize(n); again != n {
			t.Fatalf("%q became %q, then %q", s, n, again)
		}
	})
}
