// Package silence gives up on requests that a server has taken and then says nothing about: a server that hangs, a proxy that
// swallows, a connection that is gone without anybody having ended it. It never bounds how long a request may take as long as
// something comes.
package silence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// limit is how long a server may say nothing, where nothing else is asked for. It is a string so that tests of the whole program
// can have it set by the linker.
var limit = "1m"

// Limit returns how long a server may say nothing to a request that it can answer at once.
func Limit() time.Duration {
	d, err := time.ParseDuration(limit)
	if err != nil {
		return time.Minute // what the linker was told is of tests alone
	}
	return d
}

// Long is how many times as long a server may take to say that it has copied an object, or that it has stored a part of one.
const Long = 5

var errSilent = errors.New("silence")

// Error says that a server said nothing for so long. It is a net.Error and a time-out, and so one of those that may pass.
type Error struct{ For time.Duration }

func (e *Error) Error() string {
	return fmt.Sprintf("the server took the request and then said nothing for %s", e.For)
}

// Timeout implements net.Error.
func (*Error) Timeout() bool { return true }

// Temporary implements net.Error.
func (*Error) Temporary() bool { return true }

// Watch ends the context of a request when nothing has come for so long. It is for one goroutine, but for End.
type Watch struct {
	ctx    context.Context //nolint:containedctx // it is the request's, which the watch ends
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer
}

// Start returns a context for a request, and the watch over it, which runs until Rest or End. The caller calls End.
func Start(ctx context.Context, limit time.Duration) (context.Context, *Watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &Watch{ctx: ctx, cancel: cancel, limit: limit}
	w.timer = time.AfterFunc(limit, func() { cancel(errSilent) })
	return ctx, w
}

// Again starts the watch anew: something came, or something more is asked for.
func (w *Watch) Again() { w.timer.Reset(w.limit) }

// Limit changes the limit, from the next Again on.
func (w *Watch) Limit(limit time.Duration) { w.limit = limit }

// Rest stops the watch until Again: nothing is asked for.
func (w *Watch) Rest() { w.timer.Stop() }

// Explain returns an *Error in place of the error of a request that the watch has ended; what is no error stays none, and the end
// of a stream is one.
func (w *Watch) Explain(err error) error {
	if err == nil || err == io.EOF || !errors.Is(context.Cause(w.ctx), errSilent) { //nolint:errorlint // io.EOF as it is, or it is no end
		return err
	}
	return &Error{w.limit}
}

// End lets the request's context go.
func (w *Watch) End() {
	w.timer.Stop()
	w.cancel(nil)
}

// Do makes a request that is over when it returns, with a context that ends when the server says nothing for so long.
func Do(ctx context.Context, limit time.Duration, request func(context.Context) error) error {
	ctx, w := Start(ctx, limit)
	defer w.End()
	return w.Explain(request(ctx))
}
