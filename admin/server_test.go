package admin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/sinks/sinktest"
)

func TestHeaders(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/healthz", "/export/usage-reports", "/nope", "/signin", "/assets/x"} {
		a := f.get(path, "")
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "X-Frame-Options": "DENY", "Strict-Transport-Security": "", "Access-Control-Allow-Origin": "",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s: %q", path, name, got)
			}
		}
		if a.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no request id", path)
		}
	}
	secure := newFixture(t, func(o *Options) { o.URL = &url.URL{Scheme: "https", Host: "usage.example"} })
	if got := secure.get("/healthz", "").Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("HSTS: %q", got)
	}
}

func TestRequestID(t *testing.T) {
	f := newFixture(t)
	for id, kept := range map[string]bool{
		"0123abcd": true, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6": true, "short": false, "": false, "has space in it": false, "-begins-with-a-dash": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "<script>alert(1)</script>": false, `"quoted-quoted"`: false,
	} {
		got := f.get("/healthz", "", "X-Request-Id: "+id).Header.Get("X-Request-Id")
		if (got == id) != kept || !sane.MatchString(got) {
			t.Errorf("%q became %q", id, got)
		}
	}
	if a, b := f.get("/healthz", "").Header.Get("X-Request-Id"), f.get("/healthz", "").Header.Get("X-Request-Id"); a == b {
		t.Error("two requests have one id")
	}
}

// Guesses are slowed down, more with each; whoever has a right key from elsewhere is not.

// Anybody can be refused: the trail must not fill up by it.

// A panic is answered, logged once, and the server goes on.

func TestPanic(t *testing.T) {
	f := newFixture(t)
	f.server.table[4].handle = func(*Server, *response, *request) error { panic("boom") }
	a := f.get("/openapi.json", "", "X-Request-Id: request-0001")
	a.want(t, http.StatusInternalServerError, `"request_id":"request-0001"`, "internal")
	if strings.Contains(a.body, "boom") || strings.Count(f.log.String(), `"msg":"panic"`) != 1 || !strings.Contains(f.log.String(), "boom") {
		t.Errorf("%s\n%s", a.body, f.log)
	}
	f.get("/healthz", "").want(t, http.StatusOK)
	f.server.table[4].handle = func(_ *Server, w *response, _ *request) error {
		_, _ = w.Write([]byte("half"))
		_ = w.control.Flush() // else the client asks again
		panic("boom")
	}
	if a := f.get("/openapi.json", ""); a.StatusCode != 0 {
		t.Errorf("%s: %q", a.Status, a.body)
	}
	f.get("/metrics", "").want(t, http.StatusOK, "usagereport_http_panics_total 2")
}

func TestMetrics(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, auditRows, usageReports)
	f.get("/export/usage-reports", "manager").want(t, http.StatusOK)
	f.get("/no/such/path", "").want(t, http.StatusNotFound)
	f.do("PROPFIND", "/", "", nil)
	a := f.get("/metrics", "")
	a.want(t, http.StatusOK,
		`usagereport_http_requests_total{code="200",method="GET",route="/export/usage-reports"} 1`,
		`usagereport_http_requests_total{code="404",method="GET",route="none"} 1`,
		`usagereport_http_requests_total{code="405",method="other",route="none"} 1`,
		fmt.Sprintf(`usagereport_download_bytes_total{route="/export/usage-reports"} %d`, len(zipBytes("run-3", usageReports))),
		"usagereport_http_requests_in_flight 1", "usagereport_snapshot_age_seconds 41400", "go_goroutines")
	for _, name := range []string{"manager", "w1", "run-3", "no/such"} {
		if strings.Contains(a.body, name) {
			t.Errorf("the metrics tell %q", name)
		}
	}
	f.fails(func(sinktest.Call) bool { return true })
	f.pass(time.Minute)
	f.get("/metrics", "").want(t, http.StatusOK, "usagereport_snapshot_age_seconds 41460") // as far as is known
}

// listening starts Serve on a real socket.

func (f *fixture) listening() (address string, stop func() error) {
	f.t.Helper()
	l, err := new(net.ListenConfig).Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	must(f.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.server.Serve(ctx, l) }()
	f.t.Cleanup(cancel)
	return l.Addr().String(), func() error { cancel(); return <-ended }
}

// Whoever sends a header or a body byte by byte is let go of.

func TestSlowClients(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Limits.HeaderTimeout, o.Limits.ReadTimeout = time.Millisecond, 2*time.Millisecond })
	address, stop := f.listening()
	for _, begin := range []string{
		"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"",
	} {
		c, err := net.Dial("tcp", address)
		must(t, err)
		_, err = io.WriteString(c, begin)
		must(t, err)
		if data, err := io.ReadAll(c); err == nil && strings.Contains(string(data), "200 OK") { // it ends when the server lets go
			t.Errorf("after %q: %q", begin, data)
		}
		_ = c.Close()
	}
	c, err := net.Dial("tcp", address)
	must(t, err)
	_, err = io.WriteString(c, "POST /signin HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nkey=")
	must(t, err)
	data, _ := io.ReadAll(c)
	if len(data) > 0 && !strings.HasPrefix(string(data), "HTTP/1.1 408 ") {
		t.Errorf("%q", data)
	}
	_ = c.Close()
	must(t, stop())
}

