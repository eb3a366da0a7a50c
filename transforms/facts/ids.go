package facts

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Event ids are kept as 64-bit XXH3 hashes, in idParts parts by their top bits, so that finding the ids that two runs
// share needs one part of every run in memory at a time. Two different ids share a hash with odds of n²/2⁶⁵: for
// thirty million events, one in forty thousand that a single event is taken for another.
const (
	idPartBits = 6
	idParts    = 1 << idPartBits
	idHeader   = 8 * (idParts + 1)
)

// EncodeIDs lays out the ids of a run. The first result is the parts' bounds (idParts+1 little-endian uint64 counts)
// and the hashes part by part; the second, in the same order, is the position of each id's fact (uint32) followed,
// where some event counts other than one, by how much each counts (int64).
func EncodeIDs(ids []uint64, pos []uint32, n []int64) (hashes, positions []byte) {
	var bounds [idParts + 1]uint64
	for _, h := range ids {
		bounds[h>>(64-idPartBits)+1]++
	}
	for i := range idParts {
		bounds[i+1] += bounds[i]
	}
	hashes = make([]byte, idHeader+8*len(ids))
	for i, v := range bounds {
		binary.LittleEndian.PutUint64(hashes[8*i:], v)
	}
	width := 4
	if n != nil {
		width = 12
	}
	positions = make([]byte, width*len(ids))
	for i, h := range ids {
		at := bounds[h>>(64-idPartBits)]
		bounds[h>>(64-idPartBits)]++
		binary.LittleEndian.PutUint64(hashes[idHeader+8*at:], h)
		binary.LittleEndian.PutUint32(positions[4*at:], pos[i])
		if n != nil {
			binary.LittleEndian.PutUint64(positions[4*len(ids)+8*int(at):], uint64(n[i]))
		}
	}
	return hashes, positions
}

// IDs reads what EncodeIDs wrote. It holds no more than the part last asked for.
type IDs struct {
	hashes io.ReaderAt
	pos    func() (io.ReaderAt, int64, error) // opened only where two runs share an id
	bounds [idParts + 1]int64
}

// OpenIDs opens the ids of a run; pos opens its positions (and tells their size in bytes) when they are needed.
func OpenIDs(hashes io.ReaderAt, pos func() (io.ReaderAt, int64, error)) (*IDs, error) {
	head := make([]byte, idHeader)
	if err := readFull(hashes, head, 0); err != nil {
		return nil, fmt.Errorf("facts: read ids: %w", err)
	}
	r := &IDs{hashes: hashes, pos: pos}
	for i := range r.bounds {
		r.bounds[i] = int64(binary.LittleEndian.Uint64(head[8*i:]))
		if i > 0 && r.bounds[i] < r.bounds[i-1] || r.bounds[i] < 0 {
			return nil, fmt.Errorf("facts: ids: bounds of part %d are not in order", i)
		}
	}
	if r.bounds[0] != 0 || r.bounds[idParts] > math.MaxUint32 {
		return nil, fmt.Errorf("facts: ids: bounds from %d to %d", r.bounds[0], r.bounds[idParts])
	}
	if n := r.bounds[idParts]; n > 0 {
		// Only then is there reason to make room for them.
		if err := readFull(hashes, head[:8], idHeader+8*(n-1)); err != nil {
			return nil, fmt.Errorf("facts: read ids: %w", err)
		}
	}
	return r, nil
}

// readFull fills b from offset at. What ends before is damaged.
func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%d bytes at %d: %w", len(b), at, io.ErrUnexpectedEOF)
	}
	return err
}

// OpenIDs returns the ids of a run in memory.
func (r *Run) OpenIDs() (*IDs, error) {
	return OpenIDs(bytes.NewReader(r.IDs), func() (io.ReaderAt, int64, error) {
		return bytes.NewReader(r.Pos), int64(len(r.Pos)), nil
	})
}

