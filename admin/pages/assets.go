package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed assets
var assetFiles embed.FS

// AssetPath is where [Pages.Assets] is to be mounted.
const AssetPath = "/assets/"

// types of assets by extension. Other files beside the assets, such as licences, are not served.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// assets are the files that pages refer to.
type assets struct {
	urls  map[string]string // by name
	files map[string]*asset // by URL
}

type asset struct {
	kind  string
	etag  string
	plain []byte
	gzip  func() []byte // made when it is first asked for; nil when it would save nothing
}

// loadAssets names each file by its content: what stands at a URL never changes.
func loadAssets() (*assets, error) {
	a := &assets{map[string]string{}, map[string]*asset{}}
	err := fs.WalkDir(assetFiles, "assets", func(file string, d fs.DirEntry, err error) error {
		kind := assetTypes[path.Ext(file)]
		if err != nil || d.IsDir() || kind == "" {
			return err
		}
		data, err := assetFiles.ReadFile(file)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		hash := hex.EncodeToString(sum[:8])
		name := path.Base(file)
		if a.urls[name] != "" {
			return fmt.Errorf("two assets are called %s", name)
		}
		url := AssetPath + hash + "/" + name
		a.urls[name] = url
		a.files[url] = &asset{kind, `"` + hash + `"`, data, sync.OnceValue(func() []byte { return compress(data) })}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("assets of pages: %w", err)
	}
	return a, nil
}

func compress(data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil || b.Len() >= len(data) {
		return nil
	}
	return b.Bytes()
}

// Assets serves the style sheet, the scripts and the icon below [AssetPath], for ever cacheable. They are the same for
// everybody, and may be served to anybody.
func (p *Pages) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := p.assets.files[r.URL.Path]
		if f == nil {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		f.serve(w, r)
	})
}

func (f *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", f.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	body, etag := f.plain, f.etag
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		if small := f.gzip(); small != nil {
			h.Set("Content-Encoding", "gzip")
			body, etag = small, strings.TrimSuffix(f.etag, `"`)+`-gzip"`
		}
	}
	h.Set("ETag", etag)
	if strings.Contains(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Type")
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // whoever asked has gone away: there is nobody to tell
}

// acceptsGzip tells whether gzip is named in Accept-Encoding, and not refused there.
func acceptsGzip(headers []string) bool {
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ",") {
			coding, params, _ := strings.Cut(part, ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			weight, given := strings.CutPrefix(strings.TrimSpace(params), "q=")
			if !given {
				return true
			}
			q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
			return err == nil && q > 0
		}
	}
	return false
}
