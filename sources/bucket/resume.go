package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/internal/silence"
	"github.com/usagereport/usagereport/sources"
)

// object reads a stored object from its start to its end. When its connection breaks, it goes on at the same byte of the
// same object: whoever reads it never sees a byte twice. An object that was overwritten in between is an error.
type object struct {
	source *Source
	key    string
	listed File                                        // what the listing says of it; of one that was not listed the key alone
	retry  func(try func(context.Context) error) error // with the context of the whole read

	r       *blob.Reader   // nil: to be opened
	watch   *silence.Watch // over r
	n       int64          // bytes handed over
	size    int64
	written time.Time
}

// object opens an object. The caller closes it.
func (s *Source) object(ctx context.Context, f File) (*object, error) {
	o := &object{source: s, key: f.Key, listed: f, retry: func(try func(context.Context) error) error { return s.retry(ctx, try) }}
	return o, o.retry(o.open)
}

func (o *object) open(ctx context.Context) error {
	if o.r != nil {
		return nil
	}
	if o.n > 0 {
		attrs, err := o.source.attributes(ctx, o.key)
		if err != nil {
			return err
		}
		if attrs.ContentEncoding != "" {
			// What a service unpacks on the way has no ranges.
			return fmt.Errorf("%w: read %s: %s: %w", sources.ErrUnreachable, o.source.name, o.key, errBroken)
		}
	}
	ctx, watch := silence.Start(ctx, o.source.opts.Silence)
	r, err := o.source.bucket.NewRangeReader(ctx, o.key, o.n, -1, nil)
	watch.Rest()
	if err != nil {
		watch.End()
		return o.source.wrap("open", o.key, watch.Explain(err))
	}
	defer func() {
		if o.r == nil { // what is wrong with it was seen at once
			watch.End()
		}
	}()
	if o.n == 0 {
		if o.halved(r) {
			return errors.Join(fmt.Errorf("%w: read %s: %s: an answer of %d bytes, where the listing has %d of the same time: %w",
				sources.ErrUnreachable, o.source.name, o.key, r.Size(), o.listed.Size, errBroken), r.Close())
		}
		o.size, o.written = r.Size(), r.ModTime()
	} else if r.Size() != o.size || !r.ModTime().Equal(o.written) {
		_ = r.Close() // nothing was read
		return o.source.overwritten(o.key)
	}
	o.r, o.watch = r, watch
	return nil
}

// halved reports whether an answer says that the object ends before the length that the listing has of it, though it was not
// written again: something on the way cut it off and made the headers match. Some services tell times to the second only.
func (o *object) halved(r *blob.Reader) bool {
	return r.Size() < o.listed.Size && r.ModTime().Truncate(time.Second).Equal(o.listed.ModTime.Truncate(time.Second))
}

// Read implements io.Reader. Its errors are explained.
func (o *object) Read(p []byte) (n int, err error) {
	over := false
	err = o.retry(func(ctx context.Context) error {
		if err := o.open(ctx); err != nil {
			return err
		}
		var err error
		n, err = watched{o.r, o.watch}.Read(p)
		o.n += int64(n)
		if err == nil {
			return nil
		}
		if over = errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF); over {
			return nil
		}
		_ = o.r.Close() // the error of reading is the one to tell
		o.watch.End()
		o.r = nil
		if over = o.n > 0 && o.n == o.size; over || n > 0 {
			return nil // else the next Read goes on from there
		}
		return o.source.wrap("read", o.key, err)
	})
	if err == nil && over {
		err = io.EOF
	}
	return n, err
}

// Close lets the connection go.
func (o *object) Close() error {
	if o.r == nil {
		return nil
	}
	defer o.watch.End()
	if err := o.r.Close(); err != nil {
		return o.source.wrap("close", o.key, err)
	}
	return nil
}

// watched reads under a watch, which rests between reads: how long rows take on their way is not the service's fault.
type watched struct {
	r     io.Reader
	watch *silence.Watch
}

func (w watched) Read(p []byte) (int, error) {
	w.watch.Again()
	n, err := w.r.Read(p)
	w.watch.Rest()
	return n, w.watch.Explain(err)
}
