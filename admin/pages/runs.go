package pages

import (
	"io"
	"strings"
	"time"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
)

// RunsView is the page with the history of runs.
type RunsView struct {
	Frame Frame
	Runs  []*lake.RunRecord // newest first; RunTime is shown in its own zone
	Newer string            // URLs of the neighbouring pages; empty: there is none
	Older string
}

// RunView is the page of one run.
type RunView struct {
	Frame   Frame
	Run     *lake.RunRecord // RunTime is shown in its own zone
	Quality *lake.Quality   // nil: the run left none
}

// Runs writes the page with the history of runs.
func (p *Pages) Runs(w io.Writer, v RunsView) error {
	v.Frame.Here = Runs
	return p.write(w, "runs.html", v.Frame, v)
}

// Run writes the page of one run.
func (p *Pages) Run(w io.Writer, v RunView) error {
	v.Frame.Here = Runs
	return p.write(w, "run.html", v.Frame, v)
}

// RunURL returns the address of the page of a run.
func RunURL(id string) string { return string(Runs) + "/" + id }

// badge is a status in words, and how good it is: good, bad or warn.
type badge struct{ Text, Class string }

func statusOf(status string) badge {
	switch status {
	case lake.RunPublished:
		return badge{"Published", "good"}
	case lake.RunFailed:
		return badge{"Failed", "bad"}
	case lake.RunCancelled:
		return badge{"Cancelled", "warn"}
	}
	return badge{words(status), "warn"}
}

// runSums are figures of a whole run.
type runSums struct {
	Read, Rejected, Late, Duplicate, Written int64
	FailedChecks, Warnings                   int
	Took                                     time.Duration
}

func sumsOf(r *lake.RunRecord) runSums {
	s := runSums{Warnings: len(r.Warnings), Took: seconds(r.Seconds)}
	for _, d := range r.Datasets {
		s.Read += d.Read
		s.Rejected += d.Rejected
		s.Late += d.Late
		s.Duplicate += d.Duplicate
	}
	for _, l := range r.Logs {
		s.Written += l.Rows
	}
	for _, c := range r.Checks {
		if !c.OK {
			s.FailedChecks++
		}
	}
	return s
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// titleOf returns what people call a table of the dictionary; anything else stays as it is.
func titleOf(name string) string {
	if t, ok := dictionary.LogTable(name); ok {
		return t.Title
	}
	return name
}

// checkNames says the checks of a run in words; what follows a colon in the name of a check is its subject.
var checkNames = map[string]string{
	"grain_unique":      "Rows are unique and in order",
	"required_not_null": "Required fields have values",
	"generation_total":  "Generations add up: log, daily facts, source events",
	"login_total":       "Logins add up: daily facts, source events",
	"audit_event_total": "Audit events add up: log, those left out, source events",
	"audit_files":       "Audit log is the same as Parquet, CSV and JSON",
	"joins":             "References lead somewhere, or are counted",
	"workbook":          "Workbook fits its sheets and the Parquet",
	"sync_event_total":  "Syncs add up: daily facts, source events",
}

// checkOf says a check in words.
func checkOf(name string) string {
	kind, subject, _ := strings.Cut(name, ":")
	text := checkNames[kind]
	if text == "" {
		text = words(kind)
	}
	if subject != "" {
		text += ": " + titleOf(subject)
	}
	return text
}

// reasonWords says the kinds of reasons for changes in words.
var reasonWords = map[string]string{
	lake.WindowCame: "days that the window reached",
	lake.WindowLeft: "days that the window left",
	lake.LateData:   "late data",
	lake.Withdrawn:  "events withdrawn",
	lake.Regrouped:  "events changed",
	lake.Added:      "added",
	lake.Removed:    "removed",
	lake.Merged:     "users merged",
	lake.Split:      "users split",
	lake.Unknown:    "unknown",
}

func reasonOf(kind string) string {
	if w := reasonWords[kind]; w != "" {
		return w
	}
	return words(kind)
}

// signed writes a difference with its sign.
func signed(n int64) string {
	if n > 0 {
		return "+" + number(n)
	}
	return number(n)
}

// unitOf leaves out the unit "rows" of a change, which goes without saying.
func unitOf(unit string) string {
	if unit == "rows" {
		return ""
	}
	return unit
}

// changeRow is a change with the difference that it makes.
type changeRow struct {
	lake.Change
	Difference int64
}

func changeRows(changes []lake.Change) []changeRow {
	rows := make([]changeRow, len(changes))
	for i, c := range changes {
		rows[i] = changeRow{c, c.After - c.Before}
	}
	return rows
}
