package admin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
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

func TestCredentials(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, "", usageReports)
	key, other := f.keys["manager"], f.keys["everything"]
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"bearer", []string{"Authorization: Bearer " + key}, 200},
		{"bearer, in small letters and with spaces", []string{"Authorization: bearer   " + key + " "}, 200},
		{"x-api-key", []string{"x-api-key: " + key}, 200},
		{"both, the same", []string{"Authorization: Bearer " + key, "x-api-key: " + key}, 200},
		{"both, different", []string{"Authorization: Bearer " + key, "x-api-key: " + other}, 400},
		{"two of one", []string{"x-api-key: " + key, "x-api-key: " + other}, 400},
		{"a right one and none", []string{"Authorization: Bearer " + key, "x-api-key: "}, 401},
		{"none", nil, 401},
		{"an empty one", []string{"Authorization: Bearer"}, 401},
		{"another scheme", []string{"Authorization: Basic " + key}, 401},
		{"no scheme", []string{"Authorization: " + key}, 401},
		{"in the query", nil, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := "/export/usage-reports"
			if c.name == "in the query" {
				path += "?x-api-key=" + key
			}
			f.get(path, "", c.headers...).want(t, c.status)
		})
	}
	for _, text := range []string{f.keys["manager"], f.keys["everything"]} {
		if strings.Contains(f.log.String(), text) || strings.Contains(f.log.String(), text[21:]) {
			t.Error("the log has a key")
		}
	}
}

// Guesses are slowed down, more with each; whoever has a right key from elsewhere is not.
func TestGuessing(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	f.publish("run-3", day3, "", usageReports)
	const guesser, other = "X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 198.51.100.8"
	tried := 0
	for range 100 {
		a := f.get("/export/usage-reports", "unknown", guesser)
		if a.StatusCode == http.StatusTooManyRequests {
			if a.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			break
		}
		a.want(t, http.StatusUnauthorized)
		tried++
	}
	if tried > 10 {
		t.Errorf("%d guesses without a pause", tried)
	}
	f.get("/export/usage-reports", "manager", guesser).want(t, http.StatusTooManyRequests) // also a right one: else the wait would tell
	f.get("/export/usage-reports", "manager", other).want(t, http.StatusOK)
	f.pass(time.Hour)
	f.get("/export/usage-reports", "manager", guesser).want(t, http.StatusOK)

	refused := 0
	for _, r := range f.trail() {
		if r.Kind == "sign_in_refused" {
			if refused++; r.Client != "198.51.100.7" || r.Status != 401 || r.WhoID != "" || r.Detail == "" {
				t.Errorf("%+v", r)
			}
		}
	}
	if refused != tried {
		t.Errorf("%d records of %d refusals", refused, tried)
	}
}

// Anybody can be refused: the trail must not fill up by it.
func TestRefusalsAreBounded(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	for i := range 300 {
		f.get("/export/usage-reports", "malformed", fmt.Sprintf("X-Forwarded-For: 203.0.%d.%d", i/100, i%100)).want(t, http.StatusUnauthorized)
	}
	if n := len(f.trail()); n != 100 {
		t.Errorf("%d records of 300 refusals in one second", n)
	}
	f.get("/metrics", "").want(t, http.StatusOK, `usagereport_sign_ins_refused_total{reason="unknown key"} 300`)
}

func TestRateLimit(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Limits.Rate, o.Limits.Burst = 1, 3 })
	for range 3 {
		f.get("/openapi.json", "").want(t, http.StatusOK)
	}
	a := f.get("/openapi.json", "")
	a.want(t, http.StatusTooManyRequests, "too-many-requests")
	if a.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After: %q", a.Header.Get("Retry-After"))
	}
	f.get("/healthz", "").want(t, http.StatusOK) // probes are not limited
	f.pass(time.Second)
	f.get("/openapi.json", "").want(t, http.StatusOK)
	f.get("/openapi.json", "").want(t, http.StatusTooManyRequests)
}

