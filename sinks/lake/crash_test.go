//go:build unix

package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"gocloud.dev/blob"
)

// The test binary runs itself with these, and is then a run that dies.
const (
	crashURL      = "USAGEREPORT_LAKE_CRASH_URL"      // the file bucket
	crashStep     = "USAGEREPORT_LAKE_CRASH_STEP"     // at which step of the protocol, from 1
	crashSnapshot = "USAGEREPORT_LAKE_CRASH_SNAPSHOT" // what is published; empty to recover only
)

// crashRetention stands for a snapshot where retention is to be cut off.
const crashRetention = "retention"

var crashPolicy = Retention{SnapshotsDays: 5, ReportsDays: 20, QuarantineDays: 5, RunsDays: 5, AccessDays: 5}

var crashSnapshots = map[string]snapshot{"again": second, "newer": newer}

func TestMain(m *testing.M) {
	if bucketURL := os.Getenv(leaseURL); bucketURL != "" {
		if err := leaseProcess(context.Background(), bucketURL); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if bucketURL := os.Getenv(crashURL); bucketURL != "" {
		if err := runAndDie(context.Background(), bucketURL); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runAndDie publishes or recovers and kills its own process, as nothing can be caught, at the step asked for.
func runAndDie(ctx context.Context, bucketURL string) (err error) {
	at, err := strconv.Atoi(os.Getenv(crashStep))
	if err != nil {
		return err
	}
	l, err := Open(ctx, bucketURL, "lake")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	syncFile = func(*os.File) error { return nil } // a killed process loses nothing that it wrote
	var steps atomic.Int64
	l.hook = func(step string) {
		if steps.Add(1) == int64(at) {
			fmt.Println(step)
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				panic(err)
			}
			select {} // the signal is on its way
		}
	}
	if s, ok := crashSnapshots[os.Getenv(crashSnapshot)]; ok {
		return s.publish(ctx, l)
	}
	if os.Getenv(crashSnapshot) == crashRetention {
		_, err = retain(ctx, l, crashPolicy)
		return err
	}
	_, err = l.Recover(ctx)
	return err
}

// die runs a process that is killed at a step, and reports the step, or "" when it came to its end before.
func die(t *testing.T, bucketURL, snapshot string, at int) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashURL+"="+bucketURL, crashSnapshot+"="+snapshot, crashStep+"="+strconv.Itoa(at))
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if err == nil {
		return ""
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the run did not die as asked: %v\n%s", err, errOut.String())
	}
	return strings.TrimSpace(out.String())
}

// TestKill kills a process at every step of a publication, looks at the bucket as a reader would, kills its
// successor too while that recovers, and then lets a third come to its end: the bucket must hold the bytes of an
// undisturbed run, or those from before when the run died before its record was written (I1–I6).
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process per step")
	}
	withoutSync(t)
	for name, s := range crashSnapshots {
		t.Run(name, func(t *testing.T) {
			want := func() map[string][]byte {
				l, b, _ := fileLake(t)
				must(t, first.publish(t.Context(), l))
				must(t, s.publish(t.Context(), l))
				return inspect(t, b, l.prefix)
			}()
			for at := 1; ; at++ {
				l, b, bucketURL := fileLake(t)
				must(t, first.publish(t.Context(), l))
				before := inspect(t, b, l.prefix)
				step := die(t, bucketURL, name, at)
				if step == "" {
					if at < 15 {
						t.Fatalf("only %d steps", at)
					}
					break
				}
				died := inspect(t, b, l.prefix)
				must(t, l.BreakLease(t.Context())) // as if its time were over
				if died[IntentKey] != nil {
					die(t, bucketURL, "", 1+at%7)
					inspect(t, b, l.prefix)
					must(t, l.BreakLease(t.Context()))
				}
				_, err := l.Recover(t.Context())
				must(t, err)
				after := inspect(t, b, l.prefix)
				recorded := !maps.EqualFunc(after, before, bytes.Equal)
				if recorded && !maps.EqualFunc(after, want, bytes.Equal) {
					t.Errorf("killed at %q: there are\n%q", step, slices.Sorted(maps.Keys(after)))
				}
				if early := strings.HasPrefix(step, "create") || strings.HasPrefix(step, "write") ||
					strings.HasPrefix(step, "commit") || step == "acquired" || step == "staged"; early == recorded {
					t.Errorf("killed at %q: rolled forward %v", step, recorded)
				}
				noLitter(t, bucketURL)
			}
		})
	}
}

// TestKillRetention kills a process at every step of retention: every manifest that stands names what stands (I10), and the next
// process, which is killed as well, and the one after it leave the bytes that an undisturbed one does.
func TestKillRetention(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process per step")
	}
	withoutSync(t)
	fill := func() (*Lake, *blob.Bucket, string) {
		l, b, bucketURL := fileLake(t)
		bare := aged(8)
		bare.reports = nil
		for _, s := range []snapshot{aged(30), aged(10), bare, aged(0)} {
			must(t, s.publish(t.Context(), l))
			must(t, putAged(t.Context(), l, s.date))
		}
		return l, b, bucketURL
	}
	l, b, _ := fill()
	_, err := retain(t.Context(), l, crashPolicy)
	must(t, err)
	want := inspect(t, b, l.prefix)
	for at := 1; ; at++ {
		l, b, bucketURL := fill()
		step := die(t, bucketURL, crashRetention, at)
		if step == "" {
			if at < 25 {
				t.Fatalf("only %d steps", at)
			}
			break
		}
		inspect(t, b, l.prefix)
		must(t, l.BreakLease(t.Context())) // as if its time were over
		die(t, bucketURL, crashRetention, 1+at%9)
		inspect(t, b, l.prefix)
		must(t, l.BreakLease(t.Context()))
		_, err := l.Recover(t.Context())
		must(t, err)
		_, err = retain(t.Context(), l, crashPolicy)
		must(t, err)
		if got := inspect(t, b, l.prefix); !maps.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("killed at %q: there are\n%q", step, slices.Sorted(maps.Keys(got)))
		}
		for _, date := range []Date{aged(10).date, aged(0).date} {
			_, err := l.Verify(t.Context(), date)
			must(t, err)
		}
		noLitter(t, bucketURL)
	}
}

// fileLake returns an empty lake in a folder.
func fileLake(t *testing.T) (l *Lake, b *blob.Bucket, bucketURL string) {
	t.Helper()
	bucketURL = (&url.URL{Scheme: "file", Path: filepath.ToSlash(t.TempDir())}).String()
	l, err := Open(t.Context(), bucketURL, "lake")
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l, l.bucket, bucketURL
}

// noLitter checks that no temporary file, and nothing in staging, is left in the folder.
func noLitter(t *testing.T, bucketURL string) {
	t.Helper()
	dir := strings.TrimPrefix(bucketURL, "file://")
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(p, ".tmp") || strings.Contains(p, "/staging/")) {
			t.Errorf("left behind: %s", p)
		}
		return err
	})
	must(t, err)
}
