package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/textfile"
	"github.com/usagereport/usagereport/transforms/audit/chain"
)

// verifyAudit reads the audit log of a snapshot again and compares each of its files with the digest that the manifest
// lists. The error names the days that are not as they were published.
func verifyAudit(ctx context.Context, l *lake.Lake, m *lake.Manifest) error {
	d, err := (&digests{lake: l}).vouched(ctx, m)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(d.Zone)
	if err != nil {
		return fmt.Errorf("%w: digest %d: %w", lake.ErrCorrupt, d.Number, err)
	}
	if d.Date != string(m.SnapshotDate) || d.RunID != m.RunID || d.Zone != m.TimeZone {
		return fmt.Errorf("%w: digest %d is of run %s, the manifest of run %s", chain.ErrTampered, d.Number, d.RunID, m.RunID)
	}
	a := &auditCheck{lake: l, digest: d, zone: zone}
	parquet := func() iter.Seq2[arrow.Record, error] { return scanLog(ctx, l, m, dictionary.AuditLog) }
	rows, err := a.days("Parquet", parquet())
	errs := []error{err}
	errs = append(errs, a.text(ctx, m, auditJSON, func(in io.Reader) error {
		_, err := a.days(auditJSON, textfile.ReadJSON(in, dictionary.AuditLog, memory.DefaultAllocator))
		return err
	}))
	errs = append(errs, a.text(ctx, m, auditCSV, func(in io.Reader) error {
		_, err := textfile.CompareCSV(in, dictionary.AuditLog, parquet())
		if diff := new(textfile.Difference); errors.As(err, &diff) {
			day := "after the last day"
			if date, ok := rows.DayOfRow(diff.Row - 1); ok {
				day = date.String()
			}
			return fmt.Errorf("%w: %s: it is not as the Parquet file: %w", chain.ErrTampered, day, err)
		}
		return err
	}))
	return errors.Join(errs...)
}

type auditCheck struct {
	lake   *lake.Lake
	digest *chain.Digest
	zone   *time.Location
}

// days compares rows with the digest, day by day.
func (a *auditCheck) days(what string, rows iter.Seq2[arrow.Record, error]) (*chain.Segments, error) {
	s := chain.NewSegments(a.digest.Window(), a.zone)
	for rec, err := range rows {
		if err == nil {
			err = s.Add(rec)
			rec.Release()
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := chain.Verify(a.digest, s); err != nil {
		return s, fmt.Errorf("%s: %w", what, err)
	}
	return s, nil
}

// text opens a text file of the audit log.
func (a *auditCheck) text(ctx context.Context, m *lake.Manifest, name string, check func(io.Reader) error) (err error) {
	key := lake.AuditKey(m.SnapshotDate, name)
	if _, ok := m.Object(key); !ok {
		return fmt.Errorf("%w: the manifest lists no %s", chain.ErrTampered, key)
	}
	in, err := a.lake.OpenObject(ctx, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if err := check(in); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// scanLog yields the rows of a published log. The consumer releases each record.
func scanLog(ctx context.Context, l *lake.Lake, m *lake.Manifest, def *dictionary.Table) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		for _, o := range m.Table(def.Name) {
			for rec, err := range scanObject(ctx, l, o.Key, def) {
				if !yield(rec, err) || err != nil {
					return
				}
			}
		}
	}
}

// verifyChain reads every digest of the audit log and checks that each follows from those before it, and that they are
// the ones that the manifests list. It returns how many there are.
func verifyChain(ctx context.Context, l *lake.Lake) (int64, error) {
	numbers, err := l.Digests(ctx)
	if err != nil {
		return 0, err
	}
	listed, err := listedDigests(ctx, l)
	if err != nil {
		return 0, err
	}
	last := int64(0)
	if len(numbers) > 0 {
		last = slices.Max(numbers)
	}
	for n := range listed {
		last = max(last, n)
	}
	stored := &digests{lake: l}
	var others []error
	err = chain.VerifyChain(func(yield func(*chain.Digest, error) bool) {
		for n := int64(1); n <= last; n++ {
			d, err := stored.read(ctx, n)
			for _, o := range listed[n] {
				if err == nil && o.sha256 != d.SHA256() {
					others = append(others, fmt.Errorf("%w: digest %d is not the one that the manifest of %s lists", chain.ErrTampered, n, o.date))
				}
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	})
	return last, errors.Join(append(others, err)...)
}

type listing struct {
	date   lake.Date
	sha256 string
}

// listedDigests returns by number what the manifests say of digests.
func listedDigests(ctx context.Context, l *lake.Lake) (map[int64][]listing, error) {
	dates, err := l.Dates(ctx)
	if err != nil {
		return nil, err
	}
	listed := map[int64][]listing{}
	for _, date := range dates {
		m, err := l.Manifest(ctx, date)
		if errors.Is(err, lake.ErrCorrupt) || errors.Is(err, lake.ErrNoSnapshot) {
			continue // that is for who verifies that date
		}
		if err != nil {
			return nil, err
		}
		if o, n, ok := m.Digest(); ok {
			listed[n] = append(listed[n], listing{date, o.SHA256})
		}
	}
	return listed, nil
}
