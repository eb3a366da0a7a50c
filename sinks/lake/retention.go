package lake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Retention says for how many days before the newest snapshot things are kept. 0 keeps them for ever.
type Retention struct {
	SnapshotsDays  int // logs, audit log and manifest of a date
	ReportsDays    int // its dated zips: 0, or no less than SnapshotsDays
	QuarantineDays int
	RunsDays       int // records and quality reports
	AccessDays     int
}

// Retained says what Retain deleted for its age.
type Retained struct {
	Newest     Date    `json:"newest"`  // the snapshot that ages are told from
	Thinned    []Date  `json:"thinned"` // dates of which nothing but the dated zips stays
	Expired    []Date  `json:"expired"` // dates of which nothing stays
	Snapshots  Deleted `json:"snapshots"`
	Quarantine Deleted `json:"quarantine"`
	Runs       Deleted `json:"runs"`
	Access     Deleted `json:"access"`
	Error      string  `json:"error,omitempty"` // why not all was deleted; the next run tries again
}

// Deleted counts deleted objects.
type Deleted struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

// Nothing says whether nothing was deleted, and nothing went wrong.
func (r *Retained) Nothing() bool {
	return len(r.Thinned)+len(r.Expired) == 0 && r.Error == "" &&
		r.Snapshots.Objects+r.Quarantine.Objects+r.Runs.Objects+r.Access.Objects == 0
}

func (p Retention) validate() error {
	for _, days := range []int{p.SnapshotsDays, p.ReportsDays, p.QuarantineDays, p.RunsDays, p.AccessDays} {
		if days < 0 {
			return fmt.Errorf("retention %+v: expected no negative number of days", p)
		}
	}
	if p.ReportsDays != 0 && (p.SnapshotsDays == 0 || p.ReportsDays < p.SnapshotsDays) {
		return fmt.Errorf("retention of reports for %d days: expected no less than that of snapshots (%d)", p.ReportsDays, p.SnapshotsDays)
	}
	return nil
}

// Expires says whether a date's snapshot is deleted, or will be, for its age: its logs and its audit log at least.
func (p Retention) Expires(date, newest Date) bool { return beyond(date, newest, p.SnapshotsDays) }

// beyond says whether a date is more than so many days before the newest snapshot; of 0 days none is.
func beyond(date, newest Date, days int) bool {
	return days > 0 && date.Time().Before(newest.Time().AddDate(0, 0, -days))
}

// thinned is what a manifest says of itself in its warnings once only the zips of its date stay.
const thinned = "the logs and the audit log of this date were deleted for their age"

// Retain deletes what is older, counted from the newest snapshot, than the policy keeps. A manifest goes, or no longer lists
// what goes, before the first of its objects does, so that whoever follows one that stands finds all of it (I10).
// Digests of audit logs stay. It can be cut off anywhere: the next one finds what is left by its date.
//
// What was deleted is told beside an error, too, which names all that went wrong. ErrLeaseLost ends it at once.
func (s *Lease) Retain(ctx context.Context, p Retention) (*Retained, error) {
	out := &Retained{Thinned: []Date{}, Expired: []Date{}}
	err := joined(p.validate(), s.check())
	if err == nil && s.publication() != nil {
		err = fmt.Errorf("%w: of %s by run %s", ErrUnfinished, s.publication().Date, s.publication().RunID)
	}
	if err != nil {
		return out, fmt.Errorf("retention: %w", err)
	}
	ctx, cancel := s.Guard(ctx)
	defer cancel()
	if err := s.retain(ctx, p, out); err != nil {
		return out, fmt.Errorf("retention: %w", s.explain(ctx, err))
	}
	return out, nil
}

func (s *Lease) retain(ctx context.Context, p Retention, out *Retained) error {
	l := s.lake
	latest, err := l.Pointer(ctx)
	if errors.Is(err, ErrNoSnapshot) {
		return nil
	}
	if err != nil {
		return err
	}
	out.Newest = latest.SnapshotDate
	errs := []error{s.retainSnapshots(ctx, p, out)}
	for _, kind := range []struct {
		days int
		dir  string
		done *Deleted
	}{{p.QuarantineDays, quarantineDir, &out.Quarantine}, {p.AccessDays, accessDir, &out.Access}} {
		errs = append(errs, s.retainDays(ctx, kind.dir, kind.days, out.Newest, kind.done))
	}
	errs = append(errs, s.retainRuns(ctx, p.RunsDays, out))
	return errors.Join(errs...)
}

