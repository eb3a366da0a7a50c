package conform

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// retyped returns the same values as another type that has the same layout.
func retyped(in arrow.Array, to arrow.DataType) arrow.Array {
	d := in.Data()
	data := array.NewData(to, d.Len(), d.Buffers(), nil, in.NullN(), d.Offset())
	defer data.Release()
	return array.MakeFromData(data)
}

// fixed is a column under construction whose values have 4 or 8 bytes.
type fixed struct {
	nulls  *memory.Buffer // nil when there are none
	values *memory.Buffer
	nullN  int
}

// newFixed takes the nulls of in; all values are zero.
func (p *pass) newFixed(in arrow.Array, width int) fixed {
	f := fixed{nulls: p.nullsOf(in), nullN: in.NullN(), values: memory.NewResizableBuffer(p.c.mem)}
	f.values.Resize(p.rows * width)
	clear(f.values.Bytes())
	return f
}

// nullsOf returns a copy of the validity bits of in, from bit 0 on, or nil when all values are valid.
func (p *pass) nullsOf(in arrow.Array) *memory.Buffer {
	if in.NullN() == 0 {
		return nil
	}
	nulls := memory.NewResizableBuffer(p.c.mem)
	nulls.Resize(int(bitutil.BytesForBits(int64(p.rows))))
	clear(nulls.Bytes())
	bitutil.CopyBitmap(in.NullBitmapBytes(), in.Data().Offset(), p.rows, nulls.Bytes(), 0)
	return nulls
}

// array finishes the column.
func (f fixed) array(t arrow.DataType, rows int) arrow.Array {
	data := array.NewData(t, rows, []*memory.Buffer{f.nulls, f.values}, nil, f.nullN, 0)
	defer data.Release()
	if f.nulls != nil {
		f.nulls.Release()
	}
	f.values.Release()
	return array.MakeFromData(data)
}

func (f fixed) int64s() []int64 { return arrow.Int64Traits.CastFromBytes(f.values.Bytes()) }

// integerAt returns a value of any integer array but one of uint64.
func integerAt(a arrow.Array, row int) int64 {
	switch a := a.(type) {
	case *array.Int64:
		return a.Value(row)
	case *array.Int32:
		return int64(a.Value(row))
	case *array.Int16:
		return int64(a.Value(row))
	case *array.Int8:
		return int64(a.Value(row))
	case *array.Uint32:
		return int64(a.Value(row))
	case *array.Uint16:
		return int64(a.Value(row))
	case *array.Uint8:
		return int64(a.Value(row))
	}
	panic("conform: " + a.DataType().String() + " is not an integer of at most 63 bits")
}

// parseInto sets dst[i] to what parse makes of the text of row i, where it is not null, and notes the rows that it
// gives a reason for. The values of a dictionary are parsed once, when the first row uses them.
func parseInto[T any](p *pass, col *column, in arrow.Array, dst []T, parse func(text []byte) (T, string)) {
	coded, ok := in.(*array.Dictionary)
	if !ok {
		t := textsOf(in)
		nulls := in.NullN() > 0
		for row := range p.rows {
			if nulls && in.IsNull(row) {
				continue
			}
			v, reason := parse(t.at(row))
			if reason != "" {
				p.reject(col, in, row, reason)
			}
			dst[row] = v
		}
		return
	}
	t := textsOf(coded.Dictionary())
	type parsed struct {
		done   bool
		value  T
		reason string
	}
	seen := make([]parsed, coded.Dictionary().Len())
	nulls := in.NullN() > 0
	for row, code := range codesOf(coded) {
		if nulls && in.IsNull(row) {
			continue
		}
		v := &seen[code]
		if !v.done {
			v.done = true
			v.value, v.reason = parse(t.at(int(code)))
		}
		if v.reason != "" {
			p.reject(col, in, row, v.reason)
		}
		dst[row] = v.value
	}
}
