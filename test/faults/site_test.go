package faults_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the sources are written with it
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// The nights. The second one is made at 02:30 where a fault strikes, and once more, undisturbed, at 03:30.
const (
	date1, time1        = "2026-03-10", "2026-03-10T02:30:00Z"
	date2, time2, again = "2026-03-11", "2026-03-11T02:30:00Z", "2026-03-11T03:30:00Z"
)

// site is a company's systems, on real servers: databases, a bucket with deliveries, and a bucket with lakes, one for each
// case. The program reaches all of them through wires.
type site struct {
	pg, events, lakes *wire
	db                *sql.DB      // past the wire
	bucket            *blob.Bucket // past the wires: deliveries in events/, lakes in lakes/
	store             *blob.Bucket // where the lakes are: this one or, of a site where nothing strikes them, a folder
	folder            string       // that folder; empty: the bucket
	pgURL             url.URL      // through the wire
	s3URL             url.URL      // past the wires
	user, password    string       // of the program in PostgreSQL
	dir               string
	met               *met
}

// met is what readers met that they must not meet, by lake.
type met struct {
	mu     sync.Mutex
	broken map[string][]string
}

// newSite skips the test where the servers are not there, or fails it (see testservice.Missing). The lakes of a local one are in a
// folder, which takes a fraction of the time.
func newSite(t *testing.T, local bool) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), met: &met{broken: map[string][]string{}}}
	s.s3URL = parse(t, testservice.S3(t).URL)
	var err error
	if s.bucket, err = blob.OpenBucket(t.Context(), s.s3URL.String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.bucket.Close() })
	s.store = s.bucket
	if local {
		s.folder = t.TempDir()
		if s.store, err = fileblob.OpenBucket(s.folder, &fileblob.Options{Metadata: fileblob.MetadataDontWrite, NoTempDir: true}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.store.Close() })
	}

	admin := testservice.Postgres(t)
	if s.db, err = sql.Open("pgx", admin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() })
	s.pgURL = parse(t, admin)
	for _, statement := range tables {
		s.exec(t, statement)
	}
	server := parse(t, s.s3URL.Query().Get("endpoint")).Host
	s.events = newHTTPWire(t, "events", server, func(*http.Request) {})
	s.lakes = newHTTPWire(t, "lakes", server, func(r *http.Request) { s.look(r) })
	s.pg = newWire(t, "pg", s.pgURL.Host)
	s.pgURL.Host = s.pg.address()
	s.user, s.password = strings.Trim(s.pgURL.Path, "/")+"_reader", "before"
	s.grant(t)
	t.Cleanup(func() { s.drop(t) })
	s.deliver(t, 1)
	return s
}

// apart returns the same systems with ways of its own to the deliveries and to the lakes, so that these can be spoiled beside others.
// The way to PostgreSQL is the same for all.
func (s *site) apart(t *testing.T) *site {
	t.Helper()
	other := *s
	server := parse(t, s.s3URL.Query().Get("endpoint")).Host
	other.events = newHTTPWire(t, "events", server, func(*http.Request) {})
	other.lakes = newHTTPWire(t, "lakes", server, func(r *http.Request) { s.look(r) })
	return &other
}

// lakesURL returns the URL of the lakes: through the wire, or of the folder.
func (s *site) lakesURL() string {
	if s.folder != "" {
		return "file://" + s.folder + "/lakes?create_dir=true"
	}
	return s.through(s.lakes, "lakes/")
}

func parse(t *testing.T, text string) url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return *u
}

func (s *site) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := s.db.ExecContext(context.WithoutCancel(t.Context()), statement, args...); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}

// grant makes the program's user.
func (s *site) grant(t *testing.T) {
	t.Helper()
	s.exec(t, fmt.Sprintf("CREATE ROLE %q LOGIN PASSWORD '%s'", s.user, s.password))
	s.exec(t, fmt.Sprintf("GRANT SELECT ON ALL TABLES IN SCHEMA public TO %q", s.user))
}

