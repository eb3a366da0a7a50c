// Package signin lets people in who sign in at an identity provider: OpenID Connect, code flow with PKCE, state and nonce. It never
// keeps a token, and never decides what anybody may: the groups that a provider vouches for are looked up in the server's config.
package signin

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/usagereport/usagereport/admin/access"
)

// Sentinels that callers branch on. What else goes wrong is an *access.Denied: the person is known, and no group of
// theirs gives a right. The texts have no token, code or secret in them.
var (
	ErrProvider = errors.New("the identity provider cannot be used just now")                    // 503: a retry may help
	ErrState    = errors.New("this sign-in was not begun here, took too long, or is over")       // 400: begin again
	ErrDeclined = errors.New("the identity provider did not sign you in")                        // 403
	ErrToken    = errors.New("what the identity provider said of you failed the server's check") // 403
)

const (
	// CallbackPath is where the provider sends browsers back to.
	CallbackPath = "/signin/oidc/callback"

	attemptLife  = 10 * time.Minute // that a person may take at the provider
	discoverFor  = time.Hour        // that the provider's description is believed without a look
	answerLimit  = 1 << 20          // bytes of any answer of the provider
	answerWithin = 10 * time.Second
)

// Options says which provider to trust, and for what.
type Options struct {
	Issuer       string // https, or http on this machine
	ClientID     string
	ClientSecret string   // may be empty: PKCE does without
	Scopes       []string // beside openid, email and profile
	Claim        string   // whose values are looked up in Grants
	Grants       access.Grants
	URL          string // of this server, as people type it
	Secret       []byte // for the cookie of an attempt, as for sessions
	Now          func() time.Time
}

// OIDC signs people in at one identity provider. It does not ask the provider for anything before the first attempt, so that
// the server can start without it. It is safe for concurrent use.
type OIDC struct {
	o      Options
	cookie *access.Cookie
	client *http.Client

	flight singleflight.Group
	mu     sync.Mutex
	found  *provider
}

// provider is what discovery found out.
type provider struct {
	*oidc.Provider
	oauth2 oauth2.Config
	at     time.Time
}

// attempt is what the browser keeps while the person is at the provider.
type attempt struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Next     string `json:"p"`
	Until    int64  `json:"u"` // seconds since 1970
}

