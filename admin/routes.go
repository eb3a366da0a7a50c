package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/usagereport/usagereport/admin/access"
)

// need says who may have a route.
type need string

const (
	open      need = "anybody"                                     // no name and no figure of the business is to be had
	signedIn  need = "anybody who is known"                        // nothing but who that is
	manage    need = "role Administrator, Server Management: Read" // all figures, and who fetched them
	auditor   need = "administrator of the workspace"              // scope says of which
	usageView need = "either of the two"                           // scope says which workspaces
	auditView need = "auditor; with view=access, manage"           // scope says of which workspaces; trail, that it is the other view
)

// route is an entry of the table.
type route struct {
	method   string // GET stands for HEAD too
	path     string // of http.ServeMux
	need     need
	id       string   // its operationId in openapi.json; empty for what browsers alone use
	params   []string // as parseParams takes them
	page     bool     // answers are for people to look at, also those that are problems
	download bool     // may take as long as the client goes on taking it
	probe    bool     // for machines that watch; not limited
	handle   func(*Server, *response, *request) error
}

// table is all that the server answers. What is not in it does not exist, and who may is decided here and in enter alone.
func table() []*route {
	return []*route{
		{method: "GET", path: "/export/usage-reports", need: manage, id: "exportUsageReports",
			params: []string{"date"}, download: true, handle: (*Server).exportUsageReports},
		{method: "GET", path: "/export/usage-logs", need: manage, id: "exportUsageLogs",
			params: []string{"date"}, download: true, handle: (*Server).exportUsageLogs},
		{method: "GET", path: "/export/audit-log", need: auditor, id: "exportAuditLog",
			params: []string{"workspace_id", "format", "from", "to", "action*", "person"}, download: true, handle: (*Server).exportAuditLog},
		{method: "GET", path: "/export/access-log", need: manage, id: "exportAccessLog",
			params: []string{"format", "from", "to"}, download: true, handle: (*Server).exportAccessLog},

		{method: "GET", path: "/openapi.json", need: open, id: "getOpenAPI", handle: (*Server).openAPI},
		{method: "GET", path: "/healthz", need: open, id: "getHealth", probe: true, handle: (*Server).healthz},
		{method: "GET", path: "/readyz", need: open, id: "getReadiness", probe: true, handle: (*Server).readyz},
		{method: "GET", path: "/metrics", need: open, id: "getMetrics", probe: true, handle: (*Server).showMetrics},

		{method: "GET", path: "/signin", need: open, params: []string{"return"}, page: true, handle: (*Server).showSignIn},
		{method: "POST", path: "/signin", need: open, page: true, handle: (*Server).signInByKey},
		{method: "GET", path: "/signin/oidc", need: open, params: []string{"return"}, page: true, handle: (*Server).beginOIDC},
		{method: "GET", path: "/signin/oidc/callback", need: open, params: anyParams, page: true, handle: (*Server).finishOIDC},
		{method: "POST", path: "/signout", need: open, page: true, handle: (*Server).signOut},
		{method: "POST", path: "/theme", need: open, page: true, handle: (*Server).setTheme},
		{method: "GET", path: "/assets/", need: open, handle: (*Server).assets},

		{method: "GET", path: "/{$}", need: signedIn, page: true, handle: (*Server).home},
		{method: "GET", path: "/licenses", need: manage, params: []string{"before"}, page: true, handle: (*Server).licensesPage},
		{method: "GET", path: "/audit-log", need: auditView,
			params: []string{"view", "workspace_id", "from", "to", "action*", "person", "cursor"}, page: true, handle: (*Server).auditLogPage},
		{method: "GET", path: "/usage", need: usageView, params: []string{"workspace_id", "from", "to"}, page: true, handle: (*Server).usagePage},
		{method: "GET", path: "/runs", need: manage, params: []string{"cursor"}, page: true, handle: (*Server).runsPage},
		{method: "GET", path: "/runs/{id}", need: manage, page: true, handle: (*Server).runPage},
	}
}

// scope is the workspaces that a request may see: those it names if it names one, else all that are the principal's. The
// zero scope is none.
type scope struct {
	all        bool
	workspaces []string
}