// retainSnapshots thins and deletes snapshots. A date is found by its manifest and by its folders, one of which is left
// where an earlier attempt was cut off.
func (s *Lease) retainSnapshots(ctx context.Context, p Retention, out *Retained) error {
	if p.SnapshotsDays == 0 {
		return nil
	}
	l := s.lake
	folders, err := l.datedFolders(ctx)
	if err != nil {
		return err
	}
	manifests, err := l.Dates(ctx)
	if err != nil {
		return err
	}
	for _, date := range manifests {
		folders[date] = append(folders[date], "") // so that it is looked at
	}
	var errs []error
	for _, date := range slices.Sorted(maps.Keys(folders)) {
		if date >= out.Newest || !p.Expires(date, out.Newest) {
			continue
		}
		dirs := slices.DeleteFunc(folders[date], func(dir string) bool { return dir == "" })
		if beyond(date, out.Newest, p.ReportsDays) {
			err = s.expire(ctx, date, dirs, out)
		} else {
			err = s.thin(ctx, date, dirs, out)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", date, err))
		}
		if err := s.check(); err != nil {
			return err
		}
	}
	if len(out.Thinned) > 0 {
		errs = append(errs, s.clear(ctx, s.thinning()))
	}
	return errors.Join(errs...)
}

// expire deletes all that stands of a date, its manifest first.
func (s *Lease) expire(ctx context.Context, date Date, dirs []string, out *Retained) error {
	before := out.Snapshots.Objects
	// The bucket is asked whether the lease is held: a manifest that a successor publishes must not be met.
	if err := s.Renew(ctx); err != nil {
		return err
	}
	key := ManifestKey(date)
	size, found, err := s.lake.exists(ctx, key)
	if err != nil {
		return err
	}
	if found {
		if err := s.lake.remove(ctx, key); err != nil {
			return err
		}
		if err := s.lake.syncKeys(key); err != nil {
			return err
		}
		out.Snapshots.add(size)
	}
	s.lake.step("expired " + key)
	if err := s.deleteBelow(ctx, dirs, nil, &out.Snapshots); err != nil {
		return err
	}
	if out.Snapshots.Objects > before {
		out.Expired = append(out.Expired, date)
	}
	return nil
}

// thin deletes what stands of a date but its zips, once its manifest no longer lists it. A manifest that would list no
// zip is deleted.
func (s *Lease) thin(ctx context.Context, date Date, dirs []string, out *Retained) error {
	dirs = slices.DeleteFunc(dirs, func(dir string) bool { return strings.HasPrefix(dir, reportsDir) })
	if len(dirs) == 0 {
		return nil // as it is since it was thinned
	}
	m, err := s.lake.Manifest(ctx, date)
	if errors.Is(err, ErrNoSnapshot) {
		return s.deleteBelow(ctx, dirs, nil, &out.Snapshots)
	}
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(m.Objects), func(o ObjectInfo) bool {
		_, digest := DigestNumber(o.Key)
		return !digest && !strings.HasPrefix(o.Key, reportsDir)
	})
	if !slices.ContainsFunc(kept, func(o ObjectInfo) bool { return strings.HasPrefix(o.Key, reportsDir) }) {
		return s.expire(ctx, date, dirs, out)
	}
	if len(kept) < len(m.Objects) {
		m.Objects, m.Logs = kept, nil
		m.Warnings = append(m.Warnings, thinned)
		if err := s.replaceManifest(ctx, m); err != nil {
			return err
		}
		out.Thinned = append(out.Thinned, date)
	}
	s.lake.step("thinned " + ManifestKey(date))
	return s.deleteBelow(ctx, dirs, func(key string) bool {
		return !slices.ContainsFunc(kept, func(o ObjectInfo) bool { return o.Key == key })
	}, &out.Snapshots)
}

// thinning is where manifests wait that are to replace others.
func (s *Lease) thinning() string { return stagingPrefix(s.term(), "retention") }

