// Package conform turns the raw columns of a source into records of a dictionary table: the table's fields in their
// order, with their types, and nothing that breaks their rules. It never repairs a value by guessing and never drops
// a row without saying why.
package conform

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// Options say what a dataset is and how its source writes it.
type Options struct {
	Table     *dictionary.Table
	Columns   map[string]string            // field → the source's name of its column, where they differ
	Mappings  map[string]map[string]string // String field → the source's value → the value to keep
	Zone      *time.Location               // of timestamps that carry no zone; nil is UTC
	EpochUnit *arrow.TimeUnit              // of integers that stand for instants; nil refuses them
	Allocator memory.Allocator             // nil is memory.DefaultAllocator
}

// Conformer conforms the records of one dataset. It never changes after New and may be used by several goroutines.
//
// What a column may be, by the kind of its field:
//
//   - String: utf8 and dictionary<int32, utf8> (which stays one), binary as UTF-8, integers as decimal text, booleans
//     as true and false. Mappings apply to the text.
//   - Timestamp: a timestamp of any unit, with a zone an instant, without one civil time in Options.Zone; date32 as its
//     midnight there; text as [ParseTimestamp] reads it; integers when Options.EpochUnit says of what. All are floored
//     to µs and lie in the years 0001 to 9999, in UTC.
//   - Boolean: bool; integers 0 and 1; text 0, 1, true and false, in upper or lower case.
//   - Integer: integers; floating-point numbers and text whose value is whole.
//   - Date: date32; text written YYYY-MM-DD.
//
// In a column that is never null, empty text counts as null, as it does in CSV: an identifier of no letters identifies
// nothing, whatever the kind of source. Elsewhere empty text stays what it is. A field with Sum set holds 1 or more
// where it is not null: a row that stands for n events stands for at least one.
type Conformer struct {
	table   *dictionary.Table
	columns []column
	zone    *calendar.Dayer
	unit    *arrow.TimeUnit
	mem     memory.Allocator
}

// column is a field and where it comes from.
type column struct {
	field   dictionary.Field
	source  string // the source's name of the column
	named   bool   // the options name it, so it has to be there
	mapping map[string]string
	summed  bool
}

// New checks the options against the table: every field they name exists, and every mapped one is a String.
func New(o Options) (*Conformer, error) {
	if o.Table == nil {
		return nil, errors.New("conform: no table")
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(o.Columns)) {
		if o.Table.Index(name) < 0 {
			problems = append(problems, fmt.Errorf("columns: %s has no field %q; it has %s", o.Table.Name, name, fieldNames(o.Table)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Mappings)) {
		switch i := o.Table.Index(name); {
		case i < 0:
			problems = append(problems, fmt.Errorf("mappings: %s has no field %q; it has %s", o.Table.Name, name, fieldNames(o.Table)))
		case o.Table.Fields[i].Kind != dictionary.String:
			problems = append(problems, fmt.Errorf("mappings: %s.%s is of kind %v; only values of STRING fields can be mapped",
				o.Table.Name, name, o.Table.Fields[i].Kind))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	c := &Conformer{table: o.Table, unit: o.EpochUnit, mem: o.Allocator}
	if c.mem == nil {
		c.mem = memory.DefaultAllocator
	}
	zone := o.Zone
	if zone == nil {
		zone = time.UTC
	}
	c.zone = calendar.NewDayer(zone)
	for _, f := range o.Table.Fields {
		col := column{field: f, source: f.Name, mapping: o.Mappings[f.Name], summed: f.Sum && f.Kind == dictionary.Integer}
		if name, ok := o.Columns[f.Name]; ok {
			col.source, col.named = name, true
		}
		c.columns = append(c.columns, col)
	}
	return c, nil
}

// Wanted returns the source's columns that the table can use, each once, in the order of the fields. Those of
// optional fields are among them and may be missing from the source.
func (c *Conformer) Wanted() []string {
	var names []string
	for _, col := range c.columns {
		if !slices.Contains(names, col.source) {
			names = append(names, col.source)
		}
	}
	return names
}

// Conform returns the rows of rec that can be used, in their order, as a record with exactly the table's fields, and
// the others as rejected, one entry per row, by row. Kept and rejected rows add up to those of rec. A field that has no
// column is null in all rows. Columns that need no change are shared with rec. String fields are utf8 or
// dictionary<int32, utf8>, as their column is (one with nulls among its values becomes utf8); a dictionary may hold
// values that no row uses, and one value twice.
//
// The caller releases the record, which may have no rows, and still owns rec. The error is that of Bind.
func (c *Conformer) Conform(rec arrow.Record) (arrow.Record, []Rejected, error) {
	indexes, _, err := c.bind(rec.Schema())
	if err != nil {
		return nil, nil, err
	}
	rows := int(rec.NumRows())
	p := &pass{c: c, rows: rows}
	out := make([]arrow.Array, 0, len(c.columns))
	defer func() {
		for _, a := range out {
			a.Release()
		}
	}()
	for i := range c.columns {
		col := &c.columns[i]
		if indexes[i] < 0 {
			out = append(out, array.MakeArrayOfNull(c.mem, col.field.Kind.ArrowType(), rows))
			continue
		}
		out = append(out, p.convert(col, rec.Column(indexes[i])))
	}
	if p.faults.bad != nil {
		keep := p.faults.kept()
		for i, a := range out {
			filtered, err := filter(c.mem, a, keep)
			if err != nil {
				return nil, nil, fmt.Errorf("conform %s: leave out rows of %s: %w", c.table.Name, c.columns[i].source, err)
			}
			a.Release()
			out[i] = filtered
		}
		rows -= len(p.faults.list)
	}
	return array.NewRecord(c.schema(out), out, int64(rows)), p.faults.sorted(), nil
}

// pass is the conversion of one record.
type pass struct {
	c      *Conformer
	rows   int
	faults faults
}

// convert returns a new reference to a column of the field's type; rows that break a rule are noted and hold any value.
func (p *pass) convert(col *column, in arrow.Array) arrow.Array {
	if coded, ok := in.(*array.Dictionary); ok && coded.Dictionary().NullN() > 0 {
		in = p.decoded(coded)
		defer in.Release()
	}
	if col.field.Required && in.NullN() > 0 {
		for row := range p.rows {
			if in.IsNull(row) {
				p.reject(col, in, row, "null in a column that is never null")
			}
		}
	}
	switch col.field.Kind {
	case dictionary.Timestamp:
		return p.timestamps(col, in)
	case dictionary.Boolean:
		return p.booleans(col, in)
	case dictionary.Integer:
		return p.integers(col, in)
	case dictionary.Date:
		return p.dates(col, in)
	default:
		return p.strings(col, in)
	}
}

// schema is the table's schema with the types that the String columns have.
func (c *Conformer) schema(columns []arrow.Array) *arrow.Schema {
	s := c.table.Schema()
	fields := s.Fields()
	for i, a := range columns {
		fields[i].Type = a.DataType()
	}
	meta := s.Metadata()
	return arrow.NewSchema(fields, &meta)
}

func fieldNames(t *dictionary.Table) string {
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = f.Name
	}
	return joined(names)
}
