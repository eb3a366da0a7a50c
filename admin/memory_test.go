package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	_ "gocloud.dev/blob/fileblob" // the bucket with the large file

	"github.com/usagereport/usagereport/sinks/lake"
)

// A download takes memory that does not grow with its size.
func TestMemoryOfADownload(t *testing.T) {
	const size = 100 << 20
	dir := t.TempDir()
	l, err := lake.Open(t.Context(), "file://"+filepath.ToSlash(dir), "")
	must(t, err)
	defer func() { must(t, l.Close()) }()
	z := zip{ObjectInfo: lake.ObjectInfo{Key: lake.ReportKey(day3, usageReports), Bytes: size}, run: lake.RunInfo{SnapshotDate: day3, RunTime: day3.Time()}}
	path := filepath.Join(dir, filepath.FromSlash(z.Key))
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, nil, 0o644))
	must(t, os.Truncate(path, size)) // a file of holes: zeros that take no room
	sum := sha256.New()
	_, err = io.CopyN(sum, zeros{}, size)
	must(t, err)
	z.SHA256 = hex.EncodeToString(sum.Sum(nil))

	f := newFixture(t, func(o *Options) { o.Lake = l })
	f.server.table[0].handle = func(s *Server, w *response, r *request) error { return s.send(w, r, usageReports, z) }
	for _, header := range []string{"X-All: 1", "Range: bytes=100-"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.web.URL+"/export/usage-reports", nil)
		must(t, err)
		r.Header.Set("X-Api-Key", f.keys["manager"])
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
		resp, err := http.DefaultClient.Do(r)
		must(t, err)
		n, err := io.Copy(io.Discard, resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		runtime.ReadMemStats(&after)
		if n != size && n != size-100 {
			t.Errorf("%s: %d bytes", resp.Status, n)
		}
		// All that client and server allocated meanwhile, collected or not.
		if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
			t.Errorf("%s: %d bytes of memory for a download of %d", header, used, n)
		} else {
			t.Logf("%s: %d bytes of memory for a download of %d", header, used, n)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
