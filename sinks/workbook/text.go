package workbook

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxText is how many characters a cell holds, in UTF-16 as Excel counts.
const maxText = 32_767

// units returns how many UTF-16 units s has; a byte that is not UTF-8 counts as the one character it is replaced by.
func units[T string | []byte](s T) int {
	n := 0
	for _, r := range string(s) {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// cutUnits returns the longest beginning of s of at most n UTF-16 units that ends with a whole character.
func cutUnits[T string | []byte](s T, n int) T {
	for i, r := range string(s) {
		n--
		if r > 0xffff {
			n--
		}
		if n < 0 {
			return s[:i]
		}
	}
	return s
}

// fitText returns text as a cell can hold it: what is too long ends in "… (+N more)", N characters being left out.
func fitText(text []byte) []byte {
	if len(text) <= maxText || units(text) <= maxText {
		return text
	}
	total := utf8.RuneCount(text)
	for digits := 1; ; digits++ {
		// The ellipsis is one unit.
		kept := cutUnits(text, maxText-len(" (+ more)")-1-digits)
		left := total - utf8.RuneCount(kept)
		if len(strconv.Itoa(left)) <= digits {
			return fmt.Appendf(kept[:len(kept):len(kept)], "… (+%d more)", left)
		}
	}
}

// special marks the bytes that cannot stand for themselves, or that need a closer look.
var special = func() (t [256]bool) {
	for b := range 0x20 {
		t[b] = true
	}
	for b := utf8.RuneSelf; b < 256; b++ {
		// Above ASCII all bytes but 0xef, with which U+FFFE and U+FFFF begin, are fine in valid UTF-8; that they
		// are valid is for utf8.Valid to say.
		t[b] = b == 0xef
	}
	for _, b := range []byte(`&<>_`) {
		t[b] = true
	}
	return t
}()

// plain reports whether text can stand in a cell as it is: neither escaped nor shortened, nor white space at its ends,
// nor a character at its beginning that a formula begins with.
func plain(text []byte) bool {
	if len(text) == 0 || len(text) > maxText {
		return false
	}
	ascii := byte(0)
	for _, b := range text {
		if special[b] {
			return false
		}
		ascii |= b
	}
	if ascii >= utf8.RuneSelf && !utf8.Valid(text) {
		return false
	}
	return text[0] != ' ' && text[len(text)-1] != ' ' && !beginsFormula(text)
}

// beginsFormula reports whether text would become a formula when somebody types it into a cell.
func beginsFormula(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	switch text[0] {
	case '=', '+', '-', '@', '\t', '\r':
		return true
	}
	return false
}

// keepsSpace reports whether text needs xml:space to keep its white space.
func keepsSpace(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	return text[0] <= ' ' || text[len(text)-1] <= ' '
}

const hexDigits = "0123456789ABCDEF"

// appendText appends text as the content of a t element. Characters that XML cannot hold are written as Excel does,
// _xHHHH_; text that looks like that has its first underscore written so. Bytes that are not UTF-8 become U+FFFD.
func appendText(buf, text []byte) []byte {
	for i := 0; i < len(text); {
		b := text[i]
		if b < utf8.RuneSelf {
			i++
			switch {
			case b == '&':
				buf = append(buf, "&amp;"...)
			case b == '<':
				buf = append(buf, "&lt;"...)
			case b == '>':
				buf = append(buf, "&gt;"...)
			case b == '\r': // XML takes a bare one for the end of a line
				buf = append(buf, "&#13;"...)
			case b == '_' && looksEscaped(text[i:]):
				buf = append(buf, "_x005F_"...)
			case b < ' ' && b != '\t' && b != '\n':
				buf = appendEscaped(buf, rune(b))
			default:
				buf = append(buf, b)
			}
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			buf = append(buf, "\uFFFD"...)
		case r == 0xfffe || r == 0xffff:
			buf = appendEscaped(buf, r)
		default:
			buf = append(buf, text[i:i+n]...)
		}
		i += n
	}
	return buf
}

func appendEscaped(buf []byte, r rune) []byte {
	return append(buf, '_', 'x', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15], '_')
}

// looksEscaped reports whether text, which follows an underscore, goes on like an escaped character. The underscore at
// its end is not looked for: an escaped character could come next, which begins with one.
func looksEscaped(text []byte) bool {
	if len(text) < 5 || text[0] != 'x' {
		return false
	}
	for _, b := range text[1:5] {
		if hexValue(b) < 0 {
			return false
		}
	}
	return true
}

func hexValue(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b >= 'A' && b <= 'F':
		return int(b-'A') + 10
	case b >= 'a' && b <= 'f':
		return int(b-'a') + 10
	}
	return -1
}

// unescape undoes appendText, and the escapes that excelize writes into headers.
func unescape(raw []byte) []byte {
	var out []byte
	for i := 0; i < len(raw); {
		switch {
		case raw[i] == '&':
			if r, n := entity(raw[i:]); n > 0 {
				out = utf8.AppendRune(out, r)
				i += n
				continue
			}
		case raw[i] == '_' && looksEscaped(raw[i+1:]) && i+6 < len(raw) && raw[i+6] == '_':
			r := rune(0)
			for _, b := range raw[i+2 : i+6] {
				r = r<<4 | rune(hexValue(b))
			}
			out = utf8.AppendRune(out, r)
			i += 7
			continue
		}
		out = append(out, raw[i])
		i++
	}
	return out
}

// entity returns the character that text begins with an entity for, and the entity's length, 0 if there is none.
func entity(text []byte) (rune, int) {
	end := bytes.IndexByte(text[:min(len(text), 12)], ';')
	if end < 0 {
		return 0, 0
	}
	switch body := string(text[1:end]); body {
	case "amp":
		return '&', end + 1
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "quot":
		return '"', end + 1
	case "apos":
		return '\'', end + 1
	default:
		if len(body) < 2 || body[0] != '#' {
			return 0, 0
		}
		digits, base := body[1:], 10
		if digits[0] == 'x' {
			digits, base = digits[1:], 16
		}
		if n, err := strconv.ParseUint(digits, base, 21); err == nil {
			return rune(n), end + 1
		}
	}
	return 0, 0
}
