// Command serve measures the admin server as its users meet it: the real program over a published lake, several clients at
// once that open every page and fetch every export, with the percentiles of each route and the server's peak memory. It
// publishes nothing; downloads leave their records in the lake's access trail, as always.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	_ "gocloud.dev/blob/fileblob" //nolint:depguard // a program of its own, over a lake in a folder; of other kinds it knows none

	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/sinks/lake"
)

type options struct {
	dir, lake         string
	clients, requests int
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "bench-data", "a folder for the program and its keys; with the lake in lake/ as bench/run leaves it")
	flag.StringVar(&o.lake, "lake", "", "the URL of another lake, such as file:///tmp/demo/lake")
	flag.IntVar(&o.clients, "clients", 8, "clients at the same time")
	flag.IntVar(&o.requests, "requests", 2000, "requests in all")
	flag.Parse()
	if err := run(context.Background(), o); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	if o.lake == "" {
		o.lake = "file://" + filepath.ToSlash(filepath.Join(dir, "lake"))
	}
	known, err := whatIsThere(ctx, o.lake)
	if err != nil {
		return err
	}
	s, err := start(ctx, dir, o)
	if err != nil {
		return err
	}
	err = measure(ctx, s, o, known)
	return errors.Join(err, s.stop())
}

// content is what requests may ask for.
type content struct {
	workspaces []string
	days       []lake.Date // of the published year
	run        string
	audit      bool
}

func whatIsThere(ctx context.Context, bucketURL string) (_ content, err error) {
	l, err := lake.Open(ctx, bucketURL, "")
	if err != nil {
		return content{}, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	r := figures.New(l, figures.Options{})
	defer r.Close()
	var c content
	all, err := r.Workspaces(ctx)
	if err != nil {
		return c, err
	}
	for _, w := range all {
		c.workspaces = append(c.workspaces, w.ID)
		c.audit = c.audit || w.Plan != ""
	}
	u, err := r.Usage(ctx, figures.Query{})
	if err != nil {
		return c, err
	}
	for _, w := range u.Weeks {
		c.days = append(c.days, max(w.Monday, u.Window.From))
	}
	c.run = u.Snapshot.RunID
	return c, nil
}

// routes are what is asked for, how often in proportion, and with which query.
func routes(c content) []route {
	workspace := func() string { return c.workspaces[rand.IntN(len(c.workspaces))] }
	days := func(q url.Values) url.Values {
		from := rand.IntN(len(c.days))
		q.Set("from", string(c.days[from]))
		q.Set("to", string(c.days[from+rand.IntN(len(c.days)-from)]))
		return q
	}
	all := []route{
		{name: "/usage, the year, all workspaces", path: "/usage", share: 6},
		{name: "/usage, some weeks, all workspaces", path: "/usage", share: 6, query: func() url.Values { return days(url.Values{}) }},
		{name: "/usage, some weeks, a workspace", path: "/usage", share: 3, query: func() url.Values { return days(url.Values{"workspace_id": {workspace()}}) }},
		{name: "/licenses", path: "/licenses", share: 4},
		{name: "/runs", path: "/runs", share: 3},
		{name: "/runs/{id}", path: "/runs/" + c.run, share: 3},
		{name: "/export/usage-reports", path: "/export/usage-reports", share: 1},
		{name: "/export/usage-logs, 1 MiB of it", path: "/export/usage-logs", share: 1, part: "bytes=4096-1052671"},
	}
	if !c.audit {
		return all
	}
	names := []string{"a", "user", "x.com", "ann", "nobody at all"}
	return append(all,
		route{name: "/audit-log", path: "/audit-log", share: 4},
		route{name: "/audit-log, filtered", path: "/audit-log", share: 4, query: func() url.Values {
			return url.Values{"action": {"member.added", "member.removed"}, "person": {names[rand.IntN(len(names))]}}
		}},
		route{name: "/export/audit-log, CSV", path: "/export/audit-log", share: 1, query: func() url.Values {
			return url.Values{"workspace_id": {workspace()}, "format": {"csv"}}
		}},
		route{name: "/export/audit-log, JSON", path: "/export/audit-log", share: 1, query: func() url.Values {
			return url.Values{"workspace_id": {workspace()}, "format": {"json"}}
		}})
}

func measure(ctx context.Context, s *server, o options, c content) error {
	fmt.Printf("%-36s %s\n", "until it listens and has the bucket", s.started.Round(time.Millisecond))
	client := newClient(s, o.clients)
	var asked []route
	for _, r := range routes(c) {
		a, err := client.get(ctx, r)
		if errors.Is(err, errNotThere) {
			fmt.Printf("%-36s not in this lake\n", r.name)
			continue
		}
		if err != nil {
			return err
		}
		fmt.Printf("%-36s %s, the first time\n", r.name, a.took.Round(100*time.Microsecond))
		asked = append(asked, r)
	}
	began := time.Now()
	answers, err := client.load(ctx, asked, o)
	if err != nil {
		return err
	}
	show(answers, time.Since(began), o)
	whole, err := client.get(ctx, route{path: "/export/usage-logs"})
	if err != nil && !errors.Is(err, errNotThere) {
		return err
	}
	fmt.Printf("%-36s %d MiB in %s\n", "/export/usage-logs, whole", whole.bytes>>20, whole.took.Round(time.Millisecond))
	peak, err := s.peak()
	if err != nil {
		return err
	}
	fmt.Printf("%-36s %d MiB\n", "peak memory of the server", peak>>20)
	return nil
}

func show(answers []answer, took time.Duration, o options) {
	byRoute := map[string][]answer{}
	for _, a := range answers {
		byRoute[a.route] = append(byRoute[a.route], a)
		if a.page {
			byRoute["all pages"] = append(byRoute["all pages"], a)
		}
	}
	names := make([]string, 0, len(byRoute))
	for name := range byRoute {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Printf("\n%d clients, %d requests, %.0f a second\n%-36s %6s %9s %9s %9s %9s %9s\n",
		o.clients, len(answers), float64(len(answers))/took.Seconds(), "route", "n", "p50 ms", "p90 ms", "p99 ms", "max ms", "KiB")
	for _, name := range names {
		all := byRoute[name]
		slices.SortFunc(all, func(a, b answer) int { return cmp.Compare(a.took, b.took) })
		at := func(q float64) float64 { return 1000 * all[int(q*float64(len(all)-1))].took.Seconds() }
		bytes := int64(0)
		for _, a := range all {
			bytes += a.bytes
		}
		fmt.Printf("%-36s %6d %9.1f %9.1f %9.1f %9.1f %9d\n", name, len(all), at(0.5), at(0.9), at(0.99), at(1), bytes/int64(len(all))>>10)
	}
	fmt.Println()
}
