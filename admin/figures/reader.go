package figures

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
)

// Options are the choices of a Reader. The zero value is a good one.
type Options struct {
	// MaxBytes is how much memory the usage figures of a snapshot may take; 0 stands for 512 MiB. Past it Usage answers
	// ErrTooLarge and everything else goes on. While a new snapshot is loaded, the old one takes as much again.
	MaxBytes int64
	// MaxAuditBytes is how large an audit log is kept in memory; 0 stands for 64 MiB. A larger one is read from the bucket for
	// every question.
	MaxAuditBytes int64
	// Refresh is how often latest.json is looked at, at most; 0 stands for 5 seconds.
	Refresh time.Duration
	Now     func() time.Time // the clock; nil stands for time.Now
	Mem     memory.Allocator // of the audit log's records; nil stands for the usual one
	Log     *slog.Logger     // nil: nothing is logged
}

const (
	loadTimeout = 10 * time.Minute // for reading a whole snapshot
	lookTimeout = 10 * time.Second // for reading latest.json
	patience    = time.Minute      // how old the last look may be before a request waits for a new one
)

// Reader answers questions from the newest published snapshot. It is safe for concurrent use.
type Reader struct {
	lake    *lake.Lake
	refresh time.Duration
	now     func() time.Time
	log     *slog.Logger
	mem     memory.Allocator
	slots   chan struct{} // one for every question that may be worked out at the same time

	usage    part[*cube]
	audit    part[*auditLog]
	archives archiveCache

	work sync.WaitGroup // what goes on in the background

	closing sync.Mutex // whoever begins something in the background or closes closed
	closed  chan struct{}

	mu      sync.Mutex
	known   *publication // what latest.json named when it was last seen
	seen    time.Time    // when
	looked  time.Time    // the last time that latest.json was asked for, with or without success
	failure error        // of that look
	looking *attempt     // nil: nobody is
}

// publication is a snapshot as latest.json names it.
type publication struct {
	sum      string // SHA-256 of its manifest
	manifest *lake.Manifest
	zone     *time.Location
}

func (p *publication) snapshot(seen time.Time) Snapshot {
	m := p.manifest
	return Snapshot{Date: m.SnapshotDate, RunID: m.RunID, RunTime: m.RunTime, TimeZone: p.zone, Seen: seen}
}

