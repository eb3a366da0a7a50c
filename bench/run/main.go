// Command run measures the program as an operator meets it: whole processes on a folder that bench/gen made, a full run
// and the night after it, with wall time, processor time and peak memory, in rounds beside DuckDB making the
// Generation Log alone from the same files where Python has it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

type figures struct {
	wall, cpu time.Duration
	peak      int64 // bytes
}

func main() {
	dir := flag.String("dir", "bench-data", "what bench/gen made")
	date := flag.String("date", "2026-11-21", "the run date that bench/gen was given")
	rounds := flag.Int("rounds", 3, "how often each is run; the median counts")
	python := flag.String("python", "python3", "a Python with duckdb, for the comparison")
	flag.Parse()
	if err := run(context.Background(), *dir, *date, *rounds, *python); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir, date string, rounds int, python string) error {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return err
	}
	program := filepath.Join(dir, "usagereport")
	if _, err := measure(ctx, "go", "build", "-o", program, "./cmd/usagereport"); err != nil {
		return err
	}
	at := func(d time.Time, more ...string) []string {
		return append([]string{"run", "--config", filepath.Join(dir, "usagereport.yaml"),
			"--date", d.Format(time.DateOnly), "--run-time", d.Format(time.DateOnly) + "T02:30:00Z"}, more...)
	}
	hasDuckDB := exec.CommandContext(ctx, python, "-c", "import duckdb").Run() == nil
	var full, next, duck []figures
	for range rounds {
		if err := os.RemoveAll(filepath.Join(dir, "lake")); err != nil {
			return err
		}
		// The full run is of the day before the last, so that one day of events is new to the night after it.
		f, err := measure(ctx, program, at(day.AddDate(0, 0, -1), "--full")...)
		if err != nil {
			return err
		}
		full = append(full, f)
		if f, err = measure(ctx, program, at(day)...); err != nil {
			return err
		}
		next = append(next, f)
		if hasDuckDB {
			if f, err = measure(ctx, python, "bench/duckdb_generation_log.py", dir); err != nil {
				return err
			}
			duck = append(duck, f)
		}
	}
	show("full run, five logs", full)
	show("the next night", next)
	if !hasDuckDB {
		fmt.Println("DuckDB: not measured, " + python + " has no module duckdb")
		return nil
	}
	show("DuckDB, one log", duck)
	d := median(duck).wall.Seconds()
	fmt.Printf("ratio of medians: full run %.1f times as fast as DuckDB, the next night %.1f times\n",
		d/median(full).wall.Seconds(), d/median(next).wall.Seconds())
	return nil
}

func measure(ctx context.Context, name string, args ...string) (figures, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return figures{}, errors.Join(fmt.Errorf("%s: %w", cmd, err), errors.New(string(out)))
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return figures{}, errors.New("this system tells no resource usage")
	}
	return figures{
		wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak: usage.Maxrss << 10,
	}, nil
}

func median(all []figures) figures {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b figures) int { return int(a.wall - b.wall) })
	return all[len(all)/2]
}

func show(name string, all []figures) {
	m := median(all)
	peak := int64(0)
	for _, f := range all {
		peak = max(peak, f.peak)
	}
	fmt.Printf("%-22s wall %6.2f s, processor %6.2f s, peak memory %4d MiB (median of %d; the highest peak)\n",
		name, m.wall.Seconds(), m.cpu.Seconds(), peak>>20, len(all))
}
