package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad: Load never panics; every problem of a document has a position; what loads prints, has fingerprints and
// shows no secret.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml", "example.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	for _, s := range []string{"a: &a [*a]", "lake: &l {<<: *l}", "? - a\n: b", "- - -", "{", "timezone: !!binary aa", "&a : *a", "lake: {bucket: ${", "%YAML 1.2\n---\na", "<<: {timezone: UTC}", "datasets: {logins: {columns: {<<: [a]}}}"} {
		f.Add([]byte(s))
	}
	env := Env{
		LookupEnv: func(string) (string, bool) { return canary, true },
		ReadFile:  func(string) ([]byte, error) { return nil, os.ErrNotExist },
		OpenVar:   func(context.Context, string) (string, error) { return "", errors.New("refused") },
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parse(context.Background(), "f.yaml", "/etc", text, env)
		if err != nil {
			var list Errors
			if !errors.As(err, &list) || len(list) == 0 || c != nil {
				t.Fatalf("%T with config %v", err, c)
			}
			lines := strings.Count(string(text), "\n") + 1
			for _, p := range list {
				if p.Line < 1 || p.Column < 1 || p.Line > lines+1 || p.Message == "" {
					t.Errorf("%d lines, problem %+v", lines, p)
				}
				if strings.Contains(p.String(), canary) && !strings.Contains(string(text), canary) {
					t.Errorf("shows a secret: %s", p)
				}
			}
			return
		}
		if s := c.Location().String(); s == "" {
			t.Error("no zone")
		}
		for _, name := range c.DatasetNames() {
			c.Fingerprint(name)
		}
		if _, err := c.MarshalJSON(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzExpand: a text without references is unchanged, and nothing panics.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"", "${A}", "$${A}", "${file:x}", "${var:a://b}", "${", "$", "a}b", "$$${}"} {
		f.Add(s)
	}
	x := newExpander(context.Background(), Env{LookupEnv: func(string) (string, bool) { return "v", true }}, "/")
	f.Fuzz(func(t *testing.T, s string) {
		got, expanded, failure := x.expand(s)
		if !strings.Contains(s, "${") && (got != s || expanded || failure != nil) {
			t.Errorf("%q became %q, %v", s, got, failure)
		}
		shown := Redact(shownReferences(s))
		if Redact(shown) != shown {
			t.Errorf("redacting %q is not stable: %q", s, shown)
		}
	})
}
