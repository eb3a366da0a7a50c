package apipath

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var routes = []string{
	"/v1/agents/{agent_id}/run",
	"/v1/agents/{agent_id}",
	"/v1/agents/search",
	"/v1/{kind}/{key}/{verb}",
	"/v1/{other}/{same}/{shape}",
	"/oauth2/token/",
	"/files/annual report/{year}",
	"/",
}

func anonymizer(tb testing.TB, templates ...string) *Anonymizer {
	tb.Helper()
	a, err := New(templates)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func TestAnonymize(t *testing.T) {
	a := anonymizer(t)
	for _, c := range []struct{ path, want string }{
		{"", ""},
		{"  ", ""},
		{"?a=b", ""},
		{"#top", ""},
		{"/", "/"},
		{"//", "/"},
		{"/?q=1", "/"},
		{"/v1", "/v1"},
		{"/v1/", "/v1"},
		{"v1/agents", "/v1/agents"},
		{"/v1/agents", "/v1/agents"},
		{"/v1//agents///run/", "/v1/agents/run"},
		{" /v1 / agents ", "/v1/agents"},
		{"/v1/agents?limit=10&user=alice@x.com", "/v1/agents"},
		{"/v1/agents#section-2", "/v1/agents"},
		{"/v1/agents/#/x?y", "/v1/agents"},
		// Hosts.
		{"https://api.example.com/v1/agents/7?x=1", "/v1/agents/{id}"},
		{"http://alice@x.com:8080/v1", "/v1"},
		{"https://api.example.com", "/"},
		{"https://api.example.com?x=/y", "/"},
		{"/proxy/https://api.example.com/v1", "/proxy/https:/api.example.com/v1"},
		{"://x/y", "/:/x/y"},
		// Numbers.
		{"/v1/agents/0", "/v1/agents/{id}"},
		{"/v1/agents/123456/run", "/v1/agents/{id}/run"},
		{"/v1/agents/-5", "/v1/agents/{id}"},
		{"/v1/prices/12.50", "/v1/prices/{id}"},
		{"/v1/days/2026-11-21", "/v1/days/{id}"},
		{"/v1/agents/٣٤", "/v1/agents/{id}"},
		{"/v1/agents/x²", "/v1/agents/{id}"},
		{"/1/2/3", "/{id}/{id}/{id}"},
		// UUIDs, ULIDs, hex.
		{"/v1/agents/123e4567-e89b-12d3-a456-426614174000", "/v1/agents/{id}"},
		{"/v1/agents/123E4567-E89B-12D3-A456-426614174000/run", "/v1/agents/{id}/run"},
		{"/v1/agents/abcdefab-cdef-abcd-efab-cdefabcdefab", "/v1/agents/{id}"},
		{"/v1/agents/{123e4567-e89b-12d3-a456-426614174000}", "/v1/agents/{id}"},
		{"/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/v1/runs/{id}"},
		{"/v1/blobs/d41d8cd98f00b204e9800998ecf8427e", "/v1/blobs/{id}"},
		{"/v1/blobs/deadbeefdeadbeef", "/v1/blobs/{id}"},
		{"/v1/blobs/DEADBEEFDEADBEEFDEAD", "/v1/blobs/{id}"},
		{"/v1/blobs/deadbeef", "/v1/blobs/deadbeef"},
		{"/v1/blobs/facade", "/v1/blobs/facade"},
		{"/v1/blobs/abcdefabcdefabcg", "/v1/blobs/abcdefabcdefabcg"},
		{"/v1/blobs/xdeadbeefdeadbeef", "/v1/blobs/xdeadbeefdeadbeef"},
		{"/v1/blobs/beef-up-the-cafe", "/v1/blobs/beef-up-the-cafe"},
		// E-mail addresses.
		{"/v1/users/alice@example.com", "/v1/users/{id}"},
		{"/v1/users/alice%40example.com/roles", "/v1/users/{id}/roles"},
		{"/v1/users/alice%2540example.com", "/v1/users/{id}"},
		{"/v1/users/alice%252540example.com", "/v1/users/{id}"},
		{"/v1/users/alice%25252525252540example.com", "/v1/users/{id}"},
		{"/v1/users/alice%40example.com%zz", "/v1/users/{id}"},
		{"/v1/users/@alice", "/v1/users/{id}"},
		// Tokens with digits.
		{"/v1/agents/agent_7f", "/v1/agents/{id}"},
		{"/v1/keys/sk-live-a1B2c3", "/v1/keys/{id}"},
		{"/v1/files/report-2026.pdf", "/v1/files/{id}"},
		{"/v1/agents/7:run", "/v1/agents/{id}"},
		{"/v1/agents/%37", "/v1/agents/{id}"},
		{"/v1/agents/a%2Fb%2F7", "/v1/agents/{id}"},
		{"/oauth2/token", "/{id}/token"},
		{"/v1/%4", "/v1/{id}"},
		// Versions.
		{"/v2.1/agents", "/v2.1/agents"},
		{"/v1beta1/agents", "/v1beta1/agents"},
		{"/V2/agents", "/V2/agents"},
		{"/v1alpha/x", "/v1alpha/x"},
		{"/v1RC2/x", "/v1RC2/x"},
		{"/v1.2.3-beta/x", "/{id}/x"},
		{"/v10/v999/v1000", "/v10/v999/{id}"},
		{"/v1x/v/v.1/v1./v1betaa", "/{id}/v/{id}/{id}/{id}"},
		{"/%76%31/agents", "/%76%31/agents"},
		// Words.
		{"/v1/agents/search", "/v1/agents/search"},
		{"/v1/Knowledge_Base/list-all.json", "/v1/Knowledge_Base/list-all.json"},
		{"/v1/my%20report/élan", "/v1/my%20report/élan"},
		{"/v1/my%2520report", "/v1/my%2520report"},
		{"/v1/%zz/x", "/v1/%zz/x"},
		{"/pkg.Service/Method", "/pkg.Service/Method"},
		{"/v1/agents/{agent_id}/run", "/v1/agents/{agent_id}/run"},
		{"/v1/agents/:agent/run", "/v1/agents/:agent/run"},
		{"/v1/../x/./y", "/v1/../x/./y"},
	} {
		if got := a.Anonymize(c.path); got != c.want {
			t.Errorf("Anonymize(%q) = %q; want %q", c.path, got, c.want)
		}
		if got := a.Anonymize(c.want); got != c.want {
			t.Errorf("again: Anonymize(%q) = %q", c.want, got)
		}
	}
}

func TestTemplates(t *testing.T) {
	a := anonymizer(t, routes...)
	for _, c := range []struct{ path, want string }{
		{"/v1/agents/7/run", "/v1/agents/{id}/run"},
		{"https://h/v1//agents/alice@x.com/run/?a=b", "/v1/agents/{id}/run"},
		{"/v1/agents/a%2Fb/run", "/v1/agents/{id}/run"},
		{"/v1/agents/7", "/v1/agents/{id}"},
		{"/v1/agents/search", "/v1/agents/search"}, // more literal than the one before
		{"/v1/groups/7/list", "/v1/{id}/{id}/{id}"},
		{"/v1/agents/7/stop", "/v1/{id}/{id}/{id}"},
		{"/v1/agents/7/run/now", "/v1/agents/{id}/run/now"},
		{"/V1/agents/7", "/V1/agents/{id}"},
		{"/oauth2/token", "/oauth2/token"},
		{"/files/annual%20report/2026", "/files/annual report/{id}"},
		{"/files/annual report/2026", "/files/annual report/{id}"},
		{"/", "/"},
		{"", ""},
	} {
		if got := a.Anonymize(c.path); got != c.want {
			t.Errorf("Anonymize(%q) = %q; want %q", c.path, got, c.want)
		}
		if got := a.Anonymize(c.want); got != c.want {
			t.Errorf("again: Anonymize(%q) = %q", c.want, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	_, err := New([]string{"/ok/{id}", "v1/x", "/v1/{id}.json", "/v1/x?y", "/v1/{}", "/v1/{{id}}", ""})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`route template 2, "v1/x": expected a path that starts with /`,
		`route template 3, "/v1/{id}.json": segment "{id}.json": expected braces around a whole segment`,
		`route template 4, "/v1/x?y": expected a path without query string`,
		`route template 5, "/v1/{}"`, `route template 6, "/v1/{{id}}"`, `route template 7, ""`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
}

// checkPath checks what holds for any path.
func checkPath(t interface{ Fatalf(string, ...any) }, plain, routed *Anonymizer, path string) {
	for _, a := range []*Anonymizer{plain, routed} {
		got := a.Anonymize(path)
		if again := a.Anonymize(got); again != got {
			t.Fatalf("Anonymize(%q) = %q, and that gives %q", path, got, again)
		}
		if got != "" && got[0] != '/' || len(got) > 1 && strings.HasSuffix(got, "/") || strings.Contains(got, "//") {
			t.Fatalf("Anonymize(%q) = %q", path, got)
		}
	}
	got := plain.Anonymize(path)
	if strings.ContainsAny(got, "?#") {
		t.Fatalf("Anonymize(%q) = %q keeps a query or a fragment", path, got)
	}
	for segment := range strings.SplitSeq(got, "/") {
		text := segment
		for range len(segment) { // however often it was encoded
			next, err := url.PathUnescape(text)
			if err != nil || next == text {
				break
			}
			text = next
		}
		if !isVersion(text) && strings.ContainsFunc(text, func(r rune) bool { return r == '@' || unicode.IsNumber(r) }) {
			t.Fatalf("Anonymize(%q) = %q keeps %q", path, got, text)
		}
	}
}

func TestAnyPath(t *testing.T) {
	plain, routed := anonymizer(t), anonymizer(t, routes...)
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"/", "/", "/", "v1", "agents", "run", "%40", "%2540", "%25", "%", "@", "?", "#", "7", " ", "{id}", "{", "}", "://", "https", "a%2Fb", ".", "..", "é", "deadbeefdeadbeef", "oauth2", "token"}),
		rapid.StringN(0, 4, 8))
	rapid.Check(t, func(t *rapid.T) {
		checkPath(t, plain, routed, strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), ""))
	})
}

func FuzzAnonymize(f *testing.F) {
	for _, path := range []string{"", "/v1/agents/7/run?x=1", "https://h/v1/alice%2540x.com", "/v1/%zz//{a}/", "/ a /\xff", "/v1/\u00a0/x", "a://b://c/4"} {
		f.Add(path)
	}
	plain, routed := anonymizer(f), anonymizer(f, routes...)
	f.Fuzz(func(t *testing.T, path string) {
		checkPath(t, plain, routed, path)
		if utf8.ValidString(path) && !utf8.ValidString(plain.Anonymize(path)) {
			t.Fatalf("Anonymize(%q) is no longer UTF-8", path)
		}
	})
}

func BenchmarkAnonymize(b *testing.B) {
	a := anonymizer(b, routes...)
	for name, path := range map[string]string{
		"template": "/v1/agents/123e4567-e89b-12d3-a456-426614174000/run",
		"segments": "/v2/workspaces/123e4567-e89b-12d3-a456-426614174000/members/alice%40example.com?limit=10",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(path)))
			for b.Loop() {
				a.Anonymize(path)
			}
		})
	}
}
