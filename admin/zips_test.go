package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gocloud.dev/gcerrors"

	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

func TestExportZip(t *testing.T) {
	f := newFixture(t)
	f.publish("run-1", day1, "", usageReports, usageLogs)
	f.publish("run-3", day3, "", usageReports, usageLogs)
	whole := string(zipBytes("run-3", usageReports))
	sum := sha256.Sum256([]byte(whole))
	etag := `"` + hex.EncodeToString(sum[:]) + `"`

	a := f.get("/export/usage-reports", "manager")
	a.want(t, http.StatusOK)
	if a.body != whole {
		t.Fatal("another file")
	}
	for name, want := range map[string]string{
		"Content-Disposition": `attachment; filename="Usage Reports.zip"; filename*=UTF-8''Usage%20Reports.zip`,
		"Content-Type":        "application/zip", "Etag": etag, "Last-Modified": "Sat, 21 Nov 2026 02:30:00 GMT",
		"Cache-Control": "private, no-cache", "X-Snapshot-Date": "2026-11-21", "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a := f.get("/export/usage-logs?date=2026-11-19", "manager"); a.body != string(zipBytes("run-1", usageLogs)) ||
		!strings.Contains(a.Header.Get("Content-Disposition"), "Usage Logs.zip") || a.Header.Get("X-Snapshot-Date") != "2026-11-19" {
		t.Errorf("of a past date: %s %v", a.Status, a.Header)
	}

	trail := len(f.trail())
	for _, c := range []struct {
		name    string
		method  string
		headers []string
		status  int
		body    string
	}{
		{"the same", "GET", []string{"If-None-Match: " + etag}, 304, ""},
		{"one of several", "GET", []string{`If-None-Match: "x", ` + etag}, 304, ""},
		{"weak", "GET", []string{"If-None-Match: W/" + etag}, 304, ""},
		{"any", "GET", []string{"If-None-Match: *"}, 304, ""},
		{"not newer", "GET", []string{"If-Modified-Since: Sat, 21 Nov 2026 02:30:00 GMT"}, 304, ""},
		{"the tag decides, not the time", "GET", []string{`If-None-Match: "x"`, "If-Modified-Since: Sat, 21 Nov 2026 02:30:00 GMT"}, 200, whole},
		{"newer", "GET", []string{"If-Modified-Since: Sat, 21 Nov 2026 02:29:59 GMT"}, 200, whole},
		{"another is expected", "GET", []string{`If-Match: "x"`}, 412, ""},
		{"this is expected", "GET", []string{"If-Match: " + etag}, 200, whole},
		{"an older is expected", "GET", []string{"If-Unmodified-Since: Sat, 21 Nov 2026 02:29:59 GMT"}, 412, ""},
		{"HEAD", "HEAD", nil, 200, ""},
		{"HEAD, the same", "HEAD", []string{"If-None-Match: " + etag}, 304, ""},
		{"the first bytes", "GET", []string{"Range: bytes=0-9"}, 206, whole[:10]},
		{"from the middle on", "GET", []string{"Range: bytes=70000-"}, 206, whole[70000:]},
		{"the last bytes", "GET", []string{"Range: bytes=-7"}, 206, whole[len(whole)-7:]},
		{"more than there is", "GET", []string{"Range: bytes=5-99999999"}, 206, whole[5:]},
		{"a resume of the same", "GET", []string{"Range: bytes=100-", "If-Range: " + etag}, 206, whole[100:]},
		{"a resume of another", "GET", []string{"Range: bytes=100-", `If-Range: "x"`}, 200, whole},
		{"a resume by time", "GET", []string{"Range: bytes=100-", "If-Range: Sat, 21 Nov 2026 02:30:00 GMT"}, 206, whole[100:]},
		{"several parts", "GET", []string{"Range: bytes=0-1,5-6"}, 200, whole},
		{"another unit", "GET", []string{"Range: lines=1-2"}, 200, whole},
		{"behind the end", "GET", []string{"Range: bytes=99999999-"}, 416, ""},
		{"not a range", "GET", []string{"Range: bytes=b-a"}, 200, whole},
		{"a range that ends before it begins", "GET", []string{"Range: bytes=9-5"}, 200, whole},
		{"no bytes at the end", "GET", []string{"Range: bytes=-0"}, 200, whole},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(f.trail())
			a := f.do(c.method, "/export/usage-reports", "manager", nil, c.headers...)
			a.want(t, c.status)
			if c.status < 400 && a.body != c.body {
				t.Errorf("%d bytes, want %d", len(a.body), len(c.body))
			}
			if c.status == 416 && a.Header.Get("Content-Range") != fmt.Sprintf("bytes */%d", len(whole)) {
				t.Errorf("Content-Range %q", a.Header.Get("Content-Range"))
			}
			if c.status >= 400 && a.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("Content-Type %q", a.Header.Get("Content-Type"))
			}
			if c.method == "HEAD" && c.status == 200 && a.ContentLength != int64(len(whole)) {
				t.Errorf("Content-Length %d", a.ContentLength)
			}
			records := 0
			if c.method == "GET" && (c.status == 200 || c.status == 206) {
				records = 1
			}
			if n := len(f.trail()) - before; n != records {
				t.Errorf("%d records in the trail, want %d", n, records)
			}
		})
	}
	if len(f.trail()) == trail {
		t.Error("nothing was recorded")
	}
}

