package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/admin/pages"
	"github.com/usagereport/usagereport/admin/signin"
	"github.com/usagereport/usagereport/sinks/lake"
)

// Server answers administrators and their programs. It is safe for concurrent use.
type Server struct {
	lake     *lake.Lake
	keys     *access.Keys
	sessions *access.Sessions
	figures  *figures.Reader
	pages    *pages.Pages
	oidc     *signin.OIDC
	oidcName string

	secure  bool
	proxies []netip.Prefix
	log     *slog.Logger
	now     func() time.Time
	version string
	limits  Limits

	table        []*route
	mux          *http.ServeMux
	crossOrigin  *http.CrossOriginProtection
	metrics      *metrics
	backoff      *access.Backoff
	perClient    *limits // requests, by network
	perPrincipal *limits // requests, by key or person
	refusalsOf   *limits // records of refused sign-ins, by network
	refusals     *limits // the same, of all together
	ready        *remembered[error]
	newestRun    *remembered[time.Time]
	newest       newestZips
}

// rememberedClients is how many clients the limits know at once.
const rememberedClients = 10_000

// New returns a server of what o says. It asks nothing of the bucket, so that a server starts while that is away.
func New(o Options) (*Server, error) {
	s := &Server{
		lake: o.Lake, keys: o.Keys, sessions: o.Sessions, figures: o.Figures, pages: o.Pages, oidc: o.OIDC, oidcName: o.OIDCName,
		secure: o.URL.Scheme == "https", proxies: slices.Clone(o.TrustedProxies), log: o.Log, now: o.Now, version: o.Version,
		limits: o.Limits, table: table(), crossOrigin: http.NewCrossOriginProtection(), backoff: access.NewBackoff(o.Now),
	}
	if s.limits == (Limits{}) {
		s.limits = DefaultLimits
	}
	// Behind a proxy the Host of a request may be another than the one in the browser.
	if err := s.crossOrigin.AddTrustedOrigin(o.URL.Scheme + "://" + o.URL.Host); err != nil {
		return nil, fmt.Errorf("admin.url: %w", err)
	}
	limit := func(r rate.Limit, burst int) *limits { return newLimits(r, burst, rememberedClients, o.Now) }
	s.perClient = limit(rate.Limit(s.limits.Rate), s.limits.Burst)
	s.perPrincipal = limit(rate.Limit(s.limits.Rate), s.limits.Burst)
	s.refusalsOf = limit(rate.Every(time.Minute), 20)
	s.refusals = newLimits(1, 100, 1, o.Now)
	s.ready = &remembered[error]{keep: 2 * time.Second, now: o.Now, ask: s.askReady}
	s.newestRun = &remembered[time.Time]{keep: 30 * time.Second, now: o.Now, ask: s.askNewestRun}
	s.metrics = newMetrics(func(ctx context.Context) (time.Time, bool) {
		at := s.newestRun.get(ctx)
		return at, !at.IsZero()
	}, o.Now)
	s.mux = s.routed()
	return s, nil
}

// Handler returns the server as a handler, without the limits of connections that Serve sets.
func (s *Server) Handler() http.Handler { return s.handler() }

// Serve answers on l until ctx ends, and closes it.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	return Serve(ctx, l, s.handler(), s.limits, s.log)
}
