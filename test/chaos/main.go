//go:build unix

// Command chaos proves the promises of docs/publishing.md on the real program: it runs it against an S3 server and a
// file bucket, kills it, stops it and starts it twice, and after each time looks at the bucket as readers do. It never
// looks into the program, nor has the program a hook for it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	// The two kinds of bucket that are attacked.
	_ "gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob"
)

// options are the flags.
type options struct {
	kills, races, pauses int
	only                 int // the number of the one attack to carry out, or negative
	wait                 bool
	seed                 uint64
	buckets              []string
	mutants              string
	workers              int
	verbose              bool
	s3                   string // the URL of the S3 server's bucket
}

func main() {
	var o options
	var buckets string
	flag.IntVar(&o.kills, "kills", 0, "how many processes to kill, over all buckets")
	flag.IntVar(&o.only, "attack", -1, "with -kills and -seed as they were: carry out the attack of that number alone")
	flag.IntVar(&o.races, "races", 0, "how often to start two runs at once, on each bucket")
	flag.IntVar(&o.pauses, "pauses", 0, "how many processes to stop while they publish and wake up after a take-over, on each bucket")
	flag.BoolVar(&o.wait, "wait", false, "with -pauses: let every lease end by itself, which takes two minutes in all; else end it at once")
	flag.Uint64Var(&o.seed, "seed", 0, "decides what is done in which order (default: by the clock)")
	flag.StringVar(&buckets, "bucket", "file,s3", "the kinds of bucket; s3 needs USAGEREPORT_TEST_S3_URL")
	flag.StringVar(&o.mutants, "mutants", "", "attack programs with the protocol broken on purpose, by their names, or all: each must be found out")
	flag.IntVar(&o.workers, "workers", runtime.NumCPU(), "how many lakes are attacked at the same time")
	flag.BoolVar(&o.verbose, "v", false, "tell of every attack")
	flag.Parse()
	o.buckets, o.s3 = strings.Split(buckets, ","), os.Getenv("USAGEREPORT_TEST_S3_URL")
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())
	}
	if err := attackUntilStopped(o); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func attackUntilStopped(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return attack(ctx, o, os.Stdout)
}

// attack does what the options ask for, one after the other, and prints the figures of each.
func attack(ctx context.Context, o options, out io.Writer) (err error) {
	fmt.Fprintf(out, "seed %d\n", o.seed)
	work, err := os.MkdirTemp("", "usagereport-chaos-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if o.mutants != "" {
		return attackMutants(ctx, o, work, out)
	}
	began := time.Now()
	h, err := newHarness(ctx, o, work, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close(context.WithoutCancel(ctx))) }()
	if o.verbose {
		fmt.Fprintf(out, "the program is built and has made its undisturbed nights: %d s\n", int(time.Since(began).Seconds()))
		for kind, all := range h.profile {
			for name, p := range all {
				fmt.Fprintf(out, "  %s, %s: %v, %v\n", kind, name, p.took.Round(time.Millisecond), p.n)
			}
		}
	}
	for _, series := range []func(context.Context, io.Writer) error{h.killMany, h.raceMany, h.pauseMany} {
		if err := series(ctx, out); err != nil {
			return fmt.Errorf("%w\nseed %d", err, o.seed)
		}
	}
	fmt.Fprintf(out, "every rule held; %d s\n", int(time.Since(began).Seconds()))
	return nil
}
