package pages_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/admin/pages"
)

// assetURLs returns the addresses of all assets that pages refer to, by file name.
func assetURLs(t *testing.T, p *pages.Pages) map[string]string {
	urls := map[string]string{}
	for _, s := range samples(plain) {
		for _, n := range render(t, p, s).elements() {
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Val, pages.AssetPath) {
					urls[a.Val[strings.LastIndex(a.Val, "/")+1:]] = a.Val
				}
			}
		}
	}
	return urls
}

func get(p *pages.Pages, method, url string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.Assets().ServeHTTP(w, r)
	return w
}

// TestAssets fetches what pages refer to: for ever cacheable, compressed for who takes it, the same bytes either way.
func TestAssets(t *testing.T) {
	p := newPages(t)
	urls := assetURLs(t, p)
	for _, name := range []string{"app.css", "app.js", "charts.js", "icon.svg", "echarts.common.min.js"} {
		url := urls[name]
		if !regexp.MustCompile(`^/assets/[0-9a-f]{16}/[a-z.]+$`).MatchString(url) {
			t.Errorf("%s is at %q", name, url)
			continue
		}
		plain := get(p, "GET", url)
		body, _ := io.ReadAll(plain.Body)
		if plain.Code != 200 || plain.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || plain.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %d %v", url, plain.Code, plain.Header())
		}
		small := get(p, "GET", url, "Accept-Encoding", "br, gzip")
		if small.Header().Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(small.Body)
			if err != nil {
				t.Fatal(err)
			}
			if unpacked, err := io.ReadAll(z); err != nil || string(unpacked) != string(body) {
				t.Errorf("%s: gzip holds other bytes: %v", url, err)
			}
		} else if len(body) > 1000 {
			t.Errorf("%s: %d bytes are not compressed", url, len(body))
		}
		if a, b := plain.Header().Get("ETag"), small.Header().Get("ETag"); len(body) > 1000 && a == b {
			t.Errorf("%s: one ETag for two encodings", url)
		}
		again := get(p, "GET", url, "If-None-Match", plain.Header().Get("ETag"))
		if again.Code != 304 {
			t.Errorf("%s: %d with its ETag", url, again.Code)
		}
		head := get(p, "HEAD", url)
		if n, _ := io.Copy(io.Discard, head.Body); n != 0 || head.Header().Get("Content-Length") != strconv.Itoa(len(body)) {
			t.Errorf("%s: HEAD has %d bytes, says %s", url, n, head.Header().Get("Content-Length"))
		}
	}
}

func TestAssetsRefused(t *testing.T) {
	p := newPages(t)
	css := assetURLs(t, p)["app.css"]
	for _, c := range []struct {
		method, url string
		status      int
	}{
		{"GET", "/assets/", 404},
		{"GET", "/assets/0000000000000000/app.css", 404},
		{"GET", "/assets/third_party/echarts/LICENSE", 404},
		{"GET", css + "/", 404},
		{"GET", strings.ToUpper(css), 404},
		{"GET", "/assets/../pages.go", 404},
		{"POST", css, 405},
		{"DELETE", css, 405},
	} {
		if got := get(p, c.method, c.url); got.Code != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.url, got.Code, c.status)
		}
	}
}

func TestAcceptEncoding(t *testing.T) {
	p := newPages(t)
	css := assetURLs(t, p)["app.css"]
	for header, want := range map[string]string{
		"": "", "gzip": "gzip", "GZIP": "gzip", "deflate, gzip;q=0.5": "gzip", "gzip;q=1": "gzip", "gzip ; q=0.001": "gzip", "identity": "",
		"gzip;q=0": "", "gzip; q=0.0": "", "gzip;q=nonsense": "", "xgzip": "", "br": "",
	} {
		if got := get(p, "GET", css, "Accept-Encoding", header).Header().Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding: %s: got %q, want %q", header, got, want)
		}
	}
}

// TestNothingLeaves looks for addresses of other hosts in what we wrote ourselves.
func TestNothingLeaves(t *testing.T) {
	p := newPages(t)
	for name, url := range assetURLs(t, p) {
		if name == "echarts.common.min.js" {
			continue // it names the namespaces of SVG; the browser test watches what is asked for
		}
		body, _ := io.ReadAll(get(p, "GET", url).Body)
		text := strings.ReplaceAll(string(body), "http://www.w3.org/2000/svg", "")
		for _, s := range []string{"://", "@import", "url(", "fetch(", "XMLHttpRequest", "innerHTML", "eval("} {
			if strings.Contains(text, s) {
				t.Errorf("%s has %s", name, s)
			}
		}
	}
}
