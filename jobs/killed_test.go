package jobs_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
	"github.com/usagereport/usagereport/sources"
)

// frailServer is a kind of database whose sessions a test ends.
type frailServer struct {
	name   string
	url    func(testing.TB) string
	open   func(context.Context, string) (*sql.DB, error)
	logins string // a query of 300,000 rows, of which 300 cannot be used
	others string // the ids of all other sessions
	kill   string // one of them
}

func frailServers() []frailServer {
	return []frailServer{
		{
			name: "postgres", url: testservice.Postgres, open: servers[1].open,
			logins: "SELECT 'e'||n AS event_id, 'w1' AS workspace_id, CASE WHEN n % 1000 > 0 THEN 'u'||n % 3 END AS user_id, " +
				"timestamptz '2026-11-19 10:00Z' AS logged_in_at FROM generate_series(1, 300000) n WHERE :from < now() + interval '99 years' AND :to IS NOT NULL",
			others: "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
			kill:   "SELECT pg_terminate_backend(%d)",
		},
		{
			name: "mariadb", url: testservice.MySQL, open: servers[2].open,
			logins: "SELECT CONCAT('e', seq) AS event_id, 'w1' AS workspace_id, CASE WHEN seq % 1000 > 0 THEN CONCAT('u', seq % 3) END AS user_id, " +
				"TIMESTAMP '2026-11-19 10:00:00' AS logged_in_at FROM seq_1_to_300000 WHERE :from < '3000-01-01' AND :to IS NOT NULL",
			others: "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()",
			kill:   "KILL %d",
		},
	}
}

// end ends all sessions of the database but its own.
func (s *frailServer) end(t *testing.T, db *sql.DB) {
	rows, err := db.QueryContext(t.Context(), s.others)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = rows.Close() }()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Error(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
	for _, id := range ids {
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf(s.kill, id)); err != nil && !strings.Contains(err.Error(), "Unknown thread") {
			t.Error(err)
		}
	}
}

// world returns a world with logins and workspaces in the server at url.
func (s *frailServer) world(t *testing.T, at string) *world {
	w := newWorld(t, "UTC")
	w.settings = "quality: { max_rejected_ratio: 0.01 }\n"
	w.sources = fmt.Sprintf("  server: { url: %q }\n", at)
	w.bindings["logins"] = fmt.Sprintf("{ source: server, query: %q }", s.logins)
	w.bindings["workspaces"] = `{ source: server, query: "SELECT 'w1' AS workspace_id, 'One' AS workspace_name, 'Business' AS plan" }`
	w.gens.files["2026-11-18/a.csv"] = []event{generation("g1", "u1", "2026-11-18T10:00:00Z")}
	w.patience = time.Hour
	return w
}

// everyTime returns a Progress that does something in a stage whenever it has handled its first rows, the first n times.
func everyTime(stage string, n int, do func()) jobs.Progress {
	now, fresh := "", false
	return hearing(func(s string, _ int64) {
		if s != "" {
			now, fresh = s, true
		} else if now == stage && fresh && n > 0 {
			fresh = false
			n--
			do()
		}
	})
}

