package chain

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// Segments digests the rows of an audit log day by day, in the order in which they are published. What is wrong with
// the rows themselves, their order among it, is kept with the days concerned until Extend or Verify tells. It is not
// safe for concurrent use.
type Segments struct {
	window calendar.Days
	zone   *time.Location
	dayer  *calendar.Dayer
	days   []segment // of the window, oldest first
	faults map[calendar.Date]string
	line   []byte

	any    bool // there was a row; the last one is at lastAt, with the id lastID
	lastAt int64
	lastID string
}

type segment struct {
	events      int64
	facts, rows hash.Hash
}

// NewSegments returns Segments for the rows of the window, by their days in the reporting zone.
func NewSegments(window calendar.Days, zone *time.Location) *Segments {
	s := &Segments{
		window: window, zone: zone, dayer: calendar.NewDayer(zone),
		days: make([]segment, window.Len()), faults: map[calendar.Date]string{},
	}
	for i := range s.days {
		s.days[i] = segment{facts: sha256.New(), rows: sha256.New()}
	}
	return s
}

// Add digests the rows of rec, a record of the audit log, which follow those added before. It does not keep rec.
func (s *Segments) Add(rec arrow.Record) error {
	c, err := cellsOf(rec)
	if err != nil {
		return err
	}
	id := table.Index("event_id")
	for i := range int(rec.NumRows()) {
		if c.at.IsNull(i) || c.null[id](i) || !c.readable(i) {
			return fmt.Errorf("chain: row %d of a record: event_id or occurred_at is null, or text is not UTF-8", i+1)
		}
		at, event := int64(c.at.Value(i)), c.text[id](i)
		day := s.dayer.DayOf(at)
		if s.any && cmp.Or(cmp.Compare(s.lastAt, at), strings.Compare(event, s.lastID)) <= 0 {
			s.disorder(day, event)
		}
		// The value may go with its record.
		s.any, s.lastAt, s.lastID = true, at, strings.Clone(event)
		if !s.window.Contains(day) {
			s.fault(day, fmt.Sprintf("event %q is of no day of the window", event))
			continue
		}
		d := &s.days[day-s.window.From]
		d.events++
		s.line = c.appendFacts(s.line[:0], i)
		d.facts.Write(s.line)
		s.line = c.appendRow(s.line[:0], i)
		d.rows.Write(s.line)
	}
	return nil
}

// disorder notes that the event does not come after the last one.
func (s *Segments) disorder(day calendar.Date, event string) {
	text := fmt.Sprintf("event %q stands below event %q, but is newer", event, s.lastID)
	if event == s.lastID {
		text = fmt.Sprintf("event %q is there twice", event)
	}
	s.fault(day, text)
	// Either of the two may have been moved.
	s.fault(s.dayer.DayOf(s.lastAt), text)
}

// fault keeps the first fault of a day.
func (s *Segments) fault(day calendar.Date, text string) {
	if _, ok := s.faults[day]; !ok {
		s.faults[day] = text
	}
}

// DayOfRow returns the day of row n of the rows added, from 0, provided that they are in order and all of the window;
// false when there are fewer.
func (s *Segments) DayOfRow(n int64) (calendar.Date, bool) {
	for i := len(s.days) - 1; i >= 0; i-- {
		if n -= s.days[i].events; n < 0 {
			return s.window.From.AddDays(i), true
		}
	}
	return 0, false
}

// day returns what is to be recorded of day i.
func (s *Segments) day(i int) Day {
	d := s.days[i]
	return Day{
		Day: s.window.From.AddDays(i).String(), Events: d.events,
		Facts: hex.EncodeToString(d.facts.Sum(nil)), Rows: hex.EncodeToString(d.rows.Sum(nil)),
	}
}
