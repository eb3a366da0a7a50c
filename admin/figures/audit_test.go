package figures

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
)

// drawEvents draws rows of an audit log, newest first.
func drawEvents(t *rapid.T) []row {
	var rows []row
	start := time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC) // clocks change in Berlin on the 25th
	person := func(r row, who string) {
		n := rapid.IntRange(0, 6).Draw(t, who)
		if n == 0 {
			return
		}
		r[who+"_user_id"] = fmt.Sprint("u", n)
		r[who+"_user_name"] = []string{"", "Zoë Straße", "ANN", "Ann Lee", "Łukasz", "ﬁona"}[n-1]
		if n%2 == 0 {
			r[who+"_user_email"] = fmt.Sprintf("U%d@X.com", n)
		}
	}
	for i := range rapid.IntRange(0, 40).Draw(t, "events") {
		w := fmt.Sprint("w", rapid.IntRange(0, 3).Draw(t, "w"))
		r := row{
			"event_id": fmt.Sprintf("e%03d", (i*37)%101), "workspace_id": w, "workspace_name": "name of " + w,
			"occurred_at": start.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "at")) * 30 * time.Minute),
			"action":      rapid.SampledFrom([]string{"member.added", "member.removed", "email_invite.created", "unheard.of"}).Draw(t, "action"),
		}
		person(r, "actor")
		person(r, "target")
		if rapid.Bool().Draw(t, "more") {
			r["old_role"], r["new_role"], r["ip_address"], r["invite_id"] = "member", "admin", "192.0.2.1", "i"
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(b["occurred_at"].(time.Time).Compare(a["occurred_at"].(time.Time)), cmp.Compare(a["event_id"].(string), b["event_id"].(string)))
	})
	return rows
}

func drawAuditQuery(t *rapid.T) AuditQuery {
	q := AuditQuery{
		Person: rapid.SampledFrom([]string{"", "", "", "ann", " STRASSE ", "u3", "ŁUKASZ", "fi", "@x.COM", "nobody"}).Draw(t, "person"),
		Limit:  rapid.SampledFrom([]int{1, 2, 7, 50}).Draw(t, "limit"),
	}
	if rapid.Bool().Draw(t, "some workspaces") {
		q.Workspaces = rapid.SliceOfN(rapid.SampledFrom([]string{"w0", "w1", "w2", "w9"}), 0, 2).Draw(t, "workspaces")
	}
	if rapid.Bool().Draw(t, "some actions") {
		q.Actions = rapid.SliceOfN(rapid.SampledFrom([]string{"member.added", "unheard.of", "nothing"}), 0, 2).Draw(t, "actions")
	}
	days := []lake.Date{"", "2026-10-24", "2026-10-25", "2026-10-26", "2026-10-27"}
	q.From = rapid.SampledFrom(days).Draw(t, "from")
	if q.To = rapid.SampledFrom(days).Draw(t, "to"); q.To < q.From {
		q.To = ""
	}
	return q
}

// fits decides about one row, in words of its own.
func (q AuditQuery) fits(r row, zone *time.Location) bool {
	day := lake.Date(r["occurred_at"].(time.Time).In(zone).Format(time.DateOnly))
	if q.From != "" && day < q.From || q.To != "" && day > q.To {
		return false
	}
	if q.Workspaces != nil && !slices.Contains(q.Workspaces, r["workspace_id"].(string)) {
		return false
	}
	if len(q.Actions) > 0 && !slices.Contains(q.Actions, r["action"].(string)) {
		return false
	}
	spelt := strings.NewReplacer("ß", "ss", "ﬁ", "fi", "Ł", "ł", "Ë", "ë")
	part := spelt.Replace(strings.ToLower(strings.TrimSpace(q.Person)))
	for _, c := range personColumns {
		if v, ok := r[c].(string); ok && strings.Contains(spelt.Replace(strings.ToLower(v)), part) {
			return true
		}
	}
	return part == ""
}

// eventLog is an audit log in memory, cut into records.
func eventLog(t *rapid.T, mem memory.Allocator, rows []row) *auditLog {
	a := &auditLog{source: source{mem: mem}, kept: true}
	a.users.Store(1)
	for rest := rows; len(rest) > 0; {
		n := rapid.IntRange(1, len(rest)).Draw(t, "length")
		a.records = append(a.records, record(mem, dictionary.AuditLog, rest[:n], rapid.Bool().Draw(t, "coded")))
		rest = rest[n:]
	}
	return a
}

