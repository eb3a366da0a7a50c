// Package chain makes changes to what was published of the audit log evident. Each publication has a Digest: checksums
// of the events of every day of its window, and the checksum of the digest before it. Digests stay when the rows roll
// out of the window. It does not store, fetch or publish anything, and does not say who changed what.
//
// A day whose events are others than a digest before said, since some came late, is an amendment: the digest that
// first says so names the one that it amends. Any other difference is tampering, and Verify or VerifyChain names the
// day. The checksums are SHA-256 over rows in their published order, each as JSON in the canonical form of RFC 8785
// and a line feed, so that any program can recompute them from audit_log.json. Facts leaves out workspace_name,
// actor_user_name and target_user_name and has null for actor_user_email and target_user_email where the id beside is
// not null: those may be today's, and be others in the next snapshot.
package chain

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// ErrTampered says that what is published, or a digest of it, is not what a run wrote.
var ErrTampered = errors.New("the audit log is not what was published")

// Publication says what a digest is of.
type Publication struct {
	RunID string
	Date  calendar.Date // of the snapshot
}

// Extend returns the digest of a publication of the rows in s. back yields the digests there are, the last one first;
// it is read as far back as a day of the window may have been listed, mostly one digest. Where the last one says all
// this already, of the same run, it is returned itself: what is published again is not another publication. Rows out
// of order, doubled or out of the window are an error.
func Extend(back iter.Seq2[*Digest, error], p Publication, s *Segments) (*Digest, error) {
	if bad := s.broken(); len(bad) > 0 {
		return nil, fmt.Errorf("chain: digest the audit log of %s: %w", p.Date, describe(bad))
	}
	next := &Digest{Format: format, Number: 1, RunID: p.RunID, Date: p.Date.String(), Zone: s.zone.String()}
	covered := s.window.Last()
	var head *Digest
	known := map[string]Day{}
	for d, err := range back {
		if err != nil {
			return nil, err
		}
		if head == nil {
			head = d
			next.Number, next.Previous = d.Number+1, d.SHA256()
		}
		if d.Zone != next.Zone {
			break // its days are other days
		}
		if d == head {
			if to := d.coveredTo(); to > covered {
				covered = to
			}
		}
		for _, day := range d.Days {
			if _, ok := known[day.Day]; !ok {
				known[day.Day] = day
			}
		}
		if complete(known, s.window, head.coveredTo()) {
			break
		}
	}
	next.CoveredTo = covered.String()
	for i := range s.days {
		day := s.day(i)
		before, ok := known[day.Day]
		next.Days = append(next.Days, day.after(before, ok, next.Number))
	}
	if head != nil && head.sameAs(next) {
		return head, nil
	}
	return next, nil
}

// complete tells whether what is known of the window's days is all that digests say up to the day that they cover.
func complete(known map[string]Day, window calendar.Days, covered calendar.Date) bool {
	for d := window.From; d < window.To && d <= covered; d++ {
		if _, ok := known[d.String()]; !ok {
			return false
		}
	}
	return true
}

// after returns the day as digest number says it, given what was last said of it.
func (day Day) after(before Day, listed bool, number int64) Day {
	switch {
	case !listed:
		day.Recorded, day.Amends = number, nil
	case before.Facts == day.Facts && before.Events == day.Events:
		day.Recorded, day.Amends = before.Recorded, before.Amends
	default:
		day.Recorded, day.Amends = number, &Earlier{before.Recorded, before.Events, before.Facts}
	}
	return day
}

// snapshot returns the date of what may be no digest at all.
func (d *Digest) snapshot() string {
	if d == nil {
		return "none"
	}
	return d.Date
}

func (d *Digest) coveredTo() calendar.Date {
	to, err := calendar.ParseDate(d.CoveredTo)
	if err != nil {
		return d.Window().Last()
	}
	return to
}

// sameAs tells whether next says of the same run's publication what d does.
func (d *Digest) sameAs(next *Digest) bool {
	return d.RunID == next.RunID && d.Date == next.Date && d.Zone == next.Zone && slices.EqualFunc(d.Days, next.Days, func(a, b Day) bool {
		return a.Day == b.Day && a.Events == b.Events && a.Facts == b.Facts && a.Rows == b.Rows
	})
}

// Verify compares the rows in s, as they are published now, with the digest of their publication. The error names
// every day that differs and is ErrTampered.
func Verify(d *Digest, s *Segments) error {
	if w := d.Window(); w != s.window || d.Zone != s.zone.String() {
		return fmt.Errorf("chain: digest %d is of %s to %s in %s, the rows are of %s to %s in %s", d.Number, w.From, w.Last(), d.Zone,
			s.window.From, s.window.Last(), s.zone)
	}
	bad := s.broken()
	for i, want := range d.Days {
		date := s.window.From.AddDays(i)
		if bad[date] != "" {
			continue
		}
		switch have := s.day(i); {
		case have.Events != want.Events:
			bad[date] = fmt.Sprintf("%d events, %d were published", have.Events, want.Events)
		case have.Facts != want.Facts:
			bad[date] = "events differ from those that were published"
		case have.Rows != want.Rows:
			bad[date] = "names or email addresses differ from those that were published"
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("chain: digest %d, snapshot of %s: %w", d.Number, d.Date, describe(bad))
	}
	return nil
}

// broken returns the days whose rows are wrong in themselves.
func (s *Segments) broken() map[calendar.Date]string { return maps.Clone(s.faults) }

// describe returns an ErrTampered that names the days.
func describe(bad map[calendar.Date]string) error {
	var all []string
	for _, day := range slices.Sorted(maps.Keys(bad)) {
		all = append(all, day.String()+": "+bad[day])
	}
	return fmt.Errorf("%w: %s", ErrTampered, strings.Join(all, "; "))
}

// VerifyChain checks that digests, in the order of their numbers from 1, follow from each other: each names the one
// before it, and says of a day what was said before or that it amends it. The error names the digest and the day, and
// is ErrTampered. What is lost from the end shows only to who knows the last number, as manifests do.
func VerifyChain(digests iter.Seq2[*Digest, error]) error {
	var last *Digest
	known := map[string]Day{}
	for d, err := range digests {
		if err != nil {
			return err
		}
		number, previous := int64(1), ""
		if last != nil {
			number, previous = last.Number+1, last.SHA256()
		}
		if d.Number != number {
			return fmt.Errorf("chain: %w: digest %d stands where digest %d should", ErrTampered, d.Number, number)
		}
		if d.Previous != previous {
			return fmt.Errorf("chain: %w: digest %d (snapshot of %s) is not the one that digest %d (snapshot of %s) names",
				ErrTampered, d.Number-1, last.snapshot(), d.Number, d.Date)
		}
		covered := d.Window().Last()
		if last != nil && last.Zone == d.Zone {
			covered = max(covered, last.coveredTo())
		} else {
			clear(known)
		}
		if d.coveredTo() != covered {
			return fmt.Errorf("chain: %w: digest %d says that days to %s are covered, those before it and it itself cover %s",
				ErrTampered, d.Number, d.CoveredTo, covered)
		}
		for _, day := range d.Days {
			before, ok := known[day.Day]
			if want := day.after(before, ok, d.Number); !day.equal(want) {
				return fmt.Errorf("chain: %w: digest %d, %s: it does not follow from what digest %d said of that day",
					ErrTampered, d.Number, day.Day, before.Recorded)
			}
			known[day.Day] = day
		}
		last = d
	}
	return nil
}

func (day Day) equal(other Day) bool {
	a, b := day.Amends, other.Amends
	return day.Recorded == other.Recorded && (a == b || a != nil && b != nil && *a == *b)
}
