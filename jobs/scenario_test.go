package jobs_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/usagereport/usagereport/transforms/calendar"
)

// pass lets the time until the next night pass: things happen to the sources.
func (s *nightScenario) pass() {
	first := s.nights == 0
	s.nights++
	s.left--
	s.since = s.moment
	gap := 1
	if !first && s.rng.IntN(5) == 0 {
		gap = 2 // a night without a run
	}
	if !first {
		s.date += calendar.Date(gap)
	}
	s.moment = s.date.Start(s.w.zone).Add(time.Duration(1+s.rng.IntN(20*3600)) * time.Second).UTC()
	covered := s.date - calendar.Date(gap)
	for _, e := range s.w.streams() {
		c := &change{nightScenario: s, s: e, first: first, covered: covered}
		c.happen()
	}
	if !first {
		for range s.rng.IntN(4) {
			s.changeState()
		}
	}
}

// change is what happens to one stream before a night.
type change struct {
	*nightScenario
	s       *stream
	first   bool
	covered calendar.Date // the run date of the night before
}

// reach is the earliest day that a row may be written, changed or removed on: days that are not read again are over,
// which is what lookback_days says.
func (c *change) reach() calendar.Date {
	if c.first || c.s.mode != lookback {
		return c.date - 800
	}
	return c.covered - calendar.Date(c.s.lookback)
}

// last is the last day that a row may be on. A query that asks for arrivals of complete days never sees again what
// arrives before its day is complete but for :from.
func (c *change) last() calendar.Date {
	if c.s.mode == arrivalDay {
		return c.date - 1
	}
	return c.date + 1
}

// instant returns a time for a new event, within reach.
func (c *change) instant() time.Time {
	day := pick(c.rng, c.date-1, c.date-1, c.date-1, c.date-2, c.date-1-calendar.Date(c.rng.IntN(6)), c.date-1-calendar.Date(c.rng.IntN(40)),
		c.date-365, c.date-366, c.date-400-calendar.Date(c.rng.IntN(300)), c.date, c.date+1)
	day = min(max(day, c.reach()), c.last())
	start, end := day.Start(c.w.zone), (day + 1).Start(c.w.zone)
	switch c.rng.IntN(6) {
	case 0:
		return start
	case 1:
		return end.Add(-time.Microsecond)
	case 2:
		if day < c.last() {
			return end
		}
	}
	return start.Add(time.Duration(c.rng.Int64N(int64(end.Sub(start)))).Truncate(time.Microsecond))
}

