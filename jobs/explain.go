package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/current"
	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/integration"
)

// Explained says who is one user, and why, as the reports of a date have it.
type Explained struct {
	Date   calendar.Date // of the run
	Window calendar.Days // whose observations decide
	Run    string        // that read the last of them
	Users  []integration.Explanation
}

// Explain returns the users that have text as an email, username, local part or display name, with every observation of
// the year before date and what ties it. With a nil date it takes that of the newest snapshot. It reads what the nights
// kept, not the sources, and the rules of the config as it is now. ErrConfig says that there is nothing to explain from.
func (n *Night) Explain(ctx context.Context, text string, date *calendar.Date) (_ *Explained, err error) {
	defer recovered(&err)
	if n.Config.Domains()&dictionary.Integration == 0 {
		return nil, fmt.Errorf("%w: users are resolved from the datasets of the integration domain, which are not bound; bind %v",
			ErrConfig, tableNames(dictionary.DatasetsOf(dictionary.Integration)))
	}
	if date == nil {
		m, err := n.Lake.Latest(ctx)
		if err != nil {
			return nil, err
		}
		d, err := calendar.ParseDate(string(m.SnapshotDate))
		if err != nil {
			return nil, fmt.Errorf("read the newest manifest: %w", err)
		}
		date = &d
	}
	temp, err := newScratch(n.Scratch)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, temp.close()) }()
	r := n.newRun(Request{Date: date, DryRun: true}, n.Now())
	if r.state, _, err = loadState(ctx, n.Lake, r.zone.String()); err != nil {
		return nil, err
	}
	kept := r.state.Datasets[dictionary.UserObservations.Name]
	if kept == nil {
		return nil, fmt.Errorf("%w: no run has read user_observations yet; run `usagereport run` first", lake.ErrNoSnapshot)
	}
	r.blobs = &stateBlobs{state: n.Lake.State(), scratch: temp, dry: true, packs: map[string]*io.SectionReader{}}
	year, done, err := r.resolveKept(ctx, kept)
	if err != nil {
		return nil, err
	}
	defer done()
	return &Explained{
		Date: r.date, Window: calendar.Windows(r.date).OneYear, Run: r.state.RunID, Users: year.Explain(text),
	}, nil
}

// resolveKept resolves the users from the state alone. The caller calls done when it needs the year no more.
func (r *nightRun) resolveKept(ctx context.Context, kept *events) (_ *integration.Year, done func(), err error) {
	r.tables = &tables{today: map[string]*current.Table{}, known: map[string]*current.Table{}}
	seenBy := integration.ObservationFacts(r.zone)
	set := &eventSet{spec: seenBy, blobs: r.blobs}
	seen, err := set.merger(ctx, kept.runs())
	if err != nil {
		return nil, nil, err
	}
	none, err := facts.NewMerger(integration.SyncFacts(r.zone), nil)
	if err != nil {
		seen.Close()
		return nil, nil, err
	}
	done = func() {
		seen.Close()
		none.Close()
		r.tables.release()
	}
	for _, def := range namesFor(dictionary.Integration) {
		if r.tables.known[def.Name], err = r.knownBefore(ctx, def); err != nil {
			done()
			return nil, nil, err
		}
		r.tables.today[def.Name] = current.Empty(r.night.Mem, def)
	}
	year, err := r.collect(none, seen)
	if err != nil {
		done()
		return nil, nil, err
	}
	return year, done, nil
}
