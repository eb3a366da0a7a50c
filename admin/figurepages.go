package admin

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/admin/pages"
	"github.com/usagereport/usagereport/sinks/lake"
)

// licensesPage shows the zips that can be fetched.
func (s *Server) licensesPage(w *response, r *request) error {
	before := r.params.date("before")
	if err := r.params.err(); err != nil {
		return err
	}
	archives, err := s.figures.Archives(r.Context(), figures.ArchivesQuery{Before: before})
	if errors.Is(err, lake.ErrNoSnapshot) {
		archives, err = &figures.Archives{}, nil
	}
	if err != nil {
		return asFiguresProblem(err)
	}
	snapshot, err := s.snapshot(r)
	if err != nil {
		return err
	}
	v := pages.LicensesView{Frame: s.frameOf(r, snapshot), Archives: *archives}
	for _, list := range [][]figures.Archive{archives.Newest, archives.Earlier} {
		for i := range list {
			list[i].Made = list[i].Made.In(list[i].TimeZone)
		}
	}
	if archives.Older != "" {
		v.More = link("/licenses", url.Values{"before": {string(archives.Older)}})
	}
	return s.render(w, func() error { return s.pages.Licenses(w, v) })
}

// usagePage shows figures and charts.
func (s *Server) usagePage(w *response, r *request) error {
	from, to := r.params.days()
	if r.params.err() != nil {
		from, to = "", ""
	}
	v := pages.UsageView{Frame: s.frame(r), Problems: r.params.sentences()}
	u, err := s.figures.Usage(r.Context(), figures.Query{Workspaces: r.scope.query(), From: from, To: to})
	if errors.Is(err, figures.ErrNotPublished) || errors.Is(err, lake.ErrNoSnapshot) {
		return s.show(w, r, func() error { return s.pages.Usage(w, v) })
	}
	if err != nil {
		return asFiguresProblem(err)
	}
	known, err := s.figures.Workspaces(r.Context())
	if err != nil {
		return asFiguresProblem(err)
	}
	asked := r.params.text("workspace_id")
	v.Frame, v.Usage = s.frameOf(r, &u.Snapshot), u
	v.Workspaces = choicesOf(known, r.who.Workspaces, r.who.AllWorkspaces() || r.who.MayManage() == nil, asked)
	v.Presets = presets(u, asked, from, to)
	return s.show(w, r, func() error { return s.pages.Usage(w, v) })
}

// presets are ranges of days that are asked for often, up to the last day that there is.
func presets(u *figures.Usage, workspace string, from, to lake.Date) []pages.Link {
	last := u.Window.To.Time()
	day := func(t time.Time) lake.Date { return lake.Date(t.Format(time.DateOnly)) }
	out := []pages.Link{{Label: "The whole year", Here: from == "" && to == ""}}
	out[0].URL = link("/usage", url.Values{"workspace_id": {workspace}})
	for _, p := range []struct {
		label string
		days  int
	}{{"Last 30 days", 30}, {"Last 90 days", 90}, {"Last 180 days", 180}} {
		first := day(last.AddDate(0, 0, 1-p.days))
		if first < u.Window.From {
			continue
		}
		out = append(out, pages.Link{
			Label: p.label, Here: from == first && to == u.Window.To,
			URL: link("/usage", url.Values{"workspace_id": {workspace}, "from": {string(first)}, "to": {string(u.Window.To)}}),
		})
	}
	return out
}

// runsPage shows the history of runs.
func (s *Server) runsPage(w *response, r *request) error {
	if err := r.params.err(); err != nil {
		return err
	}
	page, err := s.figures.Runs(r.Context(), figures.RunsQuery{Cursor: r.params.text("cursor")})
	if err != nil {
		return asFiguresProblem(err)
	}
	snapshot, err := s.snapshot(r)
	if err != nil {
		return err
	}
	v := pages.RunsView{Frame: s.frameOf(r, snapshot)}
	for i := range page.Runs {
		inItsZone(&page.Runs[i])
		v.Runs = append(v.Runs, &page.Runs[i])
	}
	if page.Newer != "" {
		v.Newer = link("/runs", url.Values{"cursor": {page.Newer}})
	}
	if page.Older != "" {
		v.Older = link("/runs", url.Values{"cursor": {page.Older}})
	}
	return s.render(w, func() error { return s.pages.Runs(w, v) })
}

// runPage shows one run.
func (s *Server) runPage(w *response, r *request) error {
	if err := r.params.err(); err != nil {
		return err
	}
	run, err := s.figures.Run(r.Context(), r.PathValue("id"))
	if errors.Is(err, lake.ErrNotFound) && !errors.Is(err, figures.ErrUnavailable) {
		return newProblem(http.StatusNotFound, "no-such-run", "No such run", "there is no record of that run, or it is no longer kept")
	}
	if err != nil {
		return asFiguresProblem(err)
	}
	snapshot, err := s.snapshot(r)
	if err != nil {
		return err
	}
	inItsZone(run.Record)
	v := pages.RunView{Frame: s.frameOf(r, snapshot), Run: run.Record, Quality: run.Quality}
	return s.render(w, func() error { return s.pages.Run(w, v) })
}

// inItsZone puts the time of a run into the reporting zone that it had.
func inItsZone(r *lake.RunRecord) {
	if zone, err := time.LoadLocation(r.TimeZone); err == nil {
		r.RunTime = r.RunTime.In(zone) // a zone that this machine does not know stays UTC
	}
}
