package identity

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Normalize returns the form in which texts are compared: trimmed, in normal form KC, with case folded in full,
// in normal form KC again, trimmed (contract §7). Normalising its result changes nothing.
func Normalize(s string) string {
	if t, ok := normalizeASCII(s); ok {
		return t
	}
	s = norm.NFKC.String(strings.TrimSpace(s))
	s = norm.NFKC.String(fold(s)) // what is folded may compose anew
	return strings.TrimSpace(s)   // ´, for one, is a space and a mark
}

// normalizeASCII is Normalize for texts without anything beyond ASCII, which is what most are.
func normalizeASCII(s string) (string, bool) {
	upper := false
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return "", false
		}
		upper = upper || 'A' <= c && c <= 'Z'
	}
	if upper {
		s = strings.ToLower(s)
	}
	return strings.TrimSpace(s), true
}

// fold folds case in full. golang.org/x/text swaps the cases of Cherokee letters instead of folding small ones into
// capitals, as Unicode does; small ones are right either way, so that is what it gets.
func fold(s string) string {
	return cases.Fold().String(strings.Map(func(r rune) rune {
		switch {
		case 0x13A0 <= r && r <= 0x13EF:
			return r - 0x13A0 + 0xAB70
		case 0x13F0 <= r && r <= 0x13F5:
			return r + 8
		}
		return r
	}, s))
}

// localPart returns what stands before the last @ of a normalised email, or "".
func localPart(email string) string {
	at := strings.LastIndexByte(email, '@')
	if at < 0 {
		return ""
	}
	return strings.TrimSpace(email[:at])
}
