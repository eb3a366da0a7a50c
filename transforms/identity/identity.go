// Package identity decides which observations of users are one and the same user (contract §7), from nothing but
// their emails, usernames and display names. It reads nothing, knows no systems, times or windows, and never lets
// the order or the number of the observations matter.
//
// # Keys
//
// Texts are compared as [Normalize] makes them; a text of which nothing is left is absent. An observation has an
// email e, a username u and a display name d, each possibly absent. The local part of an email is what stands
// before its last @, trimmed; there is none if nothing stands there, if there is no @, or if it is one of those
// that prove nothing. Usernames and local parts are one kind of key: the username bob and the local part of
// bob@x.com are the same key. Full emails and display names are keys of their own kinds.
//
// # Steps
//
//  1. An observation with e and u ties its username to the local part of its email. Whatever hangs together by
//     such ties is a user of step 1. It holds the keys in it, and the full emails of its observations. Two users of
//     step 1 can hold one email only if its local part proves nothing or an override keeps them apart: of the
//     usernames seen with that email the smallest then decides who holds it.
//  2. An observation with e and no u joins the user of step 1 that holds e, else the one that holds the local part of
//     e. Failing both, equal emails are one user.
//  3. An observation with d and no e joins the user of step 1 that holds u. Without u, or if no user of step 1 holds it,
//     equal display names are one user.
//  4. An observation with u alone joins the user of step 1 that holds u. If there is none, equal usernames are one user.
//
// Who holds a key is judged when all of step 1 is done. Nothing after step 1 makes two users of step 1 one, and
// no user joins another by what it only got in steps 2 to 4. An observation with neither e, u nor d has no identity.
//
// A user is in the best bucket that any of its observations has by itself: both email and username, email,
// display name, username.
//
// # Overrides
//
// [Rules] are applied before step 1.
//
// Same: the identifiers of an entry are one person, and entries that share an identifier are one entry. If any
// of them belongs to a user of step 1, all do. An identifier that is named ties every observation that has it: an email
// beside username and local part, a username also where there is a display name, a display name where there is
// neither email nor such a username and no user of step 1 holds the username. If none of an entry's identifiers is in a
// user of step 1, but step 2 would let several of its emails join, they all go to one user: full emails before local
// parts, then the smallest key. Emails of an entry count for that whether or not they were observed.
//
// Different: each identifier of an entry is a person of its own, as is everything that Same says is that person.
// Nothing ties such an identifier but its own full text and Same. An observation that has one has it for its only key:
// its email if that is one, else its username, else, where there is no email, its display name. A username that is
// one is no key as the local part of an email. It still holds, in the sense of step 2, the full emails it was seen
// with. Two identifiers of an entry are therefore never one user, whatever is observed.
package identity

import "strconv"

// Values are the distinct texts that observations refer to by code: code 0 is none, code i+1 is entry i. Texts that
// normalise alike may stand under several codes.
type Values struct {
	Emails, Usernames, DisplayNames []string
}

// Observation is one sighting of a user, by the codes that Values gives its texts.
type Observation struct {
	Email, Username, DisplayName uint32
}

// Kind says what a text identifies somebody by.
type Kind uint8

// The kinds of texts.
const (
	Email Kind = iota
	Username
	DisplayName
)

// String returns the name of the kind for people.
func (k Kind) String() string {
	switch k {
	case Email:
		return "email"
	case Username:
		return "username"
	case DisplayName:
		return "display name"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Bucket says what a user is identified by. The buckets are in the order of the contract, the best first.
type Bucket uint8

// The buckets.
const (
	UsernamesOrEmails Bucket = iota
	Emails
	DisplayNames
	Usernames
)

// String returns the name of the bucket's column.
func (b Bucket) String() string {
	switch b {
	case UsernamesOrEmails:
		return "Usernames or Emails"
	case Emails:
		return "Emails"
	case DisplayNames:
		return "Display Names"
	case Usernames:
		return "Usernames"
	}
	return "Bucket(" + strconv.Itoa(int(b)) + ")"
}
