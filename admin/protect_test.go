package admin

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

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
