package lake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// upload is an object being written: the only way in which this package writes to the bucket.
//
// Closing a blob.Writer publishes what it holds, even after an error or in the deferred calls of a panic, and so
// does blob.Upload when its reader fails. So neither is handed out: bytes go through a pipe whose other end
// Upload reads, commit is the only way to the pipe's good end, and abort cancels the write before it breaks the
// pipe (I2). What is dropped without either is never published. Upload it is, and not a blob.Writer, because the
// latter's Close panics on Azure when the write had failed (gocloud.dev v0.47).
type upload struct {
	lake   *Lake
	key    string
	pipe   *io.PipeWriter
	cancel context.CancelFunc
	result chan error // what Upload returned; buffered, sent once
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
	ctx, cancel := context.WithCancel(ctx)
	r, w := io.Pipe()
	u := &upload{lake: l, key: key, pipe: w, cancel: cancel, result: make(chan error, 1)}
	broken := context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		defer broken()
		src := &source{PipeReader: r, cancel: cancel}
		err := l.bucket.Upload(ctx, l.full(key), src, &blob.WriterOptions{
			ContentType: contentType,
			BufferSize:  8 << 20,
			IfNotExist:  onlyNew,
			BeforeWrite: func(as func(any) bool) error {
				as(&src.file) // stays nil where there is no file
				return nil
			},
		})
		if err == nil {
			err = src.err
		}
		r.CloseWithError(cmp.Or(err, errClosed)) // a writer must not wait for a reader that is gone
		u.result <- err
	}()
	return u, nil
}

// source is what an upload reads. At the good end it flushes the file behind the upload, if there is one, while
// the object is still under its temporary name: once it is visible it is durable (I7).
type source struct {
	*io.PipeReader
	file   *os.File
	cancel context.CancelFunc
	err    error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.PipeReader.Read(p)
	if errors.Is(err, io.EOF) && s.file != nil {
		if ferr := fsync(s.file); ferr != nil {
			s.cancel() // before Upload closes its writer
			s.err = ferr
			return n, ferr
		}
	}
	return n, err
}

// Write hands bytes to the bucket. After a failure the upload can only be aborted.
func (u *upload) Write(p []byte) (int, error) {
	if u.closed {
		return 0, u.lake.fail("write", u.key, errClosed)
	}
	if u.err != nil {
		return 0, u.err
	}
	n, err := u.pipe.Write(p)
	if err != nil {
		u.err = u.lake.fail("write", u.key, err)
	}
	return n, u.err
}

// commit publishes the object at its key, durably. On an error the object that was there before stays, except
// that a bucket may have taken a write whose answer was lost.
func (u *upload) commit() error {
	if u.closed {
		return u.lake.fail("write", u.key, errClosed)
	}
	defer u.abort()
	if u.err != nil {
		return u.err
	}
	u.closed = true
	defer u.cancel()
	_ = u.pipe.Close() // never fails
	if err := <-u.result; err != nil {
		return u.lake.fail("write", u.key, err)
	}
	if err := u.lake.local.syncDir(u.lake.full(u.key)); err != nil {
		return u.lake.fail("flush", u.key, err)
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
	u.cancel() // first: this makes the end of the pipe mean "drop"
	u.pipe.CloseWithError(context.Canceled)
	<-u.result // reports the cancellation
}

// put writes a small object whole.
func (l *Lake) put(ctx context.Context, key, contentType string, data []byte) error {
	return l.putIf(ctx, key, contentType, data, false)
}

func (l *Lake) putIf(ctx context.Context, key, contentType string, data []byte, onlyNew bool) error {
	u, err := l.upload(ctx, key, contentType, onlyNew)
	if err != nil {
		return err
	}
	defer u.abort()
	if _, err := u.Write(data); err != nil {
		return err
	}
	return u.commit()
}

// get reads a small object whole.
func (l *Lake) get(ctx context.Context, key string) ([]byte, error) {
	data, err := l.bucket.ReadAll(ctx, l.full(key))
	if err != nil {
		return nil, l.fail("read", key, err)
	}
	return data, nil
}

// serverCopyLimit is the largest object that every bucket copies on its side (S3's limit).
const serverCopyLimit = 5 << 30

// copyObject puts the content of one object under a second key, replacing what is there in one step.
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
	if err := l.bucket.Copy(ctx, l.full(to), l.full(from), nil); err != nil {
		return l.fail("copy "+from+" to", to, err)
	}
	if l.local != nil {
		return l.flushCopy(to)
	}
	return nil
}

// copyThrough copies an object through this process.
func (l *Lake) copyThrough(ctx context.Context, from, to, contentType string) error {
	r, err := l.bucket.NewReader(ctx, l.full(from), nil)
	if err != nil {
		return l.fail("read", from, err)
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
	err = errors.Join(fsync(f), f.Close(), l.local.syncDir(l.full(key)))
	if err != nil {
		return l.fail("flush", key, err)
	}
	return nil
}

// isNotFound says whether an error of this package or of the bucket means that there is no such object.
func isNotFound(err error) bool {
	return errors.Is(err, ErrNotFound) || gcerrors.Code(err) == gcerrors.NotFound
}
