package config

import (
	"path"
	"slices"
	"strings"

	"github.com/usagereport/usagereport/dictionary"
)

// dataset checks one binding and completes it: format, delimiter and zone. at is its path in the file.
func (v *validator) dataset(at, name string, d Dataset) Dataset {
	if v.bad(at) {
		return d
	}
	table, known := dictionary.Dataset(name)
	if !known {
		var names []string
		for _, t := range dictionary.Datasets() {
			names = append(names, t.Name)
		}
		hint := didYouMean(name, names)
		if hint == "" {
			hint = "the datasets are " + strings.Join(names, ", ")
		}
		v.problem(at, hint, "unknown dataset")
	}
	v.zone(at+".timezone", d.Timezone)

	source, found := v.cfg.Sources[d.Source]
	d.dialect = dialectOf(source.URL.Scheme())
	switch from := at + ".source"; {
	case v.bad(from):
	case !v.set(from) || d.Source == "":
		v.problem(from, "name one of sources: "+strings.Join(sortedKeys(v.cfg.Sources), ", "), "required, but missing")
	case !found:
		hint := v.near(from, sortedKeys(v.cfg.Sources))
		if hint == "" {
			hint = "the sources are " + strings.Join(sortedKeys(v.cfg.Sources), ", ")
		}
		v.problem(from, hint, "no source is named %s", v.show(from))
	case source.IsSQL():
		v.bound(at, "query", "path", "a database")
	case slices.Contains(BucketSchemes(), source.URL.Scheme()):
		v.bound(at, "path", "query", "a bucket")
	}
	if known && v.set(at+".query") && !v.bad(at+".query") {
		v.query(at, table, d)
	}
	if v.set(at+".path") && !v.bad(at+".path") {
		v.path(at+".path", d.Path)
		d = v.format(at, d)
	} else {
		for _, key := range []string{"format", "delimiter"} {
			if v.set(at+"."+key) && !v.bad(at+"."+key) && v.set(at+".query") {
				v.problem(at+"."+key, "remove the key", "only files have a %s, and this dataset is a query", key)
			}
		}
	}
	v.units(at, table, d)
	if known {
		v.fields(at, table, d)
	}
	if d.Timezone == "" {
		d.Timezone = source.Timezone
	}
	if d.Timezone == "" {
		d.Timezone = "UTC"
	}
	return d
}

// bound reports a dataset that lacks the key that its kind of source needs, or has the one of the other kind.
func (v *validator) bound(at, needs, other, kind string) {
	if v.set(at + "." + other) {
		v.problem(at+"."+other, "write "+needs+" in its place", "the source is %s, which has no %s", kind, other)
		return
	}
	if !v.set(at + "." + needs) {
		v.problem(at+"."+needs, "", "required, but missing: the source is %s", kind)
	}
}

// query checks which parameters a query uses.
func (v *validator) query(at string, t *dictionary.Table, d Dataset) {
	where := at + ".query"
	if strings.TrimSpace(strings.TrimRight(strings.TrimSpace(d.Query), ";")) == "" {
		v.problem(where, "write a SELECT", "the query is empty")
		return
	}
	used := queryParameters(d.Query, d.dialect)
	has := func(p string) bool { return slices.Contains(used, p) }
	switch {
	case t.Role != dictionary.Event:
		for _, p := range parameters {
			if has(p) {
				v.problem(where, "select every row", "%s is current state and read whole: it has no :%s", t.Name, p)
			}
		}
	case has("from") != has("to"):
		given, lacking := "from", "to"
		if has("to") {
			given, lacking = "to", "from"
		}
		v.problem(where, "write … >= :from AND … < :to", "the query uses :%s but not :%s", given, lacking)
	case !has("from") && !has("changed_since"):
		hint := "add WHERE " + eventTime(t) + " >= :from AND " + eventTime(t) + " < :to, or compare an arrival time with :changed_since"
		for _, p := range used {
			if near := nearest(p, parameters); near != "" && !v.places[where].expanded {
				hint = "did you mean :" + near + " where it says :" + p + "?"
			}
		}
		v.problem(where, hint, "an event query without :from and :to reads all history every night")
	}
	lookback := at + ".lookback_days"
	if has("changed_since") && v.set(lookback) && !v.bad(lookback) {
		v.problem(lookback, "remove the key", "a query with :changed_since does not look back by days")
	}
}

