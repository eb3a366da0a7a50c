package secrets_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// marker is how most secrets begin: a text without it is looked through once, and not for every one of them.
const marker = "k4n4ryS3cr3t"

// search returns the names of the secrets that stand in a text: as they are, as programs write them elsewhere, or within what the
// text holds in base64, percent-encoded or compressed, however deep.
func search(text []byte, secrets map[string]string) (found []string) {
	contains := func(layer []byte, secret string) bool {
		return slices.ContainsFunc(forms(secret), func(form string) bool { return bytes.Contains(layer, []byte(form)) })
	}
	for _, layer := range layers(text, 5) {
		marked := contains(layer, marker)
		for name, secret := range secrets {
			if (marked || !strings.HasPrefix(secret, marker)) && contains(layer, secret) {
				found = append(found, name)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// forms returns how a secret may be written: as it is, as part of a URL, as JSON, in hexadecimal, and in base64 together with
// whatever stands before and after it.
func forms(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		panic(err) // a string is always text
	}
	coded := hex.EncodeToString([]byte(secret))
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`), coded, strings.ToUpper(coded)}
	for before := range 3 {
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + secret))
		// What depends on the neighbours is left out.
		first, last := []int{0, 2, 3}[before], len(coded)-4
		all = append(all, coded[first:last], strings.NewReplacer("+", "-", "/", "_").Replace(coded[first:last]))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

var (
	anyBase64  = regexp.MustCompile(`^[A-Za-z0-9+/_-]{16,}`)
	anyEscape  = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	zstdMagic  = []byte{0x28, 0xb5, 0x2f, 0xfd}
	gzipMagic  = []byte{0x1f, 0x8b, 0x08}
	maxUnpack  = int64(64 << 20)
	unescape   = func(b []byte) []byte { v, _ := hex.DecodeString(string(b[1:])); return v }
	urlAlready = strings.NewReplacer("-", "+", "_", "/")
)

// layers returns a text, and what it holds in other forms: the pages of Parquet files are zstd frames, workbooks are zips.
func layers(text []byte, depth int) [][]byte {
	all := [][]byte{text}
	if depth == 0 {
		return all
	}
	add := func(inner []byte) {
		if len(inner) > 0 {
			all = append(all, layers(inner, depth-1)...)
		}
	}
	if bytes.IndexByte(text, '%') >= 0 && anyEscape.Match(text) {
		add(anyEscape.ReplaceAllFunc(text, unescape))
	}
	if bytes.Contains(text, []byte("quoted-printable")) { // a letter, whose lines are broken anywhere
		add(some(quotedprintable.NewReader(bytes.NewReader(text))))
	}
	for at := range positions(text, zstdMagic) {
		add(frame(text[at:]))
	}
	for at := range positions(text, gzipMagic) {
		if r, err := gzip.NewReader(bytes.NewReader(text[at:])); err == nil {
			r.Multistream(false)
			add(some(r))
		}
	}
	if z, err := zip.NewReader(bytes.NewReader(text), int64(len(text))); err == nil {
		for _, f := range z.File {
			if r, err := f.Open(); err == nil {
				add(some(r))
			}
		}
	}
	for _, begins := range []string{"KLUv", "H4sI", "UEsD"} { // the same in base64; plain text in base64 is among the forms
		for at := range positions(text, []byte(begins)) {
			word := urlAlready.Replace(string(anyBase64.Find(text[at:])))
			if inner, err := base64.RawStdEncoding.DecodeString(word[:len(word)-len(word)%4]); err == nil {
				add(inner)
			}
		}
	}
	return all
}

// unpackers are kept, since each has buffers of its own.
var unpackers = sync.Pool{New: func() any {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // of its options
	}
	return r
}}

// frame unpacks the zstd frame that a text begins with, as far as it is one.
func frame(text []byte) []byte {
	r := unpackers.Get().(*zstd.Decoder) //nolint:forcetypeassert // nothing else is in it
	defer unpackers.Put(r)
	if r.Reset(bytes.NewReader(text)) != nil {
		return nil
	}
	return some(r)
}

// some reads what can be read: what follows a frame is no frame.
func some(r io.Reader) []byte {
	b, _ := io.ReadAll(io.LimitReader(r, maxUnpack))
	return b
}

// positions yields where a magic number stands.
func positions(text, magic []byte) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for from := 0; ; {
			i := bytes.Index(text[from:], magic)
			if i < 0 || !yield(from+i) {
				return
			}
			from += i + 1
		}
	}
}
