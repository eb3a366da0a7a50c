package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/usagereport/usagereport/sinks/lake"
)

// health is what /healthz and /readyz answer. It has no name and no figure of the business.
type health struct {
	Status  string `json:"status"` // ok or unavailable
	Problem string `json:"problem,omitempty"`
}

// healthz says that the process answers.
func (s *Server) healthz(w *response, _ *request) error {
	return writeJSON(w, http.StatusOK, health{Status: "ok"})
}

// readyz says whether the bucket answers. A bucket in which nothing is published yet is ready.
func (s *Server) readyz(w *response, r *request) error {
	err := s.ready.get(r.Context())
	if err == nil {
		return writeJSON(w, http.StatusOK, health{Status: "ok"})
	}
	r.err = err
	w.Header().Set("Retry-After", "10")
	return writeJSON(w, http.StatusServiceUnavailable, health{Status: "unavailable", Problem: "the bucket " + whatIsWrong(err)})
}

// askReady asks the bucket for latest.json. It does not end with the request, since others go by its answer too.
func (s *Server) askReady(ctx context.Context, _ error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := s.lake.Pointer(ctx)
	if errors.Is(err, lake.ErrNoSnapshot) {
		return nil
	}
	return err
}

// askNewestRun returns when the newest run began, as far as is known; the zero time while that is nothing.
func (s *Server) askNewestRun(ctx context.Context, before time.Time) time.Time {
	p, err := s.lake.Pointer(ctx)
	if err != nil {
		return before
	}
	return p.RunTime
}

// showMetrics is for Prometheus.
func (s *Server) showMetrics(w *response, r *request) error {
	s.metrics.handler().ServeHTTP(w, r.Request)
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return internal(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(data, '\n'))
	return err
}
