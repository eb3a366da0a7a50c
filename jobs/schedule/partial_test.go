package schedule

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/transforms/calendar"
)

var errPart = errors.New("published in part: the hub is down")

// parted lets runs publish without a part while the hub is down, from one instant to before another.
func parted(tb testing.TB, w *world, from, to string) func(*Scheduler) {
	a, b := instant(tb, from), instant(tb, to)
	lacking := map[calendar.Date]bool{}
	return func(s *Scheduler) {
		run := s.Run
		s.Run = func(ctx context.Context, d calendar.Date) error {
			at := w.now()
			if err := run(ctx, d); err != nil {
				return err
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if lacking[d] = !at.Before(a) && at.Before(b); lacking[d] {
				w.runs[len(w.runs)-1].err = errPart
				return errPart
			}
			return nil
		}
		s.Lacking = func(_ context.Context, d calendar.Date) ([]string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if lacking[d] {
				return []string{"integration"}, nil
			}
			return nil, nil
		}
		s.Kind = func(err error) Kind {
			if errors.Is(err, errPart) {
				return Partial
			}
			return kindOf(err)
		}
	}
}

func TestPublishedInPart(t *testing.T) {
	bubble(t, "for half a night", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T00:00:00Z", "2026-11-20")
		w.takes = time.Minute
		v := w.serve(t, parted(t, w, "2026-11-21T02:00:00Z", "2026-11-21T06:00:00Z"))
		w.until(instant(t, "2026-11-21T05:59:30Z"))
		s := v.Healthy()
		if !strings.Contains(s.Problem, "2026-11-21 is published without its integration part") || v.Alive().Problem != "" || s.Published != "2026-11-21" ||
			!slices.Equal(s.Lacking, []string{"integration"}) || !slices.Equal(s.Due, []string{"2026-11-21"}) ||
			s.LastRun.Result != "published in part" && s.Running == nil {
			t.Errorf("the status: %+v, %+v", s, s.LastRun)
		}
		if len(s.Failing) != 1 || s.Failing[0].Tries < 5 || s.Failing[0].Waits {
			t.Errorf("failing: %+v", s.Failing)
		}
		w.until(instant(t, "2026-11-21T07:00:00Z"))
		if s := v.Healthy(); s.Problem != "" || len(s.Failing)+len(s.Due)+len(s.Lacking) != 0 || s.LastRun.Result != "published" {
			t.Errorf("the status: %+v, %+v", s, s.LastRun)
		}
		tries := len(w.tries())
		if tries < 8 || tries > 25 {
			t.Errorf("%d tries in three and a half hours", tries)
		}
		w.until(instant(t, "2026-11-21T23:00:00Z"))
		v.end()
		if len(w.tries()) != tries {
			t.Errorf("a complete date was made again: %q", w.tries())
		}
	})
	bubble(t, "until a newer date is due", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T02:00:00Z", "2026-11-20")
		v := w.serve(t, parted(t, w, "2026-11-21T02:00:00Z", "2026-11-22T02:29:59Z"))
		w.until(instant(t, "2026-11-23T12:00:00Z"))
		if s := v.Healthy(); s.Problem != "" || len(s.Lacking)+len(s.Due) != 0 {
			t.Errorf("the status: %+v", s)
		}
		v.end()
		if got := texts(w.done(t)); got != "2026-11-22 2026-11-23" {
			t.Errorf("whole are %s", got)
		}
		last := w.tries()[len(w.tries())-3]
		if !strings.HasPrefix(last, "2026-11-21 at 11-22 0") {
			t.Errorf("the older date was tried last as %q", last)
		}
	})
	bubble(t, "and restarted, with nothing else published", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T03:00:00Z")
		change := parted(t, w, "2026-11-21T02:00:00Z", "2026-11-21T05:00:00Z")
		v := w.serve(t, change)
		w.until(instant(t, "2026-11-21T03:06:00Z"))
		v.end()
		before := len(w.tries())
		w.until(instant(t, "2026-11-21T05:30:00Z"))
		v = w.serve(t, change)
		w.until(instant(t, "2026-11-21T05:40:00Z"))
		v.end()
		if got := w.tries(); len(got) != before+1 || got[before] != "2026-11-21 at 11-21 05:30" {
			t.Errorf("got %q", got)
		}
	})
	bubble(t, "and not told", func(t *testing.T) {
		w := newWorld(t, "UTC", "2026-11-21T03:00:00Z", "2026-11-20")
		v := w.serve(t, func(s *Scheduler) {
			s.Lacking = func(context.Context, calendar.Date) ([]string, error) { return []string{"audit"}, nil }
		})
		w.until(instant(t, "2026-11-21T06:00:00Z"))
		if s := v.Healthy(); len(s.Failing) != 1 || s.Failing[0].Error != errLacking.Error() {
			t.Errorf("the status: %+v", s)
		}
		v.end()
		if n := len(w.tries()); n < 4 || n > 15 {
			t.Errorf("%d tries in three hours", n)
		}
	})
}
