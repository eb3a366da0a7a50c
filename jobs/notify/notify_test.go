package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	_ "gocloud.dev/blob/memblob"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
)

var update = flag.Bool("update", false, "write the golden files anew")

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const base = `
lake: { bucket: "mem://" }
sources: { app: { url: "postgres://report:s0urcepw@db/app" } }
datasets:
  workspaces: { source: app, query: SELECT 1 }
  audit_events: { source: app, query: "SELECT 1 WHERE t > :changed_since" }
`

// load reads a config that ends in extra; ${NAME} stands for what vars say.
func load(t *testing.T, extra string, vars map[string]string) *config.Config {
	t.Helper()
	cfg, err := config.Load(t.Context(), "usagereport.yaml", config.Env{
		ReadFile:  func(string) ([]byte, error) { return []byte(base + extra), nil },
		LookupEnv: func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// letterbox is a server that keeps what it is sent.
type letterbox struct {
	*httptest.Server

	mu     sync.Mutex
	status func(n int) int // of the answer to the n-th request, from 1; nil: 200
	got    []received
}

type received struct {
	method, path string
	header       http.Header
	body         []byte
}

func newLetterbox(t *testing.T, status func(n int) int) *letterbox {
	b := &letterbox{status: status}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.got = append(b.got, received{r.Method, r.URL.RequestURI(), r.Header, body})
		if b.status != nil {
			w.WriteHeader(b.status(len(b.got)))
		}
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *letterbox) all() []received {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got
}

// fixture is a Notifier with a clock for which waiting takes no time.
type fixture struct {
	*Notifier

	log  *bytes.Buffer
	told Told
	lake *lake.Lake
}

func newFixture(t *testing.T, cfg *config.Config) *fixture {
	t.Helper()
	l, err := lake.Open(t.Context(), "mem://", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	f := &fixture{log: new(bytes.Buffer), lake: l}
	var mu sync.Mutex
	now := noon
	f.Notifier = New(cfg, "1.0.0", slog.New(slog.NewJSONHandler(f.log, nil)))
	f.courier.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	f.courier.Random = func() float64 { return 0 }
	f.courier.Wait = func(_ context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
		return nil
	}
	return f
}

// run tells of a run as cmd does: after its record is in the lake.
func (f *fixture) run(t *testing.T, told *Told, r Run) {
	t.Helper()
	status := "published"
	switch {
	case r.Stopped:
		status = "cancelled"
	case r.Err != nil && !r.Published:
		status = "failed"
	case errors.Is(r.Err, jobs.ErrPartial):
		status = "partial"
	}
	rec := lake.RunRecord{RunID: r.ID, SnapshotDate: lake.Date(r.Date), RunTime: r.Time, Status: status, ExitCode: jobs.ExitCode(r.Err)}
	if err := f.lake.PutRun(t.Context(), r.ID, rec); err != nil {
		t.Fatal(err)
	}
	f.Tell(t.Context(), f.lake, told, r)
}

// at is a run of the n-th minute after noon that published, or failed with err.
func at(n int, err error) Run {
	when := noon.Add(time.Duration(n) * time.Minute)
	return Run{
		ID: when.Format("20060102T150405Z") + "-2026-11-22", Date: "2026-11-22", Time: when, Lake: "mem://",
		Took: 1500 * time.Millisecond, Published: err == nil, Err: err,
	}
}

var (
	errDown  = fmt.Errorf("dataset logins: source unreachable: dial tcp db:5432: connection refused; check the network")
	errCheck = fmt.Errorf("%w: generation_total", jobs.ErrCheck)
)

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, got, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got\n%s\nwant\n%s", path, got, want)
	}
}

func TestPayloads(t *testing.T) {
	box := newLetterbox(t, nil)
	cfg := load(t, "notify: { webhooks: [{ url: \"${URL}\" }] }\n", map[string]string{"URL": box.URL + "/services/T1/B2"})
	partial := at(5, errors.New("sync_events: source unreachable: the integration domain was left out"))
	partial.Published = true
	inPart := at(9, fmt.Errorf("%w: 2026-11-22 was published without its integration part: source unreachable: dial tcp hub:5432", jobs.ErrPartial))
	inPart.Published = true
	inPart.Missing = []lake.Domain{{Name: "integration", Status: lake.DomainMissing, Reason: "source unreachable", Since: "2026-11-21", Last: "2026-11-20"}}
	f := newFixture(t, cfg)
	f.run(t, &f.told, at(0, errors.New("members: 12 rows: different rows with one key: <!channel> & <b>")))
	f.run(t, &f.told, partial)
	f.run(t, &f.told, at(6, errCheck))
	f.run(t, &f.told, at(7, fmt.Errorf("%w: sources.app: password authentication failed", config.ErrInvalid)))
	f.run(t, &f.told, at(8, nil))
	f.run(t, &f.told, inPart)
	got := box.all()
	if len(got) != 6 {
		t.Fatalf("%d messages\n%s", len(got), f.log)
	}
	for i, name := range []string{"failed", "incomplete", "check", "config", "recovered", "partial"} {
		r := got[i]
		if r.method != http.MethodPost || r.path != "/services/T1/B2" || r.header.Get("Content-Type") != "application/json" || r.header.Get("User-Agent") != "usagereport/1.0.0" {
			t.Errorf("%s: %s %s %v", name, r.method, r.path, r.header)
		}
		if r.header.Get("Webhook-Signature") != "" {
			t.Errorf("%s is signed without a key", name)
		}
		var shown bytes.Buffer
		if err := json.Indent(&shown, r.body, "", "  "); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", append(shown.Bytes(), '\n'))
	}
}

// step is a run and the types of the messages that it makes.
type step struct {
	run  Run
	want string
}

func TestWhatIsTold(t *testing.T) {
	held, stopped := at(1, lake.ErrHeld), at(1, context.Canceled)
	stopped.Stopped = true
	leaseLost := at(1, fmt.Errorf("%w: %w", lake.ErrLeaseLost, context.Canceled))
	nextDay := at(24*60, errDown)
	nextDay.Date = "2026-11-23"
	partial := at(1, errDown)
	partial.Published = true
	inPart := at(1, fmt.Errorf("%w: %w", jobs.ErrPartial, errDown))
	inPart.Published = true
	for name, steps := range map[string][]step{
		"in part, then whole":       {{inPart, "run.incomplete"}, {at(3, nil), "run.recovered"}},
		"a night like any other":    {{at(0, nil), ""}, {at(1, nil), ""}},
		"a failure, then none":      {{at(0, errDown), "run.failed"}, {at(1, nil), "run.recovered"}, {at(2, nil), ""}},
		"another failure":           {{at(0, errDown), "run.failed"}, {at(1, errCheck), "run.failed"}, {at(2, nil), "run.recovered"}},
		"another day":               {{at(0, errDown), "run.failed"}, {nextDay, "run.failed"}},
		"incomplete":                {{partial, "run.incomplete"}, {at(2, nil), "run.recovered"}},
		"somebody stopped it":       {{stopped, ""}, {at(2, nil), ""}},
		"stopped after a failure":   {{at(0, errDown), "run.failed"}, {stopped, ""}, {at(2, nil), "run.recovered"}},
		"the lease was lost":        {{leaseLost, "run.failed"}},
		"held after a failure":      {{at(0, errDown), "run.failed"}, {at(2, nil), "run.recovered"}},
		"stopped, but it was ready": {{func() Run { r := at(1, nil); r.Stopped = true; return r }(), ""}},
	} {
		for _, process := range []string{"one process", "a process each"} {
			t.Run(name+"/"+process, func(t *testing.T) {
				box := newLetterbox(t, nil)
				f := newFixture(t, load(t, "notify: { webhooks: [{ url: \"${URL}\" }] }\n", map[string]string{"URL": box.URL}))
				for i, s := range steps {
					told := &f.told
					if process != "one process" {
						told = new(Told)
					}
					before := len(box.all())
					f.run(t, told, s.run)
					var types []string
					for _, r := range box.all()[before:] {
						var m message
						if err := json.Unmarshal(r.body, &m); err != nil {
							t.Fatal(err)
						}
						types = append(types, m.Type)
					}
					if got := strings.Join(types, " "); got != s.want {
						t.Errorf("run %d: told %q, want %q\n%s", i, got, s.want, f.log)
					}
				}
			})
		}
	}
	if jobs.ExitCode(held.Err) == jobs.ExitLease {
		box := newLetterbox(t, nil)
		f := newFixture(t, load(t, "notify: { webhooks: [{ url: \"${URL}\" }] }\n", map[string]string{"URL": box.URL}))
		f.run(t, &f.told, held)
		if n := len(box.all()); n != 0 {
			t.Errorf("%d messages of a run that found another one under way", n)
		}
	}
}

// A process that stays up tells a failure once, however often it tries again; processes that each fail tell each.
func TestAFailureIsToldOnce(t *testing.T) {
	box := newLetterbox(t, nil)
	f := newFixture(t, load(t, "notify: { webhooks: [{ url: \"${URL}\" }] }\n", map[string]string{"URL": box.URL}))
	for i := range 5 {
		f.run(t, &f.told, at(i, errDown))
	}
	if n := len(box.all()); n != 1 {
		t.Errorf("%d messages of 5 failures", n)
	}
	if s := f.told.streak; s.Runs != 5 || s.First != at(0, nil).ID {
		t.Errorf("remembers %+v", s)
	}
	f.run(t, new(Told), at(5, errDown))
	if n := len(box.all()); n != 2 {
		t.Errorf("%d messages", n)
	}
	f.run(t, new(Told), at(6, nil))
	var m message
	if err := json.Unmarshal(box.all()[2].body, &m); err != nil {
		t.Fatal(err)
	}
	if s := m.Data.Failures; s == nil || s.Runs != 6 || s.First != at(0, nil).ID || !s.Since.Equal(noon) {
		t.Errorf("recovered from %+v", s)
	}
}

// A date that was published in part and is tried again in vain, as a whole, is no news.
func TestAPartIsToldOnce(t *testing.T) {
	box := newLetterbox(t, nil)
	f := newFixture(t, load(t, "notify: { webhooks: [{ url: \"${URL}\" }] }\n", map[string]string{"URL": box.URL}))
	err := fmt.Errorf("%w: %w", jobs.ErrPartial, errDown)
	first := at(0, err)
	first.Published = true
	f.run(t, &f.told, first)
	for i := range 4 {
		f.run(t, &f.told, at(1+i, err))
	}
	f.run(t, &f.told, at(5, nil))
	if n := len(box.all()); n != 2 {
		t.Errorf("%d messages, want one of the part and one of the recovery", n)
	}
	if s := f.told; s.failing {
		t.Errorf("remembers %+v", s)
	}
}

// What could not be delivered is told again: by a process that stays up with the next run.
func TestUndeliveredIsToldAgain(t *testing.T) {
	box := newLetterbox(t, func(n int) int {
		if n == 1 || n == 3 {
			return http.StatusNotFound
		}
		return http.StatusOK
	})
	f := newFixture(t, load(t, "notify: { webhooks: [{ url: \"${URL}\" }] }\n", map[string]string{"URL": box.URL}))
	for i, r := range []Run{at(0, errDown), at(1, errDown), at(2, nil), at(3, nil), at(4, nil)} {
		f.run(t, &f.told, r)
		if got, want := len(box.all()), []int{1, 2, 3, 4, 4}[i]; got != want {
			t.Errorf("run %d: %d requests, want %d", i, got, want)
		}
	}
	if !strings.Contains(f.log.String(), "not told") || !strings.Contains(f.log.String(), "404 Not Found") {
		t.Errorf("the log says\n%s", f.log)
	}
}

func TestRetriesAreSigned(t *testing.T) {
	const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	box := newLetterbox(t, func(n int) int {
		if n < 4 {
			return http.StatusServiceUnavailable
		}
		return http.StatusNoContent
	})
	f := newFixture(t, load(t, "notify: { webhooks: [{ url: \"${URL}\", signing_key: \"${KEY}\" }] }\n", map[string]string{"URL": box.URL, "KEY": key}))
	f.run(t, &f.told, at(0, errDown))
	verifier, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	got := box.all()
	if len(got) != 4 {
		t.Fatalf("%d requests", len(got))
	}
	for i, r := range got {
		if err := verifier.VerifyIgnoringTimestamp(r.body, r.header); err != nil {
			t.Errorf("attempt %d: %v", i, err)
		}
		if id := r.header.Get("Webhook-Id"); id != "20261122T120000Z-2026-11-22-failed" {
			t.Errorf("attempt %d has id %q", i, id)
		}
		r.body[len(r.body)/2] ^= 1
		if err := verifier.VerifyIgnoringTimestamp(r.body, r.header); err == nil {
			t.Error("a changed message passes")
		}
	}
}

func TestPing(t *testing.T) {
	partial := at(0, errDown)
	partial.Published = true
	for name, c := range map[string]struct {
		run  Run
		want int
	}{"published": {at(0, nil), 1}, "failed": {at(0, errDown), 0}, "incomplete": {partial, 0}} {
		box := newLetterbox(t, nil)
		f := newFixture(t, load(t, "notify: { ping: \"${URL}\" }\n", map[string]string{"URL": box.URL + "/0b7c1cf6?x=1"}))
		f.run(t, &f.told, c.run)
		got := box.all()
		if len(got) != c.want || c.want == 1 && (got[0].method != http.MethodGet || got[0].path != "/0b7c1cf6?x=1") {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Servers that never answer cost no more than the budget, and nothing of what goes to others.
func TestTheBudgetHolds(t *testing.T) {
	hang := make(chan struct{})
	mute := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(mute.Close)
	t.Cleanup(func() { close(hang) })
	silent := newSilent(t)
	box := newLetterbox(t, nil)
	cfg := load(t, `notify:
  webhooks: [{ url: "${MUTE}" }, { url: "${BOX}" }]
  email: { server: "${SMTP}", from: a@acme.example, to: [b@acme.example] }
  ping: "${MUTE}"
`, map[string]string{"MUTE": mute.URL, "BOX": box.URL, "SMTP": "smtp://" + silent})
	f := newFixture(t, cfg)
	f.courier.Now, f.budget = time.Now, 100*time.Millisecond
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.run(t, &f.told, at(0, errDown))
		f.run(t, new(Told), at(1, nil))
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it hangs")
	}
	if n := len(box.all()); n != 2 {
		t.Errorf("the one that answers has %d messages", n)
	}
	for _, name := range []string{"notify.webhooks[0]", "notify.email.to[0]", "notify.ping"} {
		if !strings.Contains(f.log.String(), `"not told","to":"`+name) {
			t.Errorf("%s is not in the log:\n%s", name, f.log)
		}
	}
}

func TestHistoryThatCannotBeRead(t *testing.T) {
	box := newLetterbox(t, nil)
	f := newFixture(t, load(t, "notify: { webhooks: [{ url: \"${URL}\" }] }\n", map[string]string{"URL": box.URL}))
	if err := f.lake.PutRun(t.Context(), "20261122T110000Z-2026-11-22", []string{"not", "a", "record"}); err != nil {
		t.Fatal(err)
	}
	f.run(t, new(Told), at(0, nil))
	if !strings.Contains(f.log.String(), "cannot be told") || len(box.all()) != 0 {
		t.Errorf("%d messages, log\n%s", len(box.all()), f.log)
	}
}

func TestFirstLines(t *testing.T) {
	long := strings.Repeat("é", maxBytes)
	for in, want := range map[string]string{
		"one": "one", "one\ntwo\n": "one\ntwo", "": "",
		"1\n2\n3\n4\n5\n6\n7\n8\n9": "1\n2\n3\n4\n5\n6\n7\n8\n… (the record of the run has it all)",
		long:                        strings.Repeat("é", maxBytes/2) + "\n… (the record of the run has it all)",
		"x" + long:                  "x" + strings.Repeat("é", maxBytes/2-1) + "\n… (the record of the run has it all)",
	} {
		if got := firstLines(in); got != want {
			t.Errorf("%.20q: got %q", in, got)
		}
	}
}

// Secrets stand in every key that takes one, servers repeat what they are given, and the error of the run has them all:
// nothing that is sent or logged shows one.
func TestNothingShowsASecret(t *testing.T) {
	const canary = "k4n4ry"
	vars := map[string]string{"KEY": "azRuNHJ5LWs0bjRyeS1rNG40cnktazRuNHJ5LWs0bjRyeQ==", "PW": canary + "-smtp"}
	box := newLetterbox(t, func(int) int { return http.StatusForbidden })
	fine := newLetterbox(t, nil)
	server := newSMTP(t, "report", "another")
	vars["HOOK"], vars["PING"], vars["FINE"] = box.URL+"/services/"+canary+"-hook-hook-hook", box.URL+"/"+canary+"-ping-ping-ping", fine.URL
	vars["SMTP"] = "smtp://report:" + vars["PW"] + "@example.com"
	cfg := load(t, `notify:
  webhooks: [{ url: "${HOOK}", signing_key: "${KEY}" }, { url: "${FINE}", signing_key: "${KEY}" }]
  email: { server: "${SMTP}", from: a@acme.example, to: [b@acme.example] }
  ping: "${PING}"
openlineage: { url: "${HOOK}", api_key: "${PW}" }
`, vars)
	f := newFixture(t, cfg)
	server.trust(f.Notifier)
	f.run(t, &f.told, at(0, fmt.Errorf("a driver said %s, %s, %s, %s and s0urcepw", vars["HOOK"], vars["KEY"], vars["PW"], vars["PING"])))
	f.run(t, &f.told, at(1, nil))
	shown := f.log.String()
	for _, r := range fine.all() {
		shown += string(r.body) + fmt.Sprint(r.header)
	}
	if len(fine.all()) != 2 || !strings.Contains(shown, "REDACTED") || !strings.Contains(shown, "535") {
		t.Errorf("the test has lost its reach:\n%s", shown)
	}
	for _, secret := range []string{canary, vars["KEY"], "s0urcepw", "azRuNHJ5LW"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%s is shown:\n%s", secret, shown)
		}
	}
}
