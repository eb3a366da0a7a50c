package conform

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/transforms/calendar"
)

const notTimestamp = "not a timestamp: expected RFC 3339, as 2026-11-21T02:30:00Z"

// ParseTimestamp reads a point in time as µs since 1970-01-01T00:00:00Z, or says why it cannot.
//
// It takes RFC 3339 with T, t or a space between date and time, a fraction of any length (what is finer than a µs is
// dropped), and Z, z or an offset, also written +0100 or +01 as databases do. Without an offset the text is civil time
// in the zone; without a time it is midnight. Decimal digits alone count the unit, and are refused where it is nil.
func ParseTimestamp(text []byte, zone *calendar.Dayer, unit *arrow.TimeUnit) (micros int64, reason string) {
	civil, offset, zoned, ok := parseRFC3339(text)
	switch {
	case ok && zoned:
		micros = civil - offset
	case ok:
		micros = zone.InstantOf(civil)
	case !isInteger(text):
		return 0, notTimestamp
	case unit == nil:
		return 0, bareInteger
	default:
		return epochText(text, *unit)
	}
	if micros < minInstant || micros > maxInstant {
		return 0, notInRange
	}
	return micros, ""
}

// Eight bytes at a time: b ^ pattern is 0 where a separator stands and a digit's value where a digit stands, and adding
// limit to it sets the high bit of every byte that is more than that.
const (
	datePattern, dateLimit = 0x2d30302d30303030, 0x7f76767f76767676 // 0000-00-
	timePattern, timeLimit = 0x30303a30303a3030, 0x76767f76767f7676 // 00:00:00

	highBits = 0x8080808080808080
)

// parseRFC3339 reads a civil time, as µs since 1970 if it were UTC, and its offset east of UTC in µs, if it has one.
// The year may be 0000, which is out of range.
func parseRFC3339(b []byte) (civil, offset int64, zoned, ok bool) {
	if len(b) < 10 {
		return 0, 0, false, false
	}
	v := binary.LittleEndian.Uint64(b) ^ datePattern
	tens, ones := uint64(b[8]-'0'), uint64(b[9]-'0')
	if ((v+dateLimit)|v)&highBits != 0 || tens > 9 || ones > 9 {
		return 0, 0, false, false
	}
	year := int(v&15*1000 + v>>8&15*100 + v>>16&15*10 + v>>24&15)
	month := int(v>>40&15*10 + v>>48&15)
	day := int(tens*10 + ones)
	if month < 1 || month > 12 || day < 1 || day > 28 && day > calendar.DaysIn(year, month) {
		return 0, 0, false, false
	}
	civil = int64(calendar.Civil(year, month, day)) * microsPerDay
	if len(b) == 10 {
		return civil, 0, false, true
	}
	if len(b) < 19 || b[10] != 'T' && b[10] != 't' && b[10] != ' ' {
		return 0, 0, false, false
	}
	v = binary.LittleEndian.Uint64(b[11:]) ^ timePattern
	if ((v+timeLimit)|v)&highBits != 0 {
		return 0, 0, false, false
	}
	hour, minute, second := v&15*10+v>>8&15, v>>24&15*10+v>>32&15, v>>48&15*10+v>>56&15
	if hour > 23 || minute > 59 || second > 59 {
		return 0, 0, false, false
	}
	civil += int64(hour*3600+minute*60+second) * 1_000_000
	b = b[19:]
	if len(b) > 0 && b[0] == '.' {
		n, fraction := 1, int64(0)
		for ; n < len(b) && b[n]-'0' <= 9; n++ {
			if n <= 6 {
				fraction = fraction*10 + int64(b[n]-'0')
			}
		}
		if n == 1 {
			return 0, 0, false, false
		}
		for i := n; i <= 6; i++ {
			fraction *= 10
		}
		civil += fraction
		b = b[n:]
	}
	switch {
	case len(b) == 0:
		return civil, 0, false, true
	case len(b) == 1 && (b[0] == 'Z' || b[0] == 'z'):
		return civil, 0, true, true
	}
	offset, ok = parseOffset(b)
	return civil, offset, ok, ok
}

// parseOffset reads ±hh:mm, ±hhmm or ±hh, in µs.
func parseOffset(b []byte) (int64, bool) {
	if b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	var d [4]byte
	switch {
	case len(b) == 6 && b[3] == ':':
		d = [4]byte{b[1], b[2], b[4], b[5]}
	case len(b) == 5:
		d = [4]byte(b[1:])
	case len(b) == 3:
		d = [4]byte{b[1], b[2], '0', '0'}
	default:
		return 0, false
	}
	for i := range d {
		if d[i] -= '0'; d[i] > 9 {
			return 0, false
		}
	}
	hours, minutes := int64(d[0])*10+int64(d[1]), int64(d[2])*10+int64(d[3])
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	micros := (hours*60 + minutes) * 60_000_000
	if b[0] == '-' {
		micros = -micros
	}
	return micros, true
}

// isInteger reports whether b is decimal digits, with or without a minus sign.
func isInteger(b []byte) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}
