package figures

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
)

// logs are small logs of usage, their rows sorted as published.
type logs struct {
	window                             lake.Window
	users, agents, logins, generations []row
}

var modelStart = dayNumber("2026-01-29")

func drawLogs(t *rapid.T) *logs {
	days := rapid.SampledFrom([]int{1, 6, 40, 100, 365}).Draw(t, "days")
	l := &logs{window: lake.Window{Name: "rolling_year", From: dateOf(modelStart), To: dateOf(modelStart + days - 1)}}
	id := func(kind string, most int) string {
		return fmt.Sprint(kind, rapid.IntRange(0, most).Draw(t, kind))
	}
	day := func() lake.Date { return dateOf(modelStart + rapid.IntRange(0, days-1).Draw(t, "day")) }
	named := func(r row, field, value string) {
		if !strings.HasSuffix(value, "3") { // somebody has no name
			r[field] = "name of " + value
		}
	}
	seen := map[string]bool{}
	for range rapid.IntRange(0, 8).Draw(t, "members") {
		w, u := id("w", 3), id("u", 5)
		if seen[w+u] {
			continue
		}
		seen[w+u] = true
		r := row{"workspace_id": w, "user_id": u, "user_active": rapid.Bool().Draw(t, "active"), "user_email": u + "@x.com"}
		named(r, "workspace_name", w)
		named(r, "user_name", u)
		l.users = append(l.users, r)
	}
	for a := range rapid.IntRange(0, 2).Draw(t, "agents") {
		l.agents = append(l.agents, row{"agent_id": fmt.Sprint("a", a), "agent_name": fmt.Sprint("name of a", a), "agent_type": "Custom"})
	}
	for range rapid.IntRange(0, 25).Draw(t, "logins") {
		w, u := id("w", 3), id("u", 5)
		r := row{"workspace_id": w, "user_id": u, "user_email": u + "@x.com", "user_login_date": day()}
		named(r, "workspace_name", w)
		named(r, "user_name", u)
		if key := fmt.Sprint(w, u, r["user_login_date"]); !seen[key] {
			seen[key] = true
			l.logins = append(l.logins, r)
		}
	}
	for range rapid.IntRange(0, 30).Draw(t, "generations") {
		w := id("w", 3)
		r := row{
			"workspace_id": w, "content_created_date": day(), "generation_used_iq": rapid.Bool().Draw(t, "iq"),
			"generation_feature":  rapid.SampledFrom([]string{"Chat", "API", "Other", "Unheard Of"}).Draw(t, "feature"),
			"content_generations": rapid.SampledFrom([]int64{0, 1, 2, 3, 1 << 20, math.MaxUint32 - 1, math.MaxUint32, math.MaxUint32 + 7}).Draw(t, "n"),
		}
		named(r, "workspace_name", w)
		if u := id("u", 6); u != "u6" {
			r["user_id"], r["user_email"] = u, u+"@x.com"
			named(r, "user_name", u)
		}
		if a := id("a", 4); a != "a4" {
			r["agent_id"], r["generation_agent_name"], r["generation_agent_type"] = a, "name of "+a, "Custom"
		}
		l.generations = append(l.generations, r)
	}
	sortRows(l.users, "workspace_id")
	sortRows(l.logins, "workspace_id", "user_login_date")
	sortRows(l.generations, "workspace_id", "content_created_date")
	return l
}

func sortRows(rows []row, fields ...string) {
	slices.SortStableFunc(rows, func(a, b row) int {
		for _, f := range fields {
			if c := cmp.Compare(fmt.Sprint(a[f]), fmt.Sprint(b[f])); c != 0 {
				return c
			}
		}
		return 0
	})
}

// cube builds the cube from records of drawn lengths.
func (l *logs) cube(t *rapid.T, mem memory.Allocator) *cube {
	c, err := newCube(l.window)
	if err != nil {
		t.Fatal(err)
	}
	b := newBuilder(c, 1<<30)
	feed := func(table *dictionary.Table, rows []row, columns []string, add func(arrow.Record) error) {
		for len(rows) > 0 {
			n := rapid.IntRange(1, len(rows)).Draw(t, "length")
			rec := record(mem, table, rows[:n], rapid.Bool().Draw(t, "coded"), columns...)
			err := add(rec)
			rec.Release()
			if err != nil {
				t.Fatal(err)
			}
			rows = rows[n:]
		}
	}
	feed(dictionary.UserLog, l.users, userLogColumns, b.userLog)
	feed(dictionary.AgentsLog, l.agents, agentsLogColumns, b.agentsLog)
	feed(dictionary.UserActivityLog, l.logins, loginColumns, b.loginLog)
	feed(dictionary.GenerationLog, l.generations, generationColumns, b.generationLog)
	b.endBlock()
	c.finish()
	return c
}

