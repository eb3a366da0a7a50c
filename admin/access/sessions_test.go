package access_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/admin/access"
)

// browser keeps cookies as a browser does.
type browser struct {
	t   *testing.T
	jar *cookiejar.Jar
	at  *url.URL
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, jar: jar, at: &url.URL{Scheme: "https", Host: "usage.acme.example", Path: "/"}}
}

// do makes a request, and keeps the cookies of the answer. It returns how many there were.
func (b *browser) do(f func(w http.ResponseWriter, r *http.Request)) int {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodGet, b.at.String(), nil)
	for _, c := range b.jar.Cookies(b.at) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	f(w, r)
	set := w.Result().Cookies()
	b.jar.SetCookies(b.at, set)
	return len(set)
}

func (b *browser) principal(s *access.Sessions) (p access.Principal, err error) {
	b.t.Helper()
	b.do(func(w http.ResponseWriter, r *http.Request) { p, err = s.Principal(w, r) })
	return p, err
}

func (b *browser) start(s *access.Sessions, p access.Principal) {
	b.t.Helper()
	b.do(func(w http.ResponseWriter, _ *http.Request) {
		if err := s.Start(w, p); err != nil {
			b.t.Fatal(err)
		}
	})
}

type world struct {
	*clock
	store    *memory
	keys     *access.Keys
	secret   []byte
	sessions *access.Sessions
}

var groups = access.Grants{
	"usage-admins": {Role: access.RoleAdministrator, Permissions: []string{access.ServerManagementRead}},
	"sales":        {Workspaces: []string{"w-sales"}},
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: newClock(), store: newMemory(), secret: access.NewSecret()}
	w.keys = access.NewKeys(w.store, w.now)
	w.sessions = w.copyWith(t, groups)
	return w
}

