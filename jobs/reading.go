package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/transforms/apipath"
	"github.com/usagereport/usagereport/transforms/audit"
	"github.com/usagereport/usagereport/transforms/current"
	"github.com/usagereport/usagereport/transforms/integration"
	"github.com/usagereport/usagereport/transforms/usage"
)

// maxReadings bounds how often a source is read from its start in one run. How often it is tried to open it only the
// budget bounds.
const maxReadings = 5

// readSources reads one source after the other, and leaves out domains whose sources are down.
func (r *nightRun) readSources(ctx context.Context) error {
	for _, source := range r.order() {
		if err := r.readSource(ctx, source); err != nil {
			return err
		}
	}
	for _, def := range dictionary.DatasetsOf(r.domains) {
		if def.Role == dictionary.State && r.tables.today[def.Name] == nil {
			r.tables.today[def.Name] = current.Empty(r.night.Mem, def) // it is not bound
		}
	}
	return nil
}

// order returns the sources, those that the run cannot do without first: waiting for others must cost them nothing. A run that
// wants all or nothing begins with the others.
func (r *nightRun) order() []string {
	needed := map[string]bool{}
	var all []string
	for _, name := range r.names {
		source := r.night.Config.Datasets[name].Source
		if !slices.Contains(all, source) {
			all = append(all, source)
		}
		needed[source] = needed[source] || r.datasetDef(name).UsedBy(dictionary.Usage)
	}
	slices.SortStableFunc(all, func(a, b string) int {
		switch {
		case needed[a] == needed[b]:
			return strings.Compare(a, b)
		case needed[a] != r.whole:
			return -1
		}
		return 1
	})
	return all
}

// readSource reads all datasets of a source. When its connection breaks, the source is opened anew; what was half read then
// is read from its start, and of a database everything, so that all of it is of one snapshot.
func (r *nightRun) readSource(ctx context.Context, source string) error {
	for failures, readings := 1, 0; ; failures++ {
		names := r.unread(source)
		if len(names) == 0 {
			return nil
		}
		began := r.night.Now()
		opened, failed, err := r.readOnce(ctx, source, names)
		if err == nil {
			return nil
		}
		if opened {
			failures = 1
			readings++
		} else if failures > 1 {
			r.retries.spend(r.night.Now().Sub(began))
		}
		if down(err) { // else the run fails, and what it had put in quarantine stays for people to see
			r.forgetHalves(source)
		}
		if sources.MayPass(err) && readings < maxReadings {
			stopped := r.retries.again(ctx, "read source "+source, failures, err)
			if stopped == nil {
				continue
			}
			err = stopped
		}
		if err := r.without(ctx, failed, err); err != nil {
			return err
		}
		failures, readings = 0, 0
	}
}

// forgetHalves gives up what was read of a source that broke: of files the datasets that were not read to their end.
func (r *nightRun) forgetHalves(source string) {
	halves := r.unread(source)
	for _, name := range r.names {
		if d := r.night.Config.Datasets[name]; d.Source == source && (r.night.Config.Sources[source].IsSQL() || slices.Contains(halves, name)) {
			r.forget(name)
		}
	}
}

// unread returns the datasets of a source that are still to be read.
func (r *nightRun) unread(source string) (names []string) {
	for _, name := range r.names {
		if r.night.Config.Datasets[name].Source != source {
			continue
		}
		if def := r.datasetDef(name); def.Role == dictionary.State && r.tables.today[name] == nil || def.Role == dictionary.Event && *r.slot(name) == nil {
			names = append(names, name)
		}
	}
	return names
}

// forget gives up what was read of a dataset: its rows, its figures and what of it was unusable.
func (r *nightRun) forget(name string) {
	if t := r.tables.today[name]; t != nil {
		t.Release()
		delete(r.tables.today, name)
	}
	if r.datasetDef(name).Role == dictionary.Event {
		*r.slot(name) = nil
	}
	r.rejects.forget(name)
}

