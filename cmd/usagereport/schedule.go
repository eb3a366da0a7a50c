package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/jobs/notify"
	"github.com/usagereport/usagereport/jobs/schedule"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
)

func newSchedule() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "schedule",
		Short: "Stay up, and make the nightly run on the times of the config",
		Long: `schedule stays up and makes the nightly run at the times of schedule.cron, in the reporting zone. What is due follows
from what is published: after a gap, of whatever kind, the dates that are missing are made, oldest first, from
schedule.catch_up_days before the newest on. A time that a change of the clocks leaves out comes right after it.

A run that failed is made again after a minute, then two, four and so on, up to half an hour; if its config or data is
wrong (exit codes 2 and 3), at the next time of schedule.cron. The config is read again before each run.

On SIGTERM or Ctrl-C the program ends after the run under way, or abandons that after schedule.grace_period; a second
signal ends it at once. schedule.listen serves /healthz and /livez; schedule.status_file says what ran and what is next.`,
		Example: `  usagereport schedule --config /etc/usagereport/usagereport.yaml`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			n, err := openNight(c, path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.Lake.Close()) }()
			if interactive() {
				n.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
			}
			d := &daemon{path: path, night: n, current: n.Config, told: func(schedule.Status) {}}
			return d.serve(c.Context())
		},
	}
	configFlag(c, &path)
	return c
}

// daemon is what `usagereport schedule` does: a scheduler, and those who hear of it.
type daemon struct {
	path    string
	night   *jobs.Night    // with the config from the start
	current *config.Config // of the newest run; only runs touch it
	word    notify.Told    // what runs have told people; likewise
	told    func(schedule.Status)
	health  schedule.Health
	silent  bool // the status file could not be written, and that was said
}

