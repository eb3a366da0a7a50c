package figures

import (
	"fmt"
	"io"
	"sync"
)

// blockReader reads another reader in whole blocks and keeps the last ones: Parquet is read in small steps, by column in
// turn, and every step to a bucket is a request.
type blockReader struct {
	from io.ReaderAt
	size int64

	mu     sync.Mutex
	blocks map[int64][]byte
	order  []int64 // least recently used first
}

const (
	blockBytes = 1 << 20
	maxBlocks  = 24 // more than the columns of a table that are read side by side, so that no block is read twice
)

func newBlockReader(r io.ReaderAt, size int64) *blockReader {
	return &blockReader{from: r, size: size, blocks: map[int64][]byte{}}
}

// ReadAt reads len(p) bytes from off, fewer only at the end (io.EOF).
func (b *blockReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d", off)
	}
	n := 0
	for n < len(p) && off < b.size {
		block, err := b.block(off / blockBytes)
		if err != nil {
			return n, err
		}
		k := copy(p[n:], block[off%blockBytes:])
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (b *blockReader) block(i int64) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	block, ok := b.blocks[i]
	if !ok {
		if len(b.order) == maxBlocks {
			block = b.blocks[b.order[0]]
			delete(b.blocks, b.order[0])
			b.order = b.order[1:]
		}
		want := int(min(blockBytes, b.size-i*blockBytes))
		if cap(block) < want {
			block = make([]byte, want)
		}
		block = block[:want]
		if n, err := b.from.ReadAt(block, i*blockBytes); n < want {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		b.blocks[i] = block
		b.order = append(b.order, i)
		return block, nil
	}
	for at, k := range b.order {
		if k == i {
			b.order = append(append(b.order[:at], b.order[at+1:]...), i)
			break
		}
	}
	return block, nil
}
