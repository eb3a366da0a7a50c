package chain

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/rowtest"
)

type row = rowtest.Row

func at(r row) time.Time {
	at, err := time.Parse(time.RFC3339Nano, r["occurred_at"])
	if err != nil {
		panic(err)
	}
	return at
}

// event is a row whose text needs all the care that JSON takes.
func event(id string, at time.Time) row {
	return row{
		"event_id": id, "occurred_at": at.UTC().Format(time.RFC3339Nano), "workspace_id": "w1", "workspace_name": "One \"1\"", "action": "member.added",
		"actor_user_id": "u1", "actor_user_name": "Zoë\u2028\x7f\x1f", "actor_user_email": "zoe@x.org", "target_user_email": "<new>&\\@x.org",
		"invite_id": "\b\t\n\f\r\x00", "ip_address": "2001:db8::1",
	}
}

func newestFirst(rows []row) []row {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b row) int {
		if c := at(b).Compare(at(a)); c != 0 {
			return c
		}
		return strings.Compare(a["event_id"], b["event_id"])
	})
	return rows
}

// records cuts rows into records of that many; those of odd number hold text by code.
func records(t failer, mem memory.Allocator, rows []row, size int) (all []arrow.Record) {
	for chunk := range slices.Chunk(rows, size) {
		all = append(all, rowtest.Record(t, mem, dictionary.AuditLog, chunk, len(all)%2 == 1))
	}
	return all
}

type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// segments digests rows as they are.
func segments(t failer, window calendar.Days, zone *time.Location, rows []row, size int) *Segments {
	t.Helper()
	checked := memory.NewCheckedAllocator(memory.NewGoAllocator())
	var mem memory.Allocator = checked
	if size > 100 {
		mem = memory.NewGoAllocator() // who makes many records of many rows has no time for the other
	}
	s := NewSegments(window, zone)
	for _, rec := range records(t, mem, rows, size) {
		if err := s.Add(rec); err != nil {
			t.Fatal(err)
		}
		rec.Release()
	}
	if n := checked.CurrentAlloc(); n != 0 {
		t.Fatalf("%d bytes are not released", n)
	}
	return s
}

// chain is digests in the order of their numbers.
type chain []*Digest

func (c chain) back() iter.Seq2[*Digest, error] {
	return func(yield func(*Digest, error) bool) {
		for _, d := range slices.Backward(c) {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func (c chain) forward() iter.Seq2[*Digest, error] {
	return func(yield func(*Digest, error) bool) {
		for _, d := range c {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// publish adds the digest of a publication of the date, of those of the events that fall into its window.
func (c chain) publish(t failer, date calendar.Date, zone *time.Location, run string, events []row) (chain, *Digest, []row) {
	t.Helper()
	window := calendar.Windows(date).Audit
	var rows []row
	for _, e := range newestFirst(events) {
		if window.Contains(calendar.Of(at(e), zone)) {
			rows = append(rows, e)
		}
	}
	next, err := Extend(c.back(), Publication{RunID: run, Date: date}, segments(t, window, zone, rows, 3))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Decode(next.Encode()); err != nil || again.SHA256() != next.SHA256() {
		t.Fatalf("stored and read: %v", err)
	}
	if len(c) > 0 && next == c[len(c)-1] {
		return c, next, rows
	}
	return append(slices.Clone(c), next), next, rows
}

func location(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func days(list []Day) (out []string) {
	for _, day := range list {
		out = append(out, fmt.Sprintf("%s: %d, before %d", day.Day, day.Events, day.Amends.Events))
	}
	return out
}