func TestDownloadIsRecorded(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, "", usageReports)
	f.get("/export/usage-reports?date=2026-11-21", "manager", "Range: bytes=0-9", "User-Agent: spy\t\"<b>", "X-Request-Id: request-0001").want(t, 206)
	r := f.trail()[0]
	if r.Kind != lake.AccessDownload || r.WhoName != "manager" || r.WhoType != "key" || len(r.WhoID) != 16 || r.Object != "reports/2026-11-21/Usage Reports.zip" ||
		r.Route != "/export/usage-reports" || r.Filters["date"] != "2026-11-21" || *r.Bytes != 10 || r.Status != 206 || r.Client != "127.0.0.1" ||
		r.RequestID != "request-0001" || r.UserAgent != `spy "<b>` || !r.Time.Equal(f.now()) {
		t.Errorf("%+v", r)
	}

	// What cannot be recorded is not sent.
	f.fails(func(c sinktest.Call) bool {
		return strings.Contains(c.Key, "access/") && (c.Op == sinktest.Open || c.Op == sinktest.Close)
	})
	a := f.get("/export/usage-reports", "manager")
	a.want(t, http.StatusServiceUnavailable, "not-recorded")
	if strings.Contains(a.body, "run-3") || a.Header.Get("Retry-After") == "" || a.Header.Get("Content-Disposition") != "" || a.Header.Get("Etag") != "" {
		t.Errorf("%v", a.Header)
	}
	f.get("/export/usage-reports", "manager", "If-None-Match: *").want(t, http.StatusNotModified)
}

func TestNewestZip(t *testing.T) {
	f := newFixture(t)
	f.get("/export/usage-reports", "manager").want(t, http.StatusNotFound, "nothing-published")
	f.get("/export/usage-reports?date=2026-11-21", "manager").want(t, http.StatusNotFound, "no-such-date")
	f.publish("run-1", day1, "", usageLogs)
	f.get("/export/usage-reports", "manager").want(t, http.StatusNotFound, "nothing-published")
	f.publish("run-2", day2, "", usageReports)
	f.publish("run-3", day3, "", usageLogs) // the integration domain was not there
	for range 2 {
		if a := f.get("/export/usage-reports", "manager"); a.Header.Get("X-Snapshot-Date") != "2026-11-20" || a.body != string(zipBytes("run-2", usageReports)) {
			t.Errorf("%s of %s", a.Status, a.Header.Get("X-Snapshot-Date"))
		}
	}
	f.get("/export/usage-reports?date=2026-11-21", "manager").want(t, http.StatusNotFound, "no Usage Reports.zip of 2026-11-21", `"dates":["2026-11-20"]`)
	f.get("/export/usage-logs?date=2020-01-01", "manager").want(t, http.StatusNotFound, `"dates":["2026-11-19","2026-11-21"]`, "nearest")
	// A night later, with both: what was remembered is forgotten.
	f.publish("run-4", "2026-11-22", "", usageReports, usageLogs)
	if a := f.get("/export/usage-reports", "manager"); a.Header.Get("X-Snapshot-Date") != "2026-11-22" {
		t.Errorf("%s of %s", a.Status, a.Header.Get("X-Snapshot-Date"))
	}
	// A past date that is published again without the zip that was remembered.
	f.publish("run-5", "2026-11-23", "", usageLogs)
	f.get("/export/usage-reports", "manager").want(t, http.StatusOK)
	f.publish("run-6", "2026-11-22", "", usageLogs)
	if a := f.get("/export/usage-reports", "manager"); a.Header.Get("X-Snapshot-Date") != "2026-11-20" {
		t.Errorf("%s of %s", a.Status, a.Header.Get("X-Snapshot-Date"))
	}
}