// drop removes the program's user.
func (s *site) drop(t *testing.T) {
	t.Helper()
	s.terminate(t)
	s.exec(t, fmt.Sprintf("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %q", s.user))
	s.exec(t, fmt.Sprintf("DROP ROLE %q", s.user))
}

// terminate ends the program's sessions in PostgreSQL.
func (s *site) terminate(t *testing.T) {
	t.Helper()
	s.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", s.user)
}

// mend makes all wires well.
func (s *site) mend(t *testing.T) {
	t.Helper()
	for _, w := range []*wire{s.pg, s.events, s.lakes} {
		w.mend(t)
	}
}

// through returns the URL of a folder of the bucket by way of a wire; without one by that which the environment names.
func (s *site) through(w *wire, folder string) string {
	u := s.s3URL
	q := u.Query()
	q.Del("endpoint")
	if w != nil {
		q.Set("endpoint", "http://"+w.address())
	}
	q.Set("prefix", q.Get("prefix")+folder)
	u.RawQuery = q.Encode()
	return u.String()
}

// program is a run of the real program.
type program struct {
	lake     string // its prefix
	bucket   string // in place of the site's, if set
	settings string // further lines of the config
	datasets map[string]string
	hasty    bool // it bears silence for a second or two
	env      []string
	wrap     []string // in front of the command
	limit    time.Duration
}

// outcome is what a run of the program leaves behind.
type outcome struct {
	exit           int
	stdout, stderr string
	peak           int64 // resident bytes
	took           time.Duration
}

// start runs the program, which gets --config.
func (s *site) start(t *testing.T, p program, args ...string) outcome {
	t.Helper()
	path := filepath.Join(s.dir, p.lake+".yaml")
	if err := os.WriteFile(path, []byte(s.config(p)), 0o600); err != nil {
		t.Fatal(err)
	}
	if p.limit == 0 {
		p.limit = 5 * time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), p.limit)
	defer cancel()
	line := append(slices.Clone(p.wrap), binary(t, p.hasty))
	line = append(line, args...)
	line = append(line, "--config", path)
	c := exec.CommandContext(ctx, line[0], line[1:]...)
	c.Env = append(os.Environ(), p.env...)
	// In the URL it would be part of what the dataset is.
	c.Env = append(c.Env, "AWS_ENDPOINT_URL_S3=http://"+s.events.address())
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	began := time.Now()
	err := c.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{c.ProcessState.ExitCode(), stdout.String(), stderr.String(), peakOf(c.ProcessState), time.Since(began)}
}

// night runs one night.
func (s *site) night(t *testing.T, p program, date, at string) outcome {
	t.Helper()
	return s.start(t, p, "run", "--date", date, "--run-time", at)
}

// well fails the test unless the program ended well.
func (o outcome) well(t *testing.T, what string) {
	t.Helper()
	if o.exit != 0 {
		t.Fatalf("%s: exit code %d:\n%s%s", what, o.exit, o.stdout, o.stderr)
	}
}

var (
	build = sync.OnceValues(func() (string, error) { return buildWith("usagereport", "1m") })
	hasty = sync.OnceValues(func() (string, error) { return buildWith("hasty", "2s") })
)

// buildWith builds the program, which bears so much of buckets that say nothing.
func buildWith(name, silence string) (string, error) {
	path := filepath.Join(scratch, name)
	flags := "-s -w -X=github.com/usagereport/usagereport/internal/silence.limit=" + silence
	out, err := exec.Command("go", "build", "-ldflags", flags, "-o", path, "github.com/usagereport/usagereport/cmd/usagereport").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}

var scratch string // of the test binary

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "usagereport-faults-"); err != nil {
		panic(err)
	}
	flag.Parse()
	// Most of the time is spent on waiting: for a client's pauses between tries, for time-outs.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch) // the tests are over
	os.Exit(code)
}

