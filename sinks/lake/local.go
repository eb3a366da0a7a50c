package lake

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// local is the folder behind a file bucket. The bucket's driver never calls fsync and copies where a link would
// do; this makes what it did durable, so that a power cut is survived like a killed process (I7).
// A nil *local stands for a bucket that is no folder: every method is then a no-op.
type local struct {
	dir      string
	linkable bool // files have no side files with attributes, so a link is a whole copy

	mu    sync.Mutex
	known map[string]bool // folders whose own entries in their parents are durable
}

// localOf returns the folder of a file URL and completes the URL's options, or nil for another scheme.
func localOf(u *url.URL) *local {
	if u.Scheme != "file" {
		return nil
	}
	q := u.Query()
	for name, value := range map[string]string{"metadata": "skip", "no_tmp_dir": "true"} {
		if !q.Has(name) {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	dir := u.Path
	if u.Host == "." || os.PathSeparator != '/' { // as the driver reads its URLs
		dir = strings.TrimPrefix(dir, "/")
	}
	return &local{dir: filepath.FromSlash(dir), linkable: q.Get("metadata") == "skip", known: map[string]bool{}}
}

func (d *local) path(fullKey string) string { return filepath.Join(d.dir, filepath.FromSlash(fullKey)) }

// syncDirs makes the entries of objects in their folders durable, and those of their folders the first time.
func (d *local) syncDirs(fullKeys ...string) error {
	if d == nil || runtime.GOOS == "windows" { // Windows cannot flush a folder
		return nil
	}
	root := filepath.Clean(d.dir)
	var dirs []string
	for _, key := range fullKeys {
		for dir := filepath.Dir(d.path(key)); ; dir = filepath.Dir(dir) {
			if slices.Contains(dirs, dir) {
				break
			}
			dirs = append(dirs, dir)
			d.mu.Lock()
			known := d.known[dir]
			d.known[dir] = true
			d.mu.Unlock()
			if known || len(dir) <= len(root) {
				break
			}
		}
	}
	for _, dir := range dirs {
		if err := fsyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func fsyncDir(dir string) error {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed since, with all that was in it
	}
	if err != nil {
		return err
	}
	err = fsync(f)
	return errors.Join(err, f.Close())
}

// syncFile is replaced by tests, to see what is flushed or to save the time.
var syncFile = (*os.File).Sync

// fsync flushes a file. A file system that cannot is left to its own promises.
func fsync(f *os.File) error {
	err := syncFile(f)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}

// link puts the file of one object under a second key, replacing what is there in one step, by way of a name that
// begins with scratch; the caller makes it durable. It reports false where the file system has no links; the caller
// then copies.
func (d *local) link(from, to, scratch string) (bool, error) {
	if d == nil || !d.linkable {
		return false, nil
	}
	// A run that has lost its lease may be doing the same at this moment: each has a name of its own.
	tmp := fmt.Sprintf("%s.%016x", d.path(scratch), rand.Uint64())
	if err := os.MkdirAll(filepath.Dir(tmp), 0o777); err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(d.path(to)), 0o777); err != nil {
		return false, err
	}
	if err := os.Link(d.path(from), tmp); err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			return false, err
		}
		return false, nil //nolint:nilerr // no links here: copying is the answer, and reports what is truly wrong
	}
	if err := os.Rename(tmp, d.path(to)); err != nil {
		return false, errors.Join(err, os.Remove(tmp))
	}
	// Renaming one name of a file onto another name of the same file does nothing and leaves both.
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, nil
}

// create makes a file with that content if there is none, in one step also between processes: errTaken otherwise. The
// caller makes its name durable.
func (d *local) create(fullKey string, data []byte) (err error) {
	name := d.path(fullKey)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	tmp, err := createTemp(name)
	if err != nil {
		return err
	}
	defer func() {
		if rerr := os.Remove(tmp.Name()); err == nil {
			err = rerr
		}
	}()
	_, werr := tmp.Write(data)
	if err := errors.Join(werr, fsync(tmp), tmp.Close()); err != nil {
		return err
	}
	err = os.Link(tmp.Name(), name)
	switch {
	case errors.Is(err, fs.ErrExist):
		return errTaken
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w: the file system has no hard links; choose another in lake.bucket: %w", ErrUnconditional, err)
	}
	return err
}

// createTemp makes a file beside the one of that name which sweep knows for what it is.
func createTemp(name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(fmt.Sprintf("%s.%016x.tmp", name, rand.Uint64()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// stranded matches the temporary files that the file driver leaves behind when the process is killed.
var stranded = regexp.MustCompile(`\.[0-9a-f]{8,}\.tmp$`)

// syncKeys makes writes to, and removals of, objects durable on a file bucket.
func (l *Lake) syncKeys(keys ...string) error {
	if l.local == nil {
		return nil
	}
	fulls := make([]string, len(keys))
	for i, key := range keys {
		fulls[i] = l.full(key)
	}
	if err := l.local.syncDirs(fulls...); err != nil {
		return l.fail("flush the folders of", strings.Join(keys, ", "), err)
	}
	return nil
}

// sweep removes temporary files and empty folders that killed runs left below a key prefix, if they are so old.
func (d *local) sweep(fullPrefix string, age time.Duration) error {
	if d == nil {
		return nil
	}
	root := d.path(fullPrefix)
	var dirs []string
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case e.IsDir():
			if p != root {
				dirs = append(dirs, p)
			}
		case stranded.MatchString(p):
			if info, err := e.Info(); err != nil || time.Since(info.ModTime()) < age {
				return ignoreMissing(err)
			}
			return ignoreMissing(os.Remove(p))
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	clear(d.known) // a folder removed here may be made again
	d.mu.Unlock()
	for _, dir := range slices.Backward(dirs) { // children stand after their parents
		_ = os.Remove(dir) // fails, as it should, where something is inside
	}
	return nil
}

// removeEmpty removes those of the folders that hold nothing.
func (d *local) removeEmpty(prefix string, folders []string) {
	if d == nil {
		return
	}
	for _, folder := range folders {
		_ = os.Remove(d.path(prefix + folder)) // fails, as it should, where something is inside
	}
	d.mu.Lock()
	clear(d.known) // a folder removed here may be made again
	d.mu.Unlock()
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sweepAll removes what killed runs left among the files of a file bucket. It looks only where this package
// writes: the folder may hold other people's files too.
func (l *Lake) sweepAll() error {
	if l.local == nil {
		return nil
	}
	for _, dir := range []string{logsDir, auditDir, reportsDir, manifestsDir, quarantineDir, stateDir} {
		if err := l.local.sweep(l.full(dir), 0); err != nil {
			return l.fail("sweep", dir, err)
		}
	}
	// Others write here while we hold the lease: who wants it, who was refused it, who has just released it, and the admin server.
	for _, dir := range []string{leaseDir, runsDir, keysDir, accessDir} {
		if err := l.local.sweep(l.full(dir), time.Hour); err != nil {
			return l.fail("sweep", dir, err)
		}
	}
	for _, key := range []string{LatestKey, IntentKey} {
		left, err := filepath.Glob(l.local.path(l.full(key)) + ".*.tmp")
		if err != nil {
			return l.fail("sweep", key, err)
		}
		for _, name := range left {
			if err := os.Remove(name); stranded.MatchString(name) && err != nil {
				return l.fail("sweep", key, err)
			}
		}
	}
	return nil
}
