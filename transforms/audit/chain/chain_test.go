package chain

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
)

var update = flag.Bool("update", false, "write the golden files anew")

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
		events[0].with("actor_user_name", "Zoe"), events[0].with("workspace_name", "Uno"), events[0].with("actor_user_email", "z@x.org"), events[0].with("target_user_name", "∅"),
	} {
		_, second, changed := c.publish(t, d, time.UTC, "r2", []row{change})
		if second.Amended() != nil || second.Days[89].Facts != first.Days[89].Facts {
			t.Errorf("%v amends", change)
		}
		err := Verify(first, segments(t, first.Window(), time.UTC, changed, 1))
		if same := fmt.Sprint(changed) == fmt.Sprint(rows); same != (err == nil) {
			t.Errorf("%v: %v", change, err)
		}
	}
	// Without an id the address is all that says who it was.
	_, second, _ := c.publish(t, d, time.UTC, "r2", []row{events[0].with("target_user_email", "other@x.org")})
	if len(second.Amended()) != 1 {
		t.Error("another target amends nothing")
	}
}

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
		day := calendar.Of(r.at(), zone)
		check := func(what string, changed []row, more ...calendar.Date) {
			t.Helper()
			err := Verify(digest, segments(t, window, zone, changed, 50))
			if !errors.Is(err, ErrTampered) {
				t.Fatalf("%s of %s: %v", what, r["event_id"], err)
			}
			all := append(more, day)
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
				check("another "+f.Name, replaced(r.with(f.Name, r[f.Name]+"x")))
				if r[f.Name] == "" {
					check("empty for null "+f.Name, replaced(r.with(f.Name, "")))
				} else if !f.Required {
					check("no "+f.Name, replaced(r.with(f.Name, "∅")))
				}
			}
		}
		check("a microsecond", replaced(r.with("occurred_at", r.at().Add(time.Microsecond).Format(time.RFC3339Nano))))
		check("loss", slices.Delete(slices.Clone(rows), i, i+1))
		check("doubling", put(i, r))
		check("addition", newestFirst(put(i, r.with("event_id", "new"))))
		if i+1 < len(rows) {
			swapped := slices.Clone(rows)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			check("swap", swapped, calendar.Of(rows[i+1].at(), zone))
		}
		if other := (i + len(rows)/2) % len(rows); i%5 == 0 {
			moved := slices.Insert(slices.Delete(slices.Clone(rows), i, i+1), other, r)
			err := Verify(digest, segments(t, window, zone, moved, 50))
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
	// A day that is other than before, without saying so.
	silent := *c[7]
	silent.Days = slices.Clone(silent.Days)
	silent.Days[30].Facts = strings.Repeat("b", 64)
	err := VerifyChain(append(slices.Clone(c[:7]), &silent).forward())
	if !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), silent.Days[30].Day) {
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
					if calendar.Of(r.at(), zone).String() == day.Day {
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
				if day, ok := s.DayOfRow(int64(i)); !ok || day != calendar.Of(r.at(), zone) {
					rt.Fatalf("row %d is of %s", i, day)
				}
			}
			if _, ok := s.DayOfRow(int64(len(rows))); ok {
				rt.Fatal("there is a row too many")
			}
			c = next
			if err := VerifyChain(c.forward()); err != nil {
				rt.Fatal(err)
			}
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
	for name, r := range map[string]row{"UTF-8": a.with("action", "\xff"), "null": a.with("event_id", "∅")} {
		if err := s.Add(records(mem, []row{r}, 1)[0]); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func digestOf(t testing.TB, rows []row) *Digest {
	c, _, _ := chain(nil).publish(t, d, time.UTC, "20261121T023000Z-2026-11-21", rows)
	c, digest, _ := c.publish(t, d+1, time.UTC, "20261122T023000Z-2026-11-22", append(rows, event("late", noon(3)), event("new", noon(0))))
	return c[digest.Number-1]
}

// TestGolden: the form in which digests are stored, checksums included, is for ever.
func TestGolden(t *testing.T) {
	got := digestOf(t, []row{event("a", noon(1)), event("b", noon(3))}).Encode()
	path := filepath.Join("testdata", "digest.json")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %s", got)
	}
}

// TestRecomputed: another program comes to the same checksums from the rows as JSON, by what the package says of them.
func TestRecomputed(t *testing.T) {
	python := os.Getenv("USAGEREPORT_TEST_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "pass").CombinedOutput(); err != nil {
		if os.Getenv("USAGEREPORT_TEST_REQUIRE") == "1" {
			t.Fatalf("%v: %s", err, out)
		}
		t.Skipf("%s does not run: name a Python in USAGEREPORT_TEST_PYTHON", python)
	}
	_, digest, rows := chain(nil).publish(t, d, time.UTC, "r", []row{
		event("a", noon(1)), event("b", noon(1)), event("c", noon(40)).with("actor_user_id", "∅"), event("d", noon(90).Truncate(time.Second)),
	})
	var objects []map[string]any
	for _, r := range rows {
		o := map[string]any{}
		for _, f := range dictionary.AuditLog.Fields {
			if o[f.Name] = any(r[f.Name]); r[f.Name] == "" {
				o[f.Name] = nil
			}
		}
		objects = append(objects, o)
	}
	dir := t.TempDir()
	data, err := json.Marshal(objects)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"audit_log.json": data, "digest.json": digest.Encode()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(python, filepath.Join("testdata", "recompute.py"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func FuzzDecode(f *testing.F) {
	good := digestOf(f, []row{event("a", noon(1))}).Encode()
	f.Add(good, 0, byte(0))
	f.Add(good, len(good)/2, byte(1))
	f.Add([]byte("{}"), 0, byte(0))
	f.Add([]byte(`{"format_version":1,"number":1,"days":[{}]}`), 0, byte(0))
	f.Fuzz(func(t *testing.T, data []byte, at int, change byte) {
		if at >= 0 && at < len(data) {
			data = slices.Clone(data)
			data[at] ^= change
		}
		digest, err := Decode(data)
		if err != nil {
			return
		}
		if !bytes.Equal(digest.Encode(), data) {
			t.Error("other bytes")
		}
		if n := digest.Window().Len(); n != len(digest.Days) {
			t.Errorf("a window of %d days", n)
		}
		digest.Amended()
		if _, err := Extend(chain{digest}.back(), Publication{"r", d}, NewSegments(calendar.Windows(d).Audit, time.UTC)); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkSegments(b *testing.B) {
	var rows []row
	for i := range 4096 {
		rows = append(rows, event(fmt.Sprint("e", i), noon(1).Add(-time.Duration(i)*time.Minute)))
	}
	all := records(memory.NewGoAllocator(), rows, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if err := NewSegments(calendar.Windows(d).Audit, time.UTC).Add(all[0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/row")
}
