package schedule

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// How a run ended.
const (
	resultPublished = "published"
	resultFailed    = "failed"
	resultPartial   = "published in part"
	resultHeld      = "lease held" // by another run
	resultAbandoned = "abandoned"  // told to stop
)

// Status is what a Scheduler does, for a status file and for probes. Dates are YYYY-MM-DD, instants UTC.
type Status struct {
	State     string    `json:"state"`   // waiting, running, stopping or stopped
	Problem   string    `json:"problem"` // what is wrong; empty: the newest due date is published, or being made
	Started   time.Time `json:"started_at"`
	Updated   time.Time `json:"updated_at"` // never older than some two minutes while the scheduler lives
	Running   *Running  `json:"running"`
	LastRun   *Ended    `json:"last_run"`
	Published string    `json:"last_published"` // the newest date that has a manifest; empty: none has
	Lacking   []string  `json:"lacking"`        // the parts that the newest due date lacks, though it is published
	Due       []string  `json:"due"`            // not published yet, or in part, oldest first
	Failing   []Failing `json:"failing"`        // of those
	NextRun   *Next     `json:"next_run"`       // null while one is under way, or if there will be none
}

// Running is a run that is under way.
type Running struct {
	Date      string    `json:"date"`
	Began     time.Time `json:"started_at"`
	Deadline  time.Time `json:"deadline_at"`
	Cancelled bool      `json:"cancelled"` // it was told to end, and has not yet
	Stuck     bool      `json:"stuck"`     // and does not
}

// Ended is a run that is over.
type Ended struct {
	Date   string    `json:"date"`
	Began  time.Time `json:"started_at"`
	Ended  time.Time `json:"ended_at"`
	Result string    `json:"result"` // published, published in part, failed, lease held or abandoned
	Error  string    `json:"error,omitempty"`
}

// Failing is a due date that failed the last time.
type Failing struct {
	Date  string `json:"date"`
	Tries int    `json:"tries"`
	Error string `json:"error"`
	Waits bool   `json:"waits_for_next_scheduled_time"` // since another try alone would not help
}

// Next is the run that is to come.
type Next struct {
	Date string    `json:"date"`
	At   time.Time `json:"at"`
}

// tell hands on what is.
func (n *nights) tell(state string) {
	s := Status{
		State: state, Problem: n.problem(), Started: whole(n.started), Updated: whole(n.now()), LastRun: n.last,
		Lacking: append([]string{}, n.lacking...), Due: []string{}, Failing: []Failing{},
	}
	if len(n.published) > 0 {
		s.Published = n.newest.String()
	}
	for _, d := range n.missing() {
		s.Due = append(s.Due, d.String())
		if f := n.failures[d]; f != nil {
			s.Failing = append(s.Failing, Failing{Date: d.String(), Tries: f.tries, Error: f.err.Error(), Waits: f.waits})
		}
	}
	if n.running != nil {
		r := *n.running // the receiver keeps it
		r.Began, r.Deadline = whole(r.Began), whole(r.Deadline)
		s.Running = &r
	} else if state == "waiting" {
		s.NextRun = n.nextRun()
	}
	if n.last != nil {
		l := *n.last
		l.Began, l.Ended = whole(l.Began), whole(l.Ended)
		s.LastRun = &l
	}
	n.Tell(s)
}

// nextRun tells what will start next, if nothing changes.
func (n *nights) nextRun() *Next {
	if open := n.open(); len(open) > 0 && n.paused() {
		return &Next{open[0].String(), whole(n.pausedAt.Add(n.pausedFor))}
	}
	if n.next == nil {
		return nil
	}
	return &Next{n.next.date.String(), whole(n.next.at)}
}

// problem tells why the newest due date is neither published nor being made within a run's deadline.
func (n *nights) problem() string {
	if n.listErr != nil {
		return "what is published cannot be listed: " + n.listErr.Error()
	}
	if r := n.running; r != nil {
		if r.Cancelled {
			return fmt.Sprintf("the run of %s was cancelled and has not ended yet", r.Date)
		}
		return ""
	}
	missing := n.missing()
	if len(missing) == 0 || n.published == nil {
		return ""
	}
	newest := n.due[len(n.due)-1]
	if !slices.Contains(missing, newest) {
		return ""
	}
	if !n.heldSince.IsZero() {
		if held := n.now().Sub(n.heldSince); held > n.Deadline {
			return fmt.Sprintf("%s is not published: another run has held the lease for %s", newest, held.Round(time.Minute))
		}
		return ""
	}
	if n.lacks(newest) && n.failures[newest] == nil {
		return fmt.Sprintf("%s is published without its %s part", newest, strings.Join(n.lacking, " and "))
	}
	for _, d := range []calendar.Date{newest, missing[0]} {
		if f := n.failures[d]; f != nil {
			if n.lacks(newest) {
				return fmt.Sprintf("%s is published without its %s part: %s", newest, strings.Join(n.lacking, " and "), f.err)
			}
			return fmt.Sprintf("%s is not published: the run of %s failed: %s", newest, d, f.err)
		}
	}
	return ""
}

// whole is an instant as a status shows it.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// silence is how long a scheduler that lives can be without a word: ticks, and a slow bucket between them.
const silence = 5 * time.Minute

// Health answers probes from the newest status. The zero Health is of a scheduler that has only just begun. It is safe for
// concurrent use.
type Health struct {
	mu     sync.Mutex
	status Status
	told   time.Time // with the monotonic clock: a computer that slept is not dead
}

// Tell keeps a status.
func (h *Health) Tell(s Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.told = s, time.Now()
}

// Healthy returns the newest status; its Problem is empty as long as the scheduler is alive and the newest due date is
// published or being made within its deadline.
func (h *Health) Healthy() Status {
	s, dead := h.look()
	if dead != "" {
		s.Problem = dead
	}
	return s
}

// Alive returns the newest status; its Problem is empty unless the scheduler hangs, so that only a restart can help.
// Sources that are down and data that is wrong are no reason to restart it.
func (h *Health) Alive() Status {
	s, dead := h.look()
	s.Problem = dead
	return s
}

// look returns the newest status, and why it is certain that nothing goes on.
func (h *Health) look() (s Status, dead string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch since := time.Since(h.told); {
	case h.told.IsZero():
		return Status{State: "starting", Lacking: []string{}, Due: []string{}, Failing: []Failing{}}, ""
	case h.status.State == "stopped":
		dead = "the scheduler has stopped"
	case since > silence:
		dead = fmt.Sprintf("the scheduler has not stirred for %s", since.Round(time.Second))
	case h.status.Running != nil && h.status.Running.Stuck:
		dead = fmt.Sprintf("the run of %s was cancelled and does not end", h.status.Running.Date)
	}
	return h.status, dead
}
