package parquetfile

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
)

// OrderChecker checks that rows come in the sort order of their table: what a Writer promises readers in
// sorting_columns, but leaves to its caller to keep. Rows that are equal in all columns of the order pass.
type OrderChecker struct {
	table   *dictionary.Table
	columns []int
	last    arrow.Record // one row: the last one checked
	rows    int64
}

// NewOrderChecker returns an OrderChecker for rows of t. Close lets go of what it retains.
func NewOrderChecker(t *dictionary.Table) *OrderChecker {
	o := &OrderChecker{table: t}
	for _, name := range t.SortOrder() {
		o.columns = append(o.columns, t.Index(name))
	}
	return o
}

// Check compares the rows of rec, whose columns are those that Writer.Write takes, with each other and with the last
// row before them.
func (o *OrderChecker) Check(rec arrow.Record) error {
	rows := int(rec.NumRows())
	if rows == 0 {
		return nil
	}
	if o.last != nil {
		if err := o.compare(o.last, 0, rec, 0); err != nil {
			return err
		}
	}
	for i := 1; i < rows; i++ {
		if err := o.compare(rec, i-1, rec, i); err != nil {
			return err
		}
	}
	o.Close()
	o.last = rec.NewSlice(int64(rows-1), int64(rows))
	o.rows += int64(rows)
	return nil
}

// Close lets go of the row that is kept for comparison.
func (o *OrderChecker) Close() {
	if o.last != nil {
		o.last.Release()
		o.last = nil
	}
}

func (o *OrderChecker) compare(a arrow.Record, i int, b arrow.Record, j int) error {
	for _, c := range o.columns {
		field := &o.table.Fields[c]
		order := compareValues(a.Column(c), i, b.Column(c), j)
		if field.Name == o.table.NewestFirst {
			order = -order
		}
		if order < 0 {
			return nil
		}
		if order > 0 {
			return fmt.Errorf("table %s: row %d, counted from 1, belongs before the row above it by its %s: sort the rows by %v",
				o.table.Name, o.rows+int64(j)+1, field.Name, o.table.SortOrder())
		}
	}
	return nil
}

// compareValues orders two values of the same kind, null first.
func compareValues(a arrow.Array, i int, b arrow.Array, j int) int {
	da, va := dictionaryOf(a)
	db, vb := dictionaryOf(b)
	aNull := a.IsNull(i) || da != nil && va.IsNull(da.GetValueIndex(i))
	bNull := b.IsNull(j) || db != nil && vb.IsNull(db.GetValueIndex(j))
	if aNull || bNull {
		return cmp.Compare(truth(bNull), truth(aNull))
	}
	switch a := a.(type) {
	case *array.Boolean:
		return cmp.Compare(truth(a.Value(i)), truth(b.(*array.Boolean).Value(j)))
	case *array.Date32:
		return cmp.Compare(a.Value(i), b.(*array.Date32).Value(j))
	case *array.Int64:
		return cmp.Compare(a.Value(i), b.(*array.Int64).Value(j))
	case *array.Timestamp:
		return cmp.Compare(a.Value(i), b.(*array.Timestamp).Value(j))
	}
	if da != nil && va == vb && da.GetValueIndex(i) == db.GetValueIndex(j) {
		return 0
	}
	return bytes.Compare(textAt(a, i), textAt(b, j))
}

func textAt(a arrow.Array, i int) []byte {
	s, ok := a.(*array.String)
	if d, values := dictionaryOf(a); !ok {
		s, i = values, d.GetValueIndex(i)
	}
	offsets := s.ValueOffsets()
	return textOf(s)[offsets[i]:offsets[i+1]]
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