// readOnce opens a source, reads datasets of it and closes it. It says whether it could be opened, and which datasets an
// error is about.
func (r *nightRun) readOnce(ctx context.Context, source string, names []string) (opened bool, failed []string, err error) {
	n := r.night
	in, err := n.openSource(ctx, source, func(ctx context.Context, try func(context.Context) error) error {
		return r.retries.do(ctx, "read source "+source, sources.MayPass, try)
	})
	if err != nil {
		return false, names, err
	}
	defer func() {
		if closeErr := in.close(); err == nil && closeErr != nil {
			failed, err = names, closeErr // of a connection that broke it says nothing new
		}
	}()
	var states []*dataset
	var events []*eventSet
	for _, name := range names {
		d, err := n.newDataset(in, name, r.rejects.add)
		if err != nil {
			return true, names, err
		}
		r.datasets[name] = d
		if d.def.Role == dictionary.State {
			states = append(states, d)
			continue
		}
		e, err := r.newEvents(d)
		if err != nil {
			return true, names, err
		}
		events = append(events, e)
	}
	if len(states) > 0 {
		n.progress().Stage("read current state")
	}
	err = parallel(ctx, states, func(ctx context.Context, d *dataset) error {
		table, err := d.table(ctx, r)
		if err != nil {
			return &datasetError{d.def.Name, err}
		}
		r.tables.mu.Lock()
		defer r.tables.mu.Unlock()
		r.tables.today[d.def.Name] = table
		return nil
	})
	if of := new(datasetError); errors.As(err, &of) {
		return true, []string{of.name}, of.error
	}
	if err != nil {
		return true, names, err
	}
	for _, e := range events {
		if err := e.readAll(ctx); err != nil {
			return true, []string{e.def.Name}, err
		}
		*r.slot(e.def.Name) = e
	}
	return true, nil, nil
}

// datasetError says which dataset an error is about.
type datasetError struct {
	name string
	error
}

func (e *datasetError) Unwrap() error { return e.error }

// newEvents returns the set of an event dataset, not read yet.
func (r *nightRun) newEvents(d *dataset) (*eventSet, error) {
	e := &eventSet{dataset: d, blobs: r.blobs, date: r.date, started: r.started, full: r.full, before: r.state.Datasets[d.def.Name]}
	mem := r.night.Mem
	switch d.def {
	case dictionary.Logins:
		e.spec = usage.LoginFacts(r.zone)
	case dictionary.Generations:
		routes, err := apipath.New(r.night.Config.APIRoutes)
		if err != nil {
			return nil, fmt.Errorf("%w: api_routes: %w", ErrConfig, err)
		}
		e.spec = usage.GenerationFacts(r.zone)
		e.prepare = func() func(arrow.Record) (arrow.Record, error) {
			return usage.NewGenerations(mem, routes.Anonymize).Prepare
		}
	case dictionary.AuditEvents:
		e.spec = audit.Facts(r.zone)
		e.prepare = func() func(arrow.Record) (arrow.Record, error) { return audit.Prepare(mem, e.spec) }
	default:
		e.spec = integration.SyncFacts(r.zone)
		if d.def == dictionary.UserObservations {
			e.spec = integration.ObservationFacts(r.zone)
		}
		e.prepare = func() func(arrow.Record) (arrow.Record, error) { return integration.NewSeconds(mem, e.spec).Prepare }
	}
	if d.cfg.IsQuery() {
		d.instant = cmp.Or(d.cfg.Columns[e.spec.Instant], e.spec.Instant)
	}
	return e, nil
}

// slot is where the set of an event dataset is once it is read.
func (r *nightRun) slot(name string) **eventSet {
	switch name {
	case dictionary.Logins.Name:
		return &r.logins
	case dictionary.Generations.Name:
		return &r.gens
	case dictionary.AuditEvents.Name:
		return &r.audit
	case dictionary.SyncEvents.Name:
		return &r.syncs
	default:
		return &r.seen
	}
}

// lake makes an operation on the lake that changes nothing, or nothing that it would not change again.
func (r *nightRun) lake(ctx context.Context, operation string, try func(context.Context) error) error {
	return r.retries.do(ctx, operation, lake.MayPass, try)
}
