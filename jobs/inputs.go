package jobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"golang.org/x/sync/errgroup"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/bucket"
	"github.com/usagereport/usagereport/sources/sqldb"
	"github.com/usagereport/usagereport/transforms/conform"
)

// inputs is opened sources: for each database one snapshot, that all its queries see.
type inputs struct {
	config    *config.Config
	databases map[string]*sqldb.Snapshot
	buckets   map[string]*bucket.Source
	closers   []func() error
}

// openSource opens a source. Requests to a bucket are tried again as again says, which may be nil. The caller closes it.
func (n *Night) openSource(ctx context.Context, name string, again func(context.Context, func(context.Context) error) error) (_ *inputs, err error) {
	in := &inputs{config: n.Config, databases: map[string]*sqldb.Snapshot{}, buckets: map[string]*bucket.Source{}}
	if err := in.open(ctx, n, name, again); err != nil {
		_ = in.close() // of what could not be opened
		return nil, fmt.Errorf("open source %s: %w", name, err)
	}
	return in, nil
}

func (in *inputs) open(ctx context.Context, n *Night, name string, again func(context.Context, func(context.Context) error) error) error {
	s := in.config.Sources[name]
	if !s.IsSQL() {
		b, err := bucket.Open(ctx, s.URL.Reveal(), bucket.Options{Allocator: n.Mem, Retry: again})
		if err != nil {
			return err
		}
		in.buckets[name], in.closers = b, append(in.closers, b.Close)
		return nil
	}
	db, err := sqldb.Open(ctx, s.URL.Reveal(), sqldb.Options{StatementTimeout: s.StatementTimeout, Allocator: n.Mem})
	if err != nil {
		return err
	}
	in.closers = append(in.closers, db.Close)
	snapshot, err := db.Snapshot(ctx)
	if err != nil {
		return err
	}
	in.databases[name], in.closers = snapshot, append(in.closers, snapshot.Close)
	return nil
}

// close closes everything, last opened first.
func (in *inputs) close() error {
	var errs []error
	for i := len(in.closers) - 1; i >= 0; i-- {
		errs = append(errs, in.closers[i]())
	}
	in.closers = nil
	return errors.Join(errs...)
}

// dataset is one bound dataset while it is read.
type dataset struct {
	def    *dictionary.Table
	cfg    config.Dataset
	in     *inputs
	rules  *conform.Conformer
	night  *Night
	reject func(ctx context.Context, r lake.Rejected) error

	objects, unchanged, queries, read, rejected, duplicate, late atomic.Int64
	whole                                                        atomic.Bool // all of it was read tonight
	held                                                         sync.Map    // keys of files that are as they were, and were not read
	listed                                                       atomic.Bool // held is complete

	instant string      // the source's name of the column that says when, of events in a database
	loose   atomic.Bool // that column does not sort as its instants do

	notes   sync.Once
	odd     []string // what is worth a warning; only its own goroutine adds to it
	unknown unknownValues
	why     rejections
}

func (n *Night) newDataset(in *inputs, name string, reject func(context.Context, lake.Rejected) error) (*dataset, error) {
	def, ok := dictionary.Dataset(name)
	if !ok {
		return nil, fmt.Errorf("dataset %s: not in the dictionary", name)
	}
	cfg := n.Config.Datasets[name]
	o := conform.Options{
		Table: def, Columns: cfg.Columns, Mappings: cfg.Mappings, Zone: cfg.Location(), Allocator: n.Mem,
	}
	units := map[config.EpochUnit]arrow.TimeUnit{
		config.Seconds: arrow.Second, config.Milliseconds: arrow.Millisecond,
		config.Microseconds: arrow.Microsecond, config.Nanoseconds: arrow.Nanosecond,
	}
	if unit, ok := units[cfg.EpochUnit]; ok {
		o.EpochUnit = &unit
	}
	rules, err := conform.New(o)
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w: %w", name, ErrConfig, err)
	}
	return &dataset{def: def, cfg: cfg, in: in, rules: rules, night: n, reject: reject}, nil
}

// query runs the dataset's query with the given bounds.
func (d *dataset) query(ctx context.Context, q sqldb.Query) iter.Seq2[sources.Batch, error] {
	d.queries.Add(1)
	q.Name, q.Text = d.def.Name, d.cfg.Query
	return d.in.databases[d.cfg.Source].Read(ctx, q)
}

// file reads one file of the dataset.
func (d *dataset) file(ctx context.Context, f bucket.File) iter.Seq2[sources.Batch, error] {
	d.objects.Add(1)
	return d.in.buckets[d.cfg.Source].Read(ctx, f, d.readOptions())
}

