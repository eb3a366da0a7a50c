package lake

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/internal/testservice"
)

func TestKeys(t *testing.T) {
	testservice.ForEachBucket(t, func(t *testing.T, b *blob.Bucket, url string) {
		ctx := t.Context()
		l, err := New(b, "the bucket", "a/b")
		if t.Name() == "TestKeys/file" {
			l, err = Open(ctx, url, "a/b")
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		k := l.Keys()
		if ids, err := k.List(ctx); err != nil || len(ids) > 0 {
			t.Fatalf("of an empty lake: %v, %v", ids, err)
		}
		if _, err := k.Read(ctx, "one"); !errors.Is(err, ErrNotFound) {
			t.Errorf("reading what is not there: %v", err)
		}
		for _, id := range []string{"two", "one"} {
			if err := k.Create(ctx, id, []byte(id)); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.Create(ctx, "one", []byte("other")); !errors.Is(err, ErrExists) {
			t.Errorf("creating what is there: %v", err)
		}
		if data, err := k.Read(ctx, "one"); err != nil || string(data) != "one" {
			t.Errorf("%q, %v", data, err)
		}
		if err := k.Replace(ctx, "one", []byte("new")); err != nil {
			t.Fatal(err)
		}
		if data, err := k.Read(ctx, "one"); err != nil || string(data) != "new" {
			t.Errorf("%q, %v", data, err)
		}
		if ids, err := k.List(ctx); err != nil || !slices.Equal(ids, []string{"one", "two"}) {
			t.Errorf("%q, %v", ids, err)
		}
		if ok, err := b.Exists(ctx, "a/b/keys/one.json"); err != nil || !ok {
			t.Errorf("no object keys/one.json below the prefix: %v", err)
		}
	})
}

// TestKeysAtOnce: of many who create an object one succeeds, and lists made meanwhile are whole.
func TestKeysAtOnce(t *testing.T) {
	l, err := Open(t.Context(), "file://"+t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	k := l.Keys()
	var wg sync.WaitGroup
	made := make([]error, 20)
	for i := range made {
		wg.Go(func() { made[i] = k.Create(t.Context(), "same", fmt.Appendf(nil, "%d", i)) })
		wg.Go(func() {
			if err := k.Create(t.Context(), fmt.Sprintf("own%d", i), nil); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := k.List(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	winners := 0
	for i, err := range made {
		switch {
		case err == nil:
			winners++
			if data, err := k.Read(t.Context(), "same"); err != nil || string(data) != fmt.Sprint(i) {
				t.Errorf("%q, %v; want %d", data, err, i)
			}
		case !errors.Is(err, ErrExists):
			t.Error(err)
		}
	}
	if ids, err := k.List(t.Context()); winners != 1 || err != nil || len(ids) != 21 {
		t.Errorf("%d succeeded, and there are %q, %v", winners, ids, err)
	}
}

func TestKeysRefuse(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), "file://"+dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	k := l.Keys()
	for _, id := range []string{"", "..", "a/b", "../latest", "A", "a.b", "ä", "a b"} {
		if err := errors.Join(k.Create(t.Context(), id, nil)); err == nil {
			t.Errorf("created %q", id)
		}
		if err := k.Replace(t.Context(), id, nil); err == nil {
			t.Errorf("replaced %q", id)
		}
		if _, err := k.Read(t.Context(), id); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("read %q: %v", id, err)
		}
	}
	// What is not ours is passed over.
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.json.0123456789abcdef.tmp", "A.json", "notes.txt", "b.json"} {
		if err := os.WriteFile(filepath.Join(dir, "keys", name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if ids, err := k.List(t.Context()); err != nil || !slices.Equal(ids, []string{"b"}) {
		t.Errorf("%q, %v", ids, err)
	}
}
