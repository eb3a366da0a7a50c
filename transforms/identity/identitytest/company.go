// Package identitytest makes observations to measure the resolving of users with. The program itself never uses it.
package identitytest

import (
	"fmt"
	"math/rand/v2"

	"github.com/usagereport/usagereport/transforms/identity"
)

// Company makes n observations of n/5 people, some seen very often and most seldom, as Values and codes: two fifths with
// email and username, the rest with what different systems know of people.
func Company(n int) (identity.Values, []identity.Observation) {
	rnd := rand.New(rand.NewPCG(1, 2))
	people := max(1, n/5)
	var v identity.Values
	for p := range people {
		name := fmt.Sprintf("%c%s%d", 'a'+p%26, []string{"miller", "smith", "garcia", "nguyen", "kowalski"}[p/26%5], p)
		other := name
		if p%4 == 0 { // one in four has a username that no email tells
			other = fmt.Sprintf("x%07d", p*7919%people)
		}
		v.Emails = append(v.Emails, name+"@acme.com", name+"@acme.de")
		v.Usernames = append(v.Usernames, other)
		switch p % 10 {
		case 0:
			v.DisplayNames = append(v.DisplayNames, fmt.Sprintf("Zoë Müller %d", p/2))
		default:
			v.DisplayNames = append(v.DisplayNames, fmt.Sprintf("Person Of Name %d", p/2))
		}
	}
	zipf := rand.NewZipf(rnd, 1.1, 50, uint64(people-1))
	obs := make([]identity.Observation, n)
	for i := range obs {
		p := uint32(rnd.IntN(people))
		if i%2 == 0 {
			p = uint32(zipf.Uint64())
		}
		email := 2*p + 1
		if rnd.IntN(8) == 0 {
			email++
		}
		switch k := rnd.IntN(10); {
		case k < 4:
			obs[i] = identity.Observation{Email: email, Username: p + 1, DisplayName: p + 1}
		case k < 6:
			obs[i] = identity.Observation{Email: email, DisplayName: p + 1}
		case k < 8:
			obs[i] = identity.Observation{Username: p + 1, DisplayName: p + 1}
		case k < 9:
			obs[i] = identity.Observation{Username: p + 1}
		default:
			obs[i] = identity.Observation{DisplayName: p + 1}
		}
	}
	return v, obs
}
