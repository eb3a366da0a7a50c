package admin

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/admin/signin"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

const formType = "Content-Type: application/x-www-form-urlencoded"

// signIn starts a session and returns its cookie as a header line.
func (f *fixture) signIn(key string) string {
	f.t.Helper()
	a := f.do(http.MethodPost, "/signin", "", strings.NewReader("key="+url.QueryEscape(f.keys[key])), formType)
	if a.StatusCode != http.StatusSeeOther || len(a.Cookies()) != 1 {
		f.t.Fatalf("sign in: %s, %v", a.Status, a.Cookies())
	}
	return "Cookie: " + a.Cookies()[0].Name + "=" + a.Cookies()[0].Value
}

func TestSignIn(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, auditRows, usageReports)
	a := f.get("/licenses?before=2026-01-01", "")
	if to := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || to != "/signin?return=%2Flicenses%3Fbefore%3D2026-01-01" {
		t.Errorf("%s to %q", a.Status, to)
	}
	f.get("/signin?return=%2Fruns", "").want(t, http.StatusOK, `name="return" value="/runs"`)
	// Nobody is sent elsewhere.
	for _, to := range []string{"//evil.example", "https://evil.example", `/\evil.example`, "javascript:alert(1)", "/\t/evil.example"} {
		if a := f.get("/signin?return="+url.QueryEscape(to), ""); a.StatusCode == http.StatusOK && strings.Contains(a.body, `name="return" value="`+html.EscapeString(to)) {
			t.Errorf("%q is passed on", to)
		}
		form := url.Values{"key": {f.keys["manager"]}, "return": {to}}.Encode()
		if a := f.do(http.MethodPost, "/signin", "", strings.NewReader(form), formType); a.Header.Get("Location") != "/" {
			t.Errorf("%q leads to %q", to, a.Header.Get("Location"))
		}
	}
	for key, text := range map[string]string{"unknown": "no such API key", "malformed": "no API key", "expired": "expired", "revoked": "revoked"} {
		f.pass(time.Hour)
		a := f.do(http.MethodPost, "/signin", "", strings.NewReader("return=/runs&key="+f.keys[key]), formType)
		a.want(t, http.StatusUnauthorized, text, `value="/runs"`)
		if strings.Contains(a.body, f.keys[key]) || len(a.Cookies()) > 0 {
			t.Errorf("%s: the key comes back, or a cookie", key)
		}
	}
	f.do(http.MethodPost, "/signin", "", strings.NewReader("key="), formType).want(t, http.StatusUnauthorized)

	before := len(f.trail())
	f.pass(time.Second)
	cookie := f.signIn("manager")
	if r := f.trail()[0]; len(f.trail()) != before+1 || r.Kind != lake.AccessSignIn || r.WhoName != "manager" {
		t.Errorf("%+v", r)
	}
	f.get("/licenses", "", cookie).want(t, http.StatusOK, "Export Usage Reports")
	a = f.get("/export/usage-reports", "", cookie)
	a.want(t, http.StatusOK)
	if r := f.trail()[0]; r.WhoName != "manager" {
		t.Errorf("%+v", r)
	}
	if a := f.get("/", "", cookie); a.Header.Get("Location") != "/licenses" {
		t.Errorf("home leads to %q", a.Header.Get("Location"))
	}
	f.pass(time.Second)
	a = f.do(http.MethodPost, "/signout", "", nil, cookie)
	if a.StatusCode != http.StatusSeeOther || len(a.Cookies()) != 1 || a.Cookies()[0].MaxAge >= 0 {
		t.Errorf("%s %v", a.Status, a.Cookies())
	}
	if r := f.trail()[0]; r.Kind != lake.AccessSignOut || r.WhoName != "manager" {
		t.Errorf("%+v", r)
	}

	// A sign-in that cannot be recorded is none; a sign-out is one.
	f.fails(func(c sinktest.Call) bool { return strings.Contains(c.Key, "access/") })
	a = f.do(http.MethodPost, "/signin", "", strings.NewReader("key="+f.keys["manager"]), formType)
	if a.want(t, http.StatusServiceUnavailable); len(a.Cookies()) > 0 {
		t.Error("a cookie all the same")
	}
	f.do(http.MethodPost, "/signout", "", nil, cookie).want(t, http.StatusSeeOther)
}

