package parquetsrc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// limits say what is held of a file at a time. They trade requests against memory: on object storage a request costs
// as much time as a few megabytes.
type limits struct {
	whole  int64 // files up to this size are fetched by one request
	tail   int64 // fetched of larger files to find the footer
	gap    int64 // bytes between two wanted column chunks that are fetched along
	group  int64 // wanted bytes of a row group up to which it is fetched ahead, as a whole
	window int64 // of larger row groups, what is fetched of each column at a time
}

var defaultLimits = limits{whole: 16 << 20, tail: 256 << 10, gap: 512 << 10, group: 64 << 20, window: 4 << 20}

// Fetch fills dst with the bytes of the file from offset off. It is called from one goroutine at a time for
// what is needed now and from at most one more for what is needed next.
type Fetch func(ctx context.Context, dst []byte, off int64) error

// span is a run of bytes of the file.
type span struct{ off, end int64 }

// segment is a span held in memory.
type segment struct {
	span
	data []byte
}

// window is what is held of a column chunk that is read piece by piece.
type window struct {
	chunk span
	held  segment
}

// buffers keeps segments' memory for the next file.
var buffers sync.Pool

func getBuffer(n int64) []byte {
	if b, _ := buffers.Get().(*[]byte); b != nil && int64(cap(*b)) >= n {
		return (*b)[:n]
	}
	return make([]byte, n)
}

func putSegments(segs []segment) {
	for _, s := range segs {
		buffers.Put(&s.data)
	}
}

// ranges is the io.ReaderAt that parquet-go reads from: it serves from memory what was announced, and fetches
// by windows what was not.
type ranges struct {
	read    func(dst []byte, off int64) error // fetches under the context of the reading
	size    int64
	limits  limits
	fixed   []segment      // the whole file or its tail
	group   []segment      // of the row group being read
	windows []window       // of a row group too large to hold: one per column chunk
	pending <-chan fetched // of the row group after it
	err     error          // the first failed fetch; parquet-go does not always hand it on
}

// fetched is what the read-ahead of a row group came to.
type fetched struct {
	group int
	segs  []segment
	err   error
}

// open fetches the whole file, or the part that holds the footer, and returns the footer.
func (r *ranges) open() ([]byte, error) {
	if r.size < 12 {
		return nil, fmt.Errorf("%d bytes are too few for a Parquet file", r.size)
	}
	n := r.size
	if n > r.limits.whole {
		n = min(n, r.limits.tail)
	}
	tail, err := r.fetch(span{r.size - n, r.size})
	if err != nil {
		return nil, err
	}
	r.fixed = append(r.fixed, tail)
	end := tail.data[len(tail.data)-8:]
	if magic := string(end[4:]); magic != "PAR1" {
		if magic == "PARE" {
			return nil, errEncrypted
		}
		return nil, fmt.Errorf("the last bytes are %q, not PAR1: the file is truncated or not Parquet", magic)
	}
	footer := int64(binary.LittleEndian.Uint32(end)) + 8
	if footer > r.size-4 {
		return nil, fmt.Errorf("a footer of %d bytes in a file of %d", footer, r.size)
	}
	if footer > n {
		tail, err := r.fetch(span{r.size - footer, r.size})
		if err != nil {
			return nil, err
		}
		putSegments(r.fixed)
		r.fixed = []segment{tail}
	}
	return r.bytes(span{r.size - footer, r.size - 8}), nil
}

// load makes ready the chunks of row group g, and starts to fetch those of the next.
func (r *ranges) load(g int, chunks, next []span) error {
	r.drop()
	if r.holds(span{0, r.size}) {
		return nil
	}
	ahead, err := r.takeAhead(g)
	if err != nil {
		return err
	}
	switch {
	case r.limits.total(chunks) > r.limits.group:
		for _, c := range chunks {
			r.windows = append(r.windows, window{c, segment{span: span{c.off, c.off}}})
		}
	case ahead == nil:
		if ahead, err = fetchAll(r.read, r.limits.coalesce(chunks)); err != nil {
			r.err = err
			return err
		}
	}
	r.group = ahead
	if next != nil && r.limits.total(next) <= r.limits.group {
		done := make(chan fetched, 1)
		go func() {
			segs, err := fetchAll(r.read, r.limits.coalesce(next))
			done <- fetched{g + 1, segs, err}
		}()
		r.pending = done
	}
	return nil
}

