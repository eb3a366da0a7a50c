package workbook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// cellKind is what a cell holds.
type cellKind uint8

const (
	numberKind cellKind = iota
	truthKind
	textKind
)

// cell is a cell as it stands in the XML. It is valid during the call that it is handed to.
type cell struct {
	column int
	kind   cellKind
	raw    []byte // escaped
}

// scanRows is called for what is found: every cell that is not empty, then its row by its number.
type scanRows struct {
	cell func(*cell) error
	row  func(n int) error
}

// Bounds of the scanner's buffer. The larger holds the longest text that a cell can have, escaped, several times over.
const (
	minBuffer = 64 << 10
	maxBuffer = 1 << 20
)

// scanner takes XML as this package writes it apart: elements without comments, CDATA or entities of its own.
type scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int
	err      error // of the reader
	cell     cell
	number   []byte // of the row, in digits
}

// scan reads the XML of a sheet to its end.
func scan(r io.Reader, to scanRows) error {
	s := &scanner{r: r, buf: make([]byte, minBuffer)}
	row, err := s.sheet(to)
	if err != nil && !errors.Is(err, errDamaged) && row > 0 {
		return fmt.Errorf("row %d: %w", row, err)
	}
	return err
}

// errDamaged wraps what the reader says.
var errDamaged = errors.New("damaged or cut off")

// next returns the text up to the next tag and what stands between the brackets of the tag, which are valid until
// the next call; io.EOF at the end.
func (s *scanner) next() (text, tag []byte, err error) {
	from := 0 // what has been looked at, from pos
	open := -1
	for {
		have := s.buf[s.pos:s.end]
		if open < 0 {
			if i := bytes.IndexByte(have[from:], '<'); i >= 0 {
				open = from + i
				from = open
			} else {
				from = len(have)
			}
		}
		if open >= 0 {
			if i := bytes.IndexByte(have[from:], '>'); i >= 0 {
				text, tag = have[:open], have[open+1:from+i]
				s.pos += from + i + 1
				return text, tag, nil
			}
			from = len(have)
		}
		if err := s.fill(); err != nil {
			if errors.Is(err, io.EOF) && len(bytes.TrimSpace(have)) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, nil, err
		}
	}
}

// fill reads more behind what has not been taken yet.
func (s *scanner) fill() error {
	if s.err != nil {
		return s.err
	}
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.end -= s.pos
		s.pos = 0
	}
	if s.end == len(s.buf) {
		if len(s.buf) == maxBuffer {
			return errors.New("a text or a tag is longer than any cell can be")
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	n, err := s.r.Read(s.buf[s.end:])
	s.end += n
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errDamaged, err)
	}
	s.err = err
	if n > 0 {
		return nil
	}
	return err
}

// must is like next, for where the XML must go on.
func (s *scanner) must() (text, tag []byte, err error) {
	text, tag, err = s.next()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return text, tag, err
}

// sheet reads a worksheet and returns the number of the row that it came to.
func (s *scanner) sheet(to scanRows) (row int, err error) {
	for {
		_, tag, err := s.must()
		if err != nil {
			return 0, err
		}
		if string(tag) == "sheetData" {
			break
		}
	}
	for {
		_, tag, err := s.must()
		if err != nil {
			return row, err
		}
		if string(tag) == "/sheetData" {
			break
		}
		if string(name(tag)) != "row" {
			return row, fmt.Errorf("found <%.20s>, expected a row", tag)
		}
		n, err := strconv.Atoi(string(attribute(tag, "r")))
		if err != nil || n <= row || n > maxRows {
			return row, fmt.Errorf("found row %q, expected a number above", attribute(tag, "r"))
		}
		row = n
		if tag[len(tag)-1] != '/' {
			if err := s.row(row, to); err != nil {
				return row, err
			}
		}
		if err := to.row(row); err != nil {
			return row, err
		}
	}
	ended := false
	for {
		_, tag, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		if ended {
			return 0, fmt.Errorf("found <%.20s> after the end", tag)
		}
		ended = string(tag) == "/worksheet"
	}
	if !ended {
		return 0, io.ErrUnexpectedEOF
	}
	return row, nil
}

