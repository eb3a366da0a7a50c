package silence

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// wait is a server that answers after so long.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := Do(t.Context(), time.Minute, func(ctx context.Context) error { return wait(ctx, 59*time.Second) }); err != nil {
			t.Errorf("an answer in time: %v", err)
		}
		began := time.Now()
		err := Do(t.Context(), time.Minute, func(ctx context.Context) error { return wait(ctx, time.Hour) })
		var network net.Error
		if !errors.As(err, &network) || !network.Timeout() || errors.Is(err, context.Canceled) {
			t.Errorf("no answer: %v", err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it took %s", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Do(ctx, time.Minute, func(ctx context.Context) error { return wait(ctx, time.Hour) }); !errors.Is(err, context.Canceled) {
			t.Errorf("told to stop: %v", err)
		}
	})
}

// A request may take as long as it likes while something comes, and whoever asks may.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, w := Start(t.Context(), time.Minute)
		defer w.End()
		for range 100 {
			if err := wait(ctx, 59*time.Second); err != nil {
				t.Fatal(err)
			}
			w.Rest()
			time.Sleep(time.Hour)
			w.Again()
		}
		err := wait(ctx, 61*time.Second)
		var silent *Error
		if !errors.As(w.Explain(err), &silent) || silent.For != time.Minute {
			t.Errorf("nothing came any more: %v", w.Explain(err))
		}
		if w.Explain(io.EOF) != io.EOF { //nolint:errorlint // identity is the point
			t.Error("an end is no silence")
		}
	})
}

func TestLimit(t *testing.T) {
	if Limit() != time.Minute {
		t.Errorf("the limit is %s; docs/operations.md says a minute", Limit())
	}
}
