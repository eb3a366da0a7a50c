package integration

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/identity"
	"github.com/usagereport/usagereport/transforms/rows"
)

// userRow is a row of the Detailed User Report.
type userRow struct {
	email, username, displayName, kinds, observed, duplicates string
	service                                                   bool
	last                                                      moment
}

// recordRows is how many rows a record of the Detailed User Report has at most.
const recordRows = 16 << 10

func (r *Report) detailedUserReport() iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		users := r.userRows()
		for {
			n := min(len(users), recordRows)
			if !yield(r.userRecord(users[:n]), nil) {
				return
			}
			if users = users[n:]; len(users) == 0 {
				return
			}
		}
	}
}

func (r *Report) userRecord(users []userRow) arrow.Record {
	out := rows.New(r.year.run.Mem, dictionary.DetailedUserReport.Schema())
	for i := range users {
		u := &users[i]
		out.Text(u.email, u.email != "")
		out.Text(u.username, u.username != "")
		out.Text(u.displayName, u.displayName != "")
		out.Text(u.kinds, true)
		out.Text(u.observed, true)
		if u.service {
			out.Text("Yes", true)
		} else {
			out.Text("No", true)
		}
		out.Instant(r.micros(u.last))
		out.Text(u.duplicates, u.duplicates != "")
	}
	return out.Record()
}

// userRows returns a row for every user seen in the window, sorted by what they show, empty cells last.
func (r *Report) userRows() []userRow {
	from := momentOf(r.days.From, 0)
	c := &cells{year: r.year, names: map[uint32]string{}}
	for code := range uint32(len(r.year.seen.systems)) {
		c.names[code+1] = r.year.systems.name(r.year.seen.systems[code])
	}
	var out []userRow
	for _, sights := range r.year.seen.byUser {
		c.in = c.in[:0]
		for i := range sights {
			if sights[i].last >= from {
				c.in = append(c.in, &sights[i])
			}
		}
		if len(c.in) > 0 {
			out = append(out, c.row())
		}
	}
	slices.SortStableFunc(out, func(a, b userRow) int {
		return cmp.Or(emptyLast(a.email, b.email), emptyLast(a.username, b.username), emptyLast(a.displayName, b.displayName))
	})
	return out
}

func emptyLast(a, b string) int {
	if (a == "") != (b == "") {
		return btoi(a == "") - btoi(b == "")
	}
	return cmp.Compare(a, b)
}

// cells makes the cells of one user after the other.
type cells struct {
	year  *Year
	names map[uint32]string // of systems, by code
	in    []*sighting       // of the user, within the window
	texts []shown
}

// shown is a text of a cell: the key that it is known by, and when it was last seen like that.
type shown struct {
	key, text string
	last      moment
}

func (c *cells) row() userRow {
	s := c.year.seen
	u := userRow{last: never}
	u.email = c.values(identity.Email, s.values.Emails, func(o *sighting) uint32 { return o.email })
	u.username = c.values(identity.Username, s.values.Usernames, func(o *sighting) uint32 { return o.username })
	u.displayName = c.values(identity.DisplayName, s.values.DisplayNames, func(o *sighting) uint32 { return o.displayName })
	var kinds []string
	lasts := map[uint32]moment{}
	for _, o := range c.in {
		kinds = append(kinds, s.kinds[o.kind-1])
		u.service = u.service || o.service
		u.last = max(u.last, o.last)
		if last, ok := lasts[o.system]; !ok || last < o.last {
			lasts[o.system] = o.last
		}
	}
	slices.Sort(kinds)
	u.kinds = strings.Join(slices.Compact(kinds), "; ")
	c.texts = c.texts[:0]
	for system, last := range lasts {
		name := c.names[system]
		c.texts = append(c.texts, shown{key: name, text: name + " (" + last.time(c.year.run.Zone).Format("2006-01-02 15:04") + ")"})
	}
	u.observed = c.join()
	u.duplicates = c.duplicates()
	return u
}

// values joins the distinct values of one kind.
func (c *cells) values(kind identity.Kind, texts []string, code func(*sighting) uint32) string {
	c.texts = c.texts[:0]
	for _, o := range c.in {
		if key := c.year.seen.users.Key(kind, code(o)); key != "" {
			c.texts = append(c.texts, shown{key, strings.TrimSpace(texts[code(o)-1]), o.last})
		}
	}
	return c.join()
}

// join sorts the texts by key and joins one for each: the one last seen.
func (c *cells) join() string {
	slices.SortFunc(c.texts, func(a, b shown) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(b.last, a.last), cmp.Compare(a.text, b.text))
	})
	out := make([]string, 0, len(c.texts))
	for i, t := range c.texts {
		if i == 0 || t.key != c.texts[i-1].key {
			out = append(out, t.text)
		}
	}
	return strings.Join(out, "; ")
}

// duplicates names the usernames of emails that were seen with two or more of them, each with its systems (contract §6).
func (c *cells) duplicates() string {
	users := c.year.seen.users
	byEmail := map[string]map[string]bool{}
	for _, o := range c.in {
		email, username := users.Key(identity.Email, o.email), users.Key(identity.Username, o.username)
		if email == "" || username == "" {
			continue
		}
		if byEmail[email] == nil {
			byEmail[email] = map[string]bool{}
		}
		byEmail[email][username] = true
	}
	systems := map[string]map[string]bool{} // names by username
	for _, o := range c.in {
		email, username := users.Key(identity.Email, o.email), users.Key(identity.Username, o.username)
		if username == "" || len(byEmail[email]) < 2 {
			continue
		}
		if systems[username] == nil {
			systems[username] = map[string]bool{}
		}
		systems[username][c.names[o.system]] = true
	}
	c.texts = c.texts[:0]
	for _, o := range c.in { // a username is shown as in its own cell, also where that variant came without the email
		if username := users.Key(identity.Username, o.username); systems[username] != nil {
			c.texts = append(c.texts, shown{username, strings.TrimSpace(c.year.seen.values.Usernames[o.username-1]), o.last})
		}
	}
	for i := range c.texts {
		t := &c.texts[i]
		var names []string
		for name := range systems[t.key] {
			names = append(names, name)
		}
		slices.Sort(names)
		t.text += " (" + strings.Join(names, ", ") + ")"
	}
	return c.join()
}
