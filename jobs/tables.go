package jobs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/bucket"
	"github.com/usagereport/usagereport/sources/sqldb"
	"github.com/usagereport/usagereport/transforms/current"
)

// tables is the current-state tables of a run by dataset name, and what is known of things that are gone.
type tables struct {
	mu    sync.Mutex // guards today while it is read
	today map[string]*current.Table
	known map[string]*current.Table
	names map[string]string // of the known tables in the state
}

func (t *tables) release() {
	for _, set := range []map[string]*current.Table{t.today, t.known} {
		for _, table := range set {
			table.Release()
		}
	}
}

// table reads the whole dataset.
func (d *dataset) table(ctx context.Context, r *nightRun) (*current.Table, error) {
	var batches []arrow.Record
	defer func() {
		for _, b := range batches {
			b.Release()
		}
	}()
	keep := func(rec arrow.Record) error {
		rec.Retain()
		batches = append(batches, rec)
		return nil
	}
	if d.cfg.IsQuery() {
		bounds := sqldb.Query{To: r.date.Start(r.zone)}
		if err := d.each(ctx, d.query(ctx, bounds), keep); err != nil {
			return nil, err
		}
	} else {
		p, err := d.newest(ctx, r.date.String())
		if err != nil {
			return nil, err
		}
		d.noteFile(ctx, p[len(p)-1])
		for _, f := range p {
			if err := d.eachOf(ctx, f, keep); err != nil {
				return nil, err
			}
		}
	}
	d.whole.Store(true)
	table, duplicates, err := current.Collect(d.night.Mem, d.def, batches)
	d.duplicate.Add(duplicates)
	return table, err
}

// newest returns the files that say how things are: all of them, or, where the path names delivery days, those of the
// last day up to the run date.
func (d *dataset) newest(ctx context.Context, date string) ([]bucket.File, error) {
	partitions, err := d.in.buckets[d.cfg.Source].Partitions(ctx, d.cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", d.def.Name, err)
	}
	var files []bucket.File
	for _, p := range partitions {
		if p.Date.IsZero() {
			files = append(files, p.Files...)
		} else if p.Date.Format(time.DateOnly) <= date {
			files = p.Files
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("dataset %s: %w: no file of source %s matches %q up to %s; check the path in the config, "+
			"or deliver an empty file with a header if there are none", d.def.Name, sources.ErrNotFound, d.cfg.Source, d.cfg.Path, date)
	}
	return files, nil
}

// carry adds to today's tables what earlier nights knew of things that are gone, and stores it for the next.
func (r *nightRun) carry(ctx context.Context, defs []*dictionary.Table) error {
	t := r.tables
	for _, def := range defs {
		before, err := r.knownBefore(ctx, def)
		if err := r.forgive(err); err != nil {
			before.Release()
			return err
		}
		t.known[def.Name] = current.Carry(r.night.Mem, before, t.today[def.Name])
		before.Release()
		name, err := r.blobs.putRecord(ctx, "known/"+def.Name, t.known[def.Name].Record())
		if err != nil {
			return err
		}
		t.names[def.Name] = name
	}
	return nil
}

// knownBefore returns what the night before knew, an empty table beside an error.
func (r *nightRun) knownBefore(ctx context.Context, def *dictionary.Table) (*current.Table, error) {
	name := r.state.Known[def.Name]
	if name == "" {
		return current.Empty(r.night.Mem, def), nil
	}
	rec, err := r.blobs.record(ctx, r.night.Mem, name)
	if err != nil {
		return current.Empty(r.night.Mem, def), err
	}
	t, err := current.FromRecord(def, rec)
	if err != nil {
		rec.Release()
		return current.Empty(r.night.Mem, def), damaged(name, err)
	}
	return t, nil
}
