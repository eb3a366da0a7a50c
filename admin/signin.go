package admin

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/admin/pages"
	"github.com/usagereport/usagereport/admin/signin"
	"github.com/usagereport/usagereport/sinks/lake"
)

// showSignIn shows the page on which somebody signs in.
func (s *Server) showSignIn(w *response, r *request) error {
	return s.signInPage(w, r, http.StatusOK, r.params.text("return"), "")
}

func (s *Server) signInPage(w *response, r *request, status int, to, problem string) error {
	v := pages.SignInView{Frame: s.frame(r), Problem: problem, OIDCName: s.oidcName}
	if to = signin.LocalPath(to); to != "/" {
		v.Return = to
	}
	if s.oidc != nil {
		v.OIDC = "/signin/oidc"
		if v.Return != "" {
			v.OIDC += "?return=" + url.QueryEscape(v.Return)
		}
	}
	return s.renderStatus(w, status, func() error { return s.pages.SignIn(w, v) })
}

// signInByKey starts a session with a key that somebody has typed.
func (s *Server) signInByKey(w *response, r *request) error {
	if err := r.form("key", "return"); err != nil {
		return err
	}
	to := r.PostForm.Get("return")
	who, err := s.checkKey(r, r.PostForm.Get("key"))
	switch {
	case errors.Is(err, access.ErrUnauthenticated):
		r.err = err
		return s.signInPage(w, r, http.StatusUnauthorized, to, refusal(err))
	case err != nil:
		return err
	}
	return s.start(w, r, who, to)
}

// refusal says to a person why a sign-in was refused.
func refusal(err error) string {
	for _, known := range []error{access.ErrMalformed, access.ErrUnknownKey, access.ErrRevoked, access.ErrExpired} {
		if errors.Is(err, known) {
			_, reason, _ := cutError(known)
			return sentence(reason)
		}
	}
	return "That did not work."
}

// start records a sign-in and starts the session. One that cannot be recorded is none.
func (s *Server) start(w *response, r *request, who access.Principal, to string) error {
	a := r.access(s, lake.AccessSignIn, who)
	a.Status = http.StatusSeeOther
	if err := s.record(r, a); err != nil {
		return newProblem(http.StatusServiceUnavailable, "not-recorded", "Sign-in not recorded",
			"every sign-in is recorded in the bucket, and that cannot be done now; try again later").after(awayFor).because(err)
	}
	if err := s.sessions.Start(w, who); err != nil {
		return internal(err)
	}
	r.who = who
	http.Redirect(w, r.Request, signin.LocalPath(to), http.StatusSeeOther)
	return nil
}

// beginOIDC sends the browser to the identity provider.
func (s *Server) beginOIDC(w *response, r *request) error {
	if s.oidc == nil {
		return s.noOIDC()
	}
	err := s.oidc.Begin(w, r.Request, r.params.text("return"))
	if errors.Is(err, signin.ErrProvider) {
		return s.noProvider(err)
	}
	if err != nil {
		return internal(err)
	}
	return nil
}

// finishOIDC takes the browser back from the identity provider.
func (s *Server) finishOIDC(w *response, r *request) error {
	if s.oidc == nil {
		return s.noOIDC()
	}
	who, to, err := s.oidc.Finish(w, r.Request)
	var denied *access.Denied
	switch {
	case err == nil:
		return s.start(w, r, who, to)
	case errors.Is(err, signin.ErrProvider):
		return s.noProvider(err)
	}
	s.refused(r, who, "identity provider", err)
	switch {
	case errors.As(err, &denied):
		r.who = access.Principal{}
		p := forbidden(denied.Missing...).because(err)
		p.Detail = "you are known, but none of your groups gives you anything here; ask whoever operates this server"
		return p
	case errors.Is(err, signin.ErrState):
		return newProblem(http.StatusBadRequest, "sign-in-over", "Sign-in is over",
			"this sign-in was not begun here, took too long, or is over; sign in again").because(err)
	}
	return newProblem(http.StatusForbidden, "sign-in-refused", "Sign-in refused",
		"the identity provider did not sign you in, or what it said cannot be trusted").because(err)
}

func (s *Server) noOIDC() error {
	return newProblem(http.StatusNotFound, "no-such-path", "No such path", "this server has no identity provider; sign in with a key")
}

func (s *Server) noProvider(err error) error {
	return newProblem(http.StatusServiceUnavailable, "provider-away", "Identity provider not available",
		"the identity provider cannot be used at the moment; try again later, or sign in with a key").after(awayFor).because(err)
}

// signOut ends the session. That it cannot be recorded keeps nobody in.
func (s *Server) signOut(w *response, r *request) error {
	who, err := s.sessions.Principal(w, r.Request)
	s.sessions.End(w)
	if err == nil {
		a := r.access(s, lake.AccessSignOut, who)
		a.Status = http.StatusSeeOther
		r.who = who
		r.err = s.record(r, a)
	}
	http.Redirect(w, r.Request, "/signin", http.StatusSeeOther)
	return nil
}

const themeCookie = "usagereport-theme"

// setTheme keeps the colours that somebody likes. It is no secret, and is kept for a year.
func (s *Server) setTheme(w *response, r *request) error {
	if err := r.form("theme", "return"); err != nil {
		return err
	}
	theme := pages.ParseTheme(r.PostForm.Get("theme"))
	http.SetCookie(w, &http.Cookie{
		Name: themeCookie, Value: string(theme), Path: "/", MaxAge: 365 * 24 * 3600, Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r.Request, signin.LocalPath(r.PostForm.Get("return")), http.StatusSeeOther)
	return nil
}

// form reads the form of a request, which has these fields, each once at most.
func (r *request) form(fields ...string) error {
	if err := r.ParseForm(); err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			return err
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return newProblem(http.StatusRequestTimeout, "too-slow", "Request too slow", "the form did not arrive in time; try again").because(err)
		}
		return newProblem(http.StatusBadRequest, "bad-form", "Bad form", "the form that was sent cannot be read")
	}
	known := map[string]bool{}
	for _, f := range fields {
		known[f] = true
	}
	for name, values := range r.PostForm {
		if !known[name] || len(values) > 1 {
			return newProblem(http.StatusBadRequest, "bad-form", "Bad form", "a field of the form is unknown, or there twice")
		}
	}
	return nil
}

// cutError takes the reason out of an error that wraps access.ErrUnauthenticated.
func cutError(err error) (before, reason string, found bool) {
	return strings.Cut(err.Error(), ": ")
}
