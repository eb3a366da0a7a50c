package sqldb

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usagereport/usagereport/sources"
)

// The parameters that a query may use.
const (
	paramFrom         = "from"
	paramTo           = "to"
	paramChangedSince = "changed_since"
)

var paramNames = []string{paramFrom, paramTo, paramChangedSince}

// Params returns which of the parameters from, to and changed_since the query text uses, in this order. The URL of
// the source, of which only the scheme counts, says which dialect of SQL the text is in. The error of a text that
// is not one statement, or that uses another parameter, wraps sources.ErrQuery.
func Params(url, text string) ([]string, error) {
	k, err := kindOf(url)
	if err != nil {
		return nil, err
	}
	st, err := parse(text, k.lexis)
	if err != nil {
		return nil, err
	}
	var used []string
	for _, name := range paramNames {
		if slices.ContainsFunc(st.params, func(p param) bool { return p.name == name }) {
			used = append(used, name)
		}
	}
	return used, nil
}

// lexis is what the dialects' tokens differ in.
type lexis struct {
	backslash  bool // a backslash escapes within '…' and "…" (MySQL; on PostgreSQL only within E'…')
	escapeE    bool // E'…'
	dollar     bool // $tag$…$tag$
	nested     bool // /* /* */ */ is one comment
	subscripts bool // a[1:2] is a slice
	brackets   bool // [name] is an identifier
	backtick   bool // `name` is an identifier
	hash       bool // # starts a comment
	dashSpace  bool // -- starts a comment only before white space
}

// statement is a query text whose parameters have been found.
type statement struct {
	text   string // without a semicolon at the end
	params []param
}

type param struct {
	name       string
	start, end int // in text, the colon included
}

// bind returns the text with each parameter replaced by what literal returns for it, and the function that maps
// a byte offset in the result to one in the text that was parsed.
func (st *statement) bind(literal func(name string) (string, error)) (string, func(int) int, error) {
	var b strings.Builder
	var ends []int // for each parameter, where its literal ends in the result
	last := 0
	for _, p := range st.params {
		b.WriteString(st.text[last:p.start])
		lit, err := literal(p.name)
		if err != nil {
			return "", nil, err
		}
		// In brackets, so that no neighbouring token can run into the literal.
		b.WriteString("(" + lit + ")")
		last = p.end
		ends = append(ends, b.Len())
	}
	b.WriteString(st.text[last:])
	back := func(at int) int {
		delta := 0
		for i, p := range st.params {
			litStart := p.start + delta
			if at < litStart {
				break
			}
			if at < ends[i] {
				return p.start
			}
			delta = ends[i] - p.end
		}
		return at - delta
	}
	return b.String(), back, nil
}

// moment returns the instant that a parameter stands for. A zero From or ChangedSince is the beginning of time.
func (q *Query) moment(name string, beginning time.Time) (time.Time, error) {
	var t time.Time
	switch name {
	case paramFrom:
		t = q.From
	case paramTo:
		t = q.To
		if t.IsZero() {
			return t, fmt.Errorf("%w: it uses :to, and no end was given", sources.ErrQuery)
		}
	case paramChangedSince:
		t = q.ChangedSince
	}
	if t.Before(beginning) {
		t = beginning
	}
	return t.UTC(), nil
}

// parse finds the parameters of one statement.
func parse(text string, lx lexis) (*statement, error) {
	s := scanner{text: text, lexis: lx}
	return s.run()
}

// token is what the scanner has to know of the token before.
type token uint8

const (
	tokNone    token = iota
	tokOther         // an operator, a number, an opening bracket
	tokOperand       // a name, a literal, a closing bracket: a [ after it is a subscript
	tokArray         // the word ARRAY: a [ after it opens a list
)

// queryWords are the first tokens of statements that return rows.
var queryWords = []string{"SELECT", "WITH", "VALUES", "TABLE", "("}

type scanner struct {
	text   string
	lexis  lexis
	prev   token
	nested []bool // the open square brackets: whether each is a subscript
	start  int    // where the first token is
	first  string // the first token, in capitals
	st     statement
}

func (s *scanner) run() (*statement, error) {
	end := -1 // where the first semicolon is
	empty := true
	for i := 0; i < len(s.text); {
		next, tok, err := s.token(i)
		if err != nil {
			return nil, err
		}
		switch {
		case tok == tokNone:
		case s.text[i] == ';':
			if end < 0 {
				end = i
			}
		case end >= 0:
			return nil, s.errorf(i, "a second statement starts", "one query per dataset is allowed; remove the other, or the semicolon before it")
		default:
			if empty {
				s.start, s.first, empty = i, strings.ToUpper(s.text[i:next]), false
			}
			s.prev = tok
		}
		i = next
	}
	if empty {
		return nil, fmt.Errorf("%w: the text is empty; it should be a SELECT", sources.ErrQuery)
	}
	// A read-only transaction alone is no guard: MariaDB ends it for a DROP TABLE.
	if !slices.Contains(queryWords, s.first) {
		return nil, s.errorf(s.start, "the query starts with "+shorten(s.first), "queries run read-only; it should be a SELECT")
	}
	if end < 0 {
		end = len(s.text)
	}
	s.st.text = s.text[:end]
	return &s.st, nil
}

