package identity

import (
	"fmt"
	"math"
)

// none stands for no key.
const none = int32(-1)

// keys are the distinct keys that there can be, numbered: first usernames and local parts, then full emails, then
// display names. Key numbers depend on the order of Values and must not show in any result.
type keys struct {
	texts         []string // by key
	emails, names int32    // the first key that is a full email, a display name

	email, username, display []int32 // by code: the key, or none
	local                    []int32 // by email key minus emails: the key of its local part, or none
}

// newKeys numbers the keys of values and rules. proves says of a local part whether it is a key.
func newKeys(v Values, r *overrides, proves func(local string) bool) (*keys, error) {
	if uint64(len(v.Usernames))+2*uint64(len(v.Emails))+uint64(len(v.DisplayNames))+3*uint64(len(r.identifiers)) > math.MaxInt32-1 {
		return nil, fmt.Errorf("identity: %d emails, %d usernames and %d display names are more than can be numbered",
			len(v.Emails), len(v.Usernames), len(v.DisplayNames))
	}
	spaces := map[Kind]*interner{
		Email: newInterner(len(v.Emails)), Username: newInterner(len(v.Usernames) + len(v.Emails)), DisplayName: newInterner(len(v.DisplayNames)),
	}
	emails, shared, names := spaces[Email], spaces[Username], spaces[DisplayName]
	k := &keys{username: shared.addAll(v.Usernames), email: emails.addAll(v.Emails), display: names.addAll(v.DisplayNames)}
	for i := range r.identifiers {
		r.identifiers[i].key = spaces[r.identifiers[i].Kind].add(r.identifiers[i].Text)
	}
	k.local = make([]int32, len(emails.texts))
	for i, e := range emails.texts {
		k.local[i] = none
		if l := localPart(e); l != "" && proves(l) {
			k.local[i] = shared.add(l)
		}
	}
	k.emails = int32(len(shared.texts))
	k.names = k.emails + int32(len(emails.texts))
	k.texts = append(append(shared.texts, emails.texts...), names.texts...)
	shift(k.email, k.emails)
	shift(k.display, k.names)
	for i := range r.identifiers {
		switch r.identifiers[i].Kind {
		case Email:
			r.identifiers[i].key += k.emails
		case DisplayName:
			r.identifiers[i].key += k.names
		}
	}
	return k, nil
}

func shift(keys []int32, by int32) {
	for i := range keys {
		if keys[i] != none {
			keys[i] += by
		}
	}
}

// localOf returns the key of an email's local part, or none.
func (k *keys) localOf(email int32) int32 { return k.local[email-k.emails] }

// kind returns the kind of a key; usernames and local parts are one.
func (k *keys) kind(key int32) Kind {
	switch {
	case key < k.emails:
		return Username
	case key < k.names:
		return Email
	}
	return DisplayName
}

// text returns the text of a key, or "" for none.
func (k *keys) text(key int32) string {
	if key == none {
		return ""
	}
	return k.texts[key]
}
