package conform

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
)

// ErrSchema is what a SchemaError is: the columns of a source cannot be a dataset's.
var ErrSchema = errors.New("columns do not fit the dataset")

// codedText is the type of a String column that is held by code.
var codedText = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}

// Notes are what Bind noticed that stops nothing.
type Notes struct {
	Ignored []string // the source's columns that no field takes, in the source's order
	Absent  []string // optional fields that the source has no column for, in the table's order
}

// SchemaError lists everything that keeps a source's columns from being a dataset's. It is an ErrSchema.
type SchemaError struct {
	Dataset  string
	Problems []Problem
}

// Problem is one column that cannot be a field.
type Problem struct {
	Field    string // the dataset's field
	Column   string // the source's name of its column
	Expected string
	Found    string
}

func (e *SchemaError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "dataset %s: %v", e.Dataset, ErrSchema)
	for _, p := range e.Problems {
		b.WriteString("; column " + p.Column)
		if p.Field != p.Column {
			b.WriteString(" (for " + p.Field + ")")
		}
		b.WriteString(": expected " + p.Expected + ", found " + p.Found)
	}
	return b.String()
}

// Is reports that a SchemaError is an ErrSchema.
func (e *SchemaError) Is(target error) bool { return target == ErrSchema }

// Bind checks a source's columns before any row is read: a column is missing that is never null or that the options
// name, is there twice, or has a type that its field cannot come from. The error is a *SchemaError with all of that.
func (c *Conformer) Bind(schema *arrow.Schema) (Notes, error) {
	_, notes, err := c.bind(schema)
	return notes, err
}

// bind also returns, by field, the position of its column, or -1.
func (c *Conformer) bind(schema *arrow.Schema) ([]int, Notes, error) {
	indexes := make([]int, len(c.columns))
	taken := make([]bool, schema.NumFields())
	var notes Notes
	var problems []Problem
	for i := range c.columns {
		col := &c.columns[i]
		at := schema.FieldIndices(col.source)
		for _, k := range at {
			taken[k] = true
		}
		problem := Problem{Field: col.field.Name, Column: col.source, Expected: c.expected(col)}
		indexes[i] = -1
		switch {
		case len(at) == 0 && (col.field.Required || col.named):
			problem.Found = "no such column among " + columnNames(schema)
		case len(at) == 0:
			notes.Absent = append(notes.Absent, col.field.Name)
			continue
		case len(at) > 1:
			problem.Found = fmt.Sprintf("%d columns of that name", len(at))
		default:
			indexes[i] = at[0]
			found := schema.Field(at[0]).Type
			if c.accepts(col, found) {
				continue
			}
			problem.Found = found.String()
			if col.field.Kind == dictionary.Timestamp && arrow.IsInteger(found.ID()) {
				problem.Found += ", a bare integer (set epoch_unit if it counts from 1970)"
			}
		}
		problems = append(problems, problem)
	}
	if problems != nil {
		return nil, Notes{}, &SchemaError{Dataset: c.table.Name, Problems: problems}
	}
	for i, name := range schema.Fields() {
		if !taken[i] {
			notes.Ignored = append(notes.Ignored, name.Name)
		}
	}
	return indexes, notes, nil
}

// expected says what a column of the field may be.
func (c *Conformer) expected(col *column) string {
	switch col.field.Kind {
	case dictionary.Timestamp:
		if c.unit != nil {
			return "a timestamp, a date, an integer or RFC 3339 text"
		}
		return "a timestamp, a date or RFC 3339 text"
	case dictionary.Boolean:
		return "a boolean, an integer or text"
	case dictionary.Integer:
		return "a number or text"
	case dictionary.Date:
		return "a date or text"
	default:
		return "text, an integer or a boolean"
	}
}

func (c *Conformer) accepts(col *column, found arrow.DataType) bool {
	id := found.ID()
	text := id == arrow.STRING || id == arrow.BINARY || isCodedText(found)
	switch col.field.Kind {
	case dictionary.Timestamp:
		return text || id == arrow.TIMESTAMP || id == arrow.DATE32 || c.unit != nil && arrow.IsInteger(id)
	case dictionary.Boolean:
		return text || id == arrow.BOOL || arrow.IsInteger(id)
	case dictionary.Integer:
		return text || arrow.IsInteger(id) || id == arrow.FLOAT32 || id == arrow.FLOAT64
	case dictionary.Date:
		return text || id == arrow.DATE32
	default:
		return text || id == arrow.BOOL || arrow.IsInteger(id)
	}
}

func isCodedText(t arrow.DataType) bool {
	d, ok := t.(*arrow.DictionaryType)
	return ok && d.IndexType.ID() == arrow.INT32 && d.ValueType.ID() == arrow.STRING
}

func columnNames(s *arrow.Schema) string {
	names := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		names[i] = f.Name
	}
	return joined(names)
}

// joined lists names, and says so where there are none.
func joined(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
