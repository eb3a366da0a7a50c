package integration

import (
	"bytes"
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// people makes People of users, each with its keys; those of a negative number were not seen lately.
func people(users ...[]int) *People {
	p := new(People)
	for user, keys := range users {
		for _, key := range keys {
			p.ties = append(p.ties, tie{uint64(max(key, -key)), uint32(user), key > 0})
		}
	}
	slices.SortFunc(p.ties, func(a, b tie) int { return cmp.Compare(a.key, b.key) })
	return p
}

func TestPeopleSince(t *testing.T) {
	for _, c := range []struct {
		name         string
		then, now    *People
		year, recent PeopleChange
	}{
		{"nobody", people(), people(), PeopleChange{}, PeopleChange{}},
		{"the same, in another order", people([]int{1, 2}, []int{3}), people([]int{3}, []int{1, 2}), PeopleChange{Before: 2, After: 2}, PeopleChange{Before: 2, After: 2}},
		{"one more, one less", people([]int{1}), people([]int{2}), PeopleChange{1, 1, 1, 1, 0, 0}, PeopleChange{1, 1, 1, 1, 0, 0}},
		{"three are one", people([]int{1}, []int{2}, []int{3}), people([]int{1, 2, 3}), PeopleChange{Before: 3, After: 1, Merged: 2}, PeopleChange{Before: 3, After: 1, Merged: 2}},
		{"one is two", people([]int{1, 2}), people([]int{1}, []int{2}), PeopleChange{Before: 1, After: 2, Split: 1}, PeopleChange{Before: 1, After: 2, Split: 1}},
		{"not seen lately", people([]int{1}), people([]int{-1}), PeopleChange{Before: 1, After: 1}, PeopleChange{Before: 1, Removed: 1}},
		{"a key is lost", people([]int{1, 2}), people([]int{2}), PeopleChange{Before: 1, After: 1}, PeopleChange{Before: 1, After: 1}},
	} {
		if got := c.now.Since(c.then, false); got != c.year {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.year)
		}
		if got := c.now.Since(c.then, true); got != c.recent {
			t.Errorf("%s, lately: %+v, want %+v", c.name, got, c.recent)
		}
	}
}

// TestPeopleAddUp: however users became others, the change adds up, and bytes hold them.
func TestPeopleAddUp(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		draw := func(name string) *People {
			of := rapid.SliceOfN(rapid.IntRange(-1, 6), 12, 12).Draw(r, name) // whose each key is
			users := make([][]int, 7)
			for key, user := range of {
				if user >= 0 {
					users[user] = append(users[user], key+1)
				}
			}
			users = slices.DeleteFunc(users, func(keys []int) bool { return len(keys) == 0 })
			for _, keys := range users {
				if rapid.Bool().Draw(r, "long ago") {
					for i := range keys {
						keys[i] = -keys[i]
					}
				}
			}
			return people(users...)
		}
		then, now := draw("then"), draw("now")
		for _, p := range []*People{then, now} {
			decoded, err := DecodePeople(p.Encode())
			if err != nil || !bytes.Equal(decoded.Encode(), p.Encode()) {
				r.Fatalf("%v", err)
			}
		}
		for _, recent := range []bool{false, true} {
			c := now.Since(then, recent)
			var before, after int64
			for _, in := range then.members(recent) {
				if in {
					before++
				}
			}
			for _, in := range now.members(recent) {
				if in {
					after++
				}
			}
			if c.Before != before || c.After != after || c.Before+c.Added-c.Removed-c.Merged+c.Split != c.After {
				r.Errorf("%+v, want %d and %d", c, before, after)
			}
			back := then.Since(now, recent)
			if back.Added != c.Removed || back.Merged != c.Split {
				r.Errorf("there %+v, back %+v", c, back)
			}
		}
	})
}

func FuzzDecodePeople(f *testing.F) {
	f.Add([]byte{})
	f.Add(people([]int{1, 2}, []int{-3}).Encode())
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := DecodePeople(data)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Encode(), data) {
			t.Error("other bytes")
		}
		p.Since(p, true)
	})
}
