package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usagereport/usagereport/dictionary/render"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
)

func newCheck() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the config, every source and the lake",
		Long: `check validates the config, connects to every source and to the lake, and compares the columns of every
bound dataset with the dictionary. It reads no rows and writes nothing, and reports all problems at once.`,
		Example: `  usagereport check --config usagereport.yaml`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			n, err := openNight(c, path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.Lake.Close()) }()
			var errs []error
			w := c.OutOrStdout()
			seen := map[string]string{} // what was found first, by the problem
			for _, f := range n.Check(c.Context()) {
				if f.Err != nil {
					if first, ok := seen[f.Err.Error()]; ok {
						fmt.Fprintf(w, "FAIL  %s: the same as of %s\n", f.Subject, first)
						continue
					}
					seen[f.Err.Error()] = f.Subject
					fmt.Fprintf(w, "FAIL  %s: %v\n", f.Subject, f.Err)
					errs = append(errs, f.Err)
					continue
				}
				fmt.Fprintf(w, "ok    %s (%s)\n", f.Subject, f.Detail)
				if len(f.Notes.Ignored) > 0 {
					fmt.Fprintf(w, "      columns that nothing uses: %s\n", strings.Join(f.Notes.Ignored, ", "))
				}
				if len(f.Notes.Absent) > 0 {
					fmt.Fprintf(w, "      optional columns that are not there: %s\n", strings.Join(f.Notes.Absent, ", "))
				}
			}
			if len(errs) > 0 {
				fmt.Fprintln(w, counted(len(errs), "problem"))
				return fmt.Errorf("%w: %w", errReported, errors.Join(errs...))
			}
			fmt.Fprintln(w, "all is well")
			return nil
		},
	}
	configFlag(c, &path)
	return c
}

func newVerify() *cobra.Command {
	var path, date string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Read a published snapshot again and compare it with its manifest",
		Long: `verify reads every object of a snapshot and compares length and SHA-256 with the manifest, then reads the rows:
schema, order, grain, and the totals that the manifest gives, and opens the workbooks and compares their figures. It
compares every day of the audit log with the digest of its publication, and checks that the digests follow from each
other.`,
		Example: `  usagereport verify --config usagereport.yaml
  usagereport verify --config usagereport.yaml --date 2026-11-21`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if date != "" {
				if _, err := parseDate("date", date); err != nil {
					return err
				}
			}
			n, err := openNight(c, path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.Lake.Close()) }()
			v, err := jobs.Verify(c.Context(), n.Lake, lake.Date(date), n.Scratch)
			if errors.Is(err, lake.ErrNoSnapshot) {
				return fmt.Errorf("%w; 'usagereport runs' shows what was published", err)
			}
			if err != nil {
				return err
			}
			w := c.OutOrStdout()
			fmt.Fprintf(w, "snapshot %s, run %s: %d objects, %s bytes, all as the manifest says\n",
				v.Manifest.SnapshotDate, v.Manifest.RunID, v.Objects, grouped(v.Bytes))
			for _, log := range v.Manifest.Logs {
				fmt.Fprintf(w, "  %s: %s rows, sorted, grain unique\n", log.Table, grouped(v.Rows[log.Table]))
			}
			for _, b := range v.Manifest.Workbooks {
				fmt.Fprintf(w, "  %s: %s, as the manifest says\n", b.Name, counted(len(b.Sheets), "sheet"))
			}
			if v.Digests > 0 {
				fmt.Fprintf(w, "  audit log: every day as it was published; %s, each follows from those before it\n", counted(int(v.Digests), "digest"))
			}
			return nil
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&date, "date", "", "the snapshot date (default: the newest)")
	return c
}

func newSchema() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "schema",
		Short: "Print the data dictionary: every input dataset and every log",
		Example: `  usagereport schema --format md
  usagereport schema --format sql > tables.sql
  usagereport schema --format json | jq '.logs[].name'`,
		RunE: func(c *cobra.Command, _ []string) error {
			switch w := c.OutOrStdout(); format {
			case "md":
				return render.Markdown(w)
			case "json":
				return render.JSON(w)
			case "sql":
				return render.SQL(w)
			}
			return fmt.Errorf("%w: --format %q: expected md, json or sql", errUsage, format)
		},
	}
	c.Flags().StringVar(&format, "format", "md", "md, json or sql")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"md", "json", "sql"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of the program",
		Example: "  usagereport version",
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "usagereport "+version())
			return err
		},
	}
}
