package sqldb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"

	"github.com/usagereport/usagereport/sources"
)

// errStopped ends a COPY whose receiver wants no more.
var errStopped = errors.New("the receiver of the batches has stopped")

var copySignature = []byte("PGCOPY\n\xff\r\n\x00")

// copyStream takes the bytes of a binary COPY, cut anywhere, and adds their rows to rows.
type copyStream struct {
	rows    *rows
	columns []pgColumn
	started bool   // the header is behind
	done    bool   // the trailer is behind
	carry   []byte // the start of a row whose end has not come
	scratch []byte
}

// Write implements io.Writer.
func (s *copyStream) Write(p []byte) (int, error) {
	n := len(p)
	carried := len(s.carry) > 0
	if carried {
		s.carry = append(s.carry, p...)
		p = s.carry
	}
	rest, err := s.consume(p)
	if err != nil {
		return 0, err
	}
	switch {
	case carried:
		s.carry = s.carry[:copy(s.carry, rest)]
	case len(rest) > 0:
		s.carry = append(s.carry, rest...)
	}
	return n, nil
}

// consume decodes the whole rows at the start of p and returns what is left.
func (s *copyStream) consume(p []byte) ([]byte, error) {
	if !s.started {
		const fixed = 19 // signature, flags, length of the extension
		if len(p) < fixed {
			return p, nil
		}
		if !bytes.Equal(p[:len(copySignature)], copySignature) {
			return nil, malformed("no COPY header")
		}
		if flags := binary.BigEndian.Uint32(p[11:]); flags>>16 != 0 {
			return nil, malformed(fmt.Sprintf("COPY flags %#x", flags))
		}
		header := fixed + int(binary.BigEndian.Uint32(p[15:]))
		if len(p) < header {
			return p, nil
		}
		s.started = true
		p = p[header:]
	}
	for len(p) >= 2 {
		if s.done {
			return nil, malformed("data after the end of COPY")
		}
		count := int(int16(binary.BigEndian.Uint16(p)))
		if count == -1 {
			s.done = true
			p = p[2:]
			continue
		}
		if count != len(s.columns) {
			return nil, malformed(fmt.Sprintf("a row of %d fields where %d were described", count, len(s.columns)))
		}
		size, err := s.row(p)
		if err != nil {
			return nil, err
		}
		if size == 0 {
			return p, nil
		}
		p = p[size:]
	}
	return p, nil
}

// row decodes the row that p starts with and returns its size, or 0 where p holds only the start of it.
func (s *copyStream) row(p []byte) (int, error) {
	pos := 2
	var bad *sources.Rejected // the first value that cannot be held
	for i := range s.columns {
		if len(p)-pos < 4 {
			s.rows.undo()
			return 0, nil
		}
		size := int(int32(binary.BigEndian.Uint32(p[pos:])))
		pos += 4
		c := s.rows.columns[i]
		if size < 0 {
			c.null()
			continue
		}
		if len(p)-pos < size {
			s.rows.undo()
			return 0, nil
		}
		v := p[pos : pos+size]
		pos += size
		r, err := s.value(c, s.columns[i].decoder, v)
		if err != nil {
			s.rows.undo()
			return 0, err
		}
		if r != nil && bad == nil {
			bad = r
		}
	}
	if bad != nil {
		if !s.rows.reject(bad.Column, bad.Value, bad.Reason) {
			return 0, errStopped
		}
	} else if !s.rows.add(pos) {
		return 0, errStopped
	}
	return pos, nil
}

// value adds one value to a column. It returns what is wrong with a value that the column cannot hold, in whose
// place it adds null.
func (s *copyStream) value(c *column, d decoder, v []byte) (*sources.Rejected, error) {
	switch d {
	case decodeText:
		c.text(v)
	case decodeInt8:
		if len(v) != 8 {
			return nil, malformedValue(c, v)
		}
		c.word64(binary.BigEndian.Uint64(v))
	case decodeInt4:
		if len(v) != 4 {
			return nil, malformedValue(c, v)
		}
		c.int64(int64(int32(binary.BigEndian.Uint32(v))))
	case decodeTimestamp, decodeTimestampTZ:
		if len(v) != 8 {
			return nil, malformedValue(c, v)
		}
		raw := int64(binary.BigEndian.Uint64(v))
		micros, ok := pgTimestamp(raw)
		if !ok {
			return outOfRange(c, raw == math.MaxInt64, raw == math.MinInt64, "a timestamp that is finite and before the year 294247"), nil
		}
		c.int64(micros)
	case decodeBool:
		if len(v) != 1 {
			return nil, malformedValue(c, v)
		}
		c.bool(v[0] != 0)
	case decodeDate:
		if len(v) != 4 {
			return nil, malformedValue(c, v)
		}
		raw := int32(binary.BigEndian.Uint32(v))
		days, ok := pgDate(raw)
		if !ok {
			return outOfRange(c, raw == math.MaxInt32, raw == math.MinInt32, "a date that is finite"), nil
		}
		c.int32(days)
	default:
		return nil, s.rareValue(c, d, v)
	}
	return nil, nil
}

// fixedSizes are the sizes of the rare types whose values are all of one size.
var fixedSizes = [...]int{decodeInt2: 2, decodeOID: 4, decodeFloat4: 4, decodeFloat8: 8, decodeUUID: 16, decodeBytea: 0}

