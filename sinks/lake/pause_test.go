package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gocloud.dev/blob"
)

// The runs of the tests of paused holders: they publish a date twice, or a date for the first time, which deletes nothing.
var (
	third     = snapshot{run: "run-4", date: day2, parts: map[string]int{"user_log": 2, "generation_log": 1}, reports: []string{"Usage Reports.zip"}, audit: true}
	newerToo  = snapshot{run: "run-5", date: day3, parts: map[string]int{"user_log": 1, "group_log": 2}, reports: []string{"Usage Reports.zip"}}
	newerSame = snapshot{run: newer.run, date: day3, parts: newerToo.parts, reports: newerToo.reports} // the same id: the same date and run time
)

// pausedAt lets a run publish and stops it at the nth step, from 1, for so long that meanwhile another comes to its end;
// then the run goes on. It reports the step, or "" when the run ended first, and what the run's end was.
func pausedAt(l *Lake, n int, run snapshot, asleep time.Duration, meanwhile func(step string)) (step string, err error) {
	var mu sync.Mutex
	count := 0
	var slept time.Duration
	paused := *l
	paused.now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(slept)
	}
	paused.hook = func(s string) {
		mu.Lock()
		count++
		stop := count == n
		mu.Unlock()
		if !stop {
			return
		}
		meanwhile(s)
		mu.Lock()
		step, slept = s, asleep
		mu.Unlock()
	}
	err = run.publish(context.Background(), &paused)
	return step, err
}

// TestPausedHolder stops a run at every step, lets a successor take the lease over, finish what the run has recorded
// and publish something of its own, and wakes the run up: it says that it lost the lease, and nothing that it does from
// there on changes what the successor has published (I8, I9).
func TestPausedHolder(t *testing.T) {
	withoutSync(t)
	for name, c := range map[string]struct {
		run, successor snapshot
		asleep         time.Duration // 0: it does not even notice that time has passed, so all that it does is on its way
		everywhere     bool
	}{
		"a date again":            {second, third, time.Hour, true},
		"a new date":              {newer, newerToo, time.Hour, false},
		"a new date, the same id": {newer, newerSame, time.Hour, false},
		"unaware":                 {newer, newerToo, 0, false},
		"unaware, the same id":    {newer, newerSame, 0, true},
		"unaware, another date":   {newer, second, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			forEachLake(t, func(t *testing.T, base *Lake, b *blob.Bucket) {
				start, stride := 1, 1
				if base.local == nil && !strings.HasSuffix(t.Name(), "/mem") { // the others take too long
					if !c.everywhere {
						t.Skip("done on files and in memory")
					}
					start, stride = 3*len(c.run.keys())+2, 5
					if strings.HasSuffix(t.Name(), "/gs") {
						stride = 11 // the server is slow
					}
				}
				for n := start; ; n += stride {
					l := sub(t, base, fmt.Sprintf("paused-%d", n))
					must(t, first.publish(t.Context(), l))
					var want map[string][]byte
					step, err := pausedAt(l, n, c.run, c.asleep, func(string) {
						must(t, l.BreakLease(t.Context())) // its time is over
						must(t, c.successor.publish(t.Context(), l))
						want = visible(inspect(t, b, l.prefix))
					})
					if step == "" {
						must(t, err)
						if n < 20 {
							t.Fatalf("only %d steps", n)
						}
						return
					}
					over := slices.Contains([]string{"settled", "staging cleared", "released"}, step)
					if !errors.Is(err, ErrLeaseLost) && !over || errors.Is(err, ErrHeld) {
						t.Errorf("stopped at %q: %v", step, err)
					}
					if got := visible(inspect(t, b, l.prefix)); !maps.EqualFunc(got, want, bytes.Equal) {
						t.Errorf("stopped at %q, it changed what its successor left:\n%q\n%q", step, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
					}
					must(t, c.successor.publish(t.Context(), l))
					for key := range inspect(t, b, l.prefix) {
						if strings.HasPrefix(key, stagingDir) {
							t.Errorf("stopped at %q, it left %s", step, key)
						}
					}
					_, err = l.Verify(t.Context(), c.successor.date)
					must(t, err)
				}
			})
		})
	}
}
