package usage

import (
	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/rows"
)

// UserLog returns the User Log: today's members, with the first and last days of their logins and generations over
// all history seen, the members' own columns included, never after the day before the run (contract §2, §4).
// A revoked date is shown only while access is revoked. The caller releases the record.
func UserLog(run Run, today Today, known Known, seen *Activity) arrow.Record {
	out := rows.New(run.Mem, dictionary.UserLog.Schema())
	dayer := calendar.NewDayer(run.Zone)
	m := today.Members
	for i := range m.Len() {
		workspace, _ := m.Text("workspace_id", i)
		user, _ := m.Text("user_id", i)
		w, named := known.Workspaces.Find(workspace)
		active := truth(m, "user_active", i)
		days := seen.of(workspace, user)
		for _, own := range []struct {
			field string
			into  *span
		}{
			{"first_login_at", &days.logins}, {"last_login_at", &days.logins},
			{"first_generation_at", &days.generations}, {"last_generation_at", &days.generations},
		} {
			if d, ok := day(dayer, m, own.field, i); ok && d < run.Date {
				own.into.add(d)
			}
		}
		out.Text(workspace, true)
		out.Field(known.Workspaces, "workspace_name", w, named)
		out.Text(user, true)
		out.Field(m, "user_name", i, true)
		out.Field(m, "user_email", i, true)
		out.Field(m, "user_role", i, true)
		out.Field(m, "user_department", i, true)
		out.Bool(active)
		out.Date(day(dayer, m, "created_at", i))
		revoked, ok := day(dayer, m, "revoked_at", i)
		out.Date(revoked, ok && !active)
		out.Date(days.logins.first, days.logins.seen)
		out.Date(days.logins.last, days.logins.seen)
		out.Date(days.generations.first, days.generations.seen)
		out.Date(days.generations.last, days.generations.seen)
		out.Field(m, "invite_sent_from_email", i, true)
		out.Date(day(dayer, m, "invite_sent_at", i))
	}
	return out.Record()
}

// span is the first and last of some days.
type span struct {
	first, last calendar.Date
	seen        bool
}

func (s *span) add(d calendar.Date) {
	if !s.seen {
		*s = span{d, d, true}
		return
	}
	s.first, s.last = min(s.first, d), max(s.last, d)
}

func (s *span) join(o span) {
	if o.seen {
		s.add(o.first)
		s.add(o.last)
	}
}

type userDays struct{ logins, generations span }

// Activity is, for each user of each workspace, the first and last days with a login and with a generation.
type Activity struct {
	users map[[2]string]userDays
}

// NewActivity returns an Activity in which nobody has done anything.
func NewActivity() *Activity { return &Activity{users: map[[2]string]userDays{}} }

func (a *Activity) of(workspace, user string) userDays { return a.users[[2]string{workspace, user}] }

func (a *Activity) join(workspace, user string, days userDays) {
	key := [2]string{workspace, user}
	have := a.users[key]
	have.logins.join(days.logins)
	have.generations.join(days.generations)
	a.users[key] = have
}
