package jsonlsrc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// maxDepth bounds how deep values may be nested.
const maxDepth = 1000

// kind is what a JSON value is.
type kind uint8

const (
	absent kind = iota
	null
	text   // the bytes between the quotes are the value
	coded  // the bytes between the quotes hold escapes
	scalar // a number, true or false: the bytes are the value
	nested
)

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && space(b[i]) {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stringEnd returns the index of the quote that ends the string whose text begins at i, and whether it holds
// escapes. It checks what the text must not hold: control characters and escapes that do not exist.
func stringEnd(b []byte, i int) (end int, escaped bool, err error) {
	for {
		// Eight bytes at a time: the lowest flag is that of the first quote, backslash or control character.
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			quote, slash := w^ones*'"', w^ones*'\\'
			hit := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w) & highs
			if hit != 0 {
				i += bits.TrailingZeros64(hit) / 8
				break
			}
			i += 8
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
			i++
		}
		switch {
		case i >= len(b):
			return 0, false, errors.New("a string is not closed")
		case b[i] == '"':
			return i, escaped, nil
		case b[i] < 0x20:
			return 0, false, fmt.Errorf("the control character 0x%02x stands in a string at byte %d", b[i], i+1)
		}
		escaped = true
		n := escapeLen(b[i:])
		if n == 0 {
			return 0, false, fmt.Errorf("%q at byte %d is no escape sequence", b[i:min(i+6, len(b))], i+1)
		}
		i += n
	}
}

// escapeLen returns the length of the escape sequence at the beginning of b, 0 when it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) >= 6 && hex4(b[2:6]) >= 0 {
			return 6
		}
	}
	return 0
}

// hex4 returns the value of four hexadecimal digits, -1 when they are none.
func hex4(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// unescape appends the text that a checked string with escapes stands for. Half a surrogate pair stands for none.
func unescape(dst, b []byte) ([]byte, error) {
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			dst = append(dst, b[i])
			i++
			continue
		}
		c := b[i+1]
		if c != 'u' {
			dst = append(dst, unescaped(c))
			i += 2
			continue
		}
		r := hex4(b[i+2:])
		i += 6
		if r >= 0xd800 && r < 0xe000 {
			low := rune(-1)
			if r < 0xdc00 && i+6 <= len(b) && b[i] == '\\' && b[i+1] == 'u' {
				low = hex4(b[i+2:])
			}
			if low < 0xdc00 || low >= 0xe000 {
				return dst, fmt.Errorf(`\u%04x is half of a surrogate pair`, r)
			}
			r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
			i += 6
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, nil
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// numberEnd returns the index after the number at i, or i when there is none.
func numberEnd(b []byte, i int) int {
	start := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	whole := i
	i = digits(b, i)
	if i == whole || b[whole] == '0' && i > whole+1 {
		return start
	}
	if i < len(b) && b[i] == '.' {
		frac := i + 1
		if i = digits(b, frac); i == frac {
			return start
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exp := i
		if i = digits(b, exp); i == exp {
			return start
		}
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// literalEnd returns the index after true, false or null at i, or i when there is none.
func literalEnd(b []byte, i int) int {
	word := "true"
	switch b[i] {
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	}
	if len(b)-i >= len(word) && string(b[i:i+len(word)]) == word {
		return i + len(word)
	}
	return i
}

// value finds the value at i, which is not a space: what it is, where its bytes lie and where it ends.
func value(b []byte, i int) (k kind, start, end, next int, err error) {
	if i >= len(b) {
		return 0, 0, 0, 0, errEnds
	}
	switch c := b[i]; c {
	case '"':
		end, escaped, err := stringEnd(b, i+1)
		k = text
		if escaped {
			k = coded
		}
		return k, i + 1, end, end + 1, err
	case '{', '[':
		next, err := nestedEnd(b, i)
		return nested, i, next, next, err
	case 't', 'f', 'n':
		next := literalEnd(b, i)
		k = scalar
		if c == 'n' {
			k = null
		}
		if next == i {
			err = unexpected(b, i, "a value")
		}
		return k, i, next, next, err
	default:
		next := numberEnd(b, i)
		if next == i {
			err = unexpected(b, i, "a value")
		}
		return scalar, i, next, next, err
	}
}

// nestedEnd checks the object or array at i and returns the index after it.
func nestedEnd(b []byte, i int) (int, error) {
	var stack [maxDepth]byte
	depth := 0
	for {
		// A value is due at i.
		i = skipSpace(b, i)
		if i >= len(b) {
			return i, errEnds
		}
		if c := b[i]; c == '{' || c == '[' {
			if depth == maxDepth {
				return i, fmt.Errorf("values are nested deeper than %d at byte %d", maxDepth, i+1)
			}
			stack[depth] = c
			depth++
			i = skipSpace(b, i+1)
			if i < len(b) && b[i] == c+2 { // ] is [ + 2, } is { + 2
				i++
				depth--
			} else if c == '{' {
				var err error
				if i, err = memberKey(b, i); err != nil {
					return i, err
				}
				continue
			} else {
				continue
			}
		} else {
			_, _, _, next, err := value(b, i)
			if err != nil {
				return i, err
			}
			i = next
		}
		// A value has ended: close what it closes, then go on to the next.
		for {
			if depth == 0 {
				return i, nil
			}
			i = skipSpace(b, i)
			if i >= len(b) {
				return i, errEnds
			}
			open := stack[depth-1]
			if b[i] == open+2 {
				i++
				depth--
				continue
			}
			if b[i] != ',' {
				return i, unexpected(b, i, fmt.Sprintf("a comma or %q", open+2))
			}
			i++
			if open == '{' {
				var err error
				if i, err = memberKey(b, skipSpace(b, i)); err != nil {
					return i, err
				}
			}
			break
		}
	}
}

// memberKey checks the key and the colon of an object's member at i and returns the index after them.
func memberKey(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, errEnds
	}
	if b[i] != '"' {
		return i, unexpected(b, i, "a key in quotes")
	}
	end, _, err := stringEnd(b, i+1)
	if err != nil {
		return i, err
	}
	i = skipSpace(b, end+1)
	if i >= len(b) {
		return i, errEnds
	}
	if b[i] != ':' {
		return i, unexpected(b, i, "a colon")
	}
	return i + 1, nil
}

func unexpected(b []byte, i int, want string) error {
	return fmt.Errorf("expected %s, found %q at byte %d", want, b[i:min(i+8, len(b))], i+1)
}

var errEnds = errors.New("the line ends within the object")
