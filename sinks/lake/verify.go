package lake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Report is what Verify found out about one snapshot.
type Report struct {
	Date     Date
	RunID    string
	Latest   bool  // latest.json names this date
	Objects  int   // read and compared
	Bytes    int64 // read
	Problems []Problem
}

// Problem is one way in which the bucket is not as the manifest says.
type Problem struct {
	Key  string
	What string
}

// Verify reads every object of a date's manifest and compares length and SHA-256, looks for objects that nobody
// published in the date's folders, and checks latest.json. It reads on to the end: the report has every problem.
// The error wraps ErrCorrupt if there are problems, and is another one if the bucket could not be read.
func (l *Lake) Verify(ctx context.Context, date Date) (*Report, error) {
	m, sum, err := l.manifest(ctx, date)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	v := &verification{lake: l, report: Report{Date: date, RunID: m.RunID}}
	errs := []error{
		v.pointer(ctx, date, sum),
		v.objects(ctx, m),
		v.strays(ctx, m),
		v.pending(ctx),
	}
	r := &v.report
	slices.SortFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.What, b.What))
	})
	if len(r.Problems) > 0 {
		first := r.Problems[0]
		errs = append(errs, fmt.Errorf("%w: %d problems, the first: %s: %s", ErrCorrupt, len(r.Problems), first.Key, first.What))
	}
	if err := errors.Join(errs...); err != nil {
		return r, fmt.Errorf("verify %s in %s: %w", date, l.Name(), err)
	}
	return r, nil
}

type verification struct {
	lake   *Lake
	mu     sync.Mutex
	report Report
}

func (v *verification) problem(key, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Problems = append(v.report.Problems, Problem{Key: key, What: fmt.Sprintf(format, args...)})
}

// pointer checks that latest.json names a manifest that stands, and the newest one.
func (v *verification) pointer(ctx context.Context, date Date, sum string) error {
	p, err := v.lake.Pointer(ctx)
	switch {
	case errors.Is(err, ErrNoSnapshot):
		v.problem(LatestKey, "it is missing though %s is published", date)
		return nil
	case errors.Is(err, ErrCorrupt):
		v.problem(LatestKey, "%v", err)
		return nil
	case err != nil:
		return err
	}
	v.report.Latest = p.SnapshotDate == date
	if v.report.Latest && p.SHA256 != sum {
		v.problem(LatestKey, "it expects SHA-256 %s of %s, which has %s", p.SHA256, p.Manifest, sum)
	}
	dates, err := v.lake.Dates(ctx)
	if err != nil {
		return err
	}
	if newest := dates[len(dates)-1]; newest != p.SnapshotDate {
		v.problem(LatestKey, "it names %s, but the newest manifest is of %s", p.SnapshotDate, newest)
	}
	return nil
}

func (v *verification) objects(ctx context.Context, m *Manifest) error {
	var mu sync.Mutex
	var errs []error
	var g errgroup.Group
	g.SetLimit(parallel)
	check := func(key string, want ObjectInfo) {
		g.Go(func() error {
			if err := v.object(ctx, key, want); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
			return nil
		})
	}
	for _, o := range m.Objects {
		check(o.Key, o)
		if v.report.Latest {
			for _, key := range o.Also {
				check(key, o)
			}
		}
	}
	_ = g.Wait() // errs has them all
	return errors.Join(errs...)
}

func (v *verification) object(ctx context.Context, key string, want ObjectInfo) error {
	r, err := v.lake.OpenObject(ctx, key)
	if isNotFound(err) {
		v.problem(key, "it is missing")
		return nil
	}
	if err != nil {
		return err
	}
	hash := sha256.New()
	n, err := io.Copy(hash, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	v.mu.Lock()
	v.report.Objects++
	v.report.Bytes += n
	v.mu.Unlock()
	switch sum := hex.EncodeToString(hash.Sum(nil)); {
	case n != want.Bytes:
		v.problem(key, "it has %d bytes, the manifest says %d", n, want.Bytes)
	case sum != want.SHA256:
		v.problem(key, "its SHA-256 is %s, the manifest says %s", sum, want.SHA256)
	}
	return nil
}

func (v *verification) strays(ctx context.Context, m *Manifest) error {
	keys, err := v.lake.snapshotKeys(ctx, m.SnapshotDate)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if _, ok := m.Object(key); !ok {
			v.problem(key, "it stands among the snapshot's objects, but the manifest does not know it")
		}
	}
	return nil
}

// pending reports a publication that was cut off: of this date, it explains what else is found.
func (v *verification) pending(ctx context.Context) error {
	it, err := v.lake.readIntent(ctx, IntentKey)
	switch {
	case errors.Is(err, ErrCorrupt):
		v.problem(IntentKey, "%v", err)
	case err != nil:
		return err
	case it != nil:
		v.problem(IntentKey, "run %s was cut off while it put %s in place; the next run finishes that first", it.RunID, it.Date)
	}
	return nil
}
