package signin_test

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/admin/signin"
)

const clientSecret = "the-client's-secret-of-the-test"

func trusting(t *testing.T, issuer string, now func() time.Time) *signin.OIDC {
	t.Helper()
	s, err := signin.New(signin.Options{
		Issuer: issuer, ClientID: "usagereport", ClientSecret: clientSecret, Claim: "groups", Grants: testGrants,
		URL: "https://usage.acme.example", Secret: access.NewSecret(), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// begin begins to sign in, and returns the cookie and what went to the provider.
func begin(t *testing.T, s *signin.OIDC, next string) (*http.Cookie, url.Values) {
	t.Helper()
	w := httptest.NewRecorder()
	if err := s.Begin(w, httptest.NewRequest(http.MethodGet, "/signin/oidc", nil), next); err != nil {
		t.Fatal(err)
	}
	location, err := w.Result().Location()
	if err != nil {
		t.Fatal(err)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || w.Code != http.StatusSeeOther {
		t.Fatalf("%d %q", w.Code, w.Header())
	}
	return cookies[0], location.Query()
}

func finish(s *signin.OIDC, c *http.Cookie, q url.Values) (access.Principal, string, *httptest.ResponseRecorder, error) {
	r := httptest.NewRequest(http.MethodGet, signin.CallbackPath+"?"+q.Encode(), nil)
	r.AddCookie(c)
	w := httptest.NewRecorder()
	p, next, err := s.Finish(w, r)
	return p, next, w, err
}

func TestWhatIsAskedOfTheProvider(t *testing.T) {
	f := newForger(t)
	s := trusting(t, f.URL, time.Now)
	if len(f.asked) > 0 {
		t.Errorf("asked before anybody signs in: %v", f.asked)
	}
	c, q := begin(t, s, "/usage")
	if c.Name != "__Host-usagereport-signin" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != 600 {
		t.Errorf("%+v", c)
	}
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "usagereport", "redirect_uri": "https://usage.acme.example/signin/oidc/callback",
		"scope": "openid email profile", "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			t.Errorf("%s=%q, want %q", name, q.Get(name), want)
		}
	}
	_, other := begin(t, s, "/usage")
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(name)) < 26 || q.Get(name) == other.Get(name) || strings.Contains(c.Value, q.Get(name)) {
			t.Errorf("%s=%q, then %q", name, q.Get(name), other.Get(name))
		}
	}
	if f.asked["/.well-known/openid-configuration"] != 1 {
		t.Errorf("%v", f.asked)
	}
}

