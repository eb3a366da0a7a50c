package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/audit/chain"
)

// digests reads the digests of the audit log that are stored.
type digests struct {
	lake *lake.Lake
	warn func(text string)
}

// restore says what to do about a digest that is not what it was.
const restore = "restore it from the bucket's versions or from a backup"

// read returns digest n. One that is gone or is no digest is chain.ErrTampered.
func (s *digests) read(ctx context.Context, n int64) (_ *chain.Digest, err error) {
	key := lake.DigestKey(n)
	in, err := s.lake.OpenObject(ctx, key)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, fmt.Errorf("%w: digest %d is gone; %s: %w", chain.ErrTampered, n, restore, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read %s in %s: %w", key, s.lake.Name(), err)
	}
	d, err := chain.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s in %s: %w; %s", chain.ErrTampered, key, s.lake.Name(), err, restore)
	}
	if d.Number != n {
		return nil, fmt.Errorf("%w: %s in %s holds digest %d; %s", chain.ErrTampered, key, s.lake.Name(), d.Number, restore)
	}
	return d, nil
}

// vouched returns the digest that the manifest lists, which must have one.
func (s *digests) vouched(ctx context.Context, m *lake.Manifest) (*chain.Digest, error) {
	o, n, ok := m.Digest()
	if !ok {
		return nil, fmt.Errorf("%w: the manifest of %s lists no digest", chain.ErrTampered, m.SnapshotDate)
	}
	d, err := s.read(ctx, n)
	if err == nil && d.SHA256() != o.SHA256 {
		return nil, fmt.Errorf("%w: digest %d is not the one that the manifest of %s lists; %s", chain.ErrTampered, n, m.SnapshotDate, restore)
	}
	return d, err
}

// head returns the last digest, nil when there is none: the one with the highest number that a manifest vouches for.
func (s *digests) head(ctx context.Context) (*chain.Digest, error) {
	numbers, err := s.lake.Digests(ctx)
	if err != nil {
		return nil, err
	}
	newest, err := s.lake.Latest(ctx)
	if err != nil && !errors.Is(err, lake.ErrNoSnapshot) && !errors.Is(err, lake.ErrCorrupt) {
		return nil, err
	}
	if newest != nil {
		if _, n, ok := newest.Digest(); ok {
			if len(numbers) == 0 {
				s.warn(fmt.Sprintf("audit_log: there are no digests any more, though the snapshot of %s has digest %d: a new chain begins", newest.SnapshotDate, n))
				return nil, nil
			}
			if numbers[len(numbers)-1] < n {
				return s.read(ctx, n) // it is gone
			}
		}
	}
	for i := len(numbers) - 1; i >= 0; i-- {
		d, err := s.read(ctx, numbers[i])
		if err != nil {
			return nil, err
		}
		m, err := s.lake.Manifest(ctx, lake.Date(d.Date))
		switch {
		case errors.Is(err, lake.ErrNoSnapshot), errors.Is(err, lake.ErrCorrupt):
			// Snapshots may go, digests stay; and what was written is not written over.
			s.warn(fmt.Sprintf("audit_log: no manifest of %s is there to vouch for digest %d: it is taken as it is", d.Date, d.Number))
			return d, nil
		case err != nil:
			return nil, err
		}
		if _, n, ok := m.Digest(); ok && n == d.Number {
			return s.vouched(ctx, m)
		}
		s.warn(fmt.Sprintf("audit_log: digest %d is none that the manifest of %s lists: it is passed over", d.Number, d.Date))
	}
	return nil, nil
}

// back yields the digests, the last one first. Each must be the one that the digest after it names.
func (s *digests) back(ctx context.Context) iter.Seq2[*chain.Digest, error] {
	return func(yield func(*chain.Digest, error) bool) {
		d, err := s.head(ctx)
		for d != nil || err != nil {
			if !yield(d, err) || err != nil || d.Number == 1 {
				return
			}
			after := d
			if d, err = s.read(ctx, after.Number-1); err == nil && d.SHA256() != after.Previous {
				err = fmt.Errorf("%w: digest %d is not the one that digest %d names; %s", chain.ErrTampered, d.Number, after.Number, restore)
			}
		}
	}
}
