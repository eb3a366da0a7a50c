package identity

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// check runs a property on ten times as many inputs as rapid does by itself: a thousand, unless told otherwise.
func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	for range 10 {
		rapid.Check(t, property)
	}
}

func TestAgreesWithBruteForce(t *testing.T) {
	for name, rules := range map[string]func(*rapid.T) Rules{
		"plain":      func(*rapid.T) Rules { return Rules{} },
		"with rules": drawRules,
	} {
		t.Run(name, func(t *testing.T) {
			check(t, func(t *rapid.T) {
				texts, r := drawTexts(t), rules(t)
				u, obs := resolved(t, texts, r)
				want := bruteResolve(texts, r)
				if u.Len() != len(want) {
					t.Fatalf("%d users, by brute force %d", u.Len(), len(want))
				}
				wantUsers := make([]int, len(texts))
				for i := range wantUsers {
					wantUsers[i] = -1
				}
				for n, x := range want {
					for _, i := range x.obs {
						wantUsers[i] = n
					}
					if u.Bucket(n) != x.bucket {
						t.Fatalf("user %d is in %s, by brute force in %s", n, u.Bucket(n), x.bucket)
					}
				}
				if got := numbers(u, obs); !slices.Equal(got, wantUsers) {
					t.Fatalf("got %v, by brute force %v", got, wantUsers)
				}
				for _, l := range u.Largest(u.Len()) {
					if x := want[l.User]; l.Keys != len(x.keys) || l.Smallest != x.smallest().text {
						t.Fatalf("%+v, by brute force %d keys, the smallest %q", l, len(x.keys), x.smallest().text)
					}
				}
			})
		})
	}
}

func TestFullEmailCount(t *testing.T) {
	check(t, func(t *rapid.T) {
		texts := drawTexts(t)
		u, _ := resolved(t, texts, drawRules(t))
		want := map[bruteKey]bool{}
		for _, x := range texts {
			switch e, n, d := bruteNormalize(x.email), bruteNormalize(x.username), bruteNormalize(x.display); {
			case e != "":
				want[bruteKey{Email, e}] = true
			case d != "":
				want[bruteKey{DisplayName, d}] = true
			case n != "":
				want[bruteKey{Username, n}] = true
			}
		}
		if u.FullEmailCount() != len(want) {
			t.Fatalf("got %d, want %d", u.FullEmailCount(), len(want))
		}
	})
}

