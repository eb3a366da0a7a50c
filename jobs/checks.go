package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/parquetfile"
	"github.com/usagereport/usagereport/transforms/usage"
)

// check notes a check; a failed one fails the run once all are made (contract §9).
func (r *nightRun) check(name string, ok bool, figures map[string]int64, detail string) {
	if ok {
		detail = ""
	}
	r.checks = append(r.checks, lake.Check{Name: name, OK: ok, Figures: figures, Detail: detail})
}

// checkLog notes what can be told of one log: its rows are in order and no two have the same grain, and no column
// that is never null holds nulls.
func (r *nightRun) checkLog(def *dictionary.Table, sum parquetfile.Summary, disorder error) {
	detail := ""
	if err := disorder; err != nil {
		detail = err.Error()
	}
	r.check("grain_unique:"+def.Name, detail == "", map[string]int64{"rows": sum.Rows}, detail)
	nulls := map[string]int64{}
	for i, f := range def.Fields {
		if f.Required && sum.Columns[i].Nulls > 0 {
			nulls[f.Name] = sum.Columns[i].Nulls
		}
	}
	r.check("required_not_null:"+def.Name, len(nulls) == 0, nulls, fmt.Sprintf("nulls in %s", strings.Join(slices.Sorted(maps.Keys(nulls)), ", ")))
}

// readBack opens a written object again: its footer says what was written, and the reader agrees.
func (r *nightRun) readBack(ctx context.Context, o *lake.Object, def *dictionary.Table, want parquetfile.Summary) error {
	at, err := o.ReaderAt(ctx)
	if err != nil {
		return fmt.Errorf("read back %s: %w", def.Name, err)
	}
	got, _, err := parquetfile.Inspect(at, at.Size(), def)
	if err != nil {
		return fmt.Errorf("read back %s: %w", def.Name, err)
	}
	if got.Rows != want.Rows || got.RowGroups != want.RowGroups {
		return fmt.Errorf("read back %s: %w: %d rows in %d row groups were written, the file says %d in %d",
			def.Name, ErrCheck, want.Rows, want.RowGroups, got.Rows, got.RowGroups)
	}
	return nil
}

// checkTotals compares the total of the Generation Log with the events it was made of, and counts the rows of the
// event logs that join nothing of today: users and agents that the sources no longer hold (contract §3).
func (r *nightRun) checkTotals(published int64, activity, generations usage.Totals) {
	window := r.window()
	distinct := r.gens.distinct(window)
	r.check("generation_total", published == distinct && published == generations.Facts, map[string]int64{
		"content_generations": published, "distinct_source_events": distinct, "daily_facts": generations.Facts,
	}, "the Generation Log's total, the distinct source events in the window and the sum of the daily facts differ")
	logins := r.logins.distinct(window)
	r.check("login_total", logins == activity.Facts, map[string]int64{
		"distinct_source_events": logins, "daily_facts": activity.Facts,
	}, "the distinct logins in the window and the sum of the daily facts differ")
	members, creators := r.orphans()
	r.check("joins", true, map[string]int64{
		"user_activity_log_without_user": activity.NoUser,
		"generation_log_without_user":    generations.NoUser,
		"generation_log_without_agent":   generations.NoAgent,
		"group_members_log_without_user": members, "group_members_log_without_creator": creators,
	}, "")
}

// orphans counts the rows of the Group Members Log whose member, and whose group's creator, is no member of the workspace.
func (r *nightRun) orphans() (members, creators int64) {
	today := r.tables.today
	gm, groups := today["group_members"], today["groups"]
	for i := range gm.Len() {
		workspace, _ := gm.Text("workspace_id", i)
		user, _ := gm.Text("user_id", i)
		if _, ok := today["members"].Find(workspace, user); !ok {
			members++
		}
		group, _ := gm.Text("group_id", i)
		g, ok := groups.Find(workspace, group)
		if !ok {
			continue
		}
		if creator, ok := groups.Text("creator_user_id", g); ok {
			if _, ok := today["members"].Find(workspace, creator); !ok {
				creators++
			}
		}
	}
	return members, creators
}

// failed returns an ErrCheck that names the failed checks, nil when there are none.
func failed(checks []lake.Check) error {
	var errs []error
	for _, c := range checks {
		if !c.OK {
			errs = append(errs, fmt.Errorf("%w: %s: %s (figures: %v)", ErrCheck, c.Name, c.Detail, c.Figures))
		}
	}
	return errors.Join(errs...)
}
