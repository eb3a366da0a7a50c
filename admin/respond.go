package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/usagereport/usagereport/admin/pages"
)

// respond answers with what went wrong: as problem+json, or to a person as a page.
func (s *Server) respond(w *response, r *request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		r.err = err // the client has gone, or the server stops: nobody hears an answer
		panic(http.ErrAbortHandler)
	}
	if w.status != 0 {
		r.err = err
		panic(http.ErrAbortHandler) // an answer has begun: better no end than a wrong one
	}
	p := r.named(asProblem(err))
	r.err = p.forLog()
	if !r.wantsPage() {
		writeProblem(w, p)
		return
	}
	if p.Status == http.StatusUnauthorized && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		to := "/signin"
		if self := r.URL.RequestURI(); self != "/" {
			to += "?return=" + url.QueryEscape(self)
		}
		http.Redirect(w, r.Request, to, http.StatusSeeOther)
		return
	}
	s.problemPage(w, r, p)
}

// wantsPage says whether a problem is to be a page: where pages are, and where a browser goes to a download.
func (r *request) wantsPage() bool {
	if r.Header.Get("Authorization") != "" || r.Header.Get("X-Api-Key") != "" {
		return false
	}
	return r.route != nil && r.route.page || strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (s *Server) problemPage(w *response, r *request, p *problem) {
	p.headers(w.Header())
	v := pages.ErrorView{
		Frame: s.frame(r), Status: p.Status, Detail: sentence(p.Detail), Missing: p.Missing, Wait: p.retryAfter, Request: r.id,
	}
	if p.retryAfter > 0 && r.Method == http.MethodGet {
		v.Retry = r.URL.RequestURI()
	}
	if err := s.renderStatus(w, p.Status, func() error { return s.pages.Error(w, v) }); err != nil {
		r.err = errors.Join(r.err, err)
		if w.status != 0 {
			panic(http.ErrAbortHandler)
		}
		writeProblem(w, p)
	}
}

// forLog is what the log says of a problem. The detail of one of the client's making repeats what the client sent, which can be a
// key in a place where it does not belong.
func (p *problem) forLog() error {
	name := strings.TrimPrefix(p.Type, "urn:problem-type:usagereport:")
	if p.cause == nil {
		return errors.New(name)
	}
	return errors.New(name + ": " + p.cause.Error())
}

// sentence makes the detail of a problem one.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// render writes a page.
func (s *Server) render(w *response, write func() error) error {
	return s.renderStatus(w, http.StatusOK, write)
}

// renderStatus writes a page with a status. A page that cannot be made has written nothing, and becomes a 500.
func (s *Server) renderStatus(w *response, status int, write func() error) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.pending = status
	err := write()
	if err != nil && w.status == 0 {
		w.pending = 0
		return internal(err)
	}
	return err
}

const recordTimeout = 10 * time.Second
