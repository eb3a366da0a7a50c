package facts

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// WithInstant returns rec, a conformed batch of s, with one more column for the facts to be grouped by: what text
// makes of every instant, in microseconds since 1970. It may use buf, which is empty, for what it returns. Rows and their order stay. The caller releases both.
func (s *Spec) WithInstant(mem memory.Allocator, rec arrow.Record, name string, text func(buf []byte, micros int64) []byte) (arrow.Record, error) {
	at, err := s.instants(rec)
	if err != nil {
		return nil, err
	}
	b := array.NewStringBuilder(mem)
	defer b.Release()
	b.Reserve(at.Len())
	buf := make([]byte, 0, 32)
	for _, v := range at.TimestampValues() {
		b.BinaryBuilder.Append(text(buf, int64(v)))
	}
	col := b.NewArray()
	defer col.Release()
	fields := append(append([]arrow.Field(nil), rec.Schema().Fields()...), arrow.Field{Name: name, Type: arrow.BinaryTypes.String})
	cols := append(append([]arrow.Array(nil), rec.Columns()...), col)
	return array.NewRecord(arrow.NewSchema(fields, nil), cols, rec.NumRows()), nil
}

// instants returns the column that says when the events of a batch were.
func (s *Spec) instants(rec arrow.Record) (*array.Timestamp, error) {
	col, err := column(rec, s.Instant)
	if err != nil {
		return nil, err
	}
	at, ok := col.(*array.Timestamp)
	if !ok || at.DataType().(*arrow.TimestampType).Unit != arrow.Microsecond {
		return nil, fmt.Errorf("facts: %s.%s is %s, want timestamp[us, UTC]", s.Name, s.Instant, col.DataType())
	}
	return at, nil
}
