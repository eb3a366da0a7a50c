package audit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/facts"
	"github.com/usagereport/usagereport/transforms/rowtest"
)

var d = calendar.Civil(2026, 11, 21)

func TestLog(t *testing.T) {
	f := newFixture(t, d, "UTC")
	f.workspaces = []fields{
		{"workspace_id": "w1", "workspace_name": "One", "plan": "Business"},
		{"workspace_id": "w2", "workspace_name": "Two", "plan": "Pro"},
		{"workspace_id": "w3", "workspace_name": "Three"}, // no plan
		{"workspace_id": "w4", "workspace_name": "Four", "plan": "business"},
		{"workspace_id": "w5", "workspace_name": "Five", "plan": "Business"},
	}
	f.members = []fields{
		member("w1", "u1", "Ann", "ann@today.org"), member("w1", "u2", "∅", "bob@today.org"), member("w5", "u9", "Elsewhere", "e@x.org"),
	}
	const at = "2026-11-20T10:00:00Z"
	var rows []fields
	for i, action := range dictionary.AuditLog.Fields[dictionary.AuditLog.Index("action")].Enum {
		rows = append(rows, base("a"+number(i), at).With("action", action.Name))
	}
	rows = append(rows,
		// The event's own email, else the member's; a name only by id and only from the event's workspace.
		base("p1", "2026-11-19T10:00:00.25Z").With("actor_user_id", "u1", "actor_email", "ann@then.org", "target_user_id", "u2"),
		base("p2", "2026-11-19T10:00:00.000001Z").With("actor_user_id", "u9", "target_email", "new@x.org", "invite_id", "i1", "ip_address", "10.0.0.7"),
		base("p3", "2026-11-19T10:00:00Z").With("action", "member.role_updated", "actor_email", "", "actor_user_id", "u1", "target_user_id", "u1", "old_role", "member", "new_role", "owner"),
		base("p4", "2026-11-19T09:59:59.999999Z").With("actor_email", ""),
		base("p5", "2026-11-18T00:00:00Z").With("workspace_id", "w5", "actor_user_id", "u9"),
		// Not in the log.
		base("x1", at).With("action", "member.looked_at"), base("x2", at).With("action", "Member.added"), base("x3", at).With("action", "member.added "),
		base("x4", at).With("workspace_id", "w2"), base("x5", at).With("workspace_id", "w3"), base("x6", at).With("workspace_id", "w4"),
		base("x7", at).With("workspace_id", "w0"), base("x8", at).With("workspace_id", "w2", "action", "else"), base("x11", at).With("action", "∅"),
		base("x9", "2026-11-21T00:00:00Z"), base("x10", "2026-08-22T23:59:59.999999Z"), // outside of the window: not counted
	)
	got, totals := f.log(f.delivery(rows))
	var want []string
	for i, action := range dictionary.AuditLog.Fields[dictionary.AuditLog.Index("action")].Enum {
		want = append(want, "a"+number(i)+"|2026-11-20T10:00:00Z|w1|One|"+action.Name+"|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅")
	}
	if len(want) != 9 {
		t.Fatalf("%d actions, the contract has nine", len(want))
	}
	compare(t, got, append(want,
		"p1|2026-11-19T10:00:00.25Z|w1|One|member.added|u1|Ann|ann@then.org|u2|∅|bob@today.org|∅|∅|∅|∅",
		"p2|2026-11-19T10:00:00.000001Z|w1|One|member.added|u9|∅|∅|∅|∅|new@x.org|i1|∅|∅|10.0.0.7",
		"p3|2026-11-19T10:00:00Z|w1|One|member.role_updated|u1|Ann|ann@today.org|u1|Ann|ann@today.org|∅|member|owner|∅",
		"p4|2026-11-19T09:59:59.999999Z|w1|One|member.added|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅",
		"p5|2026-11-18T00:00:00Z|w5|Five|member.added|u9|Elsewhere|e@x.org|∅|∅|∅|∅|∅|∅|∅",
	)...)
	if want := (Totals{Events: 23, Rows: 14, OtherPlan: 4, NoWorkspace: 1, OtherAction: 4, NoActor: 1}); totals != want {
		t.Errorf("totals %+v, want %+v", totals, want)
	}
}

