package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/workbook"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/identity"
	"github.com/usagereport/usagereport/transforms/integration"
)

// reportWindow is one of the two windows of the usage reports.
type reportWindow struct {
	title string // as people know it
	name  string // in the manifest
	days  calendar.Days
}

func (r *nightRun) reportWindows() []reportWindow {
	w := calendar.Windows(r.date)
	return []reportWindow{{"Last 6 Months", sixMonthsWindow, w.SixMonths}, {"Last 1 Year", oneYearWindow, w.OneYear}}
}

// largest is how many of the largest users the manifest names.
const largest = 10

// makeReports makes the usage reports into an object of the publication, and checks them.
func (r *nightRun) makeReports(ctx context.Context, p *lake.Publication) (err error) {
	year := calendar.Windows(r.date).OneYear
	syncs, err := r.syncs.merger(ctx, r.syncs.touching(year))
	if err != nil {
		return err
	}
	defer syncs.Close()
	r.syncs.count(syncs)
	seen, err := r.seen.merger(ctx, r.seen.touching(year))
	if err != nil {
		return err
	}
	defer seen.Close()
	r.seen.count(seen)

	r.night.progress().Stage("resolve users")
	collected, err := r.collect(syncs, seen)
	if err != nil {
		return err
	}
	r.noteIdentity(collected)
	if err := r.notePeople(ctx, collected); err != nil {
		return err
	}
	r.checkEvents(collected, year)

	r.night.progress().Stage("write usage reports")
	var books []*book
	defer func() {
		for _, b := range books {
			err = errors.Join(err, b.discard())
		}
	}()
	var reports []*integration.Report
	for _, w := range r.reportWindows() {
		report := collected.Report(w.days)
		b, err := r.newBook("Usage Report ("+w.title+").xlsx", workbook.Options{
			Title: "Usage Report (" + w.title + ")", Subject: r.subject(w.days), Summary: r.summary(w, report),
		})
		if err != nil {
			return err
		}
		books, reports = append(books, b), append(reports, report)
		for _, def := range dictionary.Reports() {
			if err := b.writeSheet(ctx, def, report.Sheet(def)); err != nil {
				return err
			}
		}
		if err := b.finish(); err != nil {
			return err
		}
		if err := r.checkReport(b, report); err != nil {
			return err
		}
		r.noteBook(usageReportsZip, b, w.name)
	}
	r.checkUsers(reports[0], reports[1])
	return r.publishBooks(ctx, p, usageReportsZip, books...)
}

// collect resolves the users of the year.
func (r *nightRun) collect(syncs, seen *facts.Merger) (*integration.Year, error) {
	run := integration.Run{Date: r.date, Zone: r.zone, Mem: r.night.Mem}
	today, known := r.tables.today, r.tables.known
	year, err := integration.Collect(run,
		integration.State{Systems: today["systems"], Integrations: today["integrations"], ProjectPairs: today["project_pairs"]},
		integration.State{Systems: known["systems"], Integrations: known["integrations"], ProjectPairs: known["project_pairs"]},
		syncs, seen, identityRules(&r.night.Config.Identity))
	if errors.Is(err, identity.ErrOverrides) {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, r.night.Config.Identity.Overrides, err)
	}
	return year, err
}

// identityRules are the rules of the config as the transform knows them.
func identityRules(c *config.Identity) identity.Rules {
	kinds := map[config.IdentifierKind]identity.Kind{
		config.Email: identity.Email, config.Username: identity.Username, config.DisplayName: identity.DisplayName,
	}
	entries := func(in [][]config.Identifier) (out [][]identity.Identifier) {
		for _, entry := range in {
			var ids []identity.Identifier
			for _, id := range entry {
				ids = append(ids, identity.Identifier{Kind: kinds[id.Kind], Text: id.Text})
			}
			out = append(out, ids)
		}
		return out
	}
	return identity.Rules{NoProof: c.NoProof, Same: entries(c.Same), Different: entries(c.Different)}
}

