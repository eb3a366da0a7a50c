package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"gocloud.dev/blob"
)

// State is what runs hand on to the next: named blobs below state/. Each is old or new, never half; two of them are
// not replaced together, so a set that belongs together is named by one blob that is written last.
type State struct {
	lake *Lake
}

// State returns the lake's state.
func (l *Lake) State() *State { return &State{lake: l} }

// StateWriter is a blob of state being written. Like Object it has no Close.
type StateWriter struct {
	up *upload
}

// Create begins a blob in place of any earlier one of that name. Nothing changes until Commit.
func (s *State) Create(ctx context.Context, name, contentType string) (*StateWriter, error) {
	if err := validState(name); err != nil {
		return nil, err
	}
	up, err := s.lake.upload(ctx, StateKey(name), contentType, false)
	if err != nil {
		return nil, err
	}
	return &StateWriter{up: up}, nil
}

// Write adds to the blob.
func (w *StateWriter) Write(p []byte) (int, error) { return w.up.Write(p) }

// Commit publishes the blob.
func (w *StateWriter) Commit() error {
	if err := w.up.commit(); err != nil {
		return err
	}
	return w.up.lake.syncKeys(w.up.key)
}

// Abort drops the blob. After Commit it does nothing, so it can be deferred.
func (w *StateWriter) Abort() { w.up.abort() }

// Put writes a blob whole.
func (s *State) Put(ctx context.Context, name, contentType string, data []byte) error {
	if err := validState(name); err != nil {
		return err
	}
	return s.lake.put(ctx, StateKey(name), contentType, data)
}

// Get reads a blob whole. ErrNotFound if there is none of that name.
func (s *State) Get(ctx context.Context, name string) ([]byte, error) {
	if err := validState(name); err != nil {
		return nil, err
	}
	return s.lake.get(ctx, StateKey(name))
}

// Open opens a blob for reading. ErrNotFound if there is none of that name. The caller closes it.
func (s *State) Open(ctx context.Context, name string) (*Reader, error) {
	if err := validState(name); err != nil {
		return nil, err
	}
	return s.lake.OpenObject(ctx, StateKey(name))
}

// ReaderAt opens a blob for reading at offsets. ErrNotFound if there is none of that name.
func (s *State) ReaderAt(ctx context.Context, name string) (*ReaderAt, error) {
	if err := validState(name); err != nil {
		return nil, err
	}
	return s.lake.ReaderAt(ctx, StateKey(name))
}

// Delete deletes a blob. One that is not there is no error.
func (s *State) Delete(ctx context.Context, name string) error {
	if err := validState(name); err != nil {
		return err
	}
	if err := s.lake.remove(ctx, StateKey(name)); err != nil {
		return err
	}
	return s.lake.syncKeys(StateKey(name))
}

// StateInfo describes a blob of state.
type StateInfo struct {
	Name  string
	Bytes int64
}

// List returns the blobs whose names begin with prefix, sorted by name.
func (s *State) List(ctx context.Context, prefix string) ([]StateInfo, error) {
	var infos []StateInfo
	for it := s.lake.bucket.List(&blob.ListOptions{Prefix: s.lake.full(StateKey(prefix))}); ; {
		o, err := s.lake.next(ctx, it)
		if errors.Is(err, io.EOF) {
			slices.SortFunc(infos, func(a, b StateInfo) int { return strings.Compare(a.Name, b.Name) })
			return infos, nil
		}
		if err != nil {
			return nil, s.lake.fail("list", StateKey(prefix), err)
		}
		name := strings.TrimPrefix(o.Key, s.lake.full(stateDir))
		if validState(name) == nil { // a killed write of the file driver leaves a .tmp behind
			infos = append(infos, StateInfo{Name: name, Bytes: o.Size})
		}
	}
}

func validState(name string) error {
	if err := validKey(name); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if strings.HasSuffix(name, ".tmp") {
		return fmt.Errorf("state: key %q: names that end in .tmp are the file driver's", name)
	}
	return nil
}
