package secrets_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the source is written with it
)

// others are those that the program tells of its runs. They keep what they are told, but for the addresses and headers, where
// their secrets have to stand.
type others struct {
	server *httptest.Server
	mail   net.Listener
	answer atomic.Int64
	quit   atomic.Pointer[os.Process] // is sent SIGQUIT when it next tells something
	mu     sync.Mutex
	heard  bytes.Buffer
}

func (o *others) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what came is what is looked at
	o.mu.Lock()
	o.heard.Write(body)
	o.mu.Unlock()
	if p := o.quit.Load(); p != nil {
		_ = p.Signal(syscall.SIGQUIT) // it may have ended
		<-r.Context().Done()
		return
	}
	// One that answers badly repeats what it was sent.
	w.WriteHeader(int(o.answer.Load()))
	if o.answer.Load() >= 400 {
		fmt.Fprintf(w, "cannot %s %s with %v", r.Method, r.URL, r.Header)
	}
}

// mailman takes every letter. One that answers badly refuses the password, and repeats it.
func (o *others) mailman() {
	for {
		c, err := o.mail.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			fmt.Fprint(c, "220 here\r\n")
			for lines := bufio.NewScanner(c); lines.Scan(); {
				switch word, rest, _ := strings.Cut(lines.Text(), " "); strings.ToUpper(word) {
				case "EHLO":
					fmt.Fprint(c, "250-here\r\n250 AUTH PLAIN LOGIN\r\n")
				case "AUTH":
					if o.answer.Load() >= 400 {
						fmt.Fprintf(c, "535 5.7.8 not with %s\r\n", rest)
						continue
					}
					fmt.Fprint(c, "235 2.7.0 well\r\n")
				case "DATA":
					fmt.Fprint(c, "354 go on\r\n")
					for lines.Scan() && lines.Text() != "." {
						o.mu.Lock()
						o.heard.WriteString(lines.Text() + "\n")
						o.mu.Unlock()
					}
					fmt.Fprint(c, "250 well\r\n")
				default:
					fmt.Fprint(c, "250 well\r\n")
				}
			}
		}()
	}
}

// house is where the program lives.
type house struct {
	dir     string
	binary  string
	secrets map[string]string // by place
	env     []string
	others  *others
	seen    bytes.Buffer
}

func newHouse(t *testing.T) *house {
	h := &house{dir: t.TempDir(), secrets: map[string]string{}, others: new(others)}
	h.others.answer.Store(http.StatusOK)
	h.others.server = httptest.NewServer(h.others)
	t.Cleanup(h.others.server.Close)
	var err error
	if h.others.mail, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.others.mail.Close() })
	go h.others.mailman()
	h.binary = filepath.Join(h.dir, "bin", "usagereport")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", h.binary, "github.com/usagereport/usagereport/cmd/usagereport").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	db, err := sql.Open("sqlite", filepath.Join(h.dir, "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE workspaces (id, name, plan); INSERT INTO workspaces VALUES ('w1', 'Space', 'Business');
		CREATE TABLE events (id, workspace, at); INSERT INTO events VALUES ('e1', 'w1', '2026-03-09T10:00:00Z'), ('e2', 'w1', '2026-03-10T10:00:00Z');`); err != nil {
		t.Fatal(err)
	}
	h.env = append(os.Environ(), "GOTRACEBACK=all", "OTEL_EXPORTER_OTLP_ENDPOINT="+h.others.server.URL+"/"+h.secret("OTLP endpoint"),
		"OTEL_EXPORTER_OTLP_HEADERS=authorization="+h.secret("OTLP header"), "OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-key="+h.secret("OTLP traces header"),
		"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY="+h.secret("AWS secret key"), "AWS_SESSION_TOKEN="+h.secret("AWS session token"), "AWS_REGION=x")
	return h
}

// secret returns the secret of a place.
func (h *house) secret(place string) string {
	if h.secrets[place] == "" {
		h.secrets[place] = fmt.Sprintf("k4n4ry%02dS3cr3tOf%s", len(h.secrets), strings.ReplaceAll(place, " ", ""))
	}
	return h.secrets[place]
}

// key returns the secret of a place that holds base64.
func (h *house) key(place string) string {
	raw := h.secret(place) + strings.Repeat("0", 32)
	coded := base64.StdEncoding.EncodeToString([]byte(raw))
	h.secrets[place+" in base64"] = coded
	return coded
}

func (h *house) env1(name, value string) string {
	h.env = append(h.env, name+"="+value)
	return "${" + name + "}"
}

func (h *house) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// well are the sources and datasets of a night that goes well.
const well = `sources:
  app: { url: "sqlite:app.db" }
