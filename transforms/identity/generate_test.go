package identity

import (
	"strings"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
	"pgregory.net/rapid"
)

// Names whose forms are hard, a few of each so that random observations meet.
var (
	someNames   = []string{"al", "bo", "straße", "STRASSE", "ſam", "sam", "İlk", "i\u0307lk", "ılk", "josé", "ﬁn", "fin", "σοφός", "a b", "Ångström"}
	someDomains = []string{"x.com", "y.org"}
)

// variant returns a text that must normalise like s, but for a dotless i whose case is changed.
func variant(t *rapid.T, s string) string {
	switch rapid.IntRange(0, 9).Draw(t, "form") {
	case 0:
		return strings.ToUpper(s)
	case 1:
		return norm.NFD.String(s)
	case 2:
		return norm.NFC.String(s)
	case 3:
		return width.Widen.String(s)
	case 4:
		return "\u00a0" + s + " \t"
	}
	return s
}

func drawName(t *rapid.T, names int) string {
	return variant(t, rapid.SampledFrom(someNames[:names]).Draw(t, "name"))
}

func drawEmail(t *rapid.T, names int) string {
	name := rapid.SampledFrom(someNames[:names]).Draw(t, "local")
	switch rapid.IntRange(0, 19).Draw(t, "shape") {
	case 0:
		return "@x.com"
	case 1:
		return variant(t, name)
	case 2:
		return variant(t, name+"@x.com@y.org")
	case 3:
		return variant(t, name+" @x.com")
	}
	return variant(t, name+"@"+rapid.SampledFrom(someDomains).Draw(t, "domain"))
}

// drawTexts makes observations over the first few names, so that they share keys or not.
func drawTexts(t *rapid.T) []text {
	names := rapid.SampledFrom([]int{2, 3, 4, 6, len(someNames)}).Draw(t, "names")
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) text {
		var x text
		has := rapid.IntRange(0, 7).Draw(t, "has")
		if has&1 != 0 {
			x.email = drawEmail(t, names)
		}
		if has&2 != 0 {
			x.username = drawName(t, names)
		}
		if has&4 != 0 {
			x.display = drawName(t, names)
		}
		return x
	}), 0, 14).Draw(t, "observations")
}

func drawIdentifiers(t *rapid.T, label string) [][]Identifier {
	return rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Identifier {
		switch kind := Kind(rapid.IntRange(0, 2).Draw(t, "kind")); kind {
		case Email:
			return Identifier{Email, rapid.SampledFrom(someNames[:4]).Draw(t, "local") + "@" + rapid.SampledFrom(someDomains).Draw(t, "domain")}
		default:
			return Identifier{kind, drawName(t, 4)}
		}
	}), 2, 3), 0, 2).Draw(t, label)
}

// drawRules makes rules that do not contradict themselves.
func drawRules(t *rapid.T) Rules {
	var r Rules
	if rapid.Bool().Draw(t, "has noProof") {
		r.NoProof = []string{drawName(t, 4)}
	}
	if rapid.IntRange(0, 3).Draw(t, "has overrides") > 0 {
		r.Same, r.Different = drawIdentifiers(t, "same"), drawIdentifiers(t, "different")
	}
	for len(r.Different) > 0 {
		if _, err := NewResolver(Values{}, r); err == nil {
			break
		}
		r.Different = r.Different[1:]
	}
	return r
}
