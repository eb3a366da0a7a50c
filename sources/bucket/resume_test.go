package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"

	"github.com/klauspost/compress/gzip"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/sources"
)

// frail is a bucket whose requests break off: broken says after how many bytes the next reader does, less than 0 for never.
type frail struct {
	driver.Bucket
	b      *blob.Bucket
	broken func() int
	opened int
}

var errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

func newFrail(b *blob.Bucket, broken func() int) (*frail, *blob.Bucket) {
	f := &frail{b: b, broken: broken}
	return f, blob.NewBucket(f)
}

func (f *frail) ErrorCode(err error) (code gcerrors.ErrorCode) { return gcerrors.Code(err) }
func (f *frail) As(any) bool                                   { return false }
func (f *frail) ErrorAs(error, any) bool                       { return false }
func (f *frail) Close() error                                  { return nil }
func (f *frail) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	a, err := f.b.Attributes(ctx, key)
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{Size: a.Size, ModTime: a.ModTime, ContentEncoding: a.ContentEncoding}, nil
}

func (f *frail) NewRangeReader(ctx context.Context, key string, off, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	f.opened++
	n := f.broken()
	if n == 0 {
		return nil, errReset
	}
	r, err := f.b.NewRangeReader(ctx, key, off, length, nil)
	if err != nil {
		return nil, err
	}
	return &frailReader{Reader: r, left: n}, nil
}

type frailReader struct {
	*blob.Reader
	left int
}

func (r *frailReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{Size: r.Size(), ModTime: r.ModTime()}
}

func (r *frailReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, errReset
	}
	if r.left > 0 && len(p) > r.left {
		p = p[:r.left]
	}
	n, err := r.Reader.Read(p)
	if r.left > 0 {
		r.left -= n
	}
	return n, err
}

// patient is Options.Retry without pauses that gives up after so many failures in a row.
func patient(most int) func(context.Context, func(context.Context) error) error {
	return func(ctx context.Context, try func(context.Context) error) (err error) {
		for range most {
			if err = try(ctx); !sources.MayPass(err) {
				return err
			}
		}
		return err
	}
}

// A stream is the object's bytes, each once and in order, wherever and however often its connection breaks.
func TestStreamsGoOn(t *testing.T) {
	store := memblob.OpenBucket(nil)
	defer func() { _ = store.Close() }()
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		want := make([]byte, rapid.SampledFrom([]int{0, 1, 100, 5000, 3 << 20}).Draw(t, "size"))
		for i := range want {
			want[i] = 'a' + byte(random.IntN(26))
		}
		stored := want
		if rapid.Bool().Draw(t, "packed") {
			var out bytes.Buffer
			z := gzip.NewWriter(&out)
			_, _ = z.Write(want)
			_ = z.Close()
			stored = out.Bytes()
		}
		if err := store.WriteAll(context.Background(), "x.txt", stored, nil); err != nil {
			t.Fatal(err)
		}
		breaks := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 7, 1000, 600_000, len(stored), max(0, len(stored)-1)}), 0, 6).Draw(t, "breaks")
		f, b := newFrail(store, func() int {
			if len(breaks) == 0 {
				return -1
			}
			n := breaks[0]
			breaks = breaks[1:]
			return n
		})
		s := New(b, "frail", Options{Retry: patient(8)})
		r, err := s.text(context.Background(), File{Key: "x.txt"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, want %d, after %d connections", len(got), len(want), f.opened)
		}
	})
}

// What was overwritten between two connections is never read on, and trying that again is left to whoever reads it whole.
func TestStreamsOfAnotherObject(t *testing.T) {
	for name, change := range map[string]*blob.WriterOptions{
		"overwritten": nil, "unpacked on the way": {ContentEncoding: "gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			store := memblob.OpenBucket(nil)
			defer func() { _ = store.Close() }()
			data := bytes.Repeat([]byte("0123456789"), 200_000)
			if err := store.WriteAll(t.Context(), "x.csv", data, change); err != nil {
				t.Fatal(err)
			}
			f, b := newFrail(store, func() int { return 1_000_000 })
			s := New(b, "frail", Options{Retry: patient(3)})
			o, err := s.object(t.Context(), File{Key: "x.csv"})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = o.Close() }()
			if _, err := io.CopyN(io.Discard, o, 1_000_000); err != nil {
				t.Fatal(err)
			}
			if change == nil {
				if err := store.WriteAll(t.Context(), "x.csv", data[1:], nil); err != nil {
					t.Fatal(err)
				}
			}
			_, err = o.Read(make([]byte, 10))
			if !sources.MayPass(err) || f.opened > 2 {
				t.Errorf("after %d connections: %v", f.opened, err)
			}
		})
	}
}

func TestPassing(t *testing.T) {
	for _, c := range []struct {
		err  error
		pass bool
	}{
		{errReset, true}, {io.ErrUnexpectedEOF, true}, {&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}, true},
		{fmt.Errorf("put: %w", status(503)), true}, {status(500), true}, {status(429), true}, {status(408), true},
		{status(400), false}, {status(301), false}, {status(411), false},
		{errors.New("api error SlowDown: Please reduce your request rate"), true},
		{errors.New("googleapi: got HTTP response code 503 with body: oh"), true}, {errors.New("googleapi: Error 400: bad"), false},
		{errors.New("RESPONSE 503: 503 Server Busy\nERROR CODE: ServerBusy"), true}, {errors.New("RESPONSE 409: 409 Conflict"), false},
		{errors.New("the moon is full"), false},
		{context.Canceled, false}, {context.DeadlineExceeded, false},
		{errors.New("InvalidAccessKeyId: no"), false}, {errors.New("googleapi: Error 403: no"), false},
	} {
		s := New(memblob.OpenBucket(nil), "x", Options{})
		if got := sources.MayPass(s.wrap("read", "k", c.err)); got != c.pass {
			t.Errorf("%v: %t, want %t", c.err, got, c.pass)
		}
	}
}

type status int

func (s status) Error() string       { return fmt.Sprintf("https response error StatusCode: %d", int(s)) }
func (s status) HTTPStatusCode() int { return int(s) }
