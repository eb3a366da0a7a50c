// Package deliver hands messages to somebody outside within a budget of time, again with growing pauses where that may
// help. It never outlasts its budget, follows a redirect or repeats in an error what it sent or where to.
package deliver

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	firstPause = time.Second
	maxPause   = 8 * time.Second
	maxAttempt = 10 * time.Second
	maxAnswer  = 64 << 10 // bytes of an answer that are read, so that its connection can be used again
)

// Courier delivers. Tests set its fields to a clock and to chance of their own.
type Courier struct {
	Client *http.Client
	Now    func() time.Time
	Wait   func(ctx context.Context, d time.Duration) error // returns early with ctx's error
	Random func() float64                                   // from 0 to less than 1
	Agent  string                                           // names the program to servers
}

// New returns a Courier of the program's version.
func New(program string) *Courier {
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Courier{
		Client: &http.Client{CheckRedirect: refuse}, Now: time.Now, Wait: wait, Random: rand.Float64, Agent: "usagereport/" + program,
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// hopeless is an error that another attempt would not change.
type hopeless struct{ error }

func (h hopeless) Unwrap() error { return h.error }

// Hopeless marks an error as one that another attempt would not change.
func Hopeless(err error) error { return hopeless{err} }

// patient is an error of a server that says when to come again.
type patient struct {
	error
	after time.Duration
}

func (p patient) Unwrap() error { return p.error }

// Try calls attempt until it succeeds or nothing more can come of it: its error is Hopeless or that of a certificate that is
// not trusted, the budget is spent, or would be before the next attempt, or ctx ends. The error is that of the last attempt.
func (c *Courier) Try(ctx context.Context, budget time.Duration, attempt func(context.Context) error) error {
	end := c.Now().Add(budget)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		left := end.Sub(c.Now())
		err := c.once(ctx, min(left, maxAttempt), attempt)
		var never hopeless
		var untrusted *tls.CertificateVerificationError // it is the same a few seconds later
		if err == nil || errors.As(err, &never) || errors.As(err, &untrusted) || ctx.Err() != nil {
			return err
		}
		d := pause/2 + time.Duration(c.Random()*float64(pause)/2) // spread out, so that many do not come again at once
		var asked patient
		if errors.As(err, &asked) {
			d = max(d, asked.after)
		}
		if c.Now().Add(d).Compare(end) >= 0 || c.Wait(ctx, d) != nil {
			return err
		}
	}
}

func (c *Courier) once(ctx context.Context, limit time.Duration, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := attempt(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", limit.Round(time.Millisecond))
	}
	return err
}

// Post makes one attempt to post a body.
func (c *Courier) Post(ctx context.Context, address string, header http.Header, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return Hopeless(errors.New("not a URL to post to")) // err quotes it
	}
	r.Header = header.Clone()
	return c.do(r)
}

// Get makes one attempt to fetch a URL, whose content does not matter.
func (c *Courier) Get(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Hopeless(errors.New("not a URL to fetch")) // err quotes it
	}
	return c.do(r)
}

func (c *Courier) do(r *http.Request) error {
	r.Header.Set("User-Agent", c.Agent)
	answer, err := c.Client.Do(r)
	var quoting *url.Error
	if errors.As(err, &quoting) {
		return quoting.Err // without the URL
	}
	if err != nil {
		return err
	}
	// The status says it all: what becomes of the body changes nothing.
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	_ = answer.Body.Close()
	return judge(answer)
}

// judge makes an error of an answer that is none of success.
func judge(answer *http.Response) error {
	code := answer.StatusCode
	said := fmt.Errorf("the server answered %d %s", code, http.StatusText(code))
	switch {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		return Hopeless(fmt.Errorf("%w: redirects are not followed, give the final URL", said))
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		if s, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 16); err == nil {
			return patient{said, time.Duration(s) * time.Second}
		}
		return said
	}
	return Hopeless(said)
}
