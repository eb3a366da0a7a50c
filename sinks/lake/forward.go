package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const jsonType = "application/json"

// stage puts into staging what only a whole publication has: the intent, the manifest and latest.json. They come from
// there to their places as the objects do, by a copy that fails once staging is cleared (I9).
func (l *Lake) stage(ctx context.Context, it *intent) error {
	manifest, err := it.Manifest.encode()
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	sum := sha256.Sum256(manifest)
	latest, err := encodeJSON(Pointer{
		Format: FormatVersion, RunID: it.RunID, SnapshotDate: it.Date, RunTime: it.Manifest.RunTime,
		Manifest: ManifestKey(it.Date), SHA256: hex.EncodeToString(sum[:]),
	})
	if err != nil {
		return fmt.Errorf("encode %s: %w", LatestKey, err)
	}
	record, err := encodeJSON(it)
	if err != nil {
		return fmt.Errorf("encode %s: %w", IntentKey, err)
	}
	data := map[string][]byte{ManifestKey(it.Date): manifest, LatestKey: latest, IntentKey: record}
	return l.each(it.small(), func(key string) error { return l.put(ctx, it.Staging+key, jsonType, data[key]) })
}

// small returns the keys of what is staged beside the objects.
func (it *intent) small() []string {
	keys := []string{IntentKey, ManifestKey(it.Date)}
	if it.Latest {
		keys = append(keys, LatestKey)
	}
	return keys
}

// record is the point of no return: the lease's record names the publication from here on, and whoever holds the lease
// next carries it out. A run that lost the lease cannot write that record (I8).
func (s *Lease) record(ctx context.Context, it *intent) error {
	if _, err := s.advance(ctx, func(r *leaseRecord) { r.Publication = it.pending() }); err != nil {
		return err
	}
	s.lake.step("intent")
	return nil
}

// rollForward does what the intent says, to the end. Every step can be done twice; killed anywhere, doing all of
// it again gives the same bucket, byte for byte (I6).
func (s *Lease) rollForward(ctx context.Context, it *intent, placed bool) error {
	l := s.lake
	if !placed {
		if err := s.place(ctx, it); err != nil {
			return err
		}
	}
	// The manifest comes after all of its objects, latest.json after its manifest (I1).
	if err := s.copySmall(ctx, it, ManifestKey(it.Date)); err != nil {
		return err
	}
	l.step("manifest")
	if it.Latest {
		if err := s.copyAll(ctx, it, it.Also); err != nil {
			return err
		}
		if err := s.syncMoves(it.Also); err != nil {
			return err
		}
		if err := s.copySmall(ctx, it, LatestKey); err != nil {
			return err
		}
		l.step("latest")
	}
	if err := s.check(); err != nil {
		return err
	}
	if err := l.remove(ctx, IntentKey); err != nil {
		return err
	}
	if err := l.syncKeys(IntentKey); err != nil {
		return err
	}
	l.step("intent deleted")
	// Before staging goes: a publication without staging is a dead end.
	if _, err := s.advance(ctx, func(r *leaseRecord) { r.Publication = nil }); err != nil {
		return err
	}
	l.step("settled")
	if err := s.clear(ctx, it.Staging); err != nil {
		return err
	}
	l.step("staging cleared")
	return nil
}