// serve works until ctx is cancelled, and the run that is then under way has ended.
func (d *daemon) serve(ctx context.Context) (err error) {
	cfg, log := d.night.Config, d.night.Log
	spec, err := config.ParseCron(cfg.Schedule.Cron)
	if err != nil {
		return fmt.Errorf("schedule.cron: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("the name of this machine: %w", err)
	}
	delay := schedule.Delay(host+"\x00"+d.night.Lake.Name(), cfg.Schedule.Jitter)
	s := schedule.Scheduler{
		Times: schedule.NewTimes(spec, cfg.Location(), delay), CatchUpDays: cfg.Schedule.CatchUpDays,
		Deadline: cfg.Schedule.Deadline, Grace: cfg.Schedule.GracePeriod, Now: d.night.Now,
		Published: d.published, Lacking: d.lacking, Run: d.run, Kind: kindOf, Tell: d.tell, Log: log,
	}
	if path := cfg.Schedule.StatusFile; path != "" {
		if err := writeStatus(path, d.health.Healthy()); err != nil {
			return fmt.Errorf("%w: schedule.status_file: %w", config.ErrInvalid, err)
		}
	}
	if address := cfg.Schedule.Listen; address != "" {
		stop, listenErr := d.listen(ctx, address)
		if listenErr != nil {
			return listenErr
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	log.Info("schedule began", "cron", cfg.Schedule.Cron, "zone", cfg.Location().String(), "delay", delay.String(),
		"catch_up_days", cfg.Schedule.CatchUpDays, "deadline", cfg.Schedule.Deadline.String(), "lake", d.night.Lake.Name())
	s.Serve(ctx)
	log.Info("schedule ended")
	return nil
}

// published returns the dates that have a manifest.
func (d *daemon) published(ctx context.Context) ([]calendar.Date, error) {
	names, err := d.night.Lake.Dates(ctx)
	if err != nil {
		return nil, err
	}
	dates := make([]calendar.Date, len(names))
	for i, name := range names {
		if dates[i], err = calendar.ParseDate(string(name)); err != nil {
			return nil, err
		}
	}
	return dates, nil
}

// lacking returns the parts that a published date lacks.
func (d *daemon) lacking(ctx context.Context, date calendar.Date) (parts []string, err error) {
	m, err := d.night.Lake.Manifest(ctx, lake.Date(date.String()))
	if errors.Is(err, lake.ErrNoSnapshot) || errors.Is(err, lake.ErrCorrupt) {
		return nil, nil // verify tells what is wrong with it
	}
	if err != nil {
		return nil, err
	}
	for _, part := range m.Missing() {
		parts = append(parts, part.Name)
	}
	return parts, nil
}

// run makes one date, with the config as it is now. What stands in part is made anew when it can be made as a whole: the parts
// that it has need no second run.
func (d *daemon) run(ctx context.Context, date calendar.Date) error {
	d.reload(ctx)
	parts, err := d.lacking(ctx, date)
	if err != nil {
		return err
	}
	n := *d.night
	n.Config = d.current
	_, err = nightly(ctx, &n, jobs.Request{Date: &date, Whole: len(parts) > 0}, &d.word)
	return err
}

// reload takes over the config file as it is now: its queries, and secrets that were renewed. If that cannot be, the
// nights go on with the one from before, since a file that somebody is writing must not cost a night.
func (d *daemon) reload(ctx context.Context) {
	cfg, err := loadConfig(ctx, d.path)
	if err != nil {
		d.night.Log.Error("the config cannot be used as it is now; the run has the one from before", "error", err)
		return
	}
	if !sameService(d.night.Config, cfg) {
		d.night.Log.Warn("timezone, lake or schedule have changed in the config, which needs a restart; the run has the config from before",
			"config", d.path)
		return
	}
	d.current = cfg
}

// sameService tells whether two configs agree in what a scheduler keeps for as long as it lives.
func sameService(a, b *config.Config) bool {
	s, t := a.Schedule, b.Schedule
	return a.Timezone == b.Timezone && a.Lake.Bucket.Reveal() == b.Lake.Bucket.Reveal() && a.Lake.Prefix == b.Lake.Prefix &&
		s.Cron == t.Cron && s.CatchUpDays == t.CatchUpDays && s.Jitter == t.Jitter && s.Deadline == t.Deadline &&
		s.GracePeriod == t.GracePeriod && s.StatusFile == t.StatusFile && s.Listen == t.Listen
}

// kindOf tells from the exit code that a run would end with whether it is worth another try.
func kindOf(err error) schedule.Kind {
	if errors.Is(err, jobs.ErrPartial) {
		return schedule.Partial
	}
	switch jobs.ExitCode(err) {
	case jobs.ExitLease:
		return schedule.Held
	case jobs.ExitConfig, jobs.ExitData:
		return schedule.Hopeless
	}
	return schedule.Retry
}

// tell passes a status on to those who ask and to the file.
func (d *daemon) tell(s schedule.Status) {
	d.health.Tell(s)
	if path := d.night.Config.Schedule.StatusFile; path != "" {
		err := writeStatus(path, s)
		if err != nil && !d.silent {
			d.night.Log.Error("the status file cannot be written", "error", err)
		}
		d.silent = err != nil
	}
	d.told(s)
}

// writeStatus replaces the status file: a reader finds the old one or the new one.
func writeStatus(path string, s schedule.Status) (err error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the status: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to report
		}
	}()
	_, err = f.Write(append(data, '\n'))
	// A power cut must not leave a new name without content; and it is for others to read.
	if err = errors.Join(err, f.Sync(), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// listen answers probes, until stop.
func (d *daemon) listen(ctx context.Context, address string) (stop func() error, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("schedule.listen: %w", err)
	}
	server := &http.Server{Handler: d.probes(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	d.night.Log.Info("listening", "address", l.Addr().String())
	return func() error {
		closed := server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("answer on schedule.listen: %w", err)
		}
		return closed
	}, nil
}

// probes answers with the status as JSON, and 503 if it tells of a problem.
func (d *daemon) probes() http.Handler {
	answer := func(look func() schedule.Status) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			s := look()
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			if s.Problem != "" {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_ = json.NewEncoder(w).Encode(s) // whoever asked has gone
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", answer(d.health.Healthy))
	mux.Handle("GET /livez", answer(d.health.Alive))
	return mux
}
