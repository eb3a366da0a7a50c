package access

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

const (
	freeFailures = 5               // that a client may have before it must wait
	firstWait    = 2 * time.Second // after one more; each further doubles it
	longestWait  = 15 * time.Minute
	forgetAfter  = time.Hour // without a failure, a client starts afresh
	backoffSize  = 10_000    // clients that are remembered
)

// Backoff slows down who guesses keys: after a few failures a client waits, longer after each more. It knows clients by
// address, those of IPv6 by their /64, of which one client has all; nobody waits for what another did. It is safe for concurrent use, and
// remembers a bounded number of clients: those that failed last.
type Backoff struct {
	now func() time.Time

	mu      sync.Mutex
	clients map[netip.Prefix]*list.Element
	order   list.List // of *failures, who failed last in front
}

type failures struct {
	client netip.Prefix
	count  int
	last   time.Time
	until  time.Time // no attempt before
}

// NewBackoff returns a Backoff that nobody has to wait for yet.
func NewBackoff(now func() time.Time) *Backoff {
	return &Backoff{now: now, clients: map[netip.Prefix]*list.Element{}}
}

// Wait returns how long a client has to wait before an attempt is looked at, 0 if it need not: 429, with Retry-After. An attempt
// that is not looked at is not counted.
func (b *Backoff) Wait(client netip.Addr) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.clients[network(client)]
	if !ok {
		return 0
	}
	return max(0, e.Value.(*failures).until.Sub(b.now()))
}

// Failed counts a failed attempt, and returns how long the client has to wait now.
func (b *Backoff) Failed(client netip.Addr) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, n := b.now(), network(client)
	e, ok := b.clients[n]
	if !ok {
		if len(b.clients) >= backoffSize {
			oldest := b.order.Back()
			delete(b.clients, b.order.Remove(oldest).(*failures).client)
		}
		e = b.order.PushFront(&failures{client: n})
		b.clients[n] = e
	}
	b.order.MoveToFront(e)
	f := e.Value.(*failures)
	if now.Sub(f.last) >= forgetAfter {
		f.count = 0
	}
	f.count++
	f.last = now
	if f.count <= freeFailures {
		return 0
	}
	wait := longestWait
	if doublings := f.count - freeFailures - 1; doublings < 16 {
		wait = min(longestWait, firstWait<<doublings)
	}
	f.until = now.Add(wait)
	return wait
}

// network returns what a client is known by.
func network(client netip.Addr) netip.Prefix {
	client = client.Unmap().WithZone("")
	bits := client.BitLen()
	if client.Is6() {
		bits = 64
	}
	p, err := client.Prefix(bits)
	if err != nil { // the zero Addr: all whose address is not known are one client
		return netip.Prefix{}
	}
	return p
}
