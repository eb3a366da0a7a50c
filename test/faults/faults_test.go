// Package faults_test runs the real program against real servers through proxies that spoil the way: connections that are slow,
// cut or silent, servers that refuse, throttle and send half of what they promise, credentials that end midway, disks and memory
// that do not suffice, sources that change meanwhile. After each: readers have met whole snapshots only, the error says what
// happened and where, the exit code tells whether a retry may help, and the next night publishes what it would have published
// anyway, byte for byte. It tests no package of its own.
package faults_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/jobs"
)

// fault is something that strikes the second night.
type fault struct {
	name    string
	strike  func(t *testing.T, s *site)
	mend    func(t *testing.T, s *site) // what the wires do not undo, if there is something
	budget  string                      // for trying again; empty: 0s
	hasty   bool                        // the program bears silence for a second
	expect  ending                      // of the night
	exit    int                         // of one that fails
	says    []string                    // on stderr, of one that fails
	holding bool                        // the failed night could not give its lease back
}

// ending is how a night ends.
type ending int

const (
	succeeds ending = iota // it publishes what it would have published without the fault
	fails                  // nothing of it can be seen, and the day before is as it was
	partly                 // what can be made is published, and the next one adds the rest
	stuck                  // what it had begun to publish is finished by the next one; until then the day before is the newest
)

func TestFaultsOfTheDatabase(t *testing.T)   { testFaults(t, databaseFaults(), database) }
func TestFaultsOfTheDeliveries(t *testing.T) { testFaults(t, deliveryFaults(), deliveries) }
func TestFaultsOfTheLake(t *testing.T)       { testFaults(t, lakeFaults(), lakes) }

// struck is what faults strike.
type struck int

const (
	database struck = iota
	deliveries
	lakes
)

// testFaults lets every fault strike a night of its own, each on a copy of the lake as the first night left it: those of deliveries
// and lakes at the same time, each by a way of its own. Where it is not the lake that is struck, that is local.
func testFaults(t *testing.T, faults []fault, on struck) {
	t.Parallel()
	s := newSite(t, on != lakes)
	s.night(t, program{lake: "base"}, date1, time1).well(t, "the first night")
	s.deliver(t, 2)
	s.copyLake(t, "base", "twin")
	s.night(t, program{lake: "twin"}, date2, again).well(t, "the second night, undisturbed")
	base, twin := s.objects(t, "base"), s.objects(t, "twin")
	for i, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			s := s
			if on != database {
				t.Parallel()
				s = s.apart(t)
			}
			name := fmt.Sprint("case-", i)
			s.copyLake(t, "base", name)
			f.test(t, s, name, base, twin)
		})
	}
}