// answer works a query out row by row.
func (l *logs) answer(q Query) *Usage {
	if q.From == "" || q.From < l.window.From {
		q.From = l.window.From
	}
	if q.To == "" || q.To > l.window.To {
		q.To = l.window.To
	}
	in := func(rows []row) []row {
		return slices.DeleteFunc(slices.Clone(rows), func(r row) bool {
			return q.Workspaces != nil && !slices.Contains(q.Workspaces, r["workspace_id"].(string))
		})
	}
	u := &Usage{Window: l.window, From: q.From, To: q.To}
	users, logins, generations := in(l.users), in(l.logins), in(l.generations)
	now, seats := totals(l, logins, generations, q.From, q.To)
	u.Totals = now
	from, to := dayNumber(q.From), dayNumber(q.To)
	if n := to - from + 1; from-n >= dayNumber(l.window.From) {
		before, _ := totals(l, logins, generations, dateOf(from-n), dateOf(from-1))
		u.Previous = &before
	}
	for _, r := range users {
		if r["user_active"].(bool) {
			u.Licences++
			if seats[fmt.Sprint(r["workspace_id"], r["user_id"])] {
				u.InUse++
			}
		}
	}
	u.series(between(logins, "user_login_date", q.From, q.To), between(generations, "content_created_date", q.From, q.To))
	u.rankings(l, between(generations, "content_created_date", q.From, q.To), q.Top)
	return u
}

func between(rows []row, field string, from, to lake.Date) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r[field].(lake.Date) < from || r[field].(lake.Date) > to })
}

func totals(l *logs, logins, generations []row, from, to lake.Date) (t Totals, seats map[string]bool) {
	seats = map[string]bool{}
	t = Totals{From: from, To: to, ActiveFrom: max(l.window.From, dateOf(dayNumber(to)-29)), ActiveTo: to}
	users, iqUsers, loginUsers, activeUsers := map[any]bool{}, map[any]bool{}, map[any]bool{}, map[any]bool{}
	for _, r := range between(generations, "content_created_date", from, to) {
		n := r["content_generations"].(int64)
		t.Generations += n
		if r["user_id"] == nil {
			t.WithoutUser += n
		} else if n > 0 {
			users[r["user_id"]] = true
		}
		if r["generation_used_iq"].(bool) {
			t.IQGenerations += n
			if r["user_id"] != nil && n > 0 {
				iqUsers[r["user_id"]] = true
			}
		}
	}
	for _, r := range between(logins, "user_login_date", from, to) {
		t.Logins++
		loginUsers[r["user_id"]] = true
	}
	active := func(rows []row, field string) {
		for _, r := range between(rows, field, t.ActiveFrom, to) {
			if n, ok := r["content_generations"]; r["user_id"] != nil && (!ok || n.(int64) > 0) {
				activeUsers[r["user_id"]] = true
				seats[fmt.Sprint(r["workspace_id"], r["user_id"])] = true
			}
		}
	}
	active(logins, "user_login_date")
	active(generations, "content_created_date")
	t.Users, t.IQUsers = int64(len(users)), int64(len(iqUsers))
	t.LoginUsers, t.ActiveUsers = int64(len(loginUsers)), int64(len(activeUsers))
	return t, seats
}

func (u *Usage) series(logins, generations []row) {
	for day := u.From; day <= u.To; day = dateOf(dayNumber(day) + 1) {
		at := day.Time()
		if len(u.Weeks) == 0 || at.Weekday() == 1 {
			u.Weeks = append(u.Weeks, Week{Monday: lake.Date(at.AddDate(0, 0, -(int(at.Weekday())+6)%7).Format("2006-01-02"))})
		}
		if len(u.Heatmap.Months) == 0 || at.Day() == 1 {
			m := Month{First: day[:8] + "01"}
			for i := range m.Days {
				m.Days[i] = -1
			}
			u.Heatmap.Months = append(u.Heatmap.Months, m)
		}
		w, m := &u.Weeks[len(u.Weeks)-1], &u.Heatmap.Months[len(u.Heatmap.Months)-1]
		w.Days++
		n := int64(0)
		for _, r := range between(generations, "content_created_date", day, day) {
			n += r["content_generations"].(int64)
			if r["generation_used_iq"].(bool) {
				w.IQGenerations += r["content_generations"].(int64)
			}
		}
		w.Generations += n
		m.Days[at.Day()-1] = n
		m.Generations += n
		u.Heatmap.Max = max(u.Heatmap.Max, n)
		w.Logins += int64(len(between(logins, "user_login_date", day, day)))
	}
	for i := range u.Weeks {
		w := &u.Weeks[i]
		users := map[any]bool{}
		for _, r := range between(logins, "user_login_date", w.Monday, dateOf(dayNumber(w.Monday)+6)) {
			users[r["user_id"]] = true
		}
		w.LoginUsers = int64(len(users))
	}
}

