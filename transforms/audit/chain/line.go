package chain

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
)

// table is the log whose rows are digested.
var table = dictionary.AuditLog

// cells reads the rows of a record of the audit log.
type cells struct {
	at   *array.Timestamp
	text []func(row int) string // by field; nil for occurred_at
	null []func(row int) bool
}

func cellsOf(rec arrow.Record) (*cells, error) {
	if int(rec.NumCols()) != len(table.Fields) {
		return nil, fmt.Errorf("chain: a record of %d columns, the audit log has %d", rec.NumCols(), len(table.Fields))
	}
	c := &cells{text: make([]func(int) string, len(table.Fields))}
	for i, f := range table.Fields {
		if name := rec.ColumnName(i); name != f.Name {
			return nil, fmt.Errorf("chain: column %d is %q, the audit log has %q there", i+1, name, f.Name)
		}
		c.null = append(c.null, rec.Column(i).IsNull)
		switch col := rec.Column(i).(type) {
		case *array.Timestamp:
			if f.Kind == dictionary.Timestamp && col.DataType().(*arrow.TimestampType).Unit == arrow.Microsecond {
				c.at = col
				continue
			}
		case *array.String:
			if f.Kind == dictionary.String {
				c.text[i] = col.Value
				continue
			}
		case *array.Dictionary:
			if values, ok := col.Dictionary().(*array.String); ok && f.Kind == dictionary.String {
				c.text[i] = func(row int) string { return values.Value(col.GetValueIndex(row)) }
				continue
			}
		}
		return nil, fmt.Errorf("chain: %s is %s, want %s", f.Name, rec.Column(i).DataType(), f.Kind)
	}
	return c, nil
}

// Fields of the audit log, in the order in which the canonical form has them: that of their names.
var sorted = func() []int {
	order := make([]int, len(table.Fields))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(table.Fields[a].Name, table.Fields[b].Name) })
	return order
}()

// todays are the fields that show how things are called today, and differ between snapshots of one event.
var todays = map[string]bool{"workspace_name": true, "actor_user_name": true, "target_user_name": true}

// fallbacks are the fields that may show how things are today where another field says who it was.
var fallbacks = map[string]int{
	"actor_user_email": table.Index("actor_user_id"), "target_user_email": table.Index("target_user_id"),
}

// appendRow appends a row in the canonical form of RFC 8785 and a line feed: an object of all fields.
func (c *cells) appendRow(dst []byte, row int) []byte {
	return c.appendLine(dst, row, func(int) (skip, null bool) { return false, false })
}

// appendFacts is appendRow of the event's own facts: without names, and with an email address only where no id says
// who it was, for else it may be the member's of today.
func (c *cells) appendFacts(dst []byte, row int) []byte {
	return c.appendLine(dst, row, func(i int) (skip, null bool) {
		name := table.Fields[i].Name
		id, fallback := fallbacks[name]
		return todays[name], fallback && !c.null[id](row)
	})
}

func (c *cells) appendLine(dst []byte, row int, how func(field int) (skip, null bool)) []byte {
	dst = append(dst, '{')
	first := true
	for _, i := range sorted {
		skip, null := how(i)
		if skip {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendString(dst, table.Fields[i].Name), ':')
		switch {
		case null || c.null[i](row):
			dst = append(dst, "null"...)
		case c.text[i] != nil:
			dst = appendString(dst, c.text[i](row))
		default:
			dst = append(dst, '"')
			dst = time.UnixMicro(int64(c.at.Value(row))).UTC().AppendFormat(dst, time.RFC3339Nano)
			dst = append(dst, '"')
		}
	}
	return append(dst, '}', '\n')
}

// appendString appends a JSON string in its one canonical form.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch b := s[i]; {
		case b == '"', b == '\\':
			dst = append(dst, '\\', b)
		case b >= ' ':
			dst = append(dst, b)
		default:
			if at := strings.IndexByte("\b\t\n\f\r", b); at >= 0 {
				dst = append(dst, '\\', "btnfr"[at])
			} else {
				dst = append(dst, `\u00`...)
				dst = append(dst, hex[b>>4], hex[b&15])
			}
		}
	}
	return append(dst, '"')
}

// readable tells whether all text of a row is UTF-8: only then has it a canonical form.
func (c *cells) readable(row int) bool {
	for i, text := range c.text {
		if text != nil && !c.null[i](row) && !utf8.ValidString(text(row)) {
			return false
		}
	}
	return true
}
