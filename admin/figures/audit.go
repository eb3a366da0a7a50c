package figures

import (
	"context"
	"fmt"
	"iter"

	"github.com/apache/arrow/go/v17/arrow"
)

// Audit returns a page of the audit log. ErrQuery if the query makes no sense, ErrNotPublished if there is no audit log.
func (r *Reader) Audit(ctx context.Context, q AuditQuery) (*AuditPage, error) {
	limit := q.Limit
	if limit == 0 {
		limit = 50
	}
	if limit < 0 || limit > MaxLimit {
		return nil, fmt.Errorf("%w: %d events on a page, expected 1 to %d", ErrQuery, limit, MaxLimit)
	}
	p := &pager{limit: limit}
	if q.Cursor != "" {
		place, err := parseCursor(q.Cursor)
		if err != nil {
			return nil, err
		}
		p.place = &place
	}
	newest, seen, err := r.newest(ctx)
	if err != nil {
		return nil, err
	}
	v, err := r.audit.get(ctx, r, newest)
	if err != nil {
		return nil, err
	}
	defer v.value.drop()
	p.zone = v.zone
	if p.filter, err = newFilter(q, v.zone); err != nil {
		return nil, err
	}
	page, err := p.page(v.value.scan(ctx))
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	page.Snapshot, page.Window = v.snapshot(seen), v.value.window
	page.Actions, page.Workspaces = v.value.actions, v.value.workspaces
	return page, nil
}

// AuditRecords yields every row of the audit log that fits, newest first, as records of dictionary.AuditLog whose text is utf8
// or a dictionary of it: what a textfile.Writer takes. The consumer releases each record. It ends with the first error, which
// Audit would return too; nothing is yielded where nothing fits.
func (r *Reader) AuditRecords(ctx context.Context, q AuditQuery) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		newest, _, err := r.newest(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		v, err := r.audit.get(ctx, r, newest)
		if err != nil {
			yield(nil, err)
			return
		}
		defer v.value.drop()
		f, err := newFilter(q, v.zone)
		if err != nil {
			yield(nil, err)
			return
		}
		for rec, err := range v.value.filtered(ctx, f) {
			if err != nil {
				yield(nil, unavailable(ctx, err))
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}
