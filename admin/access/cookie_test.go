package access

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type value struct {
	Text string   `json:"t"`
	List []string `json:"l,omitempty"`
}

func testCookie(t testing.TB, name string, secret byte) *Cookie {
	t.Helper()
	c, err := NewCookie(name, bytes.Repeat([]byte{secret}, SecretBytes), true)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// requestWith returns a request with cookies of that name.
func requestWith(name string, values ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, v := range values {
		r.AddCookie(&http.Cookie{Name: name, Value: v})
	}
	return r
}

func TestCookie(t *testing.T) {
	c := testCookie(t, "one", 1)
	w := httptest.NewRecorder()
	if err := c.Set(w, value{Text: "hello"}, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	got := w.Result().Cookies()
	if len(got) != 1 {
		t.Fatalf("%q", w.Header())
	}
	k := got[0]
	if k.Name != "__Host-one" || k.Path != "/" || k.Domain != "" || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.MaxAge != 600 {
		t.Errorf("%+v", k)
	}
	if strings.Contains(k.Value, "hello") || strings.Contains(k.Value, base64.RawURLEncoding.EncodeToString([]byte("hello"))[:5]) {
		t.Errorf("it can be read: %s", k.Value)
	}
	var v value
	if err := c.Get(requestWith("__Host-one", k.Value), &v); err != nil || v.Text != "hello" {
		t.Errorf("%+v, %v", v, err)
	}
	// What a neighbour on the domain set beside it does no harm.
	if err := c.Get(requestWith("__Host-one", "x", "", k.Value), &v); err != nil || v.Text != "hello" {
		t.Errorf("%+v, %v", v, err)
	}
	if err := c.Get(requestWith("__Host-one", "x", "x", "x", "x", k.Value), &v); !errors.Is(err, http.ErrNoCookie) {
		t.Errorf("the fifth of the name: %v", err)
	}
	if err := c.Get(requestWith("one", k.Value), &v); !errors.Is(err, http.ErrNoCookie) {
		t.Errorf("without its prefix: %v", err)
	}
	w = httptest.NewRecorder()
	c.Clear(w)
	if k := w.Result().Cookies()[0]; k.MaxAge != -1 || k.Value != "" || k.Name != "__Host-one" || !k.Secure {
		t.Errorf("%+v", k)
	}
	plain, err := NewCookie("one", NewSecret(), false)
	if err != nil {
		t.Fatal(err)
	}
	w = httptest.NewRecorder()
	if err := plain.Set(w, value{}, 0); err != nil {
		t.Fatal(err)
	}
	if k := w.Result().Cookies()[0]; k.Name != "one" || k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.MaxAge != 0 {
		t.Errorf("%+v", k)
	}
	if _, err := NewCookie("one", make([]byte, SecretBytes-1), true); !errors.Is(err, ErrInvalid) {
		t.Errorf("a short secret: %v", err)
	}
	if err := plain.Set(httptest.NewRecorder(), value{Text: strings.Repeat("x", maxCookie)}, 0); !errors.Is(err, ErrInvalid) {
		t.Errorf("a long value: %v", err)
	}
}

// TestForgedCookies: only the text itself, made by this very cookie with this very secret, is taken.
func TestForgedCookies(t *testing.T) {
	c := testCookie(t, "one", 1)
	good, err := c.seal(value{Text: "a"})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(text string) {
		t.Helper()
		var v value
		if err := c.open(text, &v); err == nil {
			t.Fatalf("%q was taken: %+v", text, v)
		}
	}
	for i := range len(good) {
		for _, b := range "AQgw-_a0=" {
			if bad := good[:i] + string(b) + good[i+1:]; bad != good {
				refused(bad)
			}
		}
		refused(good[:i])
	}
	refused(good + "A")
	refused(good + "=")
	refused(good + "\n")
	for _, other := range []*Cookie{testCookie(t, "one", 2), testCookie(t, "two", 1)} {
		text, err := other.seal(value{Text: "a"})
		if err != nil {
			t.Fatal(err)
		}
		refused(text)
	}
	for _, of := range []any{map[string]int{"t": 1}, map[string]string{"t": "x", "other": "y"}, []string{"x"}} {
		text, err := c.seal(of)
		if err != nil {
			t.Fatal(err)
		}
		v := value{}
		if err := c.open(text, &v); err == nil {
			t.Errorf("%v was taken for %+v", of, v)
		}
	}
	if again, err := c.seal(value{Text: "a"}); err != nil || again == good {
		t.Errorf("two cookies of a value are equal: %v", err)
	}
}

func TestCookieRoundTrip(t *testing.T) {
	c := testCookie(t, "one", 1)
	rapid.Check(t, func(t *rapid.T) {
		want := value{Text: rapid.StringN(0, 200, 600).Draw(t, "text"), List: rapid.SliceOfN(rapid.StringN(0, 20, 60), 0, 8).Draw(t, "list")}
		text, err := c.seal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got value
		if err := c.open(text, &got); err != nil || got.Text != want.Text || len(got.List) != len(want.List) {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
	})
}

func FuzzOpenCookie(f *testing.F) {
	c := testCookie(f, "one", 1)
	good, err := c.seal(value{Text: "a", List: []string{"b"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("AAAA")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"t":"a"}`)))
	f.Fuzz(func(t *testing.T, text string) {
		var v value
		if err := c.open(text, &v); err == nil && (v.Text != "a" || len(v.List) != 1 || v.List[0] != "b") { // nothing else was sealed
			t.Fatalf("%q: %+v", text, v)
		}
		if err := c.Get(requestWith(c.name, text), &v); err != nil && !errors.Is(err, http.ErrNoCookie) {
			t.Fatal(err)
		}
	})
}
