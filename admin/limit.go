package admin

import (
	"container/list"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits holds a rate limit for each of many names, in bounded memory: of more names than it can hold it forgets those
// that were not heard of for longest, who then begin anew.
type limits struct {
	rate  rate.Limit
	burst int
	size  int
	now   func() time.Time

	mu     sync.Mutex
	byName map[string]*list.Element
	recent *list.List // of *limit, the newest in front
}

type limit struct {
	name    string
	limiter *rate.Limiter
}

func newLimits(r rate.Limit, burst, size int, now func() time.Time) *limits {
	return &limits{rate: r, burst: burst, size: size, now: now, byName: map[string]*list.Element{}, recent: list.New()}
}

// of returns the limiter of a name; mu is held.
func (l *limits) of(name string) *rate.Limiter {
	if e, ok := l.byName[name]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*limit).limiter
	}
	if l.recent.Len() >= l.size {
		oldest := l.recent.Back()
		l.recent.Remove(oldest)
		delete(l.byName, oldest.Value.(*limit).name)
	}
	n := &limit{name, rate.NewLimiter(l.rate, l.burst)}
	l.byName[name] = l.recent.PushFront(n)
	return n.limiter
}

// take uses up one of the name's requests. If there is none left it says how long until there is.
func (l *limits) take(name string) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	limiter := l.of(name)
	if limiter.AllowN(now, 1) {
		return 0, true
	}
	return l.until(limiter, now), false
}

func (l *limits) until(limiter *rate.Limiter, now time.Time) time.Duration {
	seconds := (1 - limiter.TokensAt(now)) / float64(l.rate)
	return time.Duration(math.Ceil(seconds)) * time.Second
}
