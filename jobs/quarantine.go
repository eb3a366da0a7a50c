package jobs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync"

	"github.com/usagereport/usagereport/sinks/lake"
)

// quarantine takes the rows that a run cannot use; a dry run only counts them. What an earlier run of the same date put
// there stays, as far as this one did not read it again: its rows are as unusable as they were.
type quarantine struct {
	to   *lake.Quarantine
	from *lake.Lake
	date lake.Date

	mu   sync.Mutex
	rows map[string]map[uint64]struct{} // hashes of those of this run, by dataset
	seed maphash.Seed
}

func (r *nightRun) quarantine() (*quarantine, error) {
	if r.dry {
		return &quarantine{}, nil
	}
	q := &quarantine{from: r.night.Lake, date: lake.Date(r.date.String()), rows: map[string]map[uint64]struct{}{}, seed: maphash.MakeSeed()}
	var err error
	if q.to, err = q.from.Quarantine(q.date); err != nil {
		return nil, fmt.Errorf("open quarantine: %w", err)
	}
	return q, nil
}

func (q *quarantine) add(ctx context.Context, row lake.Rejected) error {
	if q.to == nil {
		return nil
	}
	q.mu.Lock()
	if q.rows[row.Dataset] == nil {
		q.rows[row.Dataset] = map[uint64]struct{}{}
	}
	q.rows[row.Dataset][q.hash(row)] = struct{}{}
	q.mu.Unlock()
	return q.to.Add(ctx, row)
}

// forget gives up the rows of a dataset that this run has put there.
func (q *quarantine) forget(name string) {
	if q.to == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.rows, name)
	q.to.Forget(name)
}

// hash identifies a row by where it is and what is wrong with it.
func (q *quarantine) hash(row lake.Rejected) uint64 {
	return maphash.Comparable(q.seed, [4]any{row.Object, row.Row, row.Column, row.Reason})
}

// close publishes the quarantine. It is closed when the run failed or was cancelled, too.
func (q *quarantine) close(ctx context.Context, r *nightRun) error {
	if q.to == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, name := range r.night.Config.DatasetNames() {
		if err := q.keep(ctx, name, r.datasets[name]); err != nil {
			errs = append(errs, fmt.Errorf("keep quarantine of %s: %w", name, err))
		}
	}
	return errors.Join(append(errs, q.to.Close(ctx))...)
}

// keep adds the rows that an earlier run of the date put in quarantine and that are still in force: all, until their
// dataset is read as a whole; of files, those of files that are as they were.
func (q *quarantine) keep(ctx context.Context, name string, d *dataset) (err error) {
	if d == nil {
		d = new(dataset) // the run failed before it came to it
	}
	if d.whole.Load() {
		return nil
	}
	r, err := q.from.OpenObject(ctx, lake.QuarantineKey(q.date, name))
	if errors.Is(err, lake.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for dec := json.NewDecoder(r); ; {
		var row lake.Rejected
		if err := dec.Decode(&row); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if _, held := d.held.Load(row.Object); d.listed.Load() && !held {
			continue
		}
		if _, again := q.rows[name][q.hash(row)]; again {
			continue
		}
		if row.ValueBase64 != "" {
			value, err := base64.StdEncoding.DecodeString(row.ValueBase64)
			if err != nil {
				return err
			}
			row.Value, row.ValueBase64 = string(value), ""
		}
		if err := q.to.Add(ctx, row); err != nil {
			return err
		}
	}
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
