package access_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/usagereport/usagereport/admin/access"
)

// TestCache: requests share reads, and a revocation elsewhere is seen within seconds.
func TestCache(t *testing.T) {
	c, m := newClock(), newMemory()
	here, there := access.NewKeys(m, c.now), access.NewKeys(m, c.now)
	text, key := create(t, here, access.New{})
	unknown, _ := create(t, access.NewKeys(newMemory(), c.now), access.New{})
	for range 10 {
		if _, err := here.Authenticate(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		if _, err := here.Authenticate(t.Context(), unknown); !errors.Is(err, access.ErrUnknownKey) {
			t.Fatal(err)
		}
	}
	if m.reads != 2 {
		t.Errorf("%d reads, want 2", m.reads)
	}
	if _, err := there.Revoke(t.Context(), key.ID, "sec"); err != nil {
		t.Fatal(err)
	}
	c.add(3*time.Second - 1)
	if _, err := here.Authenticate(t.Context(), text); err != nil {
		t.Errorf("remembered: %v", err)
	}
	c.add(1)
	if _, err := here.Authenticate(t.Context(), text); !errors.Is(err, access.ErrRevoked) {
		t.Errorf("revoked elsewhere: %v", err)
	}
	// A clock that was set back makes nothing last.
	c.add(-time.Hour)
	reads := m.reads
	if _, err := here.Authenticate(t.Context(), text); !errors.Is(err, access.ErrRevoked) || m.reads != reads+1 {
		t.Errorf("%v after %d reads", err, m.reads-reads)
	}
}

// TestOneReadForMany: callers at the same time wait for one read, and one that goes away does not fail the others.
func TestOneReadForMany(t *testing.T) {
	c, m := newClock(), newMemory()
	k := access.NewKeys(m, c.now)
	text, _ := create(t, k, access.New{})
	m.wait = make(chan struct{})
	first, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- second(k.Authenticate(first, text)) }()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away: %v", err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := k.Authenticate(t.Context(), text); err != nil {
				t.Error(err)
			}
		})
	}
	close(m.wait)
	wg.Wait()
}

// TestRevokedWhileRead: what was read before a revocation by this very process is not remembered after it.
func TestRevokedWhileRead(t *testing.T) {
	c, m := newClock(), newMemory()
	k := access.NewKeys(m, c.now)
	text, key := create(t, k, access.New{})
	hold := make(chan struct{})
	m.hold = hold
	done := make(chan error)
	go func() { done <- second(k.Authenticate(t.Context(), text)) }()
	<-hold
	if _, err := k.Revoke(t.Context(), key.ID, "sec"); err != nil {
		t.Fatal(err)
	}
	hold <- struct{}{}
	if err := <-done; err != nil {
		t.Errorf("a request that was let in before: %v", err)
	}
	if _, err := k.Authenticate(t.Context(), text); !errors.Is(err, access.ErrRevoked) {
		t.Errorf("the next: %v", err)
	}
}

// TestCacheIsBounded: guesses cannot fill the memory, nor push out what is known of keys.
func TestCacheIsBounded(t *testing.T) {
	c, m := newClock(), newMemory()
	k := access.NewKeys(m, c.now)
	text, _ := create(t, k, access.New{})
	if _, err := k.Authenticate(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * access.CacheSize {
		if _, err := k.Principal(t.Context(), access.IDOf(i)); !errors.Is(err, access.ErrUnknownKey) {
			t.Fatal(err)
		}
	}
	if known, unknown := k.Cached(); known != 1 || unknown > access.CacheSize {
		t.Errorf("%d keys and %d guesses are remembered", known, unknown)
	}
	reads := m.reads
	if _, err := k.Authenticate(t.Context(), text); err != nil || m.reads != reads {
		t.Errorf("%v after %d reads", err, m.reads-reads)
	}
}
