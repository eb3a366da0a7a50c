package lake

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// Changes says how the figures of a run differ from those of an earlier one, and why. It adds up: a figure Before and
// all its reasons make After.
type Changes struct {
	RunID        string   `json:"since_run_id"` // empty when there is none
	SnapshotDate Date     `json:"since_snapshot_date"`
	Note         string   `json:"note,omitempty"` // why there is nothing to compare with, or not all of it
	Figures      []Change `json:"figures"`        // in the order of the logs, then of the reports
	Sources      []Source `json:"sources"`        // the input datasets that this comes from; none that has nothing to tell
}

// Change is one figure, before and now.
type Change struct {
	Figure  string   `json:"figure"` // a log's table, an event dataset, or a workbook's file
	Unit    string   `json:"unit"`   // what is counted: "rows", "events", or a figure as people know it, such as "Total Unique Users"
	Before  int64    `json:"before"`
	After   int64    `json:"after"`
	Why     []Reason `json:"why"`               // none that adds nothing; Before and the sum of By is After
	Renamed int64    `json:"renamed,omitempty"` // rows that have another name than before
}

// The kinds of reasons.
const (
	WindowCame = "window_came" // days that the window has reached
	WindowLeft = "window_left" // days that it has left
	LateData   = "late"        // more events of days that the earlier run had, too
	Withdrawn  = "withdrawn"   // fewer events of such days
	Regrouped  = "changed"     // a day's events are as many, and make more or fewer rows: what they say was changed
	Added      = "added"       // what was not there before
	Removed    = "removed"     // what is there no longer
	Merged     = "merged"      // several users are one now
	Split      = "split"       // one user is several now
	Unknown    = "unknown"     // the earlier run left nothing to tell by
)

// Reason is by how much a figure changed for one reason.
type Reason struct {
	Kind string `json:"kind"`
	By   int64  `json:"by"`             // what it adds to the figure, negative when it takes away
	Days int    `json:"days,omitempty"` // on how many days; 0 where it is not by days
}

// Source says what became of an input dataset: of events since the run before, whatever date that published, of how things
// are since the earlier run.
type Source struct {
	Dataset    string `json:"dataset"`
	Late       int64  `json:"late"`       // events of days that a run had covered
	Withdrawn  int64  `json:"withdrawn"`  // such events that are no longer there
	Deliveries int    `json:"deliveries"` // files, or days of files, that are gone or were changed
	Added      int64  `json:"added"`      // of how things are: those that were not there
	Removed    int64  `json:"removed"`    // those that are gone
	Renamed    int64  `json:"renamed"`    // those with another name
}

// String says for people by how much and why.
func (r Reason) String() string {
	by := fmt.Sprintf("%+d", r.By)
	days := ""
	if r.Days == 1 {
		days = " (1 day)"
	} else if r.Days > 1 {
		days = fmt.Sprintf(" (%d days)", r.Days)
	}
	text := map[string]string{
		WindowCame: "the window reached new days", WindowLeft: "days left the window", LateData: "came late",
		Withdrawn: "no longer in the source", Regrouped: "events say something else than before",
		Added: "added", Removed: "removed", Merged: "users found to be one", Split: "users found to be several",
		Unknown: "not known why",
	}[r.Kind]
	if text == "" {
		text = r.Kind
	}
	return by + " " + text + days
}

const runDaysDir = runsDir + "days/"

// RunDaysKey returns the key of the figures of a run by day.
func RunDaysKey(id string) string { return runDaysDir + id + ".json" }

// RunDays is the figures of a run by day: what a later run is compared with.
type RunDays struct {
	Format       int         `json:"format_version"`
	RunID        string      `json:"run_id"`
	SnapshotDate Date        `json:"snapshot_date"`
	TimeZone     string      `json:"time_zone"` // days of another zone cannot be compared
	Figures      []DayFigure `json:"figures"`
}

// DayFigure is one figure by day.
type DayFigure struct {
	Figure string  `json:"figure"`
	Unit   string  `json:"unit"`
	From   Date    `json:"from"`
	Counts []int64 `json:"counts"` // one for each day of the window, from From
}

// Find returns a figure by day.
func (d *RunDays) Find(figure, unit string) (DayFigure, bool) {
	i := slices.IndexFunc(d.Figures, func(f DayFigure) bool { return f.Figure == figure && f.Unit == unit })
	if i < 0 {
		return DayFigure{}, false
	}
	return d.Figures[i], true
}

// PutRunDays writes the figures of a run by day, in place of earlier ones of the same id.
func (l *Lake) PutRunDays(ctx context.Context, d *RunDays) error {
	if err := validID(d.RunID); err != nil {
		return err
	}
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode the figures of run %s by day: %w", d.RunID, err)
	}
	return l.put(ctx, RunDaysKey(d.RunID), jsonType, append(data, '\n'))
}

// RunDays returns the figures of a run by day. ErrNotFound if there are none.
func (l *Lake) RunDays(ctx context.Context, id string) (*RunDays, error) {
	if err := validID(id); err != nil {
		return nil, err
	}
	data, err := l.get(ctx, RunDaysKey(id))
	if err != nil {
		return nil, err
	}
	d := new(RunDays)
	if err := json.Unmarshal(data, d); err != nil {
		return nil, l.corrupt(RunDaysKey(id), "they are no figures by day: %v", err)
	}
	return d, nil
}
