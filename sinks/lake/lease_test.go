package lake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/memblob"

	"github.com/usagereport/usagereport/sinks/sinktest"
)

// TestOneOfMany lets many acquire the lease at the same moment, again and again: one gets it each time (I8).
func TestOneOfMany(t *testing.T) {
	withoutSync(t)
	forEachLake(t, func(t *testing.T, base *Lake, _ *blob.Bucket) {
		if strings.HasSuffix(t.Name(), "/as_bucket") {
			t.Skip("the driver's own condition does not hold")
		}
		rounds, runs := 100, 4
		if strings.HasSuffix(t.Name(), "/gs") {
			rounds, runs = 30, 2 // the server is slow
		}
		for round := range rounds {
			var wg sync.WaitGroup
			begin := make(chan struct{})
			leases, errs := make([]*Lease, runs), make([]error, runs)
			for i := range runs {
				wg.Go(func() {
					<-begin
					leases[i], errs[i] = base.Acquire(t.Context(), fmt.Sprint("run-", i))
				})
			}
			close(begin)
			wg.Wait()
			held := 0
			for i, s := range leases {
				if s != nil {
					held++
					must(t, s.Release(t.Context()))
				} else if !errors.Is(errs[i], ErrHeld) {
					t.Errorf("round %d: %v", round, errs[i])
				}
			}
			if held != 1 {
				t.Fatalf("round %d: %d hold the lease: %v", round, held, errs)
			}
		}
		_, c, err := base.lastRecord(t.Context())
		must(t, err)
		if len(c.old) > 3 {
			t.Errorf("%d old records are left", len(c.old))
		}
	})
}

// TestTakeOver: on every kind of bucket the time of a lease that nobody renews comes to its end.
func TestTakeOver(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, _ *blob.Bucket) {
		t.Parallel() // it waits for the store's clock
		l.LeaseTTL = 100 * time.Millisecond
		dead, err := l.Acquire(t.Context(), "dead")
		must(t, err)
		dead.runOut()
		_, err = l.Acquire(t.Context(), "next")
		var held *HeldError
		if !errors.As(err, &held) || held.Holder != "dead" {
			t.Fatalf("got %v", err)
		}
		if wait := time.Until(held.Until); wait > 10*time.Second {
			t.Fatalf("it ends only in %s", wait)
		}
		l.LeaseTTL = 0
		next := acquireWhenFree(t, l, "next")
		if err := dead.Renew(t.Context()); !errors.Is(err, ErrLeaseLost) {
			t.Errorf("the dead one renews: %v", err)
		}
		must(t, dead.Release(t.Context()))
		must(t, next.Renew(t.Context()))
		must(t, next.Release(t.Context()))
	})
}

// acquireWhenFree waits for the end of a lease that is held.
func acquireWhenFree(t *testing.T, l *Lake, holder string) *Lease {
	t.Helper()
	for {
		s, err := l.Acquire(t.Context(), holder)
		var held *HeldError
		if !errors.As(err, &held) {
			must(t, err)
			return s
		}
		select {
		case <-time.After(max(time.Until(held.Until), 50*time.Millisecond)):
		case <-t.Context().Done():
			t.Fatal("it did not end")
		}
	}
}

