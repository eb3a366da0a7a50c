package integration_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/identity"
)

// variant is a text of a key, and the second at which it was seen last.
type variant struct {
	text string
	last int64
}

// variants keeps of each key the variant that was seen last, of several in one second the smallest.
type variants map[string]variant

func (v variants) add(key, text string, at int64) {
	text, at = strings.TrimSpace(text), whole(at)
	if old, ok := v[key]; key != "" && (!ok || old.last < at || old.last == at && text < old.text) {
		v[key] = variant{text, at}
	}
}

func (v variants) join() string {
	var texts []string
	for _, key := range slices.Sorted(maps.Keys(v)) {
		texts = append(texts, v[key].text)
	}
	return orNull(strings.Join(texts, "; "))
}

func orNull(cell string) string {
	if cell == "" {
		return null
	}
	return cell
}

// details is the sheet of users, one a row.
func (w *world) details(m *model, days calendar.Days, p *people) {
	type row struct {
		user  int
		cells []string
	}
	var rows []row
	for user, seen := range w.seen(days, p) {
		emails, usernames, names, kinds, service, last := variants{}, variants{}, variants{}, map[string]bool{}, "No", w.sights[seen[0]].at
		systems := map[string]int64{}
		for _, i := range seen {
			o := w.sights[i]
			emails.add(p.Key(identity.Email, p.obs[i].Email), o.email, o.at)
			usernames.add(p.Key(identity.Username, p.obs[i].Username), o.username, o.at)
			names.add(p.Key(identity.DisplayName, p.obs[i].DisplayName), o.displayName, o.at)
			kinds[o.kind] = true
			if o.service == "true" {
				service = "Yes"
			}
			last = max(last, o.at)
			if at, ok := systems[w.name(o.system)]; !ok || at < o.at {
				systems[w.name(o.system)] = o.at
			}
		}
		var observed []string
		for _, name := range slices.Sorted(maps.Keys(systems)) {
			at := time.UnixMicro(systems[name]).In(w.zone).Format("2006-01-02 15:04")
			observed = append(observed, fmt.Sprintf("%s (%s)", name, at))
		}
		rows = append(rows, row{user, []string{emails.join(), usernames.join(), names.join(),
			strings.Join(slices.Sorted(maps.Keys(kinds)), "; "), strings.Join(observed, "; "), service, w.clock(whole(last)),
			w.duplicates(seen, p, usernames)}})
	}
	slices.SortFunc(rows, func(a, b row) int {
		for c := range 3 {
			switch x, y := a.cells[c], b.cells[c]; {
			case x == y:
			case x == null:
				return 1
			case y == null:
				return -1
			default:
				return cmp.Compare(x, y)
			}
		}
		return a.user - b.user
	})
	for _, r := range rows {
		m.add(dictionary.DetailedUserReport, r.cells...)
	}
}

// duplicates names the usernames of emails that were seen with several, as the user's own cell shows them.
func (w *world) duplicates(seen []int, p *people, shown variants) string {
	byEmail := map[string]map[string]map[string]bool{} // email, username, names of systems
	for _, i := range seen {
		email, username := p.Key(identity.Email, p.obs[i].Email), p.Key(identity.Username, p.obs[i].Username)
		if email == "" || username == "" {
			continue
		}
		if byEmail[email] == nil {
			byEmail[email] = map[string]map[string]bool{}
		}
		if byEmail[email][username] == nil {
			byEmail[email][username] = map[string]bool{}
		}
		byEmail[email][username][w.name(w.sights[i].system)] = true
	}
	found := map[string]map[string]bool{}
	for _, usernames := range byEmail {
		for username, systems := range usernames {
			if len(usernames) < 2 {
				continue
			}
			if found[username] == nil {
				found[username] = map[string]bool{}
			}
			maps.Copy(found[username], systems)
		}
	}
	var out []string
	for _, username := range slices.Sorted(maps.Keys(found)) {
		out = append(out, shown[username].text+" ("+strings.Join(slices.Sorted(maps.Keys(found[username])), ", ")+")")
	}
	return orNull(strings.Join(out, "; "))
}
