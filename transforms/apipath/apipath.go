// Package apipath takes the identifiers out of API paths, so that calls of one endpoint count as one and nothing that
// identifies somebody is published. It never sees a host, a query string or a request, only the path.
package apipath

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// placeholder stands for an identifier.
const placeholder = "{id}"

// Anonymizer anonymises paths. It never changes after New and may be used by several goroutines.
type Anonymizer struct {
	templates map[int][]template // by number of segments, the most literal first, then as given
}

// template is a route that names the segments that identify something, as /v1/agents/{agent_id}/run.
type template struct {
	text     string   // with {id} for each of them
	literals []string // by segment, decoded; "" where any segment fits
	count    int      // of literals
}

// New reads route templates: paths in which a whole segment in braces stands for any one segment. The error lists every
// template that is none.
func New(templates []string) (*Anonymizer, error) {
	a := &Anonymizer{templates: make(map[int][]template)}
	var problems []error
	for i, text := range templates {
		t, err := parse(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("route template %d, %q: %w", i+1, text, err))
			continue
		}
		n := len(t.literals)
		a.templates[n] = append(a.templates[n], t)
	}
	for _, ts := range a.templates {
		slices.SortStableFunc(ts, func(x, y template) int { return y.count - x.count })
	}
	return a, errors.Join(problems...)
}

func parse(text string) (template, error) {
	if !strings.HasPrefix(text, "/") {
		return template{}, errors.New("expected a path that starts with /, as /v1/agents/{agent_id}/run")
	}
	if strings.ContainsAny(text, "?#") {
		return template{}, errors.New("expected a path without query string or fragment; they never count")
	}
	t := template{}
	var kept []string
	for segment := range segments(text) {
		inner, open := strings.CutPrefix(segment, "{")
		inner, closed := strings.CutSuffix(inner, "}")
		switch {
		case open && closed && inner != "" && !strings.ContainsAny(inner, "{}"):
			t.literals, kept = append(t.literals, ""), append(kept, placeholder)
		case strings.ContainsAny(segment, "{}"):
			return template{}, fmt.Errorf("segment %q: expected braces around a whole segment, as {agent_id}", segment)
		default:
			t.literals, kept = append(t.literals, decoded(segment)), append(kept, segment)
			t.count++
		}
	}
	t.text = "/" + strings.Join(kept, "/")
	return t, nil
}

// Anonymize returns the path with its identifiers replaced (contract §4), or "" for a path of nothing.
//
// Query string and fragment go, and of a full URL its scheme and host. What is left is written with one slash before
// each segment and none at the end. In a path that a route template fits, the segments in its braces become {id}; the
// template with the most literal segments wins, then the earlier one. In any other path a segment becomes {id} when,
// percent-decoded, it has an @ or a digit or is hex of 16 letters or more, hyphens aside; versions such as v1, v2.1 and
// v1beta1 stay. Other segments stay as they are. Anonymising the result changes nothing.
func (a *Anonymizer) Anonymize(path string) string {
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	path = strings.TrimSpace(path)
	if path == "" {
		return ""
	}
	path = withoutHost(path)
	var buffer [16]string
	parts := buffer[:0]
	for segment := range segments(path) {
		parts = append(parts, segment)
	}
	if t := a.match(parts); t != nil {
		return t.text
	}
	var b strings.Builder
	b.Grow(len(path) + 1)
	for _, segment := range parts {
		b.WriteByte('/')
		if identifies(segment) {
			segment = placeholder
		}
		b.WriteString(segment)
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// match returns the template that fits best, or nil.
func (a *Anonymizer) match(parts []string) *template {
	templates := a.templates[len(parts)]
	for i := range templates {
		t := &templates[i]
		fits := true
		for k, literal := range t.literals {
			if literal != "" && literal != parts[k] && literal != decoded(parts[k]) {
				fits = false
				break
			}
		}
		if fits {
			return t
		}
	}
	return nil
}

// withoutHost returns the path of a full URL, and anything else as it is.
func withoutHost(path string) string {
	scheme, rest, ok := strings.Cut(path, "://")
	if !ok || scheme == "" || strings.ContainsFunc(scheme, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+-.", r)
	}) {
		return path
	}
	if start := strings.IndexByte(rest, '/'); start >= 0 {
		return rest[start:]
	}
	return "/"
}

// segments yields what stands between slashes, trimmed, unless that is nothing.
func segments(path string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for segment := range strings.SplitSeq(path, "/") {
			if segment = strings.TrimSpace(segment); segment != "" && !yield(segment) {
				return
			}
		}
	}
}

// identifies reports whether a segment may identify something.
func identifies(segment string) bool {
	text := decoded(segment)
	if isVersion(text) {
		return false
	}
	hex := 0
	for _, r := range text {
		switch {
		case r == '@' || unicode.IsNumber(r):
			return true
		case 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F':
			hex++
		case r != '-':
			hex = -len(text) // not hex, however many follow
		}
	}
	return hex >= 16
}

// decoded undoes percent-encoding, also where it was done twice. What is left encoded has digits, as the codes of
// digits and of @ do, and so counts as an identifier.
func decoded(segment string) string {
	for range 3 {
		if strings.IndexByte(segment, '%') < 0 {
			break
		}
		plain, err := url.PathUnescape(segment)
		if err != nil {
			break
		}
		segment = plain
	}
	return segment
}

// isVersion reports whether text is a version: v, up to three digits, more of them after points, and a stage such as
// alpha, beta2 or rc1.
func isVersion(text string) bool {
	if text == "" || text[0] != 'v' && text[0] != 'V' {
		return false
	}
	rest, ok := cutNumber(text[1:])
	for ok && strings.HasPrefix(rest, ".") {
		rest, ok = cutNumber(rest[1:])
	}
	if !ok || rest == "" {
		return ok
	}
	for _, stage := range []string{"alpha", "beta", "rc", "preview"} {
		if after, found := strings.CutPrefix(strings.ToLower(rest), stage); found {
			after, _ = cutNumber(after)
			return after == ""
		}
	}
	return false
}

// cutNumber takes one to three digits off the start.
func cutNumber(text string) (rest string, ok bool) {
	n := 0
	for n < len(text) && n < 3 && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return text[n:], n > 0
}