// New returns a Reader of a lake that the caller keeps, and closes after Close.
func New(l *lake.Lake, o Options) *Reader {
	r := &Reader{
		lake: l, refresh: cmp.Or(o.Refresh, 5*time.Second), now: o.Now, log: o.Log, mem: o.Mem,
		slots: make(chan struct{}, 2*runtime.GOMAXPROCS(0)), closed: make(chan struct{}),
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.mem == nil {
		r.mem = memory.DefaultAllocator
	}
	most, mostAudit := cmp.Or(o.MaxBytes, 512<<20), cmp.Or(o.MaxAuditBytes, 64<<20)
	r.usage.of, r.audit.of = dictionary.Usage, dictionary.Audit
	r.usage.name, r.usage.load = "the usage figures", func(ctx context.Context, m *lake.Manifest) (*cube, error) {
		return source{l, m, r.mem}.loadCube(ctx, most)
	}
	r.audit.name, r.audit.load = "the audit log", func(ctx context.Context, m *lake.Manifest) (*auditLog, error) {
		return source{l, m, r.mem}.loadAudit(ctx, mostAudit)
	}
	return r
}

// Close waits for what goes on in the background, cut short, and lets go of what is loaded.
func (r *Reader) Close() {
	r.closing.Lock()
	select {
	case <-r.closed:
	default:
		close(r.closed)
	}
	r.closing.Unlock()
	r.work.Wait()
	r.usage.close()
	r.audit.close()
}

// attempt is work in the background that requests may wait for.
type attempt struct {
	done chan struct{}
	err  error // once it is done
}

// wait returns the error of the attempt, or that of ctx if it ends before.
func (a *attempt) wait(ctx context.Context) error {
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// background does work that outlasts the request it was begun by, until it has taken too long or the Reader is closed.
func (r *Reader) background(ctx context.Context, most time.Duration, work func(context.Context) error) *attempt {
	a := &attempt{done: make(chan struct{})}
	r.closing.Lock()
	defer r.closing.Unlock()
	select {
	case <-r.closed:
		a.err = errClosed
		close(a.done)
		return a
	default:
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	r.work.Go(func() {
		defer cancel()
		defer close(a.done)
		a.err = work(ctx)
	})
	go func() {
		select {
		case <-r.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return a
}

// newest returns the newest snapshot, or the one that was when the bucket could last be read, and when that was.
func (r *Reader) newest(ctx context.Context) (*publication, time.Time, error) {
	r.mu.Lock()
	known, seen, failure := r.known, r.seen, r.failure
	due := r.looked.IsZero() || r.now().Sub(r.looked) >= r.refresh
	if due && r.looking == nil {
		r.looking = r.background(ctx, lookTimeout, r.look)
	}
	looking := r.looking
	r.mu.Unlock()
	if !due && known == nil {
		return nil, time.Time{}, failure
	}
	if !due || known != nil && r.now().Sub(seen) < patience {
		return known, seen, nil
	}
	if err := looking.wait(ctx); err != nil && (known == nil || ctx.Err() != nil || errors.Is(err, lake.ErrNoSnapshot)) {
		return nil, time.Time{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		return nil, time.Time{}, r.failure
	}
	return r.known, r.seen, nil
}

// look reads latest.json and, where it names another snapshot than before, the manifest.
func (r *Reader) look(ctx context.Context) error {
	r.mu.Lock()
	found := r.known
	r.mu.Unlock()
	p, err := r.lake.Pointer(ctx)
	if err == nil && (found == nil || found.sum != p.SHA256) {
		found, err = r.read(ctx, p)
	}
	err = unavailable(ctx, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if (err != nil) != (r.failure != nil) {
		r.log.Log(ctx, levelOf(err), "looked for the newest snapshot", "lake", r.lake.Name(), "error", err)
	}
	r.looking, r.looked, r.failure = nil, r.now(), err
	switch {
	case err == nil:
		r.known, r.seen = found, r.now()
	case errors.Is(err, lake.ErrNoSnapshot):
		r.known = nil // the bucket is there, and empty
	}
	return err
}

// read reads the manifest that latest.json names.
func (r *Reader) read(ctx context.Context, p *lake.Pointer) (*publication, error) {
	m, err := r.lake.Manifest(ctx, p.SnapshotDate)
	if errors.Is(err, lake.ErrNoSnapshot) {
		return nil, fmt.Errorf("%w: %s names the snapshot of %s, whose manifest is gone", ErrUnavailable, lake.LatestKey, p.SnapshotDate)
	}
	if err != nil {
		return nil, err
	}
	if m.RunID != p.RunID {
		return nil, fmt.Errorf("%w: the snapshot of %s is being published again", ErrUnavailable, p.SnapshotDate)
	}
	return publicationOf(m, p.SHA256)
}

func publicationOf(m *lake.Manifest, sum string) (*publication, error) {
	zone, err := time.LoadLocation(m.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("the manifest of %s: %w", m.SnapshotDate, err)
	}
	return &publication{sum: sum, manifest: m, zone: zone}, nil
}

// lastWith returns the newest publication that has a part, where the newest of all lacks it since its sources were down; else
// the newest of all, with the part or without.
func (r *Reader) lastWith(ctx context.Context, newest *publication, part dictionary.Domain) (*publication, error) {
	for _, d := range newest.manifest.Domains {
		if d.Name != part.String() || d.Status != lake.DomainMissing || d.Last == "" {
			continue
		}
		m, err := r.lake.Manifest(ctx, d.Last)
		if errors.Is(err, lake.ErrNoSnapshot) {
			break // deleted for its age
		}
		if err != nil {
			return nil, err
		}
		return publicationOf(m, "")
	}
	return newest, nil
}

func levelOf(err error) slog.Level {
	if err != nil {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// Follow looks for a new snapshot every now and then, and loads it, until ctx ends. So neither the first visitor after a start
// nor that of the morning waits. It is optional.
func (r *Reader) Follow(ctx context.Context, every time.Duration) {
	for {
		r.follow(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// follow begins to load the newest snapshot where it is not there yet.
func (r *Reader) follow(ctx context.Context) {
	newest, _, err := r.newest(ctx)
	if err != nil {
		return // look has told
	}
	if v, err := r.usage.get(ctx, r, newest); err == nil {
		v.value.drop()
	}
	if v, err := r.audit.get(ctx, r, newest); err == nil {
		v.value.drop()
	}
}

// Ready returns nil when the newest snapshot can be read, or when nothing was published yet. It asks the bucket at most every
// few seconds.
func (r *Reader) Ready(ctx context.Context) error {
	_, _, err := r.newest(ctx)
	if err == nil {
		r.mu.Lock()
		err = r.failure // of the last look, which may have found the bucket away
		r.mu.Unlock()
	}
	if errors.Is(err, lake.ErrNoSnapshot) {
		return nil
	}
	return err
}

// Snapshot says what is published. lake.ErrNoSnapshot if nothing is.
func (r *Reader) Snapshot(ctx context.Context) (*Snapshot, error) {
	newest, seen, err := r.newest(ctx)
	if err != nil {
		return nil, err
	}
	s := newest.snapshot(seen)
	return &s, nil
}
