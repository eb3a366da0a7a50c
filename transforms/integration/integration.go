// Package integration makes the sheets of the usage reports: who was seen in which connected system, and what was
// synchronised between them. Its functions are pure, from daily facts and current-state tables to Arrow batches; it
// never reads a source, a bucket or a clock, and nothing it makes depends on the order of rows.
//
// Collect goes through the year's facts once. Since both windows of a run end with the same day, the last time of a
// thing tells for either whether it was seen there, so the reports of both come from what Collect keeps.
package integration

import (
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/current"
	"github.com/usagereport/usagereport/transforms/facts"
)

// Run is what a run date fixes.
type Run struct {
	Date calendar.Date  // D: everything before it is in
	Zone *time.Location // the reporting zone
	Mem  memory.Allocator
}

// Window is the widest window of the reports, over which users are resolved (contract §2, §7).
func (r Run) Window() calendar.Days { return calendar.Windows(r.Date).OneYear }

// State is current-state tables. Nothing here is owned.
type State struct {
	Systems, Integrations, ProjectPairs *current.Table
}

// second is the column that Seconds adds: the time of day of an event as a key of its fact, so that the last time of
// anything stays exact whichever events another delivery takes away.
const second = "second"

// Columns of the facts of sync events, in key order.
const (
	syncIntegration = iota
	syncSystem
	syncType
	syncEntity
	syncProject1
	syncProject2
	syncSucceeded
	syncSecond
)

// SyncFacts says how sync events, as Seconds hands them over, become facts.
func SyncFacts(zone *time.Location) *facts.Spec {
	return &facts.Spec{
		Name: dictionary.SyncEvents.Name, Instant: "synced_at",
		Keys: []string{"integration_id", "end_system_id", "entity_type", "entity_id", "system1_project", "system2_project", "succeeded", second},
		ID:   "event_id", Zone: zone,
	}
}

// Columns of the facts of user observations, in key order.
const (
	seenSystem = iota
	seenType
	seenEmail
	seenUsername
	seenDisplayName
	seenService
	seenSecond
)

// ObservationFacts says how user observations, as Seconds hands them over, become facts. They have no ids and need none:
// to have seen somebody twice is to have seen them.
func ObservationFacts(zone *time.Location) *facts.Spec {
	return &facts.Spec{
		Name: dictionary.UserObservations.Name, Instant: "observed_at",
		Keys: []string{"system_id", "interaction_type", "email", "username", "display_name", "service_account", second},
		Zone: zone,
	}
}

// Seconds adds the time of day to conformed events: whole seconds since their day began in the reporting zone, as text
// of six digits. It is not safe for concurrent use.
type Seconds struct {
	mem   memory.Allocator
	spec  *facts.Spec
	dayer *calendar.Dayer
	day   calendar.Date
	start int64 // of day, in microseconds
}

// NewSeconds returns a Seconds for the events of spec.
func NewSeconds(mem memory.Allocator, spec *facts.Spec) *Seconds {
	s := &Seconds{mem: mem, spec: spec, dayer: calendar.NewDayer(spec.Zone)}
	s.begin(0)
	return s
}

func (s *Seconds) begin(day calendar.Date) {
	s.day, s.start = day, day.Start(s.dayer.Location()).UnixMicro()
}

// Prepare returns rec with the column added: same rows, same order. The caller releases both.
func (s *Seconds) Prepare(rec arrow.Record) (arrow.Record, error) {
	return s.spec.WithInstant(s.mem, rec, second, func(buf []byte, micros int64) []byte {
		if day := s.dayer.DayOf(micros); day != s.day {
			s.begin(day)
		}
		// One more digit in front keeps the zeros.
		text := strconv.AppendInt(buf, 1_000_000+(micros-s.start)/1_000_000, 10)
		return text[1:]
	})
}

// moment is a day and the seconds since it began. Moments compare by day, then by time.
type moment int64

const daySeconds = 1 << 20 // more than any day has

func momentOf(day calendar.Date, seconds int64) moment {
	return moment(int64(day)*daySeconds + seconds)
}

// never is before all moments.
const never = moment(-1 << 62)

// time returns the instant.
func (m moment) time(zone *time.Location) time.Time {
	day := calendar.Date(int64(m) >> 20)
	return day.Start(zone).Add(time.Duration(int64(m)&(daySeconds-1)) * time.Second)
}

// secondsOf returns the seconds that the values of a second key stand for, by code.
func secondsOf(values []string) ([]int64, error) {
	out := make([]int64, len(values)+1)
	for i, v := range values {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 || n >= daySeconds {
			return nil, fmt.Errorf("integration: second %q of a fact: want 0 to %d", v, daySeconds-1)
		}
		out[i+1] = n
	}
	return out, nil
}