// TestForgedTokens: nothing but the whole and right ID token of this sign-in lets anybody in.
func TestForgedTokens(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	hash := func(access string) string {
		sum := sha256.Sum256([]byte(access))
		return base64.RawURLEncoding.EncodeToString(sum[:16])
	}
	change := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) {
			if value == nil {
				delete(c, name)
			} else {
				c[name] = value
			}
		}
	}
	all := func(fs ...func(map[string]any)) func(map[string]any) {
		return func(c map[string]any) {
			for _, f := range fs {
				f(c)
			}
		}
	}
	denied := errors.New("an access.Denied")
	for _, c := range []struct {
		name   string
		change func(claims map[string]any)
		want   error
	}{
		{"as it should be", func(map[string]any) {}, nil},
		{"two audiences and azp", all(change("aud", []string{"usagereport", "other"}), change("azp", "usagereport")), nil},
		{"right at_hash", change("at_hash", hash("the access token")), nil},
		{"groups in userinfo", change("groups", nil), nil},
		{"wrong nonce", change("nonce", "another"), signin.ErrToken},
		{"no nonce", change("nonce", nil), signin.ErrToken},
		{"another audience", change("aud", "other"), signin.ErrToken},
		{"no audience", change("aud", nil), signin.ErrToken},
		{"two audiences", change("aud", []string{"usagereport", "other"}), signin.ErrToken},
		{"azp of another", change("azp", "other"), signin.ErrToken},
		{"another issuer", change("iss", "https://evil.example"), signin.ErrToken},
		{"expired", change("exp", now.Add(-time.Second).Unix()), signin.ErrToken},
		{"no end", change("exp", nil), signin.ErrToken},
		{"not yet", change("nbf", now.Add(time.Hour).Unix()), signin.ErrToken},
		{"no subject", change("sub", nil), signin.ErrToken},
		{"long subject", change("sub", strings.Repeat("x", 256)), signin.ErrToken},
		{"subject of lines", change("sub", "a\nb"), signin.ErrToken},
		{"subject that is a number", change("sub", 7), signin.ErrToken},
		{"wrong at_hash", change("at_hash", hash("another")), signin.ErrToken},
		{"userinfo of another", all(change("sub", "bob"), change("groups", nil)), signin.ErrToken},
		{"unknown group", change("groups", []string{"staff"}), denied},
		{"no groups", change("groups", []string{}), denied},
		{"groups are null", func(c map[string]any) { c["groups"] = json.RawMessage("null") }, denied},
		{"groups are an object", change("groups", map[string]any{"sales": true}), denied},
		{"group in a group", change("groups", []any{[]string{"sales"}, 7, true, nil}), denied},
		{"groups in one text", change("groups", "sales,usage-admins"), denied},
		{"other case", change("groups", "Sales"), denied},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newForger(t)
			s := trusting(t, f.URL, func() time.Time { return now })
			cookie, q := begin(t, s, "/usage?workspace=w1")
			f.token = func(nonce string) any {
				claims := f.claims(nonce, now)
				c.change(claims)
				return map[string]any{"access_token": "the access token", "token_type": "Bearer", "id_token": sign(t, jose.RS256, f.key, claims)}
			}
			f.nonce = q.Get("nonce")
			p, next, w, err := finish(s, cookie, url.Values{"state": {q.Get("state")}, "code": {"c0de"}})
			var refused *access.Denied
			switch {
			case c.want == nil:
				if err != nil || next != "/usage?workspace=w1" || p.MayAdminister("w-sales") != nil {
					t.Errorf("%+v, %q, %v", p, next, err)
				}
			case errors.Is(c.want, denied):
				if !errors.As(err, &refused) || p.ID != "ada" || p.Name != "Ada" || p.MayManage() == nil || len(p.Workspaces)+len(p.Groups) > 0 {
					t.Errorf("%+v, %v", p, err)
				}
			default:
				if !errors.Is(err, c.want) || p.Kind != "" || next != "" {
					t.Errorf("%+v, %q, %v; want %v", p, next, err, c.want)
				}
			}
			if set := w.Result().Cookies(); len(set) != 1 || set[0].MaxAge != -1 {
				t.Errorf("the attempt is not forgotten: %q", w.Header())
			}
		})
	}
}

