package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/usagereport/usagereport/admin"
	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/admin/pages"
	"github.com/usagereport/usagereport/admin/signin"
	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/sinks/lake"
)

func newServe() *cobra.Command {
	var path, listen string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Stay up, and answer administrators: downloads, pages, the Admin API",
		Long: `serve answers at admin.listen with what is published in the lake: the pages for administrators, and the Admin API, which
/openapi.json describes. It reads the bucket and writes nothing but the access trail, so any number of copies can stand
beside each other, with one admin.session_secret. While the bucket is away it answers 503, and recovers by itself.

'usagereport key create' makes a key to sign in with; admin.oidc lets people sign in at an identity provider.
Put a proxy in front that speaks https, and say in admin.url what people type. On SIGTERM or Ctrl-C no new request is
taken, and downloads under way have half a minute to end.`,
		Example: `  usagereport key create --name "me" --role Administrator --permission "Server Management: Read" --workspace "*"
  usagereport serve --config usagereport.yaml
  usagereport serve --config usagereport.yaml --listen :8080`,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c.Context(), path)
			if err != nil {
				return err
			}
			log := newLogger()
			if interactive() {
				log = slog.New(slog.NewTextHandler(os.Stderr, nil))
			}
			s := &serving{cfg: cfg, log: log, address: cfg.Admin.Listen, url: cfg.Admin.URL, retry: 3 * time.Second}
			if listen != "" {
				if err := s.listenAt(listen); err != nil {
					return err
				}
			}
			return s.run(c.Context())
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&listen, "listen", "", "host:port to listen on, in place of admin.listen")
	return c
}

// serving is what `usagereport serve` does.
type serving struct {
	cfg     *config.Config
	log     *slog.Logger
	address string
	url     string        // what people type into a browser
	retry   time.Duration // between two attempts to open a bucket that is away
	ready   func()        // is called once it answers, when url is what holds; may be nil
}

// listenAt takes another address than the config's. A URL that was only derived from that one is derived anew.
func (s *serving) listenAt(address string) error {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return fmt.Errorf("%w: --listen %q: expected host:port, such as 127.0.0.1:8080 or :8080", errUsage, address)
	}
	if s.url == urlAt(s.address) {
		s.url = urlAt(address)
	}
	s.address = address
	return nil
}

// urlAt is the URL of a server that listens at an address, as config derives it.
func urlAt(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// run listens, and answers until ctx ends. A bucket that is not there yet is waited for meanwhile.
func (s *serving) run(ctx context.Context) (err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("admin.listen: %w", err)
	}
	if s.url == urlAt(s.address) { // the port may only be known now
		s.url = urlAt(l.Addr().String())
	}
	if s.cfg.Admin.SessionSecret.Reveal() == "" {
		s.log.Info("admin.session_secret is not set: sign-ins end with this process, and no other copy of it knows them")
	}
	s.log.Info("listening", "address", l.Addr().String(), "url", s.url)
	h := new(admin.Starting)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	answered := make(chan error, 1)
	go func() {
		answered <- admin.Serve(ctx, l, h, admin.DefaultLimits, s.log)
		stop()
	}()
	b, err := s.open(ctx)
	if err == nil {
		h.Become(b.server.Handler())
		s.log.Info("serving", "lake", b.keys.lake.Name())
		if s.ready != nil {
			s.ready()
		}
		b.figures.Follow(ctx, time.Minute) // until the end
	} else if ctx.Err() != nil {
		err = nil // it ended before the bucket came
	}
	stop()
	err = errors.Join(err, <-answered)
	if b != nil {
		err = errors.Join(err, b.close())
	}
	if err == nil {
		s.log.Info("ended")
	}
	return err
}

// backend is what answers, and what has to be closed.
type backend struct {
	server  *admin.Server
	figures *figures.Reader
	keys    *keyStore
}

func (b *backend) close() error {
	b.figures.Close()
	return b.keys.close()
}

// open makes the server, as soon as its buckets are there.
func (s *serving) open(ctx context.Context) (*backend, error) {
	for first := true; ; first = false {
		b, err := s.make(ctx)
		if !errors.Is(err, lake.ErrNotFound) && !errors.Is(err, lake.ErrUnreachable) {
			return b, err
		}
		if first {
			s.log.Error("the bucket is not there; trying again until it is", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(s.retry):
		}
	}
}

// make translates the config and makes the server.
func (s *serving) make(ctx context.Context) (_ *backend, err error) {
	a := s.cfg.Admin
	o := admin.Options{OIDCName: a.OIDC.Name, Log: s.log, Now: time.Now, Version: version(), Limits: admin.DefaultLimits}
	if o.URL, err = url.Parse(s.url); err != nil {
		return nil, fmt.Errorf("%w: admin.url: %w", config.ErrInvalid, err)
	}
	for _, text := range a.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%w: admin.trusted_proxies: %w", config.ErrInvalid, err)
		}
		o.TrustedProxies = append(o.TrustedProxies, p)
	}
	secret := access.NewSecret()
	if text := a.SessionSecret.Reveal(); text != "" {
		if secret, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, fmt.Errorf("%w: admin.session_secret is not base64", config.ErrInvalid)
		}
	}
	if o.Pages, err = pages.New(); err != nil {
		return nil, err
	}
	l, err := lake.Open(ctx, s.cfg.Lake.Bucket.Reveal(), s.cfg.Lake.Prefix)
	if err != nil {
		return nil, fmt.Errorf("open the lake: %w", err)
	}
	keys, err := keysOf(ctx, s.cfg, l)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	o.Lake, o.Keys = l, keys.keys
	o.Figures = figures.New(l, figures.Options{Log: s.log})
	b := &backend{figures: o.Figures, keys: keys}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	grants := grantsOf(a.OIDC.Roles)
	o.Sessions, err = access.NewSessions(access.SessionOptions{
		Secret: secret, Secure: o.URL.Scheme == "https", Keys: keys.keys, Grants: grants, Now: time.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("admin.session_secret: %w", err)
	}
	if a.OIDC.IsSet() {
		o.OIDC, err = signin.New(signin.Options{
			Issuer: a.OIDC.Issuer, ClientID: a.OIDC.ClientID, ClientSecret: a.OIDC.ClientSecret.Reveal(), Scopes: a.OIDC.Scopes,
			Claim: a.OIDC.Claim, Grants: grants, URL: s.url, Secret: secret, Now: time.Now,
		})
		if err != nil {
			return nil, fmt.Errorf("%w: admin.oidc: %w", config.ErrInvalid, err)
		}
	}
	if b.server, err = admin.New(o); err != nil {
		return nil, err
	}
	return b, nil
}

// grantsOf translates admin.oidc.roles.
func grantsOf(roles map[string]config.Grant) access.Grants {
	grants := access.Grants{}
	for value, g := range roles {
		grants[value] = access.Grant{Role: g.Role, Permissions: g.Permissions, Workspaces: g.Workspaces}
	}
	return grants
}
