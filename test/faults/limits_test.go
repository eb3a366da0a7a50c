package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gocloud.dev/blob/fileblob"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// smallDisk mounts a file system of so many megabytes.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		testservice.Missing(t, "mounting a small file system is not allowed here; only root may: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return disk
}

// fill leaves so many bytes free on a disk, and returns the file that takes the rest.
func fill(t *testing.T, disk string, free int64) string {
	t.Helper()
	var stat syscall.Statfs_t
	if err := syscall.Statfs(disk, &stat); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, int64(stat.Bavail)*stat.Bsize-free), 0o600); err != nil {
		t.Fatal(err)
	}
	return filler
}

// TestFullDisks has the program run out of space where its lake lives or where its temporary files are, at once or midway.
func TestFullDisks(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	twin := t.TempDir()
	for _, night := range [][2]string{{date1, time1}, {date2, again}} {
		s.night(t, program{lake: "l", bucket: "file://" + twin}, night[0], night[1]).well(t, "an undisturbed night")
	}
	for _, c := range []struct {
		name  string
		lake  bool // it is the disk of the lake, else that of the temporary files
		free  int64
		says  []string
		exits int
	}{
		{"of the lake, full", true, 0, []string{"no space left", "free space where the bucket lives"}, jobs.ExitRetry},
		{"of the lake, full after some objects", true, 60 << 10, []string{"no space left", "staging/"}, jobs.ExitRetry},
		{"of temporary files, full", false, 0, []string{"no space left"}, jobs.ExitRetry},
		{"of temporary files, full after some rows", false, 200 << 10, []string{"no space left"}, jobs.ExitRetry},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := smallDisk(t, 24)
			dir, p := filepath.Join(t.TempDir(), "lake"), program{lake: "l", settings: "retry: { budget: 0s }\n"}
			if c.lake {
				dir = filepath.Join(disk, "lake")
			} else {
				p.env = []string{"TMPDIR=" + disk}
			}
			p.bucket = "file://" + dir + "?create_dir=true"
			s.night(t, p, date1, time1).well(t, "the first night")
			before := visible(t, dir)

			filler := fill(t, disk, c.free)
			got := s.night(t, p, date2, time2)
			t.Logf("exit code %d\n%s", got.exit, got.stderr)
			if got.exit != c.exits {
				t.Errorf("exit code %d, want %d", got.exit, c.exits)
			}
			for _, part := range c.says {
				if !strings.Contains(got.stderr, part) {
					t.Errorf("the error does not say %q", part)
				}
			}
			same(t, "after the failed night", before, visible(t, dir))
			s.start(t, program{lake: p.lake, bucket: p.bucket}, "verify").well(t, "verify")

			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			s.night(t, p, date2, again).well(t, "the night again, with space")
			same(t, "with space", visible(t, twin), visible(t, dir))
		})
	}
}

// visible returns what readers see of a lake in a folder.
func visible(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	b, err := fileblob.OpenBucket(dir, &fileblob.Options{Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	return snapshot(sinktest.Dump(t, b, "l/"), "", true)
}

const memoryLimit = 512 << 20

// TestMemory runs a night of three hundred thousand rows of two kilobytes, which is more than 512 MiB, with so much memory: the kernel
// refuses the program more than that of data, which is all that it may write to, resident or not. Before it goes the same night with
// so little that it must end in the middle: it leaves the day before as it was.
func TestMemory(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	p := program{lake: "memory", settings: "retry: { budget: 0s }\n"}
	s.night(t, p, date1, time1).well(t, "the first night")
	before := snapshot(s.objects(t, p.lake), "", true)
	p.datasets = map[string]string{"generations": `{ source: app, query: "` + strings.Join(strings.Fields(manyRows), " ") + `" }`}

	starved := p
	starved.wrap = withMemory(48 << 20)
	got := s.night(t, starved, date2, time2)
	if got.exit == 0 || !strings.Contains(got.stderr, "out of memory") && !strings.Contains(got.stderr, "cannot allocate memory") {
		t.Errorf("with 48 MiB: exit code %d:\n%s", got.exit, got.stderr)
	}
	s.readers(t, p.lake)
	same(t, "after running out of memory", before, snapshot(s.objects(t, p.lake), "", true))
	if err := s.openLake(t, p.lake).BreakLease(t.Context()); err != nil { // else two minutes would have to pass
		t.Fatal(err)
	}

	limited := p
	limited.wrap = withMemory(memoryLimit)
	got = s.night(t, limited, date2, again)
	got.well(t, "a night with 512 MiB")
	s.readers(t, p.lake)
	t.Logf("peak of %d MiB resident, %s", got.peak>>20, got.took)
	if got.peak > memoryLimit {
		t.Errorf("the night needed %d MiB", got.peak>>20)
	}
	m, err := s.openLake(t, p.lake).Manifest(t.Context(), date2)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Datasets {
		if d.Name == "generations" && (d.Read != rows || d.Rejected != 0) {
			t.Errorf("%d rows of generations were read and %d rejected, want %d and none", d.Read, d.Rejected, rows)
		}
	}
	s.start(t, p, "verify").well(t, "verify")
}

// manyRows is a query of so many rows, each of them two kilobytes.
const (
	rows     = 300_000
	manyRows = `SELECT md5(n::text) AS event_id, 'w' || n % 3 + 1 AS workspace_id, 'u' || n % 60 AS user_id,
	timestamptz '2026-03-08 00:00Z' + n * interval '0.8 s' AS created_at, 'Text' AS generation_type, 'API' AS generation_feature,
	'/v1/agents/' || n % 97 || '/run?' || repeat('x', 2000) AS api_path
	FROM generate_series(0, 299999) n WHERE :from <= timestamptz '2026-03-08 00:00Z' + n * interval '0.8 s'
	AND :to > timestamptz '2026-03-08 00:00Z' + n * interval '0.8 s'`
)

// withMemory is a command that runs another with so much memory.
func withMemory(bytes int) []string {
	return []string{"sh", "-c", fmt.Sprintf(`ulimit -d %d && exec "$0" "$@"`, bytes>>10)}
}
