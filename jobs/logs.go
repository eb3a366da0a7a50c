package jobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"golang.org/x/sync/errgroup"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/parquetfile"
	"github.com/usagereport/usagereport/sinks/workbook"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/usage"
)

const parquetType = "application/vnd.apache.parquet"

// makeLogs makes the five logs into objects of the publication, and the same logs into a workbook, and checks them.
func (r *nightRun) makeLogs(ctx context.Context, p *lake.Publication) (err error) {
	past, err := r.history(ctx)
	if err != nil {
		return err
	}
	seen := usage.NewActivity()
	seen.Add(past)

	logins, err := r.logins.merger(ctx, r.logins.runs)
	if err != nil {
		return err
	}
	defer logins.Close()
	r.logins.count(logins)
	gens, err := r.gens.merger(ctx, r.gens.runs)
	if err != nil {
		return err
	}
	defer gens.Close()
	r.gens.count(gens)

	r.logBook, err = r.newBook(usageLogsBook, workbook.Options{Title: "Usage Logs", Subject: r.subject(r.window())})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.logBook.discard()) }()
	run := usage.Run{Date: r.date, Time: r.time, Zone: r.zone, Mem: r.night.Mem}
	today, known := r.today(), r.known()
	var activity, generations usage.Totals
	r.night.progress().Stage("write logs")
	if err := r.writeLogAndSheet(ctx, p, dictionary.UserActivityLog, usage.UserActivityLog(run, today, known, logins, seen, &activity)); err != nil {
		return err
	}
	if err := r.writeLogAndSheet(ctx, p, dictionary.GenerationLog, usage.GenerationLog(run, today, known, gens, seen, &generations)); err != nil {
		return err
	}
	for _, log := range []struct {
		def *dictionary.Table
		rec arrow.Record
	}{
		{dictionary.UserLog, usage.UserLog(run, today, known, seen)},
		{dictionary.GroupMembersLog, usage.GroupMembersLog(run, today, known)},
		{dictionary.AgentsLog, usage.AgentsLog(run, today, known)},
	} {
		if err := r.writeLogAndSheet(ctx, p, log.def, one(log.rec)); err != nil {
			return err
		}
	}
	r.checkTotals(r.total, activity, generations)
	return r.publishLogBook(ctx, p)
}

// publishLogBook publishes the workbook of the logs once it is known to hold what their Parquet files do.
func (r *nightRun) publishLogBook(ctx context.Context, p *lake.Publication) error {
	r.night.progress().Stage("write workbook of logs")
	b := r.logBook
	b.Order(fiveLogs...)
	if err := b.finish(); err != nil {
		return err
	}
	figures, wrong := map[string]int64{}, []string{}
	for _, def := range fiveLogs {
		figures[def.Name] = r.written[def].Rows
		if diff := sameAsParquet(def, b.held.Sheet(def.Title), r.written[def]); diff != "" {
			wrong = append(wrong, diff)
		}
	}
	r.check("workbook:"+b.name, len(wrong) == 0, figures, strings.Join(wrong, "; "))
	r.noteBook(usageLogsZip, b, yearWindow)
	return r.publishBooks(ctx, p, usageLogsZip, b)
}

// fiveLogs are the logs of the usage domain in the order of the contract.
var fiveLogs = []*dictionary.Table{
	dictionary.UserLog, dictionary.GroupMembersLog, dictionary.AgentsLog, dictionary.UserActivityLog, dictionary.GenerationLog,
}

// sortLogs brings the logs, which are made in the order that their making needs, into the order in which people know them.
func (r *nightRun) sortLogs() {
	place := func(log lake.Log) int {
		return slices.IndexFunc(dictionary.Logs(), func(t *dictionary.Table) bool { return t.Name == log.Table })
	}
	slices.SortFunc(r.logs, func(a, b lake.Log) int { return place(a) - place(b) })
}

// one yields a single record, which passes to the consumer.
func one(rec arrow.Record) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) { yield(rec, nil) }
}

func (r *nightRun) today() usage.Today {
	t := r.tables.today
	return usage.Today{
		Workspaces: t["workspaces"], Members: t["members"], Groups: t["groups"], GroupMembers: t["group_members"],
		GroupAssets: t["group_assets"], Agents: t["agents"], Canvases: t["canvases"], Grids: t["grids"],
	}
}

func (r *nightRun) known() usage.Known {
	t := r.tables.known
	return usage.Known{
		Workspaces: t["workspaces"], Members: t["members"], Agents: t["agents"], Canvases: t["canvases"], Grids: t["grids"],
	}
}

// writeLogAndSheet is writeLog, and writes the same rows into the workbook of the logs.
func (r *nightRun) writeLogAndSheet(ctx context.Context, p *lake.Publication, def *dictionary.Table, records iter.Seq2[arrow.Record, error]) error {
	sheet, err := r.logBook.Sheet(def)
	if err != nil {
		return fmt.Errorf("write %s: %w", r.logBook.name, err)
	}
	give, done := beside(ctx, sheet.Write)
	err = r.writeLog(ctx, p, def, records, give)
	if sheetErr := done(); sheetErr != nil {
		err = fmt.Errorf("write %s: %w", r.logBook.name, sheetErr)
	}
	if err != nil {
		return err
	}
	if err := sheet.Close(); err != nil {
		return fmt.Errorf("write %s: %w", r.logBook.name, err)
	}
	return nil
}

