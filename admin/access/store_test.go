package access_test

import (
	"context"
	"sync"
	"time"

	"github.com/usagereport/usagereport/sinks/lake"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// memory is a store in memory that can be away.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	reads   int
	away    error
	wait    chan struct{} // reads wait for it
	hold    chan struct{} // the next read waits for it before it returns what it read
}

func newMemory() *memory { return &memory{objects: map[string][]byte{}} }

func (m *memory) Create(_ context.Context, id string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[id]; ok {
		return lake.ErrExists
	}
	m.objects[id] = data
	return m.away
}

func (m *memory) Replace(_ context.Context, id string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away == nil {
		m.objects[id] = data
	}
	return m.away
}

func (m *memory) Read(ctx context.Context, id string) ([]byte, error) {
	if m.wait != nil {
		select {
		case <-m.wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	m.mu.Lock()
	m.reads++
	data, ok := m.objects[id]
	away, hold := m.away, m.hold
	m.hold = nil
	m.mu.Unlock()
	if hold != nil {
		hold <- struct{}{} // it has read
		<-hold
	}
	switch {
	case away != nil:
		return nil, away
	case !ok:
		return nil, lake.ErrNotFound
	}
	return data, nil
}

func (m *memory) List(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	for id := range m.objects {
		ids = append(ids, id)
	}
	return ids, m.away
}
