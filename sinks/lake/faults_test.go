package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"github.com/usagereport/usagereport/sinks/sinktest"
)

// TestEveryRequestFails lets each request of a publication fail in turn, before or after it took effect: right
// after, readers have what they are promised, and once the bucket works again all comes out as if it always had.
func TestEveryRequestFails(t *testing.T) {
	want := func() map[string][]byte {
		b := memblob.OpenBucket(nil)
		l, err := New(b, "mem", "")
		must(t, err)
		must(t, first.publish(t.Context(), l))
		must(t, second.publish(t.Context(), l))
		return inspect(t, b, "")
	}()
	for _, fault := range []sinktest.Fault{
		{Err: &noSpace{}, Code: gcerrors.Unknown},
		{Err: errors.New("answer lost"), After: true},
		{Err: errors.New("not permitted"), Code: gcerrors.PermissionDenied},
	} {
		t.Run(fmt.Sprint(fault.Err), func(t *testing.T) {
			for n := 1; ; n++ {
				b := memblob.OpenBucket(nil)
				sound, err := New(b, "mem", "")
				must(t, err)
				must(t, first.publish(t.Context(), sound))
				before := inspect(t, b, "")

				count := 0
				var failed sinktest.Call
				var mu sync.Mutex
				weak, err := New(sinktest.Wrap(b, func(c sinktest.Call) sinktest.Fault {
					mu.Lock()
					defer mu.Unlock()
					if count++; count != n {
						return sinktest.Fault{}
					}
					failed = c
					return fault
				}), "mem", "")
				must(t, err)
				err = second.publish(t.Context(), weak)
				if count < n {
					must(t, err)
					if n < 50 {
						t.Fatalf("only %d requests", n)
					}
					return
				}
				after := inspect(t, b, "")
				if err != nil && !errors.Is(err, ErrUnfinished) && !maps.EqualFunc(before, visible(after), bytes.Equal) {
					t.Errorf("%v: %v, yet readers see a change:\n%q", failed, err, slices.Sorted(maps.Keys(after)))
				}
				if err == nil && !maps.EqualFunc(want, visible(after), bytes.Equal) {
					t.Errorf("%v: no error, yet there are\n%q", failed, slices.Sorted(maps.Keys(after)))
				}
				if err != nil && !fault.After && !strings.Contains(err.Error(), fault.Err.Error()) {
					t.Errorf("%v: the error hides its cause: %v", failed, err)
				}
				must(t, sound.BreakLease(t.Context())) // should its release have failed
				_, err = sound.Recover(t.Context())
				must(t, err)
				if after := inspect(t, b, ""); !maps.EqualFunc(before, after, bytes.Equal) && !maps.EqualFunc(want, after, bytes.Equal) {
					t.Errorf("%v: after recovery there are\n%q", failed, slices.Sorted(maps.Keys(after)))
				}
				must(t, second.publish(t.Context(), sound))
				if after := inspect(t, b, ""); !maps.EqualFunc(want, after, bytes.Equal) {
					t.Errorf("%v: run again, there are\n%q", failed, slices.Sorted(maps.Keys(after)))
				}
			}
		})
	}
}

// TestLostAnswer: a record whose write succeeded without our hearing of it is carried out, not given up.
func TestLostAnswer(t *testing.T) {
	b := memblob.OpenBucket(nil)
	recorded, lost := false, false
	l, err := New(sinktest.Wrap(b, func(c sinktest.Call) sinktest.Fault {
		if c.Op == sinktest.Close && strings.HasPrefix(c.Key, leaseDir) && recorded && !lost {
			lost = true
			return sinktest.Fault{Err: errors.New("answer lost"), After: true}
		}
		return sinktest.Fault{}
	}), "mem", "")
	must(t, err)
	l.hook = func(step string) {
		if step == "staged" { // no other step happens meanwhile
			recorded = true
		}
	}
	must(t, first.publish(t.Context(), l))
	if !lost || inspect(t, b, "")[LatestKey] == nil {
		t.Error("it was not published")
	}
}

