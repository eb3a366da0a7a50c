package lake

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// What became of a run, as its record says it.
const (
	RunPublished = "published"
	RunPartial   = "partial"   // published, but not every part of it
	RunFailed    = "failed"    // nothing was published
	RunCancelled = "cancelled" // stopped by hand or by its deadline
)

// RunRecord is what runs/ keeps of a run, whether it published or not. A record of an older program lacks the newer
// fields, and one of a newer program has fields that are passed over: unlike a manifest it promises nothing.
type RunRecord struct {
	RunID        string     `json:"run_id"`
	SnapshotDate Date       `json:"snapshot_date"`
	RunTime      time.Time  `json:"run_time"`
	Status       string     `json:"status"`          // RunPublished, RunPartial, RunFailed or RunCancelled
	Error        string     `json:"error,omitempty"` // also of a run that published and then failed
	ExitCode     int        `json:"exit_code"`
	Seconds      float64    `json:"seconds"`
	Stages       []Stage    `json:"stages"` // in the order in which they began
	Full         bool       `json:"full"`
	Program      string     `json:"program_version"`
	TimeZone     string     `json:"time_zone"`
	Domains      []string   `json:"domains"` // that the run was to make
	Parts        []Domain   `json:"parts"`   // what became of them, as in the manifest; none when it did not come so far
	Retries      []Retry    `json:"retries"` // what had to be tried again
	Windows      []Window   `json:"windows"`
	Datasets     []Dataset  `json:"datasets"`
	Logs         []Log      `json:"logs"`
	Workbooks    []Workbook `json:"workbooks"`
	Identity     *Identity  `json:"identity,omitempty"`
	Checks       []Check    `json:"checks"`
	Warnings     []string   `json:"warnings"`
	Objects      int        `json:"objects_published"`
	Bytes        int64      `json:"bytes_published"`
	Quality      string     `json:"quality,omitempty"`   // the key of its quality report
	Changes      *Changes   `json:"changes,omitempty"`   // what changed since an earlier run; nil when it did not come so far
	Retention    *Retained  `json:"retention,omitempty"` // what was deleted for its age; nil when nothing was to be
}

// Stage is a part of a run.
type Stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Rows    int64   `json:"rows"` // that it handled
}

// StoredRun is the record of one run as its JSON.
type StoredRun struct {
	ID   string
	Data []byte
}

// Record decodes it. ErrCorrupt if it is no record of a run.
func (s StoredRun) Record() (*RunRecord, error) {
	r := new(RunRecord)
	if err := json.Unmarshal(s.Data, r); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", RunKey(s.ID), ErrCorrupt, err)
	}
	return r, nil
}

// PutRun writes the record of a run as JSON, in place of an earlier one of the same id. Ids begin with the time of
// the run, such as 20261121T023000Z, since Runs goes by them.
func (l *Lake) PutRun(ctx context.Context, id string, record any) error {
	if err := validID(id); err != nil {
		return err
	}
	data, err := encodeJSON(record)
	if err != nil {
		return fmt.Errorf("encode the record of run %s: %w", id, err)
	}
	return l.put(ctx, RunKey(id), jsonType, data)
}

// Run returns the record of a run. ErrNotFound if there is none.
func (l *Lake) Run(ctx context.Context, id string) (*RunRecord, error) {
	if err := validID(id); err != nil {
		return nil, err
	}
	data, err := l.get(ctx, RunKey(id))
	if err != nil {
		return nil, err
	}
	r, err := StoredRun{ID: id, Data: data}.Record()
	if err != nil {
		return nil, fmt.Errorf("read the record of a run in %s: %w", l.Name(), err)
	}
	return r, nil
}

// Runs yields the records of all runs, newest first, each read when it is its turn. An error ends it.
func (l *Lake) Runs(ctx context.Context) iter.Seq2[StoredRun, error] {
	return func(yield func(StoredRun, error) bool) {
		ids, err := l.runIDs(ctx)
		if err != nil {
			yield(StoredRun{}, err)
			return
		}
		for _, id := range slices.Backward(ids) {
			data, err := l.get(ctx, RunKey(id))
			if isNotFound(err) {
				continue // deleted since it was listed
			}
			if !yield(StoredRun{ID: id, Data: data}, err) || err != nil {
				return
			}
		}
	}
}

// RunIDs returns the ids of the runs that have a record, newest first.
func (l *Lake) RunIDs(ctx context.Context) ([]string, error) {
	ids, err := l.runIDs(ctx)
	slices.Reverse(ids)
	return ids, err
}

// runIDs returns the ids of the runs that have a record, oldest first. What stands in folders below runs/ is no record.
func (l *Lake) runIDs(ctx context.Context) ([]string, error) {
	keys, err := l.listFiles(ctx, runsDir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, key := range keys {
		id, ok := strings.CutSuffix(strings.TrimPrefix(key, runsDir), ".json")
		if ok && validID(id) == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