// New returns a way to sign in. An error says what of o is wrong; the provider is not asked.
func New(o Options) (*OIDC, error) {
	issuer, err := url.Parse(o.Issuer)
	if err != nil || issuer.Host == "" || issuer.User != nil || issuer.Scheme != "https" && (issuer.Scheme != "http" || !loopback(issuer.Hostname())) {
		return nil, errors.New("sign-in: the issuer is no https URL")
	}
	switch {
	case o.ClientID == "":
		return nil, errors.New("sign-in: there is no client id")
	case o.Claim == "":
		return nil, errors.New("sign-in: there is no claim to look up")
	}
	for value, g := range o.Grants {
		if err := g.Check(); err != nil {
			return nil, fmt.Errorf("sign-in: claim %s, value %q: %w", o.Claim, value, err)
		}
	}
	c, err := access.NewCookie("usagereport-signin", o.Secret, strings.HasPrefix(o.URL, "https:"))
	if err != nil {
		return nil, fmt.Errorf("sign-in: %w", err)
	}
	return &OIDC{o: o, cookie: c, client: &http.Client{
		Timeout:       answerWithin,
		Transport:     limited{http.DefaultTransport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // would carry codes elsewhere
	}}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Begin sends the browser to the provider, from where it comes back to CallbackPath, and then goes to next, a path of
// this server. On an error, ErrProvider, nothing was written.
func (s *OIDC) Begin(w http.ResponseWriter, r *http.Request, next string) error {
	p, err := s.discover(r.Context())
	if err != nil {
		return err
	}
	a := attempt{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: LocalPath(next),
		Until: s.o.Now().Add(attemptLife).Unix(),
	}
	if err := s.cookie.Set(w, a, attemptLife); err != nil {
		return fmt.Errorf("begin to sign in: %w", err)
	}
	to := p.oauth2.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier))
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// Finish takes what the browser brings back from the provider, and returns who the person is and where to go on. It starts no
// session; it only makes the browser forget the attempt, for which it sets a header. With an *access.Denied the
// principal says who was refused, and has no rights.
func (s *OIDC) Finish(w http.ResponseWriter, r *http.Request) (person access.Principal, next string, err error) {
	var a attempt
	q := r.URL.Query()
	missing := s.cookie.Get(r, &a)
	s.cookie.Clear(w)
	switch {
	case missing != nil, s.o.Now().Unix() >= a.Until,
		subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(a.State)) != 1:
		return person, "", ErrState
	case q.Has("iss") && q.Get("iss") != s.o.Issuer: // RFC 9207
		return person, "", fmt.Errorf("%w: the answer is of another provider", ErrToken)
	case q.Has("error"):
		return person, "", fmt.Errorf("%w: it says %q", ErrDeclined, word(q.Get("error")))
	case q.Get("code") == "":
		return person, "", fmt.Errorf("%w: there is no code", ErrState)
	}
	p, err := s.discover(r.Context())
	if err != nil {
		return person, "", err
	}
	ctx := oidc.ClientContext(r.Context(), s.client)
	token, err := p.oauth2.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return person, "", exchangeError(err)
	}
	id, err := s.verify(ctx, p, token, a.Nonce)
	if err != nil {
		return person, "", err
	}
	claims, err := s.claims(ctx, p, token, id)
	if err != nil {
		return person, "", err
	}
	name := claims.name(id.Subject)
	person, err = s.o.Grants.Person(id.Subject, name, claims.values(s.o.Claim))
	if err != nil {
		return access.Principal{Kind: access.KindPerson, ID: id.Subject, Name: name}, "", err
	}
	return person, a.Next, nil
}

// discover returns the provider's description, which is asked for at the first attempt, and again when it is old. One that is old
// serves while the provider does not answer.
func (s *OIDC) discover(ctx context.Context) (*provider, error) {
	s.mu.Lock()
	found := s.found
	s.mu.Unlock()
	if found != nil && s.o.Now().Sub(found.at) < discoverFor {
		return found, nil
	}
	result := s.flight.DoChan("", func() (any, error) {
		p, err := s.ask(context.WithoutCancel(ctx)) // others wait too; the client has a time limit
		if err != nil {
			return p, err
		}
		s.mu.Lock()
		s.found = p
		s.mu.Unlock()
		return p, nil
	})
	select {
	case r := <-result:
		switch {
		case r.Err == nil:
			return r.Val.(*provider), nil
		case found != nil:
			return found, nil
		}
		return nil, fmt.Errorf("%w: %w", ErrProvider, r.Err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *OIDC) ask(ctx context.Context) (*provider, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, s.client), s.o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery at %s: %w", s.o.Issuer, short(err))
	}
	var says struct {
		Auth    string   `json:"authorization_endpoint"`
		Token   string   `json:"token_endpoint"`
		Keys    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&says); err != nil {
		return nil, fmt.Errorf("discovery at %s: %w", s.o.Issuer, short(err))
	}
	for _, endpoint := range []string{says.Auth, says.Token, says.Keys} {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
			return nil, fmt.Errorf("discovery at %s: an endpoint is no https URL", s.o.Issuer)
		}
	}
	endpoint := found.Endpoint()
	// Not left to be found out: a code that is sent twice is refused.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	post, basic := false, len(says.Methods) == 0
	for _, m := range says.Methods {
		post, basic = post || m == "client_secret_post", basic || m == "client_secret_basic"
	}
	if s.o.ClientSecret == "" || post && !basic {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &provider{Provider: found, at: s.o.Now(), oauth2: oauth2.Config{
		ClientID: s.o.ClientID, ClientSecret: s.o.ClientSecret, Endpoint: endpoint,
		RedirectURL: strings.TrimSuffix(s.o.URL, "/") + CallbackPath,
		Scopes:      append([]string{oidc.ScopeOpenID, "email", "profile"}, s.o.Scopes...),
	}}, nil
}

