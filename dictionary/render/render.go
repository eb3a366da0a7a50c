// Package render writes the dictionary out for people and for programs: Markdown, JSON and SQL. It says nothing
// that the dictionary does not hold, and it opens no files.
package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/usagereport/usagereport/dictionary"
)

//go:generate go run ./internal/gen -docs ../../docs/dictionary.md -testdata testdata

// parquetType is how a kind is stored in Parquet.
type parquetType struct {
	Physical string `json:"physical"`
	Logical  string `json:"logical,omitempty"`
}

func (p parquetType) String() string {
	if p.Logical == "" {
		return p.Physical
	}
	return p.Physical + " (" + p.Logical + ")"
}

// parquetTypeOf returns how columns of the kind are stored (contract §4).
func parquetTypeOf(k dictionary.Kind) parquetType {
	switch k {
	case dictionary.Date:
		return parquetType{"INT32", "DATE"}
	case dictionary.Boolean:
		return parquetType{"BOOLEAN", ""}
	case dictionary.Integer:
		return parquetType{"INT64", ""}
	case dictionary.Timestamp:
		return parquetType{"INT64", "TIMESTAMP(isAdjustedToUTC=true, unit=MICROS)"}
	default:
		return parquetType{"BYTE_ARRAY", "STRING"}
	}
}

// kinds are the kinds in the order they are explained, with the meaning of their values.
var kinds = []struct {
	kind dictionary.Kind
	doc  string
}{
	{dictionary.String, "Text in UTF-8."},
	{dictionary.Date, "A calendar day in the reporting time zone."},
	{dictionary.Boolean, "True or false."},
	{dictionary.Integer, "A whole number of 64 bits with a sign."},
	{dictionary.Timestamp, "An instant in UTC, to the microsecond."},
}

// roleName says in a word what a table is for.
func roleName(r dictionary.Role) string {
	switch r {
	case dictionary.State:
		return "state"
	case dictionary.Event:
		return "event"
	case dictionary.Sheet:
		return "sheet"
	default:
		return "log"
	}
}

// domainNames returns the names of the domains in d; it is empty, not nil, when there are none.
func domainNames(d dictionary.Domain) []string {
	names := []string{}
	for _, one := range dictionary.Domains() {
		if d&one != 0 {
			names = append(names, one.String())
		}
	}
	return names
}

// writeAll hands the finished text to w in one piece.
func writeAll(w io.Writer, form, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write the dictionary as %s: %w", form, err)
	}
	return nil
}

// sortOrder describes the order of a log's rows, such as "`occurred_at` (newest first), `event_id`".
func sortOrder(t *dictionary.Table, quote string) string {
	fields := t.SortOrder()
	for i, name := range fields {
		fields[i] = quote + name + quote
		if name == t.NewestFirst {
			fields[i] += " (newest first)"
		}
	}
	return strings.Join(fields, ", ")
}
