package sqldb

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sources"
)

// cellMode is how the values of a column that database/sql hands over are taken.
type cellMode uint8

const (
	cellInt64 cellMode = iota
	cellUint64
	cellFloat32
	cellFloat64
	cellBool
	cellText   // text and binary
	cellBits   // MySQL's BIT: an integer, most significant byte first
	cellDate   // what the calendar and the clock of the value show, taken as UTC
	cellLocal  // likewise, with the time of day
	cellMoment // an instant
	cellPending
)

// cell takes the values of one column. It implements sql.Scanner.
type cell struct {
	reader  *sqlReader
	column  *column
	mode    cellMode
	pending []any // of a column whose type is to be settled by them
}

// Scan implements sql.Scanner. A value that the column cannot hold is noted with the reader; it is no error.
func (c *cell) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		c.reader.size += len(v) + 8
	case string:
		c.reader.size += len(v) + 8
	default:
		c.reader.size += 8
	}
	if c.mode == cellPending {
		if b, ok := src.([]byte); ok {
			src = bytes.Clone(b)
		}
		c.pending = append(c.pending, src)
		return nil
	}
	c.take(src)
	return nil
}

func (c *cell) take(src any) {
	if src == nil {
		c.column.null()
		return
	}
	switch c.mode {
	case cellInt64:
		c.int64(src)
	case cellUint64:
		c.uint64(src)
	case cellFloat32, cellFloat64:
		c.float(src)
	case cellBool:
		if v, ok := src.(bool); ok {
			c.column.bool(v)
			return
		}
		c.reject(src, "a boolean")
	case cellText:
		c.text(src)
	case cellBits:
		var n uint64
		v, ok := src.([]byte)
		for _, b := range v {
			n = n<<8 | uint64(b)
		}
		if !ok || len(v) > 8 || n > math.MaxInt64 {
			c.reject(src, "at most 63 bits")
			return
		}
		c.column.int64(int64(n))
	default:
		c.time(src)
	}
}

func (c *cell) int64(src any) {
	switch v := src.(type) {
	case int64:
		c.column.int64(v)
		return
	case float64:
		if n := int64(v); v >= -1<<63 && v < 1<<63 && float64(n) == v {
			c.column.int64(n)
			return
		}
	case []byte:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			c.column.int64(n)
			return
		}
	case string:
		// SQLite's integer affinity turns text that is a number into a number as it is stored: this is no number.
	}
	c.reject(src, "an integer, as the column is declared or began")
}

func (c *cell) uint64(src any) {
	switch v := src.(type) {
	case uint64:
		c.column.word64(v)
		return
	case int64:
		if v >= 0 {
			c.column.word64(uint64(v))
			return
		}
	case []byte:
		if n, err := strconv.ParseUint(string(v), 10, 64); err == nil {
			c.column.word64(n)
			return
		}
	}
	c.reject(src, "an unsigned integer")
}

func (c *cell) float(src any) {
	var f float64
	switch v := src.(type) {
	case float64:
		f = v
	case float32:
		f = float64(v)
	case int64:
		f = float64(v)
		if !exactFloat(v) {
			c.reject(src, "a number that float64 holds exactly")
			return
		}
	case []byte:
		n, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			c.reject(src, "a number")
			return
		}
		f = n
	default:
		c.reject(src, "a number, as the column is declared or began")
		return
	}
	if c.mode == cellFloat32 {
		c.column.float32(float32(f))
		return
	}
	c.column.float64(f)
}

// text takes whatever it is given: numbers as SQLite prints them.
func (c *cell) text(src any) {
	var scratch [32]byte
	switch v := src.(type) {
	case []byte:
		c.column.text(v)
	case string:
		c.column.textString(v)
	case int64:
		c.column.text(strconv.AppendInt(scratch[:0], v, 10))
	case float64:
		c.column.text(appendReal(scratch[:0], v))
	default:
		c.reject(src, "text")
	}
}

// appendReal renders a floating-point number as SQLite does when it turns one into text: a whole number keeps ".0".
func appendReal(dst []byte, v float64) []byte {
	start := len(dst)
	dst = strconv.AppendFloat(dst, v, 'g', 15, 64)
	if f, err := strconv.ParseFloat(string(dst[start:]), 64); err != nil || f != v {
		dst = strconv.AppendFloat(dst[:start], v, 'g', 17, 64)
	}
	if !bytes.ContainsAny(dst[start:], ".eIN") {
		dst = append(dst, ".0"...)
	}
	return dst
}

