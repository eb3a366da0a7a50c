package parquetfile

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow/bitutil"
)

// appendIndexes appends the codes of a data page as dictionary indexes: their bit width, then runs of equal codes and
// of bit-packed ones.
func appendIndexes(dst []byte, codes []uint32) []byte {
	var or uint32
	for _, c := range codes {
		or |= c
	}
	width := bits.Len32(or)
	return appendHybrid(append(dst, byte(width)), codes, width)
}

// appendHybrid appends values of at most width bits in Parquet's run-length and bit-packing hybrid.
func appendHybrid(dst []byte, values []uint32, width int) []byte {
	if len(values) == 0 {
		return dst
	}
	if width == 0 {
		return binary.AppendUvarint(dst, uint64(len(values))<<1)
	}
	// A run costs its own header and value and the header of the packed values behind it, some four bytes: it must
	// be long enough to win them.
	shortest := max(8, (40/width+7)&^7)
	packed := 0 // where the values start that are to be packed; i-packed is a multiple of 8
	i := 0
	for i+shortest <= len(values) {
		first := values[i]
		if values[i+1] != first || values[i+7] != first {
			i += 8
			continue
		}
		j := i + 2
		for j < len(values) && values[j] == first {
			j++
		}
		if j-i < shortest {
			i += 8
			continue
		}
		dst = appendPacked(dst, values[packed:i], width)
		dst = binary.AppendUvarint(dst, uint64(j-i)<<1)
		for w := 0; w < width; w += 8 {
			dst = append(dst, byte(first>>w))
		}
		i, packed = j, j
	}
	return appendPacked(dst, values[packed:], width)
}

