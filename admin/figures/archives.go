package figures

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/usagereport/usagereport/sinks/lake"
)

// The names of the zips (contract §8), in the order in which they are listed.
var archiveNames = []string{"Usage Reports.zip", "Usage Logs.zip"}

// archiveCache keeps what the manifests of dates say of zips, so that a page costs a manifest a date once in a while only.
type archiveCache struct {
	mu    sync.Mutex
	dates map[lake.Date]archivesOf
}

type archivesOf struct {
	archives []Archive
	read     time.Time
}

// archivesFor is how long a manifest that was read is believed: backfills and retention change those of past dates.
const archivesFor = 5 * time.Minute

// Archives returns the zips that stand ready, those of past dates in portions. lake.ErrNoSnapshot if nothing was published.
func (r *Reader) Archives(ctx context.Context, q ArchivesQuery) (*Archives, error) {
	limit := q.Limit
	if limit == 0 {
		limit = 30
	}
	if limit < 0 || limit > MaxLimit {
		return nil, fmt.Errorf("%w: zips of %d dates, expected 1 to %d", ErrQuery, limit, MaxLimit)
	}
	if _, _, err := dates(q.Before, ""); err != nil {
		return nil, err
	}
	newest, _, err := r.newest(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.lake.Dates(ctx)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	slices.Reverse(all)
	// A date above the newest is one that is only just being published.
	all = slices.DeleteFunc(all, func(d lake.Date) bool { return d > newest.manifest.SnapshotDate })
	out := &Archives{}
	if out.Newest, err = r.newestArchives(ctx, all, newest); err != nil {
		return nil, unavailable(ctx, err)
	}
	from := 0
	if q.Before != "" {
		from, _ = slices.BinarySearchFunc(all, q.Before, func(a, b lake.Date) int { return strings.Compare(string(b), string(a)) })
		if from < len(all) && all[from] == q.Before {
			from++
		}
	}
	to := min(from+limit, len(all))
	if to < len(all) {
		out.Older = all[to-1]
	}
	found, err := r.archivesOf(ctx, all[from:to], newest)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	for _, a := range slices.Concat(found...) {
		if !slices.ContainsFunc(out.Newest, func(n Archive) bool { return n.Key == a.Key }) {
			out.Earlier = append(out.Earlier, a)
		}
	}
	return out, nil
}

// newestArchives returns the newest zip of each name, looking back date by date where the newest run did not make it.
func (r *Reader) newestArchives(ctx context.Context, all []lake.Date, newest *publication) ([]Archive, error) {
	var out []Archive
	for len(all) > 0 && len(out) < len(archiveNames) {
		n := min(len(all), atOnce)
		if all[0] == newest.manifest.SnapshotDate {
			n = 1 // which mostly is enough, and needs no reading
		}
		found, err := r.archivesOf(ctx, all[:n], newest)
		if err != nil {
			return nil, err
		}
		for _, a := range slices.Concat(found...) {
			if !slices.ContainsFunc(out, func(have Archive) bool { return have.Name == a.Name }) {
				out = append(out, a)
			}
		}
		all = all[n:]
	}
	sortArchives(out)
	return out, nil
}

// archivesOf returns the zips of each date.
func (r *Reader) archivesOf(ctx context.Context, all []lake.Date, newest *publication) ([][]Archive, error) {
	out := make([][]Archive, len(all))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, date := range all {
		if date == newest.manifest.SnapshotDate {
			out[i] = archivesIn(newest.manifest, newest.zone)
			continue
		}
		if known, ok := r.archives.get(date, r.now()); ok {
			out[i] = known
			continue
		}
		g.Go(func() error {
			m, err := r.lake.Manifest(ctx, date)
			if errors.Is(err, lake.ErrNoSnapshot) {
				return nil // deleted since the dates were listed
			}
			if err != nil {
				return err
			}
			zone, err := time.LoadLocation(m.TimeZone)
			if err != nil {
				return fmt.Errorf("the manifest of %s: %w", date, err)
			}
			out[i] = archivesIn(m, zone)
			r.archives.put(date, out[i], r.now())
			return nil
		})
	}
	return out, g.Wait()
}

// archivesIn returns the zips that a manifest lists.
func archivesIn(m *lake.Manifest, zone *time.Location) []Archive {
	var out []Archive
	for _, o := range m.Objects {
		name := path.Base(o.Key)
		if !slices.Contains(archiveNames, name) || o.Key != lake.ReportKey(m.SnapshotDate, name) {
			continue
		}
		a := Archive{
			Name: name, Key: o.Key, Date: m.SnapshotDate, RunID: m.RunID, Made: m.RunTime, Bytes: o.Bytes, SHA256: o.SHA256,
			TimeZone: zone, Windows: m.Windows,
		}
		for _, w := range m.Workbooks {
			if w.Archive == o.Key {
				a.Workbooks = append(a.Workbooks, w)
			}
		}
		out = append(out, a)
	}
	sortArchives(out)
	return out
}

func sortArchives(all []Archive) {
	slices.SortFunc(all, func(a, b Archive) int {
		return cmp.Compare(slices.Index(archiveNames, a.Name), slices.Index(archiveNames, b.Name))
	})
}

func (c *archiveCache) get(date lake.Date, now time.Time) ([]Archive, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.dates[date]
	return known.archives, ok && now.Sub(known.read) < archivesFor
}

func (c *archiveCache) put(date lake.Date, archives []Archive, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dates == nil || len(c.dates) >= maxDates {
		c.dates = map[lake.Date]archivesOf{}
	}
	c.dates[date] = archivesOf{archives: archives, read: now}
}

// maxDates is how many dates are remembered.
const maxDates = 2000
