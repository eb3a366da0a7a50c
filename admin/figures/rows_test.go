package figures

import (
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
)

// row is a row of a log by field: nil or missing, string, int64, bool, lake.Date or time.Time.
type row map[string]any

// record makes a record of a log of the named columns, all without names. Text is a dictionary where coded. The caller
// releases it.
func record(mem memory.Allocator, t *dictionary.Table, rows []row, coded bool, names ...string) arrow.Record {
	if len(names) == 0 {
		for _, f := range t.Fields {
			names = append(names, f.Name)
		}
	}
	var cols []arrow.Array
	var fields []arrow.Field
	for _, name := range names {
		f := t.Fields[t.Index(name)]
		col := textOrOther(mem, f, rows, coded)
		cols = append(cols, col)
		fields = append(fields, arrow.Field{Name: name, Type: col.DataType(), Nullable: !f.Required})
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(len(rows)))
	for _, c := range cols {
		c.Release()
	}
	return rec
}

func textOrOther(mem memory.Allocator, f dictionary.Field, rows []row, coded bool) arrow.Array {
	if f.Kind == dictionary.String && coded {
		return textByCode(mem, f.Name, rows)
	}
	b := array.NewBuilder(mem, f.Kind.ArrowType())
	defer b.Release()
	for _, r := range rows {
		switch v := r[f.Name].(type) {
		case nil:
			b.AppendNull()
		case string:
			b.(*array.StringBuilder).Append(v)
		case bool:
			b.(*array.BooleanBuilder).Append(v)
		case int64:
			b.(*array.Int64Builder).Append(v)
		case lake.Date:
			b.(*array.Date32Builder).Append(arrow.Date32(dayNumber(v)))
		case time.Time:
			b.(*array.TimestampBuilder).Append(arrow.Timestamp(v.UnixMicro()))
		default:
			panic(fmt.Sprintf("%s is %T", f.Name, v))
		}
	}
	return b.NewArray()
}

// textByCode makes a dictionary column whose values stand in another order than that of their first rows.
func textByCode(mem memory.Allocator, name string, rows []row) arrow.Array {
	var values []string
	place := map[string]int{}
	for _, r := range rows {
		if v, ok := r[name].(string); ok {
			if _, ok := place[v]; !ok {
				place[v] = len(values)
				values = append(values, v)
			}
		}
	}
	slices.Reverse(values)
	text, codes := array.NewStringBuilder(mem), array.NewInt32Builder(mem)
	defer text.Release()
	defer codes.Release()
	text.AppendValues(values, nil)
	for _, r := range rows {
		if v, ok := r[name].(string); ok {
			codes.Append(int32(len(values) - 1 - place[v]))
		} else {
			codes.AppendNull()
		}
	}
	dict, at := text.NewArray(), codes.NewArray()
	defer dict.Release()
	defer at.Release()
	dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	return array.NewDictionaryArray(dt, at, dict)
}