// writeLog writes the records of a log, which it releases, as one Parquet object, hands them to also, and notes its
// checks.
func (r *nightRun) writeLog(ctx context.Context, p *lake.Publication, def *dictionary.Table, records iter.Seq2[arrow.Record, error],
	also ...func(arrow.Record) error) error {
	key := lake.LogPart(def.Name, lake.Date(r.date.String()), 0)
	object, err := p.Create(ctx, key, parquetType)
	if err != nil {
		return err
	}
	defer object.Abort()
	w, err := parquetfile.NewWriter(object, def, parquetfile.Options{Metadata: r.metadata(def)})
	if err != nil {
		return fmt.Errorf("write %s: %w", def.Name, err)
	}
	defer w.Discard()
	order := parquetfile.NewOrderChecker(def)
	defer order.Close()
	var disorder error
	err = ahead(ctx, records, func(rec arrow.Record) error {
		if disorder == nil {
			disorder = order.Check(rec)
		}
		if err := r.since.saw(def, rec); err != nil {
			return err
		}
		for _, write := range also {
			if err := write(rec); err != nil {
				return err
			}
		}
		return w.Write(rec)
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", def.Name, err)
	}
	sum, err := w.Close()
	if err != nil {
		return fmt.Errorf("write %s: %w", def.Name, err)
	}
	if err := object.Commit(sum.Rows); err != nil {
		return fmt.Errorf("write %s: %w", def.Name, err)
	}
	if err := r.readBack(ctx, object, def, sum); err != nil {
		return err
	}
	log := lake.Log{Table: def.Name, SchemaVersion: def.Version, Rows: sum.Rows, Grain: def.SortOrder()}
	log.Window, _ = r.windowOf(def)
	r.logs, r.written[def] = append(r.logs, log), sum
	r.checkLog(def, sum, disorder)
	for i, f := range def.Fields {
		if def == dictionary.GenerationLog && f.Sum {
			r.total = sum.Columns[i].Sum
		}
	}
	r.night.progress().Rows(sum.Rows)
	return nil
}

// windowOf returns the window of a log and its name; a log of how things are today has none, and no name.
func (r *nightRun) windowOf(def *dictionary.Table) (string, calendar.Days) {
	w := calendar.Windows(r.date)
	switch def {
	case dictionary.UserActivityLog, dictionary.GenerationLog:
		return yearWindow, w.Year
	case dictionary.AuditLog:
		return auditWindow, w.Audit
	}
	return "", calendar.Days{}
}

// metadata is the key-value metadata of a log's files (contract §2).
func (r *nightRun) metadata(def *dictionary.Table) map[string]string {
	m := map[string]string{
		"usagereport.table": def.Name, "usagereport.schema_version": fmt.Sprint(def.Version),
		"usagereport.run_id": runID(r.date, r.time), "usagereport.run_time": r.time.Format("2006-01-02T15:04:05Z"),
		"usagereport.snapshot_date": r.date.String(), "usagereport.time_zone": r.zone.String(),
		"usagereport.window_to": r.date.AddDays(-1).String(),
	}
	if name, days := r.windowOf(def); name != "" {
		m["usagereport.window_from"] = days.From.String()
	}
	return m
}

// ahead hands every record to use, and releases it, while the next ones are made beside it.
func ahead(ctx context.Context, records iter.Seq2[arrow.Record, error], use func(arrow.Record) error) (err error) {
	give, done := beside(ctx, use)
	defer func() {
		if useErr := done(); useErr != nil {
			err = useErr // why give would take no more
		}
	}()
	defer recovered(&err)
	for rec, err := range records {
		if err != nil {
			return err
		}
		err := give(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// beside has use take records on a goroutine of its own. give hands it one; done waits until it has taken all and
// returns its error, after which give must not be called.
func beside(ctx context.Context, use func(arrow.Record) error) (give func(arrow.Record) error, done func() error) {
	g, ctx := errgroup.WithContext(ctx)
	given := make(chan arrow.Record, 4)
	g.Go(func() (err error) {
		defer recovered(&err)
		defer func() {
			for rec := range given {
				rec.Release()
			}
		}()
		for rec := range given {
			err := use(rec)
			rec.Release()
			if err != nil {
				return err
			}
		}
		return nil
	})
	give = func(rec arrow.Record) error {
		for _, col := range rec.Columns() {
			if d, ok := col.(*array.Dictionary); ok {
				d.Dictionary() // made when it is first asked for, which two goroutines must not do at once
			}
		}
		rec.Retain()
		select {
		case given <- rec:
			return nil
		case <-ctx.Done():
			rec.Release()
			return ctx.Err()
		}
	}
	return give, func() error {
		close(given)
		return g.Wait()
	}
}
