package bucket

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/usagereport/usagereport/sources"
)

// Sizes of what is read at a time.
const (
	fetchSize   = 512 << 10 // of the stored object
	pieceSize   = 256 << 10 // of its unpacked text
	piecesAhead = 4
)

// maxWindow bounds the memory that a zstd file can ask for: what `zstd --long` writes is within it.
const maxWindow = 128 << 20

// text opens an object as a stream of unpacked text, which a goroutine reads ahead. The caller closes it, which
// ends the goroutine. Errors of the stream name the object and what it is about.
func (s *Source) text(ctx context.Context, f File) (*readAhead, error) {
	ctx, cancel := context.WithCancel(ctx)
	obj, err := s.object(ctx, f)
	if err != nil {
		cancel()
		return nil, err
	}
	stored := &counted{r: obj}
	plain, closePlain, err := unpack(stored, f.Key)
	if err != nil {
		cancel()
		return nil, errors.Join(err, obj.Close())
	}
	r := &readAhead{
		cancel: cancel, pieces: make(chan piece, piecesAhead), free: make(chan []byte, piecesAhead+2), done: make(chan struct{}),
	}
	go func() {
		defer close(r.done)
		r.run(ctx, plain)
		closePlain()
		r.closed = obj.Close()
	}()
	return r, nil
}

// counted reads the stored bytes, counts them and keeps their error.
type counted struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// unpack returns the text of an object, by what it begins with and not by its name: some stores hand over unpacked
// what they hold packed. A name that promises compression must then at least be met by text.
func unpack(stored *counted, key string) (io.Reader, func(), error) {
	in := bufio.NewReaderSize(stored, fetchSize)
	head, err := in.Peek(4)
	if stored.err != nil {
		return nil, nil, stored.err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	broken := func(packing string, err error) error {
		if stored.err != nil {
			return stored.err
		}
		return fmt.Errorf("%w: %s: %s data broken or cut off after %d bytes: %w: deliver the file again",
			sources.ErrUnreadable, key, packing, stored.n-int64(in.Buffered()), err)
	}
	switch packing := packedName(key); {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, broken("gzip", err)
		}
		return &explained{z, func(err error) error { return broken("gzip", err) }}, func() {}, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), len(head) == 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:], []byte{0x2a, 0x4d, 0x18}):
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(2))
		if err != nil {
			return nil, nil, broken("zstd", err)
		}
		return &explained{z, func(err error) error { return broken("zstd", err) }}, z.Close, nil
	case packing != "" && len(head) > 0 && !likeText(head):
		return nil, nil, fmt.Errorf("%w: %s is not %s, though its name says so: it begins with % x",
			sources.ErrUnreadable, key, packing, head)
	case bytes.HasPrefix(head, []byte("PAR1")):
		return nil, nil, fmt.Errorf("%w: %s is a Parquet file: say format: parquet", sources.ErrUnreadable, key)
	}
	return in, func() {}, nil
}

// likeText reports whether bytes can begin a text file.
func likeText(head []byte) bool {
	for _, b := range head {
		if b < ' ' && b != '\t' && b != '\r' && b != '\n' {
			return false
		}
	}
	return len(head) == 4 || head[len(head)-1] == '\n' || head[len(head)-1] >= ' '
}

// explained reads what a decompressor gives and explains its errors.
type explained struct {
	r       io.Reader
	explain func(error) error
}

func (e *explained) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = e.explain(err)
	}
	return n, err
}

// readAhead reads in its own goroutine, a few pieces before they are asked for.
type readAhead struct {
	cancel context.CancelFunc
	pieces chan piece
	free   chan []byte // buffers that have been read out
	done   chan struct{}
	closed error // of closing the object, when done is closed
	held   []byte
	rest   []byte // of held
	err    error
}

type piece struct {
	data []byte
	err  error
}

// run reads until the stream or the context ends.
func (r *readAhead) run(ctx context.Context, in io.Reader) {
	defer close(r.pieces)
	for {
		var buf []byte
		select {
		case buf = <-r.free:
		default:
			buf = make([]byte, pieceSize)
		}
		n, err := io.ReadFull(in, buf)
		// Only ReadFull's own word for the end is the end: a stream that was cut off wraps the same error.
		if err == io.ErrUnexpectedEOF { //nolint:errorlint // identity is the point
			err = io.EOF
		}
		if cause := ctx.Err(); cause != nil && err != nil {
			err = cause
		}
		select {
		case r.pieces <- piece{buf[:n], err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (r *readAhead) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.held != nil {
			select {
			case r.free <- r.held[:cap(r.held)]:
			default:
			}
			r.held = nil
		}
		next, ok := <-r.pieces
		if !ok {
			r.err = context.Canceled
			continue
		}
		r.held, r.rest, r.err = next.data, next.data, next.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close ends the reading and waits until the goroutine is gone.
func (r *readAhead) Close() error {
	r.cancel()
	<-r.done
	return r.closed
}
