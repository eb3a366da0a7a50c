package secrets_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// leaking is added to the program to have it let a secret out on purpose, or panic.
const leaking = `package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"

	"github.com/usagereport/usagereport/jobs"
)

func leak(ctx context.Context, n *jobs.Night) {
	secret := n.Config.Notify.Ping.Reveal()
	switch os.Getenv("LEAK") {
	case "log":
		n.Log.Info("begins", "ping", secret)
	case "log in base64":
		n.Log.Info("begins", "ping", base64.StdEncoding.EncodeToString([]byte("Basic "+secret)))
	case "file":
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		fmt.Fprint(w, secret)
		w.Close()
		os.WriteFile("lake/leaked", b.Bytes(), 0o600)
	case "webhook":
		http.Post(n.Config.Notify.Webhooks[1].URL.Reveal(), "text/plain", bytes.NewBufferString(secret))
	case "panic with it":
		panic(secret)
	case "panic with the config":
		panic(fmt.Sprintf("%+v %#v", n.Config, *n.Config))
	case "panic":
		var none *jobs.Outcome
		fmt.Println(none.Took, n, ctx)
	}
}
`

// TestALeakIsFound builds the program with a leak, and shows that it is found. The same program panics; of that nothing is to be found.
func TestALeakIsFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.binary = h.leaky(t)
	config := h.write(t, "usagereport.yaml", h.config(t, well))
	env := h.env
	for leak, want := range map[string]struct {
		found string // how; empty: not at all
		exit  int
	}{
		"none": {"", 0}, "panic": {"", 2}, "panic with the config": {"", 2},
		"log": {"shows", 0}, "log in base64": {"shows", 0}, "file": {"writes", 0}, "webhook": {"tells literal", 0}, "panic with it": {"shows", 2},
	} {
		h.env = slices.Concat(env, []string{"LEAK=" + leak})
		stdout, stderr, code := h.run(t, "run", "--config", config, "--date", "2026-03-11")
		if code != want.exit || strings.Contains(stderr, "panic: ") != strings.HasPrefix(leak, "panic") {
			t.Errorf("%s: exit code %d, want %d\n%s", leak, code, want.exit, stderr)
		}
		found := strings.Join(h.leaks(t, leak, stdout+stderr), "\n")
		if (want.found == "") != (found == "") || !strings.Contains(found, want.found) || found != "" && !strings.Contains(found, "ping variable") {
			t.Errorf("%s: found %q, want one that %q the ping variable", leak, found, want.found)
		}
		if err := os.RemoveAll(filepath.Join(h.dir, "lake", "leaked")); err != nil {
			t.Fatal(err)
		}
	}
}

// leaky builds the program with the leak.
func (h *house) leaky(t *testing.T) string {
	t.Helper()
	place, err := filepath.Abs("../../cmd/usagereport")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(place, "notify.go"))
	if err != nil {
		t.Fatal(err)
	}
	const at = "	req, id := n.Fix(req)\n"
	patched := strings.Replace(string(text), at, at+"	leak(ctx, n)\n", 1)
	if patched == string(text) {
		t.Fatalf("%q is no longer in notify.go", at)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(place, "notify.go"): h.write(t, "notify.yaml", patched),
		filepath.Join(place, "leak.go"):   h.write(t, "leak.yaml", leaking),
	}})
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(scratch, "leaky")
	if err := build(binary, "-overlay", h.write(t, "overlay.yaml", string(overlay))); err != nil {
		t.Fatal(err)
	}
	return binary
}
