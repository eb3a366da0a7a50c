package testservice_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/usagereport/usagereport/internal/testservice"
)

// TestBucketOperations does on every kind of bucket what the product does, so that a server or an emulator that
// cannot stand in for the real thing shows here and not in a test of ours.
func TestBucketOperations(t *testing.T) {
	testservice.ForEachBucket(t, func(t *testing.T, b *blob.Bucket, _ string) {
		ctx := t.Context()
		// The spaces, the equals sign and the plus are what keys of ours and of other tools hold.
		keys := []string{
			"latest.json",
			"logs/user_log/snapshot_date=2026-11-21/part-00000.parquet",
			"logs/user_log/snapshot_date=2026-11-22/part-00000.parquet",
			"reports/latest/Usage Reports.zip",
			"sources/a+b–c.csv.gz",
		}
		for i, key := range keys {
			body := bytes.Repeat([]byte{byte('a' + i)}, 10+i)
			opts := &blob.WriterOptions{ContentType: "application/octet-stream", Metadata: map[string]string{"run_id": key[:3]}}
			if err := b.WriteAll(ctx, key, body, opts); err != nil {
				t.Fatalf("writing %q: %v", key, err)
			}
			got, err := b.ReadAll(ctx, key)
			if err != nil || !bytes.Equal(got, body) {
				t.Fatalf("reading %q: got %q, %v; want %q", key, got, err, body)
			}
			attrs, err := b.Attributes(ctx, key)
			if err != nil || attrs.Size != int64(len(body)) || attrs.ContentType != opts.ContentType || attrs.Metadata["run_id"] != key[:3] {
				t.Errorf("attributes of %q: got %+v, %v", key, attrs, err)
			}
		}
		if got := list(t, b, &blob.ListOptions{}); !slices.Equal(got, keys) {
			t.Errorf("listing all: got %q, want %q", got, keys)
		}
		got := list(t, b, &blob.ListOptions{Prefix: "logs/user_log/", Delimiter: "/"})
		want := []string{"logs/user_log/snapshot_date=2026-11-21/", "logs/user_log/snapshot_date=2026-11-22/"}
		if !slices.Equal(got, want) {
			t.Errorf("listing folders: got %q, want %q", got, want)
		}

		if err := b.Copy(ctx, "reports/2026-11-21/Usage Reports.zip", keys[3], nil); err != nil {
			t.Fatalf("copying: %v", err)
		}
		if got, err := b.ReadAll(ctx, "reports/2026-11-21/Usage Reports.zip"); err != nil || string(got) != strings.Repeat("d", 13) {
			t.Errorf("reading the copy: got %q, %v", got, err)
		}
		if err := b.Delete(ctx, keys[0]); err != nil {
			t.Fatalf("deleting: %v", err)
		}
		if _, err := b.ReadAll(ctx, keys[0]); gcerrors.Code(err) != gcerrors.NotFound {
			t.Errorf("reading a deleted object: got %v, want NotFound", err)
		}
		if err := b.Delete(ctx, keys[0]); gcerrors.Code(err) != gcerrors.NotFound {
			t.Errorf("deleting a deleted object: got %v, want NotFound", err)
		}
	})
}

// TestBucketLargeObject writes more than one part of a multipart upload and reads pieces of it.
func TestBucketLargeObject(t *testing.T) {
	testservice.ForEachBucket(t, func(t *testing.T, b *blob.Bucket, _ string) {
		ctx := t.Context()
		body := make([]byte, 20<<20+3)
		for i := range body {
			body[i] = byte(i * 7 >> 3)
		}
		w, err := b.NewWriter(ctx, "large", &blob.WriterOptions{ContentType: "application/octet-stream"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := b.ReadAll(ctx, "large"); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("reading back %d bytes: got %d bytes, %v", len(body), len(got), err)
		}
		for _, from := range []int64{0, 16<<20 - 5, int64(len(body)) - 8} {
			r, err := b.NewRangeReader(ctx, "large", from, 8, nil)
			if err != nil {
				t.Fatalf("reading from %d: %v", from, err)
			}
			got, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, body[from:from+8]) {
				t.Errorf("reading from %d: got %x, %v; want %x", from, got, err, body[from:from+8])
			}
		}
	})
}