// TestSessionsAreKilled has a server end the sessions of a run in the middle of a result: everything of it is read again, and
// published and counted as if nothing had been; when that happens each time, the run ends and changes nothing.
func TestSessionsAreKilled(t *testing.T) {
	for _, s := range frailServers() {
		t.Run(s.name, func(t *testing.T) {
			at := s.url(t)
			db, err := s.open(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			w, quiet, b := s.world(t, at), newBucket(t), newBucket(t)
			want := run(t, w, quiet, firstNight, jobs.Request{})

			n := newNight(t, w, b, firstNight)
			n.Progress = everyTime("read logins", 2, func() { s.end(t, db) })
			out, err := n.Run(t.Context(), jobs.Request{})
			if err != nil {
				t.Fatal(err)
			}
			report(t, "sessions were killed", logsOf(t, quiet, "2026-11-20"), logsOf(t, b, "2026-11-20"))
			for i, d := range out.Manifest.Datasets {
				if d != want.Manifest.Datasets[i] {
					t.Errorf("counted %+v, want %+v", d, want.Manifest.Datasets[i])
				}
			}
			const rejected = "quarantine/2026-11-20/logins.jsonl"
			lines := func(b *blob.Bucket) int {
				return strings.Count(string(sinktest.Dump(t, b, "")[rejected]), "\n")
			}
			if a, b := lines(quiet), lines(b); a != 300 || a != b {
				t.Errorf("%d and %d rows in quarantine, want 300", a, b)
			}
			rec := storedRecord(t, b, out.Manifest.RunID)
			if len(rec.Retries) != 1 || rec.Retries[0].Operation != "read source server" || rec.Retries[0].Times != 2 || rec.Retries[0].Reason == "" {
				t.Errorf("retries: %+v", rec.Retries)
			}

			before := sinktest.Dump(t, b, "")
			n = newNight(t, w, b, secondNight)
			kills := 0
			n.Progress = everyTime("read logins", 100, func() { kills++; s.end(t, db) })
			out, err = n.Run(t.Context(), jobs.Request{})
			if !errors.Is(err, sources.ErrUnreachable) || out.Published || jobs.ExitCode(err) != jobs.ExitRetry || kills != 5 {
				t.Errorf("published %t after %d kills, %v", out.Published, kills, err)
			}
			after := sinktest.Dump(t, b, "")
			for _, key := range differing(before, after) {
				if !strings.HasPrefix(key, "runs/") && !strings.HasPrefix(key, "lease/") {
					t.Errorf("%s is not as it was", key)
				}
			}
		})
	}
}

// TestServerComesBack has a server be away for a while when the run begins: the run waits for it, as long as it may.
func TestServerComesBack(t *testing.T) {
	for _, s := range frailServers() {
		t.Run(s.name, func(t *testing.T) {
			u, err := url.Parse(s.url(t))
			if err != nil {
				t.Fatal(err)
			}
			away, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			there, here := u.Host, away.Addr().String()
			if err := away.Close(); err != nil {
				t.Fatal(err)
			}
			u.Host = here
			w := s.world(t, u.String())
			w.write(t)
			n := newNight(t, w, newBucket(t), firstNight)
			waits := 0
			n.Wait = func(ctx context.Context, _ time.Duration) error {
				if waits++; waits == 3 {
					forward(t, here, there)
				}
				return ctx.Err()
			}
			out, err := n.Run(t.Context(), jobs.Request{})
			if err != nil || waits != 3 || len(out.Retries) != 1 || out.Retries[0].Times != 3 {
				t.Errorf("after %d waits, retries %+v: %v", waits, out.Retries, err)
			}
		})
	}
}

// forward hands connections to one address on to another, until the test ends.
func forward(t *testing.T, from, to string) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", from)
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
}

// TestLakeFailsForAMoment has every read of a run fail once, in the way in which a network does.
func TestLakeFailsForAMoment(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	w.watch()
	w.audits.rows = []event{{"event_id": "a1", "workspace_id": "w1", "occurred_at": "2026-11-18T10:00:00Z", "action": "member.added"}}
	w.gens.files["2026-11-18/a.csv"] = []event{generation("g1", "u1", "2026-11-18T10:00:00Z")}
	w.logins.rows = []event{login("l1", "u1", "2026-11-18T10:00:00Z", "2026-11-18T10:00:00Z")}
	run(t, w, b, firstNight, jobs.Request{})
	quiet := copyOf(t, b)
	w.gens.files["2026-11-20/b.csv"] = []event{generation("g2", "u2", "2026-11-19T10:00:00Z")}
	run(t, w, quiet, secondNight, jobs.Request{})

	w.patience = time.Hour
	failed := map[string]bool{}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
	frail := sinktest.Wrap(b, func(c sinktest.Call) sinktest.Fault {
		key := string(c.Op) + c.Key
		if c.Op == sinktest.Read && strings.HasPrefix(c.Key, "state/") && !failed[key] {
			failed[key] = true
			return sinktest.Fault{Err: reset}
		}
		return sinktest.Fault{}
	})
	n := newNight(t, w, b, secondNight)
	l, err := lake.New(frail, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	n.Lake = l
	out, err := n.Run(t.Context(), jobs.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if len(failed) < 3 || len(out.Retries) == 0 || out.Retries[0].Times != len(failed) {
		t.Errorf("%d reads failed; retries %+v", len(failed), out.Retries)
	}
	report(t, "reads that failed once", logsOf(t, quiet, "2026-11-21"), logsOf(t, b, "2026-11-21"))
}
