// Package current holds the current-state datasets of a run: one row per key, sorted, easy to look things up in.
// It never reads a source and decides nothing about logs.
package current

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
)

// ErrConflict says that a current-state dataset holds different rows under one key (contract §3).
var ErrConflict = errors.New("different rows with one key")

// maxConflicts is how many conflicts an error names.
const maxConflicts = 10

// Table is the rows of one State dataset, one a key, sorted by key bytewise. String columns are utf8.
type Table struct {
	def  *dictionary.Table
	rec  arrow.Record
	keys []*array.String
}

// Empty returns a table of no rows.
func Empty(mem memory.Allocator, def *dictionary.Table) *Table {
	b := array.NewRecordBuilder(mem, def.Schema())
	defer b.Release()
	return wrap(def, b.NewRecord())
}

// FromRecord returns the table whose rows, sorted and unique, are rec's, as Record handed them out. It takes over rec.
func FromRecord(def *dictionary.Table, rec arrow.Record) (*Table, error) {
	if !rec.Schema().Equal(def.Schema()) {
		return nil, fmt.Errorf("current: %s: stored with other columns: %s", def.Name, rec.Schema())
	}
	return wrap(def, rec), nil
}

func wrap(def *dictionary.Table, rec arrow.Record) *Table {
	t := &Table{def: def, rec: rec}
	for i, f := range def.Fields {
		if f.Grain {
			t.keys = append(t.keys, rec.Column(i).(*array.String))
		}
	}
	return t
}

// Collect makes a table of conformed batches, which stay the caller's. Identical rows are one; duplicates is how
// many were left out. Rows that differ under one key are ErrConflict, naming keys and columns.
func Collect(mem memory.Allocator, def *dictionary.Table, batches []arrow.Record) (t *Table, duplicates int64, err error) {
	var rows []row
	for _, rec := range batches {
		keys, err := keyColumns(def, rec)
		if err != nil {
			return nil, 0, err
		}
		for i := range int(rec.NumRows()) {
			key := make([]string, len(keys))
			for k, col := range keys {
				key[k] = text(col, i)
			}
			rows = append(rows, row{rec, i, key})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return slices.Compare(a.key, b.key) })
	var conflicts []string
	kept := rows[:0]
	for _, r := range rows {
		if len(kept) > 0 && slices.Equal(kept[len(kept)-1].key, r.key) {
			duplicates++
			if differ := differing(def, kept[len(kept)-1], r); differ != nil {
				conflicts = append(conflicts, fmt.Sprintf("%s: %s", describe(def, r.key), strings.Join(differ, ", ")))
			}
			continue
		}
		kept = append(kept, r)
	}
	if len(conflicts) > 0 {
		n := len(conflicts)
		if n > maxConflicts {
			conflicts = append(conflicts[:maxConflicts], fmt.Sprintf("and %d more", n-maxConflicts))
		}
		return nil, 0, fmt.Errorf("dataset %s: %w (%d of them): %s; make the query or file deliver one row per %s",
			def.Name, ErrConflict, n, strings.Join(conflicts, "; "), strings.Join(def.Grain(), ", "))
	}
	return build(mem, def, kept), duplicates, nil
}

// Carry returns the rows of now, and those rows of before whose key now does not have: what was last known of things
// that the source no longer holds. Neither argument is consumed.
func Carry(mem memory.Allocator, before, now *Table) *Table {
	rows := make([]row, 0, now.Len())
	for _, t := range []*Table{now, before} {
		for i := range t.Len() {
			key := make([]string, len(t.keys))
			for k, col := range t.keys {
				key[k] = col.Value(i)
			}
			if t == before {
				if _, ok := now.Find(key...); ok {
					continue
				}
			}
			rows = append(rows, row{t.rec, i, key})
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return slices.Compare(a.key, b.key) })
	return build(mem, now.def, rows)
}

// Len returns the number of rows.
func (t *Table) Len() int { return int(t.rec.NumRows()) }

// Record returns the rows, which stay the table's.
func (t *Table) Record() arrow.Record { return t.rec }