// row reads the cells of a row.
func (s *scanner) row(row int, to scanRows) error {
	c := &s.cell
	s.number = strconv.AppendInt(s.number[:0], int64(row), 10)
	last := -1
	for {
		_, tag, err := s.must()
		if err != nil {
			return err
		}
		if string(tag) == "/row" {
			return nil
		}
		if string(name(tag)) != "c" {
			return fmt.Errorf("found <%.20s>, expected a cell", tag)
		}
		ref := attribute(tag, "r")
		letters := bytes.TrimSuffix(ref, s.number)
		c.column = columnIndex(letters)
		if len(letters) == len(ref) || c.column <= last {
			return fmt.Errorf("found cell %q, expected one of this row to the right of the one before", ref)
		}
		last = c.column
		if tag[len(tag)-1] == '/' {
			continue
		}
		switch t := attribute(tag, "t"); string(t) {
		case "inlineStr":
			c.kind = textKind
		case "b":
			c.kind = truthKind
		case "", "n":
			c.kind = numberKind
		default:
			return fmt.Errorf("found a cell of type %q, expected text that stands in its cell, a number or a boolean", t)
		}
		found, err := s.value(c)
		if err != nil {
			return fmt.Errorf("column %s: %w", columnLetters(c.column), err)
		}
		if !found {
			continue
		}
		if err := to.cell(c); err != nil {
			return fmt.Errorf("column %s: %w", columnLetters(c.column), err)
		}
	}
}

// value reads a cell to its end and reports whether there was a value in it, of which c gets a copy.
func (s *scanner) value(c *cell) (bool, error) {
	inner, end := "v", "/v"
	if c.kind == textKind {
		inner, end = "t", "/t"
		if _, tag, err := s.must(); err != nil || string(tag) != "is" {
			return false, unexpected(tag, err, "is")
		}
	}
	_, tag, err := s.must()
	if err != nil {
		return false, err
	}
	if string(tag) == "/c" {
		return false, nil
	}
	if string(name(tag)) != inner {
		return false, unexpected(tag, nil, inner)
	}
	text, tag, err := s.must()
	if err != nil || string(tag) != end {
		return false, unexpected(tag, err, end)
	}
	c.raw = append(c.raw[:0], text...)
	if c.kind == textKind {
		if _, tag, err = s.must(); err != nil || string(tag) != "/is" {
			return false, unexpected(tag, err, "/is")
		}
	}
	if _, tag, err = s.must(); err != nil || string(tag) != "/c" {
		return false, unexpected(tag, err, "/c")
	}
	return true, nil
}

func unexpected(tag []byte, err error, expected string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("found <%.20s>, expected <%s>", tag, expected)
}

// name returns the name of an element.
func name(tag []byte) []byte {
	for i, b := range tag {
		if b == ' ' || b == '/' && i > 0 {
			return tag[:i]
		}
	}
	return tag
}

// attribute returns the value of an attribute with a name of one letter, nil without it.
func attribute(tag []byte, letter string) []byte {
	for i := 0; i+4 < len(tag); i++ {
		if tag[i] == ' ' && tag[i+1] == letter[0] && tag[i+2] == '=' && tag[i+3] == '"' {
			value := tag[i+4:]
			if end := bytes.IndexByte(value, '"'); end >= 0 {
				return value[:end]
			}
		}
	}
	return nil
}

// columnIndex returns the position of a column by its letters, counted from 0, and -1 if they name none.
func columnIndex(letters []byte) int {
	n := 0
	for _, b := range letters {
		if b < 'A' || b > 'Z' || n > 16_384 {
			return -1
		}
		n = n*26 + int(b-'A') + 1
	}
	if n > 16_384 {
		return -1
	}
	return n - 1
}

// number returns what the cell adds to the sum of its column, see ColumnContents.
func (c *cell) number() (int64, error) {
	switch c.kind {
	case textKind:
		return 0, nil
	case truthKind:
		if len(c.raw) != 1 || c.raw[0] != '0' && c.raw[0] != '1' {
			return 0, fmt.Errorf("found %.20q, expected 0 or 1", c.raw)
		}
		return int64(c.raw[0] - '0'), nil
	}
	if bytes.IndexByte(c.raw, '.') >= 0 {
		days, err := strconv.ParseFloat(string(c.raw), 64)
		if err != nil || math.IsNaN(days) || math.Abs(days) > lastSerial+1 {
			return 0, fmt.Errorf("found %.20q, expected a time", c.raw)
		}
		return int64(math.Round(days * daySeconds)), nil
	}
	n, err := strconv.ParseInt(string(c.raw), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("found %.20q, expected a number", c.raw)
	}
	return n, nil
}

// text returns the text that the XML stands for.
func (c *cell) text() string { return string(unescape(c.raw)) }
