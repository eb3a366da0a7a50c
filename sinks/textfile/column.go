package textfile

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
)

// column is a column of a record, as text.
type column struct {
	field *dictionary.Field
	array arrow.Array
	text  func(row int) string // of a String
}

// null tells whether a row has no value.
func (c *column) null(row int) bool { return c.array.IsNull(row) }

// columnsOf returns the columns of a record of the table.
func columnsOf(def *dictionary.Table, rec arrow.Record) ([]column, error) {
	if int(rec.NumCols()) != len(def.Fields) {
		return nil, fmt.Errorf("textfile: a record of %d columns, %s has %d", rec.NumCols(), def.Name, len(def.Fields))
	}
	cols := make([]column, len(def.Fields))
	for i := range def.Fields {
		f := &def.Fields[i]
		if name := rec.ColumnName(i); name != f.Name {
			return nil, fmt.Errorf("textfile: column %d is %q, %s has %q there", i+1, name, def.Name, f.Name)
		}
		cols[i] = column{field: f, array: rec.Column(i)}
		switch col := rec.Column(i).(type) {
		case *array.String:
			cols[i].text = col.Value
		case *array.Dictionary:
			if values, ok := col.Dictionary().(*array.String); ok {
				cols[i].text = func(row int) string { return values.Value(col.GetValueIndex(row)) }
			}
		}
		if have, want := rec.Column(i).DataType(), f.Kind.ArrowType(); cols[i].text == nil && !sameType(have, want) ||
			cols[i].text != nil && f.Kind != dictionary.String {
			return nil, fmt.Errorf("textfile: %s.%s is %s, want %s", def.Name, f.Name, have, want)
		}
	}
	return cols, nil
}

func sameType(have, want arrow.DataType) bool {
	if at, ok := have.(*arrow.TimestampType); ok {
		return want.ID() == arrow.TIMESTAMP && at.Unit == arrow.Microsecond
	}
	return arrow.TypeEqual(have, want)
}

// The instants that can be written, in microseconds since 1970: the years 0001 to 9999.
var (
	firstInstant = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	lastInstant  = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC).UnixMicro()
)

// instantLayout shows as many digits of a second as it takes.
const instantLayout = "2006-01-02T15:04:05.999999Z"

const daySeconds = 24 * 60 * 60

// append appends the value of a row that is not null.
func (c *column) append(dst []byte, row int) ([]byte, error) {
	switch col := c.array.(type) {
	case *array.Date32:
		return c.instant(dst, int64(col.Value(row))*daySeconds*1_000_000, time.DateOnly)
	case *array.Timestamp:
		return c.instant(dst, int64(col.Value(row)), instantLayout)
	case *array.Boolean:
		return strconv.AppendBool(dst, col.Value(row)), nil
	case *array.Int64:
		return strconv.AppendInt(dst, col.Value(row), 10), nil
	}
	text := c.text(row)
	if !utf8.ValidString(text) {
		return dst, fmt.Errorf("%s: %.60q is not UTF-8", c.field.Name, text)
	}
	return append(dst, text...), nil
}

func (c *column) instant(dst []byte, micros int64, layout string) ([]byte, error) {
	if micros < firstInstant || micros > lastInstant {
		return dst, fmt.Errorf("%s: %d microseconds since 1970 are outside of the years 0001 to 9999", c.field.Name, micros)
	}
	return time.UnixMicro(micros).UTC().AppendFormat(dst, layout), nil
}
