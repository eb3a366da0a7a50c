// Package facts turns event batches into daily facts: events counted once, by day and grain, in runs that a later
// night reads instead of the source. It never reads a source, a bucket or a clock, and knows no log's columns.
//
// A Run is what one delivery (a partition of files, a day of a table, one incremental query) contributed, before
// duplicates between deliveries are resolved. Runs are immutable; Resolve says which of their events another run
// already holds, and a Merger reads them together with those events taken out. So a night that re-reads one
// delivery replaces one run, and what is published depends on the set of runs alone.
package facts

import (
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// Spec says how the events of one dataset become facts.
type Spec struct {
	Name    string   // of the dataset
	Instant string   // the Timestamp column whose day (in Zone) the event belongs to
	Keys    []string // String or Boolean columns grouped by; the first is the workspace
	Count   string   // the Integer column that says how many events a row stands for; empty: each row is one
	ID      string   // the event id column; a null id makes a row an event of its own
	Zone    *time.Location
}

// Block is the facts of one workspace on one day. Cols holds, for each of Spec.Keys, one code a row; code 0 is
// null, code i+1 is value i of that key's dictionary.
type Block struct {
	Workspace uint32
	Day       calendar.Date
	Cols      [][]uint32
	Count     []int64
}

// Info is what is known of a run without opening it.
type Info struct {
	Events int64                   `json:"events"` // rows times their count, duplicates within the run left out
	Groups int                     `json:"groups"` // facts
	From   calendar.Date           `json:"from"`   // first day with an event
	To     calendar.Date           `json:"to"`     // last day with an event
	ByDay  map[calendar.Date]int64 `json:"by_day"` // of the events, those of each day
	IDs    int                     `json:"ids"`    // events with an id
}

// Run is a finished run in the form it is stored in.
type Run struct {
	Info   Info
	Facts  []byte // Arrow IPC file: the facts, one record batch or more a stretch of (workspace, day) blocks
	Values []byte // Arrow IPC file: the values that the facts' codes stand for
	IDs    []byte // the event ids' hashes, see EncodeIDs
	Pos    []byte // for each id, in the same order, the fact its event counts in and how much, see EncodeIDs
}

// Stats counts what became of the rows given to a Builder.
type Stats struct {
	Rows       int64 // rows seen
	Duplicates int64 // of these, rows whose event id the run already held
}

func column(rec arrow.Record, name string) (arrow.Array, error) {
	i := rec.Schema().FieldIndices(name)
	if len(i) != 1 {
		return nil, fmt.Errorf("facts: batch has %d columns named %q, want 1", len(i), name)
	}
	return rec.Column(i[0]), nil
}
