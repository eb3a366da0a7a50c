package jobs

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/sources/bucket"
	"github.com/usagereport/usagereport/sources/sqldb"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/facts"
)

// maxBuilderBytes bounds what one Builder holds: a delivery that is larger becomes several runs.
const maxBuilderBytes = 96 << 20

// eventSet is an event dataset of a run: what is read of it tonight, and the runs it then consists of.
type eventSet struct {
	*dataset
	spec    *facts.Spec
	prepare func() func(arrow.Record) (arrow.Record, error) // nil, or makes what rows go through before they are grouped
	blobs   *stateBlobs
	date    calendar.Date
	started time.Time
	full    bool
	first   bool // nothing of it was known before

	before *events // what the night before left; nil when there is nothing to go by
	after  *events

	builders sync.Pool // of *facts.Builder, empty: their memory serves the next delivery

	mu     sync.Mutex
	built  []*run // tonight
	runs   []*run // all, in the order in which they hold events that several have
	adjust map[*run][]facts.Adjust
	gone   []*run // whose delivery the source no longer has, or has with other content
}

// read brings the dataset up to date.
func (e *eventSet) readAll(ctx context.Context) error {
	fingerprint := e.night.Config.Fingerprint(e.def.Name)
	if e.before != nil && e.before.Fingerprint != fingerprint {
		if e.before.Fingerprint != "" {
			e.night.Log.Info("config changed: everything is read again", "dataset", e.def.Name)
		}
		e.full = true
	}
	e.first = e.before == nil
	if e.before == nil {
		e.before, e.full = &events{}, true
	}
	e.after = &events{Fingerprint: fingerprint, CoveredTo: max(e.date, e.before.CoveredTo), Started: e.started}
	var kept []*run
	var err error
	switch {
	case !e.cfg.IsQuery():
		kept, err = e.readFiles(ctx)
	case e.cfg.Uses("changed_since"):
		kept, err = e.readChanges(ctx)
	default:
		kept, err = e.readDays(ctx)
	}
	if err != nil {
		return err
	}
	e.whole.Store(e.full)
	e.after.Loose = e.loose.Load() || e.before.Loose && !e.full
	if e.after.Loose && !e.before.Loose && !e.full {
		// Tonight's bounds were too narrow for them: the next night begins where this one did.
		e.after.CoveredTo, e.after.Started = e.before.CoveredTo, e.before.Started
	}
	e.runs = slices.Concat(kept, e.built)
	slices.SortFunc(e.runs, order)
	if e.cfg.IsQuery() && e.cfg.Uses("changed_since") {
		// A later delivery of a changed row stands.
		slices.Reverse(e.runs)
	}
	return e.resolve(ctx)
}

// readFiles reads the partitions that are new or whose files changed.
func (e *eventSet) readFiles(ctx context.Context) (kept []*run, err error) {
	source := e.in.buckets[e.cfg.Source]
	listed := e.night.Now()
	partitions, err := source.Partitions(ctx, e.cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", e.def.Name, err)
	}
	have := map[string]bucket.Partition{}
	known := map[string]string{}
	for _, r := range e.before.runs() {
		known[r.Delivery] = r.Fingerprint
	}
	var wanted []bucket.Partition
	start := e.historyStart()
	for _, p := range partitions {
		if !p.Date.IsZero() && p.Date.Format(time.DateOnly) < start.String() {
			continue
		}
		have[p.Name] = p
		if fingerprint, ok := known[p.Name]; e.full || !ok || fingerprint != p.Fingerprint {
			wanted = append(wanted, p)
		} else {
			e.unchanged.Add(int64(len(p.Files)))
			for _, f := range p.Files {
				e.held.Store(f.Key, true)
			}
		}
	}
	e.listed.Store(true)
	for _, r := range e.before.runs() {
		switch p, ok := have[r.Delivery]; {
		case !ok:
			e.gone = append(e.gone, r)
		case !e.full && r.Fingerprint == p.Fingerprint:
			kept = append(kept, r)
		case r.Fingerprint != p.Fingerprint && e.before.Fingerprint == e.after.Fingerprint:
			// A file that is rewritten may have lost its oldest events.
			e.gone = append(e.gone, r)
		}
	}
	e.warnOfFiles(have)
	e.night.progress().Stage("read " + e.def.Name)
	if len(wanted) > 0 {
		newest := wanted[len(wanted)-1].Files
		e.noteFile(ctx, newest[len(newest)-1])
	}
	for i := range wanted {
		if fresh(wanted[i].Files, listed) {
			wanted[i].Fingerprint += "?" // so that it is not that of the next night
		}
	}
	return kept, parallel(ctx, wanted, e.readPartition)
}

