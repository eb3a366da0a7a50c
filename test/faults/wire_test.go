package faults_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// wire is the way from the program to one server, with a proxy on it that spoils connections. On the way to S3 stands a
// second proxy behind the first, which spoils requests.
type wire struct {
	proxy  *toxiproxy.Proxy
	server http.Handler            // what the second proxy hands requests on to
	spoils atomic.Pointer[handler] // nil: it hands on everything
	back   *time.Timer             // that ends a pause; nil: there was none
}

// handler answers a request in place of the server, or hands it on.
type handler func(w http.ResponseWriter, r *http.Request, server http.Handler)

// newWire returns a wire to an address.
func newWire(t *testing.T, name, address string) *wire {
	t.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &wire{proxy: toxiproxy.NewProxy(api, name, "127.0.0.1:0", address)}
	if err := w.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.proxy.Stop)
	return w
}

// newHTTPWire returns a wire to an HTTP server. Seen hears of every request that the server has answered.
func newHTTPWire(t *testing.T, name, address string, seen func(*http.Request)) *wire {
	t.Helper()
	forward := &httputil.ReverseProxy{
		// The signature covers the host that the client knows.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: address})
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	forward.Transport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
	var w *wire
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if spoil := w.spoils.Load(); spoil != nil {
			(*spoil)(rw, r, forward)
		} else {
			forward.ServeHTTP(rw, r)
		}
		seen(r)
	}))
	t.Cleanup(front.Close)
	w = newWire(t, name, front.Listener.Addr().String())
	w.server = forward
	return w
}

func (w *wire) address() string { return w.proxy.Listen }

// toxic puts a toxic of the proxy on all connections, those that stand as well.
func (w *wire) toxic(t *testing.T, kind, stream, attributes string) {
	text := fmt.Sprintf(`{"type": %q, "stream": %q, "attributes": {%s}}`, kind, stream, attributes)
	if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
		t.Errorf("toxic %s: %v", kind, err)
	}
}

// armed has connections that begin from now on end with a reset, whenever they do: one that a toxic ends later would be closed in
// good order.
func (w *wire) armed(t *testing.T) {
	const text = `{"name": "armed", "type": "reset_peer", "stream": "downstream", "toxicity": 0, "attributes": {"timeout": 0}}`
	if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
		t.Error(err)
	}
}

// cut ends all connections, and refuses new ones until mend.
func (w *wire) cut() { w.proxy.Stop() }

// back is when a server that went away comes back: after a program that does not try again has given up.
const back = 700 * time.Millisecond

// shortly is before the shortest of pauses that a service's client makes, in all likelihood: they are chance.
const shortly = 10 * time.Millisecond

// pause ends all connections, and refuses new ones for a while.
func (w *wire) pause(t *testing.T, back time.Duration) {
	w.cut()
	w.back = time.AfterFunc(back, func() {
		if err := w.proxy.Start(); err != nil && err != toxiproxy.ErrProxyAlreadyStarted { //nolint:errorlint // it is returned as it is
			t.Error(err)
		}
	})
}

// mend makes everything well again.
func (w *wire) mend(t *testing.T) {
	t.Helper()
	if w.back != nil {
		w.back.Stop()
	}
	w.spoils.Store(nil)
	w.proxy.Toxics.ResetToxics(context.WithoutCancel(t.Context()))
	if err := w.proxy.Start(); err != nil && err != toxiproxy.ErrProxyAlreadyStarted { //nolint:errorlint // it is returned as it is
		t.Fatal(err)
	}
}

// spoil has h answer the requests that match tells, from the first on for so many times; 0 is for ever.
func (w *wire) spoil(match func(*http.Request) bool, times int64, h handler) {
	var met atomic.Int64
	var spoils handler = func(rw http.ResponseWriter, r *http.Request, server http.Handler) {
		if match(r) && (met.Add(1) <= times || times == 0) {
			h(rw, r, server)
			return
		}
		server.ServeHTTP(rw, r)
	}
	w.spoils.Store(&spoils)
}

// from matches all requests from the first on that match matches.
func from(match func(*http.Request) bool) func(*http.Request) bool {
	var begun atomic.Bool
	return func(r *http.Request) bool {
		if match(r) {
			begun.Store(true)
		}
		return begun.Load()
	}
}

// second matches what match matches, but for the first request: of a delivery that is for its columns alone, whose failure is no matter.
func second(match func(*http.Request) bool) func(*http.Request) bool {
	var met atomic.Int64
	return func(r *http.Request) bool { return match(r) && met.Add(1) > 1 }
}

// is matches requests of a method for keys that hold a text.
func is(method, key string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == method && (strings.Contains(r.URL.Path, key) || strings.Contains(r.URL.Query().Get("prefix"), key))
	}
}

// answer answers as S3 does when it does not do what it was asked for.
func answer(status int, code, message string) handler {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_ = xml.NewEncoder(w).Encode(struct {
			XMLName       xml.Name `xml:"Error"`
			Code, Message string
		}{Code: code, Message: message}) // whoever asked may have gone
	}
}

// half sends the first half of the object. Either the headers promise the whole one, and the connection ends early, or
// they promise what comes.
func half(promiseAll bool) handler {
	return func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		whole := httptest.NewRecorder()
		server.ServeHTTP(whole, r)
		for name, values := range whole.Header() {
			w.Header()[name] = values
		}
		body := whole.Body.Bytes()
		body = body[:len(body)/2]
		if !promiseAll {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		}
		w.WriteHeader(whole.Code)
		_, _ = w.Write(body) // as above
		if promiseAll {
			panic(http.ErrAbortHandler)
		}
	}
}

// silent sends the headers and the first half of the object, or nothing at all, and then nothing more until whoever asks goes.
func silent(midway bool) handler {
	return func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		if midway {
			whole := httptest.NewRecorder()
			server.ServeHTTP(whole, r)
			for name, values := range whole.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(whole.Code)
			body := whole.Body.Bytes()
			_, _ = w.Write(body[:len(body)/2]) // whoever asked may have gone
			_ = http.NewResponseController(w).Flush()
		} else if _, err := io.Copy(io.Discard, r.Body); err != nil { // only then the server notices that the client goes
			return
		}
		<-r.Context().Done()
	}
}

// first does something the first time, and then hands the request on.
func first(do func()) handler {
	var done atomic.Bool
	return func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		if done.CompareAndSwap(false, true) {
			do()
		}
		server.ServeHTTP(w, r)
	}
}
