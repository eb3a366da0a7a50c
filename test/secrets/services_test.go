package secrets_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// service is a command that stays up.
type service struct {
	house *house
	name  string
	cmd   *exec.Cmd
	lines *bufio.Scanner
	out   bytes.Buffer // its log, and what it answered
	at    string       // its URL
}

// start starts a service, and waits until it says where it listens.
func (h *house) start(t *testing.T, args ...string) *service {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a line that never comes fails the test
	t.Cleanup(cancel)
	s := &service{house: h, name: strings.Join(args, " "), cmd: h.command(ctx, args...)}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout = &s.out // neither writes to it after this
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.lines = bufio.NewScanner(stderr)
	s.await(t, `"address":"`)
	return s
}

// await reads the log until a line says something.
func (s *service) await(t *testing.T, says string) {
	t.Helper()
	for s.lines.Scan() {
		s.out.WriteString(s.lines.Text() + "\n")
		if _, rest, ok := strings.Cut(s.lines.Text(), `"address":"`); ok {
			address, _, _ := strings.Cut(rest, `"`)
			s.at = "http://" + address
		}
		if strings.Contains(s.lines.Text(), says) {
			return
		}
	}
	t.Fatalf("%s never said %q:\n%s", s.name, says, s.out.String())
}

// end ends the service, and looks at all that it said.
func (s *service) end(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for s.lines.Scan() {
		s.out.WriteString(s.lines.Text() + "\n")
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("%s: %v\n%s", s.name, err, s.out.String())
	}
	s.house.look(t, s.name, s.out.String())
}

// visitor is somebody with a browser.
type visitor struct {
	*http.Client

	service *service
}

func (s *service) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, s}
}

// fetch asks for something, checks the status, and keeps the answer to be looked at. Cookies are the visitor's own. It
// returns where the answer leads.
func (v *visitor) fetch(t *testing.T, want int, method, path, key string, form url.Values) (location string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, v.service.at+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := v.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err == nil {
		err = answer.Body.Close()
	}
	if err != nil || answer.StatusCode != want {
		t.Errorf("%s %s: %d, want %d, %v\n%.2000s", method, path, answer.StatusCode, want, err, body)
	}
	for _, c := range answer.Cookies() { // what the server must not write anywhere else
		if len(c.Value) >= 16 {
			v.service.house.secrets["cookie "+c.Name+" "+c.Value[len(c.Value)-8:]] = c.Value
		}
	}
	answer.Header.Del("Set-Cookie")
	_ = answer.Header.Write(&v.service.out) // to memory
	v.service.out.Write(body)
	return answer.Header.Get("Location")
}

// TestServe asks the admin server for everything: with keys that work, that are revoked, that were never made, and that stand where
// they must not, and by way of an identity provider that refuses and repeats what it was sent.
func TestServe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	config := h.write(t, "usagereport.yaml", h.config(t, well))
	h.expect(t, 0, "published", "run", "--config", config, "--date", "2026-03-11")
	key, id := h.createKey(t, "--config", config, "--name", "all of it", "--role", "Administrator", "--permission", "Server Management: Read", "--workspace", "*")
	weak, weakID := h.createKey(t, "--config", config, "--name", "little", "--workspace", "w2")
	h.expect(t, 0, id, "key", "list", "--config", config)
	h.expect(t, 0, id, "key", "list", "--json", "--config", config)
	h.expect(t, 0, "revoked", "key", "revoke", "--config", config, weakID)
	h.expect(t, 2, "key id", "key", "revoke", "--config", config, "nonsense")

	s := h.start(t, "serve", "--config", config)
	s.await(t, `"serving"`)
	anybody := s.visitor(t)
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 200, "/metrics": 200, "/openapi.json": 200, "/signin": 200, "/": 303, "/licenses": 303, "/nothing": 404,
		"/export/usage-reports": 401, "/export/usage-reports?key=" + key: 401, "/nothing/" + key: 404, "/signin?return=/" + h.secret("path to return to"): 200,
	} {
		if strings.Contains(path, "return=") { // the form has to repeat it
			delete(h.secrets, "path to return to")
		}
		anybody.fetch(t, want, http.MethodGet, path, "", nil)
	}
	wrong := key[:len(key)-10] + "abcdefghij"
	h.secrets["key that was never made"] = wrong
	for _, bad := range []string{wrong, weak, h.secret("key that is none")} {
		anybody.fetch(t, 401, http.MethodGet, "/export/usage-logs", bad, nil)
		anybody.fetch(t, 401, http.MethodPost, "/signin", "", url.Values{"key": {bad}})
	}
	for path, want := range map[string]int{
		"/export/usage-reports": 404, "/export/usage-logs": 404, "/export/audit-log?workspace_id=w1": 200, "/export/audit-log?workspace_id=w1&format=csv": 200,
		"/export/access-log": 200, "/export/audit-log?workspace_id=w1&key=" + key: 400, "/export/usage-reports?date=2020-01-01": 404,
	} {
		anybody.fetch(t, want, http.MethodGet, path, key, nil)
	}
	person := s.visitor(t)
	person.fetch(t, 303, http.MethodPost, "/signin", "", url.Values{"key": {key}})
	for _, path := range []string{"/licenses", "/audit-log", "/audit-log?workspace_id=w1", "/audit-log?view=access", "/usage", "/usage?workspace_id=w1", "/runs"} {
		person.fetch(t, 200, http.MethodGet, path, "", nil)
	}
	person.fetch(t, 404, http.MethodGet, "/runs/nonsense", "", nil)
	person.fetch(t, 303, http.MethodPost, "/signout", "", url.Values{})
	other := s.visitor(t)
	to, err := url.Parse(other.fetch(t, 303, http.MethodGet, "/signin/oidc", "", nil))
	if err != nil {
		t.Fatal(err)
	}
	code := h.secret("code of the provider")
	other.fetch(t, 503, http.MethodGet, "/signin/oidc/callback?code="+code+"&state="+url.QueryEscape(to.Query().Get("state")), "", nil)
	h.expect(t, 0, "revoked", "key", "revoke", "--config", config, id)
	s.end(t)
	h.reached(t, "issuer")
}

// createKey makes a key, which from then on is a secret that nothing shows. What shows it once is standard output.
func (h *house) createKey(t *testing.T, args ...string) (key, id string) {
	t.Helper()
	stdout, stderr, code := h.run(t, append([]string{"key", "create"}, args...)...)
	key = strings.TrimSpace(stdout)
	parts := strings.Split(key, "_")
	if code != 0 || len(parts) != 3 {
		t.Fatalf("no key: exit code %d\n%s", code, stderr)
	}
	id = parts[1]
	h.secrets["key "+id] = parts[2] // the id is none
	h.look(t, "key create", stderr)
	return key, id
}
