package jobs_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// diskFull is a bucket that has no room for objects in a folder.
func diskFull(name, folder string) failure {
	return failure{
		name: "no space for " + name, exit: jobs.ExitRetry, status: "failed", is: lake.ErrNoSpace,
		says: []string{folder, "no space left", "free space where the bucket lives"},
		wrap: func(b *blob.Bucket) *blob.Bucket {
			return sinktest.Wrap(b, func(c sinktest.Call) sinktest.Fault {
				if c.Op == sinktest.Write && strings.Contains(c.Key, folder) {
					return sinktest.Fault{Err: syscall.ENOSPC}
				}
				return sinktest.Fault{}
			})
		},
	}
}

// TestFullDisk fills a real file system up, the one of the lake or that of the temporary files, and makes room again.
func TestFullDisk(t *testing.T) {
	for _, place := range []string{"lake", "scratch"} {
		t.Run(place, func(t *testing.T) {
			disk := t.TempDir()
			if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=8m"); err != nil {
				t.Skipf("mounting a small file system is not allowed here: %v", err)
			}
			t.Cleanup(func() {
				if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
					t.Errorf("unmount: %v", err)
				}
			})
			w := newWorld(t, "UTC")
			dir := filepath.Join(disk, "lake")
			if place == "scratch" {
				dir = filepath.Join(t.TempDir(), "lake")
			}
			url := "file://" + dir + "?create_dir=true"
			l := openLake(t, nil, url, "")
			night := func() *jobs.Night {
				w.write(t)
				n := newNight(t, w, newBucket(t), secondNight)
				n.Lake = l
				if place == "scratch" {
					n.Scratch = disk
				}
				return n
			}
			w.gens.files["2026-11-19/a.csv"] = []event{generation("g1", "u1", "2026-11-19T10:00:00Z")}
			first := night()
			first.Now = func() time.Time { return firstNight }
			if _, err := first.Run(t.Context(), jobs.Request{}); err != nil {
				t.Fatal(err)
			}
			b, err := fileblob.OpenBucket(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = b.Close() })
			before := sinktest.Dump(t, b, "")
			fill(t, filepath.Join(disk, "filler"))
			w.gens.files["2026-11-20/b.csv"] = []event{generation("g2", "u2", "2026-11-20T10:00:00Z")}
			_, err = night().Run(t.Context(), jobs.Request{})
			if err == nil || !strings.Contains(err.Error(), "no space left") {
				t.Fatalf("on a full disk: %v", err)
			}
			if code := jobs.ExitCode(err); code != jobs.ExitRetry {
				t.Errorf("exit code %d: %v", code, err)
			}
			after := sinktest.Dump(t, b, "")
			for key, data := range before {
				if string(after[key]) != string(data) && !strings.HasPrefix(key, "lease/") {
					t.Errorf("%s was changed", key)
				}
			}
			for key := range after {
				if strings.HasPrefix(key, "logs/") && strings.Contains(key, "2026-11-21") || strings.HasPrefix(key, "staging/") {
					t.Errorf("the failed run left %s", key)
				}
			}
			if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
				t.Fatal(err)
			}
			if _, err := night().Run(t.Context(), jobs.Request{}); err != nil {
				t.Fatalf("with room again: %v", err)
			}
			if _, err := jobs.Verify(t.Context(), l, "", t.TempDir()); err != nil {
				t.Error(err)
			}
		})
	}
}

// fill writes until there is no room.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}
