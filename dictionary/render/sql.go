package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/usagereport/usagereport/dictionary"
)

// SQL writes one CREATE TABLE statement per input dataset and per log to w, each column under a comment that says
// what it means. The statements keep to what PostgreSQL, MySQL, MariaDB, SQLite and DuckDB all accept. Tables of
// state datasets have their key as primary key; logs have none, since columns of their grain may be null. The text
// is the same on every call. The only errors are those of w.
func SQL(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`-- The tables of usagereport.
-- Input datasets: the columns that the query of a dataset returns, or the files of a dataset hold. Nothing needs to
-- be created for usagereport to read: the statements show the target shape. Columns without NOT NULL may be left out.
-- Logs: the columns that are published.
-- The lengths of text are only a proposal, chosen so that keys fit an index everywhere. Timestamps are UTC.
-- MySQL 8 reserves the word groups: put it in backquotes there.
`)
	b.WriteString("\n-- Input datasets\n")
	for _, t := range dictionary.Datasets() {
		writeTable(&b, t)
	}
	b.WriteString("\n-- Logs\n")
	for _, t := range dictionary.Logs() {
		writeTable(&b, t)
	}
	return writeAll(w, "SQL", b.String())
}

func writeTable(b *strings.Builder, t *dictionary.Table) {
	fmt.Fprintf(b, "\n-- %s\n", t.Doc)
	if t.Role == dictionary.Log {
		fmt.Fprintf(b, "-- Grain: %s.\n-- Sorted by %s.\n", strings.Join(t.Grain(), ", "), sortOrder(t, ""))
	}
	fmt.Fprintf(b, "CREATE TABLE %s (\n", t.Name)
	keyed := t.Role == dictionary.State
	for i, f := range t.Fields {
		fmt.Fprintf(b, "  -- %s\n", f.Doc)
		if len(f.Enum) > 0 {
			names := make([]string, len(f.Enum))
			for k, v := range f.Enum {
				names[k] = "'" + v.Name + "'"
			}
			fmt.Fprintf(b, "  -- Documented values: %s.\n", strings.Join(names, ", "))
		}
		fmt.Fprintf(b, "  %s %s", f.Name, sqlType(t, f))
		if f.Required {
			b.WriteString(" NOT NULL")
		}
		if keyed || i < len(t.Fields)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	if keyed {
		fmt.Fprintf(b, "  PRIMARY KEY (%s)\n", strings.Join(t.Grain(), ", "))
	}
	b.WriteString(");\n")
}

// sqlType returns the type of the column in the statement.
func sqlType(t *dictionary.Table, f dictionary.Field) string {
	switch f.Kind {
	case dictionary.Date:
		return "DATE"
	case dictionary.Boolean:
		return "BOOLEAN"
	case dictionary.Integer:
		return "BIGINT"
	case dictionary.Timestamp:
		if t.Role == dictionary.Log {
			return "TIMESTAMP" // engines that read lakes have no precision to write here
		}
		return "TIMESTAMP(6)" // without it MySQL keeps whole seconds
	default:
		if t.Role == dictionary.State && f.Grain {
			return "VARCHAR(255)" // three of them are the longest key that MySQL can index
		}
		return "VARCHAR(512)"
	}
}