// TestRenewal goes through the hours of a lease on a clock of the test's: of a holder that renews, of one whose bucket
// fails for a while, and of one whose bucket fails for good (I9).
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memblob.OpenBucket(nil)
		sound, err := New(b, "mem", "")
		must(t, err)
		down := errors.New("bucket down")
		var mu sync.Mutex
		var until time.Time
		l, err := New(sinktest.Wrap(b, func(sinktest.Call) sinktest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if time.Now().Before(until) {
				return sinktest.Fault{Err: down}
			}
			return sinktest.Fault{}
		}), "mem", "")
		must(t, err)
		fail := func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			until = time.Now().Add(d)
		}
		s, err := l.Acquire(t.Context(), "long")
		must(t, err)
		ctx, cancel := s.Guard(t.Context())
		defer cancel()

		time.Sleep(5 * time.Hour)
		_, c, err := sound.lastRecord(t.Context())
		must(t, err)
		if ctx.Err() != nil || len(c.old) > 0 || c.last < 500 {
			t.Errorf("after five hours: %v, %d records and %d old ones", context.Cause(ctx), c.last, len(c.old))
		}
		if _, err := sound.Acquire(t.Context(), "other"); !errors.Is(err, ErrHeld) {
			t.Errorf("another acquires: %v", err)
		}
		fail(50 * time.Second)
		time.Sleep(10 * time.Minute)
		if ctx.Err() != nil {
			t.Fatalf("50 seconds without bucket: %v", context.Cause(ctx))
		}

		_, c, err = sound.lastRecord(t.Context())
		must(t, err)
		fail(24 * time.Hour)
		<-ctx.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, ErrLeaseLost) || !errors.Is(cause, down) {
			t.Errorf("the cause is %v", cause)
		}
		if held := time.Since(c.written); held != 90*time.Second {
			t.Errorf("it acted for %s on one record", held)
		}
		for {
			next, err := sound.Acquire(t.Context(), "next")
			if err == nil {
				must(t, next.Release(t.Context()))
				break
			}
			if !errors.Is(err, ErrHeld) {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if after := time.Since(c.written); after != 122*time.Second {
			t.Errorf("it was taken over %s after the last record", after)
		}
		fail(0)
		must(t, s.Release(t.Context()))
		if next, err := sound.Acquire(t.Context(), "next"); err != nil {
			t.Error(err)
		} else {
			must(t, next.Release(t.Context()))
		}
	})
}

// TestSlowBucket: a holder's time counts from before its request, since a record's may count from any moment until the answer.
func TestSlowBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slow = 20 * time.Second
		b := memblob.OpenBucket(nil)
		sound, err := New(b, "mem", "")
		must(t, err)
		down := time.Now().Add(time.Hour)
		l, err := New(sinktest.Wrap(b, func(c sinktest.Call) sinktest.Fault {
			if time.Now().After(down) {
				return sinktest.Fault{Err: errors.New("bucket down")}
			}
			if c.Op == sinktest.Close {
				time.Sleep(slow)
			}
			return sinktest.Fault{}
		}), "mem", "")
		must(t, err)
		s, err := l.Acquire(t.Context(), "slow")
		must(t, err)
		ctx, cancel := s.Guard(t.Context())
		defer cancel()
		<-ctx.Done()
		_, c, err := sound.lastRecord(t.Context())
		must(t, err)
		if held := time.Since(c.written); held != 90*time.Second-slow || time.Now().Before(down) {
			t.Errorf("it acted for %s on its last record, until %s", held, time.Now())
		}
		if err := s.Release(t.Context()); err == nil {
			t.Error("released though the bucket is down")
		}
	})
}

// TestSleepingMachine: the time of a machine that slept counts, though no timer went off.
func TestSleepingMachine(t *testing.T) {
	l := memLake(t)
	var mu sync.Mutex
	var slept time.Duration
	l.now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(slept)
	}
	s, err := l.Acquire(t.Context(), "laptop")
	must(t, err)
	mu.Lock()
	slept = 2 * time.Minute
	mu.Unlock()
	if err := s.Renew(t.Context()); !errors.Is(err, ErrLeaseLost) || !strings.Contains(err.Error(), "stopped for a while") {
		t.Errorf("got %v", err)
	}
	must(t, s.Release(t.Context()))
}

