package identity

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Every character there is normalises to the same, in upper and lower case, composed and decomposed, as long as the
// language has no say: a dotless i, upper-cased, becomes an I.
func TestNormalizeEveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		s := "a" + string(r) + "z"
		n := Normalize(s)
		if again := Normalize(n); again != n {
			t.Errorf("%U: %+q, then %+q", r, n, again)
		}
		for _, other := range []string{norm.NFC.String(s), norm.NFD.String(s), norm.NFKC.String(s), norm.NFKD.String(s)} {
			if other != s && Normalize(other) != n {
				t.Errorf("%U: %+q, as %+q %+q", r, n, other, Normalize(other))
			}
		}
		if r == 'ı' || r == 'İ' { // the one has an upper case, the other a lower one, that is not its own fold
			continue
		}
		for _, other := range []string{strings.ToUpper(s), strings.ToLower(s), strings.ToTitle(s)} {
			if other != s && Normalize(other) != n {
				t.Errorf("%U: %+q, as %+q %+q", r, n, other, Normalize(other))
			}
		}
	}
}

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " \t\r\n": "", "\u00a0\u3000\u2003": "", "A B": "a b", " ＡＬ＠Ｘ．ＣＯＭ ": "al@x.com", "\u00b4x": "\u0301x",
		"Straße": "strasse", "İ": "i\u0307", "ΣΑΣ": "σασ", "ﬀ": "ff", "e\u0301": "é", "\u13a0": "\u13a0", "\uab70": "\u13a0", "\u13f8": "\u13f0",
	} {
		if got := Normalize(in); got != want {
			t.Errorf("%+q: got %+q, want %+q", in, got, want)
		}
	}
}

// FuzzNormalize: the result is stable, trimmed, in normal form, and the same for all forms of a text.
func FuzzNormalize(f *testing.F) {
	for _, s := range []string{
		"", "Alice@X.com", " ＡＬ＠Ｘ．ＣＯＭ ", "Straße", "İi̇ıI", "ſﬁ①", "ΣΊΣΥΦΟΣ", "\u0345\u0301α", "\u1fb4", "\u00b4\u0301 ",
		"\u13a0\uab70", "\xff\xfe", strings.Repeat("\u0301", 40) + "a", "a" + strings.Repeat("\u0345", 70), "\u1100\u1161\u11a8", "\u03b9\u0308\u0301",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := Normalize(s)
		if again := Normalize(n); again != n {
			t.Errorf("%+q became %+q, then %+q", s, n, again)
		}
		if strings.TrimSpace(n) != n || !norm.NFKC.IsNormalString(n) {
			t.Errorf("%+q became %+q", s, n)
		}
		if l := localPart(n); Normalize(l) != l {
			t.Errorf("the local part of %+q is %+q", n, l)
		}
		if !utf8.ValidString(s) || manyMarks(s) {
			return
		}
		for _, other := range []string{norm.NFC.String(s), norm.NFD.String(s), norm.NFKD.String(s), "\u2003" + s + "\t"} {
			if got := Normalize(other); got != n {
				t.Errorf("%+q became %+q, as %+q %+q", s, n, other, got)
			}
		}
	})
}

// manyMarks reports whether a text has more marks in a row than normal forms of the library keep together.
func manyMarks(s string) bool {
	row := 0
	for _, r := range norm.NFKD.String(s) {
		row++
		if norm.NFKD.PropertiesString(string(r)).CCC() == 0 {
			row = 0
		}
		if row >= 28 || r == '\u034f' {
			return true
		}
	}
	return false
}
