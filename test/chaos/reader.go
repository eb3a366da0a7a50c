//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/usagereport/usagereport/sinks/lake"
)

// reader reads a lake as docs/publishing.md tells readers to, again and again, while runs come and go.
type reader struct {
	place *place
	legal []objects // what may be seen, each whole
	stop  context.CancelFunc
	done  chan struct{}
	err   error

	rounds, reads, explained int
}

func startReader(ctx context.Context, l *place, legal ...objects) *reader {
	ctx, stop := context.WithCancel(ctx)
	r := &reader{place: l, legal: legal, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for r.err == nil && ctx.Err() == nil {
			r.err = r.round(ctx)
			r.rounds++
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond): // leaves the machine to those who are read from
			}
		}
	}()
	return r
}

// end stops the reader and returns what it found.
func (r *reader) end() error {
	r.stop()
	<-r.done
	if errors.Is(r.err, context.Canceled) {
		return nil
	}
	return r.err
}

// get reads one object that must be one of those that may be seen, nil if there is none.
func (r *reader) get(ctx context.Context, key string) ([]byte, error) {
	data, err := r.place.read(ctx, key)
	if err != nil {
		return nil, err
	}
	r.reads++
	for _, o := range r.legal {
		if want, ok := o[key]; ok == (data != nil) && bytes.Equal(data, want) {
			return data, nil
		}
	}
	if data == nil {
		return nil, nil // whether it may be missing is for the caller to say
	}
	return nil, broken("a reader met %d bytes of %s that are neither old nor new (I2)", len(data), key)
}

func (r *reader) round(ctx context.Context) error {
	latest, err := r.get(ctx, lake.LatestKey)
	if err != nil {
		return err
	}
	if latest == nil {
		for _, o := range r.legal {
			if o[lake.LatestKey] == nil {
				return nil // nothing is published yet
			}
		}
		return broken("a reader met no latest.json (I1)")
	}
	var p lake.Pointer
	if err := json.Unmarshal(latest, &p); err != nil {
		return broken("a reader cannot read latest.json: %v", err)
	}
	data, err := r.get(ctx, p.Manifest)
	if err != nil {
		return err
	}
	if sum(data) != p.SHA256 {
		return r.explain(ctx, latest, nil, p.Manifest)
	}
	m, err := lake.DecodeManifest(data)
	if err != nil {
		return broken("a reader cannot read %s: %v", p.Manifest, err)
	}
	for _, o := range m.Objects {
		got, err := r.get(ctx, o.Key)
		if err != nil {
			return err
		}
		if got == nil || sum(got) != o.SHA256 {
			if err := r.explain(ctx, latest, data, o.Key); err != nil {
				return err
			}
			break
		}
	}
	return r.folders(ctx, string(p.SnapshotDate))
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// explain is called when an object is not what the manifest, or latest.json, says: then its date must be noted as being
// published, or have been published meanwhile (I5).
func (r *reader) explain(ctx context.Context, latest, manifest []byte, key string) error {
	var p lake.Pointer
	var noted struct {
		Date lake.Date `json:"snapshot_date"`
	}
	if err := json.Unmarshal(latest, &p); err != nil {
		return err
	}
	note, err := r.place.read(ctx, lake.IntentKey)
	if err != nil {
		return err
	}
	r.explained++
	if note != nil && json.Unmarshal(note, &noted) == nil && noted.Date == p.SnapshotDate {
		return nil
	}
	again, err := r.get(ctx, lake.LatestKey)
	if err != nil || !bytes.Equal(again, latest) {
		return err
	}
	if data, err := r.get(ctx, p.Manifest); err != nil || manifest != nil && !bytes.Equal(data, manifest) {
		return err
	}
	// The same may have been published again meanwhile: then it is there now.
	if data, err := r.get(ctx, key); err != nil || data != nil && manifest != nil && bytes.Contains(manifest, []byte(sum(data))) {
		return err
	}
	return broken("a reader met %s, which is not what %s says, and nothing explains it (I1, I5)", key, p.Manifest)
}

// folders looks at the tables and newest reports as those do who do not follow the manifest.
func (r *reader) folders(ctx context.Context, date string) error {
	dirs := map[string]bool{}
	for _, o := range r.legal {
		for key := range o {
			if strings.HasPrefix(key, "reports/latest/") {
				if _, err := r.get(ctx, key); err != nil {
					return err
				}
			}
			if dir, _, ok := strings.Cut(key, "part-"); ok && strings.Contains(key, "/snapshot_date="+date+"/") {
				dirs[dir] = true
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if err := r.folder(ctx, dir); err != nil {
			return err
		}
	}
	return nil
}

// folder checks that one table's folder has rows of one run, if it stays as it is for long enough to say so (I3).
func (r *reader) folder(ctx context.Context, dir string) error {
	names := func() (found []string, err error) {
		listed, err := r.place.list(ctx, dir)
		for _, o := range listed {
			if !temporary.MatchString(o.Key) {
				found = append(found, strings.Join([]string{o.Key, o.ModTime.String(), hex.EncodeToString(o.MD5)}, "\n"))
			}
		}
		return found, err
	}
	first, err := names()
	if err != nil || len(first) < 2 {
		return err
	}
	seen := objects{}
	for _, o := range first {
		key, _, _ := strings.Cut(o, "\n")
		if seen[key], err = r.get(ctx, key); err != nil || seen[key] == nil {
			return err // gone since, maybe to come again with the same bytes
		}
	}
	second, err := names()
	if err != nil || !slices.Equal(first, second) {
		return err
	}
	for _, o := range r.legal {
		if changed(o, seen, func(string) bool { return true }) == "" {
			return nil
		}
	}
	return broken("a reader met %q together, which no run has published (I3)", slices.Sorted(maps.Keys(seen)))
}
