package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
)

// Streak is a row of runs that failed, one after the other.
type Streak struct {
	Runs  int       `json:"runs"`
	First string    `json:"first_run_id"`
	Since time.Time `json:"since"` // the run time of the first
}

func (s *Streak) add(id string, at time.Time) {
	if s.Runs == 0 || at.Before(s.Since) {
		s.First, s.Since = id, at
	}
	s.Runs++
}

// maxStreak bounds how many records are read: one each.
const maxStreak = 100

// failures returns the runs that failed right before the newest, which has the id. Runs that were stopped, or that found
// another one under way, say nothing.
func failures(ctx context.Context, history History, id string) (s Streak, err error) {
	for r, err := range history.Runs(ctx) {
		if err != nil {
			return Streak{}, fmt.Errorf("read the records of runs: %w", err)
		}
		if r.ID == id {
			continue
		}
		rec, err := r.Record()
		if err != nil {
			return Streak{}, fmt.Errorf("read the record of run %s: %w", r.ID, err)
		}
		switch {
		case rec.ExitCode == jobs.ExitLease || rec.Status == lake.RunCancelled:
		case rec.ExitCode == jobs.ExitDone:
			return s, nil
		default:
			if s.add(rec.RunID, rec.RunTime); s.Runs == maxStreak {
				return s, nil
			}
		}
	}
	return s, nil
}
