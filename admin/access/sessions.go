package access

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// How long sessions last.
const (
	SessionLife = 12 * time.Hour   // from signing in
	SessionIdle = 1 * time.Hour    // without a request
	renewAfter  = 5 * time.Minute  // the cookie is written again then, and not with every request
	clockSkew   = 30 * time.Second // between the clocks of two copies of the server
)

// SessionOptions says how sessions are kept.
type SessionOptions struct {
	Secret []byte // SecretBytes or more; all copies of the server have the same
	Secure bool   // people reach the server by https
	Keys   *Keys
	Grants Grants // what the groups of people who sign in at an identity provider may; may be empty
	Now    func() time.Time
}

// Sessions keep browsers signed in. All that is known of a session is in its cookie, so any copy of the server
// can read it; rights are looked up with every request: a session that began with a key ends with the key, and one of a
// person has the rights that the person's groups have in the server's config now. They are safe for concurrent use.
type Sessions struct {
	cookie *Cookie
	keys   *Keys
	grants Grants
	now    func() time.Time
}

// session is what the cookie holds.
type session struct {
	Kind    Kind     `json:"k"`
	ID      string   `json:"i"`
	Name    string   `json:"n,omitempty"`
	Groups  []string `json:"g,omitempty"`
	Started int64    `json:"s"` // seconds since 1970
	Seen    int64    `json:"a"`
}

// NewSessions returns sessions.
func NewSessions(o SessionOptions) (*Sessions, error) {
	c, err := NewCookie("usagereport-session", o.Secret, o.Secure)
	if err != nil {
		return nil, err
	}
	return &Sessions{cookie: c, keys: o.Keys, grants: o.Grants, now: o.Now}, nil
}

// Start begins a session of p, who has just proved who that is, in place of any other of the browser. It sets a header.
func (s *Sessions) Start(w http.ResponseWriter, p Principal) error {
	now := s.now().Unix()
	c := session{Kind: p.Kind, ID: p.ID, Started: now, Seen: now}
	switch p.Kind {
	case KindKey: // all else is looked up
	case KindPerson:
		c.Name, c.Groups = p.Name, p.Groups
	default:
		return fmt.Errorf("start a session: %w", ErrUnauthenticated)
	}
	if err := s.cookie.Set(w, c, 0); err != nil {
		return fmt.Errorf("start a session: %w", err)
	}
	return nil
}

// Principal returns whose session a request belongs to, and keeps the session alive, for which it may set a header. ErrNoSession,
// ErrSessionExpired, the errors of Keys.Authenticate when it began with a key, or a *Denied when the person's groups give no
// right any more. After ErrUnavailable the session stands as it did.
func (s *Sessions) Principal(w http.ResponseWriter, r *http.Request) (Principal, error) {
	var c session
	if err := s.cookie.Get(r, &c); err != nil {
		return Principal{}, ErrNoSession
	}
	now := s.now()
	started, seen := time.Unix(c.Started, 0), time.Unix(c.Seen, 0)
	ends := started.Add(SessionLife)
	if !now.Before(ends) || now.Sub(seen) >= SessionIdle || seen.After(now.Add(clockSkew)) {
		return Principal{}, ErrSessionExpired
	}
	p, err := s.principal(r, c)
	if err != nil {
		return Principal{}, err
	}
	if p.Expires.IsZero() || p.Expires.After(ends) {
		p.Expires = ends
	}
	if now.Sub(seen) >= renewAfter {
		c.Seen = now.Unix()
		if err := s.cookie.Set(w, c, 0); err != nil {
			return Principal{}, fmt.Errorf("renew a session: %w", err)
		}
	}
	return p, nil
}

func (s *Sessions) principal(r *http.Request, c session) (Principal, error) {
	switch c.Kind {
	case KindKey:
		return s.keys.Principal(r.Context(), c.ID)
	case KindPerson:
		return s.grants.Person(c.ID, c.Name, c.Groups)
	}
	return Principal{}, ErrNoSession
}

// End makes the browser forget its session. It sets a header.
func (s *Sessions) End(w http.ResponseWriter) { s.cookie.Clear(w) }

// Person returns the principal of a person with those groups; a *Denied if no group gives a right.
func (m Grants) Person(id, name string, groups []string) (Principal, error) {
	if id == "" {
		return Principal{}, errors.New("a person without a subject")
	}
	g, known := m.Unite(groups)
	if len(known) == 0 {
		return Principal{}, &Denied{Missing: []string{"a group that has rights here"}}
	}
	return Principal{
		Kind: KindPerson, ID: id, Name: cmp.Or(name, id), Groups: known,
		Role: g.Role, Permissions: g.Permissions, Workspaces: g.Workspaces,
	}, nil
}
