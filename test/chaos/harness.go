//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// harness is the program under attack, and what it is attacked with.
type harness struct {
	options
	work    string // a folder for everything
	id      string // of this harness, among others that use the same server
	program string
	early   world // the source systems until the second night
	late    world // from then on
	nights  *nights
	profile map[string]map[string]profile // by kind and action

	mu      sync.Mutex
	places  int
	figures figures
}

// profile is what an undisturbed run does.
type profile struct {
	took time.Duration
	n    map[step]int // operations that change something, by step
}

// newHarness builds the program, with patched files in place of its own if there are any, and the lakes to compare with.
func newHarness(ctx context.Context, o options, work string, patches *patched) (*harness, error) {
	h := &harness{
		options: o, work: work, id: fmt.Sprintf("chaos-%d-%d", os.Getpid(), time.Now().UnixNano()), program: filepath.Join(work, "usagereport"),
		profile: map[string]map[string]profile{}, figures: newFigures(),
	}
	overlay := ""
	if patches != nil {
		overlay, h.program = patches.overlay, patches.program
	}
	if err := build(ctx, h.program, overlay); err != nil {
		return nil, err
	}
	var err error
	if h.early, err = newWorld(ctx, filepath.Join(work, "early"), false); err != nil {
		return nil, err
	}
	if h.late, err = newWorld(ctx, filepath.Join(work, "late"), true); err != nil {
		return nil, err
	}
	for _, kind := range o.buckets {
		if !slices.Contains([]string{"file", "s3"}, kind) {
			return nil, fmt.Errorf("-bucket %s: expected file, s3 or both", kind)
		}
		if h.nights == nil { // a lake holds the same bytes wherever it is
			if h.nights, err = h.undisturbed(ctx, kind); err != nil {
				return nil, fmt.Errorf("undisturbed nights on %s: %w", kind, err)
			}
		}
		if h.profile[kind], err = h.measure(ctx, kind); err != nil {
			return nil, fmt.Errorf("watch undisturbed nights on %s: %w", kind, err)
		}
	}
	return h, nil
}

// close removes what may be left on the server.
func (h *harness) close(ctx context.Context) error {
	if !slices.Contains(h.buckets, "s3") {
		return nil
	}
	l, err := h.newPlace(ctx, "s3")
	if err != nil {
		return err
	}
	l.prefix = h.id
	return l.remove(ctx)
}

// measure counts what each action does, and checks that watching changes nothing.
func (h *harness) measure(ctx context.Context, kind string) (map[string]profile, error) {
	all := map[string]profile{}
	for _, a := range actions {
		now, err := h.from(ctx, kind, a.base(h.nights), func(ctx context.Context, l *place) error {
			began := time.Now()
			n := map[step]int{}
			end, err := h.attempt(ctx, l, a.args(h), func(*execution) observer {
				return func(c call, _ moment) verdict {
					n[c.step] = max(n[c.step], c.nth)
					return pass
				}
			}, 0)
			if err == nil && end.code != 0 {
				err = broken("a run that was only watched ended with exit code %d: %s", end.code, end.said)
			}
			all[a.name] = profile{time.Since(began), n}
			return err
		})
		if err == nil {
			_, err = converged(now, h.nights.after[a.name])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return all, nil
}

// ending is how a watched process ended.
type ending struct {
	code   int
	killed bool
	last   call
	said   string
}

// attempt runs the program, watched by an observer that may kill it, and kills it after the delay if that is not 0. It returns
// when nothing of the process is on its way any more.
func (h *harness) attempt(ctx context.Context, l *place, args []string, watch func(x *execution) observer, delay time.Duration) (end ending, err error) {
	x, err := h.launch(ctx, l, args, watch)
	if err != nil {
		return end, err
	}
	if delay > 0 {
		timer := time.AfterFunc(delay, x.kill)
		defer timer.Stop()
	}
	return x.end(ctx)
}

// execution is a process that is watched.
type execution struct {
	*process
	proxy   *proxy
	watcher *watcher
	ready   chan struct{} // closed when there is a process
	last    call
}

// launch starts the program behind a proxy, or with its files watched.
func (h *harness) launch(ctx context.Context, l *place, args []string, watch func(x *execution) observer) (*execution, error) {
	x := &execution{ready: make(chan struct{}), last: call{step: stepNowhere}}
	observe := watch(x)
	noted := func(c call, m moment) verdict {
		<-x.ready
		if c.counted() {
			x.last = c
		}
		return observe(c, m)
	}
	var err error
	endpoint := ""
	if l.kind == "s3" {
		if x.proxy, err = newProxy(ctx, l, noted); err == nil {
			endpoint = x.proxy.url
		}
	} else {
		x.watcher, err = newWatcher(l, noted)
	}
	if err != nil {
		return nil, err
	}
	x.process, err = h.start(l, endpoint, args)
	if err != nil {
		return nil, err
	}
	close(x.ready)
	return x, nil
}

func (x *execution) kill() { x.signal(sigkill) }

// end waits until the process is over and nothing of it is on its way.
func (x *execution) end(ctx context.Context) (ending, error) {
	code, killed, err := x.wait(ctx)
	if x.proxy != nil {
		x.proxy.bury()
		err = errors.Join(err, x.proxy.close())
	} else {
		err = errors.Join(err, x.watcher.close())
	}
	return ending{code, killed, x.last, x.said()}, err
}

// each does something n times, several at once, with a source of chance of its own each time.
func (h *harness) each(ctx context.Context, n, atOnce int, do func(ctx context.Context, i int, dice *rand.Rand) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(atOnce, 1))
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			err := do(ctx, i, rand.New(rand.NewPCG(h.seed, uint64(i))))
			if errors.Is(err, context.Canceled) && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		})
	}
	return g.Wait()
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
