package figures

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
)

// held is what a part keeps of a snapshot, for as long as somebody holds it.
type held interface {
	comparable
	hold()
	drop()
}

// part keeps one kind of what is made of the newest snapshot. It is loaded when it is first asked for; a newer one is loaded
// in the background, beside the old one, which answers until the new one is ready.
type part[T held] struct {
	name string
	of   dictionary.Domain
	load func(ctx context.Context, m *lake.Manifest) (T, error)

	mu      sync.Mutex
	ready   *view[T] // nil: none yet
	loading *attempt // nil: none is under way

	failed   string // the manifest that could not be loaded last
	failedAt time.Time
	failure  error
}

// view is a part of one snapshot.
type view[T held] struct {
	*publication        // that it is of
	sum          string // of the newest one, which may lack the part for a night
	value        T
}

var errClosed = fmt.Errorf("%w: the reader of figures is closed", ErrUnavailable)

// get returns the part of the newest snapshot that is ready; the caller drops its value. Where there is none yet it waits for
// one, as long as ctx lasts.
func (p *part[T]) get(ctx context.Context, r *Reader, newest *publication) (*view[T], error) {
	if v := p.current(); v != nil {
		if v.sum != newest.sum && !p.justFailed(r, newest) {
			p.start(ctx, r, newest)
		}
		return v, nil
	}
	if p.justFailed(r, newest) {
		return nil, p.lastFailure()
	}
	for {
		loading := p.start(ctx, r, newest)
		if err := loading.wait(ctx); err != nil {
			return nil, err
		}
		if v := p.current(); v != nil {
			return v, nil
		}
	}
}

// current returns what is ready, held for the caller; nil when nothing is.
func (p *part[T]) current() *view[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready != nil {
		p.ready.value.hold()
	}
	return p.ready
}

// justFailed says whether loading this snapshot failed a moment ago, or for a reason that stays: then it is not tried again by
// every request.
func (p *part[T]) justFailed(r *Reader, newest *publication) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	stays := errors.Is(p.failure, ErrTooLarge) || errors.Is(p.failure, ErrNotPublished)
	return p.failed == newest.sum && (stays || r.now().Sub(p.failedAt) < r.refresh)
}

func (p *part[T]) lastFailure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failure
}

// start loads the snapshot, unless one is being loaded: never two at a time. It goes on when ctx ends.
func (p *part[T]) start(ctx context.Context, r *Reader, newest *publication) *attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loading == nil {
		p.loading = r.background(ctx, loadTimeout, func(ctx context.Context) error {
			began := r.now()
			var value T
			from, err := r.lastWith(ctx, newest, p.of)
			if err == nil {
				value, err = p.load(ctx, from.manifest)
			}
			return p.loaded(r, newest, &view[T]{publication: from, sum: newest.sum, value: value}, unavailable(ctx, err), r.now().Sub(began))
		})
	}
	return p.loading
}

// loaded ends the loading of a snapshot.
func (p *part[T]) loaded(r *Reader, newest *publication, v *view[T], err error, took time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loading = nil
	switch {
	case errors.Is(err, ErrNotPublished):
		p.forget() // rather than to answer from a run of long ago for good
	case err != nil:
		r.log.Warn("could not load "+p.name, "snapshot_date", newest.manifest.SnapshotDate, "error", err)
	default:
		p.forget()
		p.ready = v
		r.log.Info("loaded "+p.name, "snapshot_date", v.manifest.SnapshotDate, "run_id", v.manifest.RunID, "seconds", took.Seconds())
	}
	if p.failed, p.failure = "", err; err != nil {
		p.failed, p.failedAt = newest.sum, r.now()
	}
	return err
}

// close lets go of what is ready. Nothing may be loading any more.
func (p *part[T]) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget()
}

// forget lets go of what is ready. The caller has the lock.
func (p *part[T]) forget() {
	if p.ready != nil {
		p.ready.value.drop()
		p.ready = nil
	}
}

// unavailable makes an error of reading the bucket one that callers know.
func unavailable(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []error{ErrNotPublished, ErrTooLarge, ErrUnavailable, ErrQuery, lake.ErrNoSnapshot} {
		if errors.Is(err, known) {
			return err
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, context.Cause(ctx), err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
