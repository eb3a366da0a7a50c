package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"gocloud.dev/blob"
)

// intent is the record of a publication that is being put in place: all that is needed to do it again from the
// start, by whoever comes next (I5). It waits in staging, where the lease's record names it; a copy at IntentKey
// tells readers that they may meet objects of its date that their manifest does not know.
type intent struct {
	Format   int      `json:"format_version"`
	RunID    string   `json:"run_id"`
	Date     Date     `json:"snapshot_date"`
	Staging  string   `json:"staging"`       // the folder of everything that waits, with a slash at the end
	Latest   bool     `json:"moves_latest"`  // no later date is published
	Deletes  []string `json:"deletes"`       // what goes before the first copy
	Copies   []move   `json:"copies"`        // from staging
	Also     []move   `json:"latest_copies"` // from staging too, and done only when Latest
	Manifest Manifest `json:"manifest"`
}

type move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

func (it *intent) pending() *pending {
	return &pending{RunID: it.RunID, Date: it.Date, Staging: it.Staging}
}

// plan looks at what stands at the manifest's date and works out the way from there to the manifest.
func (l *Lake) plan(ctx context.Context, m *Manifest, staging string) (*intent, error) {
	it := &intent{
		Format: FormatVersion, RunID: m.RunID, Date: m.SnapshotDate, Staging: staging, Manifest: *m,
		Deletes: []string{}, Copies: []move{}, Also: []move{},
	}
	old, err := l.snapshotKeys(ctx, it.Date)
	if err != nil {
		return nil, err
	}
	it.Deletes = append(it.Deletes, obsolete(old, m)...)
	for _, o := range m.Objects {
		it.Copies = append(it.Copies, move{From: staging + o.Key, To: o.Key})
		for _, key := range o.Also {
			it.Also = append(it.Also, move{From: staging + o.Key, To: key})
		}
	}
	dates, err := l.Dates(ctx)
	if err != nil {
		return nil, err
	}
	it.Latest = len(dates) == 0 || dates[len(dates)-1] <= it.Date
	return it, nil
}

// obsolete returns which of the keys that stand at a date must go before the new objects come (I3). A table that
// is, and stays, a single object is overwritten in one step. In every other table rows of two runs would stand
// side by side for a while, so all of its old objects go first.
func obsolete(old []string, m *Manifest) []string {
	var gone []string
	for _, key := range old {
		_, kept := m.Object(key)
		table, isLog := tableOf(key)
		if !kept || isLog && len(m.Table(table)) > 1 {
			gone = append(gone, key)
		}
	}
	return gone
}

// snapshotKeys lists everything that stands in a date's folders, whoever put it there.
func (l *Lake) snapshotKeys(ctx context.Context, date Date) ([]string, error) {
	tables, err := l.listDirs(ctx, logsDir)
	if err != nil {
		return nil, err
	}
	dirs := []string{AuditKey(date, ""), ReportKey(date, "")}
	for _, dir := range tables {
		dirs = append(dirs, LogDir(path.Base(dir), date))
	}
	var keys []string
	for _, dir := range dirs {
		found, err := l.list(ctx, dir)
		if err != nil {
			return nil, err
		}
		keys = append(keys, found...)
	}
	slices.Sort(keys)
	return keys, nil
}

// readIntent returns the intent record at a key, or nil if none stands.
func (l *Lake) readIntent(ctx context.Context, key string) (*intent, error) {
	data, err := l.get(ctx, key)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	it := new(intent)
	if err := decodeJSON(data, it); err != nil {
		return nil, fmt.Errorf("%s in %s: %w", key, l.Name(), err)
	}
	if err := it.validate(); err != nil {
		return nil, l.corrupt(key, "%v", err)
	}
	return it, nil
}

// validate makes sure that following the record touches nothing but its own date and run: it deletes things.
func (it *intent) validate() error {
	if err := it.Manifest.validate(); err != nil {
		return err
	}
	if it.RunID != it.Manifest.RunID || it.Date != it.Manifest.SnapshotDate {
		return fmt.Errorf("the record is of run %s and %s, its manifest of %s and %s",
			it.RunID, it.Date, it.Manifest.RunID, it.Manifest.SnapshotDate)
	}
	if !validStaging(it.Staging) {
		return fmt.Errorf("%q is no folder of staged objects", it.Staging)
	}
	for _, key := range it.Deletes {
		if !inSnapshot(key, it.Date) {
			return fmt.Errorf("would delete %q, which is no object of %s", key, it.Date)
		}
	}
	for _, m := range it.Copies {
		if _, ok := it.Manifest.Object(m.To); !ok || m.From != it.Staging+m.To {
			return fmt.Errorf("would copy %q to %q, which the manifest does not say", m.From, m.To)
		}
	}
	if len(it.Copies) != len(it.Manifest.Objects) {
		return errors.New("it does not copy every object of its manifest")
	}
	for _, m := range it.Also {
		key, staged := strings.CutPrefix(m.From, it.Staging)
		if o, ok := it.Manifest.Object(key); !ok || !staged || !slices.Contains(o.Also, m.To) {
			return fmt.Errorf("would copy %q to %q, which the manifest does not say", m.From, m.To)
		}
	}
	return nil
}

// list returns the keys below a prefix, sorted.
func (l *Lake) list(ctx context.Context, prefix string) ([]string, error) {
	return l.listWith(ctx, prefix, "", false)
}

// listDirs returns the folders directly below a prefix, each with its slash.
func (l *Lake) listDirs(ctx context.Context, prefix string) ([]string, error) {
	return l.listWith(ctx, prefix, "/", true)
}

// listFiles returns the keys directly below a prefix, none of those in folders, sorted.
func (l *Lake) listFiles(ctx context.Context, prefix string) ([]string, error) {
	return l.listWith(ctx, prefix, "/", false)
}

func (l *Lake) listWith(ctx context.Context, prefix, delimiter string, dirs bool) ([]string, error) {
	objects, err := l.listAll(ctx, prefix, delimiter)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, o := range objects {
		if o.IsDir == dirs {
			keys = append(keys, strings.TrimPrefix(o.Key, l.prefix))
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// listObjects returns the objects below a prefix, their keys as the bucket has them.
func (l *Lake) listObjects(ctx context.Context, prefix string) ([]*blob.ListObject, error) {
	return l.listAll(ctx, prefix, "")
}

// listAll lists again when the driver stumbles over a file that vanishes while it lists.
func (l *Lake) listAll(ctx context.Context, prefix, delimiter string) (objects []*blob.ListObject, err error) {
	for range 10 {
		objects, err = l.listOnce(ctx, prefix, delimiter)
		if err == nil || l.local == nil || !isNotFound(err) {
			break
		}
	}
	return objects, err
}

func (l *Lake) listOnce(ctx context.Context, prefix, delimiter string) (objects []*blob.ListObject, err error) {
	for it := l.bucket.List(&blob.ListOptions{Prefix: l.full(prefix), Delimiter: delimiter}); ; {
		o, err := l.next(ctx, it)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, l.fail("list", prefix, err)
		}
		objects = append(objects, o)
	}
}
