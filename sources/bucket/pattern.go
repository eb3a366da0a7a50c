package bucket

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// pattern is a parsed path pattern. Tokens:
//
//	{date}              a day, 2026-11-20
//	{yyyy} {mm} {dd}    its parts, in any order, with anything between them
//	*  ?                any characters, one character, but no slash
//	**                  any characters, slashes too; **/ also matches nothing
type pattern struct {
	text  string
	items []item
	dated bool
}

type itemKind uint8

const (
	literal  itemKind = iota
	anyChar           // ?
	anyRun            // *
	anyPath           // **
	anyDirs           // **/
	fullDate          // {date}
	year              // {yyyy}
	month             // {mm}
	day               // {dd}
)

type item struct {
	kind itemKind
	text string // of a literal
}

var dateTokens = []struct {
	text string
	kind itemKind
}{{"{date}", fullDate}, {"{yyyy}", year}, {"{mm}", month}, {"{dd}", day}}

// parsePattern checks a pattern. A date must be there as a whole or not at all.
func parsePattern(text string) (*pattern, error) {
	bad := func(why string) error { return fmt.Errorf("path pattern %q: %s", text, why) }
	if text == "" {
		return nil, bad("it is empty: write for example events/dt={date}/*.parquet")
	}
	if strings.HasPrefix(text, "/") {
		return nil, bad("keys in a bucket do not begin with a slash: leave it out")
	}
	p := &pattern{text: text}
	seen := map[itemKind]bool{}
	for rest := text; rest != ""; {
		n := 1
		switch {
		case strings.HasPrefix(rest, "**/"):
			n = 3
			p.items = append(p.items, item{kind: anyDirs})
		case strings.HasPrefix(rest, "**"):
			n = 2
			p.items = append(p.items, item{kind: anyPath})
		case rest[0] == '*':
			p.items = append(p.items, item{kind: anyRun})
		case rest[0] == '?':
			p.items = append(p.items, item{kind: anyChar})
		case rest[0] == '{':
			token := strings.IndexByte(rest, '}') + 1
			kind := literal
			for _, t := range dateTokens {
				if rest[:token] == t.text {
					kind = t.kind
				}
			}
			if kind == literal {
				return nil, bad("after { only date}, yyyy}, mm} or dd} can stand")
			}
			seen[kind], n = true, token
			p.items = append(p.items, item{kind: kind})
		case rest[0] == '}':
			return nil, bad("a } without {")
		default:
			if n = strings.IndexAny(rest, "*?{}"); n < 0 {
				n = len(rest)
			}
			p.items = append(p.items, item{literal, rest[:n]})
		}
		rest = rest[n:]
	}
	parts := 0
	for _, k := range []itemKind{year, month, day} {
		if seen[k] {
			parts++
		}
	}
	if parts != 0 && (parts != 3 || seen[fullDate]) {
		return nil, bad("a date is either {date} or all of {yyyy}, {mm} and {dd}")
	}
	p.dated = len(seen) > 0
	return p, nil
}

// prefix returns what every matching key begins with.
func (p *pattern) prefix() string {
	if p.items[0].kind == literal {
		return p.items[0].text
	}
	return ""
}

// digits returns how many characters a date token takes in a key.
func (k itemKind) digits() int {
	switch k {
	case fullDate:
		return 10
	case year:
		return 4
	case month, day:
		return 2
	}
	return 0
}

// match reports whether a key has the form of the pattern, where a date token stands for any characters but a slash,
// and what the tokens stand for, in the pattern's order.
//
// Among several ways to match, one whose dates are dates is preferred: see date.
func (p *pattern) match(key string) (tokens []string, ok bool) {
	m := matcher{pattern: p, key: key, strict: true}
	if m.match(0, 0) {
		return m.tokens, true
	}
	m = matcher{pattern: p, key: key}
	return m.tokens, m.match(0, 0)
}

// matcher tries a pattern on a key. It remembers what failed, so that stars do not multiply each other's work.
type matcher struct {
	*pattern
	key    string
	strict bool // date tokens stand for exactly their digits
	tokens []string
	failed map[[2]int]bool
}

func (m *matcher) match(i, at int) bool {
	if i == len(m.items) {
		return at == len(m.key)
	}
	state := [2]int{i, at}
	if m.failed[state] {
		return false
	}
	if m.step(i, at) {
		return true
	}
	if m.failed == nil {
		m.failed = map[[2]int]bool{}
	}
	m.failed[state] = true
	return false
}

func (m *matcher) step(i, at int) bool {
	rest := m.key[at:]
	switch it := m.items[i]; it.kind {
	case literal:
		return strings.HasPrefix(rest, it.text) && m.match(i+1, at+len(it.text))
	case anyChar:
		_, n := utf8.DecodeRuneInString(rest)
		return n > 0 && rest[0] != '/' && m.match(i+1, at+n)
	case anyRun:
		return m.match(i+1, at) || rest != "" && rest[0] != '/' && m.match(i, at+1)
	case anyPath:
		return m.match(i+1, at) || rest != "" && m.match(i, at+1)
	case anyDirs:
		for n := 0; n <= len(rest); n++ {
			if (n == 0 || rest[n-1] == '/') && m.match(i+1, at+n) {
				return true
			}
		}
		return false
	default:
		return m.date(it.kind, i, at)
	}
}

// date matches a date token: its digits, or in the second attempt anything within a path segment.
func (m *matcher) date(kind itemKind, i, at int) bool {
	rest := m.key[at:]
	try := func(n int) bool {
		m.tokens = append(m.tokens, rest[:n])
		if m.match(i+1, at+n) {
			return true
		}
		m.tokens = m.tokens[:len(m.tokens)-1]
		return false
	}
	if m.strict {
		n := kind.digits()
		return len(rest) >= n && numeric(kind, rest[:n]) && try(n)
	}
	for n := 0; ; n++ {
		if try(n) {
			return true
		}
		if n == len(rest) || rest[n] == '/' {
			return false
		}
	}
}

// numeric reports whether text has the form of the token, be it a date or not.
func numeric(kind itemKind, text string) bool {
	for i, c := range []byte(text) {
		if kind == fullDate && (i == 4 || i == 7) {
			if c != '-' {
				return false
			}
		} else if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// date returns the day that a matching key's tokens stand for.
func (p *pattern) date(tokens []string) (time.Time, error) {
	var parts [3]string // year, month, day
	set := func(i int, text string) error {
		if parts[i] != "" && parts[i] != text {
			return fmt.Errorf("%q and %q contradict each other", parts[i], text)
		}
		parts[i] = text
		return nil
	}
	n := 0
	for _, it := range p.items {
		if it.kind < fullDate {
			continue
		}
		text := tokens[n]
		n++
		if len(text) != it.kind.digits() || !numeric(it.kind, text) {
			return time.Time{}, fmt.Errorf("%q is not a date", text)
		}
		var err error
		switch it.kind {
		case fullDate:
			for i, part := range strings.Split(text, "-") {
				if err == nil {
					err = set(i, part)
				}
			}
		default:
			err = set(int(it.kind-year), text)
		}
		if err != nil {
			return time.Time{}, err
		}
	}
	text := strings.Join(parts[:], "-")
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s is not a date", strconv.Quote(text))
	}
	return d, nil
}
