// Package csvsrc reads CSV text (RFC 4180) as Arrow batches of utf8 columns. It does not interpret values.
package csvsrc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/bucket/textrows"
)

// Options say what to read and how.
type Options struct {
	Allocator memory.Allocator // of the batches' memory
	BatchRows int              // most rows of a batch
	Columns   []string         // the columns wanted, in this order; none means all
	Delimiter rune             // between fields; 0 means a comma
}

// Header returns the column names in the first line of a CSV text, none when the text is empty.
func Header(r io.Reader, name string, delimiter rune) ([]string, error) {
	s, err := newScanner(r, name, delimiter)
	if err != nil {
		return nil, err
	}
	return s.header()
}

// Read returns the rows of a CSV text whose first line names the columns. All columns are utf8, an empty field is
// null, quoted or not, and bytes that are not UTF-8 are passed on as they are. Wanted columns that the header does
// not name are left out. Lines without any character are passed over.
//
// A row that breaks the format is rejected with its line, and reading goes on: behind a row of the wrong number of
// fields with the next row, behind wrong quoting with the next line, since a stray quote must not swallow the rows
// that follow. A row is numbered by its first line. The sequence ends at the first error; the receiver releases the
// batches. Errors of r are passed on with the line reached.
func Read(r io.Reader, name string, o Options) iter.Seq2[sources.Batch, error] {
	return func(yield func(sources.Batch, error) bool) {
		s, err := newScanner(r, name, o.Delimiter)
		if err != nil {
			yield(sources.Batch{}, err)
			return
		}
		names, err := s.header()
		if err != nil {
			yield(sources.Batch{}, err)
			return
		}
		if names == nil {
			return
		}
		picked, positions := textrows.Positions(names, o.Columns)
		b := textrows.New(o.Allocator, name, picked, o.BatchRows)
		defer b.Release()
		for {
			err := s.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				if !s.reject(b, err, len(names)) {
					yield(sources.Batch{}, s.failed(err))
					return
				}
			} else if len(s.fields) != len(names) {
				b.Reject(s.lines.Number(), "", s.line, fmt.Sprintf("expected %d fields as in the header, found %d", len(names), len(s.fields)))
			} else {
				s.add(b, positions)
			}
			if b.Full() && !yield(b.Batch(), nil) {
				return
			}
		}
		if !b.Empty() {
			yield(b.Batch(), nil)
		}
	}
}

// scanner splits rows into fields.
type scanner struct {
	name   string
	comma  byte
	lines  *textrows.Lines
	line   []byte  // the row, without its last line feed
	joined bool    // the row goes over several lines, and a carriage return at its end is still there
	fields []field // of the row
	plain  []byte  // a field without its doubled quotes
}

// field is a run of bytes of the row.
type field struct {
	start, end int
	doubled    bool // it holds quotes that are written twice
}

func newScanner(r io.Reader, name string, delimiter rune) (*scanner, error) {
	if delimiter == 0 {
		delimiter = ','
	}
	if delimiter >= utf8.RuneSelf || delimiter == '"' || delimiter == '\n' || delimiter == '\r' {
		return nil, fmt.Errorf("%w: reading %s: %q cannot be a CSV delimiter: use one ASCII character such as , ; | or a tab",
			sources.ErrUnsupported, name, delimiter)
	}
	return &scanner{name: name, comma: byte(delimiter), lines: textrows.NewLines(r)}, nil
}

// header reads the names of the columns.
func (s *scanner) header() ([]string, error) {
	err := s.next()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if len(s.line) > 1 && (s.line[0] == 0xff && s.line[1] == 0xfe || s.line[0] == 0xfe && s.line[1] == 0xff) {
		return nil, fmt.Errorf("%w: %s is UTF-16: deliver it as UTF-8", sources.ErrUnreadable, s.name)
	}
	var bad badRow
	if errors.As(err, &bad) {
		return nil, fmt.Errorf("%w: %s: line %d, which must name the columns: %w", sources.ErrUnreadable, s.name, s.lines.Number(), err)
	}
	if err != nil {
		return nil, s.failed(err)
	}
	names := make([]string, len(s.fields))
	seen := make(map[string]bool, len(s.fields))
	for i := range s.fields {
		names[i] = string(s.value(s.fields[i]))
		if seen[names[i]] {
			return nil, fmt.Errorf("%w: %s: line %d names the column %q twice", sources.ErrUnreadable, s.name, s.lines.Number(), names[i])
		}
		seen[names[i]] = true
	}
	return names, nil
}

// failed says how far reading came.
func (s *scanner) failed(err error) error {
	return fmt.Errorf("%s: after line %d: %w", s.name, s.lines.Number(), err)
}

