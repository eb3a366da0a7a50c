package bucket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/memblob"

	"github.com/usagereport/usagereport/internal/silence"
	"github.com/usagereport/usagereport/sources"
)

// mute is a bucket that takes requests and then says nothing: so many of them at once, or after so many bytes of an answer.
type mute struct {
	*frail
	times, after int
	pace         time.Duration // that every read takes
}

// silent waits until whoever asks goes.
func (m *mute) silent(ctx context.Context) error {
	if m.times == 0 {
		return nil
	}
	m.times--
	<-ctx.Done()
	return ctx.Err()
}

func (m *mute) ListPaged(ctx context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	if err := m.silent(ctx); err != nil {
		return nil, err
	}
	return &driver.ListPage{Objects: []*driver.ListObject{{Key: o.Prefix + "x.csv", Size: 1}}}, nil
}

func (m *mute) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	if m.after == 0 {
		if err := m.silent(ctx); err != nil {
			return nil, err
		}
	}
	return m.frail.Attributes(ctx, key)
}

func (m *mute) NewRangeReader(ctx context.Context, key string, off, length int64, o *driver.ReaderOptions) (driver.Reader, error) {
	if m.after == 0 {
		if err := m.silent(ctx); err != nil {
			return nil, err
		}
	}
	r, err := m.frail.NewRangeReader(ctx, key, off, length, o)
	return &muteReader{Reader: r, bucket: m, ctx: ctx, left: m.after}, err
}

type muteReader struct {
	driver.Reader
	bucket *mute
	ctx    context.Context //nolint:containedctx // a reader's life is that of its request
	left   int
}

func (r *muteReader) Read(p []byte) (int, error) {
	time.Sleep(r.bucket.pace)
	if r.bucket.after == 0 {
		return r.Reader.Read(p)
	}
	if r.left == 0 {
		if err := r.bucket.silent(r.ctx); err != nil {
			return 0, err
		}
		return r.Reader.Read(p)
	}
	n, err := r.Reader.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

func muteSource(t *testing.T, retry func(context.Context, func(context.Context) error) error, m mute) (*Source, []byte) {
	t.Helper()
	store := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = store.Close() })
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	if err := store.WriteAll(t.Context(), "x.csv", data, &blob.WriterOptions{ContentType: "text/csv"}); err != nil {
		t.Fatal(err)
	}
	m.frail, _ = newFrail(store, func() int { return -1 })
	return New(blob.NewBucket(&m), "mute", Options{Retry: retry, Silence: time.Minute}), data
}

// A service that says nothing, at once or in the midst of a file, holds nobody up for longer than Silence, and a file then goes on
// where it was.
func TestSilence(t *testing.T) {
	for name, c := range map[string]struct{ times, after, tries int }{
		"at once":                      {1, 0, 2},
		"at once, for ever":            {1000, 0, 2},
		"in the midst":                 {1, 300_000, 2},
		"in the midst, again":          {2, 300_000, 2},
		"in the midst, once too often": {1, 300_000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, data := muteSource(t, patient(c.tries), mute{times: c.times, after: c.after})
				began := time.Now()
				r, err := s.text(t.Context(), File{Key: "x.csv"})
				var got []byte
				if err == nil {
					got, err = io.ReadAll(r)
					err = errors.Join(err, r.Close())
				}
				if c.times > c.tries || c.tries == 1 {
					var silent *silence.Error
					if !sources.MayPass(err) || !errors.As(err, &silent) || !strings.Contains(err.Error(), "x.csv") {
						t.Errorf("the error: %v", err)
					}
				} else if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes, want %d: %v", len(got), len(data), err)
				}
				if took := time.Since(began); took != time.Duration(min(c.times, c.tries))*time.Minute {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// Lists, lookups and ranges end as well.
func TestSilenceOfEveryRequest(t *testing.T) {
	for name, request := range map[string]func(*Source) error{
		"list": func(s *Source) error {
			_, err := s.Partitions(context.Background(), "*.csv")
			return err
		},
		"lookup": func(s *Source) error {
			_, err := s.openParquet(context.Background(), File{Key: "x.csv"})
			return err
		},
		"range": func(s *Source) error {
			_, err := s.openParquet(context.Background(), File{Key: "x.csv", Size: 1_000_000})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := muteSource(t, nil, mute{times: 1000})
				began := time.Now()
				var silent *silence.Error
				if err := request(s); !sources.MayPass(err) || !errors.As(err, &silent) {
					t.Error(err)
				}
				if took := time.Since(began); took != time.Minute {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// What comes slowly comes, and so does what is taken slowly.
func TestSlowIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, data := muteSource(t, nil, mute{pace: 59 * time.Second})
		o, err := s.object(t.Context(), File{Key: "x.csv"})
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		for err == nil {
			time.Sleep(time.Hour)
			_, err = io.CopyN(&got, o, 100_000)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		if !errors.Is(err, io.EOF) || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%d bytes, want %d: %v", got.Len(), len(data), err)
		}
	})
}
