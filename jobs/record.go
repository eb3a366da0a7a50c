package jobs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
)

// putRecord writes the record of the run and its quality report.
func (r *nightRun) putRecord(ctx context.Context, out *Outcome, err error, stages []lake.Stage) error {
	rec := r.record(out, err)
	rec.Stages, rec.Quality, rec.Changes, rec.Retention = stages, lake.QualityKey(rec.RunID), r.changes, r.retained
	rec.Warnings = r.warningsSoFar()
	qualityErr := r.night.Lake.PutQuality(ctx, r.quality(rec.Status))
	return errors.Join(qualityErr, r.night.Lake.PutRun(ctx, rec.RunID, rec))
}

// record says what became of the run, as far as it came.
func (r *nightRun) record(out *Outcome, err error) *lake.RunRecord {
	info := r.info()
	rec := &lake.RunRecord{
		RunID: info.RunID, SnapshotDate: info.SnapshotDate, RunTime: info.RunTime, Status: lake.RunPublished, ExitCode: ExitCode(err),
		Seconds: out.Took.Seconds(), Full: r.full, Program: info.Program, TimeZone: info.TimeZone,
		Domains: domainNames(r.bound), Parts: append([]lake.Domain{}, out.Manifest.Domains...), Retries: r.retries.all(),
		Windows:  append([]lake.Window{}, info.Windows...),
		Datasets: []lake.Dataset{}, Logs: append([]lake.Log{}, r.logs...), Workbooks: append([]lake.Workbook{}, r.books...),
		Identity: r.identity, Checks: append([]lake.Check{}, r.checks...), Warnings: append([]string{}, out.Manifest.Warnings...),
		Objects: len(out.Manifest.Objects),
	}
	for _, name := range r.names {
		if d := r.datasets[name]; d != nil {
			rec.Datasets = append(rec.Datasets, d.summary())
		}
	}
	for _, o := range out.Manifest.Objects {
		rec.Bytes += o.Bytes
	}
	if err != nil {
		rec.Error = err.Error()
		switch {
		case !out.Published:
			rec.Status = lake.RunFailed
		case errors.Is(err, ErrPartial):
			rec.Status = lake.RunPartial
		}
		if errors.Is(err, context.Canceled) {
			rec.Status = lake.RunCancelled
		}
	}
	return rec
}

// domainNames are the names of domains in records.
func domainNames(domains dictionary.Domain) []string {
	names := []string{}
	for _, d := range []struct {
		domain dictionary.Domain
		name   string
	}{{dictionary.Usage, "usage"}, {dictionary.Audit, "audit"}, {dictionary.Integration, "integration"}} {
		if domains&d.domain != 0 {
			names = append(names, d.name)
		}
	}
	return names
}

// stopwatch is a Progress that takes the time of every stage.
type stopwatch struct {
	next Progress // hears everything, too
	now  func() time.Time

	mu     sync.Mutex
	stages []lake.Stage
	began  time.Time // of the last one
}

// Stage ends the stage before and begins the next.
func (s *stopwatch) Stage(name string) {
	s.next.Stage(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
	s.stages = append(s.stages, lake.Stage{Name: name})
}

// end notes the time of the stage under way. It is called with mu held.
func (s *stopwatch) end() {
	now := s.now()
	if n := len(s.stages); n > 0 {
		s.stages[n-1].Seconds += now.Sub(s.began).Seconds()
	}
	s.began = now
}

// Rows counts for the stage under way.
func (s *stopwatch) Rows(n int64) {
	s.next.Rows(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.stages); last > 0 {
		s.stages[last-1].Rows += n
	}
}

// taken returns all stages, the one under way as long as it took by now.
func (s *stopwatch) taken() []lake.Stage {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
	return append([]lake.Stage{}, s.stages...)
}
