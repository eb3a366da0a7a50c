package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/usagereport/usagereport/dictionary"
)

// Markdown writes the whole dictionary to w as one page: the types, the input datasets, the logs and their joins.
// The page is the same on every call. The only errors are those of w.
func Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`# Data dictionary

<!-- Generated from the code by "go generate ./dictionary/render". Change the dictionary, not this page. -->

What usagereport reads and what it publishes, field by field. The same dictionary makes the Parquet schemas, the
checks and the headers of the exports. ` + "`usagereport schema --format md|json|sql`" + ` prints it.

- [Types](#types)
- [Input datasets](#input-datasets)
- [Logs](#logs)
- [Sheets of the usage reports](#sheets-of-the-usage-reports)
- [Joins](#joins)

In the tables of fields, *required* stands for never null, *key* for a field that identifies the row, *grain* for a
field of what one row of a log stands for, and *sum* for a measure to be summed. Documented values are not a closed
list: products grow, so other values are kept and counted as a warning, except that an unknown
` + "`generation_feature`" + ` becomes ` + "`" + dictionary.FeatureOther + "`" + `.

## Types

| type | meaning | Arrow | Parquet |
|---|---|---|---|
`)
	for _, k := range kinds {
		fmt.Fprintf(&b, "| %s | %s | `%s` | `%s` |\n", k.kind, k.doc, k.kind.ArrowType(), parquetTypeOf(k.kind))
	}

	b.WriteString(`
## Input datasets

Each is bound in the config to a query or to files. A *state* dataset holds how things are today, one row per key. An
*event* dataset holds things that happened; rows with the same ` + "`event_id`" + ` are one event, however often they arrive.
An optional dataset that is not bound counts as an empty one.

| dataset | kind | needed for | optional for |
|---|---|---|---|
`)
	for _, t := range dictionary.Datasets() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n",
			t.Name, t.Name, roleName(t.Role), t.Domains&^t.Optional, t.Optional)
	}
	for _, t := range dictionary.Datasets() {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", t.Name, t.Doc)
		writeFields(&b, t, "key")
	}

	b.WriteString("\n## Logs\n\nText sorts by its bytes, nulls come first, false before true.\n\n" +
		"| log | table | one row |\n|---|---|---|\n")
	for _, t := range dictionary.Logs() {
		fmt.Fprintf(&b, "| [%s](#%s) | `%s` | %s |\n",
			t.Title, strings.ReplaceAll(strings.ToLower(t.Title), " ", "-"), t.Name, t.Doc)
	}
	for _, t := range dictionary.Logs() {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\nTable `%s`, schema version %d, %d fields, sorted by %s.\n\n",
			t.Title, t.Doc, t.Name, t.Version, len(t.Fields), sortOrder(t, "`"))
		writeFields(&b, t, "grain")
	}

	b.WriteString(`
## Sheets of the usage reports

Each workbook begins with a Summary: which days, which zone, when and by which run, the totals, and how a user is
counted. These sheets follow, with the names of the fields for headers. Times are wall clock of the reporting zone.
`)
	for _, t := range dictionary.Reports() {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", t.Title, t.Doc)
		writeFields(&b, t, "grain")
	}

	b.WriteString(`
## Joins

A row of the second log refers to at most one row of the first. It refers to none where its key is null, if the key
may be null, or where the first log, which shows today, no longer holds the user or agent.

| from | to | on | key may be null |
|---|---|---|---|
`)
	for _, j := range dictionary.Joins() {
		on := make([]string, len(j.On))
		for i, pair := range j.On {
			on[i] = "`" + pair[0] + "`"
			if pair[0] != pair[1] {
				on[i] += " = `" + pair[1] + "`"
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", j.From.Title, j.To.Title, strings.Join(on, ", "), yesNo(j.Optional))
	}
	return writeAll(w, "Markdown", b.String())
}

// writeFields writes the table of t's fields, then one table for each documented enumeration; grain is the word for
// a field of the grain.
func writeFields(b *strings.Builder, t *dictionary.Table, grain string) {
	b.WriteString("| field | type | | meaning |\n|---|---|---|---|\n")
	for _, f := range t.Fields {
		var marks []string
		if f.Required {
			marks = append(marks, "required")
		}
		if f.Grain {
			marks = append(marks, grain)
		}
		if f.Sum {
			marks = append(marks, "sum")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, f.Kind, strings.Join(marks, ", "), f.Doc)
	}
	for _, f := range t.Fields {
		if len(f.Enum) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n| `%s` | meaning |\n|---|---|\n", f.Name)
		for _, v := range f.Enum {
			fmt.Fprintf(b, "| `%s` | %s |\n", v.Name, v.Doc)
		}
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