// token scans the token, comment or white space at i and returns where the next starts. White space and comments
// are tokNone.
func (s *scanner) token(i int) (next int, tok token, err error) {
	lx, rest := s.lexis, s.text[i:]
	c := rest[0]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
		return i + 1, tokNone, nil
	case strings.HasPrefix(rest, "--") && (!lx.dashSpace || len(rest) == 2 || rest[2] <= ' '), c == '#' && lx.hash:
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return i + n, tokNone, nil
		}
		return len(s.text), tokNone, nil
	case strings.HasPrefix(rest, "/*"):
		next, err = s.comment(i)
		return next, tokNone, err
	case c == '\'':
		next, err = s.quoted(i, c, lx.backslash)
		return next, tokOperand, err
	case c == '"':
		next, err = s.quoted(i, c, lx.backslash)
		return next, tokOperand, err
	case c == '`' && lx.backtick:
		next, err = s.quoted(i, c, false)
		return next, tokOperand, err
	case c == '$' && lx.dollar:
		next, err = s.dollar(i)
		return next, tokOperand, err
	case c == '[' && lx.brackets:
		n := strings.IndexByte(rest, ']')
		if n < 0 {
			return 0, 0, s.errorf(i, "a name in [ ] is not closed", "add the ]")
		}
		return i + n + 1, tokOperand, nil
	case c == '[' && lx.subscripts:
		// Inside a list an inner [ is a list as well: ARRAY[[1,2],[3,4]].
		inner := s.prev == tokOperand
		s.nested = append(s.nested, inner)
		return i + 1, tokOther, nil
	case c == ']' && lx.subscripts:
		if n := len(s.nested); n > 0 {
			s.nested = s.nested[:n-1]
		}
		return i + 1, tokOperand, nil
	case c == ')':
		return i + 1, tokOperand, nil
	case c == ':':
		return s.colon(i)
	case isNameStart(c):
		n := nameLen(rest)
		word := rest[:n]
		if lx.escapeE && strings.EqualFold(word, "e") && n < len(rest) && rest[n] == '\'' {
			next, err = s.quoted(i+n, '\'', true)
			return next, tokOperand, err
		}
		if lx.subscripts && strings.EqualFold(word, "array") {
			return i + n, tokArray, nil
		}
		return i + n, tokOperand, nil
	case c >= '0' && c <= '9':
		return i + max(1, nameLen(rest)), tokOther, nil
	}
	return i + 1, tokOther, nil
}

// colon scans a cast, an assignment, a slice or a parameter.
func (s *scanner) colon(i int) (int, token, error) {
	rest := s.text[i+1:]
	if rest == "" {
		return i + 1, tokOther, nil
	}
	if rest[0] == ':' || rest[0] == '=' {
		return i + 2, tokOther, nil
	}
	subscript := len(s.nested) > 0 && s.nested[len(s.nested)-1]
	if subscript || !isNameStart(rest[0]) {
		return i + 1, tokOther, nil
	}
	name := rest[:nameLen(rest)]
	if !slices.Contains(paramNames, name) {
		return 0, 0, s.errorf(i, fmt.Sprintf("unknown parameter :%s", shorten(name)), "the parameters are :from, :to and :changed_since")
	}
	end := i + 1 + len(name)
	s.st.params = append(s.st.params, param{name: name, start: i, end: end})
	return end, tokOperand, nil
}

// quoted returns the end of the token that the quote at i starts. A doubled quote does not end it.
func (s *scanner) quoted(i int, quote byte, backslash bool) (int, error) {
	for j := i + 1; j < len(s.text); j++ {
		switch {
		case s.text[j] == '\\' && backslash:
			j++
		case s.text[j] == quote:
			if j+1 < len(s.text) && s.text[j+1] == quote {
				j++
				continue
			}
			return j + 1, nil
		}
	}
	return 0, s.errorf(i, fmt.Sprintf("a text or name that starts with %c is not closed", quote), "add the closing quote, and double a quote within")
}

// comment returns the end of the comment that starts at i.
func (s *scanner) comment(i int) (int, error) {
	depth := 0
	for j := i; j+1 < len(s.text); {
		switch s.text[j : j+2] {
		case "/*":
			if depth == 0 || s.lexis.nested {
				depth++
			}
			j += 2
		case "*/":
			depth--
			j += 2
			if depth == 0 {
				return j, nil
			}
		default:
			j++
		}
	}
	return 0, s.errorf(i, "a comment is not closed", "add the */")
}

// dollar returns the end of the dollar-quoted text at i, or of the $ alone where there is none.
func (s *scanner) dollar(i int) (int, error) {
	j := i + 1
	for j < len(s.text) && s.text[j] != '$' && isNamePart(s.text[j]) {
		j++
	}
	if j >= len(s.text) || s.text[j] != '$' || (j > i+1 && s.text[i+1] >= '0' && s.text[i+1] <= '9') {
		return i + 1, nil
	}
	tag := s.text[i : j+1]
	n := strings.Index(s.text[j+1:], tag)
	if n < 0 {
		return 0, s.errorf(i, fmt.Sprintf("a text that starts with %s is not closed", shorten(tag)), "add the closing "+shorten(tag))
	}
	return j + 1 + n + len(tag), nil
}

func (s *scanner) errorf(at int, what, hint string) error {
	return fmt.Errorf("%w: %s: %s; %s", sources.ErrQuery, position(s.text, at), what, hint)
}

func isNameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

func isNamePart(c byte) bool { return isNameStart(c) || c >= '0' && c <= '9' || c == '$' }

// nameLen returns how many bytes at the start of s can be part of a name.
func nameLen(s string) int {
	n := 0
	for n < len(s) && isNamePart(s[n]) {
		n++
	}
	return n
}

// position renders a byte offset for a person; lines and columns count from 1, columns in characters.
func position(text string, at int) string {
	at = min(max(at, 0), len(text))
	lineStart := strings.LastIndexByte(text[:at], '\n') + 1
	return fmt.Sprintf("line %d, column %d", strings.Count(text[:at], "\n")+1, utf8.RuneCountInString(text[lineStart:at])+1)
}

// shorten cuts what a message quotes to 200 bytes, on a character's boundary.
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	n := most - len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