// Whoever takes nothing of an answer is let go of, however long the answer is.

func TestClientThatTakesNothing(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Limits.PieceTimeout, o.Limits.Grace = 10*time.Millisecond, time.Hour })
	f.server.table[0].handle = func(_ *Server, w *response, _ *request) error {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
	}
	address, stop := f.listening()
	c, err := net.Dial("tcp", address)
	must(t, err)
	defer c.Close()
	_, err = fmt.Fprintf(c, "GET /export/usage-reports HTTP/1.1\r\nHost: x\r\nX-Api-Key: %s\r\n\r\n", f.keys["manager"])
	must(t, err)
	for !strings.Contains(f.log.String(), "i/o timeout") { // it comes soon
		runtime.Gosched()
	}
	must(t, stop())
}

func TestHeadersTooLarge(t *testing.T) {
	f := newFixture(t)
	address, stop := f.listening()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/healthz", nil)
	must(t, err)
	r.Header.Set("X-Large", strings.Repeat("a", 40_000))
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	if resp.Body.Close(); resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%s", resp.Status)
	}
	must(t, stop())
}

// A download under way when the server is to stop ends well; a new one is refused.

func TestGracefulStop(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, "", usageReports)
	address, stop := f.listening()
	reached, goOn := make(chan struct{}), make(chan struct{})
	fault := func(c sinktest.Call) sinktest.Fault {
		if c.Op == sinktest.Fetch && strings.HasSuffix(c.Key, usageReports) && reached != nil {
			close(reached)
			reached = nil
			<-goOn
		}
		return sinktest.Fault{}
	}
	f.fault.Store(&fault)
	first := reached
	c, err := net.Dial("tcp", address)
	must(t, err)
	defer c.Close()
	_, err = fmt.Fprintf(c, "GET /export/usage-reports HTTP/1.1\r\nHost: x\r\nX-Api-Key: %s\r\n\r\n", f.keys["manager"])
	must(t, err)
	<-first
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for { // until it does not listen any more
		other, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		_ = other.Close()
	}
	close(goOn)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	data, err := io.ReadAll(resp.Body)
	if err != nil || string(data) != string(zipBytes("run-3", usageReports)) {
		t.Errorf("%s, %d bytes, %v", resp.Status, len(data), err)
	}
	_ = resp.Body.Close()
	must(t, <-stopped)
}

// One that does not end in time is cut off.

func TestStopWithoutGrace(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Limits.Grace = time.Millisecond })
	f.publish("run-3", day3, "", usageReports)
	address, stop := f.listening()
	reached := make(chan struct{})
	fault := func(c sinktest.Call) sinktest.Fault {
		if c.Op == sinktest.Fetch && strings.HasSuffix(c.Key, usageReports) && reached != nil {
			close(reached)
			reached = nil
		}
		return sinktest.Fault{}
	}
	hang := make(chan struct{})
	f.server.table[0].handle = func(_ *Server, _ *response, r *request) error {
		close(hang)
		<-r.Context().Done()
		return r.Context().Err()
	}
	f.fault.Store(&fault)
	c, err := net.Dial("tcp", address)
	must(t, err)
	defer c.Close()
	_, err = fmt.Fprintf(c, "GET /export/usage-reports HTTP/1.1\r\nHost: x\r\nX-Api-Key: %s\r\n\r\n", f.keys["manager"])
	must(t, err)
	<-hang
	must(t, stop())
	if data, _ := io.ReadAll(c); len(data) > 0 {
		t.Errorf("%q", data)
	}
}

// The log has a line for each request, and nothing that is a secret.

func TestAccessLogLine(t *testing.T) {
	f := newFixture(t)
	f.get("/signin/oidc/callback?code=topsecretcode&state=topsecretstate", "", "Cookie: usagereport-session=topsecretcookie").want(t, http.StatusNotFound)
	f.get("/export/usage-reports?date="+f.keys["manager"], "manager").want(t, http.StatusBadRequest)
	log := f.log.String()
	if n := strings.Count(log, `"msg":"request"`); n != 2 {
		t.Errorf("%d lines of 2 requests", n)
	}
	if found := regexp.MustCompile(`topsecret\w*|urk_\w+`).FindAllString(log, -1); found != nil {
		t.Errorf("the log has %q", found)
	}
	for _, text := range []string{`"route":"/export/usage-reports"`, `"status":400`, `"client":"127.0.0.1"`, `"name":"manager"`, `"error":"bad-parameter"`} {
		if !strings.Contains(log, text) {
			t.Errorf("the log has no %s", text)
		}
	}
}

func TestStarting(t *testing.T) {
	s := new(Starting)
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	if w := ask("/healthz"); w.Code != http.StatusOK {
		t.Errorf("%d", w.Code)
	}
	if w := ask("/export/usage-reports"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	s.Become(http.NotFoundHandler())
	if w := ask("/healthz"); w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
}