func TestEmptyLog(t *testing.T) {
	f := newFixture(t, d, "UTC")
	for name, rows := range map[string][]fields{"no events": nil, "none of the window": {base("e", "2020-01-01T00:00:00Z")}} {
		got, totals := f.log(f.delivery(rows))
		if len(got) > 0 || totals != (Totals{}) {
			t.Errorf("%s: %v, %+v", name, got, totals)
		}
	}
	f.workspaces = business
	got, totals := f.log(f.delivery([]fields{base("e", "2026-11-20T00:00:00Z").With("action", "∅")}))
	if len(got) > 0 || totals != (Totals{Events: 1, OtherAction: 1}) {
		t.Errorf("no action: %v, %+v", got, totals)
	}
	if got, totals := f.log(); len(got) > 0 || totals != (Totals{}) {
		t.Errorf("no delivery: %v, %+v", got, totals)
	}
}

// TestWindow: 90 days up to the day before the run, by the reporting zone's calendar.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		date       calendar.Date
		zone       string
		out, first string // the last microsecond before the window, its first instant
		last, late string // its last microsecond, the first instant after it
	}{
		{d, "UTC", "2026-08-22T23:59:59.999999Z", "2026-08-23T00:00:00Z", "2026-11-20T23:59:59.999999Z", "2026-11-21T00:00:00Z"},
		// Summer time begins and ends within the window.
		{d, "America/New_York", "2026-08-23T03:59:59.999999Z", "2026-08-23T04:00:00Z", "2026-11-21T04:59:59.999999Z", "2026-11-21T05:00:00Z"},
		{calendar.Civil(2026, 4, 10), "Europe/Berlin", "2026-01-09T22:59:59.999999Z", "2026-01-09T23:00:00Z", "2026-04-09T21:59:59.999999Z", "2026-04-09T22:00:00Z"},
		{d, "Australia/Lord_Howe", "2026-08-22T13:29:59.999999Z", "2026-08-22T13:30:00Z", "2026-11-20T12:59:59.999999Z", "2026-11-20T13:00:00Z"},
		// The clock jumps over the midnight that the window begins with, and another time is set back over it.
		{calendar.Civil(2024, 12, 7), "America/Asuncion", "2024-09-08T03:59:59.999999Z", "2024-09-08T04:00:00Z", "2024-12-07T02:59:59.999999Z", "2024-12-07T03:00:00Z"},
		{calendar.Civil(2025, 1, 5), "Pacific/Kiritimati", "2024-10-06T09:59:59.999999Z", "2024-10-06T10:00:00Z", "2025-01-04T09:59:59.999999Z", "2025-01-04T10:00:00Z"},
		{calendar.Civil(2018, 2, 18), "America/Sao_Paulo", "2017-11-20T01:59:59.999999Z", "2017-11-20T02:00:00Z", "2018-02-18T02:59:59.999999Z", "2018-02-18T03:00:00Z"},
	} {
		t.Run(fmt.Sprint(c.date, " ", c.zone), func(t *testing.T) {
			f := newFixture(t, c.date, c.zone)
			f.workspaces = business
			got, totals := f.log(f.delivery([]fields{base("out", c.out), base("first", c.first), base("last", c.last), base("late", c.late)}))
			tail := "|w1|One|member.added|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅"
			compare(t, got, "last|"+c.last+tail, "first|"+c.first+tail)
			if totals != (Totals{Events: 2, Rows: 2}) {
				t.Errorf("totals %+v", totals)
			}
		})
	}
}

// TestOneEventID: rows of one event are one, whichever delivery they came in; of those that differ the earliest stands
// within a delivery, and that of the first delivery between them.
func TestOneEventID(t *testing.T) {
	f := newFixture(t, d, "UTC")
	f.workspaces = business
	early, late := base("e", "2026-11-19T08:00:00Z"), base("e", "2026-11-19T08:00:00.000001Z")
	tail := "|w1|One|member.added|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅"
	for name, c := range map[string]struct {
		deliveries [][]fields
		want       string
	}{
		"identical":                {[][]fields{{early, early}, {early}}, "e|2026-11-19T08:00:00Z" + tail},
		"the earlier":              {[][]fields{{late, early, late}}, "e|2026-11-19T08:00:00Z" + tail},
		"the day before":           {[][]fields{{early, base("e", "2026-11-18T23:00:00Z")}}, "e|2026-11-18T23:00:00Z" + tail},
		"the first delivery":       {[][]fields{{late}, {early}}, "e|2026-11-19T08:00:00.000001Z" + tail},
		"by action, then null":     {[][]fields{{early.With("actor_user_id", "u"), early, early.With("action", "member.removed")}}, "e|2026-11-19T08:00:00Z" + tail},
		"elsewhere, and not shown": {[][]fields{{early.With("workspace_id", "w0")}, {early}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			var want []string
			if c.want != "" {
				want = []string{c.want}
			}
			var totals Totals
			var got []string
			if len(c.deliveries) == 1 {
				got, totals = f.log(f.delivery(c.deliveries...))
			} else {
				got, totals = f.log(f.delivery(c.deliveries[0]), f.delivery(c.deliveries[1]))
			}
			compare(t, got, want...)
			if totals.Events != 1 || totals.Repeated != 0 {
				t.Errorf("totals %+v", totals)
			}
		})
	}
}

