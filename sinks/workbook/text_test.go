package workbook

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAppendText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a & b <c> \"d\" 'e'", "a &amp; b &lt;c&gt; \"d\" 'e'"},
		{"line\nline\ttab", "line\nline\ttab"},
		{"\r\n", "&#13;\n"},
		{"\x00\x1f\x0b", "_x0000__x001F__x000B_"},
		{"_x0041_", "_x005F_x0041_"},
		{"_x0041_x0042_", "_x005F_x0041_x005F_x0042_"},
		{"_x004", "_x004"},
		{"_x0041", "_x005F_x0041"},
		{"_x0041\x01", "_x005F_x0041_x0001_"},
		{"_X0041_ _xAbCd_ _x00g1_", "_X0041_ _x005F_xAbCd_ _x00g1_"},
		{"\ufffe\uffff\ufffd", "_xFFFE__xFFFF_\ufffd"},
		{"a\xffb\xc3", "a\ufffdb\ufffd"},
		{"ﬁ 山 😀", "ﬁ 山 😀"},
	} {
		if got := string(appendText(nil, []byte(c.text))); got != c.want {
			t.Errorf("%q: found %q, expected %q", c.text, got, c.want)
		}
	}
}

// Plain text goes into a cell as it is, byte by byte.
func TestPlain(t *testing.T) {
	for text, want := range map[string]bool{
		"plain": true, "é 山 😀": true, "in the middle": true, "a=b+c-d@e": true, "a": true, strings.Repeat("x", maxText): true,
		"": false, " lead": false, "trail ": false, " ": false, "a\tb": false, "a\nb": false, "=a": false, "+a": false, "-a": false, "@a": false,
		"a&b": false, "a<b": false, "a>b": false, "a_b": false, "a\x00": false, "a\x1f": false, "a\uffff": false, "a\ufffe": false, "a\xff": false,
		"a\xc3": false, "\xed\xa0\x80": false, strings.Repeat("x", maxText+1): false, "\ufeffa": false,
	} {
		if got := plain([]byte(text)); got != want {
			t.Errorf("%.10q: found %t, expected %t", text, got, want)
		}
	}
}

// hostile draws text with what is special to XML and to Excel.
func hostile() *rapid.Generator[string] {
	piece := rapid.OneOf(rapid.SampledFrom([]string{"_", "x", "_x", "0041", "005F", "_x005F_", "_x0041", "\x00", "\x01", "\r", "\n", "\t", " ", "&", "<", ">",
		"]]>", "&amp;", "=", "\"", "'", "\xff", "\xed\xa0\x80", "\ufffe", "\uffff", "\ufffd", "😀", "é", "ß", "=1+1"}), rapid.String())
	return rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), "") })
}

// What is written is XML, an XML parser finds what unescape finds, and that is the text, bytes that are not UTF-8 aside.
func TestTextSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := hostile().Draw(t, "text")
		raw := appendText(nil, []byte(text))
		want := string([]rune(text)) // U+FFFD for every byte that is not UTF-8
		if got := string(unescape(raw)); got != want {
			t.Fatalf("found %q, expected %q", got, want)
		}
		var parsed string
		if err := xml.Unmarshal(fmt.Appendf(nil, "<t>%s</t>", raw), &parsed); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		if got := string(unescape([]byte(xmlEscape(parsed)))); got != want {
			t.Fatalf("parsed: found %q, expected %q", got, want)
		}
		if plain([]byte(text)) && (!bytes.Equal(raw, []byte(text)) || beginsFormula([]byte(text)) || keepsSpace([]byte(text))) {
			t.Fatalf("%q is called plain and is not", text)
		}
	})
}

func xmlEscape(s string) string { return strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(s) }

func utf16Len(s string) int { return len(utf16.Encode([]rune(s))) }

func TestLongText(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		left int // characters left out
	}{
		"as long as it may be":   {strings.Repeat("x", maxText), 0},
		"one too long":           {strings.Repeat("x", maxText+1), len("… (+NN more)") - 2 + 1},
		"40,000":                 {strings.Repeat("x", 40_000), 40_000 - (maxText - 14)},
		"bytes, not characters":  {strings.Repeat("é", maxText), 0},
		"astral, full":           {strings.Repeat("😀", maxText/2), 0},
		"astral, one too many":   {strings.Repeat("😀", maxText/2+1), 6},
		"astral, other parity":   {"x" + strings.Repeat("😀", maxText/2+1), 7},
		"astral, 40,000 of them": {strings.Repeat("😀", 40_000), 40_000 - (maxText-14)/2},
		"not UTF-8":              {strings.Repeat("\xff", 40_000), 40_000 - (maxText - 14)},
		"a million":              {strings.Repeat("é", 1_000_000), 1_000_000 - (maxText - 16)},
	} {
		got := string(fitText([]byte(c.text)))
		if n := utf16Len(got); n > maxText || c.left > 0 && n < maxText-2 {
			t.Errorf("%s: %d units", name, n)
		}
		if c.left == 0 {
			if got != c.text {
				t.Errorf("%s: changed", name)
			}
			continue
		}
		suffix := fmt.Sprintf("… (+%d more)", c.left)
		if !strings.HasSuffix(got, suffix) {
			t.Errorf("%s: found %q, expected %q", name, got[len(got)-20:], suffix)
			continue
		}
		kept := strings.TrimSuffix(got, suffix)
		if !strings.HasPrefix(c.text, kept) || utf8.RuneCountInString(kept)+c.left != utf8.RuneCountInString(c.text) {
			t.Errorf("%s: %d characters kept of %d, %d left out", name, utf8.RuneCountInString(kept), utf8.RuneCountInString(c.text), c.left)
		}
	}
}

// The number of characters left out decides how long the end is, which decides how many are left out.
func TestLongTextAnyLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]string{"x", "é", "😀", "x😀", "\xff"}).Draw(t, "unit")
		n := rapid.IntRange(maxText/2-8, maxText+1200).Draw(t, "n")
		text := strings.Repeat(unit, n)
		got := string(fitText([]byte(text)))
		if utf16Len(text) <= maxText {
			if got != text {
				t.Fatal("changed")
			}
			return
		}
		at := strings.LastIndex(got, "…")
		var left int
		if _, err := fmt.Sscanf(got[at:], "… (+%d more)", &left); err != nil {
			t.Fatal(err)
		}
		if kept := got[:at]; utf16Len(got) > maxText || utf16Len(got) < maxText-2 || !strings.HasPrefix(text, kept) ||
			utf8.RuneCountInString(kept)+left != utf8.RuneCountInString(text) {
			t.Fatalf("%d units, %d left out", utf16Len(got), left)
		}
	})
}

func TestLines(t *testing.T) {
	for text, want := range map[string]int{
		"":                           1,
		"short":                      1,
		"1234567890":                 1,
		"12345678901":                2,
		"1234567 901":                2,
		"12345 789 1234":             2,
		"a\nb\n":                     3,
		"山田太郎山":                      1,
		"山田太郎山山":                     2,
		strings.Repeat("x", 101):     11,
		"aaaa bbbb cccc dddd eeee":   3,
		"aaaaaaaaaa bbbbbbbbbb cccc": 3,
	} {
		if got := lines([]byte(text), 10); got != want {
			t.Errorf("%q: found %d, expected %d", text, got, want)
		}
	}
}
