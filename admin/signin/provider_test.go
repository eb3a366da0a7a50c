package signin_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/admin/signin"
)

// providerVariable names the main file of node-oidc-provider.
const providerVariable = "USAGEREPORT_TEST_OIDC_PROVIDER"

type providerOptions struct {
	Port     int                       `json:"port"`
	Redirect string                    `json:"redirect"`
	Secret   string                    `json:"secret"`
	Method   string                    `json:"method"`
	Userinfo bool                      `json:"userinfo"`
	People   map[string]map[string]any `json:"people"`
}

// startProvider starts a real provider, and returns its issuer and what ends it.
func startProvider(t *testing.T, o providerOptions) (issuer string, stop func()) {
	t.Helper()
	file := os.Getenv(providerVariable)
	if file == "" {
		if os.Getenv("USAGEREPORT_TEST_REQUIRE") == "1" {
			t.Fatalf("%s is not set", providerVariable)
		}
		t.Skipf("no identity provider: %s is not set", providerVariable)
	}
	options, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/provider.mjs", file, string(options))
	said := new(strings.Builder)
	cmd.Stderr = said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "http://") {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return lines.Text(), stop
		}
	}
	stop()
	t.Fatalf("the identity provider did not start: %s", said)
	return "", nil
}

// site is a server with sign-in and sessions, as much of it as the tests need.
type site struct {
	*httptest.Server
	oidc     *signin.OIDC
	sessions *access.Sessions

	mu   sync.Mutex
	last error // of Begin or Finish
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signin/oidc", func(w http.ResponseWriter, r *http.Request) {
		s.done(w, s.oidc.Begin(w, r, r.URL.Query().Get("next")))
	})
	mux.HandleFunc("GET "+signin.CallbackPath, func(w http.ResponseWriter, r *http.Request) {
		p, next, err := s.oidc.Finish(w, r)
		if err == nil {
			err = s.sessions.Start(w, p)
		}
		s.done(w, err)
		if err == nil {
			http.Redirect(w, r, next, http.StatusSeeOther)
		}
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		p, err := s.sessions.Principal(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"principal": p, "path": r.URL.RequestURI()})
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *site) done(w http.ResponseWriter, err error) {
	s.mu.Lock()
	s.last = err
	s.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
	}
}

func (s *site) lastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

var testGrants = access.Grants{
	"usage-admins": {Role: access.RoleAdministrator, Permissions: []string{access.ServerManagementRead}},
	"sales":        {Workspaces: []string{"w-sales"}},
}

