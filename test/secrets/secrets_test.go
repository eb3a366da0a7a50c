// Package secrets_test plants a secret of its own in every place of the config and the environment where one can stand, has the real
// program succeed, fail in every way, be asked for everything and be killed with a dump of its goroutines, and looks for the secrets
// in all that came out: on its terminal, in its lake, its status file, its traces, and what it told others. It tests no package of its
// own.
package secrets_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestSecretsStayInside runs everything, and looks at what came out after each step, so that a failure names the command.
func TestSecretsStayInside(t *testing.T) {
	h := newHouse(t)
	config := h.write(t, "usagereport.yaml", h.config(well))
	h.expect(t, 0, "run", "--config", config)
	for _, args := range [][]string{
		{"check"}, {"verify"}, {"runs"}, {"runs", "--json"}, {"explain-user", "--email", "someone@x.org"},
		{"run", "--dry-run"}, {"run", "--full"}, {"backfill", "--from", "2026-03-09", "--to", "2026-03-10"},
		{"key", "create", "--name", "n", "--role", "Administrator"}, {"key", "list"},
	} {
		h.run(t, append(args, "--config", config)...)
	}
	for _, args := range [][]string{{"--help"}, {"run", "--help"}, {"serve", "--help"}, {"schema"}, {"version"}, {"nonsense"}, {"run", "--nonsense"}} {
		h.run(t, args...)
	}
	for name, broken := range h.broken() {
		t.Run(name, func(t *testing.T) {
			path := h.write(t, strings.ReplaceAll(name, " ", "-")+".yaml", broken.text)
			for _, command := range broken.commands {
				h.expect(t, broken.exit, command, "--config", path)
			}
			h.run(t, "check", "--config", path)
			h.run(t, "runs", "--json", "--config", path)
		})
	}
	t.Run("others that answer badly", func(t *testing.T) {
		h.others.answer.Store(http.StatusInternalServerError)
		defer h.others.answer.Store(http.StatusOK)
		h.run(t, "run", "--config", h.write(t, "refused.yaml", strings.Replace(h.withRefusal(), "FROM events", "FROM nowhere", 1)))
	})
	t.Run("a dump of all goroutines", func(t *testing.T) { h.quit(t, config) })
	t.Run("services", func(t *testing.T) {
		h.serve(t, "serve", config, "listening")
		h.serve(t, "schedule", config, "schedule began")
	})
	if h.others.heard.Len() == 0 || !strings.Contains(h.seen.String(), "usagereport") {
		t.Error("nothing was heard or shown: the test has lost its reach")
	}
}

// TestTheSearchFinds shows that a secret would be found, however it is written.
func TestTheSearchFinds(t *testing.T) {
	const secret = "k4n4ry+/S3cret&value"
	for name, text := range map[string]string{
		"plain": "x" + secret + "y", "percent": "?q=k4n4ry%2B%2FS3cret%26value", "path": "/k4n4ry+%2FS3cret&value/", "json": `{"a":"k4n4ry+/S3cret\u0026value"}`,
		"base64": "AGFiY2s0bjRyeSsvUzNjcmV0JnZhbHVl", "hex": "x " + fmt.Sprintf("%x", secret),
	} {
		if found := search(text, map[string]string{"it": secret}); len(found) != 1 {
			t.Errorf("%s: %q is not found in %q", name, secret, text)
		}
	}
	if found := search("k4n4ry", map[string]string{"it": secret}); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}
