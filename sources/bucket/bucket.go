// Package bucket reads datasets that are delivered as files in a Go CDK bucket: Parquet, CSV and JSON Lines, the
// latter two plain or compressed by gzip or zstd. It never writes to the bucket and knows no dataset's rules.
package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"cloud.google.com/go/storage"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/internal/silence"
)

// DefaultBatchRows is the most rows of a batch when Options leave it open.
const DefaultBatchRows = 64 << 10

// Options are the same for all files of a Source.
type Options struct {
	Allocator memory.Allocator // of the batches' memory; nil means Go's own
	BatchRows int              // most rows of a batch; 0 means DefaultBatchRows
	// Retry calls try until it succeeds or nothing more can come of it (see sources.MayPass), and returns its last error.
	// It is called from several goroutines, for requests that change nothing and of which nothing was used when they
	// failed. Nil means that everything is tried once.
	Retry func(ctx context.Context, try func(context.Context) error) error
	// Silence is how long the service may say nothing to a request or in the midst of an answer, which is then an error that
	// may pass; 0 means silence.Limit. How long an answer takes of which something comes is not bounded.
	Silence time.Duration
}

// Source is a bucket to read from. It can be used by several goroutines at a time.
type Source struct {
	bucket *blob.Bucket
	name   string
	opts   Options
	owned  bool
}

// Open opens the bucket at a Go CDK URL, such as s3://events?region=eu-west-1. The drivers of the schemes must have been
// imported. The caller closes the Source. Errors name the bucket without what follows its path, where secrets can stand.
func Open(ctx context.Context, bucketURL string, o Options) (*Source, error) {
	name := display(bucketURL)
	b, err := blob.OpenBucket(ctx, bucketURL)
	if err != nil {
		return nil, openError(name, bucketURL, err)
	}
	// Google's client tries for ever, where those of the others try three times.
	var google *storage.Client
	if b.As(&google) {
		google.SetRetry(storage.WithMaxAttempts(3))
	}
	s := New(b, name, o)
	s.owned = true
	return s, nil
}

// New reads from a bucket that the caller opened and closes. Name stands for it in errors.
func New(b *blob.Bucket, name string, o Options) *Source {
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	if o.BatchRows <= 0 {
		o.BatchRows = DefaultBatchRows
	}
	if o.Silence <= 0 {
		o.Silence = silence.Limit()
	}
	return &Source{bucket: b, name: name, opts: o}
}

// retry makes a request as Options.Retry says, unless only reading the whole object once more would help.
func (s *Source) retry(ctx context.Context, try func(context.Context) error) error {
	if s.opts.Retry == nil {
		return try(ctx)
	}
	var other error
	err := s.opts.Retry(ctx, func(ctx context.Context) error {
		err := try(ctx)
		if errors.Is(err, errOverwritten) || errors.Is(err, errBroken) {
			other = err
			return nil
		}
		return err
	})
	return cmp.Or(err, other)
}

// attributes looks an object up. Its errors are explained.
func (s *Source) attributes(ctx context.Context, key string) (attrs *blob.Attributes, err error) {
	err = silence.Do(ctx, s.opts.Silence, func(ctx context.Context) error {
		attrs, err = s.bucket.Attributes(ctx, key)
		return err
	})
	if err != nil {
		return nil, s.wrap("open", key, err)
	}
	return attrs, nil
}

// Close closes the bucket that Open opened.
func (s *Source) Close() error {
	if !s.owned {
		return nil
	}
	if err := s.bucket.Close(); err != nil {
		return fmt.Errorf("close %s: %w", s.name, err)
	}
	return nil
}

// display returns a bucket URL without user, query and fragment.
func display(bucketURL string) string {
	u, err := url.Parse(bucketURL)
	if err != nil {
		return "the bucket"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
