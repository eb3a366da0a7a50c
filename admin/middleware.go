package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/usagereport/usagereport/admin/access"
)

// request is a request on its way through the server.
type request struct {
	*http.Request
	route  *route // nil: there is none
	id     string
	client netip.Addr
	who    access.Principal // nobody on open routes
	scope  scope
	trail  bool // of the two views of the audit log the second
	params *params
	err    error // what the log is to say, beside the status
}

// handler is everything: the middleware around the routes.
func (s *Server) handler() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, hr *http.Request) {
		began := time.Now()
		w := newResponse(rw, s.limits.PieceTimeout)
		r := &request{Request: hr, id: requestID(hr), client: clientAddress(hr, s.proxies)}
		s.metrics.inFlight.Inc()
		defer func() {
			s.metrics.inFlight.Dec()
			aborted := s.recovered(w, r, recover())
			s.finished(w, r, time.Since(began))
			if aborted {
				panic(http.ErrAbortHandler) // net/http ends the connection, so that no half looks like a whole
			}
		}()
		s.setHeaders(w.Header(), r.id)
		if err := w.extend(); err != nil {
			r.err = err
			return
		}
		if err := s.admit(w, r); err != nil {
			s.respond(w, r, err)
			return
		}
		s.serve(w, r)
	})
}

// sane is a request id that somebody in front of the server may choose.
var sane = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$`)

func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); sane.MatchString(id) {
		return id
	}
	return rand.Text()
}

// setHeaders sets what every answer has.
func (s *Server) setHeaders(h http.Header, id string) {
	h.Set("X-Request-Id", id)
	// Everything comes from here and nothing stands inline, nothing may be framed, and no form leads elsewhere.
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "+
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	// With no-referrer browsers would send "Origin: null" with our own forms, which cannot be told from a stranger's.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store") // until a handler knows better
	if s.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// admit refuses what no route is to see.
func (s *Server) admit(w http.ResponseWriter, r *request) error {
	if n := len(r.RequestURI); n > s.limits.URLBytes {
		return newProblem(http.StatusRequestURITooLong, "url-too-long", "URL too long", "expected at most %d bytes, found %d", s.limits.URLBytes, n)
	}
	if r.ContentLength > s.limits.BodyBytes {
		return &http.MaxBytesError{Limit: s.limits.BodyBytes}
	}
	r.Body = http.MaxBytesReader(w, r.Body, s.limits.BodyBytes)
	if err := s.crossOrigin.Check(r.Request); err != nil {
		return newProblem(http.StatusForbidden, "cross-origin", "Cross-origin request",
			"a page of another site has sent this; open the page here and try again").because(err)
	}
	r.route, r.err = nil, nil
	if route := s.match(r.Request); route != nil {
		r.route = route
	}
	if r.route != nil && r.route.probe {
		return nil // whoever watches the server does so more often than a client should
	}
	return s.limited(s.perClient, neighbourhood(r.client))
}

// limited refuses a request that is too many.
func (s *Server) limited(l *limits, name string) error {
	wait, ok := l.take(name)
	if ok {
		return nil
	}
	s.metrics.limited.Inc()
	return tooMany(wait)
}

func tooMany(wait time.Duration) *problem {
	return newProblem(http.StatusTooManyRequests, "too-many-requests", "Too many requests",
		"expected fewer requests; try again in %s", wait).after(wait)
}

// recovered answers a request whose handler has panicked, if it still can, and says whether the connection must end instead.
func (s *Server) recovered(w *response, r *request, panicked any) (abort bool) {
	if panicked == nil {
		return false
	}
	if err, ok := panicked.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true // on purpose
	}
	s.metrics.panics.Inc()
	s.log.Error("panic", "request", r.id, "panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
	if w.status != 0 {
		return true
	}
	writeProblem(w, r.named(internal(nil)))
	return false
}

// finished logs and counts an answer. Of the URL only the path is logged: a query can hold a secret, such as the code of
// a sign-in, and so can headers.
func (s *Server) finished(w *response, r *request, took time.Duration) {
	status := w.status
	if status == 0 {
		status = http.StatusOK
		if r.err != nil {
			status = 499 // the client has gone
		}
	}
	pattern := "none"
	if r.route != nil {
		pattern = r.route.path
	}
	s.metrics.count(pattern, r.Method, strconv.Itoa(status), took)
	level := slog.LevelInfo
	switch {
	case status >= 500:
		level = slog.LevelError
	case r.route != nil && r.route.probe:
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("request", r.id), slog.String("method", shorten(r.Method, 20)), slog.String("path", shorten(r.URL.Path, 200)), slog.String("route", pattern),
		slog.Int("status", status), slog.Int64("bytes", w.bytes), slog.Float64("seconds", took.Seconds()), slog.String("client", r.client.String()),
	}
	if r.who.ID != "" {
		attrs = append(attrs, slog.String("who", string(r.who.Kind)+" "+r.who.ID), slog.String("name", r.who.Name))
	}
	if err := errors.Join(r.err, w.err); err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}

// named completes a problem with the request that it is of.
func (r *request) named(p *problem) *problem {
	q := *p
	q.RequestID, q.Instance = r.id, shorten(r.URL.EscapedPath(), 200)
	return &q
}
