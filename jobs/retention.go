package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/usagereport/usagereport/sinks/lake"
)

// retention is what the config says of how long things are kept.
func (n *Night) retention() lake.Retention {
	c := n.Config.Retention
	return lake.Retention{
		SnapshotsDays: c.SnapshotsDays, ReportsDays: c.ReportsDays, QuarantineDays: c.QuarantineDays, RunsDays: c.RunsDays, AccessDays: c.AccessDays,
	}
}

// refuseExpired refuses to publish a date that would be deleted at once for its age.
func (r *nightRun) refuseExpired(ctx context.Context) error {
	policy := r.night.retention()
	if policy.SnapshotsDays == 0 {
		return nil
	}
	var latest *lake.Pointer
	err := r.lake(ctx, "read "+lake.LatestKey, func(ctx context.Context) (err error) {
		latest, err = r.night.Lake.Pointer(ctx)
		return err
	})
	if errors.Is(err, lake.ErrNoSnapshot) {
		return nil
	}
	if err != nil {
		return err
	}
	if date := lake.Date(r.date.String()); policy.Expires(date, latest.SnapshotDate) {
		return fmt.Errorf("%w: %s is more than retention.snapshots_days (%d) before the newest snapshot, %s: it would be deleted at once; "+
			"raise retention.snapshots_days to publish it", ErrConfig, date, policy.SnapshotsDays, latest.SnapshotDate)
	}
	return nil
}

// retain deletes what is old. What is published and saved stays so: when it fails the record tells, and the next run tries
// again.
func (r *nightRun) retain(ctx context.Context, lease *lake.Lease) {
	policy := r.night.retention()
	if policy == (lake.Retention{}) {
		return
	}
	r.night.progress().Stage("delete what is old")
	done, err := lease.Retain(ctx, policy)
	if err != nil {
		done.Error = err.Error()
		r.night.Log.Warn("not all that is old was deleted; the next run tries again", "error", err)
	}
	if !done.Nothing() {
		r.retained = done
		r.night.Log.Info("deleted for their age", "thinned", len(done.Thinned), "expired", len(done.Expired), "snapshot_objects", done.Snapshots.Objects,
			"quarantine", done.Quarantine.Objects, "runs", done.Runs.Objects, "access", done.Access.Objects)
	}
}
