package admin

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// concrete returns a path that a route answers.
func (r *route) concrete() string {
	return strings.NewReplacer("{$}", "", "{id}", "20261121T023000Z").Replace(r.path)
}

// TestDenied walks the table: whoever lacks what a route needs gets nothing of it.
func TestDenied(t *testing.T) {
	f := newFixture(t)
	f.publish("run-1", day3, auditRows, usageReports, usageLogs)
	everybody := []string{"", "unknown", "malformed", "expired", "revoked"}
	manages := []string{"manager", "everything"}
	lacks := []string{"role alone", "permission alone"}
	type variant struct {
		query          string
		allowed, wrong []string
	}
	for _, r := range f.server.table {
		var variants []variant
		switch r.need {
		case open:
			continue
		case signedIn:
			variants = []variant{{"", append(manages, "admin of w1"), lacks}} // lacks: known, but nothing is there for them
		case manage:
			variants = []variant{{"", manages, append(lacks, "admin of w1", "admin of all")}}
		case auditor:
			variants = []variant{
				{"?workspace_id=w1", []string{"admin of w1", "admin of all", "everything"}, append(lacks, "admin of w2", "manager")},
				{"", []string{"admin of w1", "admin of w2", "admin of all"}, append(lacks, "manager")},
				{"?workspace_id=*", []string{"admin of all"}, append(lacks, "admin of w1", "manager")},
				{"?workspace_id=W1", []string{"admin of all"}, append(lacks, "admin of w1", "manager")},
			}
		case usageView:
			variants = []variant{
				{"?workspace_id=w1", []string{"admin of w1", "admin of all", "everything", "manager"}, append(lacks, "admin of w2")},
				{"", []string{"admin of w1", "admin of all", "manager"}, lacks},
			}
		case auditView:
			variants = []variant{
				{"?workspace_id=w1", []string{"admin of w1", "admin of all", "everything"}, append(lacks, "admin of w2", "manager")},
				{"?view=access", manages, append(lacks, "admin of w1", "admin of all")},
				{"", []string{"admin of w1", "manager"}, lacks},
			}
		default:
			t.Fatalf("%s: a need that this test does not know", r.path)
		}
		for _, v := range variants {
			path := r.concrete() + v.query
			for _, key := range everybody {
				f.pass(30 * 60 * 1e9) // guesses are slowed down
				a := f.do(r.method, path, key, nil)
				if key == "" && r.page {
					if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/signin") {
						t.Errorf("%s without a key: %s", path, a.Status)
					}
				} else if a.StatusCode != http.StatusUnauthorized || a.Header.Get("Www-Authenticate") == "" {
					t.Errorf("%s with key %q: %s", path, key, a.Status)
				}
				leaks(t, path, key, a)
			}
			for _, key := range v.wrong {
				a := f.do(r.method, path, key, nil)
				a.want(t, http.StatusForbidden, `"missing":[`)
				leaks(t, path, key, a)
			}
			for _, key := range v.allowed {
				if a := f.do(r.method, path, key, nil); a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden || a.StatusCode == 0 {
					t.Errorf("%s with key %q: %s", path, key, a.Status)
				}
			}
		}
	}
}

func leaks(t *testing.T, path, key string, a answer) {
	t.Helper()
	for _, secret := range []string{"run-1", "e3", "HYPERLINK", "bo@x.com"} {
		if strings.Contains(a.body, secret) {
			t.Errorf("%s with key %q tells %q", path, key, secret)
		}
	}
	if a.Header.Get("X-Snapshot-Date") != "" || a.Header.Get("Etag") != "" {
		t.Errorf("%s with key %q tells of the file in its headers", path, key)
	}
}

// TestOpenRoutes lists what anybody may have: an addition is to be thought about.
func TestOpenRoutes(t *testing.T) {
	var got []string
	for _, r := range table() {
		if r.need == open {
			got = append(got, r.method+" "+r.path)
		}
	}
	want := "GET /openapi.json, GET /healthz, GET /readyz, GET /metrics, GET /signin, POST /signin, GET /signin/oidc, " +
		"GET /signin/oidc/callback, POST /signout, POST /theme, GET /assets/"
	if strings.Join(got, ", ") != want {
		t.Errorf("open routes: %s", strings.Join(got, ", "))
	}
}

// TestNoRouteOutsideTheTable reads the source: routes are registered in one place, from the table.
func TestNoRouteOutsideTheTable(t *testing.T) {
	files, err := filepath.Glob("*.go")
	must(t, err)
	registrations := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		must(t, err)
		file, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
		must(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Handle" || sel.Sel.Name == "HandleFunc") {
				if registrations++; name != "routes.go" {
					t.Errorf("%s registers a route", name)
				}
			}
			return true
		})
	}
	if registrations != 1 {
		t.Errorf("%d registrations in the source, expected the one of routed", registrations)
	}
}

func TestUnknownRoutes(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/export", "/export/", "/export/usage-reports/", "/export/usage-reports/x", "/EXPORT/usage-reports", "/admin", "/runs/a/b",
		"/export/usage-reports%2F..%2F..%2Fmanifests", "/.git/config", "/data/latest.json", "/latest.json"} {
		f.get(path, "everything").want(t, http.StatusNotFound, `"type":"urn:problem-type:usagereport:no-such-path"`)
	}
	for _, path := range []string{"/export/../latest.json", "//export/usage-reports", "/export//usage-reports", "/./runs"} {
		a := f.get(path, "")
		if to := a.Header.Get("Location"); a.StatusCode != 404 && (a.StatusCode < 300 || a.StatusCode >= 400 || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
			t.Errorf("%s: %s to %q", path, a.Status, to)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace, "PROPFIND"} {
		a := f.do(method, "/export/usage-reports", "everything", nil)
		a.want(t, http.StatusMethodNotAllowed, "expected GET or HEAD")
		if a.Header.Get("Allow") != "GET, HEAD" || a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", method, a.Header)
		}
	}
	if a := f.do(http.MethodDelete, "/signin", "", nil); a.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow: %q", a.Header.Get("Allow"))
	}
}
