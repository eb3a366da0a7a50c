package chain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// TestTampering: whatever is done to one event of whichever day, the day is named.
func TestTampering(t *testing.T) {
	zone := location(t, "America/New_York")
	var events []row
	for day := 1; day <= 90; day++ {
		for i := range 1 + day%2 {
			events = append(events, event(fmt.Sprintf("e%d-%d", day, i), noon(day)))
		}
	}
	names := map[calendar.Date]string{}
	for day := d - 90; day < d; day++ {
		names[day] = day.String() + ": "
	}
	_, digest, rows := chain(nil).publish(t, d, zone, "r1", events)
	window := digest.Window()
	if err := Verify(digest, segments(t, window, zone, rows, 7)); err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		day := calendar.Of(at(r), zone)
		check := func(what string, changed []row, more ...calendar.Date) {
			t.Helper()
			err := Verify(digest, segments(t, window, zone, changed, 500))
			if !errors.Is(err, ErrTampered) {
				t.Fatalf("%s of %s: %v", what, r["event_id"], err)
			}
			all := append([]calendar.Date{day}, more...)
			for other := window.From; other < window.To; other++ {
				if named := strings.Contains(err.Error(), names[other]); named != slices.Contains(all, other) {
					t.Fatalf("%s of %s on %s: %v", what, r["event_id"], day, err)
				}
			}
		}
		put := func(at int, r ...row) []row { return slices.Insert(slices.Clone(rows), at, r...) }
		replaced := func(r row) []row { changed := slices.Clone(rows); changed[i] = r; return changed }
		for _, f := range dictionary.AuditLog.Fields {
			if f.Kind == dictionary.String && i%11 == 0 {
				check("another "+f.Name, replaced(r.With(f.Name, r[f.Name]+"x")))
				if r[f.Name] == "" {
					check("empty for null "+f.Name, replaced(r.With(f.Name, "")))
				} else if !f.Required {
					check("no "+f.Name, replaced(r.With(f.Name, "∅")))
				}
			}
		}
		check("a microsecond", replaced(r.With("occurred_at", at(r).Add(time.Microsecond).Format(time.RFC3339Nano))))
		check("loss", slices.Delete(slices.Clone(rows), i, i+1))
		check("doubling", put(i, r))
		check("addition", newestFirst(put(i, r.With("event_id", "new"))))
		if i+1 < len(rows) {
			swapped := slices.Clone(rows)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			check("swap", swapped, calendar.Of(at(rows[i+1]), zone))
		}
		if other := (i + len(rows)/2) % len(rows); i%5 == 0 {
			moved := slices.Insert(slices.Delete(slices.Clone(rows), i, i+1), other, r)
			err := Verify(digest, segments(t, window, zone, moved, 500))
			if !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), day.String()+": ") {
				t.Fatalf("move of %s: %v", r["event_id"], err)
			}
		}
	}
	// Into a day without events, and out of the window.
	_, empty, _ := chain(nil).publish(t, d, zone, "r1", nil)
	for _, at := range []time.Time{noon(7), noon(120)} {
		err := Verify(empty, segments(t, window, zone, []row{event("new", at)}, 1))
		if !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), calendar.Of(at, zone).String()+": ") {
			t.Errorf("addition: %v", err)
		}
	}
}

// TestChainTampering: what a digest says cannot be changed so that the digests still follow from each other, but from
// the last one on, which the manifest holds the checksum of.
func TestChainTampering(t *testing.T) {
	var c chain
	var events []row
	for i := range 8 {
		events = append(events, event(fmt.Sprint("e", i), noon(1-i)), event(fmt.Sprint("late", i), noon(10+i)))
		c, _, _ = c.publish(t, d.AddDays(i), time.UTC, fmt.Sprint("r", i), events)
	}
	if err := VerifyChain(c.forward()); err != nil {
		t.Fatal(err)
	}
	for i := range c {
		for name, change := range map[string]func(*Digest){
			"facts": func(d *Digest) { d.Days[3].Facts = d.Days[4].Facts[:60] + "0000" }, "events": func(d *Digest) { d.Days[89].Events++ },
			"rows": func(d *Digest) { d.Days[5].Rows = strings.Repeat("0", 64) }, "run": func(d *Digest) { d.RunID += "x" },
			"date": func(d *Digest) { d.Date = "2026-01-01" }, "recorded": func(d *Digest) { d.Days[0].Recorded++ },
			"covered": func(d *Digest) { d.CoveredTo = "2027-01-01" }, "previous": func(d *Digest) { d.Previous = strings.Repeat("0", 64) },
			"amends": func(d *Digest) { d.Days[7].Amends = &Earlier{0, 5, strings.Repeat("a", 64)} }, "zone": func(d *Digest) { d.Zone = "Etc/UTC" },
		} {
			changed := slices.Clone(c)
			one := *c[i]
			one.Days = slices.Clone(one.Days)
			change(&one)
			changed[i] = &one
			err := VerifyChain(changed.forward())
			// The last one is vouched for by the manifest alone, where it is not against those before it.
			if name == "rows" || name == "run" || name == "date" || name == "events" || name == "zone" || name == "facts" {
				if i == len(c)-1 {
					continue
				}
			}
			if !errors.Is(err, ErrTampered) {
				t.Errorf("%s of digest %d: %v", name, i+1, err)
			}
		}
		if dropped := slices.Delete(slices.Clone(c), i, i+1); i < len(c)-1 && !errors.Is(VerifyChain(dropped.forward()), ErrTampered) {
			t.Errorf("without digest %d: no error", i+1)
		}
	}
	// A day that amends something else than what was said.
	for change, amends := range map[string]Earlier{"events": {1, 9, strings.Repeat("a", 64)}, "nothing": {}} {
		one := *c[7]
		one.Days = slices.Clone(one.Days)
		at := slices.IndexFunc(one.Days, func(day Day) bool { return day.Amends != nil })
		if one.Days[at].Amends = &amends; change == "nothing" {
			one.Days[at].Amends = nil
		}
		err := VerifyChain(append(slices.Clone(c[:7]), &one).forward())
		if !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), one.Days[at].Day) {
			t.Errorf("amends %s: %v", change, err)
		}
	}
	// A day that is other than before, without saying so.
	silent := *c[7]
	silent.Days = slices.Clone(silent.Days)
	silent.Days[30].Facts = strings.Repeat("b", 64)
	err := VerifyChain(append(slices.Clone(c[:7]), &silent).forward())
	if !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), silent.Days[30].Day) {
		t.Errorf("error %v", err)
	}
}