// Release lets the rows go.
func (t *Table) Release() { t.rec.Release() }

// Find returns the row with the given key, all its columns in order.
func (t *Table) Find(key ...string) (int, bool) {
	from, to := t.Range(key...)
	return from, to > from
}

// Range returns the half-open range of rows whose first key columns are the given ones.
func (t *Table) Range(key ...string) (from, to int) {
	from, to = 0, t.Len()
	for k, want := range key {
		col, base := t.keys[k], from
		from = base + sort.Search(to-base, func(i int) bool { return col.Value(base+i) >= want })
		rest := from
		to = rest + sort.Search(to-rest, func(i int) bool { return col.Value(rest+i) > want })
	}
	return from, to
}

// Text returns the named String field of row i, false when it is null.
func (t *Table) Text(field string, i int) (string, bool) {
	col := t.Column(field).(*array.String)
	if col.IsNull(i) {
		return "", false
	}
	return col.Value(i), true
}

// Column returns the named column, which stays the table's. It panics when the dataset has no such field.
func (t *Table) Column(field string) arrow.Array { return t.rec.Column(t.def.Index(field)) }

type row struct {
	rec arrow.Record
	i   int
	key []string
}

func keyColumns(def *dictionary.Table, rec arrow.Record) ([]arrow.Array, error) {
	if int(rec.NumCols()) != len(def.Fields) {
		return nil, fmt.Errorf("current: %s: batch has %d columns, want %d", def.Name, rec.NumCols(), len(def.Fields))
	}
	var keys []arrow.Array
	for i, f := range def.Fields {
		if f.Grain {
			keys = append(keys, rec.Column(i))
		}
	}
	return keys, nil
}

// text returns the value of a utf8 or dictionary column, null as the empty string.
func text(col arrow.Array, i int) string {
	if col.IsNull(i) {
		return ""
	}
	switch col := col.(type) {
	case *array.String:
		return col.Value(i)
	case *array.Dictionary:
		return col.Dictionary().(*array.String).Value(col.GetValueIndex(i))
	}
	return col.ValueStr(i)
}

func describe(def *dictionary.Table, key []string) string {
	parts := make([]string, len(key))
	for i, name := range def.Grain() {
		parts[i] = fmt.Sprintf("%s %q", name, key[i])
	}
	return strings.Join(parts, ", ")
}

// differing returns the columns in which two rows differ, with both values.
func differing(def *dictionary.Table, a, b row) []string {
	var out []string
	for c, f := range def.Fields {
		x, y := a.rec.Column(c), b.rec.Column(c)
		if x.IsNull(a.i) == y.IsNull(b.i) && text(x, a.i) == text(y, b.i) {
			continue
		}
		out = append(out, fmt.Sprintf("%s is %s and %s", f.Name, show(x, a.i), show(y, b.i)))
	}
	return out
}

func show(col arrow.Array, i int) string {
	if col.IsNull(i) {
		return "null"
	}
	return fmt.Sprintf("%.60q", text(col, i))
}

// build copies rows into a table of their own.
func build(mem memory.Allocator, def *dictionary.Table, rows []row) *Table {
	b := array.NewRecordBuilder(mem, def.Schema())
	defer b.Release()
	b.Reserve(len(rows))
	for c, f := range def.Fields {
		field := b.Field(c)
		for _, r := range rows {
			col := r.rec.Column(c)
			if col.IsNull(r.i) {
				field.AppendNull()
				continue
			}
			switch f.Kind {
			case dictionary.String:
				field.(*array.StringBuilder).Append(text(col, r.i))
			case dictionary.Boolean:
				field.(*array.BooleanBuilder).Append(col.(*array.Boolean).Value(r.i))
			case dictionary.Integer:
				field.(*array.Int64Builder).Append(col.(*array.Int64).Value(r.i))
			case dictionary.Timestamp:
				field.(*array.TimestampBuilder).Append(col.(*array.Timestamp).Value(r.i))
			case dictionary.Date:
				field.(*array.Date32Builder).Append(col.(*array.Date32).Value(r.i))
			}
		}
	}
	return wrap(def, b.NewRecord())
}
