package lake

// Changes says how the figures of a run differ from those of an earlier one, and why. It adds up: a figure Before and
// all its reasons make After.
type Changes struct {
	RunID        string   `json:"since_run_id"`
	SnapshotDate Date     `json:"since_snapshot_date"`
	Note         string   `json:"note,omitempty"` // why there is nothing to compare with, or not all of it
	Figures      []Change `json:"figures"`        // in the order of the logs, then of the reports
	Sources      []Source `json:"sources"`        // what of the input datasets stands behind it; only those with something to tell
}

// Change is one figure, before and now.
type Change struct {
	Figure string   `json:"figure"` // a log's table, or a workbook's file
	Unit   string   `json:"unit"`   // what is counted: "rows", or a figure as people know it, such as "Total Unique Users"
	Before int64    `json:"before"`
	After  int64    `json:"after"`
	Why    []Reason `json:"why"` // none that is nothing; Before and the sum of By is After
}

// The kinds of reasons.
const (
	WindowCame = "window_came" // days that the window has reached
	WindowLeft = "window_left" // days that it has left
	LateData   = "late"        // events of days that the earlier run had covered
	Withdrawn  = "withdrawn"   // events of such days that are no longer there
	Regrouped  = "changed"     // the same number of events of a day make more or fewer rows: what they say was changed
	Added      = "added"       // what was not there before
	Removed    = "removed"     // what is there no longer
	Merged     = "merged"      // several users are one now
	Split      = "split"       // one user is several now
	Unknown    = "unknown"     // the earlier run left nothing to go by
)

// Reason is by how much a figure changed for one reason.
type Reason struct {
	Kind string `json:"kind"`
	By   int64  `json:"by"`             // what it adds to the figure, negative when it takes away
	Days int    `json:"days,omitempty"` // on how many days; 0 where it is not by days
}

// Source says what became of the rows of an input dataset since the earlier run.
type Source struct {
	Dataset    string `json:"dataset"`
	Late       int64  `json:"late"`       // events of days that a run had covered
	Withdrawn  int64  `json:"withdrawn"`  // such events that are no longer there
	Deliveries int    `json:"deliveries"` // that are gone or were changed
	Added      int64  `json:"added"`      // of tables of how things are: rows with a new key
	Removed    int64  `json:"removed"`    // rows that are gone
	Renamed    int64  `json:"renamed"`    // rows with another name
}