// While a date is published again, its objects may be newer than its manifest.
func TestRepublished(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, "", usageReports)
	key := "data/" + lake.ReportKey(day3, usageReports)
	whole := zipBytes("run-3", usageReports)
	put := func(data []byte) {
		if err := f.bucket.WriteAll(t.Context(), key, data, nil); err != nil {
			t.Fatal(err)
		}
	}

	put(whole[1:])
	a := f.get("/export/usage-reports", "manager")
	a.want(t, http.StatusServiceUnavailable, "republished")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if err := f.bucket.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	f.get("/export/usage-reports", "manager").want(t, http.StatusServiceUnavailable, "republished")
	f.do(http.MethodHead, "/export/usage-reports", "manager", nil).want(t, http.StatusOK)

	// Of the same length: it is only found out on the way, and then never ends well.
	other := append([]byte{}, whole...)
	other[0]++
	put(other)
	if a := f.get("/export/usage-reports", "manager"); a.StatusCode == http.StatusOK {
		t.Error("a file that is not the manifest's arrived whole")
	}
	if !strings.Contains(f.log.String(), "another checksum") {
		t.Error("the log does not say so")
	}
	put(whole)
	f.get("/export/usage-reports", "manager").want(t, http.StatusOK)
}

// A bucket that fails on the way ends the connection: no half looks like a whole.
func TestBrokenOff(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, "", usageReports)
	fetched := 0
	fault := func(c sinktest.Call) sinktest.Fault {
		if c.Op == sinktest.Fetch && strings.HasSuffix(c.Key, usageReports) {
			if fetched++; fetched > 2 {
				return sinktest.Fault{Err: errors.New("connection reset"), Code: gcerrors.Unknown}
			}
		}
		return sinktest.Fault{}
	}
	f.fault.Store(&fault)
	if a := f.get("/export/usage-reports", "manager"); a.StatusCode != 0 {
		t.Errorf("%s with %d bytes", a.Status, len(a.body))
	}
	if !strings.Contains(f.log.String(), "connection reset") {
		t.Error("the log does not say why")
	}
}

func TestBucketAway(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, auditRows, usageReports)
	f.get("/readyz", "").want(t, http.StatusOK, `"ok"`)
	f.get("/export/usage-reports", "manager").want(t, http.StatusOK) // the key is known now
	f.fails(func(sinktest.Call) bool { return true })
	f.pass(3 * time.Second)
	for _, path := range []string{"/export/usage-reports", "/export/usage-reports?date=2026-11-21", "/export/access-log", "/readyz"} {
		a := f.get(path, "manager")
		a.want(t, http.StatusServiceUnavailable)
		if a.Header.Get("Retry-After") == "" || strings.Contains(a.body, "secret.example") {
			t.Errorf("%s: %v %s", path, a.Header, a.body)
		}
	}
	f.get("/healthz", "").want(t, http.StatusOK)
	f.get("/export/usage-reports", "unknown").want(t, http.StatusServiceUnavailable, "keys-away") // nobody can say that it is none
	f.heal()
	f.pass(3 * time.Second)
	f.get("/readyz", "").want(t, http.StatusOK)
	f.get("/export/usage-reports", "manager").want(t, http.StatusOK)
}

// A run can be given a time to come. What it made does not claim to be of the future.
func TestRunTimeToCome(t *testing.T) {
	f := newFixture(t)
	f.publish("run-1", "2026-11-23", "", usageReports)
	if got, want := f.get("/export/usage-reports", "manager").Header.Get("Last-Modified"), f.now().UTC().Format(http.TimeFormat); got != want {
		t.Errorf("Last-Modified %q, want %q", got, want)
	}
}
