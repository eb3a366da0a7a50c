package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/parquetfile"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/current"
)

// nightRun is one run while it is under way.
type nightRun struct {
	night    *Night
	bound    dictionary.Domain // that it is to make
	domains  dictionary.Domain // of these, those whose sources are not down
	missing  []missing         // the others
	whole    bool              // all of them or nothing
	date     calendar.Date
	time     time.Time
	zone     *time.Location
	full     bool
	dry      bool
	started  time.Time // the next night's :changed_since
	state    *state
	blobs    *stateBlobs
	names    []string // of the datasets read
	datasets map[string]*dataset
	rejects  *quarantine
	retries  *retries
	tables   *tables
	logins   *eventSet // these two of the usage domain,
	gens     *eventSet
	syncs    *eventSet // these of the integration domain,
	seen     *eventSet
	audit    *eventSet // this of the audit domain; nil when the domain is not bound
	warnings []string

	since    *since // what the run is compared with
	changes  *lake.Changes
	retained *lake.Retained

	checks   []lake.Check
	logs     []lake.Log
	logBook  *book // the logs as a workbook, while they are made
	written  map[*dictionary.Table]parquetfile.Summary
	books    []lake.Workbook
	identity *lake.Identity
	total    int64 // of content_generations, as written
}

// Run makes one nightly run: reads what is new, makes the logs, checks them and publishes them. It returns once
// everything is published, or once nothing of it is: a failed run leaves what was published before. What it could not
// use stands in quarantine either way, and a record of the run below runs/.
func (n *Night) Run(ctx context.Context, req Request) (out *Outcome, err error) {
	began := n.Now()
	watched := *n
	watch := &stopwatch{next: n.progress(), now: n.Now}
	watched.Progress = watch
	r := watched.newRun(req, began)
	log := n.Log.With("run", runID(r.date, r.time), "date", r.date.String())
	log.Info("run began", "zone", r.zone.String(), "full", r.full, "dry_run", r.dry)
	out = new(Outcome)
	err = r.run(ctx, out)
	out.Took, out.Retries = n.Now().Sub(began), r.retries.all()
	if err != nil {
		log.Error("run failed", "published", out.Published, "error", err, "seconds", out.Took.Seconds())
	} else {
		log.Info("run done", "published", out.Published, "seconds", out.Took.Seconds())
	}
	if r.dry {
		return out, err
	}
	// The record is wanted most of a run that was cancelled.
	if recErr := r.putRecord(context.WithoutCancel(ctx), out, err, watch.taken()); recErr != nil {
		err = errors.Join(err, recErr)
	}
	return out, err
}

func (n *Night) newRun(req Request, now time.Time) *nightRun {
	r := &nightRun{
		night: n, zone: n.Config.Location(), full: req.Full, dry: req.DryRun, started: now,
		time: req.RunTime, datasets: map[string]*dataset{}, written: map[*dictionary.Table]parquetfile.Summary{},
		bound: n.Config.Domains(), domains: n.Config.Domains(), whole: req.Whole, retries: n.retries(),
		tables: &tables{today: map[string]*current.Table{}, known: map[string]*current.Table{}, names: map[string]string{}},
	}
	if r.time.IsZero() {
		r.time = now
	}
	r.time = r.time.UTC().Truncate(time.Second)
	if r.time.Before(r.started) {
		// The earlier of the two is the safer start: rows handed over twice count once, rows missed would be lost.
		r.started = r.time
	}
	if req.Date != nil {
		r.date = *req.Date
	} else {
		r.date = calendar.Of(r.time, r.zone)
	}
	for _, name := range n.Config.DatasetNames() {
		def, _ := dictionary.Dataset(name)
		if def.UsedBy(r.domains) {
			r.names = append(r.names, name)
		}
	}
	return r
}

