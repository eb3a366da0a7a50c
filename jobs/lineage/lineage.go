// Package lineage says in OpenLineage events what a run reads, what it published and how it ended. It never makes a run
// fail or wait for a server, and never sends a secret of the config.
package lineage

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/jobs/internal/deliver"
)

// Budget is how long sending one event may take, whatever the server does.
const Budget = 15 * time.Second

// Run names a run.
type Run struct {
	ID   string
	Time time.Time // the run time that is published
	Lake string    // its name as messages show it
}

// End is how a run ended.
type End struct {
	Outcome *jobs.Outcome // what it did; may be nil
	Err     error
	Stopped bool // somebody told the program to end, so that Err is no failure
}

// Reporter sends the events of runs.
type Reporter struct {
	cfg     *config.Config
	program string
	log     *slog.Logger
	budget  time.Duration
	courier *deliver.Courier
}

// New returns a Reporter to the server that the config names; without one it does nothing.
func New(cfg *config.Config, program string, log *slog.Logger) *Reporter {
	return &Reporter{cfg: cfg, program: program, log: log, budget: Budget, courier: deliver.New(program)}
}

// Start says that a run begins. It returns at once: what it sends goes out while the run is under way. ended has to be called
// when the run has ended; it returns when all is sent or given up, at the latest after twice Budget.
func (r *Reporter) Start(ctx context.Context, run Run) (ended func(ctx context.Context, end End)) {
	if !r.cfg.OpenLineage.URL.IsSet() {
		return func(context.Context, End) {}
	}
	began := make(chan struct{})
	first := r.started(run, r.courier.Now())
	go func() {
		defer close(began)
		r.send(ctx, first)
	}()
	return func(ctx context.Context, end End) {
		last := r.ended(run, end, r.courier.Now())
		<-began // in the order in which things happened
		r.send(ctx, last)
	}
}

// send posts an event, and logs if that cannot be done.
func (r *Reporter) send(ctx context.Context, e event) {
	body, err := json.Marshal(e)
	if err != nil {
		r.log.Error("lineage event not encoded", "event", e.Type, "error", err)
		return
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if key := r.cfg.OpenLineage.APIKey; key.IsSet() {
		header.Set("Authorization", "Bearer "+key.Reveal())
	}
	err = r.courier.Try(ctx, r.budget, func(ctx context.Context) error {
		return r.courier.Post(ctx, r.cfg.OpenLineage.URL.Reveal(), header, body)
	})
	if err != nil {
		r.log.Error("lineage event not sent", "event", e.Type, "error", r.cfg.Scrub(err.Error()))
		return
	}
	r.log.Info("lineage event sent", "event", e.Type)
}