// part reads the hashes of part p into buf.
func (r *IDs) part(p int, buf []uint64, raw []byte) ([]uint64, []byte, error) {
	n := int(r.bounds[p+1] - r.bounds[p])
	raw = slices.Grow(raw[:0], 8*n)[:8*n]
	if n > 0 {
		if err := readFull(r.hashes, raw, idHeader+8*r.bounds[p]); err != nil {
			return nil, raw, fmt.Errorf("facts: read ids: %w", err)
		}
	}
	buf = slices.Grow(buf[:0], n)[:n]
	for i := range buf {
		buf[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	return buf, raw, nil
}

// at returns the position and count of the i-th id of part p.
func (r *IDs) at(p, i int) (pos uint32, n int64, err error) {
	positions, size, err := r.pos()
	if err != nil {
		return 0, 0, fmt.Errorf("facts: open positions: %w", err)
	}
	total := r.bounds[idParts]
	k := r.bounds[p] + int64(i)
	var b [8]byte
	if size != 4*total && size != 12*total {
		return 0, 0, fmt.Errorf("facts: read positions: %d bytes for %d ids", size, total)
	}
	if err := readFull(positions, b[:4], 4*k); err != nil {
		return 0, 0, fmt.Errorf("facts: read positions: %w", err)
	}
	pos, n = binary.LittleEndian.Uint32(b[:4]), 1
	if size > 4*total {
		if err := readFull(positions, b[:], 4*total+8*k); err != nil {
			return 0, 0, fmt.Errorf("facts: read positions: %w", err)
		}
		n = int64(binary.LittleEndian.Uint64(b[:]))
	}
	return pos, n, nil
}

// Occurrence is one of several rows, in different runs, of one event.
type Occurrence struct {
	Hash uint64
	Run  int    // index into the runs given
	Pos  uint32 // the fact it counts in, within its run
	N    int64  // how much it counts there
}

// Shared returns every occurrence of the ids that more than one of the runs hold, at least one of them fresh, in no
// particular order. It reads the ids of all runs once, a part at a time.
func Shared(runs []*IDs, fresh []bool) ([]Occurrence, error) {
	var found []Occurrence
	s := shared{runs: runs}
	for p := range idParts {
		var err error
		if found, err = s.part(found, p, fresh); err != nil {
			return nil, err
		}
	}
	return found, nil
}

type shared struct {
	runs   []*IDs
	hashes []uint64 // of fresh ids seen in this part, each once
	first  []place
	told   []bool // whether first is among the occurrences found
	index  slots
	buf    []uint64
	raw    []byte
}

type place struct{ run, i int32 }

func (s *shared) part(found []Occurrence, p int, fresh []bool) ([]Occurrence, error) {
	s.hashes, s.first, s.told = s.hashes[:0], s.first[:0], s.told[:0]
	clear(s.index.at)
	tell := func(h uint64, at place) error {
		pos, n, err := s.runs[at.run].at(p, int(at.i))
		found = append(found, Occurrence{Hash: h, Run: int(at.run), Pos: pos, N: n})
		return err
	}
	for _, isFresh := range []bool{true, false} {
		for r, ids := range s.runs {
			if fresh[r] != isFresh {
				continue
			}
			if !isFresh && len(s.hashes) == 0 {
				break
			}
			var err error
			if s.buf, s.raw, err = ids.part(p, s.buf, s.raw); err != nil {
				return nil, err
			}
			for i, h := range s.buf {
				here := place{int32(r), int32(i)}
				e, ok := s.lookup(h, isFresh, here)
				if !ok {
					continue
				}
				if !s.told[e] {
					s.told[e] = true
					if err := tell(h, s.first[e]); err != nil {
						return nil, err
					}
				}
				if err := tell(h, here); err != nil {
					return nil, err
				}
			}
		}
	}
	return found, nil
}

// lookup finds h among the fresh ids seen; when it is not there and add is set, it is now.
func (s *shared) lookup(h uint64, add bool, here place) (entry uint32, ok bool) {
	if add {
		s.index.reserve(len(s.hashes)+1, func(i uint32) uint32 { return uint32(s.hashes[i]) })
	}
	if len(s.index.at) == 0 {
		return 0, false
	}
	for at := s.index.first(uint32(h)); ; at = s.index.next(at) {
		i := s.index.at[at]
		if i == 0 {
			if add {
				s.index.at[at] = uint32(len(s.hashes)) + 1
				s.hashes, s.first, s.told = append(s.hashes, h), append(s.first, here), append(s.told, false)
			}
			return 0, false
		}
		if s.hashes[i-1] == h {
			return i - 1, true
		}
	}
}