// TestRepeated: what is handed over without being resolved is not passed over in silence.
func TestRepeated(t *testing.T) {
	f := newFixture(t, d, "UTC")
	f.workspaces = business
	var inputs []facts.Input
	for _, at := range []string{"2026-11-19T08:00:00Z", "2026-11-18T08:00:00Z"} {
		run := f.delivery([]fields{base("e", at), base("f"+at, at)})
		inputs = append(inputs, facts.Input{Facts: bytes.NewReader(run.Facts), Values: bytes.NewReader(run.Values)})
	}
	m, err := facts.NewMerger(Facts(f.zone), inputs)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	totals := Totals{NoTarget: 7} // what was counted before is forgotten
	for rec, err := range Log(f.run, f.known(), m, &totals) {
		if err != nil {
			t.Fatal(err)
		}
		rec.Release()
	}
	if totals != (Totals{Events: 4, Rows: 4, Repeated: 1}) {
		t.Errorf("totals %+v", totals)
	}
}

// TestRowsInAnyOrder: the order of rows, batches and deliveries of distinct events, and rows that come again, change
// nothing; what is in the log is what a plain reading of the contract says.
func TestRowsInAnyOrder(t *testing.T) {
	zones := []string{"UTC", "America/New_York", "Pacific/Apia"}
	actions := []string{"member.added", "member.removed", "email_invite.created", "member.looked_at"}
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		rt.Cleanup(func() { mem.AssertSize(rt, 0) })
		f := fixtureWith(rt, mem, d, rapid.SampledFrom(zones).Draw(rt, "zone"))
		f.workspaces = []fields{
			{"workspace_id": "w1", "workspace_name": "One", "plan": "Business"}, {"workspace_id": "w2", "workspace_name": "Two", "plan": "Business"},
			{"workspace_id": "w3", "workspace_name": "Three", "plan": "Team"},
		}
		f.members = []fields{member("w1", "u1", "Ann", "ann@x.org")}
		n := rapid.IntRange(0, 40).Draw(rt, "events")
		var events []fields
		for i := range n {
			at := time.Date(2026, 11, 21, 0, 0, 0, 0, f.zone).Add(-time.Duration(rapid.Int64Range(-3600, 91*24*3600).Draw(rt, "seconds")) * time.Second)
			e := base("e"+number(i), at.UTC().Format(time.RFC3339Nano)).With("action", rapid.SampledFrom(actions).Draw(rt, "action"),
				"workspace_id", rapid.SampledFrom([]string{"w1", "w2", "w3", "w4"}).Draw(rt, "workspace"))
			if rapid.Bool().Draw(rt, "actor") {
				e = e.With("actor_user_id", "u1")
			}
			events = append(events, e)
		}
		deal := func(label string) (all []fields) {
			rows := slices.Clone(events)
			for i := range rapid.IntRange(0, 5).Draw(rt, label+" again") {
				if n > 0 {
					rows = append(rows, events[i%n])
				}
			}
			return rapid.Permutation(rows).Draw(rt, label)
		}
		half := func(rows []fields, label string) (a, b []fields) {
			at := rapid.IntRange(0, len(rows)).Draw(rt, label)
			return rows[:at], rows[at:]
		}
		one, two := half(deal("first"), "batches")
		got, totals := f.log(f.delivery(one, two))
		a, b := half(deal("second"), "deliveries")
		b1, b2 := half(b, "batches")
		again, totals2 := f.log(f.delivery(a), f.delivery(b1, b2))
		if !slices.Equal(got, again) || totals != totals2 {
			rt.Fatalf("%v\n%+v\nbut\n%v\n%+v", got, totals, again, totals2)
		}

		from := calendar.Windows(d).Audit.From
		type shown struct {
			at   time.Time
			id   string
			text string
		}
		var want []shown
		for _, e := range events {
			at, err := time.Parse(time.RFC3339Nano, e["occurred_at"])
			if err != nil {
				rt.Fatal(err)
			}
			day := calendar.Of(at, f.zone)
			if day < from || day >= d || e["workspace_id"] > "w2" || e["action"] == "member.looked_at" {
				continue
			}
			name := map[string]string{"w1": "One", "w2": "Two"}[e["workspace_id"]]
			actor := "|∅|∅|∅"
			if e["actor_user_id"] != "" {
				if actor = "|u1|∅|∅"; name == "One" {
					actor = "|u1|Ann|ann@x.org"
				}
			}
			want = append(want, shown{at, e["event_id"], e["event_id"] + "|" + e["occurred_at"] + "|" + e["workspace_id"] + "|" + name + "|" + e["action"] +
				actor + strings.Repeat("|∅", 7)})
		}
		slices.SortFunc(want, func(a, b shown) int { return cmp.Or(b.at.Compare(a.at), strings.Compare(a.id, b.id)) })
		var texts []string
		for _, w := range want {
			texts = append(texts, w.text)
		}
		if !slices.Equal(got, texts) {
			rt.Fatalf("got %s\nwant %s", strings.Join(got, "\n"), strings.Join(texts, "\n"))
		}
		if sum := totals.Rows + totals.OtherPlan + totals.NoWorkspace + totals.OtherAction; totals.Events != sum || totals.Rows != int64(len(got)) {
			rt.Fatalf("totals %+v", totals)
		}
	})
}

