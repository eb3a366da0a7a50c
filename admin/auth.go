package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/sinks/lake"
)

// credentials returns the key that a request carries, "" if none.
func credentials(r *http.Request) (key string, err error) {
	var found []string
	for _, v := range r.Header.Values("Authorization") {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(v), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", unauthenticated("the Authorization header has another scheme; expected: Authorization: Bearer <API key>")
		}
		found = append(found, strings.TrimSpace(rest))
	}
	for _, v := range r.Header.Values("X-Api-Key") {
		found = append(found, strings.TrimSpace(v))
	}
	for i, k := range found {
		if k == "" {
			return "", unauthenticated("a header for an API key is there and empty; expected the key in it")
		}
		if k != found[0] {
			return "", newProblem(http.StatusBadRequest, "two-keys", "Two different keys",
				"header %d for an API key has another than the first; expected one key, in Authorization or x-api-key", i+1)
		}
	}
	if found == nil {
		return "", nil
	}
	return found[0], nil
}

// authenticate returns who makes a request: by the key that it carries, else by the session of the browser.
func (s *Server) authenticate(w *response, r *request) (access.Principal, error) {
	key, err := credentials(r.Request)
	if err != nil {
		return access.Principal{}, err
	}
	if key != "" {
		return s.checkKey(r, key)
	}
	who, err := s.sessions.Principal(w, r.Request)
	switch {
	case errors.Is(err, access.ErrNoSession):
		return access.Principal{}, unauthenticated("this needs an API key: Authorization: Bearer <key> or x-api-key: <key>; " +
			"'usagereport key create' makes one. In a browser, sign in at /signin")
	case errors.Is(err, access.ErrUnauthenticated):
		s.sessions.End(w) // it is over, and not only cannot be looked at
	}
	return who, err
}

// checkKey returns whose a key is. Who has tried several that are none waits longer with each.
func (s *Server) checkKey(r *request, key string) (access.Principal, error) {
	if wait := s.backoff.Wait(r.client); wait > 0 {
		s.metrics.refused.WithLabelValues("waiting").Inc()
		return access.Principal{}, tooMany(wait)
	}
	who, err := s.keys.Authenticate(r.Context(), key)
	if err == nil || !errors.Is(err, access.ErrUnauthenticated) {
		return who, err
	}
	if access.IsGuess(err) {
		s.backoff.Failed(r.client)
	}
	s.refused(r, who, reasonOf(err), err)
	return access.Principal{}, err
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, access.ErrExpired):
		return "expired key"
	case errors.Is(err, access.ErrRevoked):
		return "revoked key"
	case errors.Is(err, access.ErrMalformed), errors.Is(err, access.ErrUnknownKey):
		return "unknown key"
	}
	return "identity provider"
}

// refused counts and records a sign-in that was refused. The trail takes so many of them from one client and in all, since each is
// an object of the bucket and anybody can make them; the metrics count every one.
func (s *Server) refused(r *request, who access.Principal, reason string, err error) {
	s.metrics.refused.WithLabelValues(reason).Inc()
	if _, ok := s.refusalsOf.take(neighbourhood(r.client)); !ok {
		return
	}
	if _, ok := s.refusals.take(""); !ok {
		return
	}
	a := r.access(s, lake.AccessSignInRefused, who)
	a.Status, a.Detail = http.StatusUnauthorized, shorten(err.Error(), 300)
	if err := s.record(r, a); err != nil {
		s.log.Error("a refused sign-in could not be recorded", "request", r.id, "error", err)
	}
}

// access begins a record of the access trail.
func (r *request) access(s *Server, kind lake.AccessKind, who access.Principal) lake.AccessRecord {
	path := ""
	if r.route != nil {
		path = r.route.path
	}
	return lake.AccessRecord{
		Time: s.now(), Kind: kind, WhoType: string(who.Kind), WhoID: who.ID, WhoName: who.Name, Route: path,
		Client: r.client.String(), RequestID: r.id, UserAgent: clean(r.UserAgent(), 200),
	}
}

// record adds to the access trail, also when the client goes away meanwhile.
func (s *Server) record(r *request, a lake.AccessRecord) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), recordTimeout)
	defer cancel()
	return s.lake.PutAccess(ctx, a)
}

// clean returns text from outside as it can be stored and shown: UTF-8 on one line, shortened.
func clean(text string, n int) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return shorten(text, n)
}
