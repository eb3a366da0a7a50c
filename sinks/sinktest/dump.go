package sinktest

import (
	"errors"
	"io"
	"testing"

	"gocloud.dev/blob"
)

// Dump reads every object of a bucket below a prefix, by key without the prefix.
func Dump(tb testing.TB, b *blob.Bucket, prefix string) map[string][]byte {
	tb.Helper()
	objects := map[string][]byte{}
	for it := b.List(&blob.ListOptions{Prefix: prefix}); ; {
		o, err := it.Next(tb.Context())
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			tb.Fatalf("listing the bucket: %v", err)
		}
		data, err := b.ReadAll(tb.Context(), o.Key)
		if err != nil {
			tb.Fatalf("reading %s: %v", o.Key, err)
		}
		objects[o.Key[len(prefix):]] = data
	}
}