// replaceManifest puts a manifest in place of that of its date, in one step. It comes from staging, so that an attempt of a
// run that was stopped meanwhile finds nothing to copy (I9).
func (s *Lease) replaceManifest(ctx context.Context, m *Manifest) error {
	if err := m.validate(); err != nil {
		return fmt.Errorf("the thinned manifest: %w", err)
	}
	data, err := m.encode()
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	key := ManifestKey(m.SnapshotDate)
	if err := s.lake.put(ctx, s.thinning()+key, jsonType, data); err != nil {
		return err
	}
	s.lake.step("thinning " + key)
	if err := s.Renew(ctx); err != nil {
		return err
	}
	err = s.lake.copyObject(ctx, s.thinning()+key, key, jsonType, int64(len(data)), s.thinning()+"links/"+key)
	if err != nil {
		return err
	}
	return s.lake.syncKeys(key)
}

// retainDays deletes the folders of old days below dir.
func (s *Lease) retainDays(ctx context.Context, dir string, days int, newest Date, done *Deleted) error {
	if days == 0 {
		return nil
	}
	folders, err := s.lake.listDirs(ctx, dir)
	if err != nil {
		return err
	}
	folders = slices.DeleteFunc(folders, func(folder string) bool {
		date, err := ParseDate(path.Base(folder))
		return err != nil || !beyond(date, newest, days)
	})
	return s.deleteBelow(ctx, folders, nil, done)
}

// retainRuns deletes old records of runs, and whatever else below runs/ has the id of such a run for its name.
func (s *Lease) retainRuns(ctx context.Context, days int, out *Retained) error {
	if days == 0 {
		return nil
	}
	return s.deleteBelow(ctx, []string{runsDir}, func(key string) bool {
		day, ok := dayOfRun(strings.TrimSuffix(path.Base(key), ".json"))
		return ok && beyond(day, out.Newest, days)
	}, &out.Runs)
}

// dayOfRun returns the day that a run's id begins with, when it was made.
func dayOfRun(id string) (Date, bool) {
	if len(id) < len("20060102") {
		return "", false
	}
	t, err := time.Parse("20060102", id[:len("20060102")])
	return Date(t.Format(time.DateOnly)), err == nil
}

// datedFolders returns the folders of every date that has any, each with its slash.
func (l *Lake) datedFolders(ctx context.Context) (map[Date][]string, error) {
	parents := []string{auditDir, reportsDir}
	tables, err := l.listDirs(ctx, logsDir)
	if err != nil {
		return nil, err
	}
	folders := map[Date][]string{}
	for _, parent := range append(parents, tables...) {
		dirs, err := l.listDirs(ctx, parent)
		if err != nil {
			return nil, err
		}
		for _, dir := range dirs {
			date, err := ParseDate(strings.TrimPrefix(path.Base(dir), "snapshot_date="))
			if err == nil && inSnapshot(dir+"x", date) { // else it is reports/latest/, the digests, or a stranger's
				folders[date] = append(folders[date], dir)
			}
		}
	}
	return folders, nil
}

// deleteBelow deletes the objects of folders, or those of them that which says, and counts them.
func (s *Lease) deleteBelow(ctx context.Context, folders []string, which func(key string) bool, done *Deleted) error {
	var gone []string
	sizes := map[string]int64{}
	for _, folder := range folders {
		objects, err := s.lake.listObjects(ctx, folder)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if key := strings.TrimPrefix(o.Key, s.lake.prefix); which == nil || which(key) {
				gone, sizes[key] = append(gone, key), o.Size
			}
		}
	}
	if len(gone) == 0 {
		return nil
	}
	// What comes to its place by a successor's hand must not be met.
	if err := s.Renew(ctx); err != nil {
		return err
	}
	var objects, bytes atomic.Int64
	err := s.each(gone, func(key string) error {
		if err := s.lake.remove(ctx, key); err != nil {
			return err
		}
		s.lake.step("dropped " + key)
		objects.Add(1)
		bytes.Add(sizes[key])
		return nil
	})
	done.Objects += objects.Load()
	done.Bytes += bytes.Load()
	if err != nil {
		return err
	}
	s.lake.local.removeEmpty(s.lake.prefix, folders)
	return s.lake.syncKeys(gone...)
}

func (d *Deleted) add(bytes int64) {
	d.Objects++
	d.Bytes += bytes
}
