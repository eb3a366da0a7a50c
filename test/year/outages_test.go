package year_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gocloud.dev/gcerrors"

	"github.com/usagereport/usagereport/sinks/sinktest"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// What an outage is.
const (
	stopped        = "the program is not running"
	lakeDown       = "the lake cannot be reached"
	lakeLost       = "the lake goes away in the midst of a run"
	databaseGone   = "the database cannot be reached"
	deliveriesGone = "the deliveries cannot be reached"
)

// schedule of outages, in the order of the year.
var plan = []struct {
	what string
	long int // in nights of a year of 365
	most int // in nights of a shorter one
}{
	{databaseGone, 1, 1}, {stopped, 2, 2}, {lakeDown, 1, 1}, {stopped, 3, 3}, {deliveriesGone, 1, 1}, {lakeLost, 2, 1}, {databaseGone, 5, 1},
	{stopped, 1, 1}, {lakeLost, 1, 1}, {stopped, 10, 3},
}

// outages are the nights with something wrong.
type outages struct {
	nights map[int]string
	lost   int // dates that nobody catches up with, since the program did not run for longer than it looks back

	mu    sync.Mutex
	what  string // is wrong now
	calls int    // to the lake that are still answered
}

// plan spreads the outages over the nights, with enough after each to catch up.
func (o *outages) plan(nights int) {
	o.nights = map[int]string{}
	for i, p := range plan {
		first, long := (i+1)*nights/(len(plan)+1), p.long
		if nights < 365 {
			long = p.most
		}
		o.lost += max(0, long-catchUp-1)
		for n := range long {
			o.nights[first+n] = p.what
		}
	}
}

func (o *outages) now() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.what
}

// begin makes something wrong. A lake that goes away answers so many more calls.
func (o *outages) begin(what string, calls int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.what, o.calls = what, calls
}

// fault is what becomes of a call to the lake.
func (o *outages) fault(sinktest.Call) sinktest.Fault {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.what == lakeLost {
		o.calls--
	}
	if o.what == lakeDown || o.what == lakeLost && o.calls < 0 {
		return sinktest.Fault{Err: errors.New("connection refused"), Code: gcerrors.Unknown}
	}
	return sinktest.Fault{}
}

// trouble makes something unreachable, and everything else well.
func (y *year) trouble(t *testing.T, what string) {
	y.outage.begin(what, 20+y.rng.IntN(380)) // a run makes 400 and more
	for _, part := range []struct{ name, what string }{{"app.db", databaseGone}, {"events", deliveriesGone}} {
		path := filepath.Join(y.dir, part.name)
		from, to := path+".away", path
		if what == part.what {
			from, to = to, from
		}
		if err := os.Rename(from, to); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// caughtUp checks that every date was published but those that were further back than the program looks, and that runs failed where
// something was wrong while it ran.
func (y *year) caughtUp(t *testing.T, zero calendar.Date) {
	lost := 0
	for n := range y.nights + 1 {
		if !y.tell.published[zero+calendar.Date(n)] {
			lost++
			if y.outage.nights[n] != stopped {
				t.Errorf("night %d, %s, was never published", n, zero+calendar.Date(n))
			}
		}
	}
	if lost != y.outage.lost {
		t.Errorf("%d nights were never published, want the %d that were too far back", lost, y.outage.lost)
	}
	for _, what := range []string{databaseGone, deliveriesGone, lakeLost} {
		if y.tell.failed[what] == 0 {
			t.Errorf("no run failed while %s", what)
		}
	}
	t.Logf("%d nights, %d of them with something wrong, %d published, %d too far back when all was well again\nruns: %s",
		y.nights, len(y.outage.nights), len(y.tell.published), lost, y.tell)
}

// log keeps what became of the runs.
type log struct {
	mu        sync.Mutex
	published map[calendar.Date]bool
	failed    map[string]int // by what was wrong
	counts    map[string]int // by outcome
}

func newLog() *log {
	return &log{published: map[calendar.Date]bool{}, failed: map[string]int{}, counts: map[string]int{}}
}

func (l *log) ran(date calendar.Date, wrong string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.published[date] = true
		l.counts["published"]++
		return
	}
	l.failed[wrong]++
	l.counts[strings.TrimSpace(fmt.Sprintf("failed: %s: %.90s", wrong, err))]++
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text strings.Builder
	for _, what := range slices.Sorted(maps.Keys(l.counts)) {
		fmt.Fprintf(&text, "\n%6d × %s", l.counts[what], what)
	}
	return text.String()
}