// TestStaleNote: readers are told of a publication only while one is under way.
func TestStaleNote(t *testing.T) {
	l, err := New(memblob.OpenBucket(nil), "mem", "")
	must(t, err)
	must(t, first.publish(t.Context(), l))
	must(t, l.put(t.Context(), IntentKey, jsonType, []byte("of nobody")))
	must(t, newer.publish(t.Context(), l))
	if _, found, err := l.exists(t.Context(), IntentKey); found || err != nil {
		t.Errorf("%v %v", found, err)
	}
}

// TestFailedWriteIsNeverCommitted: not even by a caller who overlooks the error (I2).
func TestFailedWriteIsNeverCommitted(t *testing.T) {
	b := memblob.OpenBucket(nil)
	n := 0
	l, err := New(sinktest.Wrap(b, func(c sinktest.Call) sinktest.Fault {
		if c.Op == sinktest.Write {
			if n++; n == 2 {
				return sinktest.Fault{Err: &noSpace{}}
			}
		}
		return sinktest.Fault{}
	}), "mem", "")
	must(t, err)
	w, err := l.State().Create(t.Context(), "x", "x/y")
	must(t, err)
	for range 3 {
		_, _ = w.Write([]byte("data"))
	}
	if err := w.Commit(); !errors.Is(err, ErrNoSpace) {
		t.Errorf("got %v", err)
	}
	if ok, err := b.Exists(t.Context(), "state/x"); ok || err != nil {
		t.Errorf("half of it was published: %v, %v", ok, err)
	}
}

// noSpace is a full disk as the file driver reports it.
type noSpace struct{}

func (*noSpace) Error() string { return "write /lake/x: no space left on device" }
func (*noSpace) Unwrap() error { return syscall.ENOSPC }

// visible leaves out what is no reader's business.
func visible(objects map[string][]byte) map[string][]byte {
	seen := map[string][]byte{}
	for key, data := range objects {
		if key != IntentKey && !strings.HasPrefix(key, stagingDir) {
			seen[key] = data
		}
	}
	return seen
}

func TestErrorsSayWhatToDo(t *testing.T) {
	cases := map[string]struct {
		op    sinktest.Op
		below string
		fault sinktest.Fault
		kind  error
		say   []string
	}{
		"disk full":       {sinktest.Write, "p/staging/", sinktest.Fault{Err: &noSpace{}}, ErrNoSpace, []string{"-run-2/logs/", "s3://acme", "free space", "lake.bucket"}},
		"full at the end": {sinktest.Close, "p/staging/", sinktest.Fault{Err: &noSpace{}}, ErrNoSpace, []string{"-run-2/logs/", "free space"}},
		"not permitted":   {sinktest.Open, "p/staging/", sinktest.Fault{Err: errors.New("403"), Code: gcerrors.PermissionDenied}, ErrDenied, []string{"-run-2/logs/", "s3://acme", "credentials"}},
		"may not list":    {sinktest.List, "", sinktest.Fault{Err: errors.New("403"), Code: gcerrors.PermissionDenied}, ErrDenied, []string{"list", "credentials"}},
		"no such bucket":  {sinktest.Open, "", sinktest.Fault{Err: errors.New("404"), Code: gcerrors.NotFound}, ErrNotFound, []string{"s3://acme", "lake.bucket"}},
		"no network":      {sinktest.List, "", sinktest.Fault{Err: &refused{}}, ErrUnreachable, []string{"s3://acme", "network"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l, err := New(sinktest.Wrap(memblob.OpenBucket(nil), func(call sinktest.Call) sinktest.Fault {
				if call.Op == c.op && strings.HasPrefix(call.Key, c.below) {
					return c.fault
				}
				return sinktest.Fault{}
			}), "s3://acme", "p")
			must(t, err)
			err = second.publish(context.Background(), l)
			if !errors.Is(err, c.kind) {
				t.Fatalf("got %v, want %v", err, c.kind)
			}
			for _, want := range c.say {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

type refused struct{}

func (*refused) Error() string   { return "dial tcp 127.0.0.1:1: connection refused" }
func (*refused) Timeout() bool   { return false }
func (*refused) Temporary() bool { return true }
