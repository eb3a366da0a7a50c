package jobs

import (
	"context"
	"fmt"

	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/integration"
)

// maxPeopleKeys bounds how many keys of users are kept from one night to the next, 12 bytes each.
const maxPeopleKeys = 2_000_000

// notePeople compares the users of the year with those of the run before, and keeps them for the next. The state has them, as a
// run that fails leaves them as they are.
func (r *nightRun) notePeople(ctx context.Context, year *integration.Year) error {
	people, ok := year.People(calendar.Windows(r.date).SixMonths, maxPeopleKeys)
	if !ok {
		r.state.People, r.state.PeopleOf = "", ""
		return nil
	}
	if s := r.since; s != nil && s.manifest != nil && r.state.People != "" {
		if r.state.PeopleOf != s.manifest.RunID {
			s.notes = append(s.notes, fmt.Sprintf("users can be compared with those of run %s only", r.state.PeopleOf))
		} else if then, err := r.peopleBefore(ctx); err != nil {
			s.notes = append(s.notes, "its users could not be read: "+err.Error())
		} else {
			s.users = map[string]integration.PeopleChange{oneYearWindow: people.Since(then, false), sixMonthsWindow: people.Since(then, true)}
		}
	}
	name, err := r.blobs.putNamed(ctx, "people", people.Encode())
	if err != nil {
		return err
	}
	r.state.People, r.state.PeopleOf = name, runID(r.date, r.time)
	return nil
}

func (r *nightRun) peopleBefore(ctx context.Context) (*integration.People, error) {
	data, err := r.blobs.getNamed(ctx, r.state.People)
	if err != nil {
		return nil, err
	}
	p, err := integration.DecodePeople(data)
	if err != nil {
		return nil, damaged(r.state.People, err)
	}
	return p, nil
}

// whyUsers says why there are more or fewer users in a window. Nothing when that does not fit what was published.
func (s *since) whyUsers(window string, before, after int64) []lake.Reason {
	c, ok := s.users[window]
	if !ok || c.Before != before || c.After != after {
		return nil
	}
	return reasons(lake.Reason{Kind: lake.Added, By: c.Added}, lake.Reason{Kind: lake.Removed, By: -c.Removed},
		lake.Reason{Kind: lake.Merged, By: -c.Merged}, lake.Reason{Kind: lake.Split, By: c.Split})
}
