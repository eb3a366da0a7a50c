package parquetsrc

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
)

// int96Micros converts a timestamp of Impala and old Spark: nanoseconds of the day, then the Julian day.
// Microseconds are what those writers keep, and what reaches the year 9999 in 64 bits.
func int96Micros(v []byte) (int64, error) {
	const julianEpoch, microsOfDay = 2_440_588, 86_400_000_000
	words := [3]uint32{}
	for i := range words {
		words[i] = binary.NativeEndian.Uint32(v[4*i:])
	}
	nanos := int64(uint64(words[1])<<32 | uint64(words[0]))
	day := int64(words[2]) - julianEpoch
	if nanos < 0 || nanos > microsOfDay*1000 || day > 100_000_000 {
		return 0, fmt.Errorf("%x is not a timestamp", v)
	}
	return day*microsOfDay + nanos/1000, nil
}

// bigEndian64 converts a two's complement number of any width that fits 64 bits.
func bigEndian64(v []byte) (int64, error) {
	if len(v) > 8 {
		n := new(big.Int).SetBytes(v)
		if v[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v))))
		}
		if !n.IsInt64() {
			return 0, fmt.Errorf("the number %s has more digits than its type allows", n)
		}
		return n.Int64(), nil
	}
	var n int64
	if v[0]&0x80 != 0 {
		n = -1
	}
	for _, b := range v {
		n = n<<8 | int64(b)
	}
	return n, nil
}

// native reads a number as parquet-go holds it: in the machine's byte order.
func native(v []byte) int64 {
	if len(v) == 4 {
		return int64(int32(binary.NativeEndian.Uint32(v)))
	}
	return int64(binary.NativeEndian.Uint64(v))
}

// uuidText writes the canonical form of a UUID: 8-4-4-4-12 lower-case hexadecimal digits.
func uuidText(dst, v []byte) []byte {
	for i, end := range [...]int{4, 6, 8, 10, 16} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, v[[...]int{0, 4, 6, 8, 10}[i]:end])
	}
	return dst
}

// decimalText writes n/10^scale with all its digits: 1250 at scale 2 is 12.50.
func decimalText(dst []byte, n int64, scale int) []byte {
	return placePoint(dst, strconv.FormatInt(n, 10), scale)
}

// bigDecimalText is decimalText of a two's complement big-endian number of any width.
func bigDecimalText(dst, v []byte, scale int) []byte {
	n := new(big.Int).SetBytes(v)
	if len(v) > 0 && v[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v))))
	}
	return placePoint(dst, n.String(), scale)
}

func placePoint(dst []byte, digits string, scale int) []byte {
	if digits[0] == '-' {
		dst, digits = append(dst, '-'), digits[1:]
	}
	whole := len(digits) - scale
	if whole <= 0 {
		dst = append(dst, '0')
	} else {
		dst = append(dst, digits[:whole]...)
	}
	if scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for ; whole < 0; whole++ {
		dst = append(dst, '0')
	}
	return append(dst, digits[max(0, len(digits)-scale):]...)
}
