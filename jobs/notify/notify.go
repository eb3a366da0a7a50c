// Package notify tells people how a night went: messages to webhooks and by e-mail when a run failed and when the next one
// went well, and a sign of life after every night that did. It never makes a run fail, never outlasts its budget and
// never sends a secret of the config.
package notify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/jobs/internal/deliver"
	"github.com/usagereport/usagereport/sinks/lake"
)

// Budget is how long telling may take, whatever servers do.
const Budget = 30 * time.Second

// Run is a run that has ended.
type Run struct {
	ID        string
	Date      string // the snapshot's
	Time      time.Time
	Lake      string // its name as messages show it
	Took      time.Duration
	Published bool
	Missing   []lake.Domain // the parts that the snapshot lacks since their sources were down
	Err       error
	Stopped   bool // somebody told the program to end, so that Err is no failure
}

// History yields the records of past runs, newest first. *lake.Lake is one.
type History interface {
	Runs(ctx context.Context) iter.Seq2[lake.StoredRun, error]
}

// Told is what a program that stays up remembers of what it told, so that a failure that is tried again and again is told
// once. Its zero value has told nothing. It is not for several goroutines at a time.
type Told struct {
	failing   bool
	date      string
	code      int
	published bool
	streak    Streak
}

// Notifier tells people. It is for one goroutine at a time.
type Notifier struct {
	cfg     *config.Config
	program string
	log     *slog.Logger
	budget  time.Duration
	courier *deliver.Courier
	dial    func(ctx context.Context, network, address string) (net.Conn, error) // to a mail server
	server  mailServer
}

// New returns a Notifier of those that the config names.
func New(cfg *config.Config, program string, log *slog.Logger) *Notifier {
	return &Notifier{
		cfg: cfg, program: program, log: log, budget: Budget, courier: deliver.New(program),
		dial: new(net.Dialer).DialContext, server: serverOf(cfg.Notify.Email),
	}
}

// Tell tells of a run what there is to tell, to all at the same time, and returns when that is done, at the latest after
// Budget. What cannot be delivered is logged.
//
// A failure is told unless told says that the same failure was told before: same date, same exit
// code, published or not. The first run after
// it that did not fail is told, too; whether there was a failure follows from told or else from history. A run that
// somebody stopped, or that found another one under way, is no news.
func (n *Notifier) Tell(ctx context.Context, history History, told *Told, run Run) {
	ctx, cancel := context.WithTimeout(ctx, n.budget)
	defer cancel()
	end := n.courier.Now().Add(n.budget)
	var wg sync.WaitGroup
	defer wg.Wait()
	if run.Err == nil && run.Published && n.cfg.Notify.Ping.IsSet() {
		wg.Go(func() { n.deliver(ctx, end, "notify.ping", n.ping) })
	}
	if len(n.cfg.Notify.Webhooks) == 0 && !n.cfg.Notify.Email.IsSet() {
		return
	}
	m, next, ok := n.news(ctx, history, told, run)
	if ok && n.send(ctx, end, m) {
		*told = next // else it is told again
	}
}

// news decides what there is to tell, and what was told once that is delivered.
func (n *Notifier) news(ctx context.Context, history History, told *Told, run Run) (m message, next Told, ok bool) {
	code := jobs.ExitCode(run.Err)
	switch {
	case code == jobs.ExitLease || run.Err != nil && run.Stopped:
		return message{}, Told{}, false
	case run.Err != nil:
		// Of a date that was published in part, later tries publish nothing as long as they fail.
		same := told.published == run.Published || told.published && errors.Is(run.Err, jobs.ErrPartial)
		if told.failing && told.date == run.Date && told.code == code && same {
			told.streak.add(run.ID, run.Time)
			return message{}, Told{}, false
		}
		next = Told{failing: true, date: run.Date, code: code, published: run.Published, streak: told.streak}
		next.streak.add(run.ID, run.Time)
		return n.failed(run, code), next, true
	}
	streak := told.streak
	if !told.failing {
		var err error
		if streak, err = failures(ctx, history, run.ID); err != nil {
			n.log.Warn("whether the run before failed cannot be told", "error", n.cfg.Scrub(err.Error()))
			return message{}, Told{}, false
		}
	}
	if streak.Runs == 0 {
		return message{}, Told{}, false
	}
	return n.recovered(run, streak), Told{}, true
}

// send hands a message to everybody, and reports whether anybody got it.
func (n *Notifier) send(ctx context.Context, end time.Time, m message) bool {
	type channel struct {
		name    string
		attempt func(context.Context) error
	}
	var all []channel
	for i, w := range n.cfg.Notify.Webhooks {
		all = append(all, channel{fmt.Sprintf("notify.webhooks[%d]", i), func(ctx context.Context) error { return n.post(ctx, w, m) }})
	}
	// One message each: a server that refuses one recipient must not cost the others theirs.
	for i, to := range n.cfg.Notify.Email.To {
		all = append(all, channel{fmt.Sprintf("notify.email.to[%d]", i), func(ctx context.Context) error { return n.mail(ctx, to, m) }})
	}
	sent := make([]bool, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() { sent[i] = n.deliver(ctx, end, c.name, c.attempt) })
	}
	wg.Wait()
	return slices.Contains(sent, true)
}

// deliver tries until end, and logs how that went.
func (n *Notifier) deliver(ctx context.Context, end time.Time, to string, attempt func(context.Context) error) bool {
	if err := n.courier.Try(ctx, end.Sub(n.courier.Now()), attempt); err != nil {
		n.log.Error("not told", "to", to, "error", n.cfg.Scrub(err.Error()))
		return false
	}
	n.log.Info("told", "to", to)
	return true
}

func (n *Notifier) ping(ctx context.Context) error {
	return n.courier.Get(ctx, n.cfg.Notify.Ping.Reveal())
}
