package parquetfile

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
)

// OrderChecker checks that rows come in the sort order of their table, and no two with the same grain: what a Writer
// promises readers in sorting_columns, but leaves to its caller to keep.
type OrderChecker struct {
	table   *dictionary.Table
	columns []int
	last    arrow.Record // one row: the last one checked
	rows    int64
	pairs   []int32           // rows not yet known to come after the row above them
	sorted  map[identity]bool // of the dictionaries met: whether codes are in the order of their values
}

// NewOrderChecker returns an OrderChecker for rows of t. Close lets go of what it retains.
func NewOrderChecker(t *dictionary.Table) *OrderChecker {
	o := &OrderChecker{table: t, sorted: map[identity]bool{}}
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
		if err := o.first(rec); err != nil {
			return err
		}
	}
	o.pairs = o.pairs[:0]
	for i := 1; i < rows; i++ {
		o.pairs = append(o.pairs, int32(i))
	}
	for _, c := range o.columns {
		if err := o.column(rec, c); err != nil {
			return err
		}
	}
	if len(o.pairs) > 0 {
		return o.twice(int(o.pairs[0]))
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

// first compares the first row of rec with the last one before it.
func (o *OrderChecker) first(rec arrow.Record) error {
	for _, c := range o.columns {
		switch order := o.direct(c, compareValues(o.last.Column(c), 0, rec.Column(c), 0)); {
		case order < 0:
			return nil
		case order > 0:
			return o.disorder(0, c)
		}
	}
	return o.twice(0)
}

// column settles the pairs that column c tells apart, and keeps the others.
func (o *OrderChecker) column(rec arrow.Record, c int) error {
	col := rec.Column(c)
	left := o.pairs[:0]
	codes := o.codes(col)
	for _, i := range o.pairs {
		var order int
		if codes != nil {
			order = cmp.Compare(codes[i-1], codes[i])
		} else {
			order = compareValues(col, int(i)-1, col, int(i))
		}
		switch order = o.direct(c, order); {
		case order == 0:
			left = append(left, i)
		case order > 0:
			return o.disorder(int(i), c)
		}
	}
	o.pairs = left
	return nil
}

// codes returns numbers that compare as the values of col do, nil where there are none at hand.
func (o *OrderChecker) codes(col arrow.Array) []int32 {
	switch col := col.(type) {
	case *array.Dictionary:
		idx, ok := col.Indices().(*array.Int32)
		values, text := col.Dictionary().(*array.String)
		if !ok || !text || values.NullN() > 0 || !o.ascending(values) {
			return nil
		}
		if col.NullN() == 0 {
			return idx.Int32Values()
		}
		codes := make([]int32, col.Len())
		for i, v := range idx.Int32Values() {
			if codes[i] = v; col.IsNull(i) {
				codes[i] = -1
			}
		}
		return codes
	case *array.Date32:
		if col.NullN() == 0 {
			return arrow.Int32Traits.CastFromBytes(arrow.Date32Traits.CastToBytes(col.Date32Values()))
		}
	}
	return nil
}

// maxSorted bounds how many dictionaries are remembered.
const maxSorted = 64

func (o *OrderChecker) ascending(values *array.String) bool {
	id := identify(values)
	known, ok := o.sorted[id]
	if !ok {
		known = true
		for i := 1; i < values.Len() && known; i++ {
			known = values.Value(i-1) < values.Value(i)
		}
		if len(o.sorted) >= maxSorted {
			clear(o.sorted)
		}
		o.sorted[id] = known
	}
	return known
}

func (o *OrderChecker) direct(c, order int) int {
	if o.table.Fields[c].Name == o.table.NewestFirst {
		return -order
	}
	return order
}

func (o *OrderChecker) disorder(i, c int) error {
	return fmt.Errorf("table %s: row %d, counted from 1, belongs before the row above it by its %s: sort the rows by %v",
		o.table.Name, o.rows+int64(i)+1, o.table.Fields[c].Name, o.table.SortOrder())
}

func (o *OrderChecker) twice(i int) error {
	return fmt.Errorf("table %s: row %d, counted from 1, has the same grain as the row above it: expected one row per %v",
		o.table.Name, o.rows+int64(i)+1, o.table.SortOrder())
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
