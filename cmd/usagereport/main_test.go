package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// invocation is what one run of the program left behind.
type invocation struct {
	code           int
	stdout, stderr string
}

// invoke runs the program in this process, as main does. Tests that use it do not run in parallel: it stands in for the
// process's own output.
func invoke(t *testing.T, args ...string) invocation {
	t.Helper()
	out, err := capture(t), capture(t)
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = out, err
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	code := run(args)
	return invocation{code, content(t, out), content(t, err)}
}

func capture(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "output")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func content(t *testing.T, f *os.File) string {
	t.Helper()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// want fails the test unless the program ended with the code, and both outputs together have every one of the texts.
func (i invocation) want(t *testing.T, code int, texts ...string) {
	t.Helper()
	if i.code != code {
		t.Errorf("exit code %d, want %d", i.code, code)
	}
	for _, text := range texts {
		if !strings.Contains(i.stdout+i.stderr, text) {
			t.Errorf("nowhere in the output: %q", text)
		}
	}
	if t.Failed() {
		t.Fatalf("stdout:\n%s\nstderr:\n%s", i.stdout, i.stderr)
	}
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with go test ./cmd/usagereport -update", err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s is out of date; got:\n%s\nwant:\n%s\nwrite it with go test ./cmd/usagereport -update", path, got, want)
	}
}
