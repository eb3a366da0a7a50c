package lake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Publication is one run's attempt to publish one date. Objects are created, written and committed into staging,
// where no reader looks; Publish puts them all in place. Whoever begins one defers Abort.
type Publication struct {
	lake    *Lake
	lease   *Lease
	owned   bool // Begin of the Lake took the lease, so Publish and Abort release it
	run     RunInfo
	staging string // the folder of its objects, with a slash at the end

	// Recovered says that Begin first had to finish an earlier run's publication.
	Recovered bool

	mu      sync.Mutex // guards what follows
	objects map[string]*Object
	state   pubState
}

type pubState uint8

const (
	pubOpen      pubState = iota // objects may be created
	pubRecording                 // the record may stand: staging belongs to it
	pubDone                      // published or aborted
)

// parallel is how many requests a publication has under way at once.
const parallel = 8

// Begin takes the lease for one publication, for run.SnapshotDate: Publish and Abort release it. A *HeldError if another
// run holds it. Whoever does more under the lease than publish takes it with Acquire instead.
func (l *Lake) Begin(ctx context.Context, run RunInfo) (*Publication, error) {
	if err := run.validate(); err != nil {
		return nil, fmt.Errorf("begin publication: %w", err)
	}
	s, err := l.Acquire(ctx, run.RunID)
	if err != nil {
		return nil, fmt.Errorf("begin publication of %s: %w", run.SnapshotDate, err)
	}
	p, err := s.Begin(ctx, run)
	if err != nil {
		return nil, joined(err, s.Release(ctx))
	}
	p.owned = true
	return p, nil
}

// Begin starts a publication for run.SnapshotDate under the lease. It first finishes, or clears away, what an earlier run
// left (Recover). One publication at a time is the caller's duty.
func (s *Lease) Begin(ctx context.Context, run RunInfo) (*Publication, error) {
	if err := run.validate(); err != nil {
		return nil, fmt.Errorf("begin publication: %w", err)
	}
	run.Windows = slices.Clone(run.Windows)
	recovered, err := s.recover(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin publication of %s: %w", run.SnapshotDate, err)
	}
	return &Publication{
		lake: s.lake, lease: s, run: run, staging: stagingPrefix(s.term(), run.RunID), Recovered: recovered, objects: map[string]*Object{},
	}, nil
}

// Create begins an object that will stand at key: one of LogPart, AuditKey or ReportKey of the publication's
// date, or a DigestKey.
// Its content type is kept in the manifest, and in the bucket where that keeps one. Cancelling ctx drops it.
func (p *Publication) Create(ctx context.Context, key, contentType string) (*Object, error) {
	if !publishable(key, p.run.SnapshotDate) {
		return nil, fmt.Errorf("create %s: a publication of %s holds objects below %s<table>/snapshot_date=%s/, %s and %s, and digests, only",
			key, p.run.SnapshotDate, logsDir, p.run.SnapshotDate, AuditKey(p.run.SnapshotDate, ""), ReportKey(p.run.SnapshotDate, ""))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != pubOpen {
		return nil, fmt.Errorf("create %s: the publication of %s is over", key, p.run.SnapshotDate)
	}
	if err := p.lease.check(); err != nil {
		return nil, fmt.Errorf("create %s: %w", key, err)
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
// publication. After any other error nothing that a reader can see has changed. ErrLeaseLost, alone or with it, means
// that another run has taken over, and finishes the publication if it was recorded.
func (p *Publication) Publish(ctx context.Context, m *Manifest) error {
	date := p.run.SnapshotDate
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
	ctx, cancel := p.lease.Guard(ctx)
	defer cancel()
	if err := p.publish(ctx, m); err != nil {
		err = p.lease.explain(ctx, err)
		// Of a cancelled request nobody knows when it takes effect; files are written by this process or not at all.
		if p.state == pubRecording && ctx.Err() != nil && p.lake.local == nil {
			p.lease.runOut()
		}
		return fmt.Errorf("publish %s: %w", date, err)
	}
	p.state = pubDone
	if p.owned {
		// The snapshot stands. A lease that cannot be released runs out.
		_ = p.lease.Release(ctx)
	}
	return nil
}

func (p *Publication) publish(ctx context.Context, m *Manifest) error {
	l := p.lake
	it, err := l.plan(ctx, m, p.staging)
	if err != nil {
		return err
	}
	if err := l.stage(ctx, it); err != nil {
		return err
	}
	if err := l.checkStaged(ctx, it); err != nil {
		return err
	}
	if err := l.syncStaged(it); err != nil {
		return err
	}
	l.step("staged")

	p.state = pubRecording
	if err := p.lease.record(ctx, it); err != nil {
		return err
	}
	if err := p.lease.rollForward(ctx, it, false); err != nil {
		return fmt.Errorf("%w: %w; start the program again to finish it", ErrUnfinished, err)
	}
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
	err := p.drop(ctx)
	p.state = pubDone
	if p.owned {
		err = joined(err, p.lease.Release(ctx))
	}
	if err != nil {
		return fmt.Errorf("abort publication of %s: %w", p.run.SnapshotDate, err)
	}
	return nil
}

// drop clears staging, unless it may be needed to finish the publication.
func (p *Publication) drop(ctx context.Context) error {
	if p.state == pubRecording {
		// Once the record may stand, staging is its to use (I5). One more record tells: the first cannot come after it.
		err := p.lease.Renew(ctx)
		if errors.Is(err, ErrLeaseLost) {
			return nil // the successor knows
		}
		if err != nil || p.lease.publication() != nil {
			return err
		}
	}
	if !errors.Is(p.lease.check(), ErrLeaseLost) {
		return p.lease.clear(ctx, p.staging)
	}
	// Nobody knows of what this run has staged, but a successor may be at work in the other folders.
	keys, err := p.lake.list(ctx, p.staging)
	if err != nil {
		return err
	}
	return p.lake.each(keys, func(key string) error { return p.lake.remove(ctx, key) })
}

// checkStaged makes sure that all of a publication's objects wait in staging, each at its length.
func (l *Lake) checkStaged(ctx context.Context, it *intent) error {
	want := map[string]int64{}
	for _, key := range it.small() {
		want[it.Staging+key] = -1 // any length
	}
	for _, o := range it.Manifest.Objects {
		want[it.Staging+o.Key] = o.Bytes
	}
	var mu sync.Mutex
	var errs []error
	err := l.each(slices.Sorted(maps.Keys(want)), func(key string) error {
		size, found, err := l.exists(ctx, key)
		switch {
		case err != nil:
		case !found:
			err = l.corrupt(key, "the staged object is gone; did another run clear it away?")
		case want[key] >= 0 && size != want[key]:
			err = l.corrupt(key, "%d bytes were written, %d are there", want[key], size)
		}
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// syncStaged makes the names of staged objects durable; their bytes are so since Commit.
func (l *Lake) syncStaged(it *intent) error {
	keys := make([]string, len(it.Manifest.Objects))
	for i, o := range it.Manifest.Objects {
		keys[i] = it.Staging + o.Key
	}
	return l.syncKeys(keys...)
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