// What is filtered, and every page of it in both directions, is what deciding row by row gives.
func TestAuditFiltersAndPages(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		rows, q := drawEvents(t), drawAuditQuery(t)
		log := eventLog(t, mem, rows)
		var want []string
		for _, r := range rows {
			if q.fits(r, zone) {
				want = append(want, r["event_id"].(string))
			}
		}
		newFilter := func() *filter {
			f, err := newFilter(q, zone)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		if got := ids(t, log.filtered(t.Context(), newFilter()), rows); !slices.Equal(got, want) {
			t.Fatalf("%+v: filtered %q, expected %q", q, got, want)
		}
		page := func(cursorText string) *AuditPage {
			p := &pager{filter: newFilter(), zone: zone, limit: q.Limit}
			if cursorText != "" {
				c, err := parseCursor(cursorText)
				if err != nil {
					t.Fatal(err)
				}
				p.place = &c
			}
			out, err := p.page(log.scan(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			if out.Total != int64(len(want)) {
				t.Fatalf("total %d, expected %d", out.Total, len(want))
			}
			return out
		}
		var got []string
		var pages []*AuditPage
		for next := ""; ; {
			p := page(next)
			if len(p.Events) > 0 && p.First != int64(len(got))+1 {
				t.Fatalf("first %d, expected %d", p.First, len(got)+1)
			}
			for _, e := range p.Events {
				got = append(got, e.ID)
			}
			pages = append(pages, p)
			if next = p.Older; next == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: pages %q, expected %q", q, got, want)
		}
		for i := len(pages) - 1; i > 0; i-- {
			if back := page(pages[i].Newer); !reflect.DeepEqual(back, pages[i-1]) {
				t.Fatalf("back from page %d: %+v, expected %+v", i, back, pages[i-1])
			}
		}
		if pages[0].Newer != "" {
			t.Fatal("something newer than the first page")
		}
		log.drop()
		if n := mem.CurrentAlloc(); n != 0 {
			t.Fatalf("%d bytes are not released", n)
		}
	})
}

// ids returns the event ids of records, whose other columns must be those of the rows with these ids.
func ids(t *rapid.T, records iter.Seq2[arrow.Record, error], rows []row) (found []string) {
	byID := map[string]row{}
	for _, r := range rows {
		byID[r["event_id"].(string)] = r
	}
	for rec, err := range records {
		if err != nil {
			t.Fatal(err)
		}
		at, err := instants(rec)
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(rec.NumRows()) {
			id, _ := textAt(rec.Column(0), i)
			found = append(found, id)
			for k, f := range dictionary.AuditLog.Fields {
				if f.Kind == dictionary.Timestamp {
					if got, want := int64(at[i]), byID[id][f.Name].(time.Time).UnixMicro(); got != want {
						t.Fatalf("%s: %d, expected %d", id, got, want)
					}
					continue
				}
				want, known := byID[id][f.Name].(string)
				if got, ok := textAt(rec.Column(k), i); got != want || ok != known {
					t.Fatalf("%s.%s: %q, expected %q", id, f.Name, got, want)
				}
			}
		}
		rec.Release()
	}
	return found
}

// An event as the page has it, in the reporting zone; the whole log by way of the bucket, kept in memory or not.
func TestAuditOfALake(t *testing.T) {
	for name, most := range map[string]int64{"kept": 0, "from the bucket": 1} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			at := time.Date(2026, 11, 20, 23, 30, 0, 1000, time.UTC)
			var rows []row
			for i := range 40 {
				rows = append(rows, row{"event_id": fmt.Sprint(i), "occurred_at": at.Add(-time.Duration(i) * time.Hour), "workspace_id": fmt.Sprint("w", i%3),
					"workspace_name": fmt.Sprint("W", i%3), "action": "member.added"})
			}
			rows[0] = row{"event_id": "e", "occurred_at": at, "workspace_id": "w0", "workspace_name": "W0", "action": "new.action",
				"actor_user_id": "u", "actor_user_name": "U", "actor_user_email": "u@x.com", "target_user_id": "v", "target_user_name": "V",
				"target_user_email": "v@x.com", "invite_id": "i", "old_role": "member", "new_role": "admin", "ip_address": "192.0.2.1"}
			f.publish(published{date: "2026-11-21", zone: "Europe/Berlin", parts: 3, logs: map[*dictionary.Table][]row{dictionary.AuditLog: rows}})
			r := f.reader(Options{MaxAuditBytes: most})
			page, err := r.Audit(t.Context(), AuditQuery{Workspaces: []string{"w0"}, Limit: 1})
			f.must(err)
			berlin := page.Snapshot.TimeZone
			want := AuditEvent{
				ID: "e", At: at.In(berlin), WorkspaceID: "w0", WorkspaceName: "W0", Action: "new.action",
				Actor: Person{"u", "U", "u@x.com"}, Target: Person{"v", "V", "v@x.com"}, InviteID: "i", OldRole: "member", NewRole: "admin", IPAddress: "192.0.2.1",
			}
			if len(page.Events) != 1 || page.Events[0] != want || berlin.String() != "Europe/Berlin" {
				t.Errorf("%+v\nexpected %+v", page.Events, want)
			}
			if page.Total != 14 || page.Window.From != "2026-08-23" || len(page.Actions) != 10 || page.Actions[9] != "new.action" {
				t.Errorf("%+v", page)
			}
			if want := []Workspace{{ID: "w0", Name: "W0", Plan: "Business"}, {ID: "w1", Name: "W1", Plan: "Business"}, {ID: "w2", Name: "W2", Plan: "Business"}}; !slices.Equal(page.Workspaces, want) {
				t.Errorf("workspaces %+v", page.Workspaces)
			}
			// Half past eleven in the evening is the next day in Berlin.
			for day, want := range map[lake.Date]int64{"2026-11-21": 1, "2026-11-20": 24, "2026-11-19": 15} {
				p, err := r.Audit(t.Context(), AuditQuery{From: day, To: day})
				f.must(err)
				n := int64(0)
				for rec, err := range r.AuditRecords(t.Context(), AuditQuery{From: day, To: day, Limit: 1}) {
					f.must(err)
					n += rec.NumRows()
					rec.Release()
				}
				if p.Total != want || n != want {
					t.Errorf("%s: %d on pages, %d in an export, expected %d", day, p.Total, n, want)
				}
			}
			for rec, err := range r.AuditRecords(t.Context(), AuditQuery{}) { // who stops early holds nothing
				f.must(err)
				rec.Release()
				break
			}
			all, err := r.Workspaces(t.Context())
			if err != nil || len(all) != 3 || all[0].Plan != "Business" {
				t.Errorf("workspaces %+v, %v", all, err)
			}
		})
	}
}

