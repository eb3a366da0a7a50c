package identity

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// pairs is a set, however far it has to grow.
func TestPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set pairs
		want := map[[2]int32]bool{}
		next := rapid.Uint32().Draw(t, "seed")
		few := rapid.SampledFrom([]uint32{1 << 3, 1 << 6, 1<<31 - 1}).Draw(t, "below")
		for range rapid.IntRange(0, 5000).Draw(t, "size") {
			next = next*1664525 + 1013904223
			a, b := int32(next%few), int32((next>>7)%few)
			set.add(a, b)
			want[[2]int32{a, b}] = true
		}
		got := map[[2]int32]bool{}
		n := 0
		set.all(func(a, b int32) { got[[2]int32{a, b}] = true; n++ })
		if n != len(want) || set.len != len(want) || len(got) != len(want) {
			t.Fatalf("%d pairs, %d distinct, want %d", n, len(got), len(want))
		}
		for p := range want {
			if !got[p] {
				t.Fatalf("%v is lost", p)
			}
		}
	})
}

func TestInterner(t *testing.T) {
	in := newInterner(0)
	for round := range 2 {
		for i := range int32(5000) {
			if n := in.add(fmt.Sprint("text ", i)); n != i {
				t.Fatalf("round %d: text %d has the number %d", round, i, n)
			}
		}
	}
	if len(in.texts) != 5000 || in.add("") != none {
		t.Errorf("%d texts", len(in.texts))
	}
}

// Numbers follow the smallest keys: usernames and local parts, full emails, display names, each bytewise, however alike.
func TestNumbersFollowTheKeys(t *testing.T) {
	var texts []text
	for i := range 100 {
		texts = append(texts, text{username: fmt.Sprintf("a-service-account-%03d", i)})
	}
	for i := range 100 {
		texts = append(texts, text{email: fmt.Sprintf("a-mailbox-somewhere-%03d@x.com", i)})
	}
	for i := range 100 {
		texts = append(texts, text{display: fmt.Sprintf("a display name of %03d", i)})
	}
	order := make([]int, len(texts))
	shuffled := make([]text, len(texts))
	for i := range texts {
		order[i] = i * 7 % len(texts)
		shuffled[i] = texts[order[i]]
	}
	u, obs := resolved(t, shuffled, Rules{})
	if got := numbers(u, obs); !slices.Equal(got, order) {
		t.Errorf("got %v, want %v", got, order)
	}
}
