package pages_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/admin/pages"
)

func newPages(tb testing.TB) *pages.Pages {
	p, err := pages.New()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestSamples renders every page in its states.
func TestSamples(t *testing.T) {
	p := newPages(t)
	for _, s := range samples(plain) {
		t.Run(s.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := s.render(p, &b); err != nil {
				t.Fatal(err)
			}
			if dir := os.Getenv("PAGES_OUT"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, s.name+".html"), b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPages renders every page with something on it.
func BenchmarkPages(b *testing.B) {
	p := newPages(b)
	for _, s := range samples(plain) {
		if strings.Contains(s.name, "-") {
			continue
		}
		b.Run(s.name, func(b *testing.B) {
			var w bytes.Buffer
			b.ReportAllocs()
			for b.Loop() {
				w.Reset()
				if err := s.render(p, &w); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(w.Len()))
		})
	}
}

// BenchmarkNew is what a start costs.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newPages(b)
	}
}