// TestCollectedNumber: a holder that slept through others' terms can write the record that once stood in its way, since
// that was collected; it has lost the lease all the same.
func TestCollectedNumber(t *testing.T) {
	l := memLake(t)
	old, err := l.Acquire(t.Context(), "old")
	must(t, err)
	must(t, l.BreakLease(t.Context()))
	for range 2 {
		s, err := l.Acquire(t.Context(), "other")
		must(t, err)
		must(t, s.Release(t.Context()))
	}
	last, _, err := l.lastRecord(t.Context())
	must(t, err)
	if err := old.Renew(t.Context()); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("got %v", err)
	}
	if _, found, _ := l.exists(t.Context(), leaseKey(2)); !found {
		t.Error("the record still stood in its way, so this test shows nothing")
	}
	must(t, old.Release(t.Context()))
	if now, _, err := l.lastRecord(t.Context()); err != nil || *now != *last {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestHeldError(t *testing.T) {
	l := memLake(t)
	s, err := l.Acquire(t.Context(), "20261121T023000Z-2026-11-21")
	must(t, err)
	_, err = l.Begin(t.Context(), newer.info())
	var held *HeldError
	if !errors.As(err, &held) || !errors.Is(err, ErrHeld) {
		t.Fatal(err)
	}
	if held.Holder != s.rec.Holder || held.PID != s.rec.PID || held.Host != s.rec.Host || held.Until.Sub(held.Since) < DefaultLeaseTTL {
		t.Errorf("%+v", held)
	}
	fixed := HeldError{
		Lake: "s3://acme/usage", Holder: "20261121T023000Z-2026-11-21", Host: "batch-7", PID: 4711,
		Since: time.Date(2026, 11, 21, 2, 30, 0, 0, time.UTC), Until: time.Date(2026, 11, 21, 2, 41, 32, 5e8, time.UTC),
	}
	const want = "s3://acme/usage: another run holds the lease: 20261121T023000Z-2026-11-21 (host batch-7, process 4711) " +
		"since 2026-11-21T02:30:00Z; it ends at 2026-11-21T02:41:32Z unless that run renews it; nothing was changed: start again after that"
	if fixed.Error() != want {
		t.Errorf("got  %s\nwant %s", fixed.Error(), want)
	}
	must(t, s.Release(t.Context()))
	must(t, newer.publish(t.Context(), l))
}

func TestRelease(t *testing.T) {
	l := memLake(t)
	s, err := l.Acquire(t.Context(), "run")
	must(t, err)
	ctx, cancel := s.Guard(t.Context())
	defer cancel()
	gone, stop := context.WithCancel(t.Context())
	stop()
	must(t, s.Release(gone))
	<-ctx.Done()
	for range 2 {
		must(t, s.Release(t.Context()))
	}
	if err := s.Renew(t.Context()); !errors.Is(err, ErrLeaseLost) || !strings.Contains(err.Error(), "released") {
		t.Errorf("renewed after release: %v", err)
	}
	last, _, err := l.lastRecord(t.Context())
	must(t, err)
	if last.Number != 2 || !last.Released {
		t.Errorf("%+v", last)
	}
}

// TestLeaseUnderFaults lets each request of taking, renewing and releasing fail in turn, before or after it took
// effect: nobody else gets in while the lease is held, and nobody is kept out for longer than its time.
func TestLeaseUnderFaults(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			b := memblob.OpenBucket(nil)
			sound, err := New(b, "mem", "")
			must(t, err)
			must(t, first.publish(t.Context(), sound)) // records to collect
			var mu sync.Mutex
			count := 0
			var failed sinktest.Call
			l, err := New(sinktest.Wrap(b, func(c sinktest.Call) sinktest.Fault {
				mu.Lock()
				defer mu.Unlock()
				if count++; count != n {
					return sinktest.Fault{}
				}
				failed = c
				return sinktest.Fault{Err: errors.New("failed"), After: after}
			}), "mem", "")
			must(t, err)
			s, err := l.Acquire(t.Context(), "run")
			if err == nil {
				if err := s.Renew(t.Context()); err != nil && errors.Is(err, ErrLeaseLost) {
					t.Errorf("%v: %v", failed, err)
				}
				if _, err := sound.Acquire(t.Context(), "other"); !errors.Is(err, ErrHeld) {
					t.Errorf("%v: another acquires: %v", failed, err)
				}
				err = s.Release(t.Context())
			}
			if err != nil && !strings.Contains(err.Error(), "failed") {
				t.Errorf("%v: the error hides its cause: %v", failed, err)
			}
			next, err := sound.Acquire(t.Context(), "next")
			if err != nil {
				t.Errorf("%v: %v", failed, err)
			} else {
				must(t, next.Release(t.Context()))
			}
			if count < n {
				if n < 20 {
					t.Errorf("only %d requests", n)
				}
				break
			}
		}
	}
}

// unconditional is a store that overwrites what it is asked to create.
type unconditional struct{ driver.Bucket }

func (b unconditional) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (driver.Writer, error) {
	opts.IfNotExist = false
	return b.Bucket.NewTypedWriter(ctx, key, contentType, opts)
}