// exchangeError says what went wrong when a code was to be exchanged, without what the provider's answer held.
func exchangeError(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.Response == nil {
		return fmt.Errorf("%w: exchange of the code: %w", ErrProvider, short(err))
	}
	switch code := word(refused.ErrorCode); {
	case code == "invalid_grant":
		return fmt.Errorf("%w: the provider refuses the code", ErrState)
	case refused.Response.StatusCode < 500 && code != "":
		return fmt.Errorf("%w: it refuses this server: %q; check the client id, its secret and the redirect URL", ErrProvider, code)
	}
	return fmt.Errorf("%w: exchange of the code: status %d", ErrProvider, refused.Response.StatusCode)
}

// verify checks the ID token of an answer.
func (s *OIDC) verify(ctx context.Context, p *provider, token *oauth2.Token, nonce string) (*oidc.IDToken, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, fmt.Errorf("%w: there is no ID token", ErrToken)
	}
	id, err := p.Verifier(&oidc.Config{ClientID: s.o.ClientID, Now: s.o.Now}).Verify(ctx, raw)
	if err != nil {
		if strings.Contains(err.Error(), "fetching keys") { // its only mark
			return nil, fmt.Errorf("%w: %w", ErrProvider, short(err))
		}
		return nil, fmt.Errorf("%w: %w", ErrToken, short(err))
	}
	var party struct {
		AZP string `json:"azp"`
	}
	switch err := id.Claims(&party); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrToken, short(err))
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1:
		return nil, fmt.Errorf("%w: the ID token is of another sign-in", ErrToken)
	case party.AZP != s.o.ClientID && (party.AZP != "" || len(id.Audience) > 1):
		return nil, fmt.Errorf("%w: the ID token is for another program", ErrToken)
	case id.Subject == "" || len(id.Subject) > 255 || strings.ContainsFunc(id.Subject, unicode.IsControl):
		return nil, fmt.Errorf("%w: the ID token has no usable subject", ErrToken)
	case id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil:
		return nil, fmt.Errorf("%w: the access token does not belong to the ID token", ErrToken)
	}
	return id, nil
}

// claims returns what the ID token says of the person; where that lacks the claim to look up, also what the provider's userinfo says.
func (s *OIDC) claims(ctx context.Context, p *provider, token *oauth2.Token, id *oidc.IDToken) (claims, error) {
	c := claims{}
	if err := id.Claims(&c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, short(err))
	}
	if _, ok := c[s.o.Claim]; ok || p.UserInfoEndpoint() == "" {
		return c, nil
	}
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, fmt.Errorf("%w: userinfo: %w", ErrProvider, short(err))
	}
	if info.Subject != id.Subject {
		return nil, fmt.Errorf("%w: userinfo is of another person", ErrToken)
	}
	if err := info.Claims(&c); err != nil { // adds to what is there
		return nil, fmt.Errorf("%w: userinfo: %w", ErrToken, short(err))
	}
	return c, nil
}

// claims is what a provider says of a person.
type claims map[string]json.RawMessage

// values returns the texts of a claim that is a text or a list. What is no text gives no right.
func (c claims) values(name string) []string {
	var list []json.RawMessage
	if json.Unmarshal(c[name], &list) != nil {
		list = []json.RawMessage{c[name]}
	}
	var values []string
	for _, raw := range list {
		if v := text(raw); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// name returns what to call the person.
func (c claims) name(subject string) string {
	name := cmp.Or(text(c["name"]), text(c["preferred_username"]), text(c["email"]), subject)
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > 100 {
		name = string(runes[:100])
	}
	return cmp.Or(strings.TrimSpace(name), subject)
}

func text(raw json.RawMessage) string {
	var v string
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return ""
	}
	return v
}
