package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/sinks/sinktest"
)

// runUntil runs f and ends it at the nth step of the protocol, from 1: from there on the process is as good as
// dead, since no further request of it reaches the bucket. It reports the step, or "" when f ended first.
func runUntil(l *Lake, n int, f func(ctx context.Context, l *Lake) error) (step string, err error) {
	var mu sync.Mutex
	count := 0
	mortal := *l
	mortal.bucket = sinktest.Wrap(l.bucket, func(sinktest.Call) sinktest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if count >= n {
			return sinktest.Fault{Err: errors.New("dead")}
		}
		return sinktest.Fault{}
	})
	mortal.hook = func(s string) {
		mu.Lock()
		defer mu.Unlock()
		if count++; count == n {
			step = s
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // lets go of an object that was being written
	err = f(ctx, &mortal)
	if step != "" {
		err = errors.Join(err, l.BreakLease(context.Background())) // as if its time were over
	}
	return step, err
}

// publishNoAbort is publish for a process that is killed: no deferred Abort.
func (s snapshot) publishNoAbort(ctx context.Context, l *Lake) error {
	p, err := l.Begin(ctx, s.info())
	if err != nil {
		return err
	}
	if err := s.stage(ctx, p); err != nil {
		return err
	}
	return p.Publish(ctx, s.manifest())
}

// TestRecoverFromEveryStep ends a run that publishes a date again at every step, and its recovery at every step
// too; what stands in the end is what an undisturbed run makes (I5, I6). The bucket stays readable all the while.
func TestRecoverFromEveryStep(t *testing.T) {
	withoutSync(t)
	forEachLake(t, func(t *testing.T, base *Lake, b *blob.Bucket) {
		deep := base.local != nil || strings.HasSuffix(t.Name(), "/mem") // the others take too long
		first, second, start, stride := first, second, 1, 1
		if !deep {
			first.parts, first.audit = map[string]int{"user_log": 1, "generation_log": 2}, false
			second.parts, second.reports = map[string]int{"user_log": 1, "generation_log": 2}, first.reports
			start, stride = 3*len(second.keys())+2, 3 // from the moment when all is staged
			if strings.HasSuffix(t.Name(), "/gs") {
				stride = 7 // the server is slow
			}
		}
		want := func() map[string][]byte {
			l := sub(t, base, "undisturbed")
			must(t, first.publish(t.Context(), l))
			must(t, second.publish(t.Context(), l))
			return inspect(t, b, l.prefix)
		}()
		for n := start; ; n += stride {
			l := sub(t, base, fmt.Sprintf("kill-%d", n))
			must(t, first.publish(t.Context(), l))
			before := inspect(t, b, l.prefix)
			step, err := runUntil(l, n, second.publishNoAbort)
			if step == "" {
				must(t, err)
				if n < 20 {
					t.Fatalf("only %d steps", n)
				}
				return
			}
			inspect(t, b, l.prefix)
			if deep {
				recoverAtEveryStep(t, l, b)
			}
			done, err := l.Recover(t.Context())
			must(t, err)
			after := inspect(t, b, l.prefix)
			switch {
			case maps.EqualFunc(after, want, bytes.Equal):
			case !done && maps.EqualFunc(after, before, bytes.Equal):
			default:
				t.Errorf("killed at %q (step %d): rolled forward %v, and there are\n%q", step, n, done, slices.Sorted(maps.Keys(after)))
			}
			if done, err := l.Recover(t.Context()); done || err != nil {
				t.Errorf("killed at %q: a second recovery: %v, %v", step, done, err)
			}
			must(t, second.publish(t.Context(), l))
			if end := inspect(t, b, l.prefix); !maps.EqualFunc(end, want, bytes.Equal) {
				t.Errorf("killed at %q: running again gives other bytes", step)
			}
		}
	})
}

// recoverAtEveryStep lets recoveries die at every step, one after the other.
func recoverAtEveryStep(t *testing.T, l *Lake, b *blob.Bucket) {
	for n := 1; ; n++ {
		step, err := runUntil(l, n, func(ctx context.Context, l *Lake) error {
			_, err := l.Recover(ctx)
			return err
		})
		inspect(t, b, l.prefix)
		if step == "" {
			must(t, err)
			return
		}
	}
}

// withoutSync leaves flushing out for the length of a test that kills no machine.
func withoutSync(t *testing.T) {
	saved := syncFile
	syncFile = func(*os.File) error { return nil }
	t.Cleanup(func() { syncFile = saved })
}

// sub returns a lake of its own below another's prefix.
func sub(t *testing.T, l *Lake, name string) *Lake {
	s, err := New(l.bucket, l.name, l.prefix+name)
	must(t, err)
	s.local = l.local
	return s
}