func (c *cell) time(src any) {
	var days, micros int64
	switch v := src.(type) {
	case time.Time:
		if c.mode == cellMoment {
			c.column.int64(v.UnixMicro())
			return
		}
		if v.IsZero() { // MySQL's driver, told to parse times, makes this of 0000-00-00
			c.reject(src, "a date of the calendar, not 0000-00-00")
			return
		}
		y, m, d := v.Date()
		days = daysOf(y, int(m), d)
		micros = int64(v.Hour()*3600+v.Minute()*60+v.Second())*1_000_000 + int64(v.Nanosecond()/1000)
	case []byte:
		var ok bool
		if days, micros, ok = parseDateTime(v); !ok {
			c.reject(src, "a date of the calendar, finite and not 0000-00-00")
			return
		}
	default:
		c.reject(src, "a date")
		return
	}
	if c.mode == cellDate {
		c.column.int32(int32(days))
		return
	}
	c.column.int64(days*86_400_000_000 + micros)
}

// parseDateTime parses YYYY-MM-DD, alone or with hh:mm:ss and up to six digits of its fraction.
func parseDateTime(v []byte) (days, micros int64, ok bool) {
	number := func(at, n int) int {
		x := 0
		for _, c := range v[at : at+n] {
			if c < '0' || c > '9' {
				ok = false
			}
			x = x*10 + int(c-'0')
		}
		return x
	}
	ok = true
	if len(v) < 10 || v[4] != '-' || v[7] != '-' {
		return 0, 0, false
	}
	y, m, d := number(0, 4), number(5, 2), number(8, 2)
	if !ok || m < 1 || m > 12 || d < 1 || d > 28 && d > daysIn(y, m) {
		return 0, 0, false
	}
	days = daysOf(y, m, d)
	if len(v) == 10 {
		return days, 0, true
	}
	if len(v) < 19 || len(v) > 26 || len(v) == 20 || v[10] != ' ' || v[13] != ':' || v[16] != ':' || len(v) > 19 && v[19] != '.' {
		return 0, 0, false
	}
	hour, minute, second := number(11, 2), number(14, 2), number(17, 2)
	fraction := 0
	if len(v) > 20 {
		fraction = number(20, len(v)-20)
		for range 26 - len(v) {
			fraction *= 10
		}
	}
	if !ok || hour > 23 || minute > 59 || second > 59 {
		return 0, 0, false
	}
	return days, int64(hour*3600+minute*60+second)*1_000_000 + int64(fraction), true
}

func daysIn(y, m int) int { return time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() }

// daysOf returns the days from 1970-01-01 to a date of the proleptic Gregorian calendar.
func daysOf(y, m, d int) int64 {
	// Years that start in March, in eras of 400 of them.
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	inEra := y - era*400
	day := (153*(m-3)+2)/5 + d - 1
	return int64(era)*146_097 + int64(inEra*365+inEra/4-inEra/100+day) - 719_468
}

// reject adds null in the place of a value that the column cannot hold, and notes what was found.
func (c *cell) reject(src any, expected string) {
	c.column.null()
	if c.reader.bad != nil {
		return
	}
	var found string
	switch v := src.(type) {
	case []byte:
		found = string(v[:min(len(v), 256)])
	case string:
		found = v[:min(len(v), 256)]
	case time.Time:
		found = v.Format(time.RFC3339Nano)
	default:
		found = fmt.Sprint(v)
	}
	c.reader.bad = &sources.Rejected{Column: c.column.name, Value: found, Reason: "expected " + expected}
}

// undo takes back a pending value beyond the first n.
func (c *cell) undo(n int) {
	if len(c.pending) > n {
		c.pending = c.pending[:n]
	}
}

// settle chooses the type that holds all pending values, and moves them into a column of it.
func (c *cell) settle(mem memory.Allocator) {
	var ints, reals, texts, blobs, inexact bool
	for _, v := range c.pending {
		switch v := v.(type) {
		case int64:
			ints = true
			inexact = inexact || !exactFloat(v)
		case float64:
			reals = true
		case string:
			texts = true
		case []byte:
			blobs = true
		}
	}
	typ := arrow.DataType(arrow.BinaryTypes.String)
	c.mode = cellText
	switch {
	case ints && !reals && !texts && !blobs:
		c.mode, typ = cellInt64, arrow.PrimitiveTypes.Int64
	case reals && !texts && !blobs && !inexact:
		c.mode, typ = cellFloat64, arrow.PrimitiveTypes.Float64
	case blobs && !ints && !reals && !texts:
		typ = arrow.BinaryTypes.Binary
	}
	name := c.column.name
	c.column.release()
	c.column = newColumn(name, typ, mem)
	for _, v := range c.pending {
		c.take(v)
	}
	c.pending = nil
}

func exactFloat(v int64) bool { return v >= -1<<53 && v <= 1<<53 }
