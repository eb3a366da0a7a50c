// Package lake publishes the objects of a run to a bucket so that a reader meets a whole snapshot or none, and
// reads them back (contract §8). It never looks inside an object: Parquet, zips and CSV are bytes to it.
//
// The invariants I1…I10 that the comments cite are stated in docs/publishing.md.
package lake

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/usagereport/usagereport/internal/silence"
)

// Lake is a bucket and the prefix below which everything is kept. It is safe for concurrent use; the lease sees to it that
// one run at a time writes (Acquire).
type Lake struct {
	// LeaseTTL is how long a lease stands that is not renewed; 0 means DefaultLeaseTTL. Set it before the first use.
	LeaseTTL time.Duration
	// Silence is how long the bucket may say nothing to a request or in the midst of an answer, which then fails with
	// ErrUnreachable; copies and objects of a snapshot have silence.Long times as long. 0 means silence.Limit. Set it before the first use.
	Silence time.Duration

	bucket *blob.Bucket
	owned  bool   // opened here, so closed here
	name   string // the bucket for messages: without user, password or query
	prefix string // "" or "a/b/"
	azure  bool   // see azureWriter
	local  *local // where a file bucket keeps its files, nil for every other bucket

	now func() time.Time // the clock of this process; tests replace it

	// hook is told of every step of the protocol. Crash tests end the process in it; nil otherwise.
	hook func(step string)
}

// Open opens the bucket at a Go CDK URL. The driver of its scheme must be linked in. The caller closes the Lake.
//
// A file URL is opened with metadata=skip and no_tmp_dir unless it says otherwise: side files with attributes
// would stand among the snapshots, and a rename from the system's temporary folder fails across file systems.
func Open(ctx context.Context, bucketURL, prefix string) (*Lake, error) {
	u, err := url.Parse(bucketURL)
	if err != nil {
		// The error of url.Parse repeats the URL, which may hold a secret.
		return nil, fmt.Errorf("open lake: the bucket is not a URL; expected one like file:///var/lib/lake, s3://bucket?region=… or gs://bucket")
	}
	name := redact(u)
	loc := localOf(u)
	b, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, (&Lake{name: name}).fail("open", "", err)
	}
	l, err := New(b, name, prefix)
	if err != nil {
		_ = b.Close() // the first error is the one to report
		return nil, err
	}
	// Google's client tries for ever, and a run would wait for it until its deadline.
	var google *storage.Client
	if b.As(&google) {
		google.SetRetry(storage.WithMaxAttempts(5))
	}
	l.owned, l.local = true, loc
	return l, nil
}

// New returns a Lake over a bucket that the caller keeps and closes. The name stands for the bucket in messages.
// On a file bucket Open gives more: it also makes renames durable, moves objects without copying them, and only there
// does the lease hold (the driver's conditional write is none).
func New(b *blob.Bucket, name, prefix string) (*Lake, error) {
	prefix = strings.Trim(prefix, "/")
	if prefix != "" {
		if err := validKey(prefix); err != nil {
			return nil, fmt.Errorf("open lake %s: prefix: %w", name, err)
		}
		prefix += "/"
	}
	return &Lake{bucket: b, name: name, prefix: prefix, azure: isAzure(b), now: time.Now}, nil
}

// Close closes the bucket if Open opened it.
func (l *Lake) Close() error {
	if !l.owned {
		return nil
	}
	if err := l.bucket.Close(); err != nil {
		return l.fail("close", "", err)
	}
	return nil
}

// Name returns the bucket and the prefix as messages show them, without any secret.
func (l *Lake) Name() string { return strings.TrimSuffix(l.name+"/"+l.prefix, "/") }

// full turns a key below the prefix into the bucket's key.
func (l *Lake) full(key string) string { return l.prefix + key }

// step tells the tests how far a publication is.
func (l *Lake) step(name string) {
	if l.hook != nil {
		l.hook(name)
	}
}

// silence is how long the bucket may say nothing.
func (l *Lake) silence() time.Duration {
	if l.Silence > 0 {
		return l.Silence
	}
	return silence.Limit()
}

// attributes looks an object up. Its errors are the bucket's.
func (l *Lake) attributes(ctx context.Context, key string) (attrs *blob.Attributes, err error) {
	err = silence.Do(ctx, l.silence(), func(ctx context.Context) error {
		attrs, err = l.bucket.Attributes(ctx, l.full(key))
		return err
	})
	return attrs, err
}

// next returns the next object of a listing. Its errors are the bucket's, io.EOF at the end.
func (l *Lake) next(ctx context.Context, list *blob.ListIterator) (o *blob.ListObject, err error) {
	err = silence.Do(ctx, l.silence(), func(ctx context.Context) error {
		o, err = list.Next(ctx)
		return err
	})
	return o, err
}

// exists says whether an object is there, and how long it is.
func (l *Lake) exists(ctx context.Context, key string) (size int64, found bool, err error) {
	attrs, err := l.attributes(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, l.fail("look up", key, err)
	}
	return attrs.Size, true, nil
}

// remove deletes an object; one that is already gone is no error, so that every removal can be repeated. On a file
// bucket it is not durable before syncKeys.
func (l *Lake) remove(ctx context.Context, key string) error {
	err := silence.Do(ctx, l.silence(), func(ctx context.Context) error { return l.bucket.Delete(ctx, l.full(key)) })
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return l.fail("delete", key, err)
	}
	return nil
}

// redact returns what of a bucket's URL may be shown: user, password and query can hold secrets.
func redact(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, Opaque: u.Opaque}
	return strings.TrimSuffix(shown.String(), "/")
}
