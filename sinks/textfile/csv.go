package textfile

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/usagereport/usagereport/dictionary"
)

// csvFormat writes CSV. The standard library's writer would change line ends within cells.
type csvFormat struct {
	def *dictionary.Table
}

const lineEnd = "\r\n"

func (f csvFormat) begin(dst []byte) []byte {
	for i, field := range f.def.Fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		start := len(dst)
		dst = quote(append(dst, field.Name...), start)
	}
	return append(dst, lineEnd...)
}

func (f csvFormat) row(dst []byte, cols []column, row int, _ bool) (_ []byte, err error) {
	for i := range cols {
		c := &cols[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		if c.null(row) {
			continue
		}
		start := len(dst)
		if c.text != nil && dangerous(c.text(row)) {
			dst = append(dst, '\'')
		}
		if dst, err = c.append(dst, row); err != nil {
			return dst, err
		}
		if c.text != nil {
			dst = quote(dst, start)
		}
	}
	return append(dst, lineEnd...), nil
}

func (f csvFormat) end(dst []byte, _ int64) []byte { return dst }

// dangerous tells the text that a spreadsheet would take for a formula: it begins as one does and is not a number.
func dangerous(text string) bool {
	return text != "" && strings.IndexByte("=+-@\t\r", text[0]) >= 0 && !number.MatchString(text)
}

// neutral returns text as a cell has it.
func neutral(text string) string {
	if dangerous(text) {
		return "'" + text
	}
	return text
}

// number is a decimal number as a whole: a sign, digits, a fraction and an exponent, nothing else.
var number = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// quote puts the cell that begins at start in quotes where it needs them: for separators, quotes and line ends in it,
// for spaces that some readers trim, and to tell empty text from null.
func quote(dst []byte, start int) []byte {
	cell := dst[start:]
	if len(cell) > 0 && !bytes.ContainsAny(cell, "\",\r\n") && cell[0] > ' ' && cell[len(cell)-1] > ' ' {
		return dst
	}
	text := string(cell)
	dst = append(dst[:start], '"')
	for i := range len(text) {
		if text[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, text[i])
	}
	return append(dst, '"')
}