// place deletes and copies objects, then notes in the lease's record that this is done. From then on a reader may be
// following the new manifest, so nobody may delete and copy again.
func (s *Lease) place(ctx context.Context, it *intent) error {
	l := s.lake
	// For readers, before anything that they can see changes.
	if err := s.copySmall(ctx, it, IntentKey); err != nil {
		return err
	}
	l.step("marked")
	err := s.each(it.Deletes, func(key string) error {
		err := l.remove(ctx, key)
		l.step("delete " + key)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.copyAll(ctx, it, it.Copies); err != nil {
		return err
	}
	if err := s.syncMoves(it.Copies, it.Deletes...); err != nil {
		return err
	}
	_, err = s.advance(ctx, func(r *leaseRecord) {
		done := *it.pending()
		done.Placed = true
		r.Publication = &done
	})
	if err != nil {
		return err
	}
	l.step("placed")
	return nil
}

// syncMoves makes the names that copies have made, and others, durable.
func (s *Lease) syncMoves(moves []move, keys ...string) error {
	keys = slices.Clone(keys)
	for _, m := range moves {
		keys = append(keys, m.To)
	}
	return s.lake.syncKeys(keys...)
}

// copySmall copies one of the objects that are staged beside those of the manifest to its place, durably.
func (s *Lease) copySmall(ctx context.Context, it *intent, key string) error {
	if err := s.check(); err != nil {
		return err
	}
	if err := s.lake.copyObject(ctx, it.Staging+key, key, jsonType, 0, it.scratch(key)); err != nil {
		return err
	}
	return s.lake.syncKeys(key)
}

// scratch is where a link to an object is made before it gets its name. It holds the target's name, so that two copies
// of one object do not meet there.
func (it *intent) scratch(to string) string { return it.Staging + "links/" + to }

func (s *Lease) copyAll(ctx context.Context, it *intent, moves []move) error {
	source := map[string]string{}
	var keys []string
	for _, m := range moves {
		source[m.To] = m.From
		keys = append(keys, m.To)
	}
	return s.each(keys, func(to string) error {
		from := source[to]
		o, _ := it.Manifest.Object(strings.TrimPrefix(from, it.Staging))
		if err := s.lake.copyObject(ctx, from, to, o.ContentType, o.Bytes, it.scratch(to)); err != nil {
			return err
		}
		s.lake.step("copy " + to)
		return nil
	})
}

// each does f for every key, several at once, each only while the lease is held (I9).
func (s *Lease) each(keys []string, f func(key string) error) error {
	return s.lake.each(keys, func(key string) error {
		if err := s.check(); err != nil {
			return err
		}
		return f(key)
	})
}

// clear deletes what runs up to this one have below a prefix within staging, and the folders that a file bucket keeps.
func (s *Lease) clear(ctx context.Context, prefix string) error {
	l := s.lake
	keys, err := l.list(ctx, prefix)
	if err != nil {
		return err
	}
	// A successor that has begun while this was stopped has a higher term.
	keys = slices.DeleteFunc(keys, func(key string) bool { return key > stagingPrefix(s.term(), "~") })
	if err := s.each(keys, func(key string) error { return l.remove(ctx, key) }); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	if err := l.local.sweep(l.full(stagingDir), 0); err != nil {
		return l.fail("clear", prefix, err)
	}
	return nil
}

// Recover finishes the publication that an earlier run has recorded, if there is one, and reports whether it did.
// It also clears away what runs without a record left in staging. It is for writers, before they begin, and takes
// the lease for as long as it lasts; readers never need it.
func (l *Lake) Recover(ctx context.Context) (rolledForward bool, err error) {
	s, err := l.Acquire(ctx, "recovery")
	if err != nil {
		return false, fmt.Errorf("recover: %w", err)
	}
	done, err := s.recover(ctx)
	return done, joined(err, s.Release(ctx))
}

// recover is Recover under a lease that is held.
func (s *Lease) recover(ctx context.Context) (rolledForward bool, err error) {
	ctx, cancel := s.Guard(ctx)
	defer cancel()
	done, err := s.settle(ctx)
	if err == nil {
		err = s.clear(ctx, stagingDir)
	}
	if err == nil {
		err = s.lake.sweepAll()
	}
	if err != nil {
		return done, fmt.Errorf("recover: %w", s.explain(ctx, err))
	}
	return done, nil
}

// settle brings the publication to its end that the lease's record names.
func (s *Lease) settle(ctx context.Context) (rolledForward bool, err error) {
	l, p := s.lake, s.publication()
	if p == nil {
		// No publication is under way, whatever a reader's note says.
		if _, found, err := l.exists(ctx, IntentKey); err != nil || !found {
			return false, err
		}
		if err := l.remove(ctx, IntentKey); err != nil {
			return false, err
		}
		return false, l.syncKeys(IntentKey)
	}
	it, err := l.readIntent(ctx, p.Staging+IntentKey)
	if err == nil && it == nil {
		err = l.corrupt(p.Staging+IntentKey, "it is gone")
	}
	if err == nil && !p.Placed {
		err = l.checkStaged(ctx, it)
	}
	if err != nil {
		return false, fmt.Errorf("run %s cannot be finished: %w; check %s with verify, and publish it again "+
			"if that fails, after deleting %s and what is in %s", p.RunID, err, p.Date, IntentKey, leaseDir)
	}
	if err := s.rollForward(ctx, it, p.Placed); err != nil {
		return false, fmt.Errorf("publication of %s by run %s: %w: %w", it.Date, it.RunID, ErrUnfinished, err)
	}
	return true, nil
}