// badRow is why a row cannot be split into fields.
type badRow string

func (b badRow) Error() string { return string(b) }

// reject adds the row that next could not split, unless err is not the row's fault.
func (s *scanner) reject(b *textrows.Builder, err error, columns int) bool {
	var bad badRow
	if !errors.As(err, &bad) {
		return false
	}
	b.Reject(s.lines.Number(), "", s.line, fmt.Sprintf("expected %d fields, but %s", columns, bad))
	return true
}

// next reads a row and splits it. The error is a badRow when the row is at fault; s.line is then its first line.
func (s *scanner) next() error {
	for {
		line, err := s.lines.Next()
		s.line, s.joined = line, false
		if errors.Is(err, textrows.ErrTooLong) {
			return badRow("the line is " + err.Error())
		}
		if err != nil {
			return err
		}
		if len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
			s.line = line
		}
		if len(line) == 0 {
			continue
		}
		if bytes.IndexByte(line, '"') >= 0 {
			return s.splitQuoted()
		}
		s.split(line)
		return nil
	}
}

// split finds the fields of a row without quotes.
func (s *scanner) split(line []byte) {
	fields, start := s.fields[:0], 0
	for {
		i := bytes.IndexByte(line[start:], s.comma)
		if i < 0 {
			break
		}
		fields = append(fields, field{start: start, end: start + i})
		start += i + 1
	}
	fields = append(fields, field{start: start, end: len(line)})
	s.fields = fields
}

// splitQuoted finds the fields of a row with quotes, which may go on over several lines.
func (s *scanner) splitQuoted() error {
	s.fields = s.fields[:0]
	line, pos := s.line, 0
	for {
		if pos < len(line) && line[pos] == '"' {
			end, doubled, err := s.closingQuote(pos + 1)
			line = s.line
			if err != nil {
				return err
			}
			s.fields = append(s.fields, field{pos + 1, end, doubled})
			pos = end + 1
			if rest := line[pos:]; len(rest) == 0 || s.joined && len(rest) == 1 && rest[0] == '\r' {
				return nil
			}
			if line[pos] != s.comma {
				return s.cut(fmt.Sprintf("%q follows the closing quote of field %d", line[pos], len(s.fields)))
			}
			pos++
			continue
		}
		end := bytes.IndexByte(line[pos:], s.comma)
		last := end < 0
		if last {
			end = len(line) - pos
			if s.joined && end > 0 && line[len(line)-1] == '\r' {
				end--
			}
		}
		s.fields = append(s.fields, field{start: pos, end: pos + end})
		if bytes.IndexByte(line[pos:pos+end], '"') >= 0 {
			return s.cut(fmt.Sprintf("field %d holds a quote and is not quoted itself", len(s.fields)))
		}
		if last {
			return nil
		}
		pos += end + 1
	}
}

// closingQuote finds the quote that ends the field whose text begins at pos, reading on where the row goes on.
func (s *scanner) closingQuote(pos int) (end int, doubled bool, err error) {
	for {
		i := bytes.IndexByte(s.line[pos:], '"')
		if i < 0 {
			pos = len(s.line)
			longer, err := s.lines.Join()
			if errors.Is(err, io.EOF) || errors.Is(err, textrows.ErrTooLong) {
				return 0, false, s.cut(fmt.Sprintf("the quote before field %d is never closed", len(s.fields)+1))
			}
			if err != nil {
				return 0, false, err
			}
			s.line, s.joined = longer, true
			continue
		}
		end = pos + i
		if end+1 == len(s.line) || s.line[end+1] != '"' {
			return end, doubled, nil
		}
		doubled, pos = true, end+2
	}
}

// cut gives up a row: its first line is rejected, and the line after it begins a new row.
func (s *scanner) cut(why string) error {
	s.line = bytes.TrimSuffix(s.lines.Cut(), []byte("\r"))
	return badRow(why)
}

// value returns the text of a field, valid until the next call.
func (s *scanner) value(f field) []byte {
	text := s.line[f.start:f.end]
	if !f.doubled {
		return text
	}
	s.plain = s.plain[:0]
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			s.plain = append(s.plain, text...)
			return s.plain
		}
		s.plain = append(s.plain, text[:i+1]...)
		text = text[i+2:]
	}
}

// add appends the row's wanted fields.
func (s *scanner) add(b *textrows.Builder, positions []int) {
	for i, p := range positions {
		f := s.fields[p]
		switch {
		case f.start == f.end:
			b.AppendNull(i)
		case f.doubled:
			b.Append(i, s.value(f))
		default:
			b.Append(i, s.line[f.start:f.end])
		}
	}
	b.EndRow(s.lines.Number(), len(s.line))
}