func TestLimitsForget(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimits(1, 1, 100, func() time.Time { return now })
	for i := range 10_000 {
		if _, ok := l.take(fmt.Sprint(i)); !ok {
			t.Fatalf("%d is refused its first request", i)
		}
	}
	if len(l.byName) != 100 || l.recent.Len() != 100 {
		t.Errorf("it remembers %d and %d names", len(l.byName), l.recent.Len())
	}
	if wait, ok := l.take("9999"); ok || wait != time.Second {
		t.Errorf("a second request at once: %v, %s", ok, wait)
	}
}

func TestTooLarge(t *testing.T) {
	f := newFixture(t)
	f.get("/healthz?"+strings.Repeat("a", 5000), "").want(t, http.StatusRequestURITooLong, "url-too-long")
	form := "Content-Type: application/x-www-form-urlencoded"
	f.do(http.MethodPost, "/signin", "", strings.NewReader("key="+strings.Repeat("a", 100_000)), form).want(t, http.StatusRequestEntityTooLarge)
	// Without a length it is found out on the way.
	f.do(http.MethodPost, "/signin", "", io.MultiReader(strings.NewReader("key="), strings.NewReader(strings.Repeat("a", 100_000))), form).want(t, http.StatusRequestEntityTooLarge)
	f.do(http.MethodPost, "/signin", "", strings.NewReader("key=a&key=b"), form).want(t, http.StatusBadRequest)
	f.do(http.MethodPost, "/signin", "", strings.NewReader("key=%zz"), form).want(t, http.StatusBadRequest)
	f.do(http.MethodPost, "/signin", "", strings.NewReader("key=a&admin=1"), form).want(t, http.StatusBadRequest)
}

func TestCrossOrigin(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Sec-Fetch-Site: cross-site"}, 403},
		{[]string{"Sec-Fetch-Site: same-site"}, 403},
		{[]string{"Origin: https://evil.example"}, 403},
		{[]string{"Origin: null"}, 403},
		{[]string{"Sec-Fetch-Site: same-origin"}, 303},
		{[]string{"Origin: http://usage.example", "Host: 10.0.0.1"}, 303}, // behind a proxy
		{nil, 303},
	} {
		f.do(http.MethodPost, "/signout", "", nil, c.headers...).want(t, c.status)
	}
}

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

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct{ peer, forwarded, want string }{
		{"198.51.100.1:1234", "", "198.51.100.1"},
		{"198.51.100.1:1234", "203.0.113.9", "198.51.100.1"}, // not a proxy: its word is not taken
		{"10.0.0.1:1234", "", "10.0.0.1"},
		{"10.0.0.1:1234", "203.0.113.9", "203.0.113.9"},
		{"10.0.0.1:1234", "1.1.1.1, 203.0.113.9", "203.0.113.9"}, // the left is the client's own word
		{"10.0.0.1:1234", "1.1.1.1, 203.0.113.9, 10.2.3.4", "203.0.113.9"},
		{"10.0.0.1:1234", "203.0.113.9:4711", "203.0.113.9"},
		{"10.0.0.1:1234", "[2001:db8::1]:4711", "2001:db8::1"},
		{"10.0.0.1:1234", "garbage", "10.0.0.1"},
		{"10.0.0.1:1234", "203.0.113.9, garbage", "10.0.0.1"},
		{"[fd00::1]:1234", "::ffff:203.0.113.9", "203.0.113.9"},
		{"[fe80::1%eth0]:1234", "", "fe80::1"},
		{"@", "203.0.113.9", "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := clientAddress(r, trusted).String(); got != c.want {
			t.Errorf("%s, %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
	if a, b := neighbourhood(netip.MustParseAddr("2001:db8::1")), neighbourhood(netip.MustParseAddr("2001:db8::ffff:1")); a != b {
		t.Errorf("%s and %s", a, b)
	}
}

func FuzzClientAddress(f *testing.F) {
	f.Add("10.0.0.1:1", "1.2.3.4, 10.0.0.2")
	f.Add("[::1]:1", "x,,,")
	f.Add("", "1.2.3.4")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		got := clientAddress(r, trusted)
		if ap, err := netip.ParseAddrPort(peer); err == nil && !within(ap.Addr().Unmap().WithZone(""), trusted) && got != ap.Addr().Unmap().WithZone("") {
			t.Errorf("%q by an untrusted peer %q made it %s", forwarded, peer, got)
		}
	})
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
