package access

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestKeyText(t *testing.T) {
	form := regexp.MustCompile(`^urk_[a-z2-7]{16}_[a-z2-7]{59}$`)
	seen := map[string]bool{}
	for range 100 {
		id, text := newKeyText()
		if !form.MatchString(text) || !strings.HasPrefix(text, "urk_"+id+"_") || len(text) != keyLength {
			t.Fatalf("id %q, key %q", id, text)
		}
		if seen[id] || seen[text] {
			t.Fatalf("%q was made twice", text)
		}
		seen[id], seen[text] = true, true
		for _, around := range []string{text, " " + text + "\n", "\t" + text + "\r\n"} {
			if got, canonical, err := parseKey(around); err != nil || got != id || canonical != text {
				t.Fatalf("%q: %q, %q, %v", around, got, canonical, err)
			}
		}
	}
}

// TestMistypedKeys: a letter that is wrong, missing, doubled or swapped with its neighbour is told without a look-up.
func TestMistypedKeys(t *testing.T) {
	_, text := newKeyText()
	refused := func(bad string) {
		t.Helper()
		id, canonical, err := parseKey(bad)
		if !errors.Is(err, ErrMalformed) || id != "" || canonical != "" {
			t.Fatalf("%q of %q: %q, %v", bad, text, id, err)
		}
		if len(bad) > 20 && strings.Contains(err.Error(), bad[10:20]) {
			t.Fatalf("the error repeats it: %v", err)
		}
	}
	for i := range len(text) {
		for _, c := range "abcdefghijklmnopqrstuvwxyz234567ABC0189_-+= \x00\r\n\xff" {
			if bad := text[:i] + string(c) + text[i+1:]; strings.TrimSpace(bad) != text {
				refused(bad)
			}
		}
		refused(text[:i] + text[i+1:])
		refused(text[:i] + text[i:i+1] + text[i:])
		if i > 0 && text[i] != text[i-1] {
			refused(text[:i-1] + text[i:i+1] + text[i-1:i] + text[i+1:])
		}
	}
	for _, bad := range []string{"", " ", "urk_", "Bearer " + text, text + text, strings.ToUpper(text), strings.Repeat("a", 1<<20)} {
		refused(bad)
	}
	rapid.Check(t, func(t *rapid.T) {
		bad := rapid.String().Draw(t, "text")
		if _, _, err := parseKey(bad); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%q: %v", bad, err)
		}
	})
}

// TestSpareBits: the last letter of a secret has bits that decoding ignores. With the checksum made anew it is another text of the
// same secret, and refused.
func TestSpareBits(t *testing.T) {
	_, text := newKeyText()
	body := text[:keyLength-sumText]
	same := 0
	for _, c := range "abcdefghijklmnopqrstuvwxyz234567" {
		if _, _, err := parseKey(withChecksum(body[:len(body)-1] + string(c))); err == nil {
			same++
		}
	}
	if same != 2 { // the last letter has one bit of the secret
		t.Errorf("%d last letters are taken, want 2", same)
	}
}

func FuzzParseKey(f *testing.F) {
	_, text := newKeyText()
	f.Add(text)
	f.Add("urk_aaaaaaaaaaaaaaaa_" + strings.Repeat("a", 59))
	f.Add("urk_\r\naaaaaaaaaaaaaa_" + strings.Repeat("a", 59))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		id, canonical, err := parseKey(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || id != "" || canonical != "" {
				t.Fatalf("%q, %q, %v", id, canonical, err)
			}
			return
		}
		if canonical != strings.TrimSpace(text) || !validKeyID(id) || !strings.Contains(canonical, id) {
			t.Fatalf("%q, %q", id, canonical)
		}
	})
}
