//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"

	"github.com/usagereport/usagereport/sinks/lake"
)

// place is one lake under attack, as the harness reaches it, beside the program.
type place struct {
	kind   string // file or s3
	url    *url.URL
	dir    string // of a file bucket, else empty
	prefix string
	bucket *blob.Bucket
	lake   *lake.Lake
}

// objects is what stands below a lake's prefix, content by key.
type objects map[string][]byte

// newPlace makes an empty lake.
func (h *harness) newPlace(ctx context.Context, kind string) (*place, error) {
	h.mu.Lock()
	h.places++
	n := h.places
	h.mu.Unlock()
	l := &place{kind: kind, prefix: "lake"}
	if kind == "file" {
		l.dir = filepath.Join(h.work, fmt.Sprintf("bucket-%d", n))
		if err := os.Mkdir(l.dir, 0o755); err != nil {
			return nil, err
		}
		l.url = &url.URL{Scheme: "file", Path: filepath.ToSlash(l.dir)}
	} else {
		u, err := url.Parse(h.s3)
		if err != nil || u.Query().Get("endpoint") == "" {
			return nil, fmt.Errorf("USAGEREPORT_TEST_S3_URL is %q; expected one such as s3://bucket?endpoint=http://127.0.0.1:7070&use_path_style=true", h.s3)
		}
		l.url, l.prefix = u, fmt.Sprintf("%s/%d", h.id, n)
	}
	var err error
	if l.bucket, err = blob.OpenBucket(ctx, l.url.String()); err != nil {
		return nil, err
	}
	if l.lake, err = lake.Open(ctx, l.url.String(), l.prefix); err != nil {
		return nil, errors.Join(err, l.bucket.Close())
	}
	return l, nil
}

// urlAt is the bucket's URL, with the server at another endpoint than its own, if one is given.
func (l *place) urlAt(endpoint string) string {
	if endpoint == "" {
		return l.url.String()
	}
	u := *l.url
	q := u.Query()
	q.Set("endpoint", endpoint)
	u.RawQuery = q.Encode()
	return u.String()
}

// remove empties the place and closes it.
func (l *place) remove(ctx context.Context) error {
	var err error
	if l.dir != "" {
		err = os.RemoveAll(l.dir)
	} else if err = l.empty(ctx); err != nil {
		err = fmt.Errorf("empty %s: %w", l.prefix, err)
	}
	return errors.Join(err, l.lake.Close(), l.bucket.Close())
}

func (l *place) empty(ctx context.Context) error {
	listed, err := l.list(ctx, "")
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, o := range listed {
		g.Go(func() error { return l.bucket.Delete(ctx, l.prefix+"/"+o.Key) })
	}
	return g.Wait()
}

// list lists what stands below a prefix within the lake, with keys relative to the lake.
func (l *place) list(ctx context.Context, prefix string) ([]*blob.ListObject, error) {
	if l.dir != "" {
		return l.listFiles(prefix)
	}
	var all []*blob.ListObject
	for it := l.bucket.List(&blob.ListOptions{Prefix: l.prefix + "/" + prefix}); ; {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		o.Key = strings.TrimPrefix(o.Key, l.prefix+"/")
		all = append(all, o)
	}
}

// listFiles is list for a file bucket; it shows temporary files too, and bears that files vanish while it looks.
func (l *place) listFiles(prefix string) ([]*blob.ListObject, error) {
	root := filepath.Join(l.dir, l.prefix)
	var all []*blob.ListObject
	err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(prefix)), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return gone(err)
		}
		info, err := e.Info()
		if err != nil {
			return gone(err)
		}
		rel, err := filepath.Rel(root, name)
		all = append(all, &blob.ListObject{Key: filepath.ToSlash(rel), ModTime: info.ModTime(), Size: info.Size()})
		return err
	})
	return all, err
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// read returns one object, nil if it is not there.
func (l *place) read(ctx context.Context, key string) ([]byte, error) {
	if l.dir != "" {
		data, err := os.ReadFile(filepath.Join(l.dir, l.prefix, filepath.FromSlash(key)))
		return data, gone(err)
	}
	for try := 0; ; try++ {
		data, err := l.bucket.ReadAll(ctx, l.prefix+"/"+key)
		if isMissing(err) {
			return nil, nil
		}
		// The test server replaces an object and what it knows of it one after the other, so a checksum may be of the one before.
		if err == nil || ctx.Err() != nil || try == 50 {
			return data, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// all reads everything. Nobody writes meanwhile.
func (l *place) all(ctx context.Context) (objects, error) {
	listed, err := l.list(ctx, "")
	if err != nil {
		return nil, err
	}
	all := objects{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, o := range listed {
		g.Go(func() error {
			data, err := l.read(ctx, o.Key)
			if err == nil && data == nil {
				err = fmt.Errorf("%s vanished while nobody writes", o.Key)
			}
			mu.Lock()
			defer mu.Unlock()
			all[o.Key] = data
			return err
		})
	}
	return all, g.Wait()
}

// restore puts objects into an empty place.
func (l *place) restore(ctx context.Context, from objects) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for key, data := range from {
		g.Go(func() error {
			if l.dir == "" {
				return l.bucket.Upload(ctx, l.prefix+"/"+key, bytes.NewReader(data), &blob.WriterOptions{ContentType: "application/octet-stream"})
			}
			name := filepath.Join(l.dir, l.prefix, filepath.FromSlash(key))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return err
			}
			return os.WriteFile(name, data, 0o600)
		})
	}
	return g.Wait()
}
