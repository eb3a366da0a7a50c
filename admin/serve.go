package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
)

// Serve answers on l until ctx ends, and closes it. Requests under way then have limits.Grace to end.
func Serve(ctx context.Context, l net.Listener, h http.Handler, limits Limits, log *slog.Logger) error {
	// Requests outlive ctx by the time of grace.
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	// Without a WriteTimeout: it would bound downloads as a whole. See response.
	server := &http.Server{
		Handler: h, BaseContext: func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: limits.HeaderTimeout, ReadTimeout: limits.ReadTimeout, IdleTimeout: limits.IdleTimeout,
		MaxHeaderBytes: limits.HeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("answer on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(base, limits.Grace)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("requests that did not end in time are cut off", "grace", limits.Grace.String())
		cut()
		err = server.Close()
	}
	if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	if err != nil {
		return fmt.Errorf("stop answering on %s: %w", l.Addr(), err)
	}
	return nil
}

// Starting is a handler for the time until a server can be made, because its bucket is away: /healthz is answered, all else with
// a 503.
type Starting struct {
	server atomic.Pointer[http.Handler]
}

// Become hands all further requests on to h.
func (s *Starting) Become(h http.Handler) { s.server.Store(&h) }

// ServeHTTP answers.
func (s *Starting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := s.server.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.URL.Path == "/healthz" {
		w.Header().Set("Cache-Control", "no-store")
		_ = writeJSON(w, http.StatusOK, health{Status: "ok"}) // whoever asked has gone
		return
	}
	writeProblem(w, newProblem(http.StatusServiceUnavailable, "bucket-away", "Bucket not available",
		"the bucket with the published data is not there yet; try again later").after(awayFor))
}
