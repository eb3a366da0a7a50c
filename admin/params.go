package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/usagereport/usagereport/sinks/lake"
)

// params are the parameters of a request, checked one by one: a name that the route does not have, one that is given
// twice, or a value that cannot be is an error and never ignored, since a filter that is not applied shows too much.
type params struct {
	values   url.Values
	problems []*problem
}

// maxValue is how long the value of a parameter may be, in bytes.
const maxValue = 300

// anyParams are those of a route to which a stranger's answer comes, who may add what it likes.
var anyParams = []string{"*"}

// parseParams reads the query of a request to a route that has these parameters. Of a name that ends in "*" there may be
// several.
func parseParams(r *http.Request, names ...string) *params {
	p := &params{}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		p.fail(newProblem(http.StatusBadRequest, "bad-query", "Bad query",
			"the query of the URL cannot be read: expected name=value pairs joined by &, with other characters percent-encoded"))
		return p
	}
	p.values = values
	if slices.Equal(names, anyParams) {
		return p
	}
	for name, list := range values {
		several := slices.Contains(names, name+"*")
		switch {
		case !several && !slices.Contains(names, name):
			p.fail(badParameter(clean(name, 100), strings.Join(list, ","), expectedNames(names)))
		case !several && len(list) > 1:
			p.fail(badParameter(name, strings.Join(list, ","), "one value"))
		case len(list) > 50:
			p.fail(badParameter(name, strings.Join(list[:3], ",")+",…", "at most 50 values"))
		}
		for _, v := range list {
			if len(v) > maxValue || !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl) {
				p.fail(badParameter(clean(name, 100), strings.ToValidUTF8(v, "\uFFFD"), "at most 300 bytes of UTF-8 without control characters"))
			}
		}
	}
	return p
}

func expectedNames(names []string) string {
	if len(names) == 0 {
		return "no parameters"
	}
	clean := make([]string, len(names))
	for i, name := range names {
		clean[i] = strings.TrimSuffix(name, "*")
	}
	return "no parameter but " + strings.Join(clean, ", ")
}

func (p *params) fail(q *problem) { p.problems = append(p.problems, q) }

// err returns what is wrong with the parameters that were asked for, or nil. Of several problems it is the same one each time.
func (p *params) err() error {
	if len(p.problems) == 0 {
		return nil
	}
	return slices.MinFunc(p.problems, func(a, b *problem) int { return strings.Compare(a.Parameter, b.Parameter) })
}

// sentences returns all that is wrong, for a page.
func (p *params) sentences() []string {
	var out []string
	for _, q := range p.problems {
		out = append(out, sentence(q.Detail))
	}
	slices.Sort(out)
	return out
}

// text returns the value of a parameter, "" if it is not given or empty.
func (p *params) text(name string) string { return p.values.Get(name) }

// texts returns all values of a parameter but empty ones.
func (p *params) texts(name string) []string {
	return slices.DeleteFunc(slices.Clone(p.values[name]), func(v string) bool { return v == "" })
}

// date returns the value of a parameter that is a day, "" if it is not given or empty.
func (p *params) date(name string) lake.Date {
	v := p.text(name)
	if v == "" {
		return ""
	}
	d, err := lake.ParseDate(v)
	if err != nil {
		p.fail(badParameter(name, v, "a day such as 2026-11-21"))
		return ""
	}
	return d
}

// days returns the range from and to, either of which may be open.
func (p *params) days() (from, to lake.Date) {
	from, to = p.date("from"), p.date("to")
	if from != "" && to != "" && from > to {
		p.fail(badParameter("from", string(from), "a day not after to, "+string(to)))
	}
	return from, to
}

// oneOf returns the value of a parameter that must be one of some; the first stands for none.
func (p *params) oneOf(name string, allowed ...string) string {
	v := p.text(name)
	if v == "" {
		return allowed[0]
	}
	if !slices.Contains(allowed, v) {
		p.fail(badParameter(name, v, strings.Join(allowed, " or ")))
	}
	return v
}

// filters returns what was asked for, for the access trail.
func (p *params) filters() map[string]string {
	out := map[string]string{}
	for name, list := range p.values {
		if v := strings.Join(list, ","); v != "" {
			out[name] = v
		}
	}
	return out
}
