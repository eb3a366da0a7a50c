// Package rowtest makes batches of rows that are written as text, and text of batches, for tests of what transforms do. The
// program itself never uses it.
package rowtest

import (
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
)

// Null is how null is written.
const Null = "∅"

// TB is what tests and property checks share.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Row is a row as text by field; a field that is missing is null. Instants are RFC 3339.
type Row map[string]string

// With returns the row with other values, given as field and value in turn.
func (r Row) With(more ...string) Row {
	out := Row{}
	for k, v := range r {
		out[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		if out[more[i]] = more[i+1]; more[i+1] == Null {
			delete(out, more[i])
		}
	}
	return out
}

// Record makes a batch of a table, whose texts are dictionaries where coded. The caller releases it.
func Record(tb TB, mem memory.Allocator, def *dictionary.Table, rows []Row, coded bool) arrow.Record {
	tb.Helper()
	var cols []arrow.Array
	var schema []arrow.Field
	for _, f := range def.Fields {
		dt := f.Kind.ArrowType()
		if coded && f.Kind == dictionary.String {
			dt = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: dt}
		}
		b := array.NewBuilder(mem, dt)
		for _, row := range rows {
			v, ok := row[f.Name]
			if !ok || v == Null {
				b.AppendNull()
				continue
			}
			var err error
			if col, is := b.(*array.TimestampBuilder); is {
				var at time.Time
				at, err = time.Parse(time.RFC3339Nano, v)
				col.Append(arrow.Timestamp(at.UnixMicro()))
			} else {
				err = b.AppendValueFromString(v)
			}
			if err != nil {
				tb.Fatalf("%s.%s: %v", def.Name, f.Name, err)
			}
		}
		cols, schema = append(cols, b.NewArray()), append(schema, arrow.Field{Name: f.Name, Type: dt, Nullable: true})
		b.Release()
	}
	rec := array.NewRecord(arrow.NewSchema(schema, nil), cols, int64(len(rows)))
	for _, c := range cols {
		c.Release()
	}
	return rec
}

// Text returns the rows of a record, their cells joined by bars. It does not release it.
func Text(rec arrow.Record) (rows []string) {
	for i := range int(rec.NumRows()) {
		cells := make([]string, rec.NumCols())
		for c, col := range rec.Columns() {
			if cells[c] = Null; col.IsValid(i) {
				cells[c] = col.ValueStr(i)
			}
		}
		rows = append(rows, strings.Join(cells, "|"))
	}
	return rows
}
