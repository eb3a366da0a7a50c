package signin_test

import (
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"testing"

	"github.com/usagereport/usagereport/admin/signin"
)

// person is somebody at a browser.
type person struct {
	t      *testing.T
	client *http.Client
}

func newPerson(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t: t, client: &http.Client{Jar: jar}}
}

type page struct {
	url    *url.URL
	status int
	body   string
}

func (p *person) page(resp *http.Response, err error) page {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		p.t.Fatal(err)
	}
	return page{url: resp.Request.URL, status: resp.StatusCode, body: string(body)}
}

func (p *person) get(address string) page {
	p.t.Helper()
	return p.page(p.client.Get(address))
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	formHidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
	abortLink  = regexp.MustCompile(`href="([^"]*/abort)"`)
)

// submit fills in the provider's form.
func (p *person) submit(at page, fields url.Values) page {
	p.t.Helper()
	action := formAction.FindStringSubmatch(at.body)
	if action == nil {
		p.t.Fatalf("no form at %s (%d): %s", at.url, at.status, at.body)
	}
	to, err := at.url.Parse(html.UnescapeString(action[1]))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, h := range formHidden.FindAllStringSubmatch(at.body, -1) {
		fields.Set(h[1], html.UnescapeString(h[2]))
	}
	return p.page(p.client.PostForm(to.String(), fields))
}

// signIn goes through the provider's pages, and returns where that ends.
func (p *person) signIn(s *site, login, next string) page {
	p.t.Helper()
	at := p.get(s.URL + "/signin/oidc?next=" + url.QueryEscape(next))
	at = p.submit(at, url.Values{"login": {login}, "password": {"any"}})
	return p.submit(at, url.Values{})
}

// stopAtCallback makes the browser stay at the answer that leads back to the site; it then returns where that would be.
func (p *person) stopAtCallback() {
	p.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == signin.CallbackPath {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

func (p *person) callback(s *site, login string) string {
	p.t.Helper()
	p.stopAtCallback()
	at := p.get(s.URL + "/signin/oidc")
	if formAction.MatchString(at.body) {
		at = p.submit(at, url.Values{"login": {login}, "password": {"any"}})
	}
	action := formAction.FindStringSubmatch(at.body)
	if action == nil {
		p.t.Fatalf("no form at %s: %s", at.url, at.body)
	}
	fields := url.Values{}
	for _, h := range formHidden.FindAllStringSubmatch(at.body, -1) {
		fields.Set(h[1], html.UnescapeString(h[2]))
	}
	resp, err := p.client.PostForm(html.UnescapeString(action[1]), fields)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = resp.Body.Close()
	location, err := resp.Location()
	if err != nil {
		p.t.Fatalf("%s: %v", resp.Status, err)
	}
	return location.String()
}
