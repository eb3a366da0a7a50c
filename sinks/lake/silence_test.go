package lake

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/memblob"

	"github.com/usagereport/usagereport/internal/silence"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// mute is a bucket that takes requests and then says nothing for ever; of reads it says nothing after the headers.
type mute struct{ driver.Bucket }

func forEver(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (mute) Attributes(ctx context.Context, _ string) (*driver.Attributes, error) {
	return nil, forEver(ctx)
}
func (mute) ListPaged(ctx context.Context, _ *driver.ListOptions) (*driver.ListPage, error) {
	return nil, forEver(ctx)
}
func (mute) Copy(ctx context.Context, _, _ string, _ *driver.CopyOptions) error { return forEver(ctx) }
func (mute) Delete(ctx context.Context, _ string, _ *driver.DeleteOptions) error {
	return forEver(ctx)
}
func (m mute) NewRangeReader(ctx context.Context, key string, off, length int64, o *driver.ReaderOptions) (driver.Reader, error) {
	if key == "headers" {
		return nil, forEver(ctx)
	}
	r, err := m.Bucket.NewRangeReader(ctx, "body", off, length, o)
	return muteReader{r, ctx}, err
}
func (mute) NewTypedWriter(ctx context.Context, key, _ string, _ *driver.WriterOptions) (driver.Writer, error) {
	return muteWriter{ctx, key}, nil
}

type muteReader struct {
	driver.Reader
	ctx context.Context //nolint:containedctx // a reader's life is that of its request
}

func (r muteReader) Read([]byte) (int, error) { return 0, forEver(r.ctx) }

type muteWriter struct {
	ctx context.Context //nolint:containedctx // as above
	key string
}

func (w muteWriter) Write(p []byte) (int, error) {
	if w.key == "write" {
		return 0, forEver(w.ctx)
	}
	return len(p), w.ctx.Err()
}
func (w muteWriter) Close() error { return forEver(w.ctx) }

// A bucket that says nothing holds no request up for longer than Silence, or silence.Long times as long.
func TestSilence(t *testing.T) {
	read := func(r *Reader, err error) error {
		if err == nil {
			_, err = io.ReadAll(r)
			err = errors.Join(err, r.Close())
		}
		return err
	}
	for name, c := range map[string]struct {
		request func(context.Context, *Lake) error
		after   time.Duration
	}{
		"lookup":  {func(ctx context.Context, l *Lake) error { _, _, err := l.exists(ctx, "x"); return err }, time.Minute},
		"list":    {func(ctx context.Context, l *Lake) error { _, err := l.list(ctx, "x"); return err }, time.Minute},
		"leases":  {func(ctx context.Context, l *Lake) error { _, err := l.listChain(ctx); return err }, time.Minute},
		"state":   {func(ctx context.Context, l *Lake) error { _, err := l.State().List(ctx, ""); return err }, time.Minute},
		"delete":  {func(ctx context.Context, l *Lake) error { return l.remove(ctx, "x") }, time.Minute},
		"headers": {func(ctx context.Context, l *Lake) error { return read(l.OpenObject(ctx, "headers")) }, time.Minute},
		"body":    {func(ctx context.Context, l *Lake) error { return read(l.OpenObject(ctx, "body")) }, time.Minute},
		"small":   {func(ctx context.Context, l *Lake) error { _, err := l.get(ctx, "body"); return err }, time.Minute},
		"copy":    {func(ctx context.Context, l *Lake) error { return l.copyObject(ctx, "a", "b", "", 1, "") }, 5 * time.Minute},
		"write":   {func(ctx context.Context, l *Lake) error { return l.put(ctx, "write", "text/plain", []byte("x")) }, time.Minute},
		"object": {func(ctx context.Context, l *Lake) error {
			u, err := l.upload(ctx, "write", "text/plain", false)
			if err == nil {
				_, err = u.Write([]byte("x"))
				u.abort()
			}
			return err
		}, 5 * time.Minute},
		"close": {func(ctx context.Context, l *Lake) error { return l.put(ctx, "close", "text/plain", []byte("x")) }, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memblob.OpenBucket(nil)
				defer func() { _ = store.Close() }()
				must(t, store.WriteAll(t.Context(), "body", []byte("x"), nil))
				l, err := New(blob.NewBucket(mute{sinktest.Driver(store, func(sinktest.Call) sinktest.Fault { return sinktest.Fault{} })}), "mute", "")
				must(t, err)
				l.Silence = time.Minute
				began := time.Now()
				var silent *silence.Error
				if err := c.request(t.Context(), l); !MayPass(err) || !errors.As(err, &silent) {
					t.Errorf("%v", err)
				}
				if took := time.Since(began); took != c.after {
					t.Errorf("it took %s, want %s", took, c.after)
				}
			})
		})
	}
}

// What readers do between reads is not the bucket's silence.
func TestReadersTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memblob.OpenBucket(nil)
		defer func() { _ = store.Close() }()
		must(t, store.WriteAll(t.Context(), "x", []byte("0123456789"), nil))
		l, err := New(store, "mem", "")
		must(t, err)
		l.Silence = time.Minute
		r, err := l.OpenObject(t.Context(), "x")
		must(t, err)
		defer func() { _ = r.Close() }()
		for range 10 {
			time.Sleep(time.Hour)
			if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		u, err := l.upload(t.Context(), "y", "text/plain", false)
		must(t, err)
		for range 10 {
			time.Sleep(time.Hour)
			if _, err := u.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		must(t, u.commit())
	})
}
