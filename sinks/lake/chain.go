package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// leaseRecord is one record of the lease, lease/<number>.json. Records are never changed: whatever happens to the
// lease, be it taken, renewed, taken over, released or used to publish, is the record with the next number. A number
// is created only where none stands, so of all who try exactly one succeeds; the highest number is what holds (I8).
type leaseRecord struct {
	Format      int       `json:"format_version"`
	Number      int64     `json:"number"`   // from 1
	Term        int64     `json:"term"`     // the number with which this holder took the lease
	Released    bool      `json:"released"` // nobody holds it
	Holder      string    `json:"holder"`   // the run
	Host        string    `json:"host"`
	PID         int       `json:"pid"`
	ID          string    `json:"id"`    // random, so that a holder knows its own records
	Since       time.Time `json:"since"` // by the holder's clock, for people only
	Seconds     float64   `json:"expires_after_seconds"`
	Publication *pending  `json:"publication"` // what is recorded and not yet over, whoever began it (I5)
}

// pending names a publication that has passed the point of no return.
type pending struct {
	RunID   string `json:"run_id"`
	Date    Date   `json:"snapshot_date"`
	Staging string `json:"staging"`          // where its intent and its objects are
	Placed  bool   `json:"objects_in_place"` // deletes and copies are behind us and must not happen again
}

func (r *leaseRecord) ttl() time.Duration { return time.Duration(r.Seconds * float64(time.Second)) }

// validate makes sure that a record read from the bucket can be followed.
func (r *leaseRecord) validate(number int64) error {
	switch p := r.Publication; {
	case r.Number != number || r.Term < 1 || r.Term > r.Number || r.Seconds <= 0 || r.Seconds > 1e6:
		return fmt.Errorf("it says number %d, term %d, expires_after_seconds %g", r.Number, r.Term, r.Seconds)
	case p != nil && !validStaging(p.Staging):
		return fmt.Errorf("it names %q as a folder of staged objects", p.Staging)
	}
	return nil
}

const (
	leaseDir     = "lease/"
	leaseTimeKey = leaseDir + "time" // written to learn the bucket's time
)

func leaseKey(number int64) string { return leaseName(leaseDir, number) }

func leaseName(dir string, number int64) string { return fmt.Sprintf("%s%020d.json", dir, number) }

var (
	errOutrun = errors.New("another run took the lease over") // its record stands where, or above where, ours was to be
	errTaken  = errors.New("an object of that name stands already")
)

// chain is what a listing says of the lease.
type chain struct {
	last    int64     // the highest number, 0 if there is none
	written time.Time // when, by the bucket's clock
	old     []string  // the keys of all records below it
}

func (l *Lake) listChain(ctx context.Context) (c chain, err error) {
	if l.local != nil {
		if c, err = l.local.listChain(l.full(leaseDir)); err != nil {
			return c, l.fail("list", leaseDir, err)
		}
		return c, nil
	}
	for it := l.bucket.List(&blob.ListOptions{Prefix: l.full(leaseDir)}); ; {
		o, err := l.next(ctx, it)
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return c, l.fail("list", leaseDir, err)
		}
		if c.add(strings.TrimPrefix(o.Key, l.full(leaseDir))) {
			c.written = o.ModTime
		}
	}
}

// add notes the object of that name below leaseDir, and says whether it is the highest record so far.
func (c *chain) add(name string) bool {
	number, err := strconv.ParseInt(strings.TrimSuffix(name, ".json"), 10, 64)
	switch {
	case err != nil || number < 1 || leaseDir+name != leaseKey(number):
		return false // no record
	case number < c.last:
		c.old = append(c.old, leaseKey(number))
		return false
	case c.last > 0:
		c.old = append(c.old, leaseKey(c.last))
	}
	c.last = number
	return true
}

// listChain lists the records in a folder. The driver's own listing fails when a file vanishes while it lists.
func (d *local) listChain(fullPrefix string) (c chain, err error) {
	for range 10 {
		c = chain{}
		entries, err := os.ReadDir(d.path(fullPrefix))
		if err != nil {
			return c, ignoreMissing(err)
		}
		for _, e := range entries {
			c.add(e.Name())
		}
		if c.last == 0 {
			return c, nil
		}
		info, err := os.Stat(d.path(leaseName(fullPrefix, c.last)))
		if err == nil {
			c.written = info.ModTime()
			return c, nil
		}
		if !errors.Is(err, fs.ErrNotExist) { // else it was outrun and collected
			return c, err
		}
	}
	return c, errors.New("its records change faster than they can be read")
}

