package integration

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/usagereport/usagereport/transforms/identity"
)

// Explanation says of one user why its observations are one user.
type Explanation struct {
	User         int
	Bucket       identity.Bucket
	Bridges      []string // keys that alone hold otherwise separate groups of its keys together
	Observations []Observed
}

// Observed is all observations of a user that show the same.
type Observed struct {
	System                       string
	Interactions                 []string // in which the system shows it, sorted
	Email, Username, DisplayName string   // as the system shows them, empty for none
	ServiceAccount               bool
	Last                         time.Time // in the reporting zone
	Rows                         int64
	Tie                          identity.Tie // what put them with the user
}

// Explain returns the users that have text, or what differs from it in case and form alone, as an email, as a username,
// as the local part of an email or as a display name.
func (y *Year) Explain(text string) []Explanation {
	want := identity.Normalize(text)
	if want == "" {
		return nil
	}
	s, users := y.seen, y.seen.users
	var found []Explanation
	for user, sights := range s.byUser {
		if !slices.ContainsFunc(sights, func(o sighting) bool {
			email := users.Key(identity.Email, o.email)
			return email == want || localPart(email) == want ||
				users.Key(identity.Username, o.username) == want || users.Key(identity.DisplayName, o.displayName) == want
		}) {
			continue
		}
		one := Explanation{User: user, Bucket: users.Bucket(user), Bridges: users.Bridges(user)}
		same := map[sight]int{} // but for the interaction
		for i := range sights {
			o := y.observed(&sights[i])
			key := sights[i].sight
			key.kind = 0
			at, ok := same[key]
			if !ok {
				same[key] = len(one.Observations)
				one.Observations = append(one.Observations, o)
				continue
			}
			to := &one.Observations[at]
			to.Interactions, to.Rows = append(to.Interactions, o.Interactions...), to.Rows+o.Rows
			if o.Last.After(to.Last) {
				to.Last = o.Last
			}
		}
		for _, o := range one.Observations {
			slices.Sort(o.Interactions)
		}
		slices.SortStableFunc(one.Observations, func(a, b Observed) int {
			return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Email, b.Email), cmp.Compare(a.Username, b.Username),
				cmp.Compare(a.DisplayName, b.DisplayName))
		})
		found = append(found, one)
	}
	return found
}

func (y *Year) observed(o *sighting) Observed {
	s := y.seen
	return Observed{
		System: y.systems.name(s.systems[o.system-1]), Interactions: []string{s.kinds[o.kind-1]},
		Email: valueOf(s.values.Emails, o.email), Username: valueOf(s.values.Usernames, o.username),
		DisplayName: valueOf(s.values.DisplayNames, o.displayName), ServiceAccount: o.service,
		Last: o.last.time(y.run.Zone).In(y.run.Zone), Rows: o.rows, Tie: s.users.Tie(o.observation()),
	}
}

func valueOf(values []string, code uint32) string {
	if code == 0 {
		return ""
	}
	return values[code-1]
}

func localPart(email string) string {
	return strings.TrimSpace(email[:max(0, strings.LastIndexByte(email, '@'))])
}

// Quality says how the year's observations were resolved.
type Quality struct {
	Users          int64
	FullEmailUsers int64 // if equal email addresses alone tied observations together
	Unidentified   int64 // observations without any identity
	Largest        []identity.Large
	Buckets        []identity.Bucket // of the largest
	Bridges        [][]string        // of the largest
}

// Quality returns how the year's observations were resolved, with up to n of the users with the most keys.
func (y *Year) Quality(n int) Quality {
	users := y.seen.users
	q := Quality{
		Users: int64(users.Len()), FullEmailUsers: int64(users.FullEmailCount()), Unidentified: y.seen.unidentified,
		Largest: users.Largest(n),
	}
	for _, l := range q.Largest {
		q.Buckets = append(q.Buckets, users.Bucket(l.User))
		q.Bridges = append(q.Bridges, users.Bridges(l.User))
	}
	return q
}
