package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/usagereport/usagereport/sinks/lake"
)

// runsFlags are the flags of the command runs.
type runsFlags struct {
	config, run, date string
	last              int
	json, quality     bool
}

func newRuns() *cobra.Command {
	var f runsFlags
	c := &cobra.Command{
		Use:   "runs",
		Short: "Show the history of runs, and what changed in one",
		Long: `runs lists past runs, newest first. With --run or --date it tells of one run, the newest of that date: how long
each stage took, and by how much every figure of the logs and reports differs from an earlier run and why, so that it
adds up. --quality shows its quality report instead: rejected, late and repeated rows, values and references that
nobody knows, and how the events of the newest day compare with the same weekday of the last eight weeks.
--quality alone is about the newest run.`,
		Example: `  usagereport runs --config usagereport.yaml
  usagereport runs --config usagereport.yaml --date 2026-11-21
  usagereport runs --config usagereport.yaml --quality
  usagereport runs --config usagereport.yaml --last 1 --json | jq .`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := f.check(); err != nil {
				return err
			}
			n, err := openNight(c, f.config)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.Lake.Close()) }()
			if f.run == "" && f.date == "" && !f.quality {
				return listRuns(c.Context(), c.OutOrStdout(), n.Lake, f)
			}
			return showRun(c.Context(), c.OutOrStdout(), n.Lake, f)
		},
	}
	configFlag(c, &f.config)
	c.Flags().IntVar(&f.last, "last", 20, "how many runs to show, newest first")
	c.Flags().StringVar(&f.run, "run", "", "the id of a run to tell of")
	c.Flags().StringVar(&f.date, "date", "", "a snapshot date; tells of its newest run")
	c.Flags().BoolVar(&f.quality, "quality", false, "the quality report of the run")
	c.Flags().BoolVar(&f.json, "json", false, "whole records, or the quality report, one JSON object a run")
	return c
}

func (f *runsFlags) check() error {
	if f.last < 1 {
		return fmt.Errorf("%w: --last %d: expected 1 or more", errUsage, f.last)
	}
	if f.run != "" && f.date != "" {
		return fmt.Errorf("%w: --run and --date: expected one of them", errUsage)
	}
	if f.date == "" {
		return nil
	}
	_, err := parseDate("date", f.date)
	return err
}

// listRuns shows the newest runs, one a line.
func listRuns(ctx context.Context, w io.Writer, l *lake.Lake, f runsFlags) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if !f.json {
		fmt.Fprintln(t, "RUN\tDATE\tSTATUS\tSECONDS\tROWS READ\tREJECTED\tROWS PUBLISHED\tERROR")
	}
	shown := 0
	for rec, err := range l.Runs(ctx) {
		if err != nil {
			return err
		}
		if shown++; shown > f.last {
			break
		}
		if f.json {
			fmt.Fprintf(w, "%s\n", rec.Data)
			continue
		}
		r, err := rec.Record()
		if err != nil {
			return err
		}
		var read, rejected, rows int64
		for _, d := range r.Datasets {
			read, rejected = read+d.Read, rejected+d.Rejected
		}
		for _, l := range r.Logs {
			rows += l.Rows
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.1f\t%s\t%s\t%s\t%.80s\n", r.RunID, r.SnapshotDate, r.Status, r.Seconds,
			grouped(read), grouped(rejected), grouped(rows), firstLine(r.Error))
	}
	if shown == 0 && !f.json {
		fmt.Fprintln(w, "no runs yet")
		return nil
	}
	return t.Flush()
}

// showRun tells of one run, or shows its quality report.
func showRun(ctx context.Context, w io.Writer, l *lake.Lake, f runsFlags) error {
	r, err := findRun(ctx, l, f)
	if err != nil {
		return err
	}
	if !f.quality {
		if f.json {
			return writeJSON(w, r)
		}
		return r.WriteText(w)
	}
	q, err := l.Quality(ctx, r.RunID)
	if errors.Is(err, lake.ErrNotFound) {
		return fmt.Errorf("run %s has no quality report: it was made by a program that wrote none, or the report was deleted", r.RunID)
	}
	if err != nil {
		return err
	}
	if f.json {
		return writeJSON(w, q)
	}
	return q.WriteText(w)
}

// findRun returns the record of the run that the flags name: the newest one without any.
func findRun(ctx context.Context, l *lake.Lake, f runsFlags) (*lake.RunRecord, error) {
	if f.run != "" {
		r, err := l.Run(ctx, f.run)
		if errors.Is(err, lake.ErrNotFound) {
			return nil, fmt.Errorf("%w: --run %q: there is no record of such a run; 'usagereport runs' lists them", errUsage, f.run)
		}
		return r, err
	}
	for rec, err := range l.Runs(ctx) {
		if err != nil {
			return nil, err
		}
		r, err := rec.Record()
		if err != nil {
			return nil, err
		}
		if f.date == "" || r.SnapshotDate == lake.Date(f.date) {
			return r, nil
		}
	}
	if f.date != "" {
		return nil, fmt.Errorf("%w: --date %s: there is no record of a run of that date; 'usagereport runs' lists them", errUsage, f.date)
	}
	return nil, fmt.Errorf("%w: no runs yet", errUsage)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