// lastRecord returns the record that holds, or nil if the lease was never taken.
func (l *Lake) lastRecord(ctx context.Context) (*leaseRecord, chain, error) {
	for range 10 {
		c, err := l.listChain(ctx)
		if err != nil || c.last == 0 {
			return nil, c, err
		}
		r, err := l.readRecord(ctx, c.last)
		if !isNotFound(err) {
			return r, c, err
		}
		// It was outrun and collected since the listing.
	}
	return nil, chain{}, fmt.Errorf("%s in %s: its records change faster than they can be read", leaseDir, l.Name())
}

func (l *Lake) readRecord(ctx context.Context, number int64) (*leaseRecord, error) {
	key := leaseKey(number)
	data, err := l.get(ctx, key)
	if err != nil {
		return nil, err
	}
	r := new(leaseRecord)
	if err := decodeJSON(data, r); err != nil {
		return nil, fmt.Errorf("%s in %s: %w", key, l.Name(), err)
	}
	if err := r.validate(number); err != nil {
		return nil, l.corrupt(key, "%v", err)
	}
	return r, nil
}

// append writes r if its number is still to be had, and makes sure that it is the highest. It returns the record that
// stands: r, or one that an earlier attempt of the same holder left there; and the keys of those below. errOutrun if
// somebody else's stands there, or above. After any other error r may stand or not.
func (l *Lake) append(ctx context.Context, r *leaseRecord) (stands *leaseRecord, old []string, err error) {
	stands, err = l.create(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	// Old numbers are collected, so a late attempt can succeed with one that was used before: the highest counts.
	c, err := l.listChain(ctx)
	if err != nil {
		return nil, nil, err
	}
	if c.last != r.Number {
		return nil, nil, errOutrun
	}
	return stands, c.old, nil
}

// create writes r if its number is still to be had, and is append without its last look.
func (l *Lake) create(ctx context.Context, r *leaseRecord) (*leaseRecord, error) {
	data, err := encodeJSON(r)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", leaseKey(r.Number), err)
	}
	for range 3 { // S3 refuses creations that cross each other, and asks to try again
		if err = l.createObject(ctx, leaseKey(r.Number), data); err == nil {
			return r, nil
		}
		// The answer may have been lost, or a retry below us may have met our own record.
		stands, rerr := l.readRecord(ctx, r.Number)
		switch {
		case rerr == nil && stands.ID == r.ID:
			return stands, nil
		case rerr == nil, errors.Is(err, errTaken) && isNotFound(rerr):
			return nil, errOutrun
		case ctx.Err() != nil, errors.Is(err, ErrDenied), errors.Is(err, errTaken):
			return nil, err
		}
	}
	return nil, err
}

// createObject creates an object whole, durably, if there is none: errTaken otherwise.
func (l *Lake) createObject(ctx context.Context, key string, data []byte) error {
	if l.local == nil {
		err := l.putIf(ctx, key, jsonType, data, true)
		if gcerrors.Code(err) == gcerrors.FailedPrecondition {
			return fmt.Errorf("%w: %w", errTaken, err)
		}
		return err
	}
	if err := ctx.Err(); err != nil {
		return l.fail("write", key, err)
	}
	// The driver looks first and renames then, which is no condition between processes, nor within one.
	if err := l.local.create(l.full(key), data); err != nil {
		return l.fail("write", key, err)
	}
	return l.syncKeys(key)
}

// proveCondition makes sure that the bucket refuses to create what is there: one that ignores the condition would
// let two runs hold the lease at once. The attempt has the bytes that stand, so that it changes nothing.
func (l *Lake) proveCondition(ctx context.Context, r *leaseRecord) error {
	data, err := encodeJSON(r)
	if err != nil {
		return fmt.Errorf("encode %s: %w", leaseKey(r.Number), err)
	}
	switch err := l.createObject(ctx, leaseKey(r.Number), data); {
	case errors.Is(err, errTaken):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%s in %s: %w: it overwrote what it was asked to create only where nothing stands; "+
		"choose another in lake.bucket, or a newer version of the store", leaseKey(r.Number), l.Name(), ErrUnconditional)
}

// bucketTime asks for the time by the clock that also stamps the records, so that the clocks of machines do not
// matter. The time is not later than when this returns, nor earlier than when it was called, but for the clock's grain.
func (l *Lake) bucketTime(ctx context.Context) (time.Time, error) {
	if err := l.put(ctx, leaseTimeKey, "text/plain", []byte("what time is it?\n")); err != nil {
		return time.Time{}, err
	}
	attrs, err := l.attributes(ctx, leaseTimeKey)
	if err != nil {
		return time.Time{}, l.fail("look up", leaseTimeKey, err)
	}
	return attrs.ModTime, nil
}
