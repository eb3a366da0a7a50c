// Package sinktest helps to test what writes to buckets: it makes a bucket fail where a test wants it to, and reads
// back what stands in one. It is for tests only.
package sinktest

import (
	"context"
	"errors"
	"io"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// Op is a kind of request to a bucket.
type Op string

// The kinds of request that can be made to fail.
const (
	Attributes Op = "attributes"
	List       Op = "list"
	Read       Op = "read"  // opening a reader
	Fetch      Op = "fetch" // reading from it
	Open       Op = "open"  // opening a writer
	Write      Op = "write" // writing to it
	Close      Op = "close" // publishing what was written
	Copy       Op = "copy"  // Key is the target
	Delete     Op = "delete"
)

// Call is one request.
type Call struct {
	Op  Op
	Key string // of a List, its prefix
}

// Fault says how a request fails.
type Fault struct {
	Err   error              // what the request returns; nil lets it through
	Code  gcerrors.ErrorCode // what Go CDK shall make of Err
	After bool               // the request takes effect all the same: the answer was lost
}

// Wrap returns a bucket that does everything on b, but asks before every request whether it shall fail. The
// function is called by as many goroutines as use the bucket. Closing the bucket leaves b open.
func Wrap(b *blob.Bucket, fault func(Call) Fault) *blob.Bucket {
	return blob.NewBucket(Driver(b, fault))
}

// Driver is Wrap for those who want the driver.
func Driver(b *blob.Bucket, fault func(Call) Fault) driver.Bucket {
	return &bucket{b: b, fault: fault}
}

// bucket is a driver over the portable type.
type bucket struct {
	b     *blob.Bucket
	fault func(Call) Fault
}

// injected is a fault as an error.
type injected struct {
	err  error
	code gcerrors.ErrorCode
}

func (e *injected) Error() string { return e.err.Error() }
func (e *injected) Unwrap() error { return e.err }

// do runs a request unless it shall fail.
func (b *bucket) do(op Op, key string, request func() error) error {
	f := b.fault(Call{Op: op, Key: key})
	if f.Err == nil {
		return request()
	}
	if f.After {
		if err := request(); err != nil {
			return err
		}
	}
	return &injected{err: f.Err, code: f.Code}
}

func (b *bucket) ErrorCode(err error) gcerrors.ErrorCode {
	var in *injected
	if errors.As(err, &in) {
		return in.code
	}
	return gcerrors.Code(err)
}

func (b *bucket) As(i any) bool                 { return b.b.As(i) }
func (b *bucket) ErrorAs(err error, i any) bool { return b.b.ErrorAs(err, i) }
func (b *bucket) Close() error                  { return nil }

func (b *bucket) Attributes(ctx context.Context, key string) (attrs *driver.Attributes, err error) {
	err = b.do(Attributes, key, func() error {
		a, err := b.b.Attributes(ctx, key)
		if err != nil {
			return err
		}
		attrs = &driver.Attributes{
			CacheControl: a.CacheControl, ContentDisposition: a.ContentDisposition, ContentEncoding: a.ContentEncoding,
			ContentLanguage: a.ContentLanguage, ContentType: a.ContentType, Metadata: a.Metadata,
			CreateTime: a.CreateTime, ModTime: a.ModTime, Size: a.Size, MD5: a.MD5, ETag: a.ETag, AsFunc: a.As,
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return attrs, nil
}

func (b *bucket) ListPaged(ctx context.Context, opts *driver.ListOptions) (page *driver.ListPage, err error) {
	err = b.do(List, opts.Prefix, func() error {
		token := opts.PageToken
		if len(token) == 0 {
			token = blob.FirstPageToken
		}
		size := opts.PageSize
		if size == 0 {
			size = 1000
		}
		objects, next, err := b.b.ListPage(ctx, token, size, &blob.ListOptions{
			Prefix: opts.Prefix, Delimiter: opts.Delimiter, BeforeList: opts.BeforeList,
		})
		if err != nil {
			return err
		}
		page = &driver.ListPage{NextPageToken: next}
		for _, o := range objects {
			page.Objects = append(page.Objects, &driver.ListObject{
				Key: o.Key, ModTime: o.ModTime, Size: o.Size, MD5: o.MD5, IsDir: o.IsDir, AsFunc: o.As,
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

func (b *bucket) NewRangeReader(
	ctx context.Context, key string, offset, length int64, opts *driver.ReaderOptions,
) (r driver.Reader, err error) {
	err = b.do(Read, key, func() error {
		br, err := b.b.NewRangeReader(ctx, key, offset, length, &blob.ReaderOptions{BeforeRead: opts.BeforeRead})
		if err != nil {
			return err
		}
		r = &reader{Reader: br, b: b, key: key}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

type reader struct {
	*blob.Reader
	b   *bucket
	key string
}

func (r *reader) Read(p []byte) (n int, err error) {
	err = r.b.do(Fetch, r.key, func() (err error) {
		n, err = r.Reader.Read(p)
		return err
	})
	return n, err
}

func (r *reader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: r.ContentType(), ModTime: r.ModTime(), Size: r.Size()}
}

func (b *bucket) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (w driver.Writer, err error) {
	if contentType == "" {
		contentType = "application/octet-stream" // Upload insists on one
	}
	ctx, cancel := context.WithCancel(ctx)
	err = b.do(Open, key, func() error {
		w = newWriter(ctx, b, cancel, key, &blob.WriterOptions{
			BufferSize: opts.BufferSize, MaxConcurrency: opts.MaxConcurrency, CacheControl: opts.CacheControl,
			ContentDisposition: opts.ContentDisposition, ContentEncoding: opts.ContentEncoding,
			ContentLanguage: opts.ContentLanguage, ContentType: contentType, ContentMD5: opts.ContentMD5,
			Metadata: opts.Metadata, BeforeWrite: opts.BeforeWrite, IfNotExist: opts.IfNotExist,
			DisableContentTypeDetection: opts.DisableContentTypeDetection,
		})
		return nil
	})
	if err != nil {
		cancel()
		return nil, err
	}
	return w, nil
}

// writer hands its bytes to Upload through a pipe, since that returns the error where a blob.Writer's Close panics.
type writer struct {
	b      *bucket
	cancel context.CancelFunc
	key    string
	pipe   *io.PipeWriter
	done   chan struct{} // closed when Upload has returned
	err    error         // what it returned
}

func newWriter(ctx context.Context, b *bucket, cancel context.CancelFunc, key string, opts *blob.WriterOptions) *writer {
	r, pipe := io.Pipe()
	w := &writer{b: b, cancel: cancel, key: key, pipe: pipe, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.err = b.b.Upload(ctx, key, r, opts)
		r.CloseWithError(errors.Join(w.err, io.ErrClosedPipe))
	}()
	return w
}

func (w *writer) Write(p []byte) (n int, err error) {
	err = w.b.do(Write, w.key, func() (err error) {
		n, err = w.pipe.Write(p)
		return err
	})
	return n, err
}

func (w *writer) Close() error {
	closed := false
	err := w.b.do(Close, w.key, func() error {
		closed = true
		defer w.cancel()
		_ = w.pipe.Close() // never fails
		<-w.done
		return w.err
	})
	if !closed {
		w.cancel()
		w.pipe.CloseWithError(context.Canceled)
		<-w.done
	}
	return err
}

func (b *bucket) Copy(ctx context.Context, dstKey, srcKey string, opts *driver.CopyOptions) error {
	return b.do(Copy, dstKey, func() error {
		return b.b.Copy(ctx, dstKey, srcKey, &blob.CopyOptions{BeforeCopy: opts.BeforeCopy})
	})
}

func (b *bucket) Delete(ctx context.Context, key string, opts *driver.DeleteOptions) error {
	return b.do(Delete, key, func() error {
		return b.b.DeleteWithOptions(ctx, key, &blob.DeleteOptions{BeforeDelete: opts.BeforeDelete})
	})
}

func (b *bucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", &injected{err: errors.New("no signed URLs"), code: gcerrors.Unimplemented}
}
