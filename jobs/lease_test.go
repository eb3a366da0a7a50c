package jobs_test

import (
	"errors"
	"testing"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
)

// TestLeaseHeld refuses to run beside another run, says so by its exit code, and runs once that one is done (contract §8).
func TestLeaseHeld(t *testing.T) {
	w, b := newHub(t), newBucket(t)
	w.write(t)
	lease, err := openLake(t, b, "mem:", "").Acquire(t.Context(), "another")
	if err != nil {
		t.Fatal(err)
	}
	_, err = newNight(t, w, b, reportNight).Run(t.Context(), jobs.Request{})
	if held := new(lake.HeldError); !errors.As(err, &held) || held.Holder != "another" || jobs.ExitCode(err) != jobs.ExitLease {
		t.Errorf("got %v (exit %d), want what another run holds", err, jobs.ExitCode(err))
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, w, b, reportNight, jobs.Request{})
	run(t, w, b, reportNight, jobs.Request{}) // which released it at once
}
