package figures

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"
)

type countingReader struct {
	io.ReaderAt
	calls int
	fail  error
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.calls++
	if c.fail != nil {
		return 0, c.fail
	}
	return c.ReaderAt.ReadAt(p, off)
}

// Reading by blocks gives the bytes, the counts and the errors that reading without them gives.
func TestBlockReader(t *testing.T) {
	content := make([]byte, 3*blockBytes+12345)
	for i := range content {
		content[i] = byte(i * 7 >> 3)
	}
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{0, 1, blockBytes - 1, blockBytes, blockBytes + 1, len(content)}).Draw(t, "size")
		plain := bytes.NewReader(content[:size])
		b := newBlockReader(plain, int64(size))
		for range 20 {
			off := rapid.Int64Range(0, int64(size)+5).Draw(t, "off")
			n := rapid.SampledFrom([]int{0, 1, 100, blockBytes, 2*blockBytes + 1}).Draw(t, "n")
			got, want := make([]byte, n), make([]byte, n)
			gotN, gotErr := b.ReadAt(got, off)
			wantN, wantErr := plain.ReadAt(want, off)
			if n == 0 {
				wantErr = gotErr // which of the two it is does not matter
			}
			if gotN != wantN || !errors.Is(gotErr, wantErr) || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes from %d of %d: %d, %v; expected %d, %v", n, off, size, gotN, gotErr, wantN, wantErr)
			}
		}
	})
}

// Small steps through many columns in turn cost a request a block, no more blocks are kept than allowed, and an error is
// not kept.
func TestBlockReaderReadsOnce(t *testing.T) {
	const blocks = 60
	from := &countingReader{ReaderAt: bytes.NewReader(make([]byte, blocks*blockBytes))}
	b := newBlockReader(from, blocks*blockBytes)
	p := make([]byte, 1000)
	from.fail = io.ErrClosedPipe
	if _, err := b.ReadAt(p, 0); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
	from.fail, from.calls = nil, 0
	columns := int64(15)
	for step := int64(0); step < blocks/columns*blockBytes; step += 100_000 {
		for c := range columns {
			if _, err := b.ReadAt(p, c*blocks/columns*blockBytes+step); err != nil {
				t.Fatal(err)
			}
		}
	}
	if from.calls != blocks || len(b.blocks) != maxBlocks || len(b.order) != maxBlocks {
		t.Errorf("%d requests, %d blocks kept, expected %d and %d", from.calls, len(b.blocks), blocks, maxBlocks)
	}
	if _, err := newBlockReader(bytes.NewReader(nil), 10).ReadAt(p[:5], 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an object shorter than it says: %v", err)
	}
	if _, err := b.ReadAt(p, -1); err == nil {
		t.Error("read before the beginning")
	}
}