// TestBucketAbortedUpload checks what the publish protocol stands on: an upload that fails midway, and whose
// context is cancelled before the failure reaches the bucket, leaves the old object as it was. Without the
// cancelling, and with a Writer in place of Upload, it does not: see Bucket.
func TestBucketAbortedUpload(t *testing.T) {
	testservice.ForEachBucket(t, func(t *testing.T, b *blob.Bucket, _ string) {
		ctx := t.Context()
		if err := b.WriteAll(ctx, "object", []byte("old"), nil); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 18, 9 << 20} { // before the first byte, and in the first and a later part of the upload
			cancelled, cancel := context.WithCancel(ctx)
			r := io.MultiReader(bytes.NewReader(make([]byte, size)), &failingReader{cancel})
			if err := b.Upload(cancelled, "object", r, &blob.WriterOptions{ContentType: "text/plain"}); err == nil {
				t.Errorf("uploading from a reader that fails after %d bytes: no error", size)
			}
			if got, err := b.ReadAll(ctx, "object"); err != nil || string(got) != "old" {
				t.Errorf("after an upload aborted at %d bytes: got %d bytes, %v; want the old object", size, len(got), err)
			}
		}
		if got := list(t, b, nil); !slices.Equal(got, []string{"object"}) {
			t.Errorf("after aborted uploads: the bucket holds %q", got)
		}
	})
}

// failingReader cancels, then fails.
type failingReader struct{ cancel func() }

func (r *failingReader) Read([]byte) (int, error) {
	r.cancel()
	return 0, errors.New("the reader failed, as it should")
}

// TestBucketConditionalWrite checks what the lease stands on: of two writes that must create, one fails.
func TestBucketConditionalWrite(t *testing.T) {
	testservice.ForEachBucket(t, func(t *testing.T, b *blob.Bucket, _ string) {
		ctx := t.Context()
		create := &blob.WriterOptions{IfNotExist: true, ContentType: "application/json"}
		if err := b.Upload(ctx, "lease", strings.NewReader("first"), create); err != nil {
			t.Fatalf("creating: %v", err)
		}
		if err := b.Upload(ctx, "lease", strings.NewReader("second"), create); gcerrors.Code(err) != gcerrors.FailedPrecondition {
			t.Errorf("creating again: got %v (code %v), want FailedPrecondition", err, gcerrors.Code(err))
		}
		if got, err := b.ReadAll(ctx, "lease"); err != nil || string(got) != "first" {
			t.Errorf("after two creations: got %q, %v; want the first", got, err)
		}
	})
}

// TestBucketListPages lists more objects than a page of a server holds, in order.
func TestBucketListPages(t *testing.T) {
	testservice.ForEachBucket(t, func(t *testing.T, b *blob.Bucket, _ string) {
		var want []string
		for i := range 25 {
			key := "runs/" + string(rune('a'+i)) + ".json"
			want = append(want, key)
			if err := b.WriteAll(t.Context(), key, nil, &blob.WriterOptions{ContentType: "application/json"}); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		token := blob.FirstPageToken
		for pages := 0; token != nil; pages++ {
			page, next, err := b.ListPage(t.Context(), token, 10, &blob.ListOptions{Prefix: "runs/"})
			if err != nil || pages > 10 {
				t.Fatalf("page %d: %v", pages, err)
			}
			for _, o := range page {
				got = append(got, o.Key)
			}
			token = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestBucketsAreIsolated checks that no test sees another's objects, and that a URL leads back to them.
func TestBucketsAreIsolated(t *testing.T) {
	ctx := t.Context()
	second := testservice.Buckets(t)
	for i, first := range testservice.Buckets(t) {
		t.Run(first.Name, func(t *testing.T) {
			a, b := open(t, first.URL), open(t, second[i].URL)
			if err := a.WriteAll(ctx, "key", []byte("a"), nil); err != nil {
				t.Fatal(err)
			}
			if got := list(t, b, nil); len(got) != 0 {
				t.Errorf("another test's bucket holds %q", got)
			}
			if first.Name == "mem" {
				return
			}
			if got, err := open(t, first.URL).ReadAll(ctx, "key"); err != nil || string(got) != "a" {
				t.Errorf("reading through a second handle: %q, %v", got, err)
			}
		})
	}
}

// TestBucketIsEmptied checks that a test leaves nothing on the servers.
func TestBucketIsEmptied(t *testing.T) {
	var urls []string
	t.Run("test", func(t *testing.T) {
		for _, bucket := range testservice.Buckets(t) {
			if err := open(t, bucket.URL).WriteAll(t.Context(), "a/b", []byte("x"), nil); err != nil {
				t.Fatal(err)
			}
			urls = append(urls, bucket.URL)
		}
	})
	for _, u := range urls {
		if got := list(t, open(t, u), nil); len(got) != 0 {
			t.Errorf("%s still holds %q", u, got)
		}
	}
}

func open(t *testing.T, url string) *blob.Bucket {
	t.Helper()
	b, err := blob.OpenBucket(t.Context(), url)
	if err != nil {
		t.Fatalf("opening %s: %v", url, err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("closing %s: %v", url, err)
		}
	})
	return b
}

func list(t *testing.T, b *blob.Bucket, opts *blob.ListOptions) []string {
	t.Helper()
	var keys []string
	objects := b.List(opts)
	for {
		o, err := objects.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return keys
		}
		if err != nil {
			t.Fatalf("listing: %v", err)
		}
		keys = append(keys, o.Key)
	}
}
