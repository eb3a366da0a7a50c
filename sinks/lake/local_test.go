package lake

import (
	"bytes"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestFlushes: on a file bucket all that a step of the protocol relies on is flushed before the step (I7).
func TestFlushes(t *testing.T) {
	l, _, bucketURL := fileLake(t)
	root := strings.TrimPrefix(bucketURL, "file://") + "/lake/"
	must(t, first.publish(t.Context(), l))

	var mu sync.Mutex
	var flushed []string // since the last look, relative to the prefix; of temporary files, the final name
	saved := syncFile
	t.Cleanup(func() { syncFile = saved })
	syncFile = func(f *os.File) error {
		mu.Lock()
		defer mu.Unlock()
		name := strings.TrimPrefix(f.Name()+"/", root)
		flushed = append(flushed, stranded.ReplaceAllString(strings.TrimSuffix(name, "/"), ""))
		return saved(f)
	}
	all := map[string]bool{}
	need := func(step string, names ...string) {
		for _, name := range names {
			if !all[name] {
				t.Errorf("at %q, %q was not flushed", step, name)
			}
		}
		clear(all)
	}
	staging := stagingPrefix(6, "run-2") // the first run's records: taken, recorded, in place, over, released
	l.hook = func(step string) {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range flushed {
			all[name] = true
		}
		flushed = nil
		switch step {
		case "staged":
			var names []string
			for _, key := range second.keys() {
				names = append(names, staging+key, filepath.Dir(staging+key))
			}
			need(step, append(names, "staging", strings.TrimSuffix(staging, "/"), "",
				staging+IntentKey, staging+"manifests", staging+ManifestKey(day2), staging+LatestKey)...)
		case "intent":
			need(step, leaseKey(7), "lease")
		case "marked":
			need(step, "")
		case "placed":
			var names []string
			for _, key := range second.keys() {
				names = append(names, filepath.Dir(key))
			}
			need(step, append(names, filepath.Dir(LogPart("agents_log", day2, 0)), leaseKey(8), "lease")...)
		case "manifest":
			need(step, "manifests")
		case "latest":
			need(step, "reports/latest", "")
		case "intent deleted":
			need(step, "")
		case "settled":
			need(step, leaseKey(9), "lease")
		}
	}
	must(t, second.publish(t.Context(), l))
}

// TestFileBucketOptions publishes to folders opened in every way; the objects are the same.
func TestFileBucketOptions(t *testing.T) {
	var want map[string][]byte
	for _, query := range []string{"", "metadata=", "no_tmp_dir=", "create_dir=true&metadata=skip"} {
		t.Run(query, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a folder")
			must(t, os.Mkdir(dir, 0o777))
			u := url.URL{Scheme: "file", Path: filepath.ToSlash(dir), RawQuery: query}
			l, err := Open(t.Context(), u.String(), "")
			must(t, err)
			defer func() { must(t, l.Close()) }()
			for _, s := range []snapshot{first, second, newer} {
				must(t, s.publish(t.Context(), l))
			}
			got := inspect(t, l.bucket, "")
			if want == nil {
				want = got
			}
			if !maps.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("there are %q", slices.Sorted(maps.Keys(got)))
			}
			if query == "" {
				noLitter(t, "file://"+dir)
				sides, err := filepath.Glob(filepath.Join(dir, LogDir("user_log", day2), "*"))
				must(t, err)
				if len(sides) != 1 {
					t.Errorf("beside a table's part there stand %q", sides)
				}
			}
		})
	}
}

// TestSweepLeavesOthersAlone: the folder of a lake may hold other people's files, and runs that do not hold the lease write
// their records.
func TestSweepLeavesOthersAlone(t *testing.T) {
	l, _, bucketURL := fileLake(t)
	must(t, first.publish(t.Context(), l))
	root := strings.TrimPrefix(bucketURL, "file://") + "/lake/"
	keep := []string{"mine.0123456789abcdef.tmp", "empty/folder", "other/x.0123456789abcdef.tmp", "runs/now.json.18ea2f62f83b75b4.tmp"}
	gone := []string{
		"latest.json.0123456789abcdef.tmp", "state/x.0123456789abcdef.tmp", "manifests/2026-11-20.json.18ea2f62f83b75b4.tmp",
		"runs/old.json.18ea2f62f83b75b4.tmp",
	}
	for _, name := range append(slices.Clone(keep), gone...) {
		must(t, os.MkdirAll(filepath.Dir(root+name), 0o777))
		if strings.HasSuffix(name, ".tmp") {
			must(t, os.WriteFile(root+name, nil, 0o666))
		} else {
			must(t, os.Mkdir(root+name, 0o777))
		}
	}
	old := time.Now().Add(-2 * time.Hour)
	must(t, os.Chtimes(root+"runs/old.json.18ea2f62f83b75b4.tmp", old, old))
	_, err := l.Recover(t.Context())
	must(t, err)
	for _, name := range keep {
		if _, err := os.Stat(root + name); err != nil {
			t.Errorf("gone: %v", err)
		}
	}
	for _, name := range gone {
		if _, err := os.Stat(root + name); err == nil {
			t.Errorf("still there: %s", name)
		}
	}
}

func TestOpenFails(t *testing.T) {
	missing := (&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(t.TempDir(), "missing"))}).String()
	for bucketURL, say := range map[string]string{
		missing:                         "create_dir=true",
		"file:///tmp?no_such_option=1":  "no_such_option",
		"nothing://x":                   "nothing",
		"s3://user:secret@bad host/%zz": "is not a URL",
	} {
		_, err := Open(t.Context(), bucketURL, "")
		if err == nil || !strings.Contains(err.Error(), say) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", bucketURL, err)
		}
	}
	if _, err := Open(t.Context(), "mem://", "a/../b"); err == nil {
		t.Error("a prefix that leaves the bucket")
	}
}

func BenchmarkPublish(b *testing.B) {
	dir := b.TempDir()
	l, err := Open(b.Context(), (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	chunk := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	const chunks = 364
	b.SetBytes(chunks << 20)
	b.ReportAllocs()
	for b.Loop() {
		p, err := l.Begin(b.Context(), first.info())
		if err != nil {
			b.Fatal(err)
		}
		o, err := p.Create(b.Context(), LogPart("user_log", day2, 0), "x/y")
		if err != nil {
			b.Fatal(err)
		}
		for range chunks {
			if _, err := o.Write(chunk); err != nil {
				b.Fatal(err)
			}
		}
		if err := o.Commit(1); err != nil {
			b.Fatal(err)
		}
		if err := p.Publish(b.Context(), &Manifest{}); err != nil {
			b.Fatal(err)
		}
	}
}
