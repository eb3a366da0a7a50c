package config

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usagereport/usagereport/dictionary"
)

// validator checks a decoded config against the rules that types cannot say, and completes it: zones, formats and
// absolute paths.
type validator struct {
	*decoder
	cfg       *Config
	elsewhere Errors // problems with files that the config names
}

// at returns where a field stands, or else the nearest part of the file that holds it.
func (v *validator) at(path string) place {
	for {
		if p, ok := v.places[path]; ok {
			return p
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return v.places[""]
		}
		path = path[:cut]
	}
}

// set reports whether the file gives the field.
func (v *validator) set(path string) bool { _, ok := v.places[path]; return ok }

// bad reports whether a problem with the field is already known.
func (v *validator) bad(path string) bool { return v.places[path].bad }

// problem reports one; text quotes with show, never with a value.
func (v *validator) problem(path, hint, format string, args ...any) {
	v.report(v.at(path), path, fmt.Sprintf(format, args...), hint)
}

// show returns the value of a field as the file writes it, quoted.
func (v *validator) show(path string) string { return v.quote(v.places[path]) }

// near is didYouMean for a field's value, and silent about values that the file does not spell out.
func (v *validator) near(path string, candidates []string) string {
	if at := v.places[path]; !at.expanded {
		return didYouMean(at.raw, candidates)
	}
	return ""
}

func (v *validator) config() {
	v.zone("timezone", v.cfg.Timezone)
	v.lake()
	v.schedule()
	for _, name := range sortedKeys(v.cfg.Sources) {
		v.cfg.Sources[name] = v.source(join("sources", name), v.cfg.Sources[name])
	}
	for _, name := range sortedKeys(v.cfg.Datasets) {
		v.cfg.Datasets[name] = v.dataset(join("datasets", name), name, v.cfg.Datasets[name])
	}
	v.bindings()
	v.routes()
	if r := v.cfg.Quality.MaxRejectedRatio; r < 0 || r > 1 {
		v.problem("quality.max_rejected_ratio", "0.001 lets one row in a thousand be rejected",
			"expected a ratio between 0 and 1, found %s", v.show("quality.max_rejected_ratio"))
	}
	v.identity()
	v.notify()
	v.lineage()
	v.duration("retry.budget", v.cfg.Retry.Budget, 0, 12*time.Hour, "0s to 12h", "such as 15m")
	v.retention()
	v.admin()
}

// zone reports a name that is not in the time zone database.
func (v *validator) zone(path, name string) {
	if !v.set(path) || v.bad(path) {
		return
	}
	if _, err := time.LoadLocation(name); err != nil || name == "" || name == "Local" {
		v.problem(path, "use a name of the IANA database, such as UTC or America/New_York",
			"unknown time zone %s", v.show(path))
	}
}

func (v *validator) lake() {
	lake := &v.cfg.Lake
	switch path := "lake.bucket"; {
	case v.bad("lake") || v.bad(path):
	case v.set(path) && lake.Bucket.Reveal() == "":
		v.problem(path, "", "the URL is empty")
	case !v.set(path):
		v.problem(path, `such as bucket: "file:lake?create_dir=true"`, "required, but missing: the bucket to publish to")
	default:
		lake.Bucket = v.url(path, lake.Bucket, BucketSchemes())
	}
	if path := "lake.prefix"; v.set(path) && !v.bad(path) {
		lake.Prefix = strings.Trim(lake.Prefix, "/")
		if lake.Prefix != "" {
			lake.Prefix += "/"
		}
		odd := strings.ContainsFunc(lake.Prefix, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f })
		parts := strings.Split(strings.TrimSuffix(lake.Prefix, "/"), "/")
		if odd || lake.Prefix != "" && (slices.Contains(parts, "") || slices.Contains(parts, ".") || slices.Contains(parts, "..")) {
			v.problem(path, "such as prefix: usage/prod", "expected folders joined by single slashes, found %s", v.show(path))
		}
	}
}

