package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/admin/pages"
	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/parquetfile"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// fixture is a server over a lake whose bucket can be made to fail, with keys of every kind and a clock of its own.
type fixture struct {
	t      testing.TB
	lake   *lake.Lake // as the server sees it
	writer *lake.Lake // of the same bucket, which never fails
	bucket *blob.Bucket
	fault  atomic.Pointer[func(sinktest.Call) sinktest.Fault]
	time   atomic.Int64 // nanoseconds since 1970
	log    *logBuffer
	server *Server
	web    *httptest.Server
	keys   map[string]string // texts by what they are
	access *access.Keys
}

// logBuffer is the log of a server, for tests to read.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const day1, day2, day3 = lake.Date("2026-11-19"), lake.Date("2026-11-20"), lake.Date("2026-11-21")

func newFixture(t testing.TB, change ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, bucket: memblob.OpenBucket(nil), log: new(logBuffer), keys: map[string]string{}}
	f.time.Store(day3.Time().Add(12 * time.Hour).UnixNano())
	wrapped := sinktest.Wrap(f.bucket, func(c sinktest.Call) sinktest.Fault {
		if fault := f.fault.Load(); fault != nil {
			return (*fault)(c)
		}
		return sinktest.Fault{}
	})
	var err error
	f.lake, err = lake.New(wrapped, "mem", "data")
	must(t, err)
	f.writer, err = lake.New(f.bucket, "mem", "data")
	must(t, err)
	f.access = access.NewKeys(f.lake.Keys(), f.now)
	manages := access.Grant{Role: access.RoleAdministrator, Permissions: []string{access.ServerManagementRead}}
	for _, k := range []struct {
		name    string
		grant   access.Grant
		expires time.Duration
	}{
		{"manager", manages, 300 * 24 * time.Hour},
		{"role alone", access.Grant{Role: access.RoleAdministrator}, 300 * 24 * time.Hour},
		{"permission alone", access.Grant{Permissions: []string{access.ServerManagementRead}}, 300 * 24 * time.Hour},
		{"admin of w1", access.Grant{Workspaces: []string{"w1"}}, 300 * 24 * time.Hour},
		{"admin of w2", access.Grant{Workspaces: []string{"w2"}}, 300 * 24 * time.Hour},
		{"admin of all", access.Grant{Workspaces: []string{"*"}}, 300 * 24 * time.Hour},
		{"everything", access.Grant{Role: manages.Role, Permissions: manages.Permissions, Workspaces: []string{"*"}}, 300 * 24 * time.Hour},
		{"expired", access.Grant{Role: manages.Role, Permissions: manages.Permissions, Workspaces: []string{"*"}}, time.Hour},
		{"revoked", access.Grant{Role: manages.Role, Permissions: manages.Permissions, Workspaces: []string{"*"}}, 300 * 24 * time.Hour},
	} {
		text, key, err := f.access.Create(t.Context(), access.New{Name: k.name, Grant: k.grant, Expires: f.now().Add(k.expires), By: "test"})
		must(t, err)
		f.keys[k.name] = text
		if k.name == "revoked" {
			_, err = f.access.Revoke(t.Context(), key.ID, "test")
			must(t, err)
		}
	}
	f.keys["unknown"] = flipped(f.keys["manager"])
	f.keys["malformed"] = "sesame"
	f.pass(2 * time.Hour)

	sessions, err := access.NewSessions(access.SessionOptions{Secret: access.NewSecret(), Keys: f.access, Now: f.now})
	must(t, err)
	reader := figures.New(f.lake, figures.Options{Now: f.now})
	pages, err := pages.New()
	must(t, err)
	o := Options{
		Lake: f.lake, Keys: f.access, Sessions: sessions, Figures: reader, Pages: pages,
		URL: &url.URL{Scheme: "http", Host: "usage.example"}, Log: slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now: f.now, Version: "test", Limits: DefaultLimits,
	}
	o.Limits.Burst = 100_000
	for _, c := range change {
		c(&o)
	}
	f.server, err = New(o)
	must(t, err)
	f.web = httptest.NewServer(f.server.Handler())
	t.Cleanup(func() {
		f.web.Close()
		reader.Close()
		must(t, errors.Join(wrapped.Close(), f.bucket.Close()))
	})
	return f
}

// flipped returns the text of another key of the same form, which does not exist: its checksum is right.
func flipped(key string) string {
	other := access.NewKeys(nothing{}, time.Now)
	text, _, err := other.Create(context.Background(), access.New{Name: "x", By: "test", Grant: access.Grant{Workspaces: []string{"w"}}})
	if err != nil || len(text) != len(key) {
		panic("not the text of a key")
	}
	return text
}

// nothing is a store that forgets all keys.
type nothing struct{}

func (nothing) Create(context.Context, string, []byte) error  { return nil }
func (nothing) Replace(context.Context, string, []byte) error { return nil }
func (nothing) Read(context.Context, string) ([]byte, error)  { return nil, lake.ErrNotFound }
func (nothing) List(context.Context) ([]string, error)        { return nil, nil }

