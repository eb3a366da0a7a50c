package lake

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// WriteText writes the record for people: what became of the run, what it published, and what changed and why.
func (r *RunRecord) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "run %s: %s (exit code %d), %.1f seconds\n", r.RunID, r.Status, r.ExitCode, r.Seconds)
	fmt.Fprintf(&b, "snapshot %s, run time %s, days in %s, program %s\n", r.SnapshotDate, r.RunTime.UTC().Format(time.RFC3339), r.TimeZone, r.Program)
	if r.Error != "" {
		fmt.Fprintf(&b, "error: %s\n", strings.ReplaceAll(r.Error, "\n", "\n       "))
	}
	for _, p := range r.Parts {
		if p.Status != DomainPublished {
			fmt.Fprintf(&b, "part %s: %s since %s: %s\n", p.Name, p.Status, p.Since, p.Reason)
		}
	}
	if r.Objects > 0 {
		fmt.Fprintf(&b, "published: %s, %s\n", count(int64(r.Objects), "object"), count(r.Bytes, "byte"))
	}
	for _, again := range r.Retries {
		fmt.Fprintf(&b, "tried again: %s, %s, after waiting %.1f seconds: %s\n", again.Operation, count(int64(again.Times), "time"), again.Seconds, again.Reason)
	}
	if len(r.Stages) > 0 {
		fmt.Fprintf(&b, "\nstages\n")
		for _, s := range r.Stages {
			fmt.Fprintf(&b, "  %s: %.1f seconds, %s\n", s.Name, s.Seconds, count(s.Rows, "row"))
		}
	}
	if r.Changes != nil {
		r.Changes.writeText(&b)
	}
	if r.Retention != nil {
		r.Retention.writeText(&b)
	}
	if r.Quality != "" {
		fmt.Fprintf(&b, "\nquality: %s\n", r.Quality)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Changes) writeText(b *strings.Builder) {
	fmt.Fprintf(b, "\nwhat changed")
	if c.RunID != "" {
		fmt.Fprintf(b, " since run %s of snapshot %s", c.RunID, c.SnapshotDate)
	}
	fmt.Fprintln(b)
	if c.Note != "" {
		fmt.Fprintf(b, "  %s\n", c.Note)
	}
	for _, f := range c.Figures {
		fmt.Fprintf(b, "  %s, %s: %d, was %d", f.Figure, f.Unit, f.After, f.Before)
		var why []string
		for _, r := range f.Why {
			why = append(why, r.String())
		}
		if f.Renamed > 0 {
			why = append(why, fmt.Sprintf("%d renamed", f.Renamed))
		}
		if len(why) > 0 {
			fmt.Fprintf(b, ": %s", strings.Join(why, ", "))
		}
		fmt.Fprintln(b)
	}
	for _, s := range c.Sources {
		fmt.Fprintf(b, "  source %s: %s\n", s.Dataset, s.words())
	}
}

func (s *Source) words() string {
	var words []string
	for _, n := range []struct {
		n    int64
		what string
	}{
		{s.Late, "came late"}, {s.Withdrawn, "no longer there"}, {int64(s.Deliveries), "deliveries gone or changed"}, {s.Added, "added"},
		{s.Removed, "removed"}, {s.Renamed, "renamed"},
	} {
		if n.n != 0 {
			words = append(words, fmt.Sprintf("%d %s", n.n, n.what))
		}
	}
	return strings.Join(words, ", ")
}

func (r *Retained) writeText(b *strings.Builder) {
	fmt.Fprintf(b, "\ndeleted for their age, before snapshot %s\n", r.Newest)
	for _, kind := range []struct {
		name  string
		dates []Date
	}{{"thinned to their zips", r.Thinned}, {"deleted", r.Expired}} {
		if len(kind.dates) > 0 {
			fmt.Fprintf(b, "  %s %s, from %s to %s\n", count(int64(len(kind.dates)), "date"), kind.name, slices.Min(kind.dates), slices.Max(kind.dates))
		}
	}
	for _, kind := range []struct {
		name string
		Deleted
	}{{"snapshots", r.Snapshots}, {"quarantine", r.Quarantine}, {"runs", r.Runs}, {"access", r.Access}} {
		if kind.Objects > 0 {
			fmt.Fprintf(b, "  %s: %s, %s\n", kind.name, count(kind.Objects, "object"), count(kind.Bytes, "byte"))
		}
	}
	if r.Error != "" {
		fmt.Fprintf(b, "  not all: %s\n", r.Error)
	}
}