func (r *nightRun) run(ctx context.Context, out *Outcome) (err error) {
	defer recovered(&err)
	if r.domains == 0 {
		return fmt.Errorf("%w: neither the usage, the audit nor the integration domain is bound, so there is nothing to publish; bind %v, %v or %v",
			ErrConfig, tableNames(dictionary.DatasetsOf(dictionary.Usage)), tableNames(dictionary.DatasetsOf(dictionary.Audit)),
			tableNames(dictionary.DatasetsOf(dictionary.Integration)))
	}
	temp, err := newScratch(r.night.Scratch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, temp.close()) }()

	var lease *lake.Lease
	err = r.lake(ctx, "take the lease", func(ctx context.Context) (err error) {
		lease, err = r.night.Lake.Acquire(ctx, runID(r.date, r.time))
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		// One that cannot be released runs out; what the run did stands.
		if releaseErr := lease.Release(context.WithoutCancel(ctx)); releaseErr != nil {
			r.night.Log.Warn("the next run has to wait", "error", releaseErr)
		}
	}()
	ctx, stop := lease.Guard(ctx)
	defer stop()
	defer func() { err = causeFirst(ctx, err) }()
	var publication *lake.Publication
	err = r.lake(ctx, "begin the publication", func(ctx context.Context) (err error) {
		publication, err = lease.Begin(ctx, r.info())
		return err
	})
	if err != nil {
		return err
	}
	// Whatever happens, a run that did not publish leaves nothing staged.
	defer func() {
		if !out.Published {
			err = errors.Join(err, publication.Abort(context.WithoutCancel(ctx)))
		}
	}()
	defer r.tables.release()
	if err := r.refuseExpired(ctx); err != nil {
		return err
	}
	if err := r.read(ctx, temp); err != nil {
		return err
	}
	r.lookBack(ctx)
	if err := r.make(ctx, publication); err != nil {
		return err
	}
	r.warnOfVolumes()
	parts, err := r.parts(ctx)
	if err != nil {
		return err
	}
	out.Manifest = lake.Manifest{
		RunInfo: r.info(), Domains: parts, Datasets: r.summaries(), Logs: r.logs, Workbooks: r.books, Identity: r.identity,
		Checks: r.checks, Warnings: r.allWarnings(),
	}
	if err := failed(r.checks); err != nil {
		return err
	}
	if r.dry {
		return r.partial()
	}
	r.compare(ctx)
	r.night.progress().Stage("publish")
	if err := publication.Publish(ctx, &out.Manifest); err != nil {
		return err
	}
	out.Published = true
	// What is published stays published: state that is not saved only costs the next night what this one read. It is
	// saved by the holder of the lease alone, since it deletes what it does not name.
	if err := lease.Renew(ctx); err != nil {
		return fmt.Errorf("save the state: %w", err)
	}
	if err := r.save(ctx); err != nil {
		return errors.Join(err, r.partial())
	}
	r.retain(ctx, lease)
	return r.partial()
}

// causeFirst lets the error of a run that lost its lease begin with that: what it cut off knows its symptoms alone.
func causeFirst(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || !errors.Is(cause, lake.ErrLeaseLost) || errors.Is(err, lake.ErrLeaseLost) {
		return err
	}
	return fmt.Errorf("%w; then: %w", cause, err)
}

// make makes what the bound domains publish into objects of the publication.
func (r *nightRun) make(ctx context.Context, p *lake.Publication) error {
	if err := r.carry(ctx, namesFor(r.domains)); err != nil {
		return err
	}
	if r.domains&dictionary.Usage != 0 {
		if err := r.makeLogs(ctx, p); err != nil {
			return err
		}
		r.sortLogs()
	}
	if r.domains&dictionary.Audit == 0 {
		if err := r.keepDigest(ctx, p); err != nil {
			return err
		}
	} else if err := r.makeAudit(ctx, p); err != nil {
		return err
	}
	if r.domains&dictionary.Integration != 0 {
		return r.makeReports(ctx, p)
	}
	return nil
}

