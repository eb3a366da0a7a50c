package conform

import (
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// The instants that the contract knows: the years 0001 to 9999, in µs since 1970.
const (
	minInstant = int64(calendar.MinDate) * microsPerDay
	maxInstant = (int64(calendar.MaxDate)+1)*microsPerDay - 1

	microsPerDay = 24 * 60 * 60 * 1_000_000
)

const (
	notInRange  = "outside of the years 0001 to 9999"
	bareInteger = "a bare integer: set epoch_unit to the unit it counts, or write RFC 3339"
)

// timestamps converts a column to timestamp[us, UTC].
func (p *pass) timestamps(col *column, in arrow.Array) arrow.Array {
	instants := p.c.zone.Location() == time.UTC // also without a zone
	if t, ok := in.DataType().(*arrow.TimestampType); ok && t.Unit == arrow.Microsecond && (t.TimeZone != "" || instants) {
		p.checkRange(col, in, in.(*array.Timestamp).TimestampValues())
		if t.TimeZone == "UTC" {
			in.Retain()
			return in
		}
		return retyped(in, arrow.FixedWidthTypes.Timestamp_us)
	}
	out := p.newFixed(in, 8)
	dst := out.int64s()
	switch in := in.(type) {
	case *array.Timestamp:
		t := in.DataType().(*arrow.TimestampType)
		for row, v := range in.TimestampValues() {
			dst[row] = int64(v)
		}
		p.scale(col, in, dst, t.Unit)
		if t.TimeZone == "" && !instants {
			p.localise(col, in, dst)
		}
	case *array.Date32:
		for row, d := range in.Date32Values() {
			dst[row] = int64(d) * microsPerDay
		}
		p.scale(col, in, dst, arrow.Microsecond)
		p.localise(col, in, dst)
	case *array.Dictionary, *array.String, *array.Binary:
		parseInto(p, col, in, dst, func(text []byte) (int64, string) {
			return ParseTimestamp(text, p.c.zone, p.c.unit)
		})
	default:
		p.widened(col, in, dst, notInRange)
		p.scale(col, in, dst, *p.c.unit)
	}
	return out.array(arrow.FixedWidthTypes.Timestamp_us, p.rows)
}

// checkRange notes the instants, in µs, that are outside of the years that the contract knows.
func (p *pass) checkRange(col *column, in arrow.Array, values []arrow.Timestamp) {
	for row, v := range values {
		if (int64(v) < minInstant || int64(v) > maxInstant) && !in.IsNull(row) {
			p.reject(col, in, row, notInRange)
		}
	}
}

// scale turns counts of a unit into µs, in place, and notes those that are out of range; they and nulls become 0.
func (p *pass) scale(col *column, in arrow.Array, values []int64, unit arrow.TimeUnit) {
	nulls := in.NullN() > 0
	for row, v := range values {
		micros, ok := scaled(v, unit)
		if nulls && in.IsNull(row) {
			micros = 0
		} else if !ok {
			p.reject(col, in, row, notInRange)
		}
		values[row] = micros
	}
}

// scaled returns a count of a unit in µs, rounded towards the past, and whether that is in range.
func scaled(v int64, unit arrow.TimeUnit) (int64, bool) {
	switch unit {
	case arrow.Second:
		if v < minInstant/1_000_000 || v > maxInstant/1_000_000 {
			return 0, false
		}
		return v * 1_000_000, true
	case arrow.Millisecond:
		if v < minInstant/1000 || v > maxInstant/1000 {
			return 0, false
		}
		return v * 1000, true
	case arrow.Nanosecond:
		micros := v / 1000 // 64 bits of ns are within the years 1677 to 2262
		if v%1000 < 0 {
			micros--
		}
		return micros, true
	default:
		if v < minInstant || v > maxInstant {
			return 0, false
		}
		return v, true
	}
}

// localise turns civil times into instants, in place.
func (p *pass) localise(col *column, in arrow.Array, values []int64) {
	nulls := in.NullN() > 0
	for row, v := range values {
		if nulls && in.IsNull(row) {
			continue
		}
		instant := p.c.zone.InstantOf(v)
		if instant < minInstant || instant > maxInstant {
			p.reject(col, in, row, notInRange)
			instant = 0
		}
		values[row] = instant
	}
}

// epochText reads a count of a unit written in decimal digits.
func epochText(text []byte, unit arrow.TimeUnit) (int64, string) {
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, notInRange
	}
	micros, ok := scaled(v, unit)
	if !ok {
		return 0, notInRange
	}
	return micros, ""
}
