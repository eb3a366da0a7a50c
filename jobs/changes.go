package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/integration"
)

// Units of figures. Those of workbooks are the labels of their Summary.
const (
	unitRows   = "rows"
	unitEvents = "events"
)

// since is the earlier run that a run is compared with: that of the newest snapshot up to the run date, which on most nights
// is yesterday's, and when a date is published again that of the date itself.
type since struct {
	manifest *lake.Manifest // nil when there is none
	days     *lake.RunDays  // nil when there are none
	notes    []string
	keys     map[*dictionary.Table]*keyed // of logs of how things are

	users map[string]integration.PeopleChange           // by window
	rows  map[*dictionary.Table]map[calendar.Date]int64 // tonight's, of logs with a window
	dayer *calendar.Dayer
}

// lookBack finds the run to compare with and reads what the comparison needs, before it may be published over. What
// cannot be read is noted: a run never fails for it.
func (r *nightRun) lookBack(ctx context.Context) {
	if r.dry {
		return
	}
	s := &since{
		keys: map[*dictionary.Table]*keyed{}, rows: map[*dictionary.Table]map[calendar.Date]int64{}, dayer: calendar.NewDayer(r.zone),
	}
	r.since = s
	var err error
	if s.manifest, err = r.earlier(ctx); err != nil {
		s.notes = append(s.notes, "the earlier snapshot could not be read: "+err.Error())
		return
	}
	if s.manifest == nil {
		s.notes = append(s.notes, "there is no earlier snapshot")
		return
	}
	if s.manifest.TimeZone != r.zone.String() {
		s.notes = append(s.notes, fmt.Sprintf("the reporting zone was %s: its days cannot be compared", s.manifest.TimeZone))
	} else if s.days, err = r.night.Lake.RunDays(ctx, s.manifest.RunID); err != nil {
		s.notes = append(s.notes, "its figures by day could not be read: "+err.Error())
	}
	for _, log := range keyedLogs {
		keys, err := readKeys(ctx, r.night, s.manifest, log)
		if err != nil {
			s.notes = append(s.notes, fmt.Sprintf("its %s could not be read: %v", log.def.Name, err))
		} else if keys != nil {
			s.keys[log.def] = keys
		}
	}
}

// earlier returns the newest manifest up to the run date, nil when there is none.
func (r *nightRun) earlier(ctx context.Context) (*lake.Manifest, error) {
	dates, err := r.night.Lake.Dates(ctx)
	if err != nil {
		return nil, err
	}
	for _, date := range slices.Backward(dates) {
		if date > lake.Date(r.date.String()) {
			continue
		}
		m, err := r.night.Lake.Manifest(ctx, date)
		if !errors.Is(err, lake.ErrNoSnapshot) {
			return m, err
		}
	}
	return nil, nil
}

// compare says what changed since the run that was found, and leaves the figures of this one for the next. It comes after
// everything is made, and before it is published.
func (r *nightRun) compare(ctx context.Context) {
	if r.since == nil {
		return
	}
	now := r.runDays()
	r.changes = r.difference(now)
	if err := r.night.Lake.PutRunDays(ctx, now); err != nil {
		r.night.Log.Warn("the next run cannot be compared with this one", "error", err)
	}
}

// windowed are the logs with a window and the events that they are made of.
func (r *nightRun) windowed() []windowedLog {
	w := calendar.Windows(r.date)
	return []windowedLog{
		{dictionary.UserActivityLog, r.logins, w.Year}, {dictionary.GenerationLog, r.gens, w.Year}, {dictionary.AuditLog, r.audit, w.Audit},
		{nil, r.syncs, w.OneYear}, {nil, r.seen, w.OneYear},
	}
}

type windowedLog struct {
	def  *dictionary.Table // nil when the events are on sheets of reports alone
	set  *eventSet         // nil when it is not made tonight
	days calendar.Days
}

// runDays is this run's figures by day.
func (r *nightRun) runDays() *lake.RunDays {
	info := r.info()
	out := &lake.RunDays{Format: 1, RunID: info.RunID, SnapshotDate: info.SnapshotDate, TimeZone: info.TimeZone, Figures: []lake.DayFigure{}}
	for _, log := range r.windowed() {
		if log.set == nil || log.set.after == nil || log.set.after.Days == nil {
			continue
		}
		out.Figures = append(out.Figures, byDay(log.set.def.Name, unitEvents, log.days, log.set.after.Days))
		if log.def != nil {
			out.Figures = append(out.Figures, byDay(log.def.Name, unitRows, log.days, r.since.rows[log.def]))
		}
	}
	return out
}

