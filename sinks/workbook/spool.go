package workbook

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime"

	"github.com/klauspost/compress/flate"
)

const (
	chunkBytes = 1 << 20 // of XML after which a chunk is deflated
	maxChunks  = 8       // at work at the same time: beyond that making the XML is what takes longest
	level      = flate.BestSpeed
)

// chunk is a stretch of XML and what becomes of it.
type chunk struct {
	raw      []byte
	deflated bytes.Buffer
	deflater *flate.Writer
	crc      uint32
	err      error
	done     chan struct{} // signalled when deflated, crc and err are there
}

// deflate compresses raw by itself, so that the result depends on nothing else, and ends on a byte boundary.
func (c *chunk) deflate() {
	c.crc = crc32.ChecksumIEEE(c.raw)
	c.deflated.Reset()
	c.err = c.compress()
	c.done <- struct{}{}
}

func (c *chunk) compress() error {
	if c.deflater == nil {
		var err error
		if c.deflater, err = flate.NewWriter(&c.deflated, level); err != nil {
			return err
		}
	} else {
		c.deflater.Reset(&c.deflated)
	}
	if _, err := c.deflater.Write(c.raw); err != nil {
		return err
	}
	return c.deflater.Flush()
}

// piece is a stretch of a deflate stream in a scratch file, without its end.
type piece struct {
	offset, deflated int64
	raw              int64
	crc              uint32 // of the raw bytes
}

// spool deflates XML into a scratch file, chunk by chunk on several goroutines. It is used by one goroutine.
type spool struct {
	file    *os.File
	size    int64
	piece   piece    // the open one
	idle    []*chunk // empty
	busy    []*chunk // being deflated, in order
	current *chunk
	buf     []byte // of the current chunk: whoever writes appends to it, then calls cut
}

func newSpool(file *os.File) *spool {
	s := &spool{file: file}
	// One more than can be deflated at the same time, to write into meanwhile.
	for range min(runtime.GOMAXPROCS(0), maxChunks) + 1 {
		s.idle = append(s.idle, &chunk{done: make(chan struct{}, 1)})
	}
	s.take()
	return s
}

func (s *spool) take() {
	s.current = s.idle[len(s.idle)-1]
	s.idle = s.idle[:len(s.idle)-1]
	s.buf = s.current.raw[:0]
}

// cut hands the bytes in buf over once they make a chunk. It is called where a row ends.
func (s *spool) cut() error {
	if len(s.buf) < chunkBytes {
		return nil
	}
	return s.submit()
}

func (s *spool) submit() error {
	s.current.raw = s.buf
	s.busy = append(s.busy, s.current)
	go s.current.deflate()
	if len(s.idle) == 0 {
		if err := s.collect(); err != nil {
			s.take()
			return err
		}
	}
	s.take()
	return nil
}

// collect waits for the oldest chunk that is being deflated and writes it to the file.
func (s *spool) collect() error {
	c := s.busy[0]
	s.busy = s.busy[1:]
	<-c.done
	s.idle = append(s.idle, c)
	if c.err != nil {
		return fmt.Errorf("deflate: %w", c.err)
	}
	n, err := s.file.Write(c.deflated.Bytes())
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("write to a temporary file: %w", err)
	}
	s.piece.deflated += int64(n)
	s.piece.crc = combineCRC(s.piece.crc, c.crc, int64(len(c.raw)))
	s.piece.raw += int64(len(c.raw))
	return nil
}

// end completes the open piece, returns it and begins another.
func (s *spool) end() (piece, error) {
	var first error
	if len(s.buf) > 0 {
		first = s.submit()
	}
	for len(s.busy) > 0 {
		if err := s.collect(); err != nil && first == nil {
			first = err
		}
	}
	p := s.piece
	s.piece = piece{offset: s.size}
	return p, first
}

// reader returns the bytes of a piece.
func (s *spool) reader(p piece) io.Reader { return io.NewSectionReader(s.file, p.offset, p.deflated) }

// discard waits for what is being deflated, then closes and removes the file.
func (s *spool) discard() {
	for _, c := range s.busy {
		<-c.done
	}
	s.busy = nil
	// The file is scratch: what could go wrong here changes no result.
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}

// combineCRC returns the CRC-32 (IEEE) of a text whose first part has the sum a and whose second part has the sum b
// and n bytes. A CRC is a remainder of polynomials over two elements: n more bytes multiply a by x to the 8n.
func combineCRC(a, b uint32, n int64) uint32 {
	power, square := uint32(1)<<31, uint32(1)<<23 // x^0 and x^8; the highest bit is the lowest power
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			power = multiply(power, square)
		}
		square = multiply(square, square)
	}
	return multiply(a, power) ^ b
}

// multiply returns a times b modulo the polynomial of the CRC.
func multiply(a, b uint32) uint32 {
	var product uint32
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		if b&1 == 1 {
			b = b>>1 ^ crc32.IEEE
		} else {
			b >>= 1
		}
	}
	return product
}