// A session ends with its key.
func TestSessionEndsWithItsKey(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, "", usageReports)
	cookie := f.signIn("manager")
	f.get("/export/usage-reports", "", cookie).want(t, http.StatusOK)
	_, err := f.access.Revoke(t.Context(), f.keys["manager"][4:20], "test")
	must(t, err)
	f.pass(time.Minute)
	f.get("/export/usage-reports", "", cookie).want(t, http.StatusUnauthorized, "revoked")
	if a := f.get("/licenses", "", cookie); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/signin") {
		t.Errorf("%s", a.Status)
	}
	f.get("/export/usage-reports", "", "Cookie: usagereport-session=forged").want(t, http.StatusUnauthorized)
	// A browser is led to where it can sign in, a program is told.
	if a := f.get("/export/usage-reports", "", "Accept: text/html,*/*"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("%s", a.Status)
	}
}

// While keys cannot be read nobody is let in, and nobody is signed out.
func TestSessionOutlivesTheBucket(t *testing.T) {
	f := newFixture(t)
	cookie := f.signIn("manager")
	f.fails(func(sinktest.Call) bool { return true })
	f.pass(10 * time.Minute)
	if a := f.get("/licenses", "", cookie); a.StatusCode != http.StatusServiceUnavailable || len(a.Cookies()) > 0 {
		t.Errorf("%s %v", a.Status, a.Cookies())
	}
	f.heal()
	f.get("/licenses", "", cookie).want(t, http.StatusOK)
}

func TestIdentityProviderAway(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		var err error
		o.OIDCName = "Acme sign-in"
		o.OIDC, err = signin.New(signin.Options{
			Issuer: "http://127.0.0.1:1", ClientID: "usagereport", Claim: "groups", URL: "http://usage.example", Secret: access.NewSecret(), Now: o.Now,
			Grants: access.Grants{"admins": {Role: access.RoleAdministrator}},
		})
		must(t, err)
	})
	f.get("/signin?return=/runs", "").want(t, http.StatusOK, "Acme sign-in", `href="/signin/oidc?return=%2Fruns"`)
	a := f.get("/signin/oidc", "")
	a.want(t, http.StatusServiceUnavailable, "identity provider")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	// Whoever comes back without having gone there is refused, and that is recorded.
	f.get("/signin/oidc/callback?code=a&state=b&session_state=c", "").want(t, http.StatusBadRequest, "sign in again")
	if r := f.trail(); len(r) != 1 || r[0].Kind != lake.AccessSignInRefused || r[0].Route != "/signin/oidc/callback" || len(r[0].Filters) > 0 {
		t.Errorf("%+v", r)
	}
}

func TestPagesOfWhomTheyAreFor(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, auditRows, usageReports, usageLogs)
	for _, c := range []struct {
		key, path string
		status    int
		has, not  []string
	}{
		{"manager", "/licenses", 200, []string{"Export Usage Reports", "/export/usage-logs", "2026-11-21"}, nil},
		{"manager", "/audit-log", 200, []string{"Access to exports"}, []string{"e3", "member.added", "HYPERLINK"}},
		{"manager", "/usage", 200, nil, nil},
		{"manager", "/runs", 200, nil, nil},
		{"manager", "/runs/20261121T023000Z", 404, []string{"no record of that run"}, nil},
		{"manager", "/runs/..%2F..%2Flatest", 404, nil, []string{"run-3"}},
		{"admin of w1", "/audit-log", 200, []string{"HYPERLINK", "Cy", "/export/audit-log"}, []string{"Ann", "Two", "view=access", `href="/licenses"`, `href="/runs"`}},
		{"admin of w1", "/audit-log?workspace_id=w2", 403, []string{"administration of workspace w2"}, []string{"Ann"}},
		{"admin of w1", "/licenses", 403, []string{"role Administrator"}, []string{"run-3"}},
		{"admin of all", "/audit-log?person=ann", 200, []string{"Ann"}, []string{"HYPERLINK"}},
		{"admin of all", "/audit-log?action=member.added", 200, []string{"HYPERLINK", "action=member.added"}, []string{"Ann"}},
		{"admin of all", "/audit-log?from=yesterday", 400, []string{"Parameter from"}, []string{"/export/audit-log?"}},
		{"admin of all", "/audit-log?cursor=x", 400, nil, nil},
		{"admin of all", "/audit-log?person=%3Cscript%3Ealert(1)%3C/script%3E", 200, []string{"&lt;script&gt;"}, []string{"<script>alert"}},
		{"everything", "/audit-log?view=access&cursor=1.2.3", 400, nil, nil},
		{"role alone", "/", 403, nil, nil},
	} {
		t.Run(c.key+" "+c.path, func(t *testing.T) {
			a := f.get(c.path, "", f.signIn(c.key))
			a.want(t, c.status, c.has...)
			for _, text := range c.not {
				if strings.Contains(a.body, text) {
					t.Errorf("the page has %q", text)
				}
			}
			if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v", a.Header)
			}
		})
	}
}

