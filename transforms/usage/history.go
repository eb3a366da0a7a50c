package usage

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/rows"
)

var historySchema = arrow.NewSchema([]arrow.Field{
	{Name: "workspace_id", Type: arrow.BinaryTypes.String},
	{Name: "user_id", Type: arrow.BinaryTypes.String},
	{Name: "first_login", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "last_login", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "first_generation", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "last_generation", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
}, nil)

// Record returns the activity as a batch of users × (workspace_id, user_id and four days), sorted, to be kept for a
// later night. The caller releases it.
func (a *Activity) Record(mem memory.Allocator) arrow.Record {
	keys := make([][2]string, 0, len(a.users))
	for k := range a.users {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y [2]string) int { return slices.Compare(x[:], y[:]) })
	out := rows.New(mem, historySchema)
	for _, k := range keys {
		d := a.users[k]
		out.Text(k[0], true)
		out.Text(k[1], true)
		out.Date(d.logins.first, d.logins.seen)
		out.Date(d.logins.last, d.logins.seen)
		out.Date(d.generations.first, d.generations.seen)
		out.Date(d.generations.last, d.generations.seen)
	}
	return out.Record()
}

// Load adds what Record returned.
func (a *Activity) Load(rec arrow.Record) error {
	if !rec.Schema().Equal(historySchema) {
		return fmt.Errorf("usage: history has other columns: %s", rec.Schema())
	}
	workspaces, users := rec.Column(0).(*array.String), rec.Column(1).(*array.String)
	read := func(c, i int) (s span) {
		if first := rec.Column(c).(*array.Date32); first.IsValid(i) {
			s = span{calendar.Date(first.Value(i)), calendar.Date(rec.Column(c + 1).(*array.Date32).Value(i)), true}
		}
		return s
	}
	for i := range int(rec.NumRows()) {
		a.join(workspaces.Value(i), users.Value(i), userDays{logins: read(2, i), generations: read(4, i)})
	}
	return nil
}

// Add joins all of b into a.
func (a *Activity) Add(b *Activity) {
	for k, d := range b.users {
		a.join(k[0], k[1], d)
	}
}

// FoldLogins notes the days of logins before a day: what is kept of events that the source has dropped (contract §2).
func (a *Activity) FoldLogins(m *facts.Merger, before calendar.Date) error {
	return a.fold(m, loginUser, before, func(d *userDays, s span) { d.logins = s })
}

// FoldGenerations is FoldLogins for generations.
func (a *Activity) FoldGenerations(m *facts.Merger, before calendar.Date) error {
	return a.fold(m, genUser, before, func(d *userDays, s span) { d.generations = s })
}

func (a *Activity) fold(m *facts.Merger, user int, before calendar.Date, put func(*userDays, span)) error {
	users := newUserSpans(len(m.Values(user)))
	for block, err := range m.Blocks() {
		if err != nil {
			return err
		}
		if block.Day >= before {
			continue
		}
		for _, c := range block.Cols[user] {
			users.add(c, block.Day)
		}
		workspace := ""
		if block.Workspace > 0 {
			workspace = m.Values(0)[block.Workspace-1]
		}
		users.flush(workspace, m.Values(user), a, put)
	}
	return nil
}