func (f *fault) test(t *testing.T, s *site, name string, base, twin map[string][]byte) {
	defer s.mend(t)
	budget := f.budget
	if budget == "" {
		budget = "0s"
	}
	p := program{lake: name, settings: "retry: { budget: " + budget + " }\n"}
	p.hasty = f.hasty
	at := time2
	if f.expect == succeeds {
		at = again
	}
	f.strike(t, s)
	got := s.night(t, p, date2, at)
	s.mend(t)
	if f.mend != nil {
		f.mend(t, s)
	}
	t.Logf("exit code %d after %s, %d MiB\n%s", got.exit, got.took, got.peak>>20, got.stderr)
	s.readers(t, name)
	if err := s.read(name); err != nil {
		t.Errorf("the newest snapshot afterwards: %v", err)
	}
	if f.expect == succeeds {
		got.well(t, "the night")
	} else {
		if got.exit != f.exit {
			t.Errorf("exit code %d, want %d:\n%s", got.exit, f.exit, got.stderr)
		}
		_, said, _ := strings.Cut(got.stderr, "\nusagereport: ")
		for _, part := range f.says {
			if !strings.Contains(said, part) {
				t.Errorf("the error does not say %q: %s", part, said)
			}
		}
		f.left(t, base, s.objects(t, name))
		if f.holding {
			if err := s.openLake(t, name).BreakLease(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.night(t, p, date2, again).well(t, "the night again, undisturbed")
		if f.expect == fails { // while a date is published again, its readers go by the checksums
			s.readers(t, name)
		}
	}
	whole := f.expect == succeeds || f.expect == fails // else the date was published twice
	same(t, "what is published", snapshot(twin, date2, whole), snapshot(s.objects(t, name), date2, whole))
	s.start(t, p, "verify").well(t, "verify")
}

// published matches the requests that put an object of a folder where readers see it.
func published(folder string) func(*http.Request) bool {
	return func(r *http.Request) bool { return is("PUT", folder)(r) && !staged(r) }
}

func staged(r *http.Request) bool { return strings.Contains(r.URL.Path, "/staging/") }

// left checks what a failed night left: everything of the day before as it was, and of its own what readers do not see.
func (f *fault) left(t *testing.T, before, after map[string][]byte) {
	t.Helper()
	for key, data := range before {
		if string(after[key]) != string(data) && f.expect != partly {
			t.Errorf("the failed night changed %s", key)
		}
	}
	for key := range after {
		folder, _, _ := strings.Cut(key, "/")
		if _, old := before[key]; !old && folder != "runs" && folder != "state" && folder != "quarantine" &&
			folder != "staging" && f.expect == fails {
			t.Errorf("the failed night left %s", key)
		}
	}
}

// What S3 answers when it does not do what it was asked for.
var (
	slow    = answer(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	expired = answer(http.StatusForbidden, "ExpiredToken", "The provided token has expired.")
	broken  = answer(http.StatusInternalServerError, "InternalError", "We encountered an internal error.")
)

func deliveryFaults() []fault {
	const file = delivery
	return []fault{
		{name: "deliveries come late", expect: succeeds,
			strike: func(t *testing.T, s *site) { s.events.toxic(t, "latency", "downstream", `"latency": 60, "jitter": 30`) }},
		{name: "deliveries come slowly", expect: succeeds,
			strike: func(t *testing.T, s *site) { s.events.toxic(t, "bandwidth", "downstream", `"rate": 400`) }},
		{name: "a delivery is cut off", expect: fails, exit: jobs.ExitRetry, says: []string{"generations", file},
			strike: func(t *testing.T, s *site) { s.events.toxic(t, "limit_data", "downstream", `"bytes": 60000`) }},
		{name: "a delivery ends before its length", expect: fails, exit: jobs.ExitRetry, says: []string{"generations", file, "unexpected EOF"},
			strike: func(_ *testing.T, s *site) { s.events.spoil(is("GET", file), 0, half(true)) }},
		{name: "half a delivery passes for all of it", expect: fails, exit: jobs.ExitRetry, says: []string{"generations", file},
			strike: func(_ *testing.T, s *site) { s.events.spoil(is("GET", file), 0, half(false)) }},
		{name: "a delivery ends before its length, once", budget: "1m", expect: succeeds,
			strike: func(_ *testing.T, s *site) { s.events.spoil(second(is("GET", file)), 1, half(true)) }},
		{name: "half a delivery passes for all of it, once", budget: "1m", expect: succeeds,
			strike: func(_ *testing.T, s *site) { s.events.spoil(second(is("GET", file)), 1, half(false)) }},
		{name: "the deliveries' connections end, and come back", budget: "1m", expect: succeeds,
			strike: func(t *testing.T, s *site) {
				s.events.spoil(second(is("GET", file)), 1, first(func() { s.events.pause(t, back) }))
			}},
		{name: "deliveries are refused for a moment", expect: succeeds,
			strike: func(_ *testing.T, s *site) { s.events.spoil(second(is("GET", file)), 2, slow) }},
		{name: "deliveries are throttled", expect: fails, exit: jobs.ExitRetry, says: []string{"generations", "SlowDown"},
			strike: func(_ *testing.T, s *site) { s.events.spoil(from(is("GET", file)), 0, slow) }},
		{name: "the right to read deliveries ends midway", expect: fails, exit: jobs.ExitConfig, says: []string{"generations", "ExpiredToken"},
			strike: func(_ *testing.T, s *site) { s.events.spoil(from(is("GET", file)), 0, expired) }},
		{name: "the deliveries fall silent", hasty: true, expect: fails, exit: jobs.ExitRetry, says: []string{"generations", file, "said nothing"},
			strike: func(t *testing.T, s *site) {
				s.events.spoil(is("GET", file), 1, first(func() { s.events.toxic(t, "timeout", "downstream", `"timeout": 0`) }))
			}},
		{name: "the deliveries say nothing at all", hasty: true, expect: fails, exit: jobs.ExitRetry, says: []string{"list the files of generations", "said nothing"},
			strike: func(t *testing.T, s *site) { s.events.toxic(t, "timeout", "upstream", `"timeout": 0`) }},
		{name: "half a delivery, and then silence", hasty: true, expect: fails, exit: jobs.ExitRetry, says: []string{"generations", file, "said nothing"},
			strike: func(_ *testing.T, s *site) { s.events.spoil(is("GET", file), 0, silent(true)) }},
		{name: "no delivery but silence, once", hasty: true, budget: "1m", expect: succeeds,
			strike: func(_ *testing.T, s *site) { s.events.spoil(second(is("GET", file)), 1, silent(false)) }},
		{name: "half a delivery, and then silence, once", hasty: true, budget: "1m", expect: succeeds,
			strike: func(_ *testing.T, s *site) { s.events.spoil(second(is("GET", file)), 1, silent(true)) }},
		{name: "the deliveries' connections end", expect: fails, exit: jobs.ExitRetry, says: []string{"generations", "connection refused"},
			strike: func(_ *testing.T, s *site) { s.events.spoil(is("GET", file), 1, first(s.events.cut)) }},
	}
}

func lakeFaults() []fault {
	return []fault{
		{name: "the lake answers late", expect: succeeds,
			strike: func(t *testing.T, s *site) { s.lakes.toxic(t, "latency", "downstream", `"latency": 8, "jitter": 4`) }},
		{name: "the lake takes slowly", expect: succeeds,
			strike: func(t *testing.T, s *site) { s.lakes.toxic(t, "bandwidth", "upstream", `"rate": 300`) }},
		{name: "the lake throttles now and then", expect: succeeds,
			strike: func(_ *testing.T, s *site) { s.lakes.spoil(is("PUT", "/logs/"), 2, slow) }},
		{name: "the lake's connections end while staging, and come back", budget: "1m", expect: succeeds,
			strike: func(t *testing.T, s *site) {
				s.lakes.spoil(is("PUT", "/staging/"), 1, first(func() { s.lakes.pause(t, shortly) }))
			}},
		{name: "the lake fails once while objects come to their places", budget: "1m", expect: succeeds,
			strike: func(_ *testing.T, s *site) {
				s.lakes.spoil(published("/logs/"), 2, broken)
			}},
		{name: "the lake throttles while staging", expect: fails, exit: jobs.ExitRetry, says: []string{"SlowDown", "staging/"},
			strike: func(_ *testing.T, s *site) { s.lakes.spoil(is("PUT", "/staging/"), 0, slow) }},
		{name: "the lake's connections end while staging", expect: fails, exit: jobs.ExitRetry, says: []string{"connection refused", "staging/"}, holding: true,
			strike: func(_ *testing.T, s *site) { s.lakes.spoil(is("PUT", "/staging/"), 1, first(s.lakes.cut)) }},
		{name: "the lake's connections are reset while staging", expect: fails, exit: jobs.ExitRetry, says: []string{"staging/"}, holding: true,
			strike: func(t *testing.T, s *site) {
				s.lakes.spoil(is("PUT", "/staging/"), 1, first(func() { s.lakes.toxic(t, "reset_peer", "downstream", `"timeout": 0`) }))
			}},
		{name: "the right to write the lake ends while staging", expect: fails, exit: jobs.ExitConfig, says: []string{"ExpiredToken", "staging/"}, holding: true,
			strike: func(_ *testing.T, s *site) { s.lakes.spoil(from(is("PUT", "/staging/")), 0, expired) }},
		{name: "the lake says nothing at all", hasty: true, expect: fails, exit: jobs.ExitRetry, says: []string{"lease", "said nothing"},
			strike: func(t *testing.T, s *site) { s.lakes.toxic(t, "timeout", "downstream", `"timeout": 0`) }},
		{name: "the lake falls silent in the midst of its state, once", hasty: true, budget: "1m", expect: succeeds,
			strike: func(_ *testing.T, s *site) { s.lakes.spoil(is("GET", "/state/"), 1, silent(true)) }},
		{name: "the lake falls silent in the midst of its state", hasty: true, expect: fails, exit: jobs.ExitRetry, says: []string{"state/", "said nothing"},
			strike: func(_ *testing.T, s *site) { s.lakes.spoil(is("GET", "/state/"), 0, silent(true)) }},
		{name: "the lake falls silent while staging", hasty: true, expect: fails, exit: jobs.ExitRetry, says: []string{"staging/", "said nothing"}, holding: true,
			strike: func(_ *testing.T, s *site) { s.lakes.spoil(from(is("PUT", "/staging/")), 0, silent(false)) }},
		{name: "the lake fails before the record", expect: fails, exit: jobs.ExitRetry, says: []string{"InternalError", "lease/"}, holding: true,
			strike: func(_ *testing.T, s *site) {
				match := from(is("PUT", "/staging/"))
				s.lakes.spoil(func(r *http.Request) bool { return match(r) && is("PUT", "/lease/")(r) }, 0, broken)
			}},
		{name: "the lake fails while objects come to their places", expect: stuck, exit: jobs.ExitRetry, says: []string{"InternalError", "logs/"}, holding: true,
			strike: func(_ *testing.T, s *site) { s.lakes.spoil(published("/logs/user_log/"), 0, broken) }},
	}
}