// fileGrain is how far apart two writes may be that leave a file with the same time: stores keep whole seconds, some of them two.
const fileGrain = 2 * time.Second

// fresh says whether one of the files was written just when they were listed. It may be written once more within the same tick, to the
// same size, and look as it did.
func fresh(files []bucket.File, listed time.Time) bool {
	return slices.ContainsFunc(files, func(f bucket.File) bool { return listed.Sub(f.ModTime).Abs() <= fileGrain })
}

// warnOfFiles tells when there are no files at all, and when files that the night before read are there no more: a folder
// that is not mounted looks like that, too, and its events go from the logs.
func (e *eventSet) warnOfFiles(have map[string]bucket.Partition) {
	if len(have) == 0 {
		e.warn("no file of source %s matches %q; check the path and the source's URL if there should be some", e.cfg.Source, e.cfg.Path)
	}
	if e.before.Fingerprint != e.after.Fingerprint {
		return
	}
	gone, events := map[string]bool{}, int64(0)
	year := calendar.Windows(e.date).Year
	for _, r := range e.before.runs() {
		if _, ok := have[r.Delivery]; ok {
			continue
		}
		for day, n := range r.Info.ByDay {
			if year.Contains(day) {
				gone[r.Delivery] = true
				events += n
			}
		}
	}
	if len(gone) > 0 {
		e.warn("%d deliveries that were read before are there no more; of their %d events in the rolling year those that no other "+
			"delivery holds are no longer in the logs", len(gone), events)
	}
}

func (e *eventSet) readPartition(ctx context.Context, p bucket.Partition) error {
	b := e.newBuild(p.Name, p.Fingerprint)
	for _, f := range p.Files {
		if err := e.eachOf(ctx, f, b.add); err != nil {
			return err
		}
	}
	return b.finish()
}

// readChanges runs a query that hands over late and changed rows by their arrival: each night is a delivery of its own.
func (e *eventSet) readChanges(ctx context.Context) (kept []*run, err error) {
	from, since := e.before.CoveredTo, e.before.Started
	if e.full {
		from, since = e.historyStart(), time.Time{}
		e.gone = e.before.runs()
	} else {
		kept = e.before.runs()
	}
	// A past date that is published again asks up to where the nights came: what arrived meanwhile for later days is
	// handed over now or never.
	q := sqldb.Query{From: e.bound(min(from, e.date)), To: e.after.CoveredTo.Start(e.spec.Zone), ChangedSince: since}
	if e.full {
		q.To = q.To.AddDate(0, 0, looseDays) // how the timestamps sort is yet to be seen
	} else if e.before.Loose {
		q = widened(q)
	}
	e.night.progress().Stage("read " + e.def.Name)
	b := e.newBuild(e.started.UTC().Format("20060102T150405.000000000Z"), "")
	b.needID = e.spec.ID != ""
	for _, r := range kept {
		if r.Delivery == b.delivery {
			// The same instant twice, as with a given run time: what was handed over then is not handed over again.
			b.parts = max(b.parts, r.Part+1)
		}
	}
	if err := e.each(ctx, e.query(ctx, q), b.add); err != nil {
		return nil, err
	}
	return kept, b.finish()
}

// readDays reads the days not yet covered and, before them, as many as the config looks back: each day is replaced. When
// everything is read again no day stays as it was, those after a past run date included.
func (e *eventSet) readDays(ctx context.Context) (kept []*run, err error) {
	days := calendar.Days{From: min(e.before.CoveredTo, e.date).AddDays(-e.cfg.LookbackDays), To: e.date}
	if start := e.historyStart(); e.full || !e.cfg.Uses("from") || days.From < start {
		days.From = start
	}
	if e.full {
		days.To = e.after.CoveredTo
		e.gone = e.before.runs()
	}
	for _, r := range e.before.runs() {
		if !e.full && !days.Contains(r.Info.From) {
			kept = append(kept, r)
		}
	}
	q := sqldb.Query{From: e.bound(days.From), To: days.To.Start(e.spec.Zone)}
	if e.full || e.before.Loose {
		q = widened(q)
	}
	e.night.progress().Stage("read " + e.def.Name)
	b := e.newBuild("", "")
	b.days = &days
	if err := e.each(ctx, e.query(ctx, q), b.add); err != nil {
		return nil, err
	}
	if err := b.finish(); err != nil {
		return nil, err
	}
	e.gone = slices.DeleteFunc(e.gone, func(r *run) bool { return b.byDay[r.Info.From] > 0 })
	return kept, nil
}