func (r *nightRun) noteIdentity(year *integration.Year) {
	q := year.Quality(largest)
	r.identity = &lake.Identity{Users: q.Users, FullEmailUsers: q.FullEmailUsers, Unidentified: q.Unidentified}
	for i, l := range q.Largest {
		r.identity.Largest = append(r.identity.Largest, lake.LargeUser{
			Key: l.Smallest, Keys: l.Keys, Bucket: q.Buckets[i].String(), Bridges: q.Bridges[i],
		})
	}
	if q.Unidentified > 0 {
		r.warnings = append(r.warnings, fmt.Sprintf("user_observations: %d rows of the last year have neither email, username nor display name: "+
			"they are no user", q.Unidentified))
	}
}

// checkEvents compares what went into the reports with the events in the window, and counts what joins nothing.
func (r *nightRun) checkEvents(year *integration.Year, days calendar.Days) {
	syncs, seen := year.Facts()
	for _, c := range []struct {
		name      string
		set       *eventSet
		collected int64
	}{{"sync_event_total", r.syncs, syncs}, {"user_observation_total", r.seen, seen}} {
		distinct := c.set.distinct(days)
		r.check(c.name, distinct == c.collected, map[string]int64{"distinct_source_events": distinct, "daily_facts": c.collected},
			"the distinct events in the window and the sum of the daily facts differ")
	}
	unknown := year.Unknown()
	r.check("integration_joins", true, unknown, "")
	if n := unknown["sync_events_without_integration"]; n > 0 {
		r.warnings = append(r.warnings, fmt.Sprintf("sync_events: %d of the last year belong to integrations that no snapshot ever knew: "+
			"they are on no sheet", n))
	}
}

// checkUsers checks what section 7 of the contract promises of the counts.
func (r *nightRun) checkUsers(sixMonths, oneYear *integration.Report) {
	figures := map[string]int64{"last_6_months": sixMonths.Figures.Users.All, "last_1_year": oneYear.Figures.Users.All}
	var wrong []string
	if figures["last_6_months"] > figures["last_1_year"] {
		wrong = append(wrong, "the last 6 months have more users than the last year")
	}
	if r.identity.Users != oneYear.Figures.Users.All {
		wrong = append(wrong, fmt.Sprintf("%d users were resolved, %d of them counted", r.identity.Users, oneYear.Figures.Users.All))
	}
	for _, report := range []*integration.Report{sixMonths, oneYear} {
		wrong = append(wrong, report.Wrong()...)
	}
	r.check("users", len(wrong) == 0, figures, strings.Join(wrong, "; "))
}

// checkReport compares a workbook, as it was read back, with the report: the Summary with its sheets, and both with what
// they were made of (contract §9).
func (r *nightRun) checkReport(b *book, report *integration.Report) error {
	figures, wrong := map[string]int64{}, []string{}
	same := func(what string, found, expected int64) {
		figures[what] = found
		if found != expected {
			wrong = append(wrong, fmt.Sprintf("%s: found %d, expected %d", what, found, expected))
		}
	}
	for _, f := range summaryFigures(report) {
		n, _ := b.held.Number(f.Label)
		same(f.Label, n, f.N)
	}
	users, synced := b.held.Sheet(dictionary.UniqueUserCount.Title), b.held.Sheet(dictionary.SyncedDataCount.Title)
	detailed := b.held.Sheet(dictionary.DetailedUserReport.Title)
	if users == nil || synced == nil || detailed == nil {
		r.check("workbook:"+b.name, false, figures, "a sheet is missing")
		return nil
	}
	same("rows of "+detailed.Name, detailed.Rows, report.Figures.Users.All)
	var all int64
	for _, s := range report.BySystem {
		all += s.N
	}
	same("sum of "+users.Name, users.Columns[1].Sum, all+report.Figures.Users.All)
	same("sum of identifiers", users.Columns[2].Sum+users.Columns[3].Sum+users.Columns[4].Sum+users.Columns[5].Sum, users.Columns[1].Sum)
	same("sum of "+synced.Name, synced.Columns[2].Sum, report.Figures.Entities)
	types, err := b.distinct(dictionary.EntityTypeCount, []int{2})
	if err != nil {
		return err
	}
	same("distinct entity types", types, report.Figures.EntityTypes)
	projects, err := b.distinct(dictionary.IntegratedProjectCount, []int{0, 1}, []int{2, 3})
	if err != nil {
		return err
	}
	same("distinct projects", projects, report.Figures.Projects)
	r.check("workbook:"+b.name, len(wrong) == 0, figures, strings.Join(wrong, "; "))
	return nil
}
