package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/usagereport/usagereport/sinks/lake"
)

// The zips that are published (contract §6).
const (
	usageReports = "Usage Reports.zip"
	usageLogs    = "Usage Logs.zip"
)

func (s *Server) exportUsageReports(w *response, r *request) error {
	return s.exportZip(w, r, usageReports)
}
func (s *Server) exportUsageLogs(w *response, r *request) error { return s.exportZip(w, r, usageLogs) }

func (s *Server) exportZip(w *response, r *request, name string) error {
	date := r.params.date("date")
	if err := r.params.err(); err != nil {
		return err
	}
	find := s.zipOf
	if date == "" {
		find = func(ctx context.Context, name string, _ lake.Date) (zip, error) { return s.newestZip(ctx, name) }
	}
	z, err := find(r.Context(), name, date)
	if err != nil {
		return err
	}
	return s.send(w, r, name, z)
}

// zip is a published zip.
type zip struct {
	lake.ObjectInfo
	run lake.RunInfo
}

// newestZips remembers where the newest zip of each name is when the newest run has made none, so that the manifests before it are
// read once.
type newestZips struct {
	mu     sync.Mutex
	latest string               // hash of the manifest that latest.json names
	dates  map[string]lake.Date // by name
}

// newestZip returns the newest zip of a name: that of the newest run or, where a night's sources were not all there, of one before.
func (s *Server) newestZip(ctx context.Context, name string) (zip, error) {
	p, err := s.lake.Pointer(ctx)
	if err != nil {
		if errors.Is(err, lake.ErrNoSnapshot) {
			return zip{}, newProblem(http.StatusNotFound, "nothing-published", "Nothing published", "no run has published anything yet")
		}
		return zip{}, err
	}
	date := p.SnapshotDate
	s.newest.mu.Lock()
	if known, ok := s.newest.dates[name]; ok && s.newest.latest == p.SHA256 {
		date = known
	}
	s.newest.mu.Unlock()
	z, err := s.zipIn(ctx, name, date)
	if err == nil || !isMissing(err) {
		return z, err
	}
	dates, err := s.lake.Dates(ctx)
	if err != nil {
		return zip{}, err
	}
	for _, d := range slices.Backward(dates) {
		if d >= p.SnapshotDate {
			continue
		}
		z, err := s.zipIn(ctx, name, d)
		if isMissing(err) {
			continue
		}
		if err == nil {
			s.newest.mu.Lock()
			if s.newest.latest != p.SHA256 {
				s.newest.latest, s.newest.dates = p.SHA256, map[string]lake.Date{}
			}
			s.newest.dates[name] = d
			s.newest.mu.Unlock()
		}
		return z, err
	}
	return zip{}, newProblem(http.StatusNotFound, "nothing-published", "Nothing published", "no run has made %s yet", name)
}

// zipOf returns the zip of a date, or a 404 that names the nearest dates that have one.
func (s *Server) zipOf(ctx context.Context, name string, date lake.Date) (zip, error) {
	z, err := s.zipIn(ctx, name, date)
	if !isMissing(err) {
		return z, err
	}
	dates, listErr := s.lake.Dates(ctx)
	if listErr != nil {
		return zip{}, listErr
	}
	var near []lake.Date
	for _, d := range nearest(dates, date) {
		_, err := s.zipIn(ctx, name, d)
		if err != nil && !isMissing(err) {
			return zip{}, err
		}
		if err == nil {
			near = append(near, d)
		}
	}
	slices.Sort(near)
	p := newProblem(http.StatusNotFound, "no-such-date", "No such date", "there is no %s of %s", name, date)
	if p.Dates = near; len(near) > 0 {
		texts := make([]string, len(near))
		for i, d := range near {
			texts[i] = string(d)
		}
		p.Detail += "; the nearest dates that have one are " + strings.Join(texts, ", ")
	}
	return zip{}, p
}

// nearest returns the dates that are nearest to one, three on each side at most.
func nearest(dates []lake.Date, date lake.Date) []lake.Date {
	i, _ := slices.BinarySearch(dates, date)
	return slices.Clone(dates[max(0, i-3):min(len(dates), i+3)])
}

var errNoZip = errors.New("the run of that date made no such zip")

func isMissing(err error) bool {
	return errors.Is(err, errNoZip) || errors.Is(err, lake.ErrNoSnapshot)
}

func (s *Server) zipIn(ctx context.Context, name string, date lake.Date) (zip, error) {
	m, err := s.lake.Manifest(ctx, date)
	if err != nil {
		return zip{}, err
	}
	o, ok := m.Object(lake.ReportKey(date, name))
	if !ok {
		return zip{}, errNoZip
	}
	return zip{ObjectInfo: o, run: m.RunInfo}, nil
}