func (v *validator) schedule() {
	if path := "schedule.cron"; !v.bad(path) {
		s, err := ParseCron(v.cfg.Schedule.Cron)
		switch {
		case err != nil && v.places[path].expanded:
			v.problem(path, cronHint, "not a cron expression: %s", v.show(path))
		case err != nil:
			v.problem(path, cronHint, "%s", oneLine(err.Error()))
		case s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero():
			v.problem(path, cronHint, "%s never comes", v.show(path))
		}
	}
	if path := "schedule.catch_up_days"; !v.bad(path) && (v.cfg.Schedule.CatchUpDays < 0 || v.cfg.Schedule.CatchUpDays > 365) {
		v.problem(path, "", "expected 0 to 365 days, found %s", v.show(path))
	}
	s := &v.cfg.Schedule
	v.duration("schedule.jitter", s.Jitter, 0, 12*time.Hour, "0s to 12h", "such as 10m")
	v.duration("schedule.deadline", s.Deadline, time.Minute, 7*24*time.Hour, "1m to 168h", "such as 6h")
	v.duration("schedule.grace_period", s.GracePeriod, 0, 24*time.Hour, "0s to 24h", "such as 20s")
	if path := "schedule.status_file"; v.set(path) && !v.bad(path) {
		if s.StatusFile == "" {
			v.problem(path, "remove the key", "names no file")
		} else if !filepath.IsAbs(s.StatusFile) {
			s.StatusFile = filepath.Join(v.dir, s.StatusFile)
		}
	}
	if path := "schedule.listen"; v.set(path) && !v.bad(path) && !isAddress(s.Listen) {
		v.problem(path, `such as ":8081", or "127.0.0.1:8081" for this machine alone`, "expected host:port, found %s", v.show(path))
	}
}

// duration checks the bounds of one, both included, of which bounds tells people.
func (v *validator) duration(path string, d, from, to time.Duration, bounds, hint string) {
	if v.set(path) && !v.bad(path) && (d < from || d > to) {
		v.problem(path, hint, "expected %s, found %s", bounds, v.show(path))
	}
}

// isAddress reports whether s names where to listen: a host or none, and a port.
func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

const cronHint = `such as "30 2 * * *" (minute, hour, day of month, month, day of week) or @daily`

func (v *validator) source(path string, s Source) Source {
	v.zone(path+".timezone", s.Timezone)
	switch at := path + ".url"; {
	case v.bad(path) || v.bad(at):
	case v.set(at) && s.URL.Reveal() == "":
		v.problem(at, "", "the URL is empty")
	case !v.set(at):
		v.problem(at, `such as url: "postgres://report@db/app"`, "required, but missing: the database or bucket")
	default:
		s.URL = v.url(at, s.URL, append(SQLSchemes(), BucketSchemes()...))
	}
	at := path + ".statement_timeout"
	switch {
	case !v.set(at) || v.bad(at):
	case s.StatementTimeout < time.Second:
		v.problem(at, "such as 30m", "expected a second or more, found %s", v.show(at))
	case s.URL.Scheme() != "" && !s.IsSQL():
		v.problem(at, "remove the key", "only a database has a statement timeout, and this source is a bucket")
	}
	return s
}

// url checks a URL and makes its path absolute.
func (v *validator) url(path string, u URL, schemes []string) URL {
	s := u.Scheme()
	at := v.places[path]
	switch {
	case s == "":
		v.problem(path, "begin with one of "+strings.Join(schemes, ": ")+":", "not a URL: it has no scheme")
	case !slices.Contains(schemes, s):
		what, hint := "unknown URL scheme", didYouMean(s, schemes)
		if slices.Contains(SQLSchemes(), s) {
			what, hint = "a database cannot be published to: URL scheme", ""
		}
		if scheme(at.raw) != s {
			v.places[path] = place{line: at.line, column: at.column, raw: at.raw, expanded: true, bad: true}
			v.problem(path, "expected one of "+strings.Join(schemes, ", "), "%s behind %s", what, u)
			return u
		}
		if hint == "" {
			hint = "expected one of " + strings.Join(schemes, ", ")
		}
		v.problem(path, hint, "%s %q", what, s)
	default:
		resolved, message, hint := resolveURL(u.Reveal(), v.dir)
		if message == "" {
			return URL{&resolved, u.shown}
		}
		v.problem(path, hint, "%s", message)
	}
	return u
}

