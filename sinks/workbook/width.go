package workbook

import (
	"math"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// width is how many characters of the usual size the cells of a column need, by what was sampled.
type width int

// Bounds of a column's width in characters; the first also leaves room for the filter's button beside the header.
const (
	minWidth     = 9
	maxWidth     = 60
	filterButton = 3
	padding      = 2
)

func (w *width) at(n int)           { *w = max(*w, width(n)) }
func (w *width) header(s string)    { w.at(utf8.RuneCountInString(s) + filterButton) }
func (w *width) digits(n int)       { w.at(n + (n-1)/3) }
func (w width) characters() float64 { return float64(min(max(int(w)+padding, minWidth), maxWidth)) }

// text counts the longest line of text. No more of it is looked at than counts.
func (w *width) text(text []byte) {
	line := 0
	for len(text) > 0 && line < maxWidth {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		if r == '\n' {
			w.at(line)
			line = 0
			continue
		}
		line += runeWidth(r)
	}
	w.at(line)
}

// runeWidth is 2 for the characters of East Asia, and for symbols as wide.
func runeWidth(r rune) int {
	if r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xd7ff || r >= 0xf900 && r <= 0xfaff || r >= 0xff01 && r <= 0xff60 || r >= 0x1f300) {
		return 2
	}
	return 1
}

// lines returns how many lines text needs in a cell that is so many characters wide, words being kept together. The
// width of a cell is counted in digits, and most letters are narrower: mostly there is room left.
func lines(text []byte, characters int) int {
	n, line, word := 1, 0, 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		switch w := runeWidth(r); {
		case r == '\n':
			n, line, word = n+1, 0, 0
		case r == ' ':
			line, word = line+1, 0
		case line+w <= characters:
			line, word = line+w, word+w
		case word > 0 && word+w <= characters: // the word goes on the next line
			n, word = n+1, word+w
			line = word
		default:
			n, line, word = n+1, w, w
		}
	}
	return n
}

const linePoints = 15.0

// rowPoints returns the height of a row of so many lines.
func rowPoints(lines int) float64 { return math.Min(float64(lines)*linePoints, excelize.MaxRowHeight) }