// takeAhead waits for the read-ahead, if there is one, and returns what it fetched for row group g.
func (r *ranges) takeAhead(g int) ([]segment, error) {
	if r.pending == nil {
		return nil, nil
	}
	f := <-r.pending
	r.pending = nil
	if f.err != nil {
		r.err = f.err
		return nil, f.err
	}
	if f.group != g {
		putSegments(f.segs)
		return nil, nil
	}
	return f.segs, nil
}

// close waits for the read-ahead and gives the memory back. The context of the reading should be cancelled.
func (r *ranges) close() {
	segs, _ := r.takeAhead(-1) // what it failed on is of no interest any more
	putSegments(segs)
	r.drop()
	putSegments(r.fixed)
	r.fixed = nil
}

// drop gives back the memory of the row group that has been read.
func (r *ranges) drop() {
	putSegments(r.group)
	for _, w := range r.windows {
		if w.held.data != nil {
			buffers.Put(&w.held.data)
		}
	}
	r.group, r.windows = nil, nil
}

// bytes returns s when it is held in one piece, without a copy, else nil.
func (r *ranges) bytes(s span) []byte {
	for _, segs := range [...][]segment{r.group, r.fixed} {
		for _, g := range segs {
			if g.off <= s.off && s.end <= g.end {
				return g.data[s.off-g.off : s.end-g.off]
			}
		}
	}
	return nil
}

func (r *ranges) holds(s span) bool { return r.bytes(s) != nil }

// ReadAt implements io.ReaderAt.
func (r *ranges) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.size {
		return 0, io.EOF
	}
	want := span{off, min(off+int64(len(p)), r.size)}
	if b := r.bytes(want); b != nil {
		copy(p, b)
	} else if err := r.readWindow(p[:want.end-off], want); err != nil {
		return 0, err
	}
	if n := int(want.end - off); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}

// readWindow serves bytes that are not held yet: it moves the window of the column chunk they belong to.
func (r *ranges) readWindow(p []byte, want span) error {
	i := slices.IndexFunc(r.windows, func(w window) bool { return w.chunk.off <= want.off && want.end <= w.chunk.end })
	if i < 0 || int64(len(p)) > r.limits.window {
		return r.readInto(p, want.off)
	}
	w := &r.windows[i].held
	if want.off < w.off || want.end > w.end {
		end := min(want.off+r.limits.window, r.windows[i].chunk.end)
		if w.data == nil {
			w.data = getBuffer(r.limits.window)
		}
		w.data = w.data[:end-want.off]
		if err := r.readInto(w.data, want.off); err != nil {
			return err
		}
		w.span = span{want.off, end}
	}
	copy(p, w.data[want.off-w.off:])
	return nil
}

func (r *ranges) readInto(p []byte, off int64) error {
	err := r.read(p, off)
	if err != nil {
		r.err = err
	}
	return err
}

func (r *ranges) fetch(s span) (segment, error) {
	segs, err := fetchAll(r.read, []span{s})
	if err != nil {
		r.err = err
		return segment{}, err
	}
	return segs[0], nil
}

func fetchAll(read func([]byte, int64) error, spans []span) ([]segment, error) {
	segs := make([]segment, 0, len(spans))
	for _, s := range spans {
		data := getBuffer(s.end - s.off)
		if err := read(data, s.off); err != nil {
			putSegments(append(segs, segment{s, data}))
			return nil, err
		}
		segs = append(segs, segment{s, data})
	}
	return segs, nil
}

// coalesce sorts spans and joins those that are near each other.
func (l limits) coalesce(spans []span) []span {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b span) int { return int(a.off - b.off) })
	var joined []span
	for _, s := range spans {
		if n := len(joined); n > 0 && s.off <= joined[n-1].end+l.gap {
			joined[n-1].end = max(joined[n-1].end, s.end)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

func (l limits) total(spans []span) int64 {
	var n int64
	for _, s := range l.coalesce(spans) {
		n += s.end - s.off
	}
	return n
}

var errEncrypted = errors.New("the file is encrypted")