// bindings reports domains that are bound by halves, and nothing bound at all.
func (v *validator) bindings() {
	if v.bad("datasets") {
		return
	}
	bound := func(t *dictionary.Table) bool { _, ok := v.cfg.Datasets[t.Name]; return ok }
	for _, d := range dictionary.Domains() {
		var has, lacks []string
		begun := false
		for _, t := range dictionary.DatasetsOf(d) {
			switch {
			case bound(t):
				has = append(has, t.Name)
				begun = begun || !t.Shared()
			case t.RequiredBy(d):
				lacks = append(lacks, t.Name)
			}
		}
		if !begun {
			continue
		}
		v.cfg.domains |= d
		if len(lacks) > 0 {
			v.problem("datasets", "bind what is missing, or nothing that only this domain uses",
				"the %s domain is bound by halves: %s missing, %s bound", d, strings.Join(lacks, ", "), strings.Join(has, ", "))
		}
	}
	// The admin server needs nothing but the lake.
	if v.cfg.domains == 0 && (v.set("datasets") || !v.set("admin")) {
		v.problem("datasets", "the usage logs need "+strings.Join(required(dictionary.Usage), ", "),
			"nothing is bound that anything could be produced from")
	}
}

func required(d dictionary.Domain) []string {
	var names []string
	for _, t := range dictionary.DatasetsOf(d) {
		if t.RequiredBy(d) {
			names = append(names, t.Name)
		}
	}
	return names
}

// routes checks the templates of API paths, such as /v1/agents/{agent_id}/run.
func (v *validator) routes() {
	first := map[string]int{}
	for i, r := range v.cfg.APIRoutes {
		path := "api_routes[" + strconv.Itoa(i) + "]"
		if v.bad(path) {
			continue
		}
		if message := routeProblem(r); message != "" {
			v.problem(path, "such as /v1/agents/{agent_id}/run", "%s: %s", v.show(path), message)
			continue
		}
		if j, ok := first[r]; ok {
			v.problem(path, "remove one", "the same route as api_routes[%d]", j)
			continue
		}
		first[r] = i
	}
}

func routeProblem(r string) string {
	if !strings.HasPrefix(r, "/") {
		return "a route begins with /"
	}
	if strings.ContainsAny(r, "?#") {
		return "a route has no query string and no fragment"
	}
	for _, segment := range strings.Split(r[1:], "/") {
		if !strings.ContainsAny(segment, "{}") {
			continue
		}
		inner, opens := strings.CutPrefix(segment, "{")
		inner, closes := strings.CutSuffix(inner, "}")
		if !opens || !closes || !isName(inner) {
			return "a segment is text or one {name}"
		}
	}
	return ""
}

func (v *validator) identity() {
	id := &v.cfg.Identity
	if path := "identity.overrides"; v.set(path) && !v.bad(path) {
		if id.Overrides == "" {
			v.problem(path, "remove the key", "names no file")
		} else if !filepath.IsAbs(id.Overrides) {
			id.Overrides = filepath.Join(v.dir, id.Overrides)
		}
		if id.Overrides != "" {
			people := v.overrides(path, id.Overrides)
			id.Same, id.Different = people.same, people.different
		}
	}
	for i, part := range id.NoProof {
		path := "identity.no_proof_local_parts[" + strconv.Itoa(i) + "]"
		if !v.bad(path) && (strings.TrimSpace(part) == "" || strings.Contains(part, "@")) {
			v.problem(path, "such as info", "expected what stands before the @ of an address, found %s", v.show(path))
		}
	}
}

// overrides reads the file that a field names. A name that the config does not spell out is not shown.
func (v *validator) overrides(path, file string) overrides {
	if v.expand.env.ReadFile == nil {
		v.problem(path, "", "no file can be read here")
		return overrides{}
	}
	text, err := v.expand.env.ReadFile(file)
	if err != nil {
		v.problem(path, "check the path, which is relative to the config file, and who may read it", "%s cannot be read: %s", v.show(path), fileReason(err))
		return overrides{}
	}
	if at := v.places[path]; at.expanded {
		file = shownReferences(at.raw)
	}
	people, problems := parseOverrides(file, text)
	v.elsewhere = append(v.elsewhere, problems...)
	return people
}
