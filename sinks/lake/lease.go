package lake

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// DefaultLeaseTTL is how long a lease stands that is not renewed. A run that dies blocks the next one that long.
const DefaultLeaseTTL = 2 * time.Minute

// Of a lease's time its holder uses three quarters, and renews it every quarter. The last quarter is for requests that
// are under way when the holder stops, and for clocks that do not run at one speed.
const (
	holderParts, ttlParts = 3, 4
	clockGrain            = 2 * time.Second // stores keep the times of objects in whole seconds
)

// Lease is the right to write below the prefix, for one run at a time (I8, I9). It renews itself in the background
// until it is released or lost. It is safe for concurrent use.
type Lease struct {
	lake *Lake
	ttl  time.Duration
	quit chan struct{} // closed by Release
	done chan struct{} // closed when nothing renews it any more

	chain sync.Mutex  // one record is written at a time; guards rec
	rec   leaseRecord // the highest known, and ours
	freed bool        // rec need not be followed by a released one any more

	mu    sync.Mutex    // guards what follows; never held while a request is under way
	sent  time.Time     // when the newest confirmed record was about to be written: its time counts from here
	alarm *time.Timer   // goes off when the holder's time is over
	lost  chan struct{} // closed when the lease is lost or released
	err   error         // why
	last  error         // of the newest attempt to renew
}

// Acquire takes the lease of the bucket and prefix, or returns a *HeldError at once: it never waits. A lease that
// its holder has neither renewed nor released in time is taken over. The holder's name, such as a run id, is for
// people. The caller releases the lease.
func (l *Lake) Acquire(ctx context.Context, holder string) (*Lease, error) {
	s, err := l.acquire(ctx, holder)
	if err != nil {
		return nil, fmt.Errorf("acquire the lease: %w", err)
	}
	l.step("acquired")
	return s, nil
}

func (l *Lake) acquire(ctx context.Context, holder string) (*Lease, error) {
	last, c, err := l.lastRecord(ctx)
	if err != nil {
		return nil, err
	}
	if last != nil && !last.Released {
		now, err := l.bucketTime(ctx)
		if err != nil {
			return nil, err
		}
		if held := l.held(last, c); now.Before(held.Until) {
			return nil, held
		}
	}
	s, err := l.newLease(ctx, last, holder)
	if err != nil {
		return nil, err
	}
	if err := s.take(ctx); err != nil {
		if !errors.Is(err, errOutrun) {
			return nil, errors.Join(err, s.withdraw(ctx))
		}
		if last, c, err = l.lastRecord(ctx); err == nil && last != nil {
			return nil, l.held(last, c)
		}
		return nil, errors.Join(fmt.Errorf("%s: %w: it was a moment faster", l.Name(), ErrHeld), err)
	}
	go s.keep(context.WithoutCancel(ctx))
	return s, nil
}

func (l *Lake) held(r *leaseRecord, c chain) *HeldError {
	return &HeldError{
		Lake: l.Name(), Holder: r.Holder, Host: r.Host, PID: r.PID, Since: r.Since,
		Until: c.written.Add(r.ttl() + clockGrain),
	}
}

// newLease makes the lease that follows on a record, or on none; nothing is written yet.
func (l *Lake) newLease(ctx context.Context, last *leaseRecord, holder string) (*Lease, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // it is for people only
	}
	number, ttl := int64(1), l.LeaseTTL
	if ttl <= 0 {
		ttl = DefaultLeaseTTL
	}
	s := &Lease{lake: l, ttl: ttl, quit: make(chan struct{}), done: make(chan struct{}), lost: make(chan struct{})}
	s.rec = leaseRecord{
		Format: FormatVersion, Holder: holder, Host: host, PID: os.Getpid(), ID: rand.Text(),
		Since: l.now().UTC().Truncate(time.Second), Seconds: ttl.Seconds(),
	}
	if last != nil {
		number, s.rec.Publication = last.Number+1, last.Publication
	} else if it, err := l.readIntent(ctx, IntentKey); err != nil {
		return nil, err
	} else if it != nil {
		// Somebody has emptied the lease's folder while a publication was to be finished.
		s.rec.Publication = it.pending()
	}
	s.rec.Number, s.rec.Term = number, number
	return s, nil
}