// eventTime returns the field that holds when an event happened.
func eventTime(t *dictionary.Table) string {
	for _, f := range t.Fields {
		if f.Kind == dictionary.Timestamp && f.Required {
			return f.Name
		}
	}
	return "its time"
}

// placeholders returns what stands in braces in a path, in order, and whether every brace has its partner.
func placeholders(p string) (names []string, closed bool) {
	for {
		before, rest, opens := strings.Cut(p, "{")
		if strings.Contains(before, "}") {
			return names, false
		}
		if !opens {
			return names, true
		}
		name, after, closes := strings.Cut(rest, "}")
		if !closes || strings.Contains(name, "{") {
			return names, false
		}
		names = append(names, name)
		p = after
	}
}

// path checks a file pattern.
func (v *validator) path(at, p string) {
	const hint = "such as events/dt={date}/*.parquet"
	if p == "" || strings.HasPrefix(p, "/") || strings.Contains(p, "\\") || slices.Contains(strings.Split(p, "/"), "..") {
		v.problem(at, hint, "expected a pattern below the bucket, folders joined by /, found %s", v.show(at))
		return
	}
	has, closed := placeholders(p)
	if !closed {
		v.problem(at, hint, "expected a pattern whose { and } belong together, found %s", v.show(at))
		return
	}
	known := []string{"date", "yyyy", "mm", "dd"}
	for _, name := range has {
		if slices.Contains(known, name) {
			continue
		}
		shown, h := shorten(name), "the placeholders are {date} and {yyyy}, {mm}, {dd}"
		if v.places[at].expanded {
			shown = "…"
		} else if near := nearest(name, known); near != "" {
			h = "did you mean {" + near + "}?"
		}
		v.problem(at, h, "unknown placeholder {%s}", shown)
		return
	}
	const together = "use {yyyy}, {mm} and {dd} together, or {date} alone"
	parts := 0
	missing := ""
	for _, name := range known[1:] {
		if slices.Contains(has, name) {
			parts++
		} else if missing == "" {
			missing = name
		}
	}
	switch {
	case parts > 0 && slices.Contains(has, "date"):
		v.problem(at, together, "the day is named twice: as {date} and by its parts")
	case parts > 0 && missing != "":
		v.problem(at, together, "a partition is a day: {%s} is missing", missing)
	}
}

// format checks format and delimiter, and takes the format from the path where the file does not say.
func (v *validator) format(at string, d Dataset) Dataset {
	formats := []string{string(CSV), string(JSONL), string(Parquet)}
	switch where := at + ".format"; {
	case v.bad(where):
		return d
	case !v.set(where):
		d.FileFormat = formatOf(d.Path)
		if d.FileFormat == "" {
			v.problem(at+".path", "add format: csv, jsonl or parquet", "the format cannot be told from the end of the path")
			return d
		}
	case !slices.Contains(formats, string(d.FileFormat)):
		hint := v.near(where, formats)
		if hint == "" {
			hint = "the formats are " + strings.Join(formats, ", ")
		}
		v.problem(where, hint, "unknown format %s", v.show(where))
		return d
	}
	where := at + ".delimiter"
	switch {
	case v.bad(where):
	case !v.set(where):
		if d.FileFormat == CSV {
			d.Delimiter = ","
		}
	case d.FileFormat != CSV:
		v.problem(where, "remove the key", "only csv files have a delimiter, and these are %s", d.FileFormat)
	case len(d.Delimiter) != 1 || strings.ContainsAny(d.Delimiter, "\"\r\n\x00") || d.Delimiter[0] > 127:
		v.problem(where, `such as ";" or "\t"`, "expected one ASCII character that is neither a quote nor a line end, found %s", v.show(where))
	}
	return d
}

