package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/admin/pages"
	"github.com/usagereport/usagereport/sinks/lake"
)

// frame is what stands around a page. It asks nobody, so that a page that says what is wrong needs nothing.
func (s *Server) frame(r *request) pages.Frame {
	f := pages.Frame{Self: r.URL.RequestURI(), Theme: pages.System}
	if r.Method != http.MethodGet {
		f.Self = "/"
	}
	if c, err := r.Cookie(themeCookie); err == nil {
		f.Theme = pages.ParseTheme(c.Value)
	}
	if r.who.ID == "" {
		return f
	}
	f.Person, f.Role, f.Program = r.who.Name, r.who.Role, s.version
	if f.Person == "" {
		f.Person = r.who.ID
	}
	f.Sections = sections(r.who)
	return f
}

// sections are the pages that somebody may open.
func sections(who access.Principal) []pages.Section {
	manages, administers := who.MayManage() == nil, len(who.Workspaces) > 0
	var out []pages.Section
	for _, c := range []struct {
		section pages.Section
		may     bool
	}{
		{pages.Licenses, manages}, {pages.AuditLog, manages || administers}, {pages.Usage, manages || administers}, {pages.Runs, manages},
	} {
		if c.may {
			out = append(out, c.section)
		}
	}
	return out
}

// frameOf is frame with how new the data is.
func (s *Server) frameOf(r *request, snapshot *figures.Snapshot) pages.Frame {
	f := s.frame(r)
	if snapshot != nil {
		f.Data = &pages.Data{Date: snapshot.Date, Made: snapshot.RunTime.In(snapshot.TimeZone)}
	}
	return f
}

// snapshot returns what is published, nil if nothing is.
func (s *Server) snapshot(r *request) (*figures.Snapshot, error) {
	snapshot, err := s.figures.Snapshot(r.Context())
	if errors.Is(err, lake.ErrNoSnapshot) {
		return nil, nil //nolint:nilnil // nothing published is no error, and no snapshot
	}
	return snapshot, asFiguresProblem(err)
}

// home leads to the first page that somebody may open.
func (s *Server) home(w *response, r *request) error {
	may := sections(r.who)
	if len(may) == 0 {
		return forbidden("role "+access.RoleAdministrator, "permission "+access.ServerManagementRead+", or administration of a workspace")
	}
	http.Redirect(w, r.Request, string(may[0]), http.StatusSeeOther)
	return nil
}

// assets answers with what pages refer to.
func (s *Server) assets(w *response, r *request) error {
	s.pages.Assets().ServeHTTP(w, r.Request)
	return nil
}

// link returns a path with those of the parameters that have a value.
func link(path string, q url.Values) string {
	for name, values := range q {
		if strings.Join(values, "") == "" {
			q.Del(name)
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// show writes a page; one whose query could not be used as a whole says so in its status too.
func (s *Server) show(w *response, r *request, write func() error) error {
	if r.params.err() != nil {
		return s.renderStatus(w, http.StatusBadRequest, write)
	}
	return s.render(w, write)
}
