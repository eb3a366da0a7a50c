package demo

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// trailDays is how far the application's trail of user management goes back.
const trailDays = 210

// act is a row of that trail: who did what to whom. Empty is null.
type act struct {
	id, workspace, verb string
	at                  time.Time
	by, byMail          string
	to, toMail          string
	before, after       string // roles in the words of the source
	invite, address     string
}

// TrailCounts says how many acts of user management the trail holds, and how many of them came twice or late.
type TrailCounts struct{ Acts, Duplicates, Late int }

// trail is what the application notes of who invited, added, removed or gave a role to whom. It throws dice of its own,
// and changes nothing else of the company.
type trail struct {
	dice
	c      *Company
	queue  []delivery[act] // that has not arrived yet
	member map[[2]string]string
	since  time.Time // what is noted arrives after it
}

// newTrail makes the trail of the company as it is. seed is the company's.
func newTrail(c *Company, seed uint64) *trail {
	t := &trail{dice: dice{rand.New(rand.NewPCG(seed, 0x747261696c))}, c: c, member: map[[2]string]string{}}
	from := c.night.AddDate(0, 0, -trailDays)
	for _, m := range c.members {
		t.member[[2]string{m.workspace, m.user}] = c.mailOf(m.user)
		if m.joined.After(from) {
			t.welcome(m)
		}
		if m.left.After(from) {
			t.note(act{workspace: m.workspace, verb: "user.remove", at: m.left, by: t.boss(m.workspace), to: m.user})
		}
	}
	for day := from; !day.After(c.night); day = day.AddDate(0, 0, 1) {
		t.live(day)
	}
	t.oddities()
	return t
}

// note queues an act; some are delivered twice.
func (t *trail) note(a act) {
	a.id, a.at = "act_"+t.token(10), a.at.Truncate(time.Microsecond)
	switch t.rng.IntN(5) {
	case 0:
	case 1:
		a.address = fmt.Sprintf("2001:db8::%x", 1+t.rng.IntN(0xfffe))
	default:
		a.address = fmt.Sprintf("192.0.2.%d", 1+t.rng.IntN(254))
	}
	noted := a.at
	if noted.Before(t.since) {
		noted = t.since
	}
	noted = noted.Add(t.delay())
	sendAt(&t.queue, a.at, noted, a)
	if t.rng.IntN(30) == 0 {
		t.queue = append(t.queue, delivery[act]{event: a.at, at: noted.Add(t.again()), repeat: true, row: a})
	}
}

// boss returns somebody of the workspace who may manage users.
func (t *trail) boss(workspace string) string {
	members := t.c.membersOf(workspace)
	for _, m := range members {
		if m.role == "A" && t.rng.IntN(2) == 0 {
			return m.user
		}
	}
	return members[0].user
}

// welcome notes how a member came in: by an invitation, or added by somebody.
func (t *trail) welcome(m *member) {
	by := t.boss(m.workspace)
	if m.invitedBy != "" {
		invite := "inv_" + t.token(8)
		t.note(act{workspace: m.workspace, verb: "invite.send", at: m.invited, by: by, byMail: m.invitedBy, toMail: t.c.mailOf(m.user), invite: invite})
		t.note(act{workspace: m.workspace, verb: "invite.accept", at: m.joined, by: m.user, to: m.user, invite: invite})
	}
	t.note(act{workspace: m.workspace, verb: "user.add", at: m.joined, by: by, to: m.user, after: m.role})
}

// live lets a day pass: roles change, links to join by are made, used and withdrawn, invitations are withdrawn.
func (t *trail) live(day time.Time) {
	for _, w := range t.c.workspaces {
		if t.rng.IntN(250) >= w.users {
			continue
		}
		m := pick(t, t.c.membersOf(w.id))
		a := act{workspace: w.id, at: t.moment(day), by: t.boss(w.id)}
		switch t.rng.IntN(8) {
		case 0:
			a.verb, a.invite = "link.make", "lnk_"+t.token(8)
		case 1:
			a.verb, a.invite = "link.drop", "lnk_"+t.token(8)
		case 2:
			a.verb, a.invite, a.by, a.to = "link.use", "lnk_"+t.token(8), m.user, m.user
		case 3:
			a.verb, a.invite, a.toMail = "invite.drop", "inv_"+t.token(8), t.token(6)+"@example.com"
		default:
			a.verb, a.to, a.before, a.after = "role.change", m.user, m.role, pick(t, []string{"A", "M", "U", "D"})
		}
		t.note(a)
	}
}

