package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/demo"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/transforms/calendar"
)

func newDemo() *cobra.Command {
	var dir, date, listen string
	var seed uint64
	var serve bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Make a company up and run two nights of it, with nothing to set up",
		Long: `demo makes the source systems of a company that does not exist (an embedded SQLite database and a folder of
event files), writes a config for them, and makes two nightly runs: a first one that reads everything, and one a day
later that reads what is new. It needs no server and no network.

With --serve it then opens the admin server on what it published, with a key to sign in with, until Ctrl-C.`,
		Example: `  usagereport demo
  usagereport demo --serve
  usagereport demo --dir /tmp/demo --date 2026-11-21`,
		RunE: func(c *cobra.Command, _ []string) error {
			last := calendar.Of(time.Now(), time.UTC)
			if date != "" {
				var err error
				if last, err = parseDate("date", date); err != nil {
					return err
				}
			}
			w := c.OutOrStdout()
			company, err := demo.Write(c.Context(), demo.Options{Dir: dir, Date: last.AddDays(-1).String(), Seed: seed})
			if disk := new(fs.PathError); errors.As(err, &disk) || c.Context().Err() != nil {
				return err
			}
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			n := company.Counts()
			fmt.Fprintf(w, "Made a company in %s: %d workspaces, %d users, %s logins, %s generations; among them %s duplicate, %s late and %d broken rows.\n",
				dir, n.Workspaces, n.Users, grouped(int64(n.Logins)), grouped(int64(n.Generations)),
				grouped(int64(n.Duplicates)), grouped(int64(n.Late)), n.Broken)
			fmt.Fprintf(w, "It connects %d systems: %s sync events and %s sightings of %s people under %s identities; among them %s duplicate and %d broken rows.\n",
				n.Hub.Systems, grouped(int64(n.Hub.Syncs)), grouped(int64(n.Hub.Sightings)), grouped(int64(n.Hub.People)),
				grouped(int64(n.Hub.Identities)), grouped(int64(n.Hub.Duplicates)), n.Hub.Broken)
			fmt.Fprintf(w, "Its audit trail tells of %s acts of user management.\n\n", grouped(int64(n.Trail.Acts)))
			fmt.Fprintln(w, "First night: everything is read.")
			if err := demoNight(c, w, company); err != nil {
				return err
			}
			if err := company.NextDay(c.Context()); err != nil {
				return err
			}
			fmt.Fprintln(w, "A day passes:")
			for _, line := range company.News() {
				fmt.Fprintln(w, "  - "+line)
			}
			fmt.Fprintln(w, "\nSecond night: only what is new is read.")
			if err := demoNight(c, w, company); err != nil {
				return err
			}
			nextSteps(w, dir, company)
			if serve {
				return serveDemo(c, w, company.Config(), listen)
			}
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "demo-data", "the folder to make")
	c.Flags().StringVar(&date, "date", "", "the date of the second night (default: today)")
	c.Flags().Uint64Var(&seed, "seed", 1, "another number makes another company")
	c.Flags().BoolVar(&serve, "serve", false, "open the admin server afterwards, and print a key")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "host:port for --serve; port 0 takes a free one")
	_ = c.MarkFlagDirname("dir") // it fails only for a flag that is not there
	return c
}

func demoNight(c *cobra.Command, w io.Writer, company *demo.Company) (err error) {
	n, err := openNight(c, company.Config())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Lake.Close()) }()
	date, err := calendar.ParseDate(company.Night())
	if err != nil {
		return err
	}
	show := watch(n)
	out, err := n.Run(c.Context(), jobs.Request{Date: &date, RunTime: company.RunTime()})
	show.end()
	if err != nil {
		return err
	}
	printOutcome(w, n, out)
	return printRejected(c, w, n, out)
}

func nextSteps(w io.Writer, dir string, company *demo.Company) {
	lake := filepath.Join(dir, "lake")
	fmt.Fprintf(w, `What to try next:
  usagereport verify --config %[1]s        read it all again, against the manifest
  usagereport runs   --config %[1]s        the two nights
  usagereport check  --config %[1]s        reach every source
  duckdb -c "SELECT generation_feature, sum(content_generations) FROM '%[2]s/logs/generation_log/*/*.parquet'
             WHERE snapshot_date = '%[3]s' GROUP BY 1 ORDER BY 2 DESC"
  unzip -d reports '%[2]s/reports/latest/Usage Reports.zip'        two workbooks: who uses what, and what was synchronised
  less '%[2]s/audit/%[3]s/audit_log.csv'        who invited, added and removed whom
  usagereport explain-user --config %[1]s "Bob B."        who counts as one user, and why
  usagereport key create --config %[1]s --name me --role Administrator --permission "Server Management: Read" --workspace "*"
  usagereport serve  --config %[1]s        the pages for administrators; the key is what to sign in with
  less %[1]s                               the config, with comments
(without an installed program: go run ./cmd/usagereport instead of usagereport)
`, company.Config(), lake, company.Night())
}

// serveDemo opens the admin server, with a key that ends with it.
func serveDemo(c *cobra.Command, w io.Writer, config, listen string) (err error) {
	ctx := c.Context()
	cfg, err := loadConfig(ctx, config)
	if err != nil {
		return err
	}
	s := &serving{cfg: cfg, log: newLogger(), address: cfg.Admin.Listen, url: cfg.Admin.URL, retry: time.Second}
	if err := s.listenAt(listen); err != nil {
		return err
	}
	keys, err := openKeys(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keys.close()) }()
	now := time.Now()
	text, key, err := keys.create(ctx, access.New{
		Name: "demo", By: operator(), Expires: now.Add(24 * time.Hour),
		Grant: access.Grant{Role: access.RoleAdministrator, Permissions: []string{access.ServerManagementRead}, Workspaces: []string{access.AllWorkspaces}},
	}, now)
	if err != nil {
		return err
	}
	defer func() {
		_, revokeErr := keys.revoke(context.WithoutCancel(ctx), key.ID)
		err = errors.Join(err, revokeErr)
	}()
	s.ready = func() {
		fmt.Fprintf(w, "\nThe admin server is at %s until Ctrl-C. Sign in with this key, which ends with it:\n%s\n", s.url, text)
	}
	return s.run(ctx)
}

// printRejected shows the rows that the run put in quarantine.
func printRejected(c *cobra.Command, w io.Writer, n *jobs.Night, out *jobs.Outcome) error {
	const most = 5
	rows, total, err := jobs.Quarantined(c.Context(), n.Lake, out.Manifest, most)
	if err != nil || total == 0 {
		return err
	}
	fmt.Fprintf(w, "Rejected rows, in %s:\n", n.Lake.Name()+"/quarantine/"+string(out.Manifest.SnapshotDate))
	for _, r := range rows {
		fmt.Fprintf(w, "  %s row %d of %s: %s %q: %s\n", r.Dataset, r.Row, r.Object, r.Column, r.Value, r.Reason)
	}
	if more := total - int64(len(rows)); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
	fmt.Fprintln(w)
	return nil
}
