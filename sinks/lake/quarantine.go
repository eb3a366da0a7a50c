package lake

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Rejected is a row that a run could not use. Its fields are those of a line in quarantine/.
type Rejected struct {
	Dataset string `json:"dataset"`
	Object  string `json:"object"` // the file's key, or the query's name
	Row     int64  `json:"row"`    // within object, from 1 (of a text file: its line)
	Column  string `json:"column"` // empty when the whole row is at fault
	Value   string `json:"value"`  // what was found, shortened
	Reason  string `json:"reason"` // what was expected
	// ValueBase64 holds the bytes of a value that is not UTF-8; Add sets it.
	ValueBase64 string `json:"value_base64,omitempty"`
}

// Quarantine collects the rows that the run of one date could not use, an object per dataset. It is not part of
// the publication: it is written where it stands, and kept when the run fails. Safe for concurrent use.
type Quarantine struct {
	lake *Lake
	date Date

	mu    sync.Mutex
	files map[string]*quarantined
	err   error
}

type quarantined struct {
	up  *upload
	buf *bufio.Writer
}

// Quarantine begins the quarantine of a run.
func (l *Lake) Quarantine(date Date) (*Quarantine, error) {
	if _, err := ParseDate(string(date)); err != nil {
		return nil, err
	}
	return &Quarantine{lake: l, date: date, files: map[string]*quarantined{}}, nil
}

// Add adds a row, even when ctx is cancelled: what was wrong is wanted most when the run fails. The first error
// stays: later calls, and Close, return it too.
func (q *Quarantine) Add(ctx context.Context, r Rejected) error {
	if !utf8.ValidString(r.Value) {
		r.ValueBase64 = base64.StdEncoding.EncodeToString([]byte(r.Value))
		r.Value = strings.ToValidUTF8(r.Value, "\uFFFD")
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("quarantine row %d of %s: %w", r.Row, r.Object, err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = q.write(context.WithoutCancel(ctx), r.Dataset, append(line, '\n'))
	}
	return q.err
}

func (q *Quarantine) write(ctx context.Context, dataset string, line []byte) error {
	f := q.files[dataset]
	if f == nil {
		if strings.Contains(dataset, "/") {
			return fmt.Errorf("quarantine: dataset %q: expected a name without a slash", dataset)
		}
		up, err := q.lake.upload(ctx, QuarantineKey(q.date, dataset), "application/jsonl", false)
		if err != nil {
			return err
		}
		f = &quarantined{up: up, buf: bufio.NewWriterSize(up, 64<<10)}
		q.files[dataset] = f
	}
	_, err := f.buf.Write(line)
	return err
}

// Forget gives up the rows of a dataset that were added so far.
func (q *Quarantine) Forget(dataset string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if f := q.files[dataset]; f != nil {
		f.up.abort()
		delete(q.files, dataset)
	}
}

// Close publishes the rows in place of those of any earlier run of the date: a dataset without rows has no object
// afterwards. Call it also when the run failed or ctx is cancelled. Each object is old or new, never half.
func (q *Quarantine) Close(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.files == nil {
		return q.err
	}
	files := q.files
	q.files = nil
	// A bucket that no longer answers must not hold up a failing run for ever.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		for _, f := range files {
			f.up.cancel()
		}
	})
	defer stop()
	errs := []error{q.err}
	fresh := map[string]bool{}
	for dataset, f := range files {
		err := f.buf.Flush()
		if err == nil {
			err = f.up.commit()
		}
		f.up.abort() // does nothing once committed
		errs = append(errs, err)
		fresh[QuarantineKey(q.date, dataset)] = true
	}
	old, err := q.lake.list(ctx, quarantineDir+string(q.date)+"/")
	errs = append(errs, err)
	for _, key := range old {
		if !fresh[key] {
			errs = append(errs, q.lake.remove(ctx, key))
		}
	}
	q.err = errors.Join(errs...)
	return q.err
}