// read reads what is new in the sources.
func (r *nightRun) read(ctx context.Context, temp *scratch) (err error) {
	n := r.night
	var note string
	err = r.lake(ctx, "read the state", func(ctx context.Context) (err error) {
		r.state, note, err = loadState(ctx, n.Lake, r.zone.String())
		return err
	})
	if err := r.forgive(err); err != nil {
		return err
	}
	if note != "" {
		n.Log.Info(note)
	}
	r.blobs = &stateBlobs{state: n.Lake.State(), scratch: temp, dry: r.dry, packs: map[string]*io.SectionReader{}, retry: r.lake}
	if r.rejects, err = r.quarantine(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.rejects.close(ctx, r)) }()
	if err := r.readSources(ctx); err != nil {
		return err
	}
	return r.checkRejected()
}

// forgive lets a run that reads everything again do without what is damaged in the state or gone from it, and tells so.
// What only the state knew is lost: names of what is gone, and days of events that the sources dropped.
func (r *nightRun) forgive(err error) error {
	if err == nil || !r.full || !useless(err) {
		return err
	}
	r.night.Log.Warn("the state is damaged: this run does without it", "error", err)
	r.warnings = append(r.warnings, "the state was damaged and built anew: "+err.Error())
	return nil
}

// namesFor returns the tables that old events of the domains take names from.
func namesFor(domains dictionary.Domain) (tables []*dictionary.Table) {
	for _, t := range []*dictionary.Table{
		dictionary.Workspaces, dictionary.Members, dictionary.Agents, dictionary.Canvases, dictionary.Grids,
		dictionary.Systems, dictionary.Integrations, dictionary.ProjectPairs,
	} {
		if t.UsedBy(domains) {
			tables = append(tables, t)
		}
	}
	return tables
}

// events returns the event datasets of the run.
func (r *nightRun) events() (all []*eventSet) {
	for _, e := range []*eventSet{r.logins, r.gens, r.audit, r.syncs, r.seen} {
		if e != nil {
			all = append(all, e)
		}
	}
	return all
}

func (r *nightRun) info() lake.RunInfo {
	w := calendar.Windows(r.date)
	window := func(name string, d calendar.Days) lake.Window {
		return lake.Window{Name: name, From: lake.Date(d.From.String()), To: lake.Date(d.Last().String())}
	}
	var windows []lake.Window
	if r.domains&dictionary.Usage != 0 {
		windows = append(windows, window(yearWindow, w.Year))
	}
	if r.domains&dictionary.Audit != 0 {
		windows = append(windows, window(auditWindow, w.Audit))
	}
	if r.domains&dictionary.Integration != 0 {
		windows = append(windows, window(sixMonthsWindow, w.SixMonths), window(oneYearWindow, w.OneYear))
	}
	return lake.RunInfo{
		RunID: runID(r.date, r.time), SnapshotDate: lake.Date(r.date.String()), RunTime: r.time, TimeZone: r.zone.String(),
		Windows: windows, Program: r.night.Version,
	}
}

// Names of windows in the manifest.
const (
	yearWindow      = "rolling_year"
	auditWindow     = "audit"
	sixMonthsWindow = "last_6_months"
	oneYearWindow   = "last_1_year"
)

// save hands on what the next night goes by.
func (r *nightRun) save(ctx context.Context) error {
	// What tonight did not need, such as that of a domain which is not bound for now, stays.
	next := *r.state
	next.RunID = runID(r.date, r.time)
	maps.Copy(next.Known, r.tables.names)
	for _, e := range r.events() {
		next.Datasets[e.def.Name] = e.after
	}
	// A name of its own: a pack that an index names is never written again.
	return r.blobs.save(ctx, &next)
}

func (r *nightRun) summaries() (all []lake.Dataset) {
	for _, name := range r.names {
		all = append(all, r.datasets[name].summary())
	}
	return all
}

func (r *nightRun) allWarnings() []string {
	all := slices.Clone(r.warnings)
	for _, name := range r.names {
		d := r.datasets[name]
		all = append(append(all, d.odd...), d.unknown.warnings(name)...)
	}
	return all
}

func tableNames(tables []*dictionary.Table) (names []string) {
	for _, t := range tables {
		names = append(names, t.Name)
	}
	return names
}

// window is the rolling year of the run.
func (r *nightRun) window() calendar.Days { return calendar.Windows(r.date).Year }
