package secrets_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the source is written with it
)

// built is the program, which is built once.
var built = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(scratch, "usagereport")
	return binary, build(binary)
})

func build(binary string, flags ...string) error {
	args := append(append([]string{"build"}, flags...), "-o", binary, "github.com/usagereport/usagereport/cmd/usagereport")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}

// house is where the program lives, with everything that it writes.
type house struct {
	dir     string
	binary  string
	env     []string
	others  *others
	secrets map[string]string // by place
	clean   map[string]string // state of files in which no secret stood
	heard   map[string]int    // bytes, by who heard them
}

// entitled are the places whose secrets somebody has to be sent: with the address, or to be let in.
var entitled = map[string][]string{
	"hook":     {"webhook file", "webhook query"},
	"literal":  {"webhook literal"},
	"ping":     {"ping variable"},
	"lineage":  {"lineage path", "lineage key"},
	"traces":   {"OTLP endpoint", "OTLP traces header"},
	"metrics":  {"OTLP endpoint", "OTLP header"},
	"issuer":   {"client secret", "code of the provider"},
	"mail":     {"mail password"},
	"s3":       {"AWS session token"},
	"postgres": {"PostgreSQL password that is refused"},
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{dir: t.TempDir(), secrets: map[string]string{}, clean: map[string]string{}, heard: map[string]int{}}
	h.others = newOthers(t, h.dir)
	var err error
	if h.binary, err = built(); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"tmp", "home"} {
		if err := os.Mkdir(filepath.Join(h.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(h.dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), tables); err != nil {
		t.Fatal(err)
	}
	h.env = append(os.Environ(), "GOTRACEBACK=all", "TMPDIR="+filepath.Join(h.dir, "tmp"), "HOME="+filepath.Join(h.dir, "home"),
		"SSL_CERT_FILE="+h.others.trust, "OTEL_EXPORTER_OTLP_ENDPOINT="+h.others.server.URL+"/otlp/"+h.secret("OTLP endpoint"),
		"OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_EXPORTER_OTLP_HEADERS=authorization="+h.secret("OTLP header"),
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-key="+h.secret("OTLP traces header"), "AWS_ACCESS_KEY_ID=key",
		"AWS_SECRET_ACCESS_KEY="+h.secret("AWS secret key"), "AWS_SESSION_TOKEN="+h.secret("AWS session token"), "AWS_REGION=x")
	return h
}

// tables makes a source, in the SQL that all databases know. One event is not to be used.
const tables = `CREATE TABLE workspaces (id VARCHAR(9), name VARCHAR(9), plan VARCHAR(9)); INSERT INTO workspaces VALUES ('w1', 'Space', 'Business');
	CREATE TABLE events (id VARCHAR(9), workspace VARCHAR(9), at VARCHAR(40));
	INSERT INTO events VALUES ('e1', 'w1', '2026-03-09T10:00:00Z'), ('e2', 'w1', '2026-03-10T10:00:00Z'), ('e3', 'w1', '2026-03-10T99:00:00Z');`

// secret returns the secret of a place.
func (h *house) secret(place string) string {
	if h.secrets[place] == "" {
		h.secrets[place] = fmt.Sprintf("%s%02dOf%s", marker, len(h.secrets), strings.ReplaceAll(place, " ", ""))
	}
	return h.secrets[place]
}

// key returns the secret of a place that holds base64.
func (h *house) key(place string) string {
	coded := base64.StdEncoding.EncodeToString([]byte(h.secret(place) + strings.Repeat("0", 32)))
	h.secrets[place+" in base64"] = coded
	return coded
}

// variable sets a variable of the environment, and returns the reference to it.
func (h *house) variable(name, value string) string {
	h.env = append(h.env, name+"="+value)
	return "${" + name + "}"
}

func (h *house) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(h.dir, strings.ReplaceAll(name, " ", "-"))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (h *house) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, h.binary, args...)
	c.Env, c.Dir = h.env, h.dir
	return c
}

// expect runs a command that is to end with a code and to say something, and looks at what came out. It returns standard output.
func (h *house) expect(t *testing.T, exit int, says string, args ...string) string {
	t.Helper()
	stdout, stderr, code := h.run(t, args...)
	if code != exit || !strings.Contains(stdout+stderr, says) {
		t.Errorf("%v: exit code %d, want %d and %q:\n%s%s", args, code, exit, says, stdout, stderr)
	}
	h.look(t, strings.Join(args, " "), stdout+stderr)
	return stdout
}

func (h *house) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := h.command(ctx, args...)
	var out, log bytes.Buffer
	c.Stdout, c.Stderr = &out, &log
	if err, exit := c.Run(), new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), log.String(), c.ProcessState.ExitCode()
}

// quit has a run end with a dump of all its goroutines, while it tells others that it has begun.
func (h *house) quit(t *testing.T, signal syscall.Signal, config string) {
	t.Helper()
	c := h.command(t.Context(), "run", "--config", config)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	h.others.quit.Store(&process{c.Process, signal})
	err := c.Wait()
	h.others.quit.Store(nil)
	if err == nil || !strings.Contains(out.String(), "SIG") || strings.Count(out.String(), "goroutine ") < 3 {
		t.Errorf("no dump: %v\n%s", err, out.String())
	}
	h.look(t, signal.String(), out.String())
}

// look looks for secrets in what a step showed, in what others have heard, and in every file that the program has written.
func (h *house) look(t *testing.T, step, shown string) {
	t.Helper()
	for _, leak := range h.leaks(t, step, shown) {
		t.Error(leak)
	}
}

// leaks returns where a step let secrets out.
func (h *house) leaks(t *testing.T, step, shown string) (all []string) {
	t.Helper()
	if found := search([]byte(shown), h.secrets); found != nil {
		all = append(all, fmt.Sprintf("%s shows the %s:\n%s", step, strings.Join(found, ", the "), shown))
	}
	for who, text := range h.others.take() {
		h.heard[who] += text.Len()
		found := slices.DeleteFunc(search(text.Bytes(), h.secrets), func(place string) bool { return slices.Contains(entitled[who], place) })
		if len(found) > 0 {
			all = append(all, fmt.Sprintf("%s tells %s the %s:\n%s", step, who, strings.Join(found, ", the "), text))
		}
	}
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Base(path)
		if errors.Is(err, fs.ErrNotExist) { // a lease that was given back
			return nil
		}
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".yaml") || name == "hook.token" || name == "app.db" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		state := fmt.Sprint(info.Size(), info.ModTime(), len(h.secrets))
		if h.clean[path] == state {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found := search(data, h.secrets)
		if found == nil {
			found = search([]byte(path), h.secrets)
		}
		if found != nil {
			all = append(all, fmt.Sprintf("%s writes the %s into %s", step, strings.Join(found, ", the "), path))
		} else {
			h.clean[path] = state
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}