// take writes the first record of the lease.
func (s *Lease) take(ctx context.Context) error {
	s.sent = s.lake.now()
	_, old, err := s.lake.append(ctx, &s.rec)
	if err != nil {
		return err
	}
	s.alarm = time.AfterFunc(s.span()-elapsed(s.sent, s.lake.now()), func() { _ = s.check() }) // which tells all who wait
	if err := s.lake.proveCondition(ctx, &s.rec); err != nil {
		return err
	}
	return s.lake.each(old, func(key string) error { return s.lake.remove(ctx, key) })
}

// withdraw ends a lease that could not be taken for good, if its first record stands. Should that fail too, it runs out.
func (s *Lease) withdraw(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if stands, err := s.lake.readRecord(ctx, s.rec.Number); err != nil || stands.ID != s.rec.ID {
		return ignoreNotFound(err)
	}
	return s.free(ctx)
}

// span is how long a holder acts on one record.
func (s *Lease) span() time.Duration { return s.ttl * holderParts / ttlParts }

// keep renews the lease until it is released or lost.
func (s *Lease) keep(ctx context.Context) {
	defer close(s.done)
	ctx, cancel := s.Guard(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.quit:
			cancel() // a renewal that is under way
		case <-ctx.Done():
		}
	}()
	quarter := s.ttl / ttlParts
	wait := time.NewTimer(s.due(quarter))
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		old, err := s.advance(ctx, func(*leaseRecord) {})
		s.mu.Lock()
		s.last = err
		s.mu.Unlock()
		if err != nil {
			wait.Reset(quarter / 4)
			continue
		}
		wait.Reset(s.due(quarter))
		for _, key := range old {
			_ = s.lake.remove(ctx, key) // what is left over is listed, and removed, the next time
		}
	}
}

// Renew makes certain, by a request, that the lease is held, and renews it. ErrLeaseLost if it is not. Whatever must
// not happen twice is done right after it.
func (s *Lease) Renew(ctx context.Context) error {
	_, err := s.advance(ctx, func(*leaseRecord) {})
	return err
}

// advance writes the next record, as change has it, and returns the keys of the older ones. This is the fence: the
// record is created where none stands, so that it fails when any other run has done anything with the lease (I8).
// ErrLeaseLost then; after another error the record may stand, and the next one follows on it.
func (s *Lease) advance(ctx context.Context, change func(*leaseRecord)) (old []string, err error) {
	s.chain.Lock()
	defer s.chain.Unlock()
	for {
		if err := s.check(); err != nil {
			return nil, err
		}
		next := s.rec
		next.Number++
		change(&next)
		sent := s.lake.now()
		stands, old, err := s.lake.append(ctx, &next)
		if errors.Is(err, errOutrun) {
			return nil, s.lose(err)
		}
		if err != nil {
			return nil, fmt.Errorf("renew the lease: %w", err)
		}
		s.rec = *stands
		if stands == &next {
			s.extend(sent)
			return old, nil
		}
		// That was an earlier attempt, of which we never heard. Its time may be nearly over: go on from there.
	}
}

func (s *Lease) extend(sent time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = sent
	if s.err == nil {
		s.alarm.Reset(s.span() - elapsed(sent, s.lake.now()))
	}
}

// due is how long to wait for the next renewal.
func (s *Lease) due(every time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return every - elapsed(s.sent, s.lake.now())
}

