package jobs

import (
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// loose tells whether a column holds timestamps that a database does not sort as their instants, seen from outside: a
// query compares them with :from and :to all the same. Those are wall clocks of another zone than UTC, and text (SQLite
// has nothing else) that is not RFC 3339 in UTC: 2026-11-20 23:00:00 sorts before 2026-11-20T00:00:00Z.
func loose(rec arrow.Record, column string, zone *time.Location) bool {
	at := rec.Schema().FieldIndices(column)
	if len(at) != 1 {
		return false
	}
	switch col := rec.Column(at[0]).(type) {
	case *array.Timestamp:
		return col.DataType().(*arrow.TimestampType).TimeZone == "" && zone.String() != "UTC"
	case *array.String:
		for i := range col.Len() {
			if col.IsValid(i) && !sorts(col.Value(i)) {
				return true
			}
		}
	case *array.Dictionary:
		values, ok := col.Dictionary().(*array.String)
		for i := 0; ok && i < values.Len(); i++ {
			if values.IsValid(i) && !sorts(values.Value(i)) {
				return true
			}
		}
	}
	return false
}

// sorts tells whether text has the form of the bounds. What is no timestamp has no order to lose: it is rejected.
func sorts(text string) bool {
	const day = len(time.DateOnly)
	if len(text) < day || text[4] != '-' || text[7] != '-' {
		return true
	}
	return len(text) > day && text[day] == 'T' && text[len(text)-1] == 'Z'
}
