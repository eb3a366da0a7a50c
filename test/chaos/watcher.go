//go:build unix

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// watcher follows what one process does in a file bucket. It hears of things just after they happened, so what is done
// upon one takes effect at it or a moment later.
type watcher struct {
	fs    *fsnotify.Watcher
	root  string // the lake's folder
	watch observer

	mu     sync.Mutex // the calls of watch are one at a time
	follow *follower
	counts map[step]int
	seen   map[string]bool // created since the watcher began, so that one found by looking counts once
	err    error
	done   chan struct{}
}

// newWatcher begins to watch; the caller closes it.
func newWatcher(l *place, watch observer) (*watcher, error) {
	n, err := fsnotify.NewBufferedWatcher(4096)
	if err != nil {
		return nil, err
	}
	w := &watcher{
		fs: n, root: filepath.Join(l.dir, l.prefix), watch: watch, follow: newFollower(), counts: map[step]int{}, seen: map[string]bool{},
		done: make(chan struct{}),
	}
	// The top folders are made here, so that none is missed that is made and filled in one moment.
	for _, dir := range []string{"", "lease", "staging", "logs", "audit", "reports", "manifests", "state", "quarantine", "runs"} {
		if err := os.MkdirAll(filepath.Join(w.root, dir), 0o755); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	if err := w.add(w.root, false); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	go w.run()
	return w, nil
}

// close ends the watching, after everything that the dead process did has been heard of.
func (w *watcher) close() error {
	// A last event of our own comes after all others.
	end := filepath.Join(w.root, "the-end")
	err := os.WriteFile(end, nil, 0o600)
	if err == nil {
		<-w.done
		err = os.Remove(end)
	}
	return errors.Join(err, w.fs.Close(), w.err)
}

// add watches a folder and what is below it. Of a new folder, what is in it already is told as new.
func (w *watcher) add(dir string, tell bool) error {
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return gone(err)
		case e.IsDir():
			return gone(w.fs.Add(name))
		case tell:
			w.created(name)
		}
		return nil
	})
}

func (w *watcher) run() {
	defer close(w.done)
	for {
		select {
		case e, ok := <-w.fs.Events:
			if !ok || filepath.Base(e.Name) == "the-end" {
				return
			}
			if err := w.event(e); err != nil {
				w.err = err
				return
			}
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			if !errors.Is(err, fs.ErrNotExist) {
				w.err = err
				return
			}
		}
	}
}

func (w *watcher) event(e fsnotify.Event) error {
	switch {
	case e.Has(fsnotify.Create):
		if info, err := os.Lstat(e.Name); err == nil && info.IsDir() {
			return w.add(e.Name, true)
		}
		w.created(e.Name)
	case e.Has(fsnotify.Write):
		w.tell("PUT", e.Name, midway)
	case e.Has(fsnotify.Remove):
		delete(w.seen, e.Name)
		w.tell("DELETE", e.Name, after)
	case e.Has(fsnotify.Rename):
		delete(w.seen, e.Name)
	}
	return nil
}

func (w *watcher) created(name string) {
	if w.seen[name] {
		return
	}
	w.seen[name] = true
	w.tell("PUT", name, after)
}

// temporary is the end of a temporary file's name.
var temporary = regexp.MustCompile(`\.[0-9a-f]{8,}\.tmp$`)

// tell names the step of a change and tells the observer.
func (w *watcher) tell(method, name string, m moment) {
	rel, err := filepath.Rel(w.root, name)
	if err != nil {
		return
	}
	key := filepath.ToSlash(rel)
	if final := temporary.ReplaceAllString(key, ""); final != key {
		if method == "DELETE" {
			return
		}
		key, m = final, midway
	}
	if strings.HasPrefix(key, "staging/") && strings.Contains(key, "/links/") {
		return // a name for a moment, on the way to its place
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := call{operation: operation{method: method, key: key}, writes: true}
	if m == midway {
		about := *w.follow // to go on as it is, should it come to nothing
		c.step, c.recovers = about.follow(c.operation)
		c.nth = w.counts[c.step] + 1
	} else {
		if strings.HasPrefix(key, "lease/") && method == "PUT" {
			c.body, _ = os.ReadFile(name) // collected already: the next record tells
		}
		c.step, c.recovers = w.follow.follow(c.operation)
		w.counts[c.step]++
		c.nth = w.counts[c.step]
	}
	w.watch(c, m)
}
