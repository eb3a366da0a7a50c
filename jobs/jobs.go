// Package jobs runs the night: it plans what to read, feeds sources through transforms into sinks, checks what came
// out and publishes it. It knows no driver and no environment: cmd wires those.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/conform"
	"github.com/usagereport/usagereport/transforms/current"
)

// Sentinels of a run that callers branch on.
var (
	ErrCheck  = errors.New("the data failed a check")
	ErrConfig = errors.New("the config does not fit the sources")
	// ErrPartial says that a snapshot lacks a part that is bound, since a source was down, and has the others.
	ErrPartial = errors.New("published in part")
)

// Night is what every run of one config shares. Its fields are set once, by cmd.
type Night struct {
	Config   *config.Config
	Lake     *lake.Lake
	Log      *slog.Logger
	Now      func() time.Time
	Version  string // of the program, published with every run
	Scratch  string // folder for temporary files; empty: the system's
	Progress Progress
	Mem      memory.Allocator

	// What passes the time before something is tried again, and what makes up how much; nil: a timer, and chance.
	Wait   func(ctx context.Context, d time.Duration) error
	Random func() float64 // from 0 to less than 1
}

// Request says which run is wanted.
type Request struct {
	Date    *calendar.Date // D; nil: today in the reporting zone
	RunTime time.Time      // zero: now
	Full    bool           // read everything again, whatever the state knows
	DryRun  bool           // publish nothing and keep no state
	// Whole publishes everything that is bound or nothing: it is for a date that lacks a part only, so that nothing is gained
	// by publishing the rest again. What can be missing is read first.
	Whole bool
}

// Progress hears how a run gets on. It is called from several goroutines.
type Progress interface {
	// Stage says that a part of the run began.
	Stage(name string)
	// Rows says that the current stage has handled so many more rows.
	Rows(n int64)
}

// quiet is the Progress of a run that nobody watches.
type quiet struct{}

func (quiet) Stage(string) {}
func (quiet) Rows(int64)   {}

// Outcome is what a run did.
type Outcome struct {
	Manifest  lake.Manifest
	Published bool // false for a dry run
	Retries   []lake.Retry
	Took      time.Duration
}

// Exit codes of the program (contract §10).
const (
	ExitDone   = 0
	ExitRetry  = 1
	ExitConfig = 2
	ExitData   = 3
	ExitLease  = 75
)

// ExitCode tells the exit code that an error of this package, or of those it uses, stands for.
func ExitCode(err error) int {
	if err == nil {
		return ExitDone
	}
	for _, c := range []struct {
		is   error
		code int
	}{
		{lake.ErrHeld, ExitLease}, {ErrPartial, ExitRetry}, {lake.ErrLeaseLost, ExitRetry}, {lake.ErrUnconditional, ExitConfig},
		{ErrCheck, ExitData}, {current.ErrConflict, ExitData}, {conform.ErrSchema, ExitData}, {lake.ErrCorrupt, ExitData},
		{sources.ErrUnreadable, ExitData},
		{config.ErrInvalid, ExitConfig}, {ErrConfig, ExitConfig}, {sources.ErrDenied, ExitConfig}, {sources.ErrNotFound, ExitConfig},
		{sources.ErrQuery, ExitConfig}, {sources.ErrUnsupported, ExitConfig}, {lake.ErrUnsupported, ExitConfig},
		{lake.ErrDenied, ExitConfig}, {lake.ErrNoSnapshot, ExitConfig},
	} {
		if errors.Is(err, c.is) {
			return c.code
		}
	}
	return ExitRetry
}

// runID names a run: the same date and run time give the same id, so that the same input gives the same bytes.
func runID(date calendar.Date, at time.Time) string {
	return fmt.Sprintf("%s-%s", at.UTC().Format("20060102T150405Z"), date)
}
