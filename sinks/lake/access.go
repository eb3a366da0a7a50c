package lake

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// AccessKind says what an AccessRecord tells of.
type AccessKind string

// The kinds of access that are recorded.
const (
	AccessDownload      AccessKind = "download" // an export, or the part of one that a Range request asks for
	AccessSignIn        AccessKind = "sign_in"
	AccessSignInRefused AccessKind = "sign_in_refused"
	AccessSignOut       AccessKind = "sign_out"
	AccessKeyCreated    AccessKind = "key_created"
	AccessKeyRevoked    AccessKind = "key_revoked"
)

// AccessRecord says who did what through the admin server, or with its keys. It never holds a key, a cookie or
// another secret.
type AccessRecord struct {
	Format    int               `json:"format_version"`    // set by PutAccess
	Time      time.Time         `json:"time"`              // UTC
	Kind      AccessKind        `json:"kind"`              // what happened
	WhoType   string            `json:"who_type"`          // key or person; empty when nobody is known, as in a refused sign-in
	WhoID     string            `json:"who_id"`            // of the key or the person, or who they said they were
	WhoName   string            `json:"who_name"`          // for people
	Object    string            `json:"object"`            // the key of the object that was downloaded, or the id of the API key
	Route     string            `json:"route"`             // such as /export/usage-reports; empty for the command line
	Filters   map[string]string `json:"filters,omitempty"` // the parameters of the request
	Bytes     *int64            `json:"bytes,omitempty"`   // of the answer, where that is known before it is sent
	Status    int               `json:"status"`            // of the answer, HTTP; 0 for the command line
	Detail    string            `json:"detail,omitempty"`  // why it was refused, which role a new key has
	Client    string            `json:"client"`            // the address of the client
	RequestID string            `json:"request_id"`        // as in the server's log
	UserAgent string            `json:"user_agent"`        // as the client gave it, shortened
}

// accessDir holds the access trail, a folder for each day in UTC.
const accessDir = "access/"

// accessTime begins the names of records, so that they sort by time. Colons would not do in every bucket.
const accessTime = "20060102T150405.000000000Z"

// AccessDir returns the folder that holds the records of a day, with a slash at the end.
func AccessDir(date Date) string { return accessDir + string(date) + "/" }

// PutAccess adds a record to the access trail, below the day of r.Time. It is an object of its own that no other
// record replaces, so any number of servers may write at once.
func (l *Lake) PutAccess(ctx context.Context, r AccessRecord) error {
	if r.Time.IsZero() || r.Kind == "" {
		return fmt.Errorf("access record of kind %q at %s: expected a kind and a time", r.Kind, r.Time)
	}
	r.Format, r.Time = 1, r.Time.UTC()
	data, err := encodeJSON(r)
	if err != nil {
		return fmt.Errorf("encode an access record: %w", err)
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	key := AccessDir(Date(r.Time.Format(time.DateOnly))) + r.Time.Format(accessTime) + "-" + hex.EncodeToString(random[:]) + ".json"
	if err := l.createObject(ctx, key, data); err != nil && !errors.Is(err, errTaken) {
		return err // a name that is taken is our own, from a request whose answer was lost
	}
	return nil
}

// accessAtOnce is how many records are read at a time.
const accessAtOnce = 16

// Access yields the access trail of the days from and to, both included and in UTC, newest first. An empty day has no
// bound. An error that wraps ErrCorrupt is of one record, of which only Time is known, and others may follow; any other
// error ends it.
func (l *Lake) Access(ctx context.Context, from, to Date) iter.Seq2[AccessRecord, error] {
	var until time.Time
	if to != "" {
		until = to.Time().AddDate(0, 0, 1).Add(-1)
	}
	return l.AccessUntil(ctx, from, until)
}

// AccessUntil is Access with an instant for the last one to yield; the zero time is no bound. Records after it are not read.
func (l *Lake) AccessUntil(ctx context.Context, from Date, until time.Time) iter.Seq2[AccessRecord, error] {
	return func(yield func(AccessRecord, error) bool) {
		dirs, err := l.listDirs(ctx, accessDir)
		if err != nil {
			yield(AccessRecord{}, err)
			return
		}
		for _, dir := range slices.Backward(dirs) {
			day := Date(strings.Trim(strings.TrimPrefix(dir, accessDir), "/"))
			if _, err := ParseDate(string(day)); err != nil || day < from || !until.IsZero() && day.Time().After(until) {
				continue
			}
			if !l.accessDay(ctx, dir, until, yield) {
				return
			}
		}
	}
}

// accessDay yields the records of a folder, and says whether to go on.
func (l *Lake) accessDay(ctx context.Context, dir string, until time.Time, yield func(AccessRecord, error) bool) bool {
	keys, err := l.list(ctx, dir)
	if err != nil {
		yield(AccessRecord{}, err)
		return false
	}
	keys = slices.DeleteFunc(keys, func(key string) bool {
		at := accessAt(key, dir)
		return at.IsZero() || !until.IsZero() && at.After(until)
	})
	slices.Reverse(keys)
	for some := range slices.Chunk(keys, accessAtOnce) {
		type result struct {
			AccessRecord
			err error
		}
		results := make([]result, len(some))
		var group errgroup.Group
		for i, key := range some {
			group.Go(func() error {
				results[i].AccessRecord, results[i].err = l.readAccess(ctx, key, accessAt(key, dir))
				return nil
			})
		}
		_ = group.Wait() // each error stands with its result
		for _, r := range results {
			if isNotFound(r.err) {
				continue // deleted since it was listed
			}
			if !yield(r.AccessRecord, r.err) || r.err != nil && !errors.Is(r.err, ErrCorrupt) {
				return false
			}
		}
	}
	return true
}

// accessAt returns the time in the name of a record, or the zero time if key is none.
func accessAt(key, dir string) time.Time {
	name, ok := strings.CutSuffix(strings.TrimPrefix(key, dir), ".json")
	at, _, dash := strings.Cut(name, "-")
	t, err := time.Parse(accessTime, at)
	if !ok || !dash || err != nil {
		return time.Time{}
	}
	return t
}

// readAccess reads a record. Fields that a newer program has added are no error: the trail is to be read.
func (l *Lake) readAccess(ctx context.Context, key string, at time.Time) (AccessRecord, error) {
	data, err := l.get(ctx, key)
	if err != nil {
		return AccessRecord{Time: at}, err
	}
	var r AccessRecord
	if err := json.Unmarshal(data, &r); err != nil {
		return AccessRecord{Time: at}, l.corrupt(key, "not an access record: %v", err)
	}
	if !r.Time.Equal(at) || r.Kind == "" {
		return AccessRecord{Time: at}, l.corrupt(key, "it is a record of %q at %s", r.Kind, r.Time)
	}
	return r, nil
}