// copyWith returns the sessions of another copy of the server.
func (w *world) copyWith(t *testing.T, g access.Grants) *access.Sessions {
	t.Helper()
	s, err := access.NewSessions(access.SessionOptions{Secret: w.secret, Secure: true, Keys: w.keys, Grants: g, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) person(t *testing.T, values ...string) access.Principal {
	t.Helper()
	p, err := groups.Person("sub-1", "Ada Example", values)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func TestSessionOfAPerson(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	_, err := b.principal(w.sessions)
	wantError(t, "before", err, access.ErrNoSession)
	b.start(w.sessions, w.person(t, "usage-admins", "others"))
	p, err := b.principal(w.copyWith(t, groups))
	if err != nil || p.MayManage() != nil || p.MayAdminister("w-sales") == nil || p.Name != "Ada Example" || p.ID != "sub-1" || p.Kind != access.KindPerson {
		t.Errorf("%+v, %v", p, err)
	}
	if !slices.Equal(p.Groups, []string{"usage-admins"}) || !p.Expires.Equal(w.now().Add(access.SessionLife)) {
		t.Errorf("%+v", p)
	}
	// Signing in as somebody else takes the place of the session.
	b.start(w.sessions, w.person(t, "sales"))
	if p, err := b.principal(w.sessions); err != nil || p.MayManage() == nil || p.MayAdminister("w-sales") != nil {
		t.Errorf("%+v, %v", p, err)
	}
	b.do(func(rw http.ResponseWriter, _ *http.Request) { w.sessions.End(rw) })
	_, err = b.principal(w.sessions)
	wantError(t, "after its end", err, access.ErrNoSession)
}

// TestGroupsChange: rights follow the server's config, not what it was when the session began.
func TestGroupsChange(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	b.start(w.sessions, w.person(t, "usage-admins", "sales"))
	p, err := b.principal(w.copyWith(t, access.Grants{"sales": groups["sales"]}))
	if err != nil || p.MayManage() == nil || p.MayAdminister("w-sales") != nil {
		t.Errorf("%+v, %v", p, err)
	}
	var denied *access.Denied
	if p, err := b.principal(w.copyWith(t, nil)); !errors.As(err, &denied) || p.Kind != "" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestSessionOfAKey(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	text, key := create(t, w.keys, access.New{Expires: w.now().Add(30 * time.Minute)})
	p, err := w.keys.Authenticate(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	b.start(w.sessions, p)
	if got, err := b.principal(w.sessions); err != nil || fmt.Sprint(got) != fmt.Sprint(p) {
		t.Errorf("got %+v, %v; want %+v", got, err, p)
	}
	w.store.away = errors.New("away")
	w.add(3 * time.Second)
	_, err = b.principal(w.sessions)
	wantError(t, "store away", err, access.ErrUnavailable)
	w.store.away = nil

	other := newBrowser(t)
	revoked, _ := create(t, w.keys, access.New{})
	if p, err = w.keys.Authenticate(t.Context(), revoked); err != nil {
		t.Fatal(err)
	}
	other.start(w.sessions, p)
	if _, err := w.keys.Revoke(t.Context(), p.ID, "sec"); err != nil {
		t.Fatal(err)
	}
	_, err = other.principal(w.sessions)
	wantError(t, "revoked", err, access.ErrRevoked)

	w.add(30 * time.Minute)
	_, err = b.principal(w.sessions)
	wantError(t, "expired", err, access.ErrExpired)
	delete(w.store.objects, key.ID)
	w.add(time.Minute)
	_, err = b.principal(w.sessions)
	wantError(t, "deleted", err, access.ErrUnknownKey)
}

// TestSessionTimes: a session ends an hour after the last request, and half a day after its beginning at the latest.
func TestSessionTimes(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	b.start(w.sessions, w.person(t, "sales"))
	w.add(access.SessionIdle - time.Second)
	if _, err := b.principal(w.sessions); err != nil {
		t.Errorf("nearly idle too long: %v", err)
	}
	w.add(access.SessionIdle)
	_, err := b.principal(w.sessions)
	wantError(t, "idle too long", err, access.ErrSessionExpired)

	b.start(w.sessions, w.person(t, "sales"))
	began := w.now()
	for w.now().Sub(began) < access.SessionLife {
		if p, err := b.principal(w.sessions); err != nil || !p.Expires.Equal(began.Add(access.SessionLife)) {
			t.Fatalf("after %s: %+v, %v", w.now().Sub(began), p, err)
		}
		w.add(30 * time.Minute)
	}
	_, err = b.principal(w.sessions)
	wantError(t, "after half a day", err, access.ErrSessionExpired)

	b.start(w.sessions, w.person(t, "sales"))
	w.add(-time.Hour)
	_, err = b.principal(w.sessions)
	wantError(t, "from the future", err, access.ErrSessionExpired)
}

// TestSessionRenewal: the cookie is written again every few minutes, not with every request.
func TestSessionRenewal(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	b.start(w.sessions, w.person(t, "sales"))
	set := 0
	for range 60 {
		w.add(time.Minute)
		set += b.do(func(rw http.ResponseWriter, r *http.Request) {
			if _, err := w.sessions.Principal(rw, r); err != nil {
				t.Fatal(err)
			}
		})
	}
	if set != 12 {
		t.Errorf("%d cookies in an hour, want 12", set)
	}
}

func TestSessionRefuses(t *testing.T) {
	w := newWorld(t)
	rw := httptest.NewRecorder()
	if err := w.sessions.Start(rw, access.Principal{}); !errors.Is(err, access.ErrUnauthenticated) || len(rw.Header()) > 0 {
		t.Errorf("a session of nobody: %v", err)
	}
	p := w.person(t, "sales")
	p.Groups = slices.Repeat([]string{strings.Repeat("g", 100)}, 100)
	if err := w.sessions.Start(rw, p); !errors.Is(err, access.ErrInvalid) || len(rw.Header()) > 0 {
		t.Errorf("a session that is too large: %v", err)
	}
	// A cookie of another server, or of another purpose.
	b := newBrowser(t)
	b.start(newWorld(t).sessions, w.person(t, "usage-admins"))
	_, err := b.principal(w.sessions)
	wantError(t, "another secret", err, access.ErrNoSession)
	other, err := access.NewCookie("usagereport-signin", w.secret, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Set(rw, map[string]any{"k": "person", "i": "x", "g": []string{"usage-admins"}, "s": w.now().Unix(), "a": w.now().Unix()}, 0); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "__Host-usagereport-session", Value: rw.Result().Cookies()[0].Value})
	_, err = w.sessions.Principal(rw, r)
	wantError(t, "another cookie's value", err, access.ErrNoSession)
	if _, err := access.NewSessions(access.SessionOptions{Secret: []byte("short")}); !errors.Is(err, access.ErrInvalid) {
		t.Errorf("a short secret: %v", err)
	}
}

// TestCrossOrigin: with a session's cookie alone no other site makes a browser change anything: what net/http's protection refuses
// is refused although the cookie is there.
func TestCrossOrigin(t *testing.T) {
	w := newWorld(t)
	done := 0
	h := http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, err := w.sessions.Principal(rw, r); err != nil {
			http.Error(rw, err.Error(), http.StatusUnauthorized)
			return
		}
		done++
	}))
	start := httptest.NewRecorder()
	if err := w.sessions.Start(start, w.person(t, "sales")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		site, origin string
		want         int
	}{
		{"same-origin", "https://usage.acme.example", 200},
		{"cross-site", "https://evil.example", 403},
		{"same-site", "https://other.acme.example", 403},
		{"", "https://evil.example", 403},
	} {
		r := httptest.NewRequest(http.MethodPost, "https://usage.acme.example/signout", nil)
		r.AddCookie(start.Result().Cookies()[0])
		r.Header.Set("Origin", c.origin)
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != c.want {
			t.Errorf("%+v: %d", c, rec.Code)
		}
	}
	if done != 1 {
		t.Errorf("done %d times", done)
	}
}