func byDay(figure, unit string, days calendar.Days, counts map[calendar.Date]int64) lake.DayFigure {
	f := lake.DayFigure{Figure: figure, Unit: unit, From: lake.Date(days.From.String()), Counts: make([]int64, days.Len())}
	for i := range f.Counts {
		f.Counts[i] = counts[days.From.AddDays(i)]
	}
	return f
}

// difference compares the run with the earlier one.
func (r *nightRun) difference(now *lake.RunDays) *lake.Changes {
	s := r.since
	out := &lake.Changes{Note: strings.Join(s.notes, "; "), Figures: []lake.Change{}, Sources: r.sources()}
	if s.manifest == nil {
		return out
	}
	out.RunID, out.SnapshotDate = s.manifest.RunID, s.manifest.SnapshotDate
	for _, log := range r.logs {
		i := slices.IndexFunc(s.manifest.Logs, func(l lake.Log) bool { return l.Table == log.Table })
		if i < 0 {
			continue // it was not published then
		}
		out.Figures = append(out.Figures, r.logChange(now, log, s.manifest.Logs[i].Rows))
	}
	for _, events := range now.Figures {
		if events.Unit == unitEvents {
			if change, ok := s.eventChange(events); ok {
				out.Figures = append(out.Figures, change)
			}
		}
	}
	for _, b := range r.books {
		out.Figures = append(out.Figures, r.bookChanges(b)...)
	}
	return out
}

// logChange compares the rows of a log.
func (r *nightRun) logChange(now *lake.RunDays, log lake.Log, before int64) lake.Change {
	c := lake.Change{Figure: log.Table, Unit: unitRows, Before: before, After: log.Rows}
	if def, ok := dictionary.LogTable(log.Table); ok && r.since.keys[def] != nil {
		k := r.since.keys[def]
		c.Why, c.Renamed = reasons(lake.Reason{Kind: lake.Added, By: k.added}, lake.Reason{Kind: lake.Removed, By: -k.gone()}), k.renamed
	} else if rows, ok := now.Find(log.Table, unitRows); ok && r.since.days != nil {
		then, known := r.since.days.Find(log.Table, unitRows)
		events := r.eventsOf(log.Table)
		nowEvents, _ := now.Find(events, unitEvents)
		thenEvents, eventsKnown := r.since.days.Find(events, unitEvents)
		if known && eventsKnown {
			c.Why = whyByDay(then, rows, thenEvents, nowEvents)
		}
	}
	return explained(c)
}

// eventsOf returns the event dataset that a log is made of.
func (r *nightRun) eventsOf(table string) string {
	for _, log := range r.windowed() {
		if log.def != nil && log.def.Name == table && log.set != nil {
			return log.set.def.Name
		}
	}
	return ""
}

// eventChange compares the events in a window.
func (s *since) eventChange(now lake.DayFigure) (lake.Change, bool) {
	if s.days == nil {
		return lake.Change{}, false
	}
	then, ok := s.days.Find(now.Figure, now.Unit)
	if !ok {
		return lake.Change{}, false
	}
	return explained(lake.Change{
		Figure: now.Figure, Unit: now.Unit, Before: sum(then.Counts), After: sum(now.Counts), Why: whyByDay(then, now, then, now),
	}), true
}

// bookChanges compares the figures of a workbook's Summary, but for those of its charts.
func (r *nightRun) bookChanges(b lake.Workbook) (out []lake.Change) {
	i := slices.IndexFunc(r.since.manifest.Workbooks, func(w lake.Workbook) bool { return w.Name == b.Name })
	if i < 0 {
		return nil
	}
	then := r.since.manifest.Workbooks[i]
	for _, f := range summaryFigures(new(integration.Report)) {
		before, known := then.Summary[f.Label]
		if after, ok := b.Summary[f.Label]; ok && known {
			c := lake.Change{Figure: b.Name, Unit: f.Label, Before: before, After: after}
			if f.Label == totalUsers {
				c.Why = r.since.whyUsers(b.Window, before, after)
			}
			out = append(out, explained(c))
		}
	}
	return out
}

