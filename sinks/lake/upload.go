package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/usagereport/usagereport/internal/silence"
)

// upload is an object being written: the only way in which this package writes to the bucket.
//
// Closing a blob.Writer publishes what it holds, even after a write failed or in the deferred calls of a panic. So
// the writer is not handed out: commit is the only way to its good Close, and abort cancels the write before it
// closes (I2). What is dropped without either is never published.
type upload struct {
	lake   *Lake
	key    string
	w      io.WriteCloser // publishes on Close unless its context is cancelled
	file   *os.File       // the file behind w on a file bucket
	watch  *silence.Watch // rests between writes
	cancel context.CancelFunc
	closed bool
	err    error // the first failed write: commit then aborts
}

// errClosed is what writing to, or committing, an object twice gives.
var errClosed = errors.New("already committed or aborted")

// upload begins to write an object. With onlyNew the commit fails with gcerrors.FailedPrecondition where one exists.
// Cancelling ctx drops it.
func (l *Lake) upload(ctx context.Context, key, contentType string, onlyNew bool) (*upload, error) {
	if err := validKey(key); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, l.fail("write", key, err)
	}
	ctx, watch := silence.Start(ctx, silence.Long*l.silence())
	watch.Rest() // what is opened makes no request before something is written
	u := &upload{lake: l, key: key, watch: watch, cancel: watch.End}
	opts := &blob.WriterOptions{
		ContentType: contentType,
		BufferSize:  8 << 20,
		IfNotExist:  onlyNew,
		BeforeWrite: func(as func(any) bool) error {
			as(&u.file) // stays nil where there is no file
			return nil
		},
	}
	if l.azure {
		opts.BeforeWrite = nil
		u.w = newAzureWriter(ctx, l.bucket, l.full(key), opts)
		return u, nil
	}
	w, err := l.bucket.NewWriter(ctx, l.full(key), opts)
	if err != nil {
		watch.End()
		return nil, l.fail("write", key, err)
	}
	u.w = w
	return u, nil
}

// Write hands bytes to the bucket. After a failure the upload can only be aborted.
func (u *upload) Write(p []byte) (int, error) {
	if u.closed {
		return 0, u.lake.fail("write", u.key, errClosed)
	}
	if u.err != nil {
		return 0, u.err
	}
	u.watch.Again()
	n, err := u.w.Write(p)
	u.watch.Rest()
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		u.err = u.lake.fail("write", u.key, u.watch.Explain(err))
	}
	return n, u.err
}

// commit publishes the object at its key. On an error the object that was there before stays, except that a bucket
// may have taken a write whose answer was lost. On a file bucket the name is not durable before syncKeys; the bytes
// are flushed while the object is still under its temporary name, so that it is never visible and empty (I7).
func (u *upload) commit() error {
	if u.closed {
		return u.lake.fail("write", u.key, errClosed)
	}
	defer u.abort()
	if u.err != nil {
		return u.err
	}
	if u.file != nil {
		if err := fsync(u.file); err != nil {
			return u.lake.fail("flush", u.key, err)
		}
	}
	u.closed = true
	defer u.cancel()
	u.watch.Again()
	if err := u.w.Close(); err != nil {
		return u.lake.fail("write", u.key, u.watch.Explain(err))
	}
	return nil
}

// abort drops what was written and waits until the bucket has let go of it. After commit or a first abort it does
// nothing.
func (u *upload) abort() {
	if u.closed {
		return
	}
	u.closed = true
	u.cancel()      // first: this makes the Close below mean "drop"
	_ = u.w.Close() // reports the cancellation
}

// put writes a small object whole, durably.
func (l *Lake) put(ctx context.Context, key, contentType string, data []byte) error {
	return l.putIf(ctx, key, contentType, data, false)
}

func (l *Lake) putIf(ctx context.Context, key, contentType string, data []byte, onlyNew bool) error {
	u, err := l.upload(ctx, key, contentType, onlyNew)
	if err != nil {
		return err
	}
	defer u.abort()
	u.watch.Limit(l.silence()) // there is little to store, and others wait for it
	if _, err := u.Write(data); err != nil {
		return err
	}
	if err := u.commit(); err != nil {
		return err
	}
	return l.syncKeys(key)
}

// get reads a small object whole.
func (l *Lake) get(ctx context.Context, key string) ([]byte, error) {
	r, err := l.OpenObject(ctx, key)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	return data, nil
}

// serverCopyLimit is the largest object that every bucket copies on its side (S3's limit).
const serverCopyLimit = 5 << 30

// copyObject puts the content of one object under a second key, replacing what is there in one step. On a file
// bucket the name is not durable before syncKeys.
func (l *Lake) copyObject(ctx context.Context, from, to, contentType string, size int64, scratch string) error {
	if err := ctx.Err(); err != nil {
		return l.fail("copy "+from+" to", to, err)
	}
	linked, err := l.local.link(l.full(from), l.full(to), l.full(scratch))
	if err != nil {
		return l.fail("copy "+from+" to", to, err)
	}
	if linked {
		return nil
	}
	if size > serverCopyLimit {
		return l.copyThrough(ctx, from, to, contentType)
	}
	err = silence.Do(ctx, silence.Long*l.silence(), func(ctx context.Context) error { return l.bucket.Copy(ctx, l.full(to), l.full(from), nil) })
	if err != nil {
		return l.fail("copy "+from+" to", to, err)
	}
	if l.local != nil {
		return l.flushCopy(to)
	}
	return nil
}

// copyThrough copies an object through this process.
func (l *Lake) copyThrough(ctx context.Context, from, to, contentType string) error {
	r, err := l.OpenObject(ctx, from)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // nothing is lost with a reader
	u, err := l.upload(ctx, to, contentType, false)
	if err != nil {
		return err
	}
	defer u.abort()
	n, err := io.Copy(u, r)
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	if n != r.Size() {
		return l.fail("copy "+from+" to", to, io.ErrUnexpectedEOF)
	}
	return u.commit()
}

// flushCopy makes a file durable that the driver copied.
func (l *Lake) flushCopy(key string) error {
	f, err := os.Open(l.local.path(l.full(key)))
	if err != nil {
		return l.fail("flush", key, err)
	}
	err = errors.Join(fsync(f), f.Close())
	if err != nil {
		return l.fail("flush", key, err)
	}
	return nil
}

// isNotFound says whether an error of this package or of the bucket means that there is no such object.
func isNotFound(err error) bool {
	return errors.Is(err, ErrNotFound) || gcerrors.Code(err) == gcerrors.NotFound
}

func ignoreNotFound(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}