// TestForgedSignatures: a token that the provider's published key did not sign is refused, whatever it says of itself.
func TestForgedSignatures(t *testing.T) {
	none := func(claims map[string]any) string {
		data, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(data) + "."
	}
	for name, forge := range map[string]func(f *forger, claims map[string]any) any{
		"another key": func(_ *forger, c map[string]any) any { return sign(t, jose.RS256, otherKey(), c) },
		"none":        func(_ *forger, c map[string]any) any { return none(c) },
		"client's secret": func(_ *forger, c map[string]any) any {
			return sign(t, jose.HS256, []byte(strings.Repeat(clientSecret, 2)), c)
		},
		"public key as secret": func(f *forger, c map[string]any) any {
			n := f.key.Public().(*rsa.PublicKey).N.Bytes()
			return sign(t, jose.HS256, n, c)
		},
		"algorithm not offered": func(f *forger, c map[string]any) any { return sign(t, jose.RS512, f.key, c) },
		"cut":                   func(f *forger, c map[string]any) any { s := sign(t, jose.RS256, f.key, c); return s[:len(s)-8] },
		"changed": func(f *forger, c map[string]any) any {
			parts := strings.Split(sign(t, jose.RS256, f.key, c), ".")
			c["groups"] = []string{"usage-admins"}
			data, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			return parts[0] + "." + base64.RawURLEncoding.EncodeToString(data) + "." + parts[2]
		},
		"empty":    func(*forger, map[string]any) any { return "" },
		"missing":  func(*forger, map[string]any) any { return nil },
		"a number": func(*forger, map[string]any) any { return 7 },
		"no JWT":   func(*forger, map[string]any) any { return "hello" },
	} {
		t.Run(name, func(t *testing.T) {
			f := newForger(t)
			s := trusting(t, f.URL, time.Now)
			cookie, q := begin(t, s, "/")
			token := forge(f, f.claims(q.Get("nonce"), time.Now()))
			f.token = func(string) any {
				return map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": token}
			}
			if p, _, _, err := finish(s, cookie, url.Values{"state": {q.Get("state")}, "code": {"c0de"}}); !errors.Is(err, signin.ErrToken) || p.Kind != "" {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

// TestBrokenProviders: whatever a provider answers, the sign-in ends in an error that says so, shows no secret, and stays small.
func TestBrokenProviders(t *testing.T) {
	answer := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	long := answer(200, `{"access_token":"`+strings.Repeat("x", 2<<20)+`"}`)
	const discovery = "/.well-known/openid-configuration"
	for _, c := range []struct {
		name, path string
		h          http.HandlerFunc
	}{
		{"discovery fails", discovery, answer(500, "oops "+clientSecret[:3])},
		{"no discovery", discovery, answer(404, strings.Repeat("not here ", 1000))},
		{"discovery is HTML", discovery, answer(200, "<html>")},
		{"discovery is long", discovery, long},
		{"discovery is empty", discovery, answer(200, "{}")},
		{"token fails", "/token", answer(500, "oops")},
		{"token refuses oddly", "/token", answer(400, "<html>")},
		{"client is unknown", "/token", answer(401, `{"error":"invalid_client","error_description":"`+clientSecret+`"}`)},
		{"error of lines", "/token", answer(400, `{"error":"a\nb<script>`+strings.Repeat("x", 1000)+`"}`)},
		{"token is HTML", "/token", answer(200, "<html>")},
		{"token is long", "/token", long},
		{"token redirects", "/token", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}},
		{"keys fail", "/keys", answer(500, "oops")},
		{"keys are HTML", "/keys", answer(200, "<html>")},
		{"userinfo fails", "/userinfo", answer(500, "oops")},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newForger(t)
			s := trusting(t, f.URL, time.Now)
			f.handlers[c.path] = c.h
			if c.path == discovery {
				w := httptest.NewRecorder()
				err := s.Begin(w, httptest.NewRequest(http.MethodGet, "/signin/oidc", nil), "/")
				wantClean(t, err)
				if len(w.Header()) > 0 {
					t.Errorf("something was written: %q", w.Header())
				}
				delete(f.handlers, c.path)
				begin(t, s, "/") // once it is well again
				return
			}
			cookie, q := begin(t, s, "/")
			claims := f.claims(q.Get("nonce"), time.Now())
			delete(claims, "groups") // so that userinfo is asked
			token := sign(t, jose.RS256, f.key, claims)
			f.token = func(string) any {
				return map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": token}
			}
			_, _, _, err := finish(s, cookie, url.Values{"state": {q.Get("state")}, "code": {"c0de-of-the-test"}})
			wantClean(t, err)
			if f.asked["/elsewhere"] > 0 {
				t.Error("the code was carried elsewhere")
			}
		})
	}
	t.Run("another issuer", func(t *testing.T) {
		f := newForger(t)
		f.discover = func(d map[string]any) { d["issuer"] = "https://evil.example" }
		wantClean(t, trusting(t, f.URL, time.Now).Begin(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), "/"))
	})
	for _, endpoint := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri"} {
		t.Run(endpoint, func(t *testing.T) {
			for _, address := range []string{"http://evil.example/x", "", "https:///x", "javascript:alert(1)", "/relative"} {
				f := newForger(t)
				f.discover = func(d map[string]any) { d[endpoint] = address }
				wantClean(t, trusting(t, f.URL, time.Now).Begin(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), "/"))
			}
		})
	}
}

func wantClean(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, signin.ErrProvider) {
		t.Fatalf("got %v, want %v", err, signin.ErrProvider)
	}
	text := err.Error()
	if len(text) > 600 || strings.ContainsAny(text, "\n\r\x00") || strings.Contains(text, clientSecret) || strings.Contains(text, "c0de") {
		t.Errorf("%q", text)
	}
}