func (u *Usage) rankings(l *logs, generations []row, top int) {
	features := map[string]*Feature{}
	for _, name := range []string{"Chat", "Agent", "Command", "Ask Jasper", "API", "Extension", "Other", "Unheard Of"} {
		occurs := slices.ContainsFunc(l.generations, func(r row) bool { return r["generation_feature"] == name })
		if name != "Unheard Of" || occurs {
			features[name] = &Feature{Name: name}
		}
	}
	users, agents := map[string]*User{}, map[string]*Agent{}
	for _, r := range generations {
		n, iq := r["content_generations"].(int64), int64(0)
		if r["generation_used_iq"].(bool) {
			iq = n
		}
		f := features[r["generation_feature"].(string)]
		f.Generations, f.IQGenerations = f.Generations+n, f.IQGenerations+iq
		if id, ok := r["user_id"].(string); ok && n > 0 {
			if users[id] == nil {
				users[id] = &User{ID: id, Email: id + "@x.com"}
				if id != "u3" {
					users[id].Name = "name of " + id
				}
			}
			users[id].Generations, users[id].IQGenerations = users[id].Generations+n, users[id].IQGenerations+iq
		}
		if id, ok := r["agent_id"].(string); ok && n > 0 {
			if agents[id] == nil {
				agents[id] = &Agent{ID: id, Name: "name of " + id, Type: "Custom"}
			}
			agents[id].Generations += n
			u.WithAgent += n
		}
	}
	documented := []string{"Chat", "Agent", "Command", "Ask Jasper", "API", "Extension", "Other"}
	for _, name := range append(documented, "Unheard Of") {
		if f := features[name]; f != nil {
			u.Features = append(u.Features, *f)
		}
	}
	slices.SortStableFunc(u.Features, func(a, b Feature) int { return cmp.Compare(b.Generations, a.Generations) })
	u.AgentCount = int64(len(agents))
	for _, a := range agents {
		u.Agents = append(u.Agents, *a)
	}
	for _, x := range users {
		u.Users = append(u.Users, *x)
	}
	slices.SortFunc(u.Agents, func(a, b Agent) int {
		return cmp.Or(cmp.Compare(b.Generations, a.Generations), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(u.Users, func(a, b User) int { return cmp.Or(cmp.Compare(b.Generations, a.Generations), cmp.Compare(a.ID, b.ID)) })
	u.Agents, u.Users = u.Agents[:min(top, len(u.Agents))], u.Users[:min(top, len(u.Users))]
}

// The cube answers as going through the rows does, whatever the logs, the records and the query.
func TestCubeAnswersAsRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		l := drawLogs(t)
		c := l.cube(t, mem)
		if n := mem.CurrentAlloc(); n != 0 {
			t.Fatalf("%d bytes of records are kept", n)
		}
		for range 3 {
			q := Query{Top: rapid.SampledFrom([]int{1, 2, 10}).Draw(t, "top")}
			if rapid.Bool().Draw(t, "some") {
				q.Workspaces = rapid.SliceOfN(rapid.SampledFrom([]string{"w0", "w1", "w2", "w3", "w9"}), 0, 3).Draw(t, "workspaces")
			}
			if rapid.Bool().Draw(t, "range") {
				days := dayNumber(l.window.To) - modelStart + 1
				from := rapid.IntRange(0, days-1).Draw(t, "from")
				q.From = dateOf(modelStart + from)
				q.To = dateOf(modelStart + rapid.IntRange(from, days+5).Draw(t, "to"))
			}
			asked, err := c.ask(q)
			if err != nil {
				t.Fatal(err)
			}
			got, want := c.answer(asked), l.answer(q)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("query %+v\ngot  %+v\nwant %+v\nbefore %+v, %+v", q, got, want, got.Previous, want.Previous)
			}
		}
	})
}