func (s *site) trust(t *testing.T, issuer, secret string) {
	t.Helper()
	key := access.NewSecret()
	var err error
	s.oidc, err = signin.New(signin.Options{
		Issuer: issuer, ClientID: "usagereport", ClientSecret: secret, Scopes: []string{"groups"}, Claim: "groups",
		Grants: testGrants, URL: s.URL, Secret: key, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.sessions, err = access.NewSessions(access.SessionOptions{Secret: key, Grants: testGrants, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
}

var people = map[string]map[string]any{
	"ada":   {"name": "Ada Example", "email": "ada@acme.example", "groups": []string{"usage-admins", "all-staff"}},
	"sam":   {"preferred_username": "sam", "groups": []string{"sales"}},
	"both":  {"name": "Bo\u0000th\n", "groups": []string{"sales", "usage-admins"}},
	"one":   {"name": "One", "groups": "sales"},
	"none":  {"name": "None", "groups": []string{"all-staff"}},
	"empty": {"name": "Empty"},
}

func TestRealProvider(t *testing.T) {
	for _, c := range []struct {
		name, method string
		userinfo     bool
	}{
		{"basic", "client_secret_basic", false},
		{"post", "client_secret_post", false},
		{"userinfo", "client_secret_basic", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			issuer, _ := startProvider(t, providerOptions{
				Redirect: s.URL + signin.CallbackPath, Secret: "s+cret/ %41", Method: c.method, Userinfo: c.userinfo, People: people,
			})
			s.trust(t, issuer, "s+cret/ %41")
			for login, want := range map[string]struct {
				name             string
				manages, selling bool
			}{
				"ada":  {"Ada Example", true, false},
				"sam":  {"sam", false, true},
				"both": {"Both", true, true},
				"one":  {"One", false, true},
			} {
				at := newPerson(t).signIn(s, login, "/audit-log?from=2026-11-01")
				var got struct {
					Principal access.Principal
					Path      string
				}
				if err := json.Unmarshal([]byte(at.body), &got); err != nil {
					t.Fatalf("%s: %s %s: %v", login, at.url, at.body, err)
				}
				p := got.Principal
				if got.Path != "/audit-log?from=2026-11-01" || p.ID != login || p.Name != want.name || p.Kind != access.KindPerson ||
					(p.MayManage() == nil) != want.manages || (p.MayAdminister("w-sales") == nil) != want.selling || p.AllWorkspaces() {
					t.Errorf("%s: %+v", login, got)
				}
			}
			for _, login := range []string{"none", "empty", "unknown"} {
				b := newPerson(t)
				b.signIn(s, login, "/")
				var denied *access.Denied
				if err := s.lastError(); !errors.As(err, &denied) {
					t.Errorf("%s: %v", login, err)
				}
				if at := b.get(s.URL + "/"); at.status != http.StatusUnauthorized {
					t.Errorf("%s has a session: %s", login, at.body)
				}
			}
		})
	}
}

// TestRealProviderRefuses: what is not the end of the sign-in that this browser began is refused.
func TestRealProviderRefuses(t *testing.T) {
	s := newSite(t)
	issuer, stop := startProvider(t, providerOptions{
		Redirect: s.URL + signin.CallbackPath, Secret: "secret", Method: "client_secret_basic", People: people,
	})
	s.trust(t, issuer, "secret")
	edit := func(address string, f func(q url.Values)) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		f(q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	refused := func(what string, p *person, address string, want error) {
		t.Helper()
		at := p.get(address)
		if err := s.lastError(); !errors.Is(err, want) || at.status != http.StatusTeapot {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
		for _, secret := range []string{"secret=", `"secret"`, edit(address, func(url.Values) {})} {
			if strings.Contains(at.body, secret) {
				t.Errorf("%s: given away: %s", what, at.body)
			}
		}
		if at := p.get(s.URL + "/"); at.status != http.StatusUnauthorized {
			t.Errorf("%s: there is a session: %s", what, at.body)
		}
	}
	t.Run("state", func(t *testing.T) {
		for what, f := range map[string]func(q url.Values){
			"wrong state": func(q url.Values) { q.Set("state", q.Get("state")[1:]+"A") },
			"empty state": func(q url.Values) { q.Set("state", "") },
			"no state":    func(q url.Values) { q.Del("state") },
			"no code":     func(q url.Values) { q.Del("code") },
			"wrong code":  func(q url.Values) { q.Set("code", "x"+q.Get("code")) },
		} {
			p := newPerson(t)
			refused(what, p, edit(p.callback(s, "ada"), f), signin.ErrState)
		}
	})
	t.Run("another browser", func(t *testing.T) {
		refused("no cookie", newPerson(t), newPerson(t).callback(s, "ada"), signin.ErrState)
	})
	t.Run("another provider", func(t *testing.T) {
		p := newPerson(t)
		refused("iss", p, edit(p.callback(s, "ada"), func(q url.Values) { q.Set("iss", "https://evil.example") }), signin.ErrToken)
	})
	t.Run("a code of another sign-in", func(t *testing.T) {
		victim, thief := newPerson(t), newPerson(t)
		var code string
		edit(victim.callback(s, "ada"), func(q url.Values) { code = q.Get("code") })
		refused("stolen", thief, edit(thief.callback(s, "none"), func(q url.Values) { q.Set("code", code) }), signin.ErrState)
	})
	t.Run("replay", func(t *testing.T) {
		p := newPerson(t)
		address := p.callback(s, "ada")
		at, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		kept := p.client.Jar.Cookies(at)
		if got := p.get(address); got.status != http.StatusOK && got.status != http.StatusSeeOther {
			t.Fatalf("the first time: %d, %v", got.status, s.lastError())
		}
		refused("again, without a cookie", newPerson(t), address, signin.ErrState)
		thief := newPerson(t)
		thief.client.Jar.SetCookies(at, kept)
		refused("again, with the cookie kept", thief, address, signin.ErrState)
	})
	t.Run("a server with another secret", func(t *testing.T) {
		p := newPerson(t)
		address := p.callback(s, "ada")
		s.trust(t, issuer, "secret")
		refused("its cookie", p, address, signin.ErrState)
	})
	t.Run("cancelled", func(t *testing.T) {
		p := newPerson(t)
		at := p.get(s.URL + "/signin/oidc")
		link := abortLink.FindStringSubmatch(at.body)
		if link == nil {
			t.Fatalf("no way to cancel: %s", at.body)
		}
		to, err := at.url.Parse(link[1])
		if err != nil {
			t.Fatal(err)
		}
		refused("cancelled", p, to.String(), signin.ErrDeclined)
	})
	t.Run("wrong client secret", func(t *testing.T) {
		s.trust(t, issuer, "wrong")
		p := newPerson(t)
		refused("wrong client secret", p, p.callback(s, "ada"), signin.ErrProvider)
		if err := s.lastError(); !strings.Contains(err.Error(), "invalid_client") || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%v", err)
		}
		s.trust(t, issuer, "secret")
	})
	t.Run("provider away", func(t *testing.T) {
		p := newPerson(t)
		address := p.callback(s, "ada")
		stop()
		refused("before the exchange", p, address, signin.ErrProvider)
		// What is known of the provider still leads there; a server that starts now knows nothing, and tries again each time.
		s.trust(t, issuer, "secret")
		for range 2 {
			refused("before discovery", newPerson(t), s.URL+"/signin/oidc", signin.ErrProvider)
		}
		u, err := url.Parse(issuer)
		if err != nil {
			t.Fatal(err)
		}
		var port int
		if err := json.Unmarshal([]byte(u.Port()), &port); err != nil {
			t.Fatal(err)
		}
		startProvider(t, providerOptions{
			Port: port, Redirect: s.URL + signin.CallbackPath, Secret: "secret", Method: "client_secret_basic", People: people,
		})
		if at := newPerson(t).signIn(s, "ada", "/"); at.status != http.StatusOK {
			t.Errorf("after it is back: %d %s", at.status, at.body)
		}
	})
}
