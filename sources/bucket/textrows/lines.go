package textrows

import (
	"bytes"
	"errors"
	"io"
)

// MaxLine is the most bytes that a row of a text file may take.
const MaxLine = 64 << 20

// ErrTooLong says that a line goes beyond MaxLine.
var ErrTooLong = errors.New("longer than 64 MiB")

// Lines splits a stream at line feeds. It holds one line at a time.
type Lines struct {
	r     io.Reader
	buf   []byte
	limit int
	start int   // where the current line begins in buf
	first int   // where the line after the current one's first line feed begins
	pos   int   // where the next line begins
	end   int   // end of what has been read
	line  int64 // number of the current line
	feeds int64 // line feeds within the current line, after Join
	err   error // why there is nothing more to read
}

// NewLines returns the lines of r, which is read in large pieces.
func NewLines(r io.Reader) *Lines {
	return &Lines{r: r, buf: make([]byte, 512<<10), limit: MaxLine}
}

// Next returns the next line without its line feed, and without a byte order mark on the first. The bytes are valid
// until the next call. At the end the error is io.EOF; a line that is too long is passed over with ErrTooLong and
// its first bytes; other errors are those of the reader, and what precedes them without a line feed is not returned.
func (l *Lines) Next() ([]byte, error) {
	l.line += l.feeds + 1
	l.feeds = 0
	l.start = l.pos
	from := l.pos
	for {
		if i := bytes.IndexByte(l.buf[from:l.end], '\n'); i >= 0 {
			l.pos = from + i + 1
			l.first = l.pos
			return l.trim(from + i), nil
		}
		scanned := l.end - l.start
		if err := l.fill(); err != nil {
			if errors.Is(err, ErrTooLong) {
				return l.skip()
			}
			if !errors.Is(err, io.EOF) || l.start == l.end {
				l.line--
				return nil, err
			}
			l.pos, l.first = l.end, l.end
			return l.trim(l.end), nil
		}
		from = l.start + scanned
	}
}

// trim returns the current line up to end.
func (l *Lines) trim(end int) []byte {
	line := l.buf[l.start:end]
	if l.line == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return line
}

// Join returns the current line continued by the line after it, with the line feed between them.
// When there is none the error is io.EOF, and when both are too long together ErrTooLong.
func (l *Lines) Join() ([]byte, error) {
	from := l.pos
	for {
		if i := bytes.IndexByte(l.buf[from:l.end], '\n'); i >= 0 {
			l.pos = from + i + 1
			l.feeds++
			return l.trim(from + i), nil
		}
		scanned := l.end - l.start
		if err := l.fill(); err != nil {
			if !errors.Is(err, io.EOF) || l.pos == l.end {
				return nil, err
			}
			l.pos = l.end
			l.feeds++
			return l.trim(l.end), nil
		}
		from = l.start + scanned
	}
}

// Cut undoes every Join: it returns the current line as Next did, and the line after that is next.
func (l *Lines) Cut() []byte {
	l.pos, l.feeds = l.first, 0
	end := l.first
	if end > l.start && l.buf[end-1] == '\n' {
		end--
	}
	return l.trim(end)
}

// Number returns the number of the current line, from 1; after io.EOF, of the last.
func (l *Lines) Number() int64 { return l.line }

// fill reads more behind what is held, and moves the current line to the front when there is no room.
func (l *Lines) fill() error {
	if l.err != nil {
		return l.err
	}
	if l.end == len(l.buf) {
		if held := l.end - l.start; held > len(l.buf)/2 {
			if held >= l.limit {
				return ErrTooLong
			}
			larger := make([]byte, 2*len(l.buf))
			copy(larger, l.buf[l.start:l.end])
			l.buf = larger
		} else {
			copy(l.buf, l.buf[l.start:l.end])
		}
		l.pos, l.first, l.end, l.start = l.pos-l.start, l.first-l.start, l.end-l.start, 0
	}
	for {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		l.err = err
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// skip passes over the rest of a line that is too long and returns its first bytes.
func (l *Lines) skip() ([]byte, error) {
	head := bytes.Clone(l.buf[l.start:min(l.end, l.start+256)])
	for {
		if i := bytes.IndexByte(l.buf[l.start:l.end], '\n'); i >= 0 {
			l.pos = l.start + i + 1
			break
		}
		l.start, l.pos, l.end = 0, 0, 0
		if err := l.fill(); err != nil {
			if !errors.Is(err, io.EOF) {
				return nil, err
			}
			break
		}
	}
	l.first = l.pos
	return head, ErrTooLong
}
