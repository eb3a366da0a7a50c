package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/usagereport/usagereport/sinks/lake"
)

// quarantine takes the rows that a run cannot use; a dry run only counts them.
type quarantine struct{ to *lake.Quarantine }

func (r *nightRun) quarantine() (*quarantine, error) {
	if r.dry {
		return &quarantine{}, nil
	}
	to, err := r.night.Lake.Quarantine(lake.Date(r.date.String()))
	if err != nil {
		return nil, fmt.Errorf("open quarantine: %w", err)
	}
	return &quarantine{to}, nil
}

func (q *quarantine) add(ctx context.Context, row lake.Rejected) error {
	if q.to == nil {
		return nil
	}
	return q.to.Add(ctx, row)
}

func (q *quarantine) close(ctx context.Context) error {
	if q.to == nil {
		return nil
	}
	return q.to.Close(context.WithoutCancel(ctx))
}

// checkRejected fails the run when a dataset lost more rows than the config allows (contract §3).
func (r *nightRun) checkRejected() error {
	limit := r.night.Config.Quality.MaxRejectedRatio
	var errs []error
	for _, name := range r.names {
		d := r.datasets[name]
		read, rejected := d.read.Load(), d.rejected.Load()
		if rejected == 0 || float64(rejected) <= limit*float64(read) {
			continue
		}
		errs = append(errs, fmt.Errorf("dataset %s: %w: %d of %d rows cannot be used, a ratio of %.4g; quality.max_rejected_ratio "+
			"is %.4g; see %s for each row and reason", name, ErrCheck, rejected, read, float64(rejected)/float64(read), limit,
			lake.QuarantineKey(lake.Date(r.date.String()), name)))
	}
	return errors.Join(errs...)
}

// Quarantined returns the first rows that a run put in quarantine, at most n of them, and how many there are in all.
func Quarantined(ctx context.Context, l *lake.Lake, m lake.Manifest, n int) (rows []lake.Rejected, total int64, err error) {
	for _, d := range m.Datasets {
		total += d.Rejected
		if d.Rejected == 0 || len(rows) >= n {
			continue
		}
		r, err := l.OpenObject(ctx, lake.QuarantineKey(m.SnapshotDate, d.Name))
		if err != nil {
			return nil, 0, fmt.Errorf("read quarantine: %w", err)
		}
		dec := json.NewDecoder(r)
		for len(rows) < n {
			var row lake.Rejected
			if err := dec.Decode(&row); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, 0, errors.Join(fmt.Errorf("read quarantine of %s: %w", d.Name, err), r.Close())
			}
			rows = append(rows, row)
		}
		if err := r.Close(); err != nil {
			return nil, 0, fmt.Errorf("read quarantine of %s: %w", d.Name, err)
		}
	}
	return rows, total, nil
}
