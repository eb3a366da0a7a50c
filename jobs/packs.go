package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/usagereport/usagereport/transforms/facts"
)

// The parts of a run, in the order in which a pack has them.
const (
	partFacts = iota
	partValues
	partIDs
	partPos
)

// part returns a part of a run. The pack that holds it is brought into scratch, whole, when it is first needed.
func (b *stateBlobs) part(ctx context.Context, r *run, part int) (*io.SectionReader, error) {
	if err := b.fetch(ctx, r); err != nil {
		return nil, err
	}
	at := int64(0)
	for _, n := range r.Sizes[:part] {
		at += n
	}
	return io.NewSectionReader(r.parts, at, r.Sizes[part]), nil
}

// fetch brings a run into scratch, unpacked.
func (b *stateBlobs) fetch(ctx context.Context, r *run) error {
	if r.parts != nil {
		return nil
	}
	pack, err := b.pack(ctx, r.Pack)
	if err != nil {
		return err
	}
	if r.At < 0 || r.Packed < 0 || r.At+r.Packed > pack.Size() {
		return damaged(r.Pack, fmt.Errorf("it has %d bytes, those from %d to %d are wanted", pack.Size(), r.At, r.At+r.Packed))
	}
	packed := make([]byte, r.Packed)
	if _, err := pack.ReadAt(packed, r.At); err != nil && !errors.Is(err, io.EOF) {
		return damaged(r.Pack, err)
	}
	data, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return damaged(r.Pack, err)
	}
	var size int64
	for _, n := range r.Sizes {
		size += n
	}
	if int64(len(data)) != size {
		return damaged(r.Pack, fmt.Errorf("a run of it unpacks to %d bytes, expected %d", len(data), size))
	}
	r.parts, err = b.scratch.put(data)
	return err
}

func (b *stateBlobs) pack(ctx context.Context, name string) (_ *io.SectionReader, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.packs[name]; p != nil {
		return p, nil
	}
	var p *io.SectionReader
	err = b.again(ctx, func(ctx context.Context) (err error) {
		p, err = b.copyPack(ctx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(p, 0, p.Size())); err != nil {
		return nil, fmt.Errorf("read temporary data: %w", err)
	}
	if err := checkName(name, sum.Sum(nil)); err != nil {
		return nil, err
	}
	b.packs[name] = p
	return p, nil
}

// copyPack brings a pack into scratch, as it is.
func (b *stateBlobs) copyPack(ctx context.Context, name string) (_ *io.SectionReader, err error) {
	from, err := b.state.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read the state: %w; run with --full to build it anew", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	p, err := b.scratch.copy(from)
	if err != nil {
		return nil, fmt.Errorf("read %s of the state: %w", name, err)
	}
	return p, nil
}

func (b *stateBlobs) ids(ctx context.Context, r *run) (*facts.IDs, error) {
	hashes, err := b.part(ctx, r, partIDs)
	if err != nil {
		return nil, err
	}
	return facts.OpenIDs(hashes, func() (io.ReaderAt, int64, error) {
		pos, err := b.part(ctx, r, partPos)
		if err != nil {
			return nil, 0, err
		}
		return pos, pos.Size(), nil
	})
}

// keep puts a run built tonight into scratch.
func (b *stateBlobs) keep(r *run, built *facts.Run) (err error) {
	parts := [][]byte{built.Facts, built.Values, built.IDs, built.Pos}
	for i, p := range parts {
		r.Sizes[i] = int64(len(p))
	}
	r.parts, err = b.scratch.put(bytes.Join(parts, nil))
	return err
}

// Packing and unpacking of runs; both are safe for concurrent use.
var (
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest)) // it fails only for wrong options
	unpacker, _ = zstd.NewReader(nil)
)

// maxPacks is how many packs runs may be spread over before they are written into one again.
const maxPacks = 16

// write puts the runs that are in no pack yet into one; all of them, when they are spread over too many.
// The pack is named by its content: a name that came back, as with a clock that stands still, would replace a pack that
// the index still names.
func (b *stateBlobs) write(ctx context.Context, s *state) (err error) {
	packs, anew := map[string]bool{}, []*run{}
	names := slices.Sorted(maps.Keys(s.Datasets))
	for _, dataset := range names {
		for _, r := range s.Datasets[dataset].runs() {
			if r.Pack != "" {
				packs[r.Pack] = true
			} else {
				anew = append(anew, r)
			}
		}
	}
	if len(packs) >= maxPacks {
		anew = anew[:0]
		for _, dataset := range names {
			anew = append(anew, s.Datasets[dataset].runs()...)
		}
	}
	if len(anew) == 0 || b.dry {
		return nil
	}
	slices.SortStableFunc(anew, order)
	packed, err := b.packAll(ctx, anew)
	if err != nil {
		return err
	}
	sum := sha256.New()
	for _, p := range packed {
		if _, err := io.Copy(sum, io.NewSectionReader(p, 0, p.Size())); err != nil {
			return fmt.Errorf("read temporary data: %w", err)
		}
	}
	name := named("packs", sum.Sum(nil))
	w, err := b.state.Create(ctx, name, "application/octet-stream")
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	defer w.Abort()
	var at int64
	for i, r := range anew {
		n, err := io.Copy(w, packed[i])
		if err != nil {
			return fmt.Errorf("write the state: %w", err)
		}
		r.Pack, r.At, r.Packed = name, at, n
		at += n
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// packAll returns the runs packed, in scratch.
func (b *stateBlobs) packAll(ctx context.Context, runs []*run) ([]*io.SectionReader, error) {
	packed := make([]*io.SectionReader, len(runs))
	places := make([]int, len(runs))
	for i := range places {
		places[i] = i
	}
	return packed, parallel(ctx, places, func(ctx context.Context, i int) error {
		if err := b.fetch(ctx, runs[i]); err != nil {
			return err
		}
		data := make([]byte, runs[i].parts.Size())
		if _, err := runs[i].parts.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read temporary data: %w", err)
		}
		var err error
		packed[i], err = b.scratch.put(packer.EncodeAll(data, nil))
		return err
	})
}
