package pages

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/usagereport/usagereport/sinks/lake"
)

// funcs are what templates can call.
func (p *Pages) funcs() template.FuncMap {
	return template.FuncMap{
		"asset": p.assets.url,

		"number": number[int64], "count": number[int], "decimal": decimal, "signed": signed, "bytes": byteCount, "took": took, "percent": percent,
		"plural": pluralAny, "day": day, "days": dayRange, "instant": instant, "calendarDay": calendarDay, "clock": clock, "machine": machineTime,
		"words": words, "initials": initials, "list": func(items ...any) []any { return items },

		"theme": theme, "scheme": scheme, "themes": themes,
		"form": formOf, "export": exportOf, "chosen": chosen, "last": last, "problems": problemsTitle,
		"summary": summaryOf, "exportRows": exportRows, "accessRows": accessRows, "window": windowOf, "mailbox": mailboxOf, "status": statusOf, "check": checkOf,
		"sums": sumsOf, "runURL": RunURL, "title": titleOf, "seconds": seconds, "changeRows": changeRows, "unit": unitOf, "reason": reasonOf,
		"errorWords": errorWords, "wait": wait, "usage": usageOf,
	}
}

func (a *assets) url(name string) (string, error) {
	if u := a.urls[name]; u != "" {
		return u, nil
	}
	return "", fmt.Errorf("no asset %s", name)
}

// number writes n in groups of three digits.
func number[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// byteCount writes a size with a unit that fits.
func byteCount(n int64) string {
	if n < 1000 {
		return plural(n, "byte", "bytes")
	}
	v := float64(n)
	for _, unit := range []string{"kB", "MB", "GB"} {
		v /= 1000
		if v < 999.5 {
			return strconv.FormatFloat(v, 'f', digits(v), 64) + " " + unit
		}
	}
	return strconv.FormatFloat(v/1000, 'f', digits(v/1000), 64) + " TB"
}

// digits returns how many digits after the point a figure of three digits has.
func digits(v float64) int {
	if v < 9.95 {
		return 1
	}
	return 0
}

// took writes a duration as people say it.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(math.Round(d.Seconds())))
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// wait writes how long somebody has to wait, rounded up.
func wait(d time.Duration) string {
	s := int64((d + time.Second - 1) / time.Second)
	if s < 120 {
		return plural(s, "second", "seconds")
	}
	return plural((s+59)/60, "minute", "minutes")
}

// day writes a date as people say it, and one that is none as it is.
func day(d lake.Date) string {
	t := d.Time()
	if t.IsZero() {
		return string(d)
	}
	return t.Format("2 Jan 2006")
}

// dayRange writes a range of days, both included.
func dayRange(from, to lake.Date) string {
	if from == to {
		return day(from)
	}
	a, b := from.Time(), to.Time()
	if !a.IsZero() && a.Year() == b.Year() {
		return a.Format("2 Jan") + " – " + day(to)
	}
	return day(from) + " – " + day(to)
}

// instant writes a time in the zone that it has, which it names.
func instant(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.Format("2 Jan 2006, 15:04 MST")
}

// calendarDay writes the day of a time in the zone that it has.
func calendarDay(t time.Time) string { return t.Format("2 Jan 2006") }

// clock writes what the clock shows at a time in the zone that it has.
func clock(t time.Time) string { return t.Format("15:04:05 MST") }

func machineTime(t time.Time) string { return t.Format(time.RFC3339) }

func plural[T int | int64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// pluralAny is plural for templates, which know no type parameters.
func pluralAny(n any, one, many string) (string, error) {
	switch n := n.(type) {
	case int:
		return plural(n, one, many), nil
	case int64:
		return plural(n, one, many), nil
	}
	return "", fmt.Errorf("plural of a %T", n)
}

// decimal writes a figure with at most one digit after the point.
func decimal(v float64) string {
	if v == math.Trunc(v) {
		return number(int64(v))
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// percent writes a part of a whole, and a dash when there is no whole.
func percent(part, whole int64) string {
	if whole <= 0 {
		return "–"
	}
	v := 100 * float64(part) / float64(whole)
	if v > 0 && v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " %"
}

// form is a local URL as a form sends it.
type form struct {
	Path   string
	Fields []field
	Label  string
	Main   bool // the one thing to do on the page
}

type field struct{ Name, Value string }

// formOf takes a URL apart: a form that is sent by GET replaces the query of its address by its fields.
func formOf(address, label string) (form, error) {
	u, err := url.Parse(address)
	if err != nil {
		return form{}, fmt.Errorf("address of %s: %w", label, err)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return form{}, fmt.Errorf("address of %s: %w", label, err)
	}
	f := form{Path: u.EscapedPath(), Label: label}
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range query[name] {
			f.Fields = append(f.Fields, field{name, value})
		}
	}
	return f, nil
}

// chosen returns the labels of the options that are chosen.
func chosen(all []Choice) []string {
	var labels []string
	for _, c := range all {
		if c.Chosen {
			labels = append(labels, c.Label)
		}
	}
	return labels
}

// mailbox is an email address in two, so that a line can end between them.
type mailbox struct{ Local, Domain string }

// mailboxOf returns nil for what is no email address.
func mailboxOf(email string) *mailbox {
	at := strings.LastIndexByte(email, '@')
	if at < 0 {
		return nil
	}
	return &mailbox{email[:at], email[at:]}
}

// words says an identifier of the data, such as "member.role_updated", in words: "Member role updated".
func words(id string) string {
	s := []rune(strings.NewReplacer(".", " ", "_", " ").Replace(id))
	if len(s) == 0 {
		return id
	}
	s[0] = unicode.ToUpper(s[0])
	return string(s)
}

// initials returns at most two letters that stand for a name.
func initials(name string) string {
	var out []rune
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(out) < 2 {
			out = append(out, unicode.ToUpper([]rune(word)[0]))
		}
	}
	return string(out)
}

// last returns the position of the last of so many entries from first.
func last(first int64, shown int) int64 { return first + int64(shown) - 1 }

// theme returns the name of a theme for the style sheet.
func theme(t Theme) Theme { return ParseTheme(string(t)) }

// scheme returns the color-scheme of a theme, so that the browser's own parts fit even before the style sheet is there.
func scheme(t Theme) string {
	if t = theme(t); t == System {
		return "light dark"
	}
	return string(t)
}

// themeChoice is an option of the switch of themes.
type themeChoice struct {
	Value Theme
	Label string
	Now   bool
}

func themes(now Theme) []themeChoice {
	now = theme(now)
	return []themeChoice{{System, "System", now == System}, {Light, "Light", now == Light}, {Dark, "Dark", now == Dark}}
}

func problemsTitle(problems []string) string {
	if len(problems) == 1 {
		return "One filter could not be used"
	}
	return "Some filters could not be used"
}
