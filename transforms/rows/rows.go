// Package rows builds records value by value, for tables of a size that people look at. It knows no table.
package rows

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/current"
)

// Builder takes the values of rows, field after field in the order of the schema, row after row. Whoever
// makes one ends it with Record.
type Builder struct {
	b *array.RecordBuilder
	c int // the column that the next value belongs to
}

// New returns a Builder of records of the schema.
func New(mem memory.Allocator, schema *arrow.Schema) *Builder {
	return &Builder{b: array.NewRecordBuilder(mem, schema)}
}

func (r *Builder) next() array.Builder {
	b := r.b.Field(r.c)
	r.c = (r.c + 1) % len(r.b.Fields())
	return b
}

// Text appends a String, null unless ok.
func (r *Builder) Text(v string, ok bool) {
	if b := r.next().(*array.StringBuilder); ok {
		b.Append(v)
	} else {
		b.AppendNull()
	}
}

// Date appends a Date, null unless ok.
func (r *Builder) Date(v calendar.Date, ok bool) {
	if b := r.next().(*array.Date32Builder); ok {
		b.Append(arrow.Date32(v))
	} else {
		b.AppendNull()
	}
}

// Instant appends a Timestamp, in microseconds since 1970 in UTC, null unless ok.
func (r *Builder) Instant(micros int64, ok bool) {
	if b := r.next().(*array.TimestampBuilder); ok {
		b.Append(arrow.Timestamp(micros))
	} else {
		b.AppendNull()
	}
}

// Bool appends a Boolean.
func (r *Builder) Bool(v bool) { r.next().(*array.BooleanBuilder).Append(v) }

// Integer appends an Integer.
func (r *Builder) Integer(v int64) { r.next().(*array.Int64Builder).Append(v) }

// Field appends the named String field of row i of t, null where there is no such row.
func (r *Builder) Field(t *current.Table, name string, i int, ok bool) {
	if !ok {
		r.Text("", false)
		return
	}
	r.Text(t.Text(name, i))
}

// Record returns the rows; the caller releases them. The Builder is of no use afterwards.
func (r *Builder) Record() arrow.Record {
	defer r.b.Release()
	return r.b.NewRecord()
}