// rareValue is value for the types that are rare in tables of events. All of their values can be held.
func (s *copyStream) rareValue(c *column, d decoder, v []byte) error {
	if n := fixedSizes[d]; n != 0 && n != len(v) {
		return malformedValue(c, v)
	}
	var ok bool
	switch d {
	case decodeBytea:
		c.text(v)
	case decodeInt2:
		c.int64(int64(int16(binary.BigEndian.Uint16(v))))
	case decodeOID:
		c.int64(int64(binary.BigEndian.Uint32(v)))
	case decodeFloat4:
		c.word32(binary.BigEndian.Uint32(v))
	case decodeFloat8:
		c.word64(binary.BigEndian.Uint64(v))
	case decodeJSONB:
		if len(v) < 1 || v[0] != 1 { // the version of the format
			return malformedValue(c, v)
		}
		c.text(v[1:])
	case decodeUUID:
		s.scratch = appendUUID(s.scratch[:0], v)
		c.text(s.scratch)
	case decodeInet:
		if s.scratch, ok = appendInet(s.scratch[:0], v); !ok {
			return malformedValue(c, v)
		}
		c.text(s.scratch)
	case decodeNumeric, decodeNumericInt:
		if s.scratch, ok = appendNumeric(s.scratch[:0], v); !ok {
			return malformedValue(c, v)
		}
		if d == decodeNumeric {
			c.text(s.scratch)
			break
		}
		n, err := strconv.ParseInt(string(s.scratch), 10, 64)
		if err != nil {
			return fmt.Errorf("%w: column %q holds %s; cast it in the query, to bigint or text", sources.ErrUnsupported, c.name, s.scratch)
		}
		c.int64(n)
	default:
		return fmt.Errorf("%w: column %q has no decoder (%d)", sources.ErrUnsupported, c.name, d)
	}
	return nil
}

// outOfRange adds null for a value that cannot be held, and says what was found.
func outOfRange(c *column, infinite, minusInfinite bool, expected string) *sources.Rejected {
	c.null()
	found := "beyond the year 294246"
	if infinite {
		found = "infinity"
	} else if minusInfinite {
		found = "-infinity"
	}
	return &sources.Rejected{Column: c.name, Value: found, Reason: "expected " + expected}
}

func malformed(what string) error {
	return fmt.Errorf("%w: the server's COPY stream is malformed: %s", sources.ErrUnsupported, what)
}

func malformedValue(c *column, v []byte) error {
	return malformed(fmt.Sprintf("column %q holds a value of %d bytes", c.name, len(v)))
}

// hexPairs are the two digits of each byte.
var hexPairs = func() (pairs [256][2]byte) {
	const digits = "0123456789abcdef"
	for i := range pairs {
		pairs[i] = [2]byte{digits[i>>4], digits[i&15]}
	}
	return pairs
}()

// appendUUID renders the 16 bytes of a UUID.
func appendUUID(dst, v []byte) []byte {
	var text [36]byte
	at := 0
	for i, b := range v[:16] {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text[at] = '-'
			at++
		}
		pair := &hexPairs[b]
		text[at], text[at+1] = pair[0], pair[1]
		at += 2
	}
	return append(dst, text[:]...)
}

// appendInet renders inet and cidr as PostgreSQL prints them.
func appendInet(dst, v []byte) ([]byte, bool) {
	if len(v) < 4 || len(v) != 4+int(v[3]) {
		return dst, false
	}
	addr, ok := netip.AddrFromSlice(v[4:])
	if !ok || int(v[1]) > addr.BitLen() {
		return dst, false
	}
	dst = addr.AppendTo(dst)
	if isCIDR := v[2] != 0; isCIDR || int(v[1]) != addr.BitLen() {
		dst = append(dst, '/')
		dst = strconv.AppendInt(dst, int64(v[1]), 10)
	}
	return dst, true
}

// appendNumeric renders a numeric as PostgreSQL prints it, with all the digits of its scale.
func appendNumeric(dst, v []byte) ([]byte, bool) {
	if len(v) < 8 {
		return dst, false
	}
	digits := int(binary.BigEndian.Uint16(v))
	weight := int(int16(binary.BigEndian.Uint16(v[2:])))
	sign := binary.BigEndian.Uint16(v[4:])
	scale := int(binary.BigEndian.Uint16(v[6:]))
	if len(v) != 8+2*digits {
		return dst, false
	}
	switch sign {
	case 0x0000:
	case 0x4000:
		dst = append(dst, '-')
	case 0xc000:
		return append(dst, "NaN"...), true
	case 0xd000:
		return append(dst, "Infinity"...), true
	case 0xf000:
		return append(dst, "-Infinity"...), true
	default:
		return dst, false
	}
	// A digit is of base 10,000; that of index 0 counts 10,000^weight.
	digit := func(i int) int {
		if i < 0 || i >= digits {
			return 0
		}
		return int(binary.BigEndian.Uint16(v[8+2*i:]))
	}
	if weight < 0 {
		dst = append(dst, '0')
	} else {
		dst = strconv.AppendInt(dst, int64(digit(0)), 10)
		for i := 1; i <= weight; i++ {
			dst = appendDigit(dst, digit(i), 4)
		}
	}
	if scale > 0 {
		dst = append(dst, '.')
		for i := weight + 1; scale > 0; i++ {
			dst = appendDigit(dst, digit(i), min(4, scale))
			scale -= 4
		}
	}
	return dst, true
}

// appendDigit renders the first n decimals of a digit of base 10,000.
func appendDigit(dst []byte, d, n int) []byte {
	all := [4]byte{byte('0' + d/1000%10), byte('0' + d/100%10), byte('0' + d/10%10), byte('0' + d%10)}
	return append(dst, all[:n]...)
}
