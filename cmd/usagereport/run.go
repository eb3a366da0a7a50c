package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/jobs/notify"
	"github.com/usagereport/usagereport/transforms/calendar"
)

func newRun() *cobra.Command {
	var path, date, at string
	var full, dry bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Make one nightly run",
		Long: `run reads what is new in the sources, makes the logs, checks them and publishes them under the run date.
Days up to the day before the run date are in. A run that fails publishes nothing: what was there stays.
When only sources of the audit log or of the usage reports are down, the rest is published, and the exit code is 1.`,
		Example: `  usagereport run --config usagereport.yaml
  usagereport run --config usagereport.yaml --date 2026-11-21 --full
  usagereport run --config usagereport.yaml --dry-run`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			req := jobs.Request{Full: full, DryRun: dry}
			if date != "" {
				d, err := parseDate("date", date)
				if err != nil {
					return err
				}
				req.Date = &d
			}
			if at != "" {
				if req.RunTime, err = time.Parse(time.RFC3339, at); err != nil {
					return fmt.Errorf("%w: --run-time %q: expected an instant as 2026-11-21T02:30:00Z", errUsage, at)
				}
			}
			n, err := openNight(c, path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.Lake.Close()) }()
			flag, day := "date", calendar.Of(req.RunTime, n.Config.Location())
			if req.Date != nil {
				day = *req.Date
			} else {
				flag = "run-time"
			}
			if err := notAhead(n, flag, day); err != nil {
				return err
			}
			show := watch(n)
			out, err := nightly(c.Context(), n, req, new(notify.Told))
			show.end()
			if err == nil || errors.Is(err, jobs.ErrPartial) && out.Published {
				printOutcome(c.OutOrStdout(), n, out)
			}
			return err
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&date, "date", "", "the run date (default: today in the reporting zone)")
	c.Flags().StringVar(&at, "run-time", "", "the run time to publish, RFC 3339 (default: now)")
	c.Flags().BoolVar(&full, "full", false, "read all events again, not only what is new")
	c.Flags().BoolVar(&dry, "dry-run", false, "do everything but publish, and keep no state")
	return c
}

func newBackfill() *cobra.Command {
	var path, from, to string
	var dry bool
	c := &cobra.Command{
		Use:   "backfill",
		Short: "Publish past dates again",
		Long: `backfill publishes every date from --from to --to again, both included, oldest first, with what the sources
hold now: late events count on their own day. The newest date stays the latest. Names, members, groups and agents
are those of now, except from files whose path has {date}: there they are those of the date.`,
		Example: `  usagereport backfill --config usagereport.yaml --from 2026-11-01 --to 2026-11-07`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			days, err := parseDays(from, to)
			if err != nil {
				return err
			}
			n, err := openNight(c, path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.Lake.Close()) }()
			if err := notAhead(n, "to", days.Last()); err != nil {
				return err
			}
			show := watch(n)
			done, err := n.Backfill(c.Context(), days, dry)
			show.end()
			for _, out := range done {
				printOutcome(c.OutOrStdout(), n, out)
			}
			return err
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&from, "from", "", "the first date (required)")
	c.Flags().StringVar(&to, "to", "", "the last date (required)")
	c.Flags().BoolVar(&dry, "dry-run", false, "do everything but publish, and keep no state")
	return c
}

// notAhead refuses a run date after today: its days are not over, and as the newest it would stay the latest.
func notAhead(n *jobs.Night, flag string, d calendar.Date) error {
	if today := calendar.Of(n.Now(), n.Config.Location()); d > today {
		return fmt.Errorf("%w: --%s: the run date %s has not come yet: it is %s in %s", errUsage, flag, d, today, n.Config.Location())
	}
	return nil
}