// appendPacked appends one bit-packed run of all values, the last group of eight padded with zeros.
func appendPacked(dst []byte, values []uint32, width int) []byte {
	if len(values) == 0 {
		return dst
	}
	groups := (len(values) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	// Groups are stored as whole words, so the last one writes past its end.
	start, end := len(dst), len(dst)+groups*width
	dst = bytesOf(dst, end+32)
	out := dst[start:]
	full := values[:len(values)&^7]
	switch {
	case width <= 8:
		packNarrow(out, full, uint(width))
	case width <= 16:
		packMiddle(out, full, uint(width))
	default:
		packWide(out, full, uint(width))
	}
	if rest := values[len(full):]; len(rest) > 0 {
		var last [8]uint32
		copy(last[:], rest)
		packWide(out[len(full)/8*width:], last[:], uint(width))
	}
	return dst[:end]
}

// bytesOf returns b with the given length, whose new bytes may hold anything.
func bytesOf(b []byte, n int) []byte {
	if n <= cap(b) {
		return b[:n]
	}
	grown := make([]byte, n, n+n/4)
	copy(grown, b)
	return grown
}

// The three below pack groups of eight values, each of width bits. Eight values fill width bytes; out has room for
// the words written beyond them.

func packNarrow(out []byte, values []uint32, width uint) { // up to 8 bits: one word
	w := width & 15
	for len(values) >= 8 {
		v := (*[8]uint32)(values)
		lo := uint64(v[0]) | uint64(v[1])<<w | uint64(v[2])<<(2*w) | uint64(v[3])<<(3*w)
		hi := uint64(v[4]) | uint64(v[5])<<w | uint64(v[6])<<(2*w) | uint64(v[7])<<(3*w)
		binary.LittleEndian.PutUint64(out, lo|hi<<((4*w)&63))
		out = out[width:]
		values = values[8:]
	}
}

func packMiddle(out []byte, values []uint32, width uint) { // 9 to 16 bits: two words
	w := width & 31
	for len(values) >= 8 {
		v := (*[8]uint32)(values)
		lo := uint64(v[0]) | uint64(v[1])<<w | uint64(v[2])<<(2*w) | uint64(v[3])<<(3*w)
		hi := uint64(v[4]) | uint64(v[5])<<w | uint64(v[6])<<(2*w) | uint64(v[7])<<(3*w)
		binary.LittleEndian.PutUint64(out, lo|hi<<(4*w))
		binary.LittleEndian.PutUint64(out[8:], hi>>(64-4*w))
		out = out[width:]
		values = values[8:]
	}
}

func packWide(out []byte, values []uint32, width uint) { // any width: four words
	w := width & 63
	for len(values) >= 8 {
		v := (*[8]uint32)(values)
		pairs := [4]uint64{
			uint64(v[0]) | uint64(v[1])<<w, uint64(v[2]) | uint64(v[3])<<w,
			uint64(v[4]) | uint64(v[5])<<w, uint64(v[6]) | uint64(v[7])<<w,
		}
		var words [5]uint64
		for i, pair := range pairs {
			at := uint(i) * 2 * w
			words[at/64] |= pair << (at % 64)
			words[at/64+1] |= pair >> 1 >> (63 - at%64)
		}
		binary.LittleEndian.PutUint64(out, words[0])
		binary.LittleEndian.PutUint64(out[8:], words[1])
		binary.LittleEndian.PutUint64(out[16:], words[2])
		binary.LittleEndian.PutUint64(out[24:], words[3])
		out = out[width:]
		values = values[8:]
	}
}

// appendLevels appends the definition levels of rows of an optional column, which are their validity bits: runs where
// whole bytes of the bitmap repeat, else a copy of it. first is a multiple of 8.
func appendLevels(dst, valid []byte, first, rows, nulls int) []byte {
	switch nulls {
	case 0:
		return append(binary.AppendUvarint(dst, uint64(rows)<<1), 1)
	case rows:
		return append(binary.AppendUvarint(dst, uint64(rows)<<1), 0)
	}
	const shortest = 5 // bytes
	bitmap := valid[first/8 : (first+rows)/8]
	copied := 0
	for i := 0; i < len(bitmap); {
		b := bitmap[i]
		if b != 0 && b != 0xff {
			i++
			continue
		}
		j := i + 1
		for j < len(bitmap) && bitmap[j] == b {
			j++
		}
		if j-i >= shortest {
			dst = appendBitmap(dst, bitmap[copied:i])
			dst = append(binary.AppendUvarint(dst, uint64(8*(j-i))<<1), b&1)
			copied = j
		}
		i = j
	}
	dst = appendBitmap(dst, bitmap[copied:])
	if rest := rows % 8; rest > 0 {
		dst = append(dst, 1<<1|1, valid[(first+rows)/8]&(1<<rest-1))
	}
	return dst
}

func appendBitmap(dst, bitmap []byte) []byte {
	if len(bitmap) == 0 {
		return dst
	}
	return append(binary.AppendUvarint(dst, uint64(len(bitmap))<<1|1), bitmap...)
}

// compact copies the values of src whose bit is set in the bitmap, from bit at on, to dst, and returns how many. dst
// has room for all of src.
func compact[D, S integer](dst []D, src []S, bitmap []byte, at int) int {
	n := 0
	for i := 0; i < len(src); {
		take := min(64, len(src)-i)
		word := loadBits(bitmap, at+i, take)
		part := src[i : i+take]
		switch {
		case word == 0:
		case bits.OnesCount64(word) == take:
			out := dst[n : n+take]
			for j, v := range part {
				out[j] = D(v)
			}
			n += take
		default:
			for _, v := range part { // without branches: a value that is not wanted is written over
				dst[n] = D(v)
				n += int(word & 1)
				word >>= 1
			}
		}
		i += take
	}
	return n
}

// loadBits returns up to 64 bits of the bitmap from bit at on. The bitmap has eight bytes behind its last bit.
func loadBits(bitmap []byte, at, n int) uint64 {
	word := binary.LittleEndian.Uint64(bitmap[at/8:])
	if shift := at % 8; shift > 0 {
		word = word>>shift | uint64(bitmap[at/8+8])<<(64-shift)
	}
	if n < 64 {
		word &= 1<<n - 1
	}
	return word
}

// copyBits copies n bits.
func copyBits(dst []byte, at int, src []byte, from, n int) {
	if at%8 == 0 && from%8 == 0 {
		copy(dst[at/8:], src[from/8:(from+n)/8])
		for i := n &^ 7; i < n; i++ {
			bitutil.SetBitTo(dst, at+i, bitutil.BitIsSet(src, from+i))
		}
		return
	}
	bitutil.CopyBitmap(src, from, n, dst, at)
}
