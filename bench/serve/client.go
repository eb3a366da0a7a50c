package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

type route struct {
	name, path string
	share      int
	part       string // a Range
	query      func() url.Values
}

type answer struct {
	route string
	page  bool
	took  time.Duration // until the last byte is there
	bytes int64
}

var errNotThere = errors.New("not in this lake")

// client asks as many people would, who have a key and an address each: the server has a limit for each of them.
type client struct {
	server *server
	http   *http.Client
}

func newClient(s *server, atOnce int) *client {
	t := &http.Transport{MaxIdleConnsPerHost: atOnce, DisableCompression: true}
	return &client{server: s, http: &http.Client{Transport: t, Timeout: 5 * time.Minute}}
}

func (c *client) get(ctx context.Context, r route) (answer, error) {
	target := c.server.url + r.path
	if r.query != nil {
		target += "?" + r.query().Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return answer{}, err
	}
	person := rand.IntN(len(c.server.keys))
	req.Header.Set("Authorization", "Bearer "+c.server.keys[person])
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", person))
	if r.part != "" {
		req.Header.Set("Range", r.part)
	}
	began := time.Now()
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	n, err := io.Copy(io.Discard, res.Body)
	took := time.Since(began)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return answer{}, err
	}
	switch res.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		return answer{route: r.name, page: !strings.HasPrefix(r.path, "/export/"), took: took, bytes: n}, nil
	case http.StatusNotFound:
		return answer{}, fmt.Errorf("%s: %w", target, errNotThere)
	}
	return answer{}, fmt.Errorf("%s: %s", target, res.Status)
}

// load makes all requests, in a random order by the shares of the routes.
func (c *client) load(ctx context.Context, routes []route, o options) ([]answer, error) {
	var mix []route
	for _, r := range routes {
		for range r.share {
			mix = append(mix, r)
		}
	}
	answers := make([]answer, o.requests)
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range o.clients {
		g.Go(func() error {
			for i := next.Add(1) - 1; i < int64(o.requests); i = next.Add(1) - 1 {
				a, err := c.get(ctx, mix[rand.IntN(len(mix))])
				if err != nil {
					return err
				}
				answers[i] = a
			}
			return nil
		})
	}
	return answers, g.Wait()
}
