package sinktest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/drivertest"
	"gocloud.dev/blob/memblob"

	"github.com/usagereport/usagereport/sinks/sinktest"
)

// harness runs Go CDK's own suite for drivers over a wrapped bucket on which nothing fails.
type harness struct{ b *blob.Bucket }

func (h *harness) MakeDriver(context.Context) (driver.Bucket, error) {
	return sinktest.Driver(h.b, func(sinktest.Call) sinktest.Fault { return sinktest.Fault{} }), nil
}

func (h *harness) MakeDriverForNonexistentBucket(context.Context) (driver.Bucket, error) {
	return nil, nil
}
func (h *harness) HTTPClient() *http.Client         { return nil }
func (h *harness) SupportsCopy() bool               { return true }
func (h *harness) SupportsNonSlashDelimiters() bool { return true }
func (h *harness) Close()                           {}

func TestConformance(t *testing.T) {
	drivertest.RunConformanceTests(t, func(context.Context, *testing.T) (drivertest.Harness, error) {
		return &harness{memblob.OpenBucket(nil)}, nil
	}, nil)
}

func TestFaults(t *testing.T) {
	base := memblob.OpenBucket(nil)
	boom := errors.New("boom")
	var on sinktest.Op
	var after bool
	b := sinktest.Wrap(base, func(c sinktest.Call) sinktest.Fault {
		if c.Op == on {
			return sinktest.Fault{Err: boom, After: after}
		}
		return sinktest.Fault{}
	})
	for _, op := range []sinktest.Op{sinktest.Open, sinktest.Write, sinktest.Close} {
		on = op
		ctx, cancel := context.WithCancel(t.Context())
		w, err := b.NewWriter(ctx, "k", &blob.WriterOptions{ContentType: "x/y"})
		if err == nil {
			_, err = w.Write([]byte("data"))
			if err != nil {
				cancel()
				if cerr := w.Close(); cerr == nil {
					t.Errorf("%s: a cancelled write was closed without error", op)
				}
			} else {
				err = w.Close()
			}
		}
		cancel()
		if !errors.Is(err, boom) {
			t.Errorf("%s: got %v", op, err)
		}
		if ok, _ := base.Exists(t.Context(), "k"); ok {
			t.Errorf("%s: a failed write is there", op)
		}
	}
	on, after = sinktest.Close, true
	if err := b.WriteAll(t.Context(), "k", []byte("data"), nil); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	for _, op := range []sinktest.Op{sinktest.Attributes, sinktest.List, sinktest.Read, sinktest.Fetch, sinktest.Copy, sinktest.Delete} {
		on, after = op, false
		_, aerr := b.Attributes(t.Context(), "k")
		_, lerr := b.List(nil).Next(t.Context())
		_, rerr := b.ReadAll(t.Context(), "k")
		cerr := b.Copy(t.Context(), "l", "k", nil)
		derr := b.Delete(t.Context(), "l")
		if !errors.Is(errors.Join(aerr, lerr, rerr, cerr, derr), boom) {
			t.Errorf("%s: did not fail", op)
		}
	}
	if got := sinktest.Dump(t, base, ""); string(got["k"]) != "data" {
		t.Errorf("after a lost answer: %q", got)
	}
}
