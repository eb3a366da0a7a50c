package figures

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
)

// auditLog is the audit log of a snapshot. One of usual size is kept in memory, as it is published; of a larger one only what
// there is to choose from, and each question reads it from the bucket.
type auditLog struct {
	source     source
	window     lake.Window
	actions    []string
	workspaces []Workspace    // those that occur, by id
	records    []arrow.Record // nil when it is not kept
	kept       bool

	users atomic.Int64 // who still read the records, and the snapshot that has them
}

// loadAudit reads the audit log of a snapshot and keeps it when it takes no more than most bytes. The caller drops it.
func (s source) loadAudit(ctx context.Context, most int64) (*auditLog, error) {
	window, err := s.log(dictionary.AuditLog)
	if err != nil {
		return nil, err
	}
	a := &auditLog{source: s, window: window, kept: true}
	a.users.Store(1)
	actions, workspaces := map[string]bool{}, map[string]string{}
	size, dictionaries := int64(0), map[arrow.ArrayData]bool{}
	for rec, err := range s.scan(ctx, dictionary.AuditLog) {
		if err == nil {
			err = choices(rec, actions, workspaces)
		}
		if err != nil {
			if rec != nil {
				rec.Release()
			}
			a.drop()
			return nil, err
		}
		size += recordBytes(rec, dictionaries)
		if a.kept = a.kept && size <= most; a.kept {
			a.records = append(a.records, rec)
			continue
		}
		rec.Release()
		a.forget()
	}
	a.actions = actionsOf(actions)
	for id, name := range workspaces {
		a.workspaces = append(a.workspaces, Workspace{ID: id, Name: name, Plan: dictionary.PlanBusiness})
	}
	slices.SortFunc(a.workspaces, func(x, y Workspace) int { return strings.Compare(x.ID, y.ID) })
	return a, nil
}

// choices notes the actions and workspaces of a record.
func choices(rec arrow.Record, actions map[string]bool, workspaces map[string]string) error {
	log := dictionary.AuditLog
	action, id, name := rec.Column(log.Index("action")), rec.Column(log.Index("workspace_id")), rec.Column(log.Index("workspace_name"))
	for i := range int(rec.NumRows()) {
		a, ok := textAt(action, i)
		w, ok2 := textAt(id, i)
		if !ok || !ok2 {
			return errors.New("audit_log: action or workspace_id is not text, or null")
		}
		if !actions[a] {
			actions[strings.Clone(a)] = true
		}
		if _, ok := workspaces[w]; !ok {
			n, _ := textAt(name, i)
			workspaces[strings.Clone(w)] = strings.Clone(n)
		}
	}
	return nil
}

// recordBytes returns how much memory a record takes, dictionaries that were seen before not counted again.
func recordBytes(rec arrow.Record, seen map[arrow.ArrayData]bool) int64 {
	n := int64(0)
	count := func(d arrow.ArrayData) {
		for _, b := range d.Buffers() {
			if b != nil {
				n += int64(b.Cap())
			}
		}
	}
	for _, col := range rec.Columns() {
		count(col.Data())
		if d, ok := col.(*array.Dictionary); ok {
			if values := d.Data().Dictionary(); !seen[values] {
				seen[values] = true
				count(values)
			}
		}
	}
	return n
}

// scan yields the rows of the log, newest first. The consumer releases each record, and has a hold on the log meanwhile.
func (a *auditLog) scan(ctx context.Context) iter.Seq2[arrow.Record, error] {
	if !a.kept {
		return a.source.scan(ctx, dictionary.AuditLog)
	}
	return func(yield func(arrow.Record, error) bool) {
		for _, rec := range a.records {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			rec.Retain()
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// filtered yields what fits of the log, newest first. The consumer releases each record.
func (a *auditLog) filtered(ctx context.Context, f *filter) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		for rec, err := range a.scan(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			rows, err := f.rows(rec)
			if err == nil && len(rows) == 0 {
				rec.Release()
				continue
			}
			var out arrow.Record
			if err == nil {
				out, err = pick(a.source.mem, rec, rows)
			}
			rec.Release()
			if !yield(out, err) || err != nil {
				return
			}
		}
	}
}

// hold keeps the records until drop is called once more.
func (a *auditLog) hold() { a.users.Add(1) }

// drop ends one hold. The last one lets go of the records.
func (a *auditLog) drop() {
	if a.users.Add(-1) == 0 {
		a.forget()
	}
}

func (a *auditLog) forget() {
	for _, rec := range a.records {
		rec.Release()
	}
	a.records = nil
}
