package access

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	cacheFor    = 3 * time.Second // how late a revocation may be seen
	cacheSize   = 4096            // entries of keys that exist, and as many of ids that do not
	readTimeout = 5 * time.Second // that a request waits for the store
)

// cache remembers for a few seconds what the store said of a key, so that requests do not wait for it each time. What
// failed is not remembered, and nothing is believed for longer because the store is away.
type cache struct {
	now func() time.Time

	flight  singleflight.Group
	mu      sync.Mutex
	known   map[string]entry
	unknown map[string]entry // apart, so that guesses do not push keys out
	version uint64           // raised by drop: what was read before it is not remembered
}

type entry struct {
	s  *stored // nil: there is none
	at time.Time
}

// get returns what read says of an id, or said at most cacheFor ago. Several callers at a time share one read.
func (c *cache) get(ctx context.Context, id string, read func(context.Context, string) (*stored, error)) (*stored, error) {
	c.mu.Lock()
	e, ok := c.known[id]
	if !ok {
		e, ok = c.unknown[id]
	}
	c.mu.Unlock()
	if age := c.now().Sub(e.at); ok && 0 <= age && age < cacheFor {
		return e.s, nil
	}
	result := c.flight.DoChan(id, func() (any, error) {
		// The first caller may go away, the others still want to know.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		c.mu.Lock()
		version := c.version
		c.mu.Unlock()
		at := c.now()
		s, err := read(ctx, id)
		if err == nil {
			c.put(id, entry{s: s, at: at}, version)
		}
		return s, err
	})
	select {
	case r := <-result:
		s, _ := r.Val.(*stored)
		return s, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *cache) put(id string, e entry, version uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if version != c.version {
		return
	}
	delete(c.known, id)
	delete(c.unknown, id)
	m := &c.known
	if e.s == nil {
		m = &c.unknown
	}
	if *m == nil || len(*m) >= cacheSize {
		*m = map[string]entry{} // entries are worth a read each, and live for seconds
	}
	(*m)[id] = e
}

// drop forgets an id.
func (c *cache) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	delete(c.known, id)
	delete(c.unknown, id)
	c.flight.Forget(id)
}
