package lake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Publication is one run's attempt to publish one date. Objects are created, written and committed into staging,
// where no reader looks; Publish puts them all in place. Whoever begins one defers Abort.
type Publication struct {
	lake *Lake
	run  RunInfo

	// Recovered says that Begin first had to finish an earlier run's publication.
	Recovered bool

	mu      sync.Mutex // guards what follows
	objects map[string]*Object
	state   pubState
}

type pubState uint8

const (
	pubOpen      pubState = iota // objects may be created
	pubRecording                 // the intent record may stand: staging belongs to it
	pubDone                      // published or aborted
)

// parallel is how many requests a publication has under way at once.
const parallel = 8

// Begin starts a publication for run.SnapshotDate. It first finishes, or clears away, what an earlier run left
// (Recover), so that two publications never overlap.
//
// This is where the lease of the bucket and prefix is to be held, from before Recover until Publish or Abort
// returns: without one, two processes that publish at once can delete each other's staging. Publish then fails
// without having changed anything, unless it is already putting objects in place.
func (l *Lake) Begin(ctx context.Context, run RunInfo) (*Publication, error) {
	if err := run.validate(); err != nil {
		return nil, fmt.Errorf("begin publication: %w", err)
	}
	run.Windows = slices.Clone(run.Windows)
	recovered, err := l.Recover(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin publication of %s: %w", run.SnapshotDate, err)
	}
	return &Publication{lake: l, run: run, Recovered: recovered, objects: map[string]*Object{}}, nil
}

// Create begins an object that will stand at key: one of LogPart, AuditKey or ReportKey of the publication's date.
// Its content type is kept in the manifest, and in the bucket where that keeps one. Cancelling ctx drops it.
func (p *Publication) Create(ctx context.Context, key, contentType string) (*Object, error) {
	if !publishable(key, p.run.SnapshotDate) {
		return nil, fmt.Errorf("create %s: a publication of %s holds objects below %s<table>/snapshot_date=%s/, %s and %s only",
			key, p.run.SnapshotDate, logsDir, p.run.SnapshotDate, AuditKey(p.run.SnapshotDate, ""), ReportKey(p.run.SnapshotDate, ""))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != pubOpen {
		return nil, fmt.Errorf("create %s: the publication of %s is over", key, p.run.SnapshotDate)
	}
	if _, ok := p.objects[key]; ok {
		return nil, fmt.Errorf("create %s: the publication already has that object", key)
	}
	o, err := newObject(ctx, p, key, contentType)
	if err != nil {
		return nil, err
	}
	p.objects[key] = o
	p.lake.step("create " + key)
	return o, nil
}

// Publish puts every object in place and makes the snapshot readable, in the order that docs/publishing.md gives.
// It fills in m's Format, RunInfo and Objects; the rest is the caller's.
//
// An error that wraps ErrUnfinished comes after the point of no return: Recover, or the next Begin, ends the
// publication. After any other error nothing that a reader can see has changed.
func (p *Publication) Publish(ctx context.Context, m *Manifest) error {
	l, date := p.lake, p.run.SnapshotDate
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != pubOpen {
		return fmt.Errorf("publish %s: the publication is over", date)
	}
	m.Format, m.RunInfo, m.Objects = FormatVersion, p.run, nil
	var pending []string
	for key, o := range p.objects {
		if !o.committed() {
			pending = append(pending, key)
		}
		m.Objects = append(m.Objects, o.Info())
	}
	if len(pending) > 0 {
		slices.Sort(pending)
		return fmt.Errorf("publish %s: never committed: %s", date, strings.Join(pending, ", "))
	}
	if len(m.Objects) == 0 {
		return fmt.Errorf("publish %s: no objects", date)
	}
	slices.SortFunc(m.Objects, func(a, b ObjectInfo) int { return strings.Compare(a.Key, b.Key) })
	if err := m.validate(); err != nil {
		return fmt.Errorf("publish %s: %w", date, err)
	}
	if err := l.checkStaged(ctx, p.run.RunID, m.Objects); err != nil {
		return fmt.Errorf("publish %s: %w", date, err)
	}
	if err := l.syncStaged(p.run.RunID, m.Objects); err != nil {
		return fmt.Errorf("publish %s: %w", date, err)
	}
	it, err := l.plan(ctx, m)
	if err != nil {
		return fmt.Errorf("publish %s: %w", date, err)
	}
	l.step("staged")

	p.state = pubRecording
	if err := l.record(ctx, it); err != nil {
		return fmt.Errorf("publish %s: %w", date, err)
	}
	if err := l.rollForward(ctx, it); err != nil {
		return fmt.Errorf("publish %s: %w: %w; start the program again to finish it", date, ErrUnfinished, err)
	}
	p.state = pubDone
	return nil
}

// Abort gives the publication up: it drops open objects and clears staging. After Publish it does nothing. Nobody
// may be writing an object any more. It works also when ctx is cancelled; what it cannot clear, the next Begin does.
func (p *Publication) Abort(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == pubDone {
		return nil
	}
	for _, o := range p.objects {
		o.Abort()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if p.state == pubRecording {
		// Once the record may stand, staging is its to use (I5): keep it unless the record surely is not there.
		if _, found, err := p.lake.exists(ctx, IntentKey); err != nil || found {
			p.state = pubDone
			return err
		}
	}
	p.state = pubDone
	if err := p.lake.clear(ctx, stagingPrefix(p.run.RunID)); err != nil {
		return fmt.Errorf("abort publication of %s: %w", p.run.SnapshotDate, err)
	}
	return nil
}

// checkStaged makes sure that all of a run's objects wait in staging, each at its length.
func (l *Lake) checkStaged(ctx context.Context, runID string, objects []ObjectInfo) error {
	errs := make([]error, len(objects))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, o := range objects {
		g.Go(func() error {
			key := stagingPrefix(runID) + o.Key
			size, found, err := l.exists(ctx, key)
			switch {
			case err != nil:
				errs[i] = err
			case !found:
				errs[i] = l.corrupt(key, "the staged object is gone; did another run clear it away?")
			case size != o.Bytes:
				errs[i] = l.corrupt(key, "%d bytes were written, %d are there", o.Bytes, size)
			}
			return nil
		})
	}
	_ = g.Wait() // errs has them all
	return errors.Join(errs...)
}

// syncStaged makes the names of staged objects durable; their bytes are so since Commit.
func (l *Lake) syncStaged(runID string, objects []ObjectInfo) error {
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = stagingPrefix(runID) + o.Key
	}
	return l.syncKeys(keys...)
}

// clear deletes every object below a prefix within staging, and the folders that a file bucket keeps.
func (l *Lake) clear(ctx context.Context, prefix string) error {
	keys, err := l.list(ctx, prefix)
	if err != nil {
		return err
	}
	if err := l.each(keys, func(key string) error { return l.remove(ctx, key) }); err != nil {
		return err
	}
	if err := l.local.sweep(l.full(stagingDir)); err != nil {
		return l.fail("clear", prefix, err)
	}
	return nil
}

// each does f for every key, several at once, and returns the first error.
func (l *Lake) each(keys []string, f func(key string) error) error {
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, key := range keys {
		g.Go(func() error { return f(key) })
	}
	return g.Wait()
}
