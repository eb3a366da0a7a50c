package sinktest

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"
)

// Dump reads every object of a bucket below a prefix, by key without the prefix.
func Dump(tb testing.TB, b *blob.Bucket, prefix string) map[string][]byte {
	tb.Helper()
	objects := map[string][]byte{}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(8)
	for it := b.List(&blob.ListOptions{Prefix: prefix}); ; {
		o, err := it.Next(tb.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatalf("listing the bucket: %v", err)
		}
		g.Go(func() error {
			data, err := b.ReadAll(tb.Context(), o.Key)
			if err != nil {
				return fmt.Errorf("reading %s: %w", o.Key, err)
			}
			mu.Lock()
			objects[o.Key[len(prefix):]] = data
			mu.Unlock()
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		tb.Fatal(err)
	}
	return objects
}