// Queries that make no sense are refused.
func TestBadAuditQueries(t *testing.T) {
	f := newFixture(t)
	f.publish(published{date: "2026-11-21", logs: map[*dictionary.Table][]row{dictionary.AuditLog: {}}})
	r := f.reader(Options{})
	for _, q := range []AuditQuery{
		{From: "2026-13-01"}, {To: "yesterday"}, {From: "2026-11-02", To: "2026-11-01"}, {Limit: -1}, {Limit: MaxLimit + 1}, {Cursor: "x"}, {Person: "\xff"},
	} {
		if _, err := r.Audit(t.Context(), q); !errors.Is(err, ErrQuery) {
			t.Errorf("%+v: %v, expected ErrQuery", q, err)
		}
		q.Limit, q.Cursor = 0, ""
		for _, err := range r.AuditRecords(t.Context(), q) {
			if !errors.Is(err, ErrQuery) {
				t.Errorf("records of %+v: %v, expected ErrQuery", q, err)
			}
		}
	}
}

// A record that is being read outlives the snapshot that it comes from.
func TestAuditRecordsOutliveTheirSnapshot(t *testing.T) {
	f := newFixture(t)
	rows := []row{}
	for i := range 30 {
		rows = append(rows, row{"event_id": fmt.Sprint(i), "occurred_at": time.Date(2026, 11, 1, 0, 0, 60-i, 0, time.UTC), "action": "member.added"})
	}
	f.publish(published{date: "2026-11-21", logs: map[*dictionary.Table][]row{dictionary.AuditLog: rows}})
	r := f.reader(Options{})
	n := int64(0)
	for rec, err := range r.AuditRecords(t.Context(), AuditQuery{}) {
		f.must(err)
		if n == 0 {
			r.Close()
		}
		n += rec.NumRows()
		if _, err := eventOf(rec, 0, time.UTC); err != nil {
			t.Error(err)
		}
		rec.Release()
	}
	if n != 30 {
		t.Errorf("%d rows, expected 30", n)
	}
}
