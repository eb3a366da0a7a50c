package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/config"
)

// adminConfig writes a config for serve over a lake in a folder, and returns its path.
func adminConfig(t *testing.T, lake, settings string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "admin.yaml")
	write(t, path, fmt.Sprintf("lake: { bucket: %q }\nadmin: { %s }\n", "file://"+filepath.ToSlash(lake), settings))
	return path
}

// served is a serve that runs in this process.
type served struct {
	at    string // its URL
	stop  context.CancelFunc
	ended chan error
}

func startServing(t *testing.T, cfg *config.Config) *served {
	t.Helper()
	listening := make(chan string, 1)
	ctx, stop := context.WithCancel(t.Context())
	s := &served{stop: stop, ended: make(chan error, 1)}
	go func() {
		s.ended <- (&serving{
			cfg: cfg, address: "127.0.0.1:0", url: urlAt("127.0.0.1:0"), retry: time.Millisecond, log: slog.New(&firstURL{slog.DiscardHandler, listening}),
		}).run(ctx)
	}()
	s.at = <-listening
	t.Cleanup(stop)
	return s
}

// firstURL is a log that hands on the URL of the line that says where the server listens.
type firstURL struct {
	slog.Handler
	to chan<- string
}

func (*firstURL) Enabled(context.Context, slog.Level) bool { return true }

func (h *firstURL) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if r.Message == "listening" && a.Key == "url" {
			h.to <- a.Value.String()
		}
		return true
	})
	return nil
}

func status(t *testing.T, url string) int {
	t.Helper()
	code, _ := get(t, url, "")
	return code
}

// A server starts while its bucket is not there, says so, and recovers by itself.
func TestServeBeforeTheBucket(t *testing.T) {
	lake := filepath.Join(t.TempDir(), "mounted later")
	cfg, err := loadConfig(t.Context(), adminConfig(t, lake, ""))
	if err != nil {
		t.Fatal(err)
	}
	s := startServing(t, cfg)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/export/usage-reports": 503, "/licenses": 503} {
		if got := status(t, s.at+path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if err := os.Mkdir(lake, 0o755); err != nil {
		t.Fatal(err)
	}
	for status(t, s.at+"/readyz") != http.StatusOK { // it is there soon
		if len(s.ended) > 0 {
			t.Fatal(<-s.ended)
		}
	}
	if got := status(t, s.at+"/export/usage-reports"); got != http.StatusUnauthorized {
		t.Errorf("without a key: %d", got)
	}
	s.stop()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestServeStopsBeforeTheBucket(t *testing.T) {
	cfg, err := loadConfig(t.Context(), adminConfig(t, filepath.Join(t.TempDir(), "never"), ""))
	if err != nil {
		t.Fatal(err)
	}
	s := startServing(t, cfg)
	s.stop()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

// TestServeSignal starts the program, lets somebody in with a key of `key create`, and ends it by a signal.
func TestServeSignal(t *testing.T) {
	path := adminConfig(t, t.TempDir(), "")
	made := invoke(t, "key", "create", "--config", path, "--name", "me", "--role", access.RoleAdministrator, "--permission", access.ServerManagementRead)
	made.want(t, 0)
	key := strings.TrimSpace(made.stdout)

	p := exec.Command(os.Args[0], "-test.run=^TestProcess$")
	p.Env = append(os.Environ(), processArgs+"="+strings.Join([]string{"serve", "--config", path, "--listen", "127.0.0.1:0"}, "\n"))
	out, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	log := bufio.NewScanner(out)
	line := func(msg string) map[string]any {
		t.Helper()
		for log.Scan() {
			var l map[string]any
			if err := json.Unmarshal(log.Bytes(), &l); err != nil {
				t.Fatalf("%v in the log: %s", err, log.Text())
			}
			if l["msg"] == msg {
				return l
			}
		}
		t.Fatalf("the log ends without %q", msg)
		return nil
	}
	url := line("listening")["url"].(string)
	line("serving")
	if code, body := get(t, url+"/export/usage-reports", key); code != http.StatusNotFound || !strings.Contains(body, "nothing-published") {
		t.Errorf("%d: %s", code, body)
	}
	if l := line("request"); l["status"] != 404.0 || l["name"] != "me" || strings.Contains(fmt.Sprint(l), key) {
		t.Errorf("the log says %v", l)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	line("ended")
	_, _ = io.Copy(io.Discard, out)
	if err := p.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}

func TestServeMistakes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	path := adminConfig(t, t.TempDir(), "")
	invoke(t, "serve", "--config", path, "--listen", "8080").want(t, 2, `--listen "8080"`, "host:port")
	invoke(t, "serve", "--config", path, "--listen", taken.Addr().String()).want(t, 1, "admin.listen", "in use")
	invoke(t, "serve", "--config", filepath.Join(t.TempDir(), "nowhere.yaml")).want(t, 2, "nowhere.yaml")
}

func TestServeURL(t *testing.T) {
	for _, c := range []struct{ address, url, listen, want string }{
		{"127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:9090", "http://127.0.0.1:9090"},
		{"127.0.0.1:8080", "http://127.0.0.1:8080", ":9090", "http://127.0.0.1:9090"},
		{"127.0.0.1:8080", "http://127.0.0.1:8080", "[::]:9090", "http://127.0.0.1:9090"},
		{":8080", "https://usage.example", ":9090", "https://usage.example"}, // what the config says holds
	} {
		s := &serving{address: c.address, url: c.url}
		if err := s.listenAt(c.listen); err != nil || s.url != c.want || s.address != c.listen {
			t.Errorf("%s and %s: %s, %v; want %s", c.url, c.listen, s.url, err, c.want)
		}
	}
}

// Everything of the config's section admin reaches the server.
func TestServeConfig(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString(access.NewSecret())
	keys := t.TempDir()
	cfg, err := loadConfig(t.Context(), adminConfig(t, t.TempDir(), `url: https://usage.example, keys: "file://`+filepath.ToSlash(keys)+`", session_secret: "`+secret+`",
  trusted_proxies: [10.0.0.0/8], oidc: { issuer: https://login.example, client_id: usagereport, client_secret: x, name: Acme sign-in,
  roles: { admins: { role: Administrator, permissions: ["Server Management: Read"], workspaces: ["w1"] } } }`))
	if err != nil {
		t.Fatal(err)
	}
	s := &serving{cfg: cfg, url: cfg.Admin.URL, log: slog.New(slog.DiscardHandler)}
	b, err := s.make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	}()
	if _, _, err := b.keys.keys.Create(t.Context(), access.New{Name: "k", By: "test", Grant: access.Grant{Workspaces: []string{"w1"}}}); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(keys); err != nil || len(files) == 0 {
		t.Errorf("the bucket of keys has %v, %v", files, err)
	}
	g := grantsOf(cfg.Admin.OIDC.Roles)["admins"]
	if g.Role != "Administrator" || len(g.Permissions) != 1 || len(g.Workspaces) != 1 {
		t.Errorf("%+v", g)
	}
}
