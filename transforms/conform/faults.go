package conform

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// maxValue is how much of a value a rejection shows, in bytes.
const maxValue = 200

// Rejected is a row that cannot be used, and the first reason for it in the order of the fields.
type Rejected struct {
	Row    int    // in the record, from 0
	Column string // the source's name of the column
	Value  string // what was found, as UTF-8 text of at most 200 bytes; bytes that are none as \xNN; empty when null
	Reason string // what was expected
}

// faults are the rows of a record that cannot be used.
type faults struct {
	bad  []bool // by row; nil while there is none
	list []Rejected
}

// reject notes a row, unless a field before has.
func (p *pass) reject(col *column, in arrow.Array, row int, reason string) {
	f := &p.faults
	if f.bad == nil {
		f.bad = make([]bool, p.rows)
	}
	if f.bad[row] {
		return
	}
	f.bad[row] = true
	f.list = append(f.list, Rejected{Row: row, Column: col.source, Value: valueText(in, row), Reason: reason})
}

// sorted returns the rejected rows in the order of the record.
func (f *faults) sorted() []Rejected {
	slices.SortFunc(f.list, func(a, b Rejected) int { return cmp.Compare(a.Row, b.Row) })
	return f.list
}

// run is the rows from ≤ i < to.
type run struct{ from, to int }

// kept returns the runs of rows that are not rejected.
func (f *faults) kept() []run {
	var runs []run
	from := 0
	for row, bad := range f.bad {
		if !bad {
			continue
		}
		if from < row {
			runs = append(runs, run{from, row})
		}
		from = row + 1
	}
	if from < len(f.bad) {
		runs = append(runs, run{from, len(f.bad)})
	}
	return runs
}

// filter returns a new array of the rows in the runs.
func filter(mem memory.Allocator, a arrow.Array, runs []run) (arrow.Array, error) {
	switch len(runs) {
	case 0:
		return array.NewSlice(a, 0, 0), nil
	case 1:
		return array.NewSlice(a, int64(runs[0].from), int64(runs[0].to)), nil
	}
	if coded, ok := a.(*array.Dictionary); ok {
		// Concatenate would compare the dictionaries of all slices; they are one.
		codes, err := filter(mem, coded.Indices(), runs)
		if err != nil {
			return nil, err
		}
		defer codes.Release()
		return array.NewDictionaryArray(coded.DataType(), codes, coded.Dictionary()), nil
	}
	slices := make([]arrow.Array, len(runs))
	for i, r := range runs {
		slices[i] = array.NewSlice(a, int64(r.from), int64(r.to))
	}
	defer func() {
		for _, s := range slices {
			s.Release()
		}
	}()
	return array.Concatenate(slices, mem)
}

// valueText returns a value as a person can read it.
func valueText(a arrow.Array, row int) string {
	if a.IsNull(row) {
		return ""
	}
	switch a := a.(type) {
	case *array.Dictionary:
		return valueText(a.Dictionary(), a.GetValueIndex(row))
	case *array.Binary:
		return readable(string(a.Value(row)))
	case *array.String:
		return readable(a.Value(row))
	}
	return readable(a.ValueStr(row))
}

// readable cuts text to maxValue bytes, and escapes bytes that are not UTF-8.
func readable(text string) string {
	if len(text) <= maxValue && utf8.ValidString(text) {
		return strings.Clone(text) // the array's memory is not ours
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		piece := text[:n]
		if r == utf8.RuneError && n == 1 {
			piece = fmt.Sprintf(`\x%02x`, text[0])
		}
		if b.Len()+len(piece) > maxValue {
			break
		}
		b.WriteString(piece)
		text = text[n:]
	}
	return b.String()
}
