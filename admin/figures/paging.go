package figures

import (
	"errors"
	"iter"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
)

// pager finds the events of one page among all that fit, going through the log once.
type pager struct {
	filter *filter
	zone   *time.Location
	place  *cursor // nil: the first page
	limit  int

	events []AuditEvent
	before int64 // events that fit and stand before the page
	total  int64
	after  bool // at least one stands behind the page
}

// page goes through the records of the log, newest first, and makes the page: Events, First, Total, Newer and Older. It
// releases the records.
func (p *pager) page(records iter.Seq2[arrow.Record, error]) (*AuditPage, error) {
	for rec, err := range records {
		if err != nil {
			return nil, err
		}
		err = p.record(rec)
		rec.Release()
		if err != nil {
			return nil, err
		}
	}
	out := &AuditPage{Events: p.events, Total: p.total}
	if n := len(p.events); n > 0 {
		out.First = p.before + 1
		if p.before > 0 {
			out.Newer = placeOf(p.events[0], false)
		}
		if p.after {
			out.Older = placeOf(p.events[n-1], true)
		}
	}
	return out, nil
}

func placeOf(e AuditEvent, older bool) string {
	if len(e.ID) > maxEventID {
		return "" // paging ends here rather than in an error
	}
	return cursor{older: older, instant: e.At.UnixMicro(), event: e.ID}.String()
}

func (p *pager) record(rec arrow.Record) error {
	rows, err := p.filter.rows(rec)
	if err != nil || len(rows) == 0 {
		return err
	}
	p.total += int64(len(rows))
	if p.place != nil && !p.place.older {
		return p.recordBefore(rec, rows)
	}
	skip, err := p.until(rec, rows)
	if err != nil {
		return err
	}
	p.before += int64(skip)
	rows = rows[skip:]
	take := min(len(rows), p.limit-len(p.events))
	p.after = p.after || len(rows) > take
	return p.add(rec, rows[:take])
}

// recordBefore keeps the last rows before the place, as many as fit on a page; where there are fewer, the page goes on behind
// the place.
func (p *pager) recordBefore(rec arrow.Record, rows []int) error {
	n, err := p.until(rec, rows)
	if err != nil {
		return err
	}
	newer, rest := rows[:n], rows[n:]
	if skip := len(newer) - p.limit; skip > 0 {
		p.before += int64(skip)
		newer = newer[skip:]
	}
	if err := p.add(rec, newer); err != nil {
		return err
	}
	if drop := len(p.events) - p.limit; drop > 0 {
		p.before += int64(drop)
		p.events = append(p.events[:0], p.events[drop:]...)
	}
	take := min(len(rest), p.limit-len(p.events))
	p.after = p.after || len(rest) > take
	return p.add(rec, rest[:take])
}

// until returns how many of the rows come before the page (older) or before the place (newer).
func (p *pager) until(rec arrow.Record, rows []int) (int, error) {
	if p.place == nil {
		return 0, nil
	}
	at, err := instants(rec)
	if err != nil {
		return 0, err
	}
	ids := rec.Column(dictionary.AuditLog.Index("event_id"))
	for n, row := range rows {
		id, ok := textAt(ids, row)
		if !ok {
			return 0, errors.New("audit_log.event_id is not text, or null")
		}
		here := cursor{instant: int64(at[row]), event: id}
		if p.place.before(here.instant, here.event) || p.place.older && here.instant == p.place.instant && here.event == p.place.event {
			continue
		}
		return n, nil
	}
	return len(rows), nil
}

func (p *pager) add(rec arrow.Record, rows []int) error {
	for _, row := range rows {
		e, err := eventOf(rec, row, p.zone)
		if err != nil {
			return err
		}
		p.events = append(p.events, e)
	}
	return nil
}
