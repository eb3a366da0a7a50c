//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// moment is when, around one operation, something happens.
type moment string

const (
	before moment = "before" // the store has not heard of it
	midway moment = "midway" // the store has half of what is written
	after  moment = "after"  // the store has done it, the program does not know
)

// call is one operation that the program is about to do, or has done.
type call struct {
	step     step
	recovers bool
	nth      int // within the step, from 1
	writes   bool
	operation
}

// counted says whether the operation is one that counts within its step: what writes does, and the look before the record.
func (c call) counted() bool { return c.writes || c.step == stepCheck && c.method == http.MethodHead }

// verdict is what happens to a request.
type verdict int

const (
	pass verdict = iota
	drop         // the connection ends; what the store has done, it has done
	half         // the store hears half of the body, then the connection ends
)

// observer is asked at every operation of one process: before a request goes on, and before its answer does. File
// buckets are observed after the fact, so only moments pass by there.
type observer func(c call, m moment) verdict

// proxy stands between one process and the S3 server.
type proxy struct {
	server *http.Server
	url    string
	target *url.URL
	root   string // path of the lake in URLs, with slashes
	next   *http.Transport
	watch  observer

	mu      sync.Mutex // guards what follows, and the calls of watch are one at a time
	follow  *follower
	counts  map[step]int
	dead    bool           // the process is: nothing goes on any more
	working sync.WaitGroup // requests on their way
}

// newProxy starts a proxy to the server of a place. The caller closes it.
func newProxy(ctx context.Context, l *place, watch observer) (*proxy, error) {
	target, err := url.Parse(l.url.Query().Get("endpoint"))
	if err != nil {
		return nil, err
	}
	p := &proxy{
		target: target, root: "/" + l.url.Host + "/" + l.prefix + "/", watch: watch, follow: newFollower(), counts: map[step]int{},
		next: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16},
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.url = "http://" + listener.Addr().String()
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(listener) }() // until close
	return p, nil
}

func (p *proxy) close() error {
	err := p.server.Close()
	p.next.CloseIdleConnections()
	return err
}

// ServeHTTP hands a request on and its answer back, as the observer allows.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.working.Add(1)
	defer p.working.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the process died while it sent this
	}
	c, v := p.decide(r, body)
	if v == drop {
		panic(http.ErrAbortHandler)
	}
	answer, err := p.forward(r, body, v == half)
	if err != nil || v == half {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil || p.told(c, after) == drop {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(data) // to a process that may be dead
}

// decide names the request's step and asks the observer.
func (p *proxy) decide(r *http.Request, body []byte) (call, verdict) {
	key, ok := strings.CutPrefix(r.URL.Path, p.root)
	if !ok {
		key = "" // a listing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := call{operation: operation{r.Method, key, unchunked(r, body)}, writes: ok && (r.Method == http.MethodPut || r.Method == http.MethodDelete)}
	c.step, c.recovers = p.follow.follow(c.operation)
	if c.counted() {
		p.counts[c.step]++
	}
	c.nth = p.counts[c.step]
	if p.dead {
		return c, drop
	}
	return c, p.watch(c, before)
}

func (p *proxy) told(c call, m moment) verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return drop
	}
	return p.watch(c, m)
}

// forward sends the request to the server, with the host that its signature is for.
func (p *proxy) forward(r *http.Request, body []byte, halved bool) (*http.Response, error) {
	u := *r.URL
	u.Scheme, u.Host = p.target.Scheme, p.target.Host
	// Not with the context of r: what has reached the store takes effect, whether the process lives or not.
	out, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header, out.Host = r.Header.Clone(), r.Host
	if halved {
		out.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), failing{}))
		out.GetBody = nil
	}
	if len(body) == 0 {
		out.Body = http.NoBody
	}
	return p.next.RoundTrip(out)
}

// failing is the rest of a body that never comes.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("cut off") }

// bury lets nothing of the process through any more and waits until what is on its way has come to its end.
func (p *proxy) bury() {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	p.working.Wait()
}

// unchunked takes the signed chunks apart that S3 clients send small bodies in.
func unchunked(r *http.Request, body []byte) []byte {
	if !strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
		return body
	}
	var data []byte
	for {
		head, rest, ok := bytes.Cut(body, []byte("\r\n"))
		var n int
		if _, err := fmt.Sscanf(string(head), "%x", &n); !ok || err != nil || n == 0 || n > len(rest) {
			return data
		}
		data, body = append(data, rest[:n]...), bytes.TrimPrefix(rest[n:], []byte("\r\n"))
	}
}
