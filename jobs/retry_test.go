package jobs

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/config"
)

// ticker is a clock and chance of a test: waiting takes no time, and attempts take as much as a test says.
type ticker struct {
	now    time.Time
	waits  []time.Duration
	chance float64
}

func (k *ticker) retries(budget time.Duration) *retries {
	n := &Night{Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return k.now }, Config: new(config.Config)}
	n.Config.Retry.Budget = budget
	n.Random = func() float64 { return k.chance }
	n.Wait = func(ctx context.Context, d time.Duration) error {
		k.now = k.now.Add(d)
		k.waits = append(k.waits, d)
		return ctx.Err()
	}
	return n.retries()
}

var (
	errPassing  = errors.New("it may pass")
	errHopeless = errors.New("it will not")
)

func isPassing(err error) bool { return errors.Is(err, errPassing) }

func TestRetries(t *testing.T) {
	s := func(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }
	for name, c := range map[string]struct {
		budget  time.Duration
		takes   time.Duration // every attempt
		answers []error       // of the attempts; the last one repeats
		want    error
		waits   []time.Duration
	}{
		"at once":               {budget: time.Hour, answers: []error{nil}},
		"the third time":        {budget: time.Hour, answers: []error{errPassing, errPassing, nil}, waits: []time.Duration{s(.5), s(1)}},
		"hopeless":              {budget: time.Hour, answers: []error{errHopeless}, want: errHopeless},
		"hopeless in the end":   {budget: time.Hour, answers: []error{errPassing, errHopeless}, want: errHopeless, waits: []time.Duration{s(.5)}},
		"never":                 {budget: s(10), answers: []error{errPassing}, want: errPassing, waits: []time.Duration{s(.5), s(1), s(2), s(4)}},
		"up to a minute":        {budget: s(91.5), answers: []error{errPassing}, want: errPassing, waits: []time.Duration{s(.5), s(1), s(2), s(4), s(8), s(16), s(30), s(30)}},
		"no budget":             {answers: []error{errPassing}, want: errPassing},
		"repeats cost as well":  {budget: s(10), takes: s(4), answers: []error{errPassing}, want: errPassing, waits: []time.Duration{s(.5), s(1)}},
		"the first one is free": {budget: s(.5), takes: time.Hour, answers: []error{errPassing, nil}, waits: []time.Duration{s(.5)}},
	} {
		t.Run(name, func(t *testing.T) {
			k, calls := &ticker{chance: .5}, 0
			r := k.retries(c.budget)
			err := r.do(t.Context(), "read", isPassing, func(context.Context) error {
				k.now = k.now.Add(c.takes)
				calls++
				return c.answers[min(calls, len(c.answers))-1]
			})
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if len(k.waits) != len(c.waits) || calls != len(c.waits)+1 {
				t.Fatalf("%d attempts, waits %v, want %v", calls, k.waits, c.waits)
			}
			var sum float64
			for i, d := range c.waits {
				sum += d.Seconds()
				if k.waits[i] != d {
					t.Errorf("waits %v, want %v", k.waits, c.waits)
				}
			}
			all := r.all()
			if len(c.waits) == 0 {
				if len(all) != 0 {
					t.Errorf("noted %v", all)
				}
				return
			}
			if len(all) != 1 || all[0].Operation != "read" || all[0].Times != len(c.waits) || math.Abs(all[0].Seconds-sum) > 1e-6 || all[0].Reason != errPassing.Error() {
				t.Errorf("noted %+v", all)
			}
		})
	}
}

// However many operations are tried again and whatever chance says: pauses stay within their bounds and the budget, none is left
// out while it lasts, and everything ends.
func TestRetriesStayWithinTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := &ticker{}
		budget := time.Duration(rapid.IntRange(0, 1000).Draw(t, "seconds")) * time.Second
		r := k.retries(budget)
		for range rapid.IntRange(1, 5).Draw(t, "operations") {
			last := len(k.waits)
			fails := rapid.IntRange(0, 30).Draw(t, "fails")
			calls := 0
			err := r.do(context.Background(), "read", isPassing, func(context.Context) error {
				k.chance = rapid.Float64Range(0, 0.999).Draw(t, "chance")
				if calls++; calls > fails {
					return nil
				}
				return errPassing
			})
			var sum time.Duration
			for _, d := range k.waits {
				sum += d
			}
			if sum > budget {
				t.Fatalf("%s of pauses within %s", sum, budget)
			}
			for i, d := range k.waits[last:] {
				if bound := min(maxPause, firstPause<<min(i, 10)); d < minPause || d > max(bound, minPause) {
					t.Fatalf("pause %d is %s", i, d)
				}
			}
			if err != nil && sum+maxPause < budget {
				t.Fatalf("gave up after %s of %s", sum, budget)
			}
		}
	})
}

func TestRetryCancelled(t *testing.T) {
	k := &ticker{chance: .5}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	calls := 0
	err := k.retries(time.Hour).do(ctx, "read", isPassing, func(context.Context) error { calls++; cancel(why); return errPassing })
	if calls != 1 || !errors.Is(err, why) || !strings.Contains(err.Error(), errPassing.Error()) {
		t.Errorf("%d attempts, %v", calls, err)
	}
}