func TestUnconditionalStore(t *testing.T) {
	b := sinktest.Driver(memblob.OpenBucket(nil), func(sinktest.Call) sinktest.Fault { return sinktest.Fault{} })
	l, err := New(blob.NewBucket(unconditional{b}), "s3://old", "")
	must(t, err)
	for range 2 {
		if _, err := l.Begin(t.Context(), first.info()); !errors.Is(err, ErrUnconditional) || !strings.Contains(err.Error(), "lake.bucket") {
			t.Errorf("got %v", err)
		}
	}
}

// TestEmptiedLease: somebody took the lease's records for litter while a publication was to be finished.
func TestEmptiedLease(t *testing.T) {
	l := memLake(t)
	must(t, first.publish(t.Context(), l))
	for n := 1; ; n++ {
		step, err := runUntil(l, n, second.publishNoAbort)
		if step == "placed" {
			break
		}
		if step == "" {
			t.Fatal(err)
		}
		_, err = l.Recover(t.Context())
		must(t, err)
	}
	keys, err := l.list(t.Context(), leaseDir)
	must(t, err)
	for _, key := range keys {
		must(t, l.remove(t.Context(), key))
	}
	done, err := l.Recover(t.Context())
	must(t, err)
	if !done {
		t.Error("the publication was forgotten")
	}
	inspect(t, l.bucket, "")
	_, err = l.Verify(t.Context(), day2)
	must(t, err)
}

// TestCancelledWhileObjectsChange: requests that were cancelled may take effect late, so the next run waits.
func TestCancelledWhileObjectsChange(t *testing.T) {
	withoutSync(t)
	forEachLake(t, func(t *testing.T, l *Lake, b *blob.Bucket) {
		must(t, first.publish(t.Context(), l))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		weak := *l
		weak.hook = func(step string) {
			if step == "marked" {
				cancel()
			}
		}
		err := second.publish(ctx, &weak)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnfinished) || errors.Is(err, ErrLeaseLost) {
			t.Errorf("got %v", err)
		}
		_, err = l.Recover(t.Context())
		if l.local != nil {
			must(t, err) // no request outlives its process
		} else {
			if !errors.Is(err, ErrHeld) {
				t.Errorf("the next run begins at once: %v", err)
			}
			must(t, l.BreakLease(t.Context()))
			_, err = l.Recover(t.Context())
			must(t, err)
		}
		inspect(t, b, l.prefix)
		m, err := l.Manifest(t.Context(), day2)
		must(t, err)
		if m.RunID != second.run {
			t.Errorf("%s is published", m.RunID)
		}
	})
}

// TestLeaseRequests counts what the lease costs a night.
func TestLeaseRequests(t *testing.T) {
	b := memblob.OpenBucket(nil)
	var mu sync.Mutex
	var calls []string
	l, err := New(sinktest.Wrap(b, func(c sinktest.Call) sinktest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(c.Key, leaseDir) && !slices.Contains([]sinktest.Op{sinktest.Fetch, sinktest.Open, sinktest.Write}, c.Op) {
			calls = append(calls, string(c.Op))
		}
		return sinktest.Fault{}
	}), "mem", "")
	must(t, err)
	must(t, first.publish(t.Context(), l))
	calls = nil
	take := func() string {
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(calls)
		got := strings.Join(calls, " ")
		calls = nil
		return got
	}
	// "close" is a put; of taking, the second is the proof that the store refuses, the deletes collect the last night's.
	s, err := l.Acquire(t.Context(), "run")
	must(t, err)
	if got := take(); got != "close close delete delete delete delete delete list list read" {
		t.Errorf("taking: %s", got)
	}
	_, err = l.Acquire(t.Context(), "other")
	if got := take(); !errors.Is(err, ErrHeld) || got != "attributes close list read" {
		t.Errorf("finding it held: %s", got)
	}
	must(t, s.Renew(t.Context()))
	if got := take(); got != "close list" {
		t.Errorf("renewing: %s", got)
	}
	must(t, s.Release(t.Context()))
	if got := take(); got != "close" {
		t.Errorf("releasing: %s", got)
	}
	must(t, second.publish(t.Context(), l))
	if got := len(strings.Fields(take())); got > 20 {
		t.Errorf("a night: %d requests", got)
	}
}

func memLake(t *testing.T) *Lake {
	l, err := New(memblob.OpenBucket(nil), "mem", "")
	must(t, err)
	return l
}
