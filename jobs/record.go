package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/usagereport/usagereport/sinks/lake"
)

// Record is what runs/ keeps of a run, whether it published or not.
type Record struct {
	RunID        string         `json:"run_id"`
	SnapshotDate string         `json:"snapshot_date"`
	RunTime      time.Time      `json:"run_time"`
	Status       string         `json:"status"` // published, failed or cancelled
	Error        string         `json:"error,omitempty"`
	ExitCode     int            `json:"exit_code"`
	Seconds      float64        `json:"seconds"`
	Full         bool           `json:"full"`
	Program      string         `json:"program_version"`
	Datasets     []lake.Dataset `json:"datasets"`
	Logs         []lake.Log     `json:"logs"`
	Checks       []lake.Check   `json:"checks"`
	Warnings     []string       `json:"warnings"`
	Bytes        int64          `json:"bytes_published"`
}

func (r *nightRun) record(out *Outcome, err error) Record {
	rec := Record{
		RunID: runID(r.date, r.time), SnapshotDate: r.date.String(), RunTime: r.time, Status: "published", ExitCode: ExitCode(err),
		Seconds: out.Took.Seconds(), Full: r.full, Program: r.night.Version,
		Datasets: []lake.Dataset{}, Logs: []lake.Log{}, Checks: []lake.Check{}, Warnings: []string{},
	}
	for _, name := range r.names {
		if d := r.datasets[name]; d != nil {
			rec.Datasets = append(rec.Datasets, d.summary())
		}
	}
	rec.Logs, rec.Checks = append(rec.Logs, r.logs...), append(rec.Checks, r.checks...)
	rec.Warnings = append(rec.Warnings, out.Manifest.Warnings...)
	for _, o := range out.Manifest.Objects {
		rec.Bytes += o.Bytes
	}
	if err != nil {
		rec.Error = err.Error()
		if !out.Published {
			rec.Status = "failed"
		}
		if errors.Is(err, context.Canceled) {
			rec.Status = "cancelled"
		}
	}
	return rec
}
