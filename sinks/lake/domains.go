package lake

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Domain says whether a snapshot has one of the parts that it was to have: usage, audit or integration.
type Domain struct {
	Name   string `json:"name"`
	Status string `json:"status"`                   // DomainPublished or DomainMissing
	Reason string `json:"reason,omitempty"`         // why it is missing
	Since  Date   `json:"missing_since,omitempty"`  // the first of the dates in a row that lack it
	Last   Date   `json:"last_published,omitempty"` // the newest date before it that has it; empty: none is known
}

// The states of a Domain.
const (
	DomainPublished = "published"
	DomainMissing   = "missing" // its sources were down, and it is in no object of the snapshot
)

// Retry says how often an operation was tried again within a run.
type Retry struct {
	Operation string  `json:"operation"`
	Times     int     `json:"times"`
	Seconds   float64 `json:"waited_seconds"`
	Reason    string  `json:"reason"` // the last one
}

// domainNames are what a Domain can be called.
var domainNames = []string{"usage", "audit", "integration"}

func (d *Domain) validate() error {
	switch {
	case !slices.Contains(domainNames, d.Name):
		return fmt.Errorf("expected one of %v", domainNames)
	case d.Status != DomainPublished && d.Status != DomainMissing:
		return fmt.Errorf("status %q: expected %s or %s", d.Status, DomainPublished, DomainMissing)
	case d.Status == DomainPublished && (d.Reason != "" || d.Since != "" || d.Last != ""):
		return errors.New("it is published, and has a reason why it is not")
	case d.Status == DomainMissing && d.Reason == "":
		return errors.New("it is missing for no reason")
	}
	for _, date := range []Date{d.Since, d.Last} {
		if _, err := ParseDate(string(date)); date != "" && err != nil {
			return err
		}
	}
	return nil
}

// Has reports whether the snapshot has a domain. One without Domains, of an older program, has those of its windows.
func (m *Manifest) Has(domain string) bool {
	if len(m.Domains) > 0 {
		return slices.ContainsFunc(m.Domains, func(d Domain) bool { return d.Name == domain && d.Status == DomainPublished })
	}
	window := map[string]string{"usage": "rolling_year", "audit": "audit", "integration": "last_1_year"}[domain]
	return slices.ContainsFunc(m.Windows, func(w Window) bool { return w.Name == window })
}

// Missing returns the domains that the snapshot lacks though it was to have them.
func (m *Manifest) Missing() (all []Domain) {
	for _, d := range m.Domains {
		if d.Status == DomainMissing {
			all = append(all, d)
		}
	}
	return all
}

// Follow takes up since when a missing domain is missing from the snapshot of the date before.
func (d *Domain) Follow(before *Manifest) {
	if before.Has(d.Name) {
		d.Last = before.SnapshotDate
		return
	}
	for _, b := range before.Missing() {
		if b.Name == d.Name {
			d.Since, d.Last = b.Since, b.Last
		}
	}
}

// Before returns the manifest of the newest date before a date. ErrNoSnapshot if there is none.
func (l *Lake) Before(ctx context.Context, date Date) (*Manifest, error) {
	dates, err := l.Dates(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range slices.Backward(dates) {
		if d < date {
			return l.Manifest(ctx, d)
		}
	}
	return nil, fmt.Errorf("%w before %s in %s", ErrNoSnapshot, date, l.Name())
}
