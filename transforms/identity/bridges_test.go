package identity

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestBridges(t *testing.T) {
	for _, c := range []struct {
		obs, same, want string
	}{
		{"u=a; e=b@x.com", "", "[]"},
		{"u=a; e=a@x.com", "", "[]"},
		{"u=a; e=b@x.com | u=b; e=c@x.com | u=c; e=a@x.com", "", "[]"}, // a ring has no weak place
		{"u=a; e=info@x.com | u=b; e=info@x.com | u=c; e=info@x.com", "", "[info]"},
		{"u=a; e=b@x.com | u=b; e=c@x.com | u=c; e=a@x.com | u=c; e=d@x.com | u=d; e=e@x.com | u=e; e=c@x.com", "", "[c]"}, // two rings
		{"u=a; e=b@x.com | u=c; e=d@x.com", "b, c", "[]"},                                                                  // who overrides knows
		{"u=a; e=b@x.com | e=b@y.org | u=b", "", "[]"},
	} {
		u, _ := resolved(t, parse(t, c.obs), Rules{Same: identifiers(c.same)})
		if got := fmt.Sprint(u.Bridges(0)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.obs, got, c.want)
		}
	}
}

// A node is cut if and only if there are more parts without it than with it, not counting itself.
func TestCutsByRemoval(t *testing.T) {
	check(t, func(t *rapid.T) {
		g := newGraph()
		for range rapid.IntRange(1, 14).Draw(t, "edges") {
			a, b := rapid.Int32Range(0, 9).Draw(t, "a"), rapid.Int32Range(0, 9).Draw(t, "b")
			if a != b {
				g.connect(a, b)
			}
		}
		parts := func(without int) int {
			seen := make([]bool, len(g.keys))
			n := 0
			for i := range g.keys {
				if seen[i] || i == without {
					continue
				}
				n++
				for stack := []int{i}; len(stack) > 0; {
					at := stack[len(stack)-1]
					stack = stack[:len(stack)-1]
					if !seen[at] && at != without {
						seen[at] = true
						stack = append(stack, g.next[at]...)
					}
				}
			}
			return n
		}
		want := make([]bool, len(g.keys))
		for i := range want {
			want[i] = parts(i) > parts(-1)
		}
		if got := g.cuts(); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v for %v", got, want, g.next)
		}
	})
}

// A million keys in a row, each a bridge, need no stack.
func TestBridgesOfALongChain(t *testing.T) {
	if testing.Short() {
		t.Skip("a million keys")
	}
	const n = 1_000_000
	g := newGraph()
	for i := range int32(n - 1) {
		g.connect(i, i+1)
	}
	cuts := 0
	for _, c := range g.cuts() {
		if c {
			cuts++
		}
	}
	if cuts != n-2 {
		t.Errorf("%d of %d", cuts, n)
	}
}
