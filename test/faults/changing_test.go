package faults_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/jobs"
)

const (
	date3, time3 = "2026-03-12", "2026-03-12T02:30:00Z"
)

// change is what happens to the sources while a night reads them. A night reads PostgreSQL as it was when it began; what becomes
// of files it meets or does not meet, and the next night reads them in any case.
type change struct {
	name     string
	on       string                      // the delivery whose reading it comes before; empty: in the midst of PostgreSQL
	do       func(t *testing.T, s *site) // the change
	isolated bool                        // the night sees nothing of it
	seen     bool                        // the night, which then tries again, sees all of it
	fails    bool                        // the night
	exit     int                         // of one that fails
}

// TestSourcesThatChange changes the sources in the middle of a night. That night publishes what PostgreSQL held when it began, or
// fails; and the night after publishes the same as a lake that has never seen anything but the end.
func TestSourcesThatChange(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	s.night(t, program{lake: "base"}, date1, time1).well(t, "the first night")
	s.deliver(t, 2)
	s.copyLake(t, "base", "before")
	s.night(t, program{lake: "before"}, date2, again).well(t, "the second night, undisturbed")
	before := snapshot(s.objects(t, "before"), date2, true)
	for i, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			defer s.mend(t)
			name := fmt.Sprint("change-", i)
			s.copyLake(t, "base", name)
			p := program{lake: name, settings: "retry: { budget: 0s }\n"}
			if c.seen {
				p.settings = "retry: { budget: 1m }\n"
			}
			if c.on == "" {
				midway(t, s, audit, func() { c.do(t, s) })
			} else {
				s.events.spoil(is(http.MethodGet, c.on), 1, first(func() { c.do(t, s) }))
			}
			got := s.night(t, p, date2, again)
			t.Logf("exit code %d\n%s", got.exit, got.stderr)
			s.readers(t, name)
			if c.fails {
				if got.exit != c.exit || !strings.Contains(got.stderr, delivery) {
					t.Errorf("exit code %d, want %d and %s named:\n%s", got.exit, c.exit, delivery, got.stderr)
				}
			} else {
				got.well(t, "the night")
			}
			if c.isolated {
				same(t, "the night that did not see the change", before, snapshot(s.objects(t, name), date2, true))
			}
			s.mend(t)
			if c.seen {
				late := program{lake: name + "-late"}
				s.night(t, late, date2, again).well(t, "a fresh lake after the change")
				same(t, "the night that saw the change", snapshot(s.objects(t, late.lake), date2, false), snapshot(s.objects(t, name), date2, false))
			}

			// The night after, and one that reads all of it for the first time.
			s.night(t, p, date3, time3).well(t, "the night after")
			s.readers(t, name)
			fresh := program{lake: name + "-fresh"}
			s.night(t, fresh, date3, time3).well(t, "a fresh lake")
			same(t, "the night after", snapshot(s.objects(t, fresh.lake), date3, false), snapshot(s.objects(t, name), date3, false))
			s.start(t, p, "verify").well(t, "verify")
		})
	}
}

func changes() []change {
	return []change{
		{name: "rows come, change and go in PostgreSQL", isolated: true,
			do: func(t *testing.T, s *site) {
				s.exec(t, `INSERT INTO audit_events VALUES ('a-new', 'w1', '2026-03-10 12:00Z', 'member.removed', 'u1')`)
				s.exec(t, `INSERT INTO logins VALUES ('l-new', 'w1', 'u1', '2026-03-10 12:00Z')`)
				s.exec(t, `UPDATE audit_events SET action = 'member.removed' WHERE event_id IN ('a21', 'a22')`)
				s.exec(t, `UPDATE members SET user_name = 'Another'`)
				s.exec(t, `DELETE FROM audit_events WHERE event_id IN ('a23', 'a24')`)
			}},
		{name: "a table is emptied and filled again in PostgreSQL",
			do: func(t *testing.T, s *site) {
				s.exec(t, `BEGIN; DELETE FROM audit_events; INSERT INTO audit_events SELECT 'b' || n, 'w1',
					timestamptz '2026-03-10 00:00Z' + n * interval '1 minute', 'member.added', 'u' || n FROM generate_series(1, 30) n; COMMIT`)
			}},
		{name: "rows change in PostgreSQL, and it ends the sessions", seen: true,
			do: func(t *testing.T, s *site) {
				s.exec(t, `UPDATE members SET user_name = 'Someone'`)
				s.exec(t, `INSERT INTO logins VALUES ('l-newer', 'w1', 'u1', '2026-03-10 13:00Z')`)
				s.terminate(t)
			}},
		{name: "a file is replaced between the listing and its reading", on: delivery,
			do: func(t *testing.T, s *site) { s.put(t, delivery, generations(5600, 9600)) }},
		{name: "a file is replaced by a shorter one", on: delivery,
			do: func(t *testing.T, s *site) { s.put(t, delivery, generations(8000, 8400)) }},
		{name: "a file comes while others are read", on: delivery,
			do: func(t *testing.T, s *site) { s.put(t, "generations/2026-03-10/b.csv", generations(9600, 9700)) }},
		{name: "a file goes between the listing and its reading", on: delivery, fails: true, exit: jobs.ExitConfig,
			do: func(t *testing.T, s *site) {
				if err := s.bucket.Delete(t.Context(), "events/"+delivery); err != nil {
					t.Error(err)
				}
			}},
	}
}