// looseDays is how far from its place a timestamp can sort: text by the day alone, and the day that of another zone.
const looseDays = 2

// widened returns q with bounds further out, for timestamps that do not sort as their instants do (see loose): rows that the
// query keeps back would be lost, those of other days wait in the state for their night or are left out, and events that
// are handed over again count once.
func widened(q sqldb.Query) sqldb.Query {
	for _, bound := range []*time.Time{&q.From, &q.ChangedSince} {
		if !bound.IsZero() {
			*bound = bound.AddDate(0, 0, -looseDays)
		}
	}
	q.To = q.To.AddDate(0, 0, looseDays)
	return q
}

// theBeginning is a day before all others.
const theBeginning = calendar.Date(-1 << 30)

func (e *eventSet) historyStart() calendar.Date {
	d := e.night.Config.HistoryStart
	if d.IsZero() {
		return theBeginning
	}
	return calendar.Civil(d.Year, int(d.Month), d.Day)
}

// bound returns the first instant of a day, the zero time for the beginning.
func (e *eventSet) bound(d calendar.Date) time.Time {
	if d < calendar.Civil(1, 1, 2) {
		return time.Time{}
	}
	return d.Start(e.spec.Zone)
}

// build gathers one delivery.
type build struct {
	set         *eventSet
	delivery    string
	fingerprint string
	builder     *facts.Builder
	prepare     func(arrow.Record) (arrow.Record, error)
	parts       int
	days        *calendar.Days // not nil: every day becomes a delivery of its own, other days are left for their night
	byDay       map[calendar.Date]int
	needID      bool
}

func (e *eventSet) newBuild(delivery, fingerprint string) *build {
	b := &build{set: e, delivery: delivery, fingerprint: fingerprint, builder: e.takeBuilder(), byDay: map[calendar.Date]int{}}
	if e.prepare != nil {
		b.prepare = e.prepare()
	}
	return b
}

func (e *eventSet) takeBuilder() *facts.Builder {
	if b, ok := e.builders.Get().(*facts.Builder); ok {
		return b
	}
	return facts.NewBuilder(e.spec)
}

func (b *build) add(rec arrow.Record) error {
	if b.needID && rec.Column(b.set.def.Index(b.set.spec.ID)).NullN() > 0 {
		return fmt.Errorf("dataset %s: %w: its query uses :changed_since, so every row needs an %s by which a row that is "+
			"handed over again is known; found rows without one; select it, or use :from and :to alone",
			b.set.def.Name, ErrConfig, b.set.spec.ID)
	}
	if b.prepare != nil {
		prepared, err := b.prepare(rec)
		if err != nil {
			return err
		}
		defer prepared.Release()
		rec = prepared
	}
	if err := b.builder.Add(rec); err != nil {
		return err
	}
	if b.builder.Size() > maxBuilderBytes {
		return b.flush()
	}
	return nil
}

// finish stores what is left. A delivery without rows is a run without facts, so that it is known tomorrow.
func (b *build) finish() error {
	err := b.flush()
	b.set.builders.Put(b.builder)
	b.builder = nil
	return err
}

func (b *build) flush() error {
	b.set.duplicate.Add(b.builder.Stats().Duplicates)
	if b.days == nil {
		built, err := b.builder.Finish()
		if err != nil {
			return err
		}
		b.parts++
		return b.keep(&run{Delivery: b.delivery, Part: b.parts - 1, Fingerprint: b.fingerprint}, built)
	}
	byDay, err := b.builder.FinishDays(*b.days)
	if err != nil {
		return err
	}
	for day, built := range byDay {
		r := &run{Delivery: day.String(), Part: b.byDay[day]}
		b.byDay[day]++
		if err := b.keep(r, built); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) keep(r *run, built *facts.Run) error {
	r.Info, r.fresh = built.Info, true
	if err := b.set.blobs.keep(r, built); err != nil {
		return err
	}
	b.set.mu.Lock()
	b.set.built = append(b.set.built, r)
	b.set.mu.Unlock()
	return nil
}

func (s *events) runs() []*run {
	out := make([]*run, len(s.Runs))
	for i := range s.Runs {
		out[i] = &s.Runs[i]
	}
	return out
}