// elapsed is how much time has passed, by the clock on the wall or the one that only runs, whichever says more: one
// can be set back, the other stands still while the machine sleeps.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// check says, without a request, whether the lease may still be used: ErrLeaseLost when its time is over.
func (s *Lease) check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if elapsed(s.sent, s.lake.now()) < s.span() {
		return nil
	}
	cause := s.last
	if cause == nil {
		cause = errors.New("this process or its machine was stopped for a while")
	}
	return s.loseLocked(fmt.Errorf("it was not renewed in time: %w", cause))
}

func (s *Lease) lose(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loseLocked(cause)
}

func (s *Lease) loseLocked(cause error) error {
	if s.err == nil {
		s.err = fmt.Errorf("%w: %w; nothing more is published by this run", ErrLeaseLost, cause)
		close(s.lost)
	}
	return s.err
}

// explain asks, when something has failed, whether another run has taken the lease: that is then why. What failed is
// told, but not wrapped, except that a publication is not finished.
func (s *Lease) explain(ctx context.Context, err error) error {
	lost := s.check()
	if lost == nil && ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		lost = s.Renew(ctx)
	}
	switch {
	case !errors.Is(lost, ErrLeaseLost):
		return err // whatever kept it from renewing is told already
	case errors.Is(err, ErrUnfinished):
		return fmt.Errorf("%w; %w by this run: %s", lost, ErrUnfinished, err.Error())
	}
	return fmt.Errorf("%w: %s", lost, err.Error())
}

func (s *Lease) term() int64 {
	s.chain.Lock()
	defer s.chain.Unlock()
	return s.rec.Term
}

// publication returns what the newest record says is recorded and not over, or nil.
func (s *Lease) publication() *pending {
	s.chain.Lock()
	defer s.chain.Unlock()
	return s.rec.Publication
}

// Guard returns a context that ends when the lease is lost or released, with that error as its cause: everything that is done
// under the lease is done with it. The caller cancels it.
func (s *Lease) Guard(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.lost:
			cancel(s.check())
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// Release gives the lease back, so that the next run can start at once. It works also when ctx is cancelled or the lease is
// lost, and can be called again: only a first call that failed is repeated then. A lease that cannot be released runs out.
func (s *Lease) Release(ctx context.Context) error {
	s.stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return s.free(ctx)
}

// runOut ends every use of the lease but leaves it standing, so that the next run begins only when its time is over.
func (s *Lease) runOut() {
	s.stop()
	s.chain.Lock()
	defer s.chain.Unlock()
	s.freed = true
}

// stop ends the renewing, and every use of the lease.
func (s *Lease) stop() {
	s.mu.Lock()
	select {
	case <-s.quit:
	default:
		close(s.quit)
	}
	_ = s.loseLocked(errors.New("it was released"))
	s.alarm.Stop()
	s.mu.Unlock()
	<-s.done
}

// free writes the record that says that nobody holds the lease, unless another run follows already.
func (s *Lease) free(ctx context.Context) error {
	s.chain.Lock()
	defer s.chain.Unlock()
	for !s.freed {
		next := s.rec
		next.Number++
		next.Released = true
		stands, err := s.lake.create(ctx, &next)
		switch {
		case errors.Is(err, errOutrun):
			s.freed = true
		case err != nil:
			return fmt.Errorf("release the lease, which runs out by itself now: %w", err)
		default:
			s.rec, s.freed = *stands, stands.Released
		}
	}
	s.lake.step("released")
	return nil
}

// BreakLease ends the lease, whoever holds it, without waiting for its time. It is for one who knows that the holder
// is dead: of one that lives it breaks the promise that requests under way are over before the next run starts (I9).
func (l *Lake) BreakLease(ctx context.Context) error {
	last, _, err := l.lastRecord(ctx)
	if err != nil {
		return fmt.Errorf("break the lease: %w", err)
	}
	if last == nil || last.Released {
		return nil
	}
	s := &Lease{lake: l, rec: *last}
	s.rec.ID = rand.Text() // the holder must not take the record for its own
	if err := s.free(ctx); err != nil {
		return fmt.Errorf("break the lease: %w", err)
	}
	return nil
}
