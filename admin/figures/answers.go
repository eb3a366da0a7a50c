package figures

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// answers keeps the answers of a cube that were asked for last. They are shared: nobody modifies them.
type answers struct {
	mu    sync.Mutex
	byKey map[string]*Usage
	order []string // least recently asked for first
}

// maxAnswers is how many answers are kept: each takes some tens of kilobytes.
const maxAnswers = 64

func (q question) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %d %d", q.from, q.to, q.top)
	for _, w := range q.workspaces {
		fmt.Fprintf(&b, " %d", w)
	}
	return b.String()
}

func (a *answers) get(key string) (*Usage, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u, ok := a.byKey[key]
	if ok {
		a.order = append(slices.DeleteFunc(a.order, func(k string) bool { return k == key }), key)
	}
	return u, ok
}

func (a *answers) put(key string, u *Usage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byKey == nil {
		a.byKey = map[string]*Usage{}
	}
	if _, ok := a.byKey[key]; !ok {
		a.order = append(a.order, key)
	}
	a.byKey[key] = u
	for len(a.order) > maxAnswers {
		delete(a.byKey, a.order[0])
		a.order = a.order[1:]
	}
}
