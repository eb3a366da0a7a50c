package chain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/transforms/calendar"
)

var d = calendar.Civil(2026, 11, 21)

func noon(daysBefore int) time.Time {
	return time.Date(2026, 11, 21, 12, 0, 0, 250_000_000, time.UTC).AddDate(0, 0, -daysBefore)
}

// TestNights: each night names the one before; a late event amends its day, and what rolls out of the window stays.
func TestNights(t *testing.T) {
	events := []row{event("a", noon(1)), event("b", noon(1)), event("c", noon(2)), event("z", noon(90))}
	c, first, _ := chain(nil).publish(t, d, time.UTC, "r1", events)
	if first.Number != 1 || first.Previous != "" || len(first.Days) != 90 || first.CoveredTo != "2026-11-20" || first.Amended() != nil {
		t.Fatalf("first %+v", first)
	}
	events = append(events, event("d", noon(0)), event("late", noon(2).Add(-time.Hour)))
	c, second, rows := c.publish(t, d+1, time.UTC, "r2", events)
	if second.Number != 2 || second.Previous != first.SHA256() || second.Days[0].Day != "2026-08-24" || second.CoveredTo != "2026-11-21" {
		t.Fatalf("second %+v", second)
	}
	if got := days(second.Amended()); !slices.Equal(got, []string{"2026-11-19: 2, before 1"}) {
		t.Errorf("amended %v", got)
	}
	day := second.Days[87]
	if day.Recorded != 2 || *day.Amends != (Earlier{1, 1, first.Days[88].Facts}) {
		t.Errorf("the amended day %+v", day)
	}
	// The next night repeats what was said and amends nothing.
	c, third, _ := c.publish(t, d+2, time.UTC, "r3", events)
	if third.Amended() != nil || third.Days[86].Recorded != 2 || *third.Days[86].Amends != *day.Amends {
		t.Errorf("third: %+v", third.Days[86])
	}
	// The same run once more is the same digest; another run of the date is another.
	if again, same, _ := c.publish(t, d+2, time.UTC, "r3", events); len(again) != 3 || same != third {
		t.Errorf("the same run again makes digest %d", same.Number)
	}
	if again, _, _ := c.publish(t, d+2, time.UTC, "r4", events); len(again) != 4 {
		t.Error("another run makes no digest")
	}
	// The first night is published again, with the event that came late: its window reaches further back.
	c, fourth, _ := c.publish(t, d, time.UTC, "r5", events)
	if fourth.Number != 4 || fourth.Amended() != nil || fourth.Days[0].Recorded != 1 || fourth.Days[0].Events != 1 || fourth.CoveredTo != "2026-11-22" {
		t.Errorf("a past date: %+v", fourth.Days[0])
	}
	if day := fourth.Days[88]; day.Recorded != 2 {
		t.Errorf("a past date: %+v", day)
	}
	// The next night finds what the last one does not list.
	c, fifth, _ := c.publish(t, d+3, time.UTC, "r6", events)
	if day := fifth.Days[87]; day.Day != "2026-11-21" || day.Recorded != 2 || day.Amends != nil {
		t.Errorf("after a past date: %+v", day)
	}
	if err := VerifyChain(c.forward()); err != nil {
		t.Error(err)
	}
	if err := Verify(second, segments(t, second.Window(), time.UTC, rows, 2)); err != nil {
		t.Error(err)
	}
}

