package conform

import (
	"bytes"
	"math"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/transforms/calendar"
)

const (
	notBoolean = "not a boolean: expected 0, 1, true or false"
	notInteger = "not a whole number of at most 64 bits"
	notDate    = "not a date: expected a day that exists, as 2026-11-21"
	notPlural  = "below 1: a row stands for at least one event"
)

// booleans converts a column to bool.
func (p *pass) booleans(col *column, in arrow.Array) arrow.Array {
	if in.DataType().ID() == arrow.BOOL {
		in.Retain()
		return in
	}
	values := make([]bool, p.rows)
	switch in := in.(type) {
	case *array.Dictionary, *array.String, *array.Binary:
		parseInto(p, col, in, values, parseBoolean)
	default:
		wide, _ := in.(*array.Uint64)
		for row := range p.rows {
			if in.IsNull(row) {
				continue
			}
			var v int64
			if wide != nil {
				v = int64(min(wide.Value(row), 2))
			} else {
				v = integerAt(in, row)
			}
			values[row] = v == 1
			if v != 0 && v != 1 {
				p.reject(col, in, row, notBoolean)
			}
		}
	}
	bits := memory.NewResizableBuffer(p.c.mem)
	bits.Resize(int(bitutil.BytesForBits(int64(p.rows))))
	clear(bits.Bytes())
	for row, v := range values {
		if v {
			bitutil.SetBit(bits.Bytes(), row)
		}
	}
	return fixed{nulls: p.nullsOf(in), nullN: in.NullN(), values: bits}.array(arrow.FixedWidthTypes.Boolean, p.rows)
}

func parseBoolean(text []byte) (bool, string) {
	switch {
	case len(text) == 1 && text[0] == '1', bytes.EqualFold(text, []byte("true")):
		return true, ""
	case len(text) == 1 && text[0] == '0', bytes.EqualFold(text, []byte("false")):
		return false, ""
	}
	return false, notBoolean
}

// integers converts a column to int64.
func (p *pass) integers(col *column, in arrow.Array) arrow.Array {
	out := p.int64s(col, in)
	if !col.summed {
		return out
	}
	for row, v := range out.(*array.Int64).Int64Values() {
		if v < 1 && !in.IsNull(row) {
			p.reject(col, in, row, notPlural)
		}
	}
	return out
}

func (p *pass) int64s(col *column, in arrow.Array) arrow.Array {
	if in.DataType().ID() == arrow.INT64 {
		in.Retain()
		return in
	}
	out := p.newFixed(in, 8)
	dst := out.int64s()
	switch in := in.(type) {
	case *array.Dictionary, *array.String, *array.Binary:
		parseInto(p, col, in, dst, parseInteger)
	case *array.Float64:
		p.wholes(col, in, dst, in.Value)
	case *array.Float32:
		p.wholes(col, in, dst, func(row int) float64 { return float64(in.Value(row)) })
	default:
		p.widened(col, in, dst, notInteger)
	}
	return out.array(arrow.PrimitiveTypes.Int64, p.rows)
}

// widened sets dst to the values of any integer array, and notes those that are too large.
func (p *pass) widened(col *column, in arrow.Array, dst []int64, reason string) {
	wide, _ := in.(*array.Uint64)
	for row := range p.rows {
		switch {
		case in.IsNull(row):
		case wide == nil:
			dst[row] = integerAt(in, row)
		case wide.Value(row) > math.MaxInt64:
			p.reject(col, in, row, reason)
		default:
			dst[row] = int64(wide.Value(row))
		}
	}
}

// wholes sets dst to the values of floating-point numbers that are whole.
func (p *pass) wholes(col *column, in arrow.Array, dst []int64, value func(int) float64) {
	for row := range p.rows {
		if in.IsNull(row) {
			continue
		}
		v := value(row)
		if v != math.Trunc(v) || v < -1<<63 || v >= 1<<63 { // NaN differs from itself
			p.reject(col, in, row, notInteger)
			continue
		}
		dst[row] = int64(v)
	}
}

// parseInteger reads decimal digits with an optional sign, and with zeros after a point, as decimal columns have them.
func parseInteger(text []byte) (int64, string) {
	if point := bytes.IndexByte(text, '.'); point > 0 && point+1 < len(text) && len(bytes.Trim(text[point+1:], "0")) == 0 {
		text = text[:point]
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, notInteger
	}
	return v, ""
}

// dates converts a column to date32.
func (p *pass) dates(col *column, in arrow.Array) arrow.Array {
	if days, ok := in.(*array.Date32); ok {
		for row, d := range days.Date32Values() {
			if (calendar.Date(d) < calendar.MinDate || calendar.Date(d) > calendar.MaxDate) && !in.IsNull(row) {
				p.reject(col, in, row, notDate)
			}
		}
		in.Retain()
		return in
	}
	out := p.newFixed(in, 4)
	dst := arrow.Date32Traits.CastFromBytes(out.values.Bytes())
	parseInto(p, col, in, dst, func(text []byte) (arrow.Date32, string) {
		d, err := calendar.ParseDate(string(text))
		if err != nil {
			return 0, notDate
		}
		return arrow.Date32(d), ""
	})
	return out.array(arrow.FixedWidthTypes.Date32, p.rows)
}
