package secrets_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// search returns the names of the secrets that stand in a text, as they are or as programs write them elsewhere.
func search(text string, secrets map[string]string) (found []string) {
	for name, secret := range secrets {
		if slices.ContainsFunc(forms(secret), func(form string) bool { return strings.Contains(text, form) }) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// forms returns how a secret may be written: as it is, as part of a URL, as JSON, in hexadecimal, and in base64 together with
// whatever stands before and after it.
func forms(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		panic(err) // a string is always text
	}
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`), hex.EncodeToString([]byte(secret))}
	for before := range 3 {
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + secret))
		// What depends on the neighbours is left out.
		first, last := []int{0, 2, 3}[before], len(coded)-4
		all = append(all, coded[first:last], strings.NewReplacer("+", "-", "/", "_").Replace(coded[first:last]))
	}
	return all
}