// query returns the workspaces as package figures takes them: nil for all.
func (s scope) query() []string {
	if s.all {
		return nil
	}
	return append([]string{}, s.workspaces...)
}

// requestKey is where the request is in the context of a handler of http.ServeMux.
type requestKey struct{}

// routed builds the mux from the table. Every handler passes enter.
func (s *Server) routed() *http.ServeMux {
	mux := http.NewServeMux()
	for _, route := range s.table {
		mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, hr *http.Request) {
			r := hr.Context().Value(requestKey{}).(*request)
			r.Request = hr // it has the values of the path
			res := w.(*response)
			err := s.enter(res, r)
			if err == nil {
				err = route.handle(s, res, r)
			}
			if err != nil {
				s.respond(res, r, err)
			}
		})
	}
	return mux
}

// match returns the route of a request, nil if there is none.
func (s *Server) match(r *http.Request) *route {
	_, pattern := s.mux.Handler(r)
	method, path, _ := strings.Cut(pattern, " ")
	for _, route := range s.table {
		if route.method == method && route.path == path {
			return route
		}
	}
	return nil
}

// serve hands a request to its route.
func (s *Server) serve(w *response, r *request) {
	if r.route == nil {
		s.respond(w, r, s.noRoute(r))
		return
	}
	ctx := r.Context()
	if !r.route.download {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.limits.AnswerTimeout)
		defer cancel()
	}
	s.mux.ServeHTTP(w, r.Request.WithContext(context.WithValue(ctx, requestKey{}, r)))
}

// noRoute is a 404, or a 405 where the path has other methods.
func (s *Server) noRoute(r *request) *problem {
	var allow []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if s.match(other) == nil {
			continue
		}
		if allow = append(allow, method); method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	if allow == nil {
		return newProblem(http.StatusNotFound, "no-such-path", "No such path", "there is nothing here; /openapi.json says what there is")
	}
	p := newProblem(http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed", "found %s, expected %s",
		shorten(r.Method, 20), strings.Join(allow, " or "))
	p.allow = strings.Join(allow, ", ")
	return p
}

// enter lets a request in to its route, or returns why not. It is the only place that does.
func (s *Server) enter(w *response, r *request) error {
	if r.route.need != open {
		who, err := s.authenticate(w, r)
		if err != nil {
			return err
		}
		r.who = who
		if err := s.limited(s.perPrincipal, string(who.Kind)+" "+who.ID); err != nil {
			return err
		}
	}
	r.params = parseParams(r.Request, r.route.params...)
	switch r.route.need {
	case open, signedIn:
	case manage:
		if err := r.who.MayManage(); err != nil {
			return err
		}
	case auditor:
		if err := r.inScope(false); err != nil {
			return err
		}
	case usageView:
		if err := r.inScope(r.who.MayManage() == nil); err != nil {
			return err
		}
	case auditView:
		if err := r.inAuditView(); err != nil {
			return err
		}
	default:
		return forbidden("a right that nobody has")
	}
	if r.route.page {
		return nil // a page says what it could not use of its query
	}
	return r.params.err()
}

// inScope finds out the workspaces that a request may see, all of them for who may see every one anyway.
func (r *request) inScope(every bool) error {
	asked := r.params.text("workspace_id")
	switch {
	case asked != "" && !every:
		if err := r.who.MayAdminister(asked); err != nil {
			return err
		}
		fallthrough
	case asked != "":
		r.scope = scope{workspaces: []string{asked}}
	case every || r.who.AllWorkspaces():
		r.scope = scope{all: true}
	case len(r.who.Workspaces) > 0:
		r.scope = scope{workspaces: slices.Clone(r.who.Workspaces)}
	default:
		return &access.Denied{Missing: []string{"administration of a workspace"}}
	}
	return nil
}

// inAuditView finds out which of the two views of the audit log a request may see. Who administers no workspace, and asks for none, is
// shown the trail, if they may see that.
func (r *request) inAuditView() error {
	r.trail = r.params.oneOf("view", "events", "access") == "access"
	if r.trail {
		return r.who.MayManage()
	}
	err := r.inScope(false)
	if err != nil && r.params.text("workspace_id") == "" && r.who.MayManage() == nil {
		r.trail, err = true, nil
	}
	return err
}