// binary returns the path of the program.
func binary(t *testing.T, soon bool) string {
	t.Helper()
	of := build
	if soon {
		of = hasty
	}
	path, err := of()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// copyLake copies a lake.
func (s *site) copyLake(t *testing.T, from, to string) {
	t.Helper()
	from, to = "lakes/"+from+"/", "lakes/"+to+"/"
	for it := s.store.List(&blob.ListOptions{Prefix: from}); ; {
		o, err := it.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = s.store.Copy(t.Context(), to+strings.TrimPrefix(o.Key, from), o.Key, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// objects returns the objects of a lake by key, but for those of the lease.
func (s *site) objects(t *testing.T, name string) map[string][]byte {
	t.Helper()
	all := sinktest.Dump(t, s.store, "lakes/"+name+"/")
	for key := range all {
		if strings.HasPrefix(key, "lease/") {
			delete(all, key)
		}
	}
	return all
}

// snapshot returns what readers see of a date: its manifest and what that may name, and what is newest. What tells how often
// a date was published can be left out: the manifests and the digests of the audit log.
func snapshot(objects map[string][]byte, date string, whole bool) map[string][]byte {
	found := map[string][]byte{}
	for key, data := range objects {
		folder, _, _ := strings.Cut(key, "/")
		switch {
		case key == lake.LatestKey, folder == "manifests", strings.HasPrefix(key, "audit/digests/"):
			if whole {
				found[key] = data
			}
		case strings.HasPrefix(key, "reports/latest/"), slices.Contains([]string{"logs", "audit", "reports"}, folder) && strings.Contains(key, date):
			found[key] = data
		}
	}
	return found
}

// openLake opens a lake past the wires.
func (s *site) openLake(t *testing.T, name string) *lake.Lake {
	t.Helper()
	l, err := lake.New(s.store, "direct", "lakes/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// look is a reader that reads the newest snapshot whenever an object that readers see was written or deleted, and takes note
// if that is not whole.
func (s *site) look(r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return
	}
	_, rest, ok := strings.Cut(r.URL.Path, "/lakes/")
	name, key, _ := strings.Cut(rest, "/")
	folder, _, _ := strings.Cut(key, "/")
	if !ok || slices.Contains([]string{"", "staging", "state", "lease", "runs", "quarantine", "intent.json"}, folder) {
		return
	}
	if err := s.read(name); err != nil {
		s.met.mu.Lock()
		defer s.met.mu.Unlock()
		s.met.broken[name] = append(s.met.broken[name], fmt.Sprintf("after %s %s: %v", r.Method, key, err))
	}
}

// read reads the newest snapshot of a lake as a careful reader does.
func (s *site) read(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	l, err := lake.New(s.store, "direct", "lakes/"+name)
	if err != nil {
		return err
	}
	_, err = l.Pointer(ctx)
	if errors.Is(err, lake.ErrNoSnapshot) {
		return nil // the first night of a lake
	}
	if err != nil {
		return err
	}
	manifest, err := l.Latest(ctx)
	if err != nil {
		return err
	}
	var wrong []string
	for _, o := range manifest.Objects {
		data, err := s.store.ReadAll(ctx, "lakes/"+name+"/"+o.Key)
		if err != nil || fmt.Sprintf("%x", sha256.Sum256(data)) != o.SHA256 {
			wrong = append(wrong, fmt.Sprintf("%s (%v)", o.Key, err))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("of the snapshot of %s, these are not what its manifest says: %s", manifest.SnapshotDate, strings.Join(wrong, ", "))
	}
	return nil
}

// readers fails the test if readers of a lake met what they must not meet.
func (s *site) readers(t *testing.T, name string) {
	t.Helper()
	s.met.mu.Lock()
	defer s.met.mu.Unlock()
	for _, b := range s.met.broken[name] {
		t.Errorf("a reader met a half: %s", b)
	}
	delete(s.met.broken, name)
}

// same fails the test where two sets of objects differ.
func same(t *testing.T, what string, want, got map[string][]byte) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("nothing to compare with")
	}
	for key, data := range want {
		if other, ok := got[key]; !ok {
			t.Errorf("%s: %s is gone", what, key)
		} else if !bytes.Equal(data, other) {
			t.Errorf("%s: %s differs: %d bytes, want %d", what, key, len(other), len(data))
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s: %s is too many", what, key)
		}
	}
}
