// Package secrets_test plants a secret of its own in every place of the config and the environment where one can stand, has the real
// program succeed, fail in every way, be asked for everything and be killed with a dump of its goroutines, and looks for the secrets
// in all that came out: on its terminal, in its lake, its status file, its traces, and what it told others. It tests no package of its
// own.
package secrets_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// scratch is where programs are built.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "secrets"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// TestCommands has everything go well, and looks at what came out after each step, so that a failure names the command.
func TestCommands(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	config := h.write(t, "usagereport.yaml", h.config(t, well))
	h.expect(t, 0, "published", "run", "--config", config, "--date", "2026-03-11")
	for _, step := range []struct {
		says string
		args []string
	}{
		{"ok    lake", []string{"check"}},
		{"2026-03-11", []string{"verify"}},
		{"2026-03-11", []string{"runs"}},
		{`"exit_code": 0`, []string{"runs", "--json"}},
		{"audit_events", []string{"runs", "--quality", "--last", "1"}},
		{"audit_events", []string{"runs", "--date", "2026-03-11"}},
		{"dry", []string{"run", "--dry-run", "--date", "2026-03-12"}},
		{"published", []string{"run", "--full", "--date", "2026-03-12"}},
		{"2026-03-09", []string{"backfill", "--from", "2026-03-09", "--to", "2026-03-10"}},
	} {
		h.expect(t, 0, step.says, append(step.args, "--config", config)...)
	}
	for _, args := range [][]string{{"--help"}, {"run", "--help"}, {"serve", "--help"}, {"key", "create", "--help"}} {
		h.expect(t, 0, "Usage:", args...)
	}
	h.expect(t, 0, "workspaces", "schema")
	h.expect(t, 2, "integration", "explain-user", "someone@x.org", "--config", config)
	h.expect(t, 0, "", "version")
	h.expect(t, 2, "nonsense", "nonsense")
	h.expect(t, 2, "nonsense", "run", "--nonsense", "--config", config)
	h.quit(t, syscall.SIGQUIT, config)
	h.quit(t, syscall.SIGABRT, config)
	h.reached(t, "lineage", "traces", "metrics", "ping")
}

// TestSchedule has a scheduler make a night that goes well, and one that does not.
func TestSchedule(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]struct{ text, logs, status string }{
		"well":  {well, "published", `"problem": ""`},
		"badly": {strings.Replace(well, "FROM events", "FROM nowhere", 1), "nowhere", "nowhere"},
	} {
		h := newHouse(t)
		s := h.start(t, "schedule", "--config", h.write(t, name+".yaml", h.config(t, step.text)))
		s.await(t, step.logs)
		v := s.visitor(t)
		v.fetch(t, http.StatusOK, http.MethodGet, "/livez", "", nil)
		s.end(t)
		if status, err := os.ReadFile(h.dir + "/status.json"); err != nil || !bytes.Contains(status, []byte(step.status)) {
			t.Errorf("%s: %v: %s", name, err, status)
		}
	}
}

// TestFailures has the program fail in every way that can be brought about from outside.
func TestFailures(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, b := range h.broken(t) {
		path := h.write(t, name+".yaml", b.text)
		for command := range strings.FieldsSeq(b.commands) {
			h.expect(t, b.exit, b.says, append(strings.Split(command, "-"), "--config", path)...)
		}
		if _, _, code := h.run(t, "check", "--config", path); code == 0 && !strings.Contains(b.commands, "key") {
			t.Errorf("%s: check finds nothing", name)
		}
		h.expect(t, 0, "", "schema")
	}
	h.reached(t, "hook", "literal", "letters", "mail", "lineage", "traces", "metrics", "s3", "postgres")
}

// TestDemo makes the demo, which has no secrets but those of the environment, and looks at what it shows, sends and has recorded. Its
// data, which would take long to look through, is made as elsewhere.
func TestDemo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	dir := filepath.Join(t.TempDir(), "demo")
	h.expect(t, 0, "serve", "demo", "--dir", dir, "--date", "2026-03-11")
	h.expect(t, 0, `"exit_code": 0`, "runs", "--json", "--config", filepath.Join(dir, "usagereport.yaml"))
}

// reached checks that others were told something at all, or nothing was looked at.
func (h *house) reached(t *testing.T, names ...string) {
	t.Helper()
	for _, who := range names {
		if h.heard[who] == 0 {
			t.Errorf("%s heard nothing", who)
		}
	}
}

// TestTheSearchFinds shows that a secret would be found, however it is written.
func TestTheSearchFinds(t *testing.T) {
	const secret = "k4n4ry+/S3cret&value"
	compressed := func(text string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(text))
		if err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	packer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	many := strings.Repeat(secret, 20)
	for name, text := range map[string]string{
		"plain": "x" + secret + "y", "percent": "?q=k4n4ry%2B%2FS3cret%26value", "all percent": "%6b4n4ry+/S3cret&value", "path": "/k4n4ry+%2FS3cret&value/",
		"json": `{"a":"k4n4ry+/S3cret\u0026value"}`, "base64": "AGFiY2s0bjRyeSsvUzNjcmV0JnZhbHVl", "hex": "x " + fmt.Sprintf("%x", secret),
		"gzip": "x" + string(compressed(many)) + "y", "zstd": "PAR1" + string(packer.EncodeAll([]byte(many), nil)) + "PAR1",
		"gzip in base64": `{"a":"` + base64.StdEncoding.EncodeToString(compressed(many)) + `"}`,
		"letter":         "Content-Transfer-Encoding: quoted-printable\r\n\r\nabc k4n4ry+/S3c=\r\nret&value",
	} {
		if found := search([]byte(text), map[string]string{"it": secret}); len(found) != 1 {
			t.Errorf("%s: %q is not found in %q", name, secret, text)
		}
	}
	if found := search([]byte("k4n4ry"), map[string]string{"it": secret}); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}
