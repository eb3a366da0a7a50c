package lake

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

const qualityDir = runsDir + "quality/"

// QualityKey returns the key of the quality report of a run.
func QualityKey(id string) string { return qualityDir + id + ".json" }

// Quality is the quality report of a run: what was wrong or odd with its data, whether it published or not. A report of
// a run that failed has what was known by then.
type Quality struct {
	Format       int              `json:"format_version"`
	RunID        string           `json:"run_id"`
	SnapshotDate Date             `json:"snapshot_date"`
	RunTime      time.Time        `json:"run_time"`
	TimeZone     string           `json:"time_zone"`
	Status       string           `json:"status"`   // as the run's record has it
	Datasets     []DatasetQuality `json:"datasets"` // all that the run was to read
	Joins        []Join           `json:"joins"`    // references that lead nowhere; those that all hold are left out
	Volumes      []Volume         `json:"volumes"`  // of the newest day, for each event dataset
	Warnings     []string         `json:"warnings"`
}

// DatasetQuality is what was wrong with the rows of an input dataset that a run read.
type DatasetQuality struct {
	Name         string         `json:"name"`
	Read         int64          `json:"rows_read"`
	Rejected     int64          `json:"rows_rejected"`
	Late         int64          `json:"rows_late"`
	Duplicate    int64          `json:"rows_duplicate"`
	Quarantine   string         `json:"quarantine,omitempty"` // the key of the rejected rows, when there are any
	Reasons      []RejectReason `json:"reasons"`              // why rows were rejected, the most frequent first
	OtherReasons int64          `json:"other_reasons"`        // rows rejected for reasons beyond those
	Unknown      []UnknownValue `json:"unknown_values"`       // that the dictionary does not document, the most frequent first
	OtherUnknown int64          `json:"other_unknown_values"` // rows with values beyond those
}

// RejectReason counts rows that could not be used.
type RejectReason struct {
	Column string `json:"column"` // empty when the whole row is at fault
	Reason string `json:"reason"`
	Rows   int64  `json:"rows"`
}

// UnknownValue counts rows with a value that the dictionary does not document.
type UnknownValue struct {
	Field string `json:"field"`
	Value string `json:"value"`
	Rows  int64  `json:"rows"`
	Kept  bool   `json:"kept"` // as it is; else it counts as the field's catch-all
}

// Join counts rows whose reference to another dataset leads nowhere.
type Join struct {
	Name string `json:"name"` // such as generation_log_without_agent
	Rows int64  `json:"rows"`
}

// Volume compares the events of the newest day with those of the same weekday in the eight weeks before, each as it is known
// now, late events and all.
type Volume struct {
	Dataset string     `json:"dataset"`
	Day     Date       `json:"day"`
	Weekday string     `json:"weekday"`
	Events  int64      `json:"events"`
	Weeks   []DayCount `json:"weeks"`  // the newest first; none from before the dataset's first event
	Median  float64    `json:"median"` // of the weeks; 0 without any
	Odd     bool       `json:"odd"`    // outside the band, and told as a warning
}

// DayCount is the events of a day.
type DayCount struct {
	Day    Date  `json:"day"`
	Events int64 `json:"events"`
}

// PutQuality writes the quality report of a run, in place of an earlier one of the same id.
func (l *Lake) PutQuality(ctx context.Context, q *Quality) error {
	if err := validID(q.RunID); err != nil {
		return err
	}
	data, err := encodeJSON(q)
	if err != nil {
		return fmt.Errorf("encode the quality report of run %s: %w", q.RunID, err)
	}
	return l.put(ctx, QualityKey(q.RunID), jsonType, data)
}

// Quality returns the quality report of a run. ErrNotFound if there is none.
func (l *Lake) Quality(ctx context.Context, id string) (*Quality, error) {
	if err := validID(id); err != nil {
		return nil, err
	}
	data, err := l.get(ctx, QualityKey(id))
	if err != nil {
		return nil, err
	}
	q := new(Quality)
	if err := json.Unmarshal(data, q); err != nil {
		return nil, l.corrupt(QualityKey(id), "it is no quality report: %v", err)
	}
	return q, nil
}