datasets:
  workspaces: { source: app, query: "SELECT id AS workspace_id, name AS workspace_name, plan FROM workspaces" }
  audit_events: { source: app, query: "SELECT id AS event_id, workspace AS workspace_id, at AS occurred_at, 'member.added' AS action FROM events WHERE at >= :from AND at < :to" }
`

// config is a config with a secret in every place beside the sources.
func (h *house) config(rest string) string {
	base := h.others.server.URL
	if err := os.WriteFile(filepath.Join(h.dir, "hook.token"), []byte(h.secret("webhook file")), 0o600); err != nil {
		panic(err)
	}
	return "lake: { bucket: \"file:lake?create_dir=true\" }\n" +
		"retry: { budget: 0s }\n" +
		"schedule: { status_file: status.json, listen: \"127.0.0.1:0\" }\n" +
		"notify:\n  webhooks:\n" +
		"    - { url: \"" + base + "/hook/${file:hook.token}?token=" + h.env1("H", h.secret("webhook query")) + "\", signing_key: \"" + h.env1("K", h.key("signing key")) + "\" }\n" +
		"    - { url: \"" + base + "/literal/" + h.secret("webhook literal") + "\" }\n" +
		"  email: { server: \"smtp://user:" + h.env1("M", h.secret("mail password")) + "@" + h.others.mail.Addr().String() + "\", from: a@b.c, to: [d@e.f] }\n" +
		"  ping: \"" + base + "/ping/${var:constant://?val=" + h.secret("ping variable") + "&decoder=string}\"\n" +
		"openlineage: { url: \"" + base + "/lineage/" + h.secret("lineage path") + "\", api_key: \"" + h.env1("L", h.secret("lineage key")) + "\" }\n" +
		"admin:\n  listen: 127.0.0.1:0\n  session_secret: \"" + h.env1("S", h.key("session secret")) + "\"\n" +
		"  oidc: { issuer: \"" + base + "/issuer\", client_id: c, client_secret: \"" + h.env1("O", h.secret("client secret")) +
		"\", roles: { x: { role: Administrator, workspaces: [\"*\"] } } }\n" + rest
}

// withRefusal is a config with a webhook that nobody answers.
func (h *house) withRefusal() string {
	return strings.Replace(h.config(well), "  email:", "    - { url: \"http://u:"+h.secret("webhook password")+"@127.0.0.1:1/x\" }\n  email:", 1)
}

// broken is a config that fails, and how.
type broken struct {
	text     string
	exit     int
	commands []string
}

func (h *house) broken() map[string]broken {
	source := func(url string) string { return h.config(strings.Replace(well, "sqlite:app.db", url, 1)) }
	lake := func(url string) string { return strings.Replace(h.config(well), "file:lake?create_dir=true", url, 1) }
	run := []string{"run"}
	return map[string]broken{
		"PostgreSQL that is away":                 {source("postgres://u:" + h.env1("P", h.secret("PostgreSQL password")) + "@127.0.0.1:1/app?connect_timeout=2"), 1, run},
		"PostgreSQL with a password in its query": {source("postgres://127.0.0.1:1/app?user=u&connect_timeout=2&password=" + h.secret("PostgreSQL parameter")), 1, run},
		"MySQL that is away":                      {source("mysql://u:" + h.secret("MySQL password") + "@127.0.0.1:1/app"), 1, run},
		"a URL from a variable":                   {source("constant://?val=postgres://u:" + h.secret("runtime variable") + "@127.0.0.1:1/app&decoder=string"), 1, run},
		"a bucket with secrets in its query": {lake("s3://b?endpoint=http://u:" + h.secret("endpoint password") +
			"@127.0.0.1:1&use_path_style=true&region=x"), 1, append(run, "verify")},
		"data that is wrong":           {h.config(strings.Replace(well, "AS event_id", "AS event_id_x", 1)), 3, run},
		"a query that fails":           {h.config(strings.Replace(well, "FROM events", "FROM nowhere", 1)), 2, run},
		"an unknown key":               {strings.Replace(h.config(well), "retry:", "retyr:", 1), 2, append(run, "verify", "serve", "schedule")},
		"a scheme that is not":         {source("postgress://u:" + h.secret("odd scheme") + "@h/app"), 2, run},
		"a URL that is none":           {source("postgres://u:" + h.secret("odd URL") + "@h b:x/%zz"), 2, run},
		"a variable that is not there": {source("postgres://u:" + h.secret("beside a variable") + "${NOT_SET}@h/app"), 2, run},
	}
}

// run runs a command and looks at what came out.
func (h *house) run(t *testing.T, args ...string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := h.command(ctx, args...)
	out, err := c.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	h.look(t, strings.Join(args, " "), out)
	return c.ProcessState.ExitCode()
}

func (h *house) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, h.binary, args...)
	c.Env, c.Dir = h.env, h.dir
	return c
}

func (h *house) expect(t *testing.T, exit int, args ...string) {
	t.Helper()
	from := h.seen.Len()
	if got := h.run(t, args...); got != exit {
		t.Errorf("%v: exit code %d, want %d:\n%s", args, got, exit, h.seen.Bytes()[from:])
	}
}

// quit has a run end with a dump of all its goroutines, while it tells others that it has begun.
func (h *house) quit(t *testing.T, config string) {
	c := h.command(t.Context(), "run", "--config", config)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	h.others.quit.Store(c.Process)
	err := c.Wait()
	h.others.quit.Store(nil)
	if err == nil || !strings.Contains(out.String(), "SIGQUIT") || !strings.Contains(out.String(), "goroutine ") {
		t.Errorf("no dump: %v\n%s", err, out.String())
	}
	h.look(t, "SIGQUIT", out.Bytes())
}

// serve starts a service, asks it a few things, and ends it.
func (h *house) serve(t *testing.T, command, config, ready string) {
	c := h.command(t.Context(), command, "--config", config)
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	address := ""
	lines := bufio.NewScanner(stderr)
	for began := false; (!began || address == "") && lines.Scan(); {
		out.WriteString(lines.Text() + "\n")
		began = began || strings.Contains(lines.Text(), ready)
		if _, rest, ok := strings.Cut(lines.Text(), `"address":"`); ok {
			address, _, _ = strings.Cut(rest, `"`)
		}
	}
	for _, path := range []string{"/", "/signin", "/healthz", "/livez", "/readyz", "/metrics", "/openapi.json", "/export/usage-reports", "/signin/oidc", "/nothing"} {
		r, err := http.Get("http://" + address + path) //nolint:noctx // the process that answers ends with the test
		if err != nil {
			t.Errorf("%s: %s: %v", command, path, err)
			continue
		}
		body, err := io.ReadAll(r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil {
			t.Errorf("%s: %s: %v", command, path, err)
		}
		fmt.Fprintf(&out, "%s %v\n%s\n", path, r.Header, body)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		out.WriteString(lines.Text() + "\n")
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%s: %v\n%s", command, err, out.String())
	}
	h.look(t, command, out.Bytes())
}

// look looks for secrets in what a step showed, in what others have heard, and in every file that the program has written.
func (h *house) look(t *testing.T, step string, shown []byte) {
	t.Helper()
	h.seen.Write(shown)
	if found := search(string(shown), h.secrets); found != nil {
		t.Errorf("%s shows the %s:\n%s", step, strings.Join(found, ", the "), shown)
	}
	h.others.mu.Lock()
	if found := search(h.others.heard.String(), h.secrets); found != nil {
		t.Errorf("%s tells others the %s", step, strings.Join(found, ", the "))
	}
	h.others.mu.Unlock()
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Base(path)
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".yaml") || name == "hook.token" || name == "usagereport" || name == "app.db" {
			return err
		}
		if strings.HasPrefix(name, "core") {
			t.Errorf("%s left %s", step, path)
		}
		data, err := os.ReadFile(path)
		if found := search(string(data), h.secrets); found != nil {
			t.Errorf("%s writes the %s into %s", step, strings.Join(found, ", the "), path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
