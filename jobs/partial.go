package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sources"
)

// missing is a domain that is bound and cannot be made, since a source of it is down.
type missing struct {
	domain dictionary.Domain
	err    error
}

// domainName is the name of a domain in manifests.
func domainName(d dictionary.Domain) string {
	switch d {
	case dictionary.Usage:
		return "usage"
	case dictionary.Audit:
		return "audit"
	default:
		return "integration"
	}
}

// down reports whether an error says that a source cannot be reached, or lets nobody in: what it holds may be as good as
// ever. What is wrong with data, queries or files is not of this kind (contract §9).
func down(err error) bool {
	return errors.Is(err, sources.ErrUnreachable) || errors.Is(err, sources.ErrDenied)
}

// without has the run do without the domains that need the datasets, which cannot be read. It returns cause, or more, when
// that must not be: usage cannot be missing where it is bound, something must be left, and nothing that the date's snapshot
// has already may go from it.
func (r *nightRun) without(ctx context.Context, datasets []string, cause error) error {
	if ctx.Err() != nil || !down(cause) {
		return cause
	}
	var gone dictionary.Domain
	for _, name := range datasets {
		gone |= r.datasetDef(name).Domains & r.domains
	}
	if r.bound&dictionary.Usage == 0 || gone&dictionary.Usage == 0 {
		if r.whole {
			return fmt.Errorf("%w: the snapshot of %s still lacks its %s part: %w", ErrPartial, r.date, namesOf(gone), cause)
		}
	}
	if gone == 0 || gone&dictionary.Usage != 0 || r.domains&^gone == 0 {
		return cause
	}
	stands, err := r.standing(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	if stands&gone != 0 {
		return fmt.Errorf("the snapshot of %s stays as it is, since it has the %s part, which this run cannot make: %w", r.date, namesOf(stands&gone), cause)
	}
	for _, d := range dictionary.Domains() {
		if gone&d != 0 {
			r.missing = append(r.missing, missing{d, cause})
			r.night.Log.Error("a part of the snapshot cannot be made; the rest is", "part", domainName(d), "error", cause)
		}
	}
	r.domains &^= gone
	r.names = slices.DeleteFunc(r.names, func(name string) bool {
		unused := !r.datasetDef(name).UsedBy(r.domains)
		if unused {
			r.forget(name)
			delete(r.datasets, name)
		}
		return unused
	})
	return nil
}

func (r *nightRun) datasetDef(name string) *dictionary.Table {
	def, ok := dictionary.Dataset(name)
	if !ok {
		return &dictionary.Table{Name: name}
	}
	return def
}

func namesOf(domains dictionary.Domain) string { return strings.Join(domainNames(domains), " and ") }

// standing returns the domains that the date's snapshot has now.
func (r *nightRun) standing(ctx context.Context) (has dictionary.Domain, err error) {
	var m *lake.Manifest
	err = r.lake(ctx, "read the manifest", func(ctx context.Context) (err error) {
		m, err = r.night.Lake.Manifest(ctx, lake.Date(r.date.String()))
		return err
	})
	if errors.Is(err, lake.ErrNoSnapshot) || errors.Is(err, lake.ErrCorrupt) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, d := range dictionary.Domains() {
		if m.Has(domainName(d)) {
			has |= d
		}
	}
	return has, nil
}

// parts says for every bound domain whether the snapshot has it, and of those that it has not since when.
func (r *nightRun) parts(ctx context.Context) (all []lake.Domain, err error) {
	var before *lake.Manifest
	if len(r.missing) > 0 {
		err := r.lake(ctx, "read the manifest", func(ctx context.Context) (err error) {
			before, err = r.night.Lake.Before(ctx, lake.Date(r.date.String()))
			return err
		})
		if err != nil && !errors.Is(err, lake.ErrNoSnapshot) && !errors.Is(err, lake.ErrCorrupt) {
			return nil, err
		}
	}
	for _, d := range dictionary.Domains() {
		if r.bound&d == 0 {
			continue
		}
		part := lake.Domain{Name: domainName(d), Status: lake.DomainPublished}
		if i := slices.IndexFunc(r.missing, func(m missing) bool { return m.domain == d }); i >= 0 {
			part.Status, part.Since = lake.DomainMissing, lake.Date(r.date.String())
			part.Reason = r.night.Config.Scrub(r.missing[i].err.Error())
			if before != nil {
				part.Follow(before)
			}
		}
		all = append(all, part)
	}
	return all, nil
}

// partial is the error of a run that published, and not all that it was to; nil of one that did.
func (r *nightRun) partial() error {
	var errs []error
	for i, m := range r.missing {
		if i > 0 && r.missing[i-1].err == m.err { //nolint:errorlint // the same one, told once
			continue
		}
		errs = append(errs, m.err)
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s was published without its %s part: %w", ErrPartial, r.date, namesOf(r.bound&^r.domains), errors.Join(errs...))
}
