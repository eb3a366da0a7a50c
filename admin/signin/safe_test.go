package signin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/usagereport/usagereport/admin/access"
)

func TestLocalPath(t *testing.T) {
	for next, want := range map[string]string{
		"":                              "/",
		"/":                             "/",
		"/audit-log":                    "/audit-log",
		"/usage?workspace=a%26b&from=1": "/usage?workspace=a%26b&from=1",
		"/runs/20261121T023000Z#x":      "/runs/20261121T023000Z",
		"usage":                         "/",
		"//evil.example":                "/",
		"///evil.example":               "/",
		"/\\evil.example":               "/",
		"\\\\evil.example":              "/",
		"/%2f/evil.example":             "/",
		"/%5cevil.example":              "/",
		"https://evil.example/":         "/",
		"javascript:alert(1)":           "/",
		"/\t/evil.example":              "/",
		"/a\r\nSet-Cookie: x":           "/",
		"/%zz":                          "/",
		"/\xff":                         "/",
		"/" + strings.Repeat("x", 1000): "/",
	} {
		if got := LocalPath(next); got != want {
			t.Errorf("%q: got %q, want %q", next, got, want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, next := range []string{"", "/", "/a?b=c", "//x", "/\\x", "/%2f/x", "/%5cx", "http:/x", "/..//x", "/;/x", "/.//x", "/a#b"} {
		f.Add(next)
	}
	here := &url.URL{Scheme: "https", Host: "usage.acme.example", Path: "/signin/oidc/callback"}
	f.Fuzz(func(t *testing.T, next string) {
		got := LocalPath(next)
		u, err := here.Parse(got)
		if err != nil || u.Host != here.Host || u.Scheme != here.Scheme || u.User != nil {
			t.Fatalf("%q becomes %q, which leads to %v, %v", next, got, u, err)
		}
		// As browsers read it: they take a backslash for a slash, and drop tabs and line ends.
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\t\r\n ") {
			t.Fatalf("%q becomes %q", next, got)
		}
		if again := LocalPath(got); again != got {
			t.Fatalf("%q becomes %q, then %q", next, got, again)
		}
		h := http.Header{}
		h.Set("Location", got)
		if !utf8.ValidString(got) {
			t.Fatalf("%q becomes %q", next, got)
		}
	})
}

// FuzzClaims: whatever a token says, names can be shown, and rights come from known groups that stand there as text.
func FuzzClaims(f *testing.F) {
	for _, c := range []string{
		`{"groups":["sales","staff"],"name":"Ada"}`, `{"groups":"sales"}`, `{"groups":null}`, `{"groups":{"sales":1}}`, `{"groups":[["sales"],1,null]}`,
		`{"name":"\u0000\u202e<b>","groups":[]}`, `{"name":7,"email":"a@b"}`, `{}`, `{"groups":["sales","sales"],"groups":["usage-admins"]}`,
	} {
		f.Add(c, "sub")
	}
	grants := access.Grants{
		"sales":        {Workspaces: []string{"w-sales"}},
		"usage-admins": {Role: access.RoleAdministrator, Permissions: []string{access.ServerManagementRead}},
	}
	f.Fuzz(func(t *testing.T, text, subject string) {
		c := claims{}
		if json.Unmarshal([]byte(text), &c) != nil {
			return
		}
		if subject != "" {
			if name := c.name(subject); name == "" || name != subject && (strings.ContainsAny(name, "\x00\r\n\u202e") || utf8.RuneCountInString(name) > 100) {
				t.Fatalf("name %q", name)
			}
		}
		values := c.values("groups")
		p, err := grants.Person("sub", "name", values)
		for group, allowed := range map[string]bool{"sales": p.MayAdminister("w-sales") == nil, "usage-admins": p.MayManage() == nil} {
			if allowed != slices.Contains(values, group) || allowed && !strings.Contains(text, group[:1]) && !strings.Contains(text, `\u`) {
				t.Fatalf("%s: %v with %q of %s", group, allowed, values, text)
			}
		}
		if (err == nil) != (len(p.Groups) > 0) || p.AllWorkspaces() {
			t.Fatalf("%+v, %v", p, err)
		}
	})
}
