package access

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBackoff(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	b := NewBackoff(func() time.Time { return now })
	a, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i := range freeFailures {
		if wait := b.Failed(a); wait != 0 || b.Wait(a) != 0 {
			t.Fatalf("failure %d: wait %s", i+1, wait)
		}
	}
	var waits []time.Duration
	for range 12 {
		wait := b.Failed(a)
		waits = append(waits, wait)
		if b.Wait(a) != wait {
			t.Errorf("wait %s, want %s", b.Wait(a), wait)
		}
		now = now.Add(wait - 1)
		if b.Wait(a) != 1 {
			t.Errorf("wait %s just before the end", b.Wait(a))
		}
		now = now.Add(1)
		if b.Wait(a) != 0 {
			t.Errorf("wait %s at the end", b.Wait(a))
		}
	}
	want := []time.Duration{2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900}
	for i, w := range want {
		if waits[i] != w*time.Second {
			t.Errorf("waits %s, want seconds %d", waits, want)
			break
		}
	}
	if b.Wait(other) != 0 || b.Failed(other) != 0 {
		t.Error("a neighbour waits")
	}
	b.Failed(a)
	now = now.Add(forgetAfter)
	if b.Wait(a) != 0 || b.Failed(a) != 0 {
		t.Error("a client that was quiet for long does not start afresh")
	}
}

func TestBackoffNetworks(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"2001:db8::1", "2001:db8::ffff:1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"::ffff:192.0.2.1", "192.0.2.1", true},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
	} {
		b := NewBackoff(func() time.Time { return now })
		for range 10 {
			b.Failed(netip.MustParseAddr(c.a))
		}
		if same := b.Wait(netip.MustParseAddr(c.b)) > 0; same != c.same {
			t.Errorf("%+v: %v", c, same)
		}
	}
	b := NewBackoff(func() time.Time { return now })
	for range 10 {
		b.Failed(netip.Addr{})
	}
	if b.Wait(netip.Addr{}) == 0 {
		t.Error("who has no address never waits")
	}
}

// TestBackoffIsBounded: who fails from many addresses fills no memory, and who failed last is remembered.
func TestBackoffIsBounded(t *testing.T) {
	now := time.Now()
	b := NewBackoff(func() time.Time { return now })
	busy := netip.MustParseAddr("203.0.113.7")
	client := netip.MustParseAddr("10.0.0.0")
	for i := range 3 * backoffSize {
		if i%1000 == 0 {
			b.Failed(busy)
		}
		client = client.Next()
		b.Failed(client)
	}
	if len(b.clients) != backoffSize || b.order.Len() != backoffSize {
		t.Errorf("%d and %d clients are remembered", len(b.clients), b.order.Len())
	}
	if b.Wait(busy) == 0 {
		t.Error("who fails again and again was forgotten")
	}
}

// TestBackoffWaits: whatever the order of failures and time, a wait is never negative or longer than the longest, and
// within it never grows by itself.
func TestBackoffWaits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		b := NewBackoff(func() time.Time { return now })
		a := netip.MustParseAddr("192.0.2.1")
		failed := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			before := b.Wait(a)
			if rapid.Bool().Draw(t, "fails") {
				failed++
				if after := b.Failed(a); after < 0 || after > longestWait || failed <= freeFailures && after != 0 {
					t.Fatalf("wait %s after %d failures", after, failed)
				}
				continue
			}
			now = now.Add(time.Duration(rapid.IntRange(0, int(20*time.Minute)).Draw(t, "pause")))
			if after := b.Wait(a); after > before || after < 0 {
				t.Fatalf("wait %s, before %s", after, before)
			}
		}
	})
}