// arrived is an instant since the last night, that of the run itself included.
func (c *change) arrived() string {
	if c.first {
		return stamp(c.moment.Add(-time.Hour))
	}
	return stamp(c.since.Add(time.Duration(c.rng.Int64N(int64(c.moment.Sub(c.since))))))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z") }

// event makes a row nobody has seen before.
func (c *change) event() event {
	r := c.rng
	switch c.s {
	case c.w.syncs:
		return c.sync()
	case c.w.seen:
		return c.sight()
	case c.w.audits:
		return c.act()
	}
	e := event{"workspace_id": pick(r, "w1", "w1", "w2", "wx"), "user_id": pick(r, "u1", "u2", "u3", "u4", "ghost")}
	e[c.s.instant] = stamp(c.instant())
	if r.IntN(8) > 0 || c.s.mode == arrival || c.s.mode == arrivalDay {
		c.next++
		e["event_id"] = fmt.Sprintf("e%d", c.next)
	}
	e["arrived_at"] = c.arrived()
	if c.s == c.w.gens {
		c.generation(e)
	}
	if r.IntN(40) == 0 {
		delete(e, "workspace_id")
	}
	return e
}

// sync makes a sync event nobody has seen before.
func (c *change) sync() event {
	r := c.rng
	e := event{
		"integration_id": pick(r, "i1", "i1", "i2", "i2", "i9"), "end_system_id": pick(r, "s1", "s2", "s3", "s9"),
		"entity_type": pick(r, "Issue", "Page"), "entity_id": strconv.Itoa(r.IntN(12)), "succeeded": pick(r, "true", "true", "false"),
		"synced_at": stamp(c.instant()), "arrived_at": c.arrived(),
	}
	if r.IntN(3) > 0 {
		e["system1_project"], e["system2_project"] = pick(r, "p1", "p2"), "q1"
	}
	if r.IntN(8) > 0 || c.s.mode == arrival || c.s.mode == arrivalDay {
		c.next++
		e["event_id"] = fmt.Sprintf("e%d", c.next)
	}
	if r.IntN(40) == 0 {
		delete(e, "entity_id")
	}
	return e
}

// sight makes an observation.
func (c *change) sight() event {
	r := c.rng
	e := event{
		"system_id": pick(r, "s1", "s2", "s3"), "interaction_type": pick(r, "Comment author", "Mention"),
		"observed_at": stamp(c.instant()), "arrived_at": c.arrived(),
	}
	for _, f := range []struct {
		field  string
		values []string
	}{
		{"email", []string{"", "ann@x.org", "ANN@y.org", "bo@x.org", "cy@x.org", "info@x.org"}},
		{"username", []string{"", "ann", "Bo", "cyd", "dee"}},
		{"display_name", []string{"", "", "Ann A.", "ann a.", "Bo"}},
		{"service_account", []string{"", "", "false", "true"}},
	} {
		if v := pick(r, f.values...); v != "" {
			e[f.field] = v
		}
	}
	if r.IntN(40) == 0 {
		delete(e, "interaction_type")
	}
	return e
}

// act makes an audit event nobody has seen before.
func (c *change) act() event {
	r := c.rng
	c.next++
	e := event{
		"event_id": fmt.Sprintf("e%d", c.next), "workspace_id": pick(r, "w1", "w1", "w2", "wx"), "occurred_at": stamp(c.instant()),
		"action":     pick(r, "member.added", "member.removed", "member.role_updated", "email_invite.created", "export.started"),
		"arrived_at": c.arrived(),
	}
	for _, f := range []struct {
		field  string
		values []string
	}{
		{"actor_user_id", []string{"", "u1", "u2", "ghost"}}, {"actor_email", []string{"", "", "=then@x.org"}},
		{"target_user_id", []string{"", "u3", "u4"}}, {"target_email", []string{"", "", "u3@x.org"}},
		{"old_role", []string{"", "member"}}, {"new_role", []string{"", "admin", "odd"}}, {"ip_address", []string{"", "192.0.2.1"}},
	} {
		if v := pick(r, f.values...); v != "" {
			e[f.field] = v
		}
	}
	if r.IntN(40) == 0 {
		delete(e, "workspace_id")
	}
	return e
}

// generation fills in what is particular to generations.
func (c *change) generation(e event) {
	r := c.rng
	for _, f := range []struct {
		field  string
		values []string
	}{
		{"generation_type", []string{"Text", "Text", "Image", "Video"}}, {"generation_feature", []string{"Chat", "API", "Hologram"}},
		{"canvas_id", []string{"", "c1", "c9"}}, {"grid_id", []string{"", "", "s1"}}, {"api_path", []string{"", "/v1/agents/17/run?k=1", "/v1/x"}},
		{"agent_id", []string{"", "b1", "b2"}}, {"generation_agent_type", []string{"", "", "Public"}},
		{"used_iq", []string{"", "true", "false", "1"}}, {"content_generations", []string{"", "", "", "", "2", "70000"}},
	} {
		if v := pick(r, f.values...); v != "" {
			e[f.field] = v
		}
	}
	if r.IntN(6) == 0 {
		delete(e, "user_id")
	}
}

func (c *change) happen() {
	n := 15 + c.rng.IntN(30)
	if c.first {
		n *= 3
	}
	if c.s.mode.isFile() {
		c.files(n)
		return
	}
	for range n {
		e := c.event()
		c.s.rows = append(c.s.rows, e)
		if c.rng.IntN(10) == 0 {
			c.s.rows = append(c.s.rows, again(e, e["arrived_at"]))
		}
	}
	if c.first {
		return
	}
	for range c.rng.IntN(6) {
		c.row()
	}
}

func again(e event, arrived string) event {
	e = maps.Clone(e)
	e["arrived_at"] = arrived
	return e
}

// row changes, repeats or removes a row of a table.
func (c *change) row() {
	i := c.rng.IntN(len(c.s.rows))
	e := c.s.rows[i]
	at, err := time.Parse(time.RFC3339Nano, e[c.s.instant])
	if err != nil || calendar.Of(at, c.w.zone) < c.reach() {
		return
	}
	arrivals := c.s.mode == arrival || c.s.mode == arrivalDay
	if arrivals && e["event_id"] == "" {
		return // nothing would tell that it is the same
	}
	switch op := c.rng.IntN(4); {
	case op == 0:
		c.tell("%s: row %v repeated", c.s.name, e)
		c.s.rows = append(c.s.rows, again(e, c.arrived()))
	case op == 1 && !arrivals:
		// A source that hands over rows by their arrival cannot tell of one that is gone.
		c.tell("%s: row %v removed", c.s.name, e)
		c.s.rows = slices.Delete(c.s.rows, i, i+1)
		c.dropped(at)
	case arrivals && c.copies(e["event_id"]) > 1:
		// A source has one version of an event, however often it hands it over.
	default:
		changed := c.event()
		if id, ok := e["event_id"]; ok {
			changed["event_id"] = id
		} else {
			delete(changed, "event_id")
		}
		for field, value := range map[string]string{"workspace_id": "w2", "entity_id": "1", "interaction_type": "Mention"} {
			if arrivals && slices.Contains(c.s.columns, field) && changed[field] == "" {
				changed[field] = value // one that cannot be used would leave the version before in place
			}
		}
		c.tell("%s: row %v changed to %v", c.s.name, e, changed)
		c.s.rows[i] = changed
		c.dropped(at)
	}
}

func (c *change) copies(id string) (n int) {
	for _, e := range c.s.rows {
		if e["event_id"] == id {
			n++
		}
	}
	return n
}

// dropped notes that the sources no longer hold something of a day: of the days before the rolling year its dates are
// kept, and only a lake that was there then has them.
func (s *nightScenario) dropped(at time.Time) {
	if calendar.Of(at, s.w.zone) < calendar.Windows(s.date).Year.From {
		s.lost = true
	}
}

// files lets files come, change and go.
func (c *change) files(n int) {
	names := slices.Sorted(maps.Keys(c.s.files))
	var fresh []event
	for range n {
		fresh = append(fresh, c.event())
	}
	if len(names) > 0 {
		// Rows of earlier files, some of them with another content under the same id.
		old := c.s.files[pick(c.rng, names...)]
		for range c.rng.IntN(4) {
			if len(old) == 0 {
				break
			}
			e := maps.Clone(pick(c.rng, old...))
			if id, ok := e["event_id"]; ok && c.rng.IntN(2) == 0 {
				e = c.event()
				e["event_id"] = id
			}
			fresh = append(fresh, e)
		}
	}
	for i, parts := 0, 1+c.rng.IntN(3); i < parts; i++ {
		rows := fresh[i*len(fresh)/parts : (i+1)*len(fresh)/parts]
		rows = append(slices.Clone(rows), rows[:c.rng.IntN(2)*min(2, len(rows))]...)
		day := c.date - 1 - calendar.Date(c.rng.IntN(2))
		if c.first {
			day -= calendar.Date(c.rng.IntN(400))
		}
		c.put(fmt.Sprintf("%s-%d", day, c.nights*10+i), day, rows)
	}
	if c.first {
		return
	}
	for range c.rng.IntN(4) {
		c.file(pick(c.rng, names...))
	}
}

// put writes a file.
func (c *change) put(name string, day calendar.Date, rows []event) string {
	if c.s.mode == dated {
		name = day.String() + "/" + name
	}
	name += "." + c.s.format
	c.s.files[name] = rows
	c.s.version[name]++
	return name
}

// file lets something happen to a file.
func (c *change) file(name string) {
	rows, ok := c.s.files[name]
	if !ok {
		return
	}
	c.s.version[name]++
	switch c.rng.IntN(6) {
	case 0:
		c.tell("%s: %s deleted", c.s.name, name)
		delete(c.s.files, name)
		c.droppedAll(rows)
	case 1:
		day := c.date - 1
		c.tell("%s: %s delivered again as %s", c.s.name, name, c.put("again-"+strconv.Itoa(c.nights), day, slices.Clone(rows)))
	case 2:
		c.tell("%s: %s loses its first rows", c.s.name, name)
		cut := len(rows) / 2
		c.droppedAll(rows[:cut])
		c.s.files[name] = slices.Clone(rows[cut:])
	case 3:
		c.tell("%s: %s gains rows", c.s.name, name)
		c.s.files[name] = append(slices.Clone(rows), c.event(), c.event())
	case 4:
		c.tell("%s: %s delivered again", c.s.name, name)
	case 5:
		if len(rows) == 0 {
			return
		}
		i := c.rng.IntN(len(rows))
		changed := c.event()
		if id, ok := rows[i]["event_id"]; ok {
			changed["event_id"] = id
		}
		c.tell("%s: %s: row %v changed to %v", c.s.name, name, rows[i], changed)
		c.droppedAll(rows[i : i+1])
		rows = slices.Clone(rows)
		rows[i] = changed
		c.s.files[name] = rows
	}
}

func (c *change) droppedAll(rows []event) {
	for _, e := range rows {
		if at, err := time.Parse(time.RFC3339Nano, e[c.s.instant]); err == nil {
			c.dropped(at)
		}
	}
}

// changeState lets something happen to a user, an agent, a canvas or a group.
func (s *nightScenario) changeState() {
	names := []string{"members", "members", "agents", "agents", "canvases", "grids", "workspaces", "groups", "group_members", "group_assets"}
	if s.w.syncs != nil && !s.steady {
		names = append(names, "systems", "integrations", "integrations", "project_pairs", "project_pairs")
	}
	name := pick(s.rng, names...)
	t := s.w.tables[name]
	keys := s.w.keys(name)
	if len(keys) == 0 {
		return
	}
	key := pick(s.rng, keys...)
	row := maps.Clone(t.rows[key])
	suffix := " of night " + strconv.Itoa(s.nights)
	switch name {
	case "members":
		switch s.rng.IntN(4) {
		case 0:
			row["user_name"] = "Renamed" + suffix
		case 1:
			row["user_active"], row["revoked_at"] = "0", stamp(s.date.Start(s.w.zone).Add(-time.Hour))
		case 2:
			row["first_login_at"], row["last_generation_at"] = "2019-12-31T23:00:00Z", stamp(s.date.Start(s.w.zone))
		case 3:
			row = nil
		}
	case "agents":
		row["agent_type"], row["agent_name"] = pick(s.rng, "Custom – Studio (Private)", "Custom – Odd"), "Bot"+suffix
	case "canvases":
		delete(row, "canvas_name")
	case "workspaces":
		row["workspace_name"] = "Space" + suffix
		if s.w.audits != nil {
			row["plan"] = pick(s.rng, "Business", "Business", "Pro")
		}
	case "systems":
		row["system_name"] = pick(s.rng, "Jira", "GitHub", "Wiki", "Desk") // two may share a name
	case "integrations", "project_pairs":
		row["status"] = pick(s.rng, "Active", "Inactive", "Paused")
		row["updated_at"] = stamp(s.date.AddDays(-s.rng.IntN(3)).Start(s.w.zone).Add(time.Hour))
	}
	if row == nil || s.rng.IntN(3) == 0 && name != "workspaces" {
		s.tell("%s %s deleted", name, key)
		delete(t.rows, key)
		s.lost = s.lost || name != "groups" && name != "group_members" && name != "group_assets"
		return
	}
	s.tell("%s %s changed to %v", name, key, row)
	t.rows[key] = row
	if name == "members" && s.rng.IntN(2) == 0 {
		s.w.set(name, event{"workspace_id": "w1", "user_id": "u4", "user_name": "New", "user_email": "new@x.org", "user_role": "odd",
			"user_active": "true", "created_at": "2026-01-01T00:00:00+14:00"})
	}
}
