package sqldb

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sources"
)

// batchBytes bounds a batch beside the number of its rows.
const batchBytes = 8 << 20

// rows collects the rows of a result and cuts them into batches.
type rows struct {
	object  string
	maxRows int
	columns []*column
	yield   func(sources.Batch) bool
	settle  func() // called before a batch is made of the columns; may be nil

	n        int   // rows in the columns
	bytes    int   // roughly, in the columns
	row      int64 // the number of the row being collected, from 1
	first    int64 // the number of the first row of the batch
	numbers  []int64
	rejected []sources.Rejected
}

// newRows starts collecting. Whoever calls it calls release.
func newRows(object string, maxRows int, fields []arrow.Field, mem memory.Allocator, yield func(sources.Batch) bool) *rows {
	r := &rows{object: object, maxRows: maxRows, yield: yield, row: 1, first: 1}
	for _, f := range fields {
		r.columns = append(r.columns, newColumn(f.Name, f.Type, mem))
	}
	return r
}

// add ends a row of about the given size, of which each column has its value. It returns false when the receiver
// of the batches wants no more.
func (r *rows) add(size int) bool {
	if r.numbers != nil {
		r.numbers = append(r.numbers, r.row)
	}
	r.row++
	r.n++
	r.bytes += size
	return r.n < r.maxRows && r.bytes < batchBytes || r.flush()
}

// undo takes back what the columns have of the row being collected.
func (r *rows) undo() {
	for _, c := range r.columns {
		c.truncate(r.n)
	}
}

// reject ends a row that cannot be used. It returns false when the receiver of the batches wants no more.
func (r *rows) reject(column, value, reason string) bool {
	r.undo()
	if r.numbers == nil {
		r.numbers = make([]int64, r.n, r.maxRows)
		for i := range r.numbers {
			r.numbers[i] = r.first + int64(i)
		}
	}
	r.rejected = append(r.rejected, sources.Rejected{Row: r.row, Column: column, Value: shorten(value), Reason: reason})
	r.row++
	r.bytes += 64 + len(value)
	return r.n+len(r.rejected) < r.maxRows && r.bytes < batchBytes || r.flush()
}

// flush hands over what has been collected, if anything. It returns false when the receiver wants no more.
func (r *rows) flush() bool {
	if r.n == 0 && len(r.rejected) == 0 {
		return true
	}
	b := sources.Batch{Object: r.object, FirstRow: r.first, Rows: r.numbers, Rejected: r.rejected}
	if r.n > 0 {
		if r.settle != nil {
			r.settle()
		}
		b.Record = r.record()
	} else {
		b.Rows = nil
	}
	r.n, r.bytes, r.first, r.numbers, r.rejected = 0, 0, r.row, nil, nil
	return r.yield(b)
}

func (r *rows) record() arrow.Record {
	fields := make([]arrow.Field, len(r.columns))
	arrays := make([]arrow.Array, len(r.columns))
	for i, c := range r.columns {
		arrays[i] = c.array()
		defer arrays[i].Release()
		fields[i] = arrow.Field{Name: c.name, Type: arrays[i].DataType(), Nullable: true}
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), arrays, int64(r.n))
}

func (r *rows) release() {
	for _, c := range r.columns {
		c.release()
	}
}

// checkNames refuses results whose columns could not be told apart.
func checkNames(fields []arrow.Field) error {
	if len(fields) == 0 {
		return fmt.Errorf("%w: it returns no columns; it should be a SELECT", sources.ErrQuery)
	}
	seen := make(map[string]bool, len(fields))
	for _, f := range fields {
		if seen[f.Name] {
			return fmt.Errorf("%w: two columns are named %q; give one another name with AS", sources.ErrQuery, f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}