// TestLogLarge: records are cut, and the order goes on from one to the next.
func TestLogLarge(t *testing.T) {
	f := newFixture(t, d, "UTC")
	f.workspaces = business
	var rows []fields
	start := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for i := range 2*batchRows + 7 {
		rows = append(rows, base("e"+number(i), start.Add(time.Duration(i)*time.Second).Add(-24*time.Hour*time.Duration(i%80)).Format(time.RFC3339Nano)))
	}
	known, m := f.known(), f.merger(f.delivery(rows))
	var totals Totals
	var sizes []int64
	var texts []string
	for rec, err := range Log(f.run, known, m, &totals) {
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, rec.NumRows())
		texts = append(texts, textOf(rec)...)
		rec.Release()
	}
	if !slices.Equal(sizes, []int64{batchRows, batchRows, 7}) {
		t.Errorf("records of %v rows", sizes)
	}
	at := func(row string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, strings.Split(row, "|")[1])
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if !slices.IsSortedFunc(texts, func(a, b string) int { return at(b).Compare(at(a)) }) {
		t.Error("not newest first")
	}
	for rec, err := range Log(f.run, known, m, &totals) { // who stops is not handed more
		if err != nil {
			t.Fatal(err)
		}
		rec.Release()
		break
	}
}

func TestPrepareRefuses(t *testing.T) {
	f := newFixture(t, d, "UTC")
	rec := rowtest.Record(t, f.mem, dictionary.Workspaces, business, false)
	defer rec.Release()
	if _, err := Prepare(f.mem, Facts(f.zone))(rec); err == nil || !strings.Contains(err.Error(), "occurred_at") {
		t.Errorf("error %v", err)
	}
}

// TestInstants: every instant that the contract knows comes back to the microsecond.
func TestInstants(t *testing.T) {
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC).UnixMicro()
	rapid.Check(t, func(rt *rapid.T) {
		a := rapid.Int64Range(first, last).Draw(rt, "a")
		b := rapid.OneOf(rapid.Int64Range(first, last), rapid.Int64Range(max(first, a-3), min(last, a+3))).Draw(rt, "b")
		x, y := time.UnixMicro(a).UTC().Format(instantLayout), time.UnixMicro(b).UTC().Format(instantLayout)
		if cmp.Compare(a, b) != strings.Compare(x, y) {
			rt.Fatalf("%s and %s do not sort as %d and %d", x, y, a, b)
		}
		back, err := time.Parse(instantLayout, x)
		if err != nil || back.UnixMicro() != a {
			rt.Fatal(errors.Join(err, fmt.Errorf("%s is %d, want %d", x, back.UnixMicro(), a)))
		}
	})
}