// TestAttempts: an attempt ends after ten minutes, and its cookie belongs to this sign-in alone.
func TestAttempts(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	f := newForger(t)
	s := trusting(t, f.URL, func() time.Time { return now })
	cookie, q := begin(t, s, "/")
	other, otherQ := begin(t, s, "/")
	asked := maps.Clone(f.asked)
	try := func(what string, c *http.Cookie, q url.Values, want error) {
		t.Helper()
		if p, _, _, err := finish(s, c, q); !errors.Is(err, want) || p.Kind != "" {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	good := url.Values{"state": {q.Get("state")}, "code": {"c"}}
	try("the state of another tab", other, good, signin.ErrState)
	try("the cookie of another tab", cookie, url.Values{"state": {otherQ.Get("state")}, "code": {"c"}}, signin.ErrState)
	try("a cookie that was changed", &http.Cookie{Name: cookie.Name, Value: cookie.Value[1:]}, good, signin.ErrState)
	try("the state twice", cookie, url.Values{"state": {"x", q.Get("state")}, "code": {"c"}}, signin.ErrState)
	try("an error without a state", cookie, url.Values{"error": {"access_denied"}}, signin.ErrState)
	try("an error", cookie, url.Values{"state": good["state"], "error": {"access_denied"}, "code": {"c"}}, signin.ErrDeclined)
	now = now.Add(10 * time.Minute)
	try("too late", cookie, good, signin.ErrState)
	if fmt.Sprint(f.asked) != fmt.Sprint(asked) {
		t.Errorf("the provider was asked: %v, before %v", f.asked, asked)
	}
	_, _, _, err := finish(s, cookie, url.Values{"state": good["state"], "error": {"<script>\r\n" + strings.Repeat("x", 1<<12)}})
	if err == nil || len(err.Error()) > 300 || strings.ContainsAny(err.Error(), "<>\r\n") {
		t.Errorf("%v", err)
	}
}

// TestDiscoveryIsRenewed: what a provider says of itself is asked for again when it is old; an old word serves while it is away.
func TestDiscoveryIsRenewed(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	f := newForger(t)
	s := trusting(t, f.URL, func() time.Time { return now })
	const path = "/.well-known/openid-configuration"
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {time.Hour - 1, 1}, {1, 2}, {time.Minute, 2}} {
		now = now.Add(c.after)
		begin(t, s, "/")
		if f.asked[path] != c.want {
			t.Errorf("asked %d times, want %d", f.asked[path], c.want)
		}
	}
	f.handlers[path] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	now = now.Add(2 * time.Hour)
	begin(t, s, "/")
	if f.asked[path] != 3 {
		t.Errorf("asked %d times", f.asked[path])
	}
}

// TestKeysRotate: a token that is signed by a key which the provider published since is taken.
func TestKeysRotate(t *testing.T) {
	f := newForger(t)
	s := trusting(t, f.URL, time.Now)
	for _, key := range []*rsa.PrivateKey{forgerKey(), otherKey()} {
		f.key = key
		cookie, q := begin(t, s, "/")
		f.token = func(nonce string) any {
			return map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": sign(t, jose.RS256, key, f.claims(nonce, time.Now()))}
		}
		f.nonce = q.Get("nonce")
		if _, _, _, err := finish(s, cookie, url.Values{"state": {q.Get("state")}, "code": {"c"}}); err != nil {
			t.Error(err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := signin.Options{
		Issuer: "https://login.acme.example", ClientID: "usagereport", Claim: "groups", Grants: testGrants,
		URL: "https://usage.acme.example", Secret: access.NewSecret(), Now: time.Now,
	}
	if _, err := signin.New(good); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(o *signin.Options){
		"no issuer":     func(o *signin.Options) { o.Issuer = "" },
		"http":          func(o *signin.Options) { o.Issuer = "http://login.acme.example" },
		"no host":       func(o *signin.Options) { o.Issuer = "https:///x" },
		"password":      func(o *signin.Options) { o.Issuer = "https://a:secret@login.acme.example" },
		"no client":     func(o *signin.Options) { o.ClientID = "" },
		"no claim":      func(o *signin.Options) { o.Claim = "" },
		"short secret":  func(o *signin.Options) { o.Secret = []byte("x") },
		"unknown right": func(o *signin.Options) { o.Grants = access.Grants{"a": {Role: "root"}} },
	} {
		o := good
		f(&o)
		if _, err := signin.New(o); err == nil || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
