package testservice

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"gocloud.dev/blob"
	// The kinds of bucket that the product opens.
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/memblob"
	_ "gocloud.dev/blob/s3blob"
)

// Bucket is an empty bucket, or an empty part of one, that belongs to one test.
//
// What the kinds do not share, as far as tests have to know it:
//   - mem: every opening of the URL gives a new, empty bucket, so keep the handle.
//   - file, s3, gs: the servers keep objects as files: `a` and `a/b` cannot both exist, and a path element holds
//     255 bytes at most. Real S3 and GCS have neither limit.
//   - file: IfNotExist holds within one process only; attributes live in `.attrs` files beside the objects.
//   - azblob: Close of a blob.Writer, and with it Bucket.WriteAll, panics when the upload fails: cancelled, refused
//     by IfNotExist or cut off (gocloud.dev v0.47). Write through Bucket.Upload, which returns the error.
//   - file, mem, gs: Upload from a reader that fails publishes what came before the error: the reader has to cancel
//     the context before it returns the error. With s3 and azblob nothing is published either way.
//   - mem, file: no generations or ETags to make a write conditional on, beyond IfNotExist.
type Bucket struct {
	Name string // file, mem, s3, azblob or gs
	URL  string // a Go CDK URL; of servers with a `prefix` parameter of the test's own
}

// kinds are all kinds of bucket, in the order in which the subtests run; those with a variable need a server.
var kinds = []struct{ name, variable string }{
	{"file", ""},
	{"mem", ""},
	{"s3", envS3},
	{"azblob", envAzure},
	{"gs", envGCS},
}

// Buckets returns an empty bucket of every kind that is configured: file and mem always, the others where their
// server is. It fails the test when one is missing and servers are required; else a missing one is logged. Each
// is emptied at the end of the test.
func Buckets(tb testing.TB) []Bucket {
	tb.Helper()
	var all []Bucket
	for _, k := range kinds {
		if k.variable != "" && os.Getenv(k.variable) == "" && !required() {
			tb.Logf("no bucket of kind %s: %s is not set", k.name, k.variable)
			continue
		}
		all = append(all, newBucket(tb, k.name, k.variable))
	}
	return all
}

// S3 returns an empty bucket of S3, or ends the test where there is no server.
func S3(tb testing.TB) Bucket {
	tb.Helper()
	return newBucket(tb, "s3", envS3)
}

// ForEachBucket runs f as a subtest, named after the kind, for every kind of bucket, with an empty bucket that is
// open until the subtest ends and is emptied then. The subtest of a kind whose server is not configured skips
// with a reason, or fails where servers are required. Opening the URL again gives the same objects, but for mem.
func ForEachBucket(t *testing.T, f func(t *testing.T, b *blob.Bucket, url string)) {
	t.Helper()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			bucket := newBucket(t, k.name, k.variable)
			b, err := blob.OpenBucket(t.Context(), bucket.URL)
			if err != nil {
				t.Fatalf("opening the %s bucket %s: %v", k.name, bucket.URL, err)
			}
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Errorf("closing the %s bucket: %v", k.name, err)
				}
			})
			f(t, b, bucket.URL)
		})
	}
}

// newBucket makes an empty bucket of one kind. Variable is empty for the kinds that need no server.
func newBucket(tb testing.TB, name, variable string) Bucket {
	tb.Helper()
	switch name {
	case "file":
		// TempDir removes the files.
		return Bucket{Name: name, URL: (&url.URL{Scheme: "file", Path: filepath.ToSlash(tb.TempDir()), RawQuery: "create_dir=true"}).String()}
	case "mem":
		return Bucket{Name: name, URL: "mem://"}
	}
	u, err := url.Parse(address(tb, variable))
	if err != nil {
		tb.Fatalf("reading %s: %v", variable, err)
	}
	q := u.Query()
	q.Set("prefix", unique(tb)+"/")
	u.RawQuery = q.Encode()
	tb.Cleanup(func() {
		ctx, cancel := cleanupContext(tb)
		defer cancel()
		if err := empty(ctx, u.String()); err != nil {
			tb.Errorf("emptying the test's bucket %s: %v", u, err)
		}
	})
	return Bucket{Name: name, URL: u.String()}
}

// empty deletes every object of the bucket, which with a prefix parameter means every object under the prefix.
func empty(ctx context.Context, bucketURL string) (err error) {
	b, err := blob.OpenBucket(ctx, bucketURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	objects := b.List(nil)
	for {
		o, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := b.Delete(ctx, o.Key); err != nil {
			return err
		}
	}
}