func (f *fixture) now() time.Time       { return time.Unix(0, f.time.Load()).UTC() }
func (f *fixture) pass(d time.Duration) { f.time.Add(int64(d)) }

// fails makes requests to the bucket fail of which the function says so.
func (f *fixture) fails(which func(sinktest.Call) bool) {
	fault := func(c sinktest.Call) sinktest.Fault {
		if which(c) {
			return sinktest.Fault{Err: errors.New("no such host secret.example"), Code: gcerrors.Unknown}
		}
		return sinktest.Fault{}
	}
	f.fault.Store(&fault)
}

func (f *fixture) heal() { f.fault.Store(nil) }

// auditRows are two events of w1 and one of w2; a name begins as a formula does.
const auditRows = `[
{"event_id":"e3","occurred_at":"2026-11-20T10:00:00Z","workspace_id":"w1","workspace_name":"One","action":"member.added","actor_user_name":"=HYPERLINK(1)","target_user_email":"bo@x.com"},
{"event_id":"e2","occurred_at":"2026-11-19T10:00:00Z","workspace_id":"w2","workspace_name":"Two","action":"member.removed","actor_user_name":"Ann"},
{"event_id":"e1","occurred_at":"2026-11-18T10:00:00Z","workspace_id":"w1","workspace_name":"One","action":"member.removed","actor_user_name":"Cy"}
]`

// publish publishes zips and, unless rows is empty, an audit log for a date.
func (f *fixture) publish(run string, date lake.Date, rows string, zips ...string) {
	f.t.Helper()
	ctx := f.t.Context()
	p, err := f.writer.Begin(ctx, lake.RunInfo{
		RunID: run, SnapshotDate: date, RunTime: date.Time().Add(150 * time.Minute), TimeZone: "Europe/Berlin", Program: "test",
		Windows: []lake.Window{{Name: "audit", From: "2026-08-23", To: "2026-11-20"}},
	})
	must(f.t, err)
	defer func() { must(f.t, p.Abort(context.WithoutCancel(ctx))) }()
	m := &lake.Manifest{}
	for _, name := range zips {
		o, err := p.Create(ctx, lake.ReportKey(date, name), "application/zip")
		must(f.t, err)
		_, err = o.Write(zipBytes(run, name))
		must(f.t, err)
		must(f.t, o.Also(lake.LatestReportKey(name)))
		must(f.t, o.Commit(0))
	}
	if rows != "" {
		o, err := p.Create(ctx, lake.LogPart("audit_log", date, 0), "application/vnd.apache.parquet")
		must(f.t, err)
		rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, dictionary.AuditLog.Schema(), strings.NewReader(rows))
		must(f.t, err)
		defer rec.Release()
		w, err := parquetfile.NewWriter(o, dictionary.AuditLog, parquetfile.Options{Metadata: map[string]string{"usagereport.run_id": run}})
		must(f.t, err)
		must(f.t, w.Write(rec))
		_, err = w.Close()
		must(f.t, err)
		must(f.t, o.Commit(rec.NumRows()))
		m.Logs = []lake.Log{{Table: "audit_log", SchemaVersion: 1, Rows: rec.NumRows(), Grain: []string{"event_id"}, Window: "audit"}}
	}
	must(f.t, p.Publish(ctx, m))
}

// zipBytes is what a test publishes as a zip.
func zipBytes(run, name string) []byte {
	return bytes.Repeat([]byte(run+" "+name+"\n"), 5000)
}

// answer is what the server said.
type answer struct {
	*http.Response
	body string
}

// get asks with a key of the fixture ("" for none) and header lines such as "Range: bytes=0-1".
func (f *fixture) get(path, key string, headers ...string) answer {
	f.t.Helper()
	return f.do(http.MethodGet, path, key, nil, headers...)
}

func (f *fixture) do(method, path, key string, body io.Reader, headers ...string) answer {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.web.URL+path, body)
	must(f.t, err)
	if key != "" {
		if f.keys[key] == "" {
			f.t.Fatalf("no key %q", key)
		}
		r.Header.Set("Authorization", "Bearer "+f.keys[key])
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	resp, err := noRedirects.Do(r)
	if err != nil {
		return answer{&http.Response{Status: err.Error(), Header: http.Header{}}, ""}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		resp.StatusCode, resp.Status = 0, err.Error() // it broke off
	}
	return answer{resp, string(data)}
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// want fails the test unless the answer has the status and every one of the texts in its body.
func (a answer) want(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s, want %d; %s", a.Status, status, a.body[:min(len(a.body), 500)])
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("nowhere in the answer: %q; %s", text, a.body[:min(len(a.body), 500)])
		}
	}
}

// trail returns the access trail, newest first.
func (f *fixture) trail() (all []lake.AccessRecord) {
	f.t.Helper()
	for r, err := range f.writer.Access(f.t.Context(), "", "") {
		must(f.t, err)
		all = append(all, r)
	}
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