// explained adds what is left to be explained.
func explained(c lake.Change) lake.Change {
	left := c.After - c.Before
	for _, why := range c.Why {
		left -= why.By
	}
	c.Why = reasons(append(c.Why, lake.Reason{Kind: lake.Unknown, By: left})...)
	return c
}

// reasons leaves out those that add nothing.
func reasons(all ...lake.Reason) []lake.Reason {
	return append([]lake.Reason{}, slices.DeleteFunc(all, func(r lake.Reason) bool { return r.By == 0 })...)
}

// whyByDay says why a figure changed from then to now: days that came into the window and left it; and of days that both
// windows have, what follows from more events on a day, from fewer, and what has to do with neither.
func whyByDay(then, now, thenEvents, nowEvents lake.DayFigure) []lake.Reason {
	came, left := lake.Reason{Kind: lake.WindowCame}, lake.Reason{Kind: lake.WindowLeft}
	late, gone, changed := lake.Reason{Kind: lake.LateData}, lake.Reason{Kind: lake.Withdrawn}, lake.Reason{Kind: lake.Regrouped}
	for day, n := range counts(now) {
		if _, shared := counts(then)[day]; !shared {
			add(&came, n)
		}
	}
	eventsThen, eventsNow, rowsNow := counts(thenEvents), counts(nowEvents), counts(now)
	for day, before := range counts(then) {
		n, shared := rowsNow[day]
		if !shared {
			add(&left, -before)
			continue
		}
		switch by, events := n-before, eventsNow[day]-eventsThen[day]; {
		case by > 0 && events > 0:
			add(&late, by)
		case by < 0 && events < 0:
			add(&gone, by)
		default:
			add(&changed, by)
		}
	}
	return reasons(came, left, late, gone, changed)
}

func add(r *lake.Reason, by int64) {
	if by != 0 {
		r.By += by
		r.Days++
	}
}

// counts returns a figure by its days.
func counts(f lake.DayFigure) map[calendar.Date]int64 {
	from, err := calendar.ParseDate(string(f.From))
	if err != nil {
		return nil
	}
	out := make(map[calendar.Date]int64, len(f.Counts))
	for i, n := range f.Counts {
		out[from.AddDays(i)] = n
	}
	return out
}

func sum(counts []int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// sources says what came late, what is gone, and what has another name.
func (r *nightRun) sources() []lake.Source {
	all := []lake.Source{}
	year := r.widest()
	for _, e := range r.events() {
		all = append(all, lake.Source{Dataset: e.def.Name, Late: e.late.Load(), Withdrawn: e.withdrawn(year), Deliveries: e.replaced(year)})
	}
	for def, k := range r.since.keys {
		if _, ok := r.written[def]; !ok {
			continue // it is not made any more
		}
		all = append(all, lake.Source{Dataset: k.log.from, Added: k.added, Removed: k.gone(), Renamed: k.renamed})
	}
	all = slices.DeleteFunc(all, func(s lake.Source) bool { return s == lake.Source{Dataset: s.Dataset} })
	slices.SortFunc(all, func(a, b lake.Source) int { return cmp.Compare(a.Dataset, b.Dataset) })
	return all
}

// widest is the days of all windows together. What sources drop of older ones is in no log.
func (r *nightRun) widest() calendar.Days {
	w := calendar.Windows(r.date)
	return calendar.Days{From: min(w.Year.From, w.OneYear.From), To: r.date}
}

// withdrawn returns how many events of days that the run before had are no longer there.
func (e *eventSet) withdrawn(days calendar.Days) (n int64) {
	if e.first || e.before == nil || e.after == nil || e.after.Days == nil {
		return 0
	}
	for d, before := range e.before.Days {
		if days.Contains(d) {
			n += max(0, before-e.after.Days[d])
		}
	}
	return n
}

// replaced returns how many deliveries of files with events of the days are gone or were changed.
func (e *eventSet) replaced(days calendar.Days) int {
	gone := map[string]bool{}
	for _, g := range e.gone {
		if !e.cfg.IsQuery() && g.Info.Groups > 0 && g.Info.To >= days.From && g.Info.From < days.To {
			gone[g.Delivery] = true
		}
	}
	return len(gone)
}