// Neither order nor duplication changes anything, nor does it that shards have their own codes for the same texts.
func TestOrderDuplicationAndShardsChangeNothing(t *testing.T) {
	check(t, func(t *rapid.T) {
		texts, r := drawTexts(t), drawRules(t)
		u, obs := resolved(t, texts, r)
		want := numbers(u, obs)

		order := rapid.Permutation(indexes(len(texts))).Draw(t, "order")
		order = append(order, rapid.SliceOfN(rapid.IntRange(0, max(0, len(texts)-1)), 0, 2*len(texts)).Draw(t, "again")...)
		shards := rapid.IntRange(1, 4).Draw(t, "shards")
		var v Values
		shuffled := make([]Observation, len(order))
		for s := range shards {
			var places []int
			var own []text
			for at, i := range order {
				if (at+i)%shards == s {
					places, own = append(places, at), append(own, texts[i])
				}
			}
			w, coded := coded(own)
			for n, o := range coded {
				shuffled[places[n]] = Observation{
					offset(o.Email, len(v.Emails)), offset(o.Username, len(v.Usernames)), offset(o.DisplayName, len(v.DisplayNames)),
				}
			}
			v.Emails, v.Usernames, v.DisplayNames =
				append(v.Emails, w.Emails...), append(v.Usernames, w.Usernames...), append(v.DisplayNames, w.DisplayNames...)
		}
		res, err := NewResolver(v, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range shuffled {
			res.Add(o)
		}
		w := res.Resolve()
		for at, got := range numbers(w, shuffled) {
			if i := order[at]; got != want[i] {
				t.Fatalf("%v is of user %d, was of %d", texts[i], got, want[i])
			}
		}
		if len(texts) > 0 && (w.Len() != u.Len() || !slices.Equal(w.bucket, u.bucket) || !slices.Equal(w.Largest(99), u.Largest(99)) ||
			w.FullEmailCount() != u.FullEmailCount()) {
			t.Fatalf("%d users %v, were %d %v", w.Len(), w.bucket, u.Len(), u.bucket)
		}
		for n := range u.Len() {
			if !slices.Equal(u.Bridges(n), w.Bridges(n)) {
				t.Fatalf("bridges %q, were %q", w.Bridges(n), u.Bridges(n))
			}
		}
		for at, o := range shuffled {
			if got, was := w.Tie(o), u.Tie(obs[order[at]]); got != was {
				t.Fatalf("%v is tied by %v, was by %v", texts[order[at]], got, was)
			}
		}
	})
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func offset(code uint32, by int) uint32 {
	if code == 0 {
		return 0
	}
	return code + uint32(by)
}

// Buckets add up, numbers are 0 … Len()-1 without gaps, and no part of the observations sees more users.
func TestProjections(t *testing.T) {
	check(t, func(t *rapid.T) {
		texts := drawTexts(t)
		u, obs := resolved(t, texts, drawRules(t))
		whole, part := map[int]bool{}, map[int]bool{}
		var buckets [4]int
		for i, o := range obs {
			n, ok := u.Of(o)
			if blank := bruteNormalize(texts[i].email)+bruteNormalize(texts[i].username)+bruteNormalize(texts[i].display) == ""; ok == blank {
				t.Fatalf("%v: identity %v", texts[i], ok)
			}
			if (u.Tie(o).Step == 0) == ok {
				t.Fatalf("%v: tie %v", texts[i], u.Tie(o))
			}
			if !ok {
				continue
			}
			if !whole[n] {
				buckets[u.Bucket(n)]++
			}
			whole[n] = true
			if rapid.Bool().Draw(t, "in the window") {
				part[n] = true
			}
		}
		sum := 0
		for _, n := range buckets {
			sum += n
		}
		if sum != u.Len() || len(whole) != u.Len() || len(part) > u.Len() {
			t.Fatalf("buckets %v, seen %d, in the window %d, of %d users", buckets, len(whole), len(part), u.Len())
		}
		for n := range whole {
			if n < 0 || n >= u.Len() {
				t.Fatalf("user %d of %d", n, u.Len())
			}
		}
	})
}

// Whoever is one user by step 1 stays so, whatever comes; and what has no email with a username changes nothing for
// others.
func TestWhatOneMoreObservationChanges(t *testing.T) {
	check(t, func(t *rapid.T) {
		texts, r := drawTexts(t), drawRules(t)
		more := append(slices.Clone(texts), drawTexts(t)...)
		before, obs := resolved(t, texts, r)
		after, all := resolved(t, more, r)
		quiet := true
		for _, x := range more[len(texts):] {
			quiet = quiet && (bruteNormalize(x.email) == "" || bruteNormalize(x.username) == "")
		}
		both := func(x text) bool { return bruteNormalize(x.email) != "" && bruteNormalize(x.username) != "" }
		was, is := numbers(before, obs), numbers(after, all)
		for i := range texts {
			for j := range i {
				one, still := was[i] == was[j], is[i] == is[j]
				if one != still && (quiet || one && both(texts[i]) && both(texts[j])) {
					t.Fatalf("%v and %v: one user %v before, %v after", texts[i], texts[j], one, still)
				}
			}
		}
	})
}

func TestOverridesHold(t *testing.T) {
	check(t, func(t *rapid.T) {
		texts := drawTexts(t)
		r := drawRules(t)
		if rapid.Bool().Draw(t, "different") && len(r.Different) == 0 {
			r.Different = [][]Identifier{{{Email, "al@x.com"}, {Email, "al@y.org"}, {Username, "bo"}, {DisplayName, "al"}}}
			if _, err := NewResolver(Values{}, r); err != nil {
				r.Same = nil
			}
		}
		u, obs := resolved(t, texts, r)
		users := numbers(u, obs)
		alone := peopleOfTheirOwn(r)
		// The users that observations of an identifier are of.
		usersOf := func(id Identifier) map[int]bool {
			k := bruteKey{id.Kind, bruteNormalize(id.Text)}
			out := map[int]bool{}
			for i, x := range texts {
				e, n, d := bruteNormalize(x.email), bruteNormalize(x.username), bruteNormalize(x.display)
				emailLeads, usernameLeads := alone[bruteKey{Email, e}], alone[bruteKey{Username, n}]
				mine := false
				switch id.Kind {
				case Email:
					mine = e == k.text && (emailLeads || n == "")
				case Username:
					mine = n == k.text && !emailLeads && (usernameLeads || e == "" && d == "")
				case DisplayName:
					mine = d == k.text && e == "" && (n == "" || alone[k] && !usernameLeads)
				}
				if mine {
					out[users[i]] = true
				}
			}
			return out
		}
		for _, entry := range r.Different {
			for i, a := range entry {
				for _, b := range entry[:i] {
					for n := range usersOf(a) {
						if usersOf(b)[n] {
							t.Fatalf("%s and %s are one user", a, b)
						}
					}
				}
			}
		}
		for _, entry := range r.Same {
			seen := map[int]bool{}
			for _, id := range entry {
				for n := range usersOf(id) {
					seen[n] = true
				}
			}
			if len(seen) > 1 {
				t.Fatalf("%v are %d users", entry, len(seen))
			}
		}
	})
}

// peopleOfTheirOwn returns what Different names and what Same says is the same.
func peopleOfTheirOwn(r Rules) map[bruteKey]bool {
	alone := map[bruteKey]bool{}
	for _, entry := range r.Different {
		for _, id := range entry {
			alone[bruteKey{id.Kind, bruteNormalize(id.Text)}] = true
		}
	}
	for range r.Same { // each round reaches one entry further
		for _, entry := range r.Same {
			touched := false
			for _, id := range entry {
				touched = touched || alone[bruteKey{id.Kind, bruteNormalize(id.Text)}]
			}
			for _, id := range entry {
				alone[bruteKey{id.Kind, bruteNormalize(id.Text)}] = touched || alone[bruteKey{id.Kind, bruteNormalize(id.Text)}]
			}
		}
	}
	return alone
}
