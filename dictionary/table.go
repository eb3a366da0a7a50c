// Package dictionary describes every input dataset and every published log as data: the one source of
// Arrow and Parquet schemas, validation, headers and documentation. It reads and writes nothing.
package dictionary

import (
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
)

// Kind is the logical type of a field.
type Kind uint8

// The kinds a field can have, with the Arrow type each has in a batch.
const (
	String    Kind = iota // utf8, or dictionary<int32, utf8> where the values are known by code
	Date                  // date32: days since 1970-01-01 in the reporting zone
	Boolean               // bool
	Integer               // int64
	Timestamp             // timestamp[us, UTC]
)

// String returns the name of the kind as the documentation writes it.
func (k Kind) String() string {
	switch k {
	case String:
		return "STRING"
	case Date:
		return "DATE"
	case Boolean:
		return "BOOLEAN"
	case Integer:
		return "INTEGER"
	case Timestamp:
		return "TIMESTAMP"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// ArrowType returns the Arrow type that a column of this kind has.
func (k Kind) ArrowType() arrow.DataType {
	switch k {
	case Date:
		return arrow.FixedWidthTypes.Date32
	case Boolean:
		return arrow.FixedWidthTypes.Boolean
	case Integer:
		return arrow.PrimitiveTypes.Int64
	case Timestamp:
		return arrow.FixedWidthTypes.Timestamp_us
	default:
		return arrow.BinaryTypes.String
	}
}

// Role says what a table is for.
type Role uint8

// The roles of tables.
const (
	State Role = iota // input: how things are today, one row per key
	Event             // input: things that happened, delivered at least once
	Log               // output: published as Parquet
	Sheet             // output: a sheet of a usage report
)

// Domain groups the datasets that are bound together and published together (SPEC 3).
type Domain uint8

// The domains, as a bit set: a dataset may serve several.
const (
	Usage Domain = 1 << iota
	Audit
	Integration
)

// Value is one documented value of an enumerated field. Enums are open (SPEC 4): other values are kept.
type Value struct {
	Name string
	Doc  string
}

// Field is one column. Its zero Kind is String.
type Field struct {
	Name     string
	Kind     Kind
	Required bool    // never null
	Grain    bool    // part of the key (State), of what one row stands for (Log); unused for Event
	Sum      bool    // a measure that is summed over the grain
	Enum     []Value // documented values, in reading order; nil when the field is free text
	Others   bool    // values beyond Enum are as good: none is worth a warning
	Doc      string  // one sentence
}

// Table is a dataset or a log. Values are shared: do not modify.
type Table struct {
	Name     string
	Title    string
	Doc      string
	Role     Role
	Domains  Domain // the domains it serves
	Optional Domain // of these, the domains that can do without it
	Version  int    // schema version, published with every snapshot of a Log or Sheet
	Fields   []Field

	NewestFirst string // the field by which a Log is sorted first, newest value first; empty for all but the audit log
}

// Index returns the position of the named field, or -1.
func (t *Table) Index(name string) int {
	return slices.IndexFunc(t.Fields, func(f Field) bool { return f.Name == name })
}

// Grain returns the names of the fields that make up the grain (Log) or the key (State), in field order.
func (t *Table) Grain() []string {
	var names []string
	for _, f := range t.Fields {
		if f.Grain {
			names = append(names, f.Name)
		}
	}
	return names
}

// SortOrder returns the names of the fields that rows of the table are sorted by: workspace_id first, then a day
// or an instant of the grain, then the rest of the grain in field order. All ascend, nulls first, text by its bytes
// and false before true, but for NewestFirst, which leads and descends. It is nil for a table without a grain.
func (t *Table) SortOrder() []string {
	var lead, days, rest []string
	for _, f := range t.Fields {
		switch {
		case f.Name == t.NewestFirst:
			lead = append([]string{f.Name}, lead...)
		case !f.Grain:
		case f.Name == "workspace_id":
			lead = append(lead, f.Name)
		case f.Kind == Date, f.Kind == Timestamp:
			days = append(days, f.Name)
		default:
			rest = append(rest, f.Name)
		}
	}
	return slices.Concat(lead, days, rest)
}

// Schema returns the Arrow schema of the table, with the meaning of each field and of the table as metadata.
// String columns are utf8 here; a batch may carry them as dictionary<int32, utf8>. Only a Log has a schema_version.
func (t *Table) Schema() *arrow.Schema {
	fields := make([]arrow.Field, len(t.Fields))
	for i, f := range t.Fields {
		fields[i] = arrow.Field{
			Name:     f.Name,
			Type:     f.Kind.ArrowType(),
			Nullable: !f.Required,
			Metadata: arrow.MetadataFrom(map[string]string{"description": f.Doc}),
		}
	}
	keys, values := []string{"table", "description"}, []string{t.Name, t.Doc}
	if t.Role == Log {
		keys, values = append(keys, "schema_version"), append(values, strconv.Itoa(t.Version))
	}
	meta := arrow.NewMetadata(keys, values)
	return arrow.NewSchema(fields, &meta)
}
