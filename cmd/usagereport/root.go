package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
)

var (
	// errUsage is what every error of a command line is.
	errUsage = errors.New("wrong command line")
	// errReported is wrapped by errors that the user has already been shown in full.
	errReported = errors.New("reported")
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "usagereport",
		Short: "Nightly usage reports, from your systems to your data lake",
		Long: `usagereport pulls from a company's source systems every night, makes five usage logs, an audit log and two usage
reports of what it pulled, and publishes them to a bucket: Parquet for the data lake, Excel workbooks for people.

Exit codes: 0 done; 1 failed, a retry may help; 2 the command line or the config is wrong;
3 the data failed a check; 75 another run holds the lease.`,
		Example: `  usagereport demo --dir ./demo-data       see it work, with nothing to set up
  usagereport check --config usagereport.yaml
  usagereport run --config usagereport.yaml`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		what := err.Error()
		if before, _, isNumber := strings.Cut(what, ": strconv."); isNumber {
			what = before + ": expected a whole number"
		}
		return fmt.Errorf("%w: %s\nSee '%s --help'.", errUsage, what, c.CommandPath())
	})
	root.AddCommand(newDemo(), newRun(), newSchedule(), newBackfill(), newCheck(), newVerify(), newRuns(), newExplainUser(), newKey(), newServe(),
		newSchema(), newVersion())
	for _, c := range root.Commands() {
		if c.Args == nil {
			c.Args = noArgs
		}
	}
	root.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := ""
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf("; did you mean %q?", near[0])
		}
		return fmt.Errorf("%w: unknown command %q%s\nSee 'usagereport --help'.", errUsage, args[0], hint)
	}
	root.SuggestionsMinimumDistance = 2
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	root.InitDefaultCompletionCmd("completion") // made now, so that a shell it does not know is a wrong command line
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Args = cobra.ArbitraryArgs
		completion.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return fmt.Errorf("%w: unknown shell %q: expected bash, fish, powershell or zsh\nSee '%s --help'.", errUsage, args[0], c.CommandPath())
		}
	}
	return root
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: %s takes no argument, found %q\nSee '%s --help'.", errUsage, c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}

// configFlag adds --config to a command that needs one.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "usagereport.yaml", "the config file")
	_ = c.MarkFlagFilename("config", "yaml", "yml") // it fails only for a flag that is not there
}

// openNight loads the config and opens the lake. The caller closes the Night's lake.
func openNight(c *cobra.Command, path string) (*jobs.Night, error) {
	cfg, err := loadConfig(c.Context(), path)
	if err != nil {
		return nil, err
	}
	l, err := lake.Open(c.Context(), cfg.Lake.Bucket.Reveal(), cfg.Lake.Prefix)
	if err != nil {
		return nil, fmt.Errorf("open the lake: %w", err)
	}
	n := &jobs.Night{
		Config: cfg, Lake: l, Log: newLogger(), Now: time.Now, Version: version(), Scratch: os.TempDir(),
		Mem: memory.NewGoAllocator(),
	}
	return n, nil
}

func loadConfig(ctx context.Context, path string) (*config.Config, error) {
	return config.Load(ctx, path, config.Env{LookupEnv: os.LookupEnv, ReadFile: os.ReadFile, OpenVar: config.OpenVar})
}

// newLogger returns the logger of the program: text for a person at a terminal, JSON for machines.
func newLogger() *slog.Logger {
	if interactive() {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, nil))
}

func interactive() bool { return term.IsTerminal(int(os.Stderr.Fd())) }

// buildVersion is set by the linker in builds that are to be given away.
var buildVersion string

func version() string {
	if buildVersion != "" {
		return buildVersion
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}

func parseDate(flag, text string) (calendar.Date, error) {
	d, err := calendar.ParseDate(text)
	if err != nil {
		return 0, fmt.Errorf("%w: --%s %q: expected a day as 2026-11-21", errUsage, flag, text)
	}
	return d, nil
}
