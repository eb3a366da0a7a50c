package admin

import (
	"context"
	"errors"
	"iter"
	"net/http"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/textfile"
)

// exportAuditLog answers with the events of the newest audit log that fit, as CSV or JSON.
func (s *Server) exportAuditLog(w *response, r *request) error {
	from, to := r.params.days()
	format := r.params.oneOf("format", "json", "csv")
	q := figures.AuditQuery{
		Workspaces: r.scope.query(), Actions: r.params.texts("action"), Person: r.params.text("person"), From: from, To: to,
	}
	if err := r.params.err(); err != nil {
		return err
	}
	return s.sendRows(w, r, dictionary.AuditLog, "Audit Log", format, func(ctx context.Context) iter.Seq2[arrow.Record, error] {
		return s.figures.AuditRecords(ctx, q)
	})
}

// exportAccessLog answers with the access trail, as CSV or JSON.
func (s *Server) exportAccessLog(w *response, r *request) error {
	from, to := r.params.days()
	format := r.params.oneOf("format", "json", "csv")
	if err := r.params.err(); err != nil {
		return err
	}
	return s.sendRows(w, r, accessLog, "Access Log", format, func(ctx context.Context) iter.Seq2[arrow.Record, error] {
		return accessRecords(s.lake.Access(ctx, from, to))
	})
}

// sendRows answers with the rows of a table as a file of text, a batch at a time. What goes wrong before the first rows are there
// is a problem; after that the answer breaks off, so that no half of a file looks like a whole.
func (s *Server) sendRows(
	w *response, r *request, def *dictionary.Table, name, format string, open func(context.Context) iter.Seq2[arrow.Record, error],
) error {
	attachment(w.Header(), name+"."+format, map[string]string{"csv": "text/csv; charset=utf-8; header=present", "json": "application/json"}[format])
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, alive, stop := s.untilStuck(r.Context())
	defer stop()
	next, end := iter.Pull2(open(ctx))
	defer end()
	rec, err, more := next()
	if err != nil {
		return asFiguresProblem(err)
	}
	a := r.access(s, lake.AccessDownload, r.who)
	a.Object, a.Filters, a.Status = def.Name, r.params.filters(), http.StatusOK
	if err := s.recordDownload(r, a); err != nil {
		if rec != nil {
			rec.Release()
		}
		return err
	}
	text := textfile.NewCSV(w, def)
	if format == "json" {
		text = textfile.NewJSON(w, def)
	}
	for ; more; rec, err, more = next() {
		if err != nil {
			break
		}
		alive()
		err = text.Write(rec)
		rec.Release()
		if err != nil {
			break
		}
	}
	if err == nil {
		_, err = text.Close()
	}
	s.metrics.bytes.WithLabelValues(r.route.path).Add(float64(w.bytes))
	if err != nil && w.status == 0 {
		return asFiguresProblem(err)
	}
	return err
}

// asFiguresProblem tells apart what package figures could not answer.
func asFiguresProblem(err error) error {
	switch {
	case errors.Is(err, figures.ErrQuery):
		return newProblem(http.StatusBadRequest, "bad-query", "Bad query", "%v", err)
	case errors.Is(err, figures.ErrNotPublished):
		return newProblem(http.StatusNotFound, "not-published", "Not published", "the newest run made no such log").because(err)
	case errors.Is(err, lake.ErrNoSnapshot):
		return newProblem(http.StatusNotFound, "nothing-published", "Nothing published", "no run has published anything yet")
	case errors.Is(err, figures.ErrTooLarge):
		return internal(err)
	case errors.Is(err, figures.ErrUnavailable):
		return away(err)
	}
	return err
}