func TestPagesOfAnEmptyLake(t *testing.T) {
	f := newFixture(t)
	cookie := f.signIn("everything")
	for _, path := range []string{"/licenses", "/audit-log", "/audit-log?view=access", "/usage", "/runs"} {
		f.get(path, "", cookie).want(t, http.StatusOK)
	}
}

// What goes wrong is a page, with the id of the request, and without what is not for everybody.
func TestErrorPages(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, auditRows, usageReports)
	cookie := f.signIn("everything")
	f.fails(func(c sinktest.Call) bool { return !strings.Contains(c.Key, "keys/") })
	f.pass(2 * time.Minute)
	a := f.get("/licenses", "", cookie, "X-Request-Id: request-0001")
	a.want(t, http.StatusServiceUnavailable, "<!doctype html>", "request-0001")
	if a.Header.Get("Retry-After") == "" || strings.Contains(a.body, "secret.example") {
		t.Errorf("%v\n%s", a.Header, a.body)
	}
	f.heal()
	f.pass(time.Minute)
	f.get("/licenses", "", cookie).want(t, http.StatusOK)
	f.get("/nowhere", "", cookie, "Accept: text/html").want(t, http.StatusNotFound, "<!doctype html>")
}

// Every record of the trail is on one page of it, also those of one instant.
func TestAccessPages(t *testing.T) {
	f := newFixture(t)
	cookie := f.signIn("manager")
	const n = 3*accessOnPage + 7
	for i := range n {
		must(t, f.writer.PutAccess(t.Context(), lake.AccessRecord{
			Time: day1.Time().Add(time.Duration(i/70) * time.Second), Kind: lake.AccessDownload, RequestID: fmt.Sprintf("request-%04d", i),
		}))
	}
	seen := map[string]int{}
	path := "/audit-log?view=access&to=2026-11-20"
	for pages := 0; path != ""; pages++ {
		a := f.get(path, "", cookie)
		a.want(t, http.StatusOK)
		for i := range n {
			if id := fmt.Sprintf("request-%04d", i); strings.Contains(a.body, id) {
				seen[id]++
			}
		}
		path = ""
		for part := range strings.SplitSeq(a.body, `href="`) {
			if to, _, _ := strings.Cut(part, `"`); strings.Contains(to, "cursor=") {
				path = strings.ReplaceAll(to, "&amp;", "&")
			}
		}
		if pages > 10 {
			t.Fatal("no last page")
		}
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%s is on %d pages", id, times)
		}
	}
	if len(seen) != n {
		t.Errorf("%d records of %d", len(seen), n)
	}
}

func TestTheme(t *testing.T) {
	f := newFixture(t)
	a := f.do(http.MethodPost, "/theme", "", strings.NewReader("theme=dark&return=/signin"), formType)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/signin" || a.Cookies()[0].Value != "dark" || !a.Cookies()[0].HttpOnly {
		t.Errorf("%s %v", a.Status, a.Header)
	}
	f.get("/signin", "", "Cookie: "+themeCookie+"=dark").want(t, http.StatusOK, `data-theme="dark"`)
	f.get("/signin", "", "Cookie: "+themeCookie+`=x"><script>`).want(t, http.StatusOK, `data-theme="system"`)
}

// FuzzPlace: a cursor of the access trail is read as it was written, or refused.
func FuzzPlace(f *testing.F) {
	for _, seed := range []string{"", "1795000000000000000.1", "1.0", "-1.1", "01.1", "1.+1", "9223372036854775807.1", "1.1.1", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePlace(text)
		if err == nil && text != "" && (p.String() != text || p.passed < 1) {
			t.Errorf("%q is read as %s", text, p)
		}
	})
}