// TestReadsNoFurther: a night after a night reads one digest.
func TestReadsNoFurther(t *testing.T) {
	var c chain
	for i := range 5 {
		c, _, _ = c.publish(t, d.AddDays(i), time.UTC, fmt.Sprint("r", i), []row{event("a", noon(1))})
	}
	read := 0
	back := func(yield func(*Digest, error) bool) {
		for d, err := range c.back() {
			read++
			if !yield(d, err) {
				return
			}
		}
	}
	if _, err := Extend(back, Publication{"r", d + 5}, NewSegments(calendar.Windows(d+5).Audit, time.UTC)); err != nil || read != 1 {
		t.Errorf("%d digests read, %v", read, err)
	}
	broken := errors.New("no such object")
	_, err := Extend(func(yield func(*Digest, error) bool) { yield(nil, broken) }, Publication{"r", d}, NewSegments(calendar.Windows(d).Audit, time.UTC))
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

// TestAnotherZone: days of another zone are other days, so nothing is amended, and the chain goes on.
func TestAnotherZone(t *testing.T) {
	events := []row{event("a", noon(1)), event("b", noon(1).Add(-10*time.Hour))}
	c, _, _ := chain(nil).publish(t, d, time.UTC, "r1", events)
	c, second, _ := c.publish(t, d, location(t, "America/New_York"), "r2", events)
	if second.Number != 2 || second.Amended() != nil || second.Days[89].Recorded != 2 || second.Days[88].Events != 1 {
		t.Errorf("%+v", second.Days[88:])
	}
	c, _, _ = c.publish(t, d+1, location(t, "America/New_York"), "r3", events)
	if err := VerifyChain(c.forward()); err != nil {
		t.Error(err)
	}
	if err := Verify(second, NewSegments(second.Window(), time.UTC)); err == nil || errors.Is(err, ErrTampered) {
		t.Errorf("rows by another zone: %v", err)
	}
}

// TestNamesAreToday: another name is no amendment, for the event is the same; what was published tells it apart.
func TestNamesAreToday(t *testing.T) {
	events := []row{event("a", noon(1))}
	c, first, rows := chain(nil).publish(t, d, time.UTC, "r1", events)
	for _, change := range []row{
		events[0].With("actor_user_name", "Zoe"), events[0].With("workspace_name", "Uno"), events[0].With("actor_user_email", "z@x.org"), events[0].With("target_user_name", "∅"),
	} {
		_, second, changed := c.publish(t, d, time.UTC, "r2", []row{change})
		if second.Amended() != nil || second.Days[89].Facts != first.Days[89].Facts {
			t.Errorf("%v amends", change)
		}
		err := Verify(first, segments(t, first.Window(), time.UTC, changed, 1))
		if same := fmt.Sprint(changed) == fmt.Sprint(rows); same != (err == nil) || !same && !strings.Contains(err.Error(), "2026-11-20: names or email addresses differ") {
			t.Errorf("%v: %v", change, err)
		}
	}
	// Without an id the address is all that says who it was.
	_, second, changed := c.publish(t, d, time.UTC, "r2", []row{events[0].With("target_user_email", "other@x.org")})
	if len(second.Amended()) != 1 {
		t.Error("another target amends nothing")
	}
	err := Verify(first, segments(t, first.Window(), time.UTC, changed, 1))
	if err == nil || !strings.Contains(err.Error(), "2026-11-20: events differ") {
		t.Errorf("error %v", err)
	}
}

// TestAnyHistory: whatever comes late, goes away or is published again, each publication agrees with its digest, the
// digests with each other, and a day is amended exactly when its events are others than were last published.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		zone := time.UTC
		var c chain
		var events []row
		published := map[string]string{}
		date := d
		for night := range rapid.IntRange(1, 8).Draw(rt, "nights") {
			for range rapid.IntRange(0, 3).Draw(rt, "come") {
				before := rapid.IntRange(-8, 95).Draw(rt, "days before")
				events = append(events, event(fmt.Sprintf("e%d", len(events)), noon(before).Add(time.Duration(night)*time.Second)))
			}
			if len(events) > 0 && rapid.IntRange(0, 4).Draw(rt, "goes") == 0 {
				i := rapid.IntRange(0, len(events)-1).Draw(rt, "which")
				events[i] = event(events[i]["event_id"], noon(95)) // into no window
			}
			run := date
			if rapid.IntRange(0, 3).Draw(rt, "past") == 0 {
				run -= calendar.Date(rapid.IntRange(0, 5).Draw(rt, "back"))
			} else {
				date += calendar.Date(rapid.IntRange(1, 2).Draw(rt, "on"))
				run = date
			}
			next, digest, rows := c.publish(rt, run, zone, fmt.Sprint("r", night), events)
			var want []string
			for _, day := range digest.Days {
				var ids []string
				for _, r := range rows {
					if calendar.Of(at(r), zone).String() == day.Day {
						ids = append(ids, r["event_id"]+r["occurred_at"])
					}
				}
				text := strings.Join(ids, " ")
				if before, ok := published[day.Day]; ok && before != text {
					want = append(want, day.Day)
				}
				published[day.Day] = text
			}
			var got []string
			for _, day := range digest.Amended() {
				got = append(got, day.Day)
			}
			if !slices.Equal(got, want) {
				rt.Fatalf("night %d of %s amends %v, want %v", night, run, got, want)
			}
			s := segments(rt, digest.Window(), zone, rows, 5)
			if err := Verify(digest, s); err != nil {
				rt.Fatal(err)
			}
			for i, r := range rows {
				if day, ok := s.DayOfRow(int64(i)); !ok || day != calendar.Of(at(r), zone) {
					rt.Fatalf("row %d is of %s", i, day)
				}
			}
			if _, ok := s.DayOfRow(int64(len(rows))); ok {
				rt.Fatal("there is a row too many")
			}
			c = next
		}
		if err := VerifyChain(c.forward()); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestExtendRefuses(t *testing.T) {
	a, b := event("a", noon(1)), event("b", noon(2))
	for name, rows := range map[string][]row{"order": {b, a}, "twice": {a, a}, "window": {event("c", noon(91))}, "ties": {event("z", noon(1)), a}} {
		_, err := Extend(chain(nil).back(), Publication{"r", d}, segments(t, calendar.Windows(d).Audit, time.UTC, rows, 1))
		if !errors.Is(err, ErrTampered) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mem := memory.NewGoAllocator()
	s := NewSegments(calendar.Windows(d).Audit, time.UTC)
	for name, r := range map[string]row{"UTF-8": a.With("action", "\xff"), "null": a.With("event_id", "∅")} {
		if err := s.Add(records(t, mem, []row{r}, 1)[0]); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkSegments(b *testing.B) {
	var rows []row
	for i := range 4096 {
		rows = append(rows, event(fmt.Sprint("e", i), noon(1).Add(-time.Duration(i)*time.Minute)))
	}
	all := records(b, memory.NewGoAllocator(), rows, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if err := NewSegments(calendar.Windows(d).Audit, time.UTC).Add(all[0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/row")
}
