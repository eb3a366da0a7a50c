package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/sinks/lake"
)

// keyConfig writes a config of a lake and the admin server alone, and returns its path.
func keyConfig(t *testing.T) (path, dir string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "usagereport.yaml")
	text := fmt.Sprintf("lake:\n  bucket: \"file://%s/lake?create_dir=true\"\n  prefix: p\nadmin:\n  listen: 127.0.0.1:0\n", filepath.ToSlash(dir))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, dir
}

// trail returns the access trail of a lake.
func trail(t *testing.T, dir string) (records []lake.AccessRecord) {
	t.Helper()
	l, err := lake.Open(t.Context(), "file://"+filepath.ToSlash(dir)+"/lake", "p")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for r, err := range l.Access(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// holds says whether any file below dir has the text in it.
func holds(t *testing.T, dir, text string) (in string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), text) {
			in = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

var keyForm = regexp.MustCompile(`^urk_([a-z2-7]{16})_[a-z2-7]{59}\n$`)

func TestKeys(t *testing.T) {
	for _, c := range []struct{ name, more, keys string }{
		{"in the lake", "", "lake/p/keys"},
		{"in a bucket of their own", "  keys: \"file://%s/secret?create_dir=true\"\n", "secret/keys"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, dir := keyConfig(t)
			if c.more != "" {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, fmt.Appendf(text, c.more, filepath.ToSlash(dir)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := invoke(t, "key", "list", "--config", path)
			got.want(t, 0, "ID", "NAME", "STATE")

			got = invoke(t, "key", "create", "--config", path, "--name", "nightly download", "--role", "Administrator",
				"--permission", "Server Management: Read", "--workspace", "w1", "--workspace", "w2", "--expires", "30d")
			got.want(t, 0, "role Administrator, permission Server Management: Read, administrator of w1, w2", "never again")
			m := keyForm.FindStringSubmatch(got.stdout)
			if m == nil {
				t.Fatalf("stdout %q, want the key alone", got.stdout)
			}
			id, secret := m[1], strings.TrimSpace(got.stdout)
			if strings.Contains(got.stderr, secret[21:40]) {
				t.Errorf("the key is also on standard error: %s", got.stderr)
			}
			if in := holds(t, dir, secret[21:40]); in != "" {
				t.Errorf("the key stands in %s", in)
			}
			if _, err := os.Stat(filepath.Join(dir, c.keys, id+".json")); err != nil {
				t.Error(err)
			}

			invoke(t, "key", "list", "--config", path).want(t, 0, id, "nightly download", "active", "w1, w2")
			got = invoke(t, "key", "list", "--json", "--config", path)
			got.want(t, 0)
			var listed struct {
				access.Key
				State string
			}
			if err := json.Unmarshal([]byte(got.stdout), &listed); err != nil {
				t.Fatal(err)
			}
			if life := listed.ExpiresAt.Sub(listed.CreatedAt); listed.ID != id || listed.State != "active" || life != 30*24*time.Hour || strings.Contains(got.stdout, "sha256") {
				t.Errorf("%s", got.stdout)
			}

			got = invoke(t, "key", "revoke", id, "--config", path)
			got.want(t, 0, id, "is revoked since")
			if got.stdout != "" {
				t.Errorf("stdout %q", got.stdout)
			}
			invoke(t, "key", "list", "--config", path).want(t, 0, "revoked")
			invoke(t, "key", "revoke", id, "--config", path).want(t, 0, "is revoked since") // as before

			records := trail(t, dir)
			if len(records) != 3 {
				t.Fatalf("%+v", records)
			}
			made, ended := records[2], records[1]
			if made.Kind != lake.AccessKeyCreated || ended.Kind != lake.AccessKeyRevoked || made.Object != id || ended.Object != id ||
				made.WhoID != operator() || !strings.Contains(made.Detail, "role Administrator") || made.Time.Before(listed.CreatedAt) {
				t.Errorf("%+v", records)
			}
		})
	}
}

// TestKeyThatCannotBeRecorded: it is of no use to anybody, and not shown.
func TestKeyThatCannotBeRecorded(t *testing.T) {
	path, dir := keyConfig(t)
	if err := os.MkdirAll(filepath.Join(dir, "lake", "p"), 0o755); err != nil {
		t.Fatal(err)
	}
	// A file stands where the folder of the trail should be.
	if err := os.WriteFile(filepath.Join(dir, "lake", "p", "access"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := invoke(t, "key", "create", "--config", path, "--name", "n", "--workspace", "*")
	got.want(t, 1, "could not be recorded, and was revoked")
	if got.stdout != "" {
		t.Errorf("stdout %q", got.stdout)
	}
	invoke(t, "key", "list", "--config", path).want(t, 0, "revoked")
}

func TestWrongKeyCommands(t *testing.T) {
	path, dir := keyConfig(t)
	grant := []string{"--role", "Administrator", "--permission", "Server Management: Read"}
	for _, c := range []struct {
		name  string
		args  []string
		texts []string
	}{
		{"unknown command", []string{"lst"}, []string{`"lst"`, "usagereport key --help"}},
		{"no name", append([]string{"create"}, grant...), []string{"name", "what the key is for"}},
		{"no rights", []string{"create", "--name", "n"}, []string{"would allow nothing"}},
		{"role", []string{"create", "--name", "n", "--role", "admin"}, []string{`"admin"`, `"Administrator"`}},
		{"permission", []string{"create", "--name", "n", "--permission", "read"}, []string{`"read"`, `"Server Management: Read"`}},
		{"workspace", []string{"create", "--name", "n", "--workspace", ""}, []string{"workspace"}},
		{"expired", []string{"create", "--name", "n", "--workspace", "*", "--expires", "2020-01-01"}, []string{"past"}},
		{"too long", []string{"create", "--name", "n", "--workspace", "*", "--expires", "367d"}, []string{"at the latest"}},
		{"expires", []string{"create", "--name", "n", "--workspace", "*", "--expires", "soon"}, []string{`"soon"`, "as 90d"}},
		{"no days", []string{"create", "--name", "n", "--workspace", "*", "--expires", "0d"}, []string{`"0d"`}},
		{"many days", []string{"create", "--name", "n", "--workspace", "*", "--expires", "99999999999d"}, []string{"99999999999d"}},
		{"argument", []string{"create", "me"}, []string{`"me"`, "takes no argument"}},
		{"revoke nothing", []string{"revoke"}, []string{"the id of one key"}},
		{"revoke two", []string{"revoke", "a", "b"}, []string{"the id of one key"}},
		{"no id", []string{"revoke", "../latest"}, []string{"key list"}},
		{"unknown id", []string{"revoke", "aaaaaaaaaaaaaaaa"}, []string{"aaaaaaaaaaaaaaaa", "no API key"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"key"}, c.args...)
			if c.name != "unknown command" {
				args = append(args, "--config", path)
			}
			got := invoke(t, args...)
			got.want(t, 2, c.texts...)
			if got.stdout != "" {
				t.Errorf("stdout %q", got.stdout)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "lake", "p")); err == nil {
		t.Error("something was written")
	}
}

func TestParseExpiry(t *testing.T) {
	now := time.Date(2026, 11, 22, 13, 14, 15, 16, time.UTC)
	for text, want := range map[string]time.Time{
		"1d":         time.Date(2026, 11, 23, 13, 14, 15, 0, time.UTC),
		"90d":        time.Date(2027, 2, 20, 13, 14, 15, 0, time.UTC),
		"2026-11-22": time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
		"2027-02-28": time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := parseExpiry(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}