// formatOf tells a format by the end of a path, or returns "".
func formatOf(p string) Format {
	p = strings.ToLower(p)
	for _, compressed := range []string{".gz", ".gzip", ".zst", ".zstd"} {
		if inner, ok := strings.CutSuffix(p, compressed); ok {
			p = inner
			break
		}
	}
	switch path.Ext(p) {
	case ".csv":
		return CSV
	case ".jsonl", ".ndjson", ".json":
		return JSONL
	case ".parquet", ".parq", ".pq":
		return Parquet
	}
	return ""
}

// units checks the keys that count something. t is nil for an unknown dataset.
func (v *validator) units(at string, t *dictionary.Table, d Dataset) {
	units := []string{string(Seconds), string(Milliseconds), string(Microseconds), string(Nanoseconds)}
	if where := at + ".epoch_unit"; v.set(where) && !v.bad(where) && !slices.Contains(units, string(d.EpochUnit)) {
		v.problem(where, "the units are "+strings.Join(units, ", "), "unknown epoch unit %s", v.show(where))
	}
	where := at + ".lookback_days"
	switch {
	case !v.set(where) || v.bad(where):
	case t != nil && t.Role != dictionary.Event:
		v.problem(where, "remove the key", "%s is current state and read whole: there is nothing to look back to", t.Name)
	case d.LookbackDays < 0 || d.LookbackDays > 365:
		v.problem(where, "", "expected 0 to 365 days, found %s", v.show(where))
	}
}

// fields checks that columns and mappings name fields of the dataset, and that mapped values look right.
func (v *validator) fields(at string, t *dictionary.Table, d Dataset) {
	var names []string
	for _, f := range t.Fields {
		names = append(names, f.Name)
	}
	unknown := func(where, name string) bool {
		if t.Index(name) >= 0 {
			return false
		}
		hint := didYouMean(name, names)
		if hint == "" {
			hint = "its fields are " + strings.Join(names, ", ")
		}
		v.problem(where, hint, "%s has no such field", t.Name)
		return true
	}
	for _, field := range sortedKeys(d.Columns) {
		where := join(at+".columns", field)
		column := d.Columns[field]
		switch {
		case unknown(where, field):
			if i := t.Index(column); i >= 0 && !v.places[where].expanded {
				p := &v.problems[len(v.problems)-1]
				p.Hint = "the dataset's field comes first, then the source's column: " + column + ": " + field
			}
		case v.bad(where):
		case column == "":
			v.problem(where, "remove the line, or name a column", "names no column of the source")
		}
	}
	for _, field := range sortedKeys(d.Mappings) {
		where := join(at+".mappings", field)
		if unknown(where, field) || v.bad(where) {
			continue
		}
		f := t.Fields[t.Index(field)]
		if f.Kind != dictionary.String {
			v.problem(where, "convert the values in the query", "only text can be mapped, and %s is %s", field, f.Kind)
			continue
		}
		for _, from := range sortedKeys(d.Mappings[field]) {
			v.mapped(join(where, from), f, d.Mappings[field][from])
		}
	}
}

// mapped reports a value that is a documented one but for its spelling. Others are fine: enums are open.
func (v *validator) mapped(where string, f dictionary.Field, to string) {
	if v.bad(where) || v.places[where].expanded {
		return
	}
	fold := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
	near := ""
	for _, e := range f.Enum {
		if e.Name == to {
			return
		}
		if fold(e.Name) == fold(to) {
			near = e.Name
		}
	}
	if near != "" {
		v.problem(where, "write it as documented, or leave the value out",
			"%s is almost the documented value %q of %s", v.show(where), near, f.Name)
	}
}