// eachOf is each for the rows of a file.
func (d *dataset) eachOf(ctx context.Context, f bucket.File, use func(arrow.Record) error) error {
	err := d.each(ctx, d.file(ctx, f), use)
	if !errors.Is(err, conform.ErrSchema) {
		return err
	}
	// Only the columns that are wanted were read. Whoever looks for one that is missing wants to see the others.
	if schema, schemaErr := d.in.buckets[d.cfg.Source].Schema(ctx, f, d.readOptions()); schemaErr == nil {
		if _, bindErr := d.rules.Bind(schema); bindErr != nil {
			return fmt.Errorf("%s: %w", f.Key, bindErr)
		}
	}
	return err
}

// noteFile notes the columns of a file that nothing uses. What else may be wrong with it shows when it is read.
func (d *dataset) noteFile(ctx context.Context, f bucket.File) {
	if schema, err := d.in.buckets[d.cfg.Source].Schema(ctx, f, d.readOptions()); err == nil {
		if notes, err := d.rules.Bind(schema); err == nil {
			d.note(notes)
		}
	}
}

func (d *dataset) note(notes conform.Notes) {
	if len(notes.Ignored) > 0 {
		d.night.Log.Info("columns ignored", "dataset", d.def.Name, "columns", notes.Ignored)
	}
}

func (d *dataset) readOptions() bucket.ReadOptions {
	o := bucket.ReadOptions{Format: string(d.cfg.FileFormat), Columns: d.rules.Wanted()}
	if d.cfg.Delimiter != "" {
		o.Delimiter = rune(d.cfg.Delimiter[0])
	}
	return o
}

// each conforms the batches and hands every record to use, which does not keep it. Rows that cannot be used go to
// quarantine.
func (d *dataset) each(ctx context.Context, batches iter.Seq2[sources.Batch, error], use func(arrow.Record) error) error {
	for b, err := range batches {
		if err != nil {
			return fmt.Errorf("read %s: %w", d.def.Name, err)
		}
		if err := d.batch(ctx, &b, use); err != nil {
			return err
		}
	}
	return nil
}

func (d *dataset) batch(ctx context.Context, b *sources.Batch, use func(arrow.Record) error) error {
	for _, r := range b.Rejected {
		d.read.Add(1)
		if err := d.quarantine(ctx, b.Object, r.Row, r.Column, r.Value, r.Reason); err != nil {
			releaseOf(b)
			return err
		}
	}
	if b.Record == nil {
		return nil
	}
	defer b.Record.Release()
	d.read.Add(b.Record.NumRows())
	var bindErr error
	d.notes.Do(func() {
		var notes conform.Notes
		notes, bindErr = d.rules.Bind(b.Record.Schema())
		d.note(notes)
	})
	if bindErr != nil {
		return fmt.Errorf("%s: %w", b.Object, bindErr)
	}
	if d.instant != "" && loose(b.Record, d.instant, d.cfg.Location()) {
		d.loose.Store(true)
	}
	rec, rejected, err := d.rules.Conform(b.Record)
	if err != nil {
		return fmt.Errorf("%s: %w", b.Object, err)
	}
	defer rec.Release()
	for _, r := range rejected {
		if err := d.quarantine(ctx, b.Object, b.Row(r.Row), r.Column, r.Value, r.Reason); err != nil {
			return err
		}
	}
	if rec.NumRows() == 0 {
		return nil
	}
	d.unknown.count(d.def, rec)
	d.night.progress().Rows(rec.NumRows())
	return use(rec)
}

func releaseOf(b *sources.Batch) {
	if b.Record != nil {
		b.Record.Release()
	}
}

func (d *dataset) quarantine(ctx context.Context, object string, row int64, column, value, reason string) error {
	d.rejected.Add(1)
	d.why.add(column, reason)
	return d.reject(ctx, lake.Rejected{Dataset: d.def.Name, Object: object, Row: row, Column: column, Value: value, Reason: reason})
}

// warn notes something that does not stop the run, for the log, the manifest and whoever started it.
func (d *dataset) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	d.night.Log.Warn(text, "dataset", d.def.Name)
	d.odd = append(d.odd, d.def.Name+": "+text)
}

// summary is what the manifest says of the dataset.
func (d *dataset) summary() lake.Dataset {
	return lake.Dataset{
		Name: d.def.Name, Source: d.cfg.Source, Objects: d.objects.Load(), Unchanged: d.unchanged.Load(), Queries: d.queries.Load(),
		Read: d.read.Load(), Rejected: d.rejected.Load(), Duplicate: d.duplicate.Load(), Late: d.late.Load(),
	}
}

func (n *Night) progress() Progress {
	if n.Progress == nil {
		return quiet{}
	}
	return n.Progress
}

// parallel runs the tasks on as many goroutines as there are processors. A panic in one of them is an error.
func parallel[T any](ctx context.Context, tasks []T, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, task := range tasks {
		g.Go(func() (err error) {
			defer recovered(&err)
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(ctx, task)
		})
	}
	return g.Wait()
}

// recovered turns a panic into an error, so that a run ends as any failed run does. It is to be deferred.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("internal error: %v\n%s", p, debug.Stack())
	}
}