// oddities notes what has broken somebody's audit log before: acts at the edges of the window and at one instant, text
// that a spreadsheet would run, acts of and in what is gone, and those that no log shows.
func (t *trail) oddities() {
	home := t.c.workspaces[0].id
	boss, night := t.boss(home), t.c.night
	for _, midnight := range []time.Time{night, night.AddDate(0, 0, -1), night.AddDate(0, 0, -89), night.AddDate(0, 0, -90)} {
		for _, d := range []time.Duration{-time.Microsecond, 0, time.Microsecond} {
			t.note(act{workspace: home, verb: "link.make", at: midnight.Add(d), by: boss, invite: "lnk_" + t.token(8)})
		}
	}
	for i, mail := range []string{
		"=cmd()@example.com", `=HYPERLINK("http://example.com","Click")`, "+1-800@example.com", "-1+1@example.com", "@all",
		"\tTab@example.com", "Line\nBreak@example.com", "Semi;Colon, \"Quote\"@example.com", "北極星@example.com", "<b>Bold</b>@example.com",
	} {
		at := night.AddDate(0, 0, -2-7*i).Add(15 * time.Hour)
		t.note(act{workspace: home, verb: "invite.send", at: at, by: boss, toMail: mail, invite: "inv_" + t.token(8)})
		t.note(act{workspace: home, verb: "invite.drop", at: at, by: "u_gone", byMail: "gone@example.com", toMail: mail})
		t.note(act{workspace: closedWorkspace, verb: "user.remove", at: at, by: "u_gone", to: "u_gone"})
		t.note(act{workspace: home, verb: "export.start", at: at, by: boss})
	}
	for _, m := range t.c.membersOf(home)[:12] { // the names of most are odd
		t.note(act{workspace: home, verb: "role.change", at: night.AddDate(0, 0, -40).Add(9 * time.Hour), by: m.user, to: m.user, before: "U", after: "B"})
	}
}

// change notes what became of the members in a day, and lets acts of weeks ago arrive.
func (t *trail) change(yesterday time.Time) {
	noon := yesterday.Add(12 * time.Hour)
	t.since = noon
	home := t.c.workspaces[0].id
	now := map[[2]string]string{}
	for _, m := range t.c.members {
		key := [2]string{m.workspace, m.user}
		now[key] = t.c.mailOf(m.user)
		if _, ok := t.member[key]; !ok {
			t.welcome(m)
		}
	}
	for _, p := range t.c.people { // in order, as a map has none
		for _, w := range t.c.workspaces {
			key := [2]string{w.id, p.id}
			mail, was := t.member[key]
			if _, is := now[key]; was && !is {
				t.note(act{workspace: w.id, verb: "user.remove", at: noon, by: t.boss(w.id), to: p.id, toMail: mail})
			}
		}
	}
	t.member = now
	const stuck = 3
	for i := range stuck {
		at := yesterday.AddDate(0, 0, -20-9*i).Add(10 * time.Hour)
		a := act{id: "act_" + t.token(10), workspace: home, verb: "invite.send", at: at, by: t.boss(home), toMail: "late@example.com", invite: "inv_" + t.token(8)}
		sendAt(&t.queue, at, noon, a)
	}
	t.c.tell("%d entries of the audit trail arrived weeks late", stuck)
}

// deliver writes into the database what has arrived by now.
func (t *trail) deliver(put *inserter) {
	var counts Counts
	rows := arrived(&t.queue, t.c.now, &counts)
	all := &t.c.counts.Trail
	all.Acts += len(rows)
	all.Duplicates += counts.Duplicates
	all.Late += counts.Late
	for _, d := range rows {
		a := d.row
		put.row("trail", a.id, a.workspace, a.at.UTC().Format(clockText), a.verb, null(a.by), null(a.byMail), null(a.to), null(a.toMail),
			null(a.before), null(a.after), null(a.invite), null(a.address), d.at.UTC().Format(clockText))
	}
}
