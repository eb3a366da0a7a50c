package faults_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/usagereport/usagereport/jobs"
)

// The locks that queries wait for.
const (
	logins = 1
	audit  = 2
)

// midway does something while the program waits for a dataset: PostgreSQL has then handed over others.
func midway(t *testing.T, s *site, lock int, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	holder, err := s.db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.ExecContext(ctx, "SELECT pg_advisory_lock($1)", lock); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() { cancel(); <-over })
	go func() {
		defer close(over)
		defer func() { _ = holder.Close() }()
		for waiting := 0; waiting == 0; {
			err := holder.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT pg_sleep(0.01)) s, pg_locks
				WHERE locktype = 'advisory' AND NOT granted AND objid = $1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, lock).Scan(&waiting)
			if err != nil {
				t.Errorf("the program did not come: %v", err)
				return
			}
		}
		do()
		if _, err := holder.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", lock); err != nil {
			t.Error(err)
		}
	}()
}

func databaseFaults() []fault {
	return []fault{
		{name: "PostgreSQL answers late", expect: succeeds,
			strike: func(t *testing.T, s *site) { s.pg.toxic(t, "latency", "downstream", `"latency": 10, "jitter": 5`) }},
		{name: "PostgreSQL answers slowly", expect: succeeds,
			strike: func(t *testing.T, s *site) { s.pg.toxic(t, "bandwidth", "downstream", `"rate": 400`) }},
		{name: "PostgreSQL sends in shreds", expect: succeeds,
			strike: func(t *testing.T, s *site) {
				s.pg.toxic(t, "slicer", "downstream", `"average_size": 700, "size_variation": 300, "delay": 10`)
			}},
		{name: "PostgreSQL cannot be reached", expect: fails, exit: jobs.ExitRetry, says: []string{"app", "connection refused"},
			strike: func(_ *testing.T, s *site) { s.pg.cut() }},
		{name: "PostgreSQL does not answer", expect: fails, exit: jobs.ExitRetry, says: []string{"app"},
			strike: func(t *testing.T, s *site) { s.pg.toxic(t, "timeout", "downstream", `"timeout": 0`) }},
		{name: "PostgreSQL is cut off in the middle of a dataset", expect: fails, exit: jobs.ExitRetry, says: []string{"logins"},
			strike: func(t *testing.T, s *site) { s.pg.toxic(t, "limit_data", "downstream", `"bytes": 90000`) }},
		{name: "PostgreSQL's connections are reset", expect: fails, exit: jobs.ExitRetry, says: []string{"app"},
			strike: func(t *testing.T, s *site) { s.pg.toxic(t, "reset_peer", "downstream", `"timeout": 0`) }},
		{name: "PostgreSQL's connections are reset midway", expect: fails, exit: jobs.ExitRetry, says: []string{"logins", "connection reset", "rows read so far"},
			strike: func(t *testing.T, s *site) {
				s.pg.armed(t)
				midway(t, s, logins, func() { s.pg.toxic(t, "reset_peer", "downstream", `"timeout": 0`) })
			}},
		{name: "PostgreSQL's connections are reset midway, once", budget: "1m", expect: succeeds,
			strike: func(t *testing.T, s *site) {
				s.pg.armed(t)
				midway(t, s, logins, func() {
					s.pg.toxic(t, "reset_peer", "downstream", `"timeout": 0`)
					time.AfterFunc(back, func() { s.pg.proxy.Toxics.ResetToxics(context.Background()) })
				})
			}},
		{name: "PostgreSQL falls silent midway", hasty: true, expect: fails, exit: jobs.ExitRetry, says: []string{"logins", "time"},
			strike: func(t *testing.T, s *site) {
				midway(t, s, logins, func() { s.pg.toxic(t, "timeout", "downstream", `"timeout": 0`) })
			}},
		{name: "PostgreSQL ends the sessions", expect: fails, exit: jobs.ExitRetry, says: []string{"logins", "57P01"},
			strike: func(t *testing.T, s *site) { midway(t, s, logins, func() { s.terminate(t) }) }},

		{name: "PostgreSQL ends the sessions that the audit log is from", expect: partly, exit: jobs.ExitRetry,
			says:   []string{"published in part", "without its audit part", "audit_events", "57P01"},
			strike: func(t *testing.T, s *site) { midway(t, s, audit, func() { s.terminate(t) }) }},

		// What ends within the budget.
		{name: "PostgreSQL cannot be reached for a while", budget: "1m", expect: succeeds,
			strike: func(t *testing.T, s *site) { s.pg.pause(t, back) }},
		{name: "PostgreSQL is cut off in the middle of a dataset, once", budget: "1m", expect: succeeds,
			strike: func(t *testing.T, s *site) {
				s.pg.toxic(t, "limit_data", "downstream", `"bytes": 90000`)
				time.AfterFunc(back, func() { s.pg.proxy.Toxics.ResetToxics(context.Background()) })
			}},
		{name: "PostgreSQL ends the sessions, once", budget: "1m", expect: succeeds,
			strike: func(t *testing.T, s *site) { midway(t, s, logins, func() { s.terminate(t) }) }},
		{name: "PostgreSQL ends the sessions, and the password is another", budget: "1m", expect: fails, exit: jobs.ExitConfig,
			says: []string{"app", "password"},
			strike: func(t *testing.T, s *site) {
				midway(t, s, logins, func() {
					s.exec(t, fmt.Sprintf("ALTER ROLE %q PASSWORD 'after'", s.user))
					s.terminate(t)
				})
			},
			mend: func(t *testing.T, s *site) { s.exec(t, fmt.Sprintf("ALTER ROLE %q PASSWORD '%s'", s.user, s.password)) }},
		{name: "PostgreSQL's user is gone", budget: "1m", expect: fails, exit: jobs.ExitConfig, says: []string{"app"},
			strike: func(t *testing.T, s *site) { midway(t, s, logins, func() { s.drop(t) }) },
			mend:   func(t *testing.T, s *site) { s.grant(t) }},
	}
}
