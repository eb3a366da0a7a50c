package identity

import "strconv"

// Tie says, for people, what put an observation with its user.
type Tie struct {
	Step     int    // of the contract, 1 to 4; 0 without an identity
	Rule     string // what holds, such as "no username; its email was seen with one"
	Key      string // the key or keys by which, such as `local part "asmith"`
	Override string // "same" or "different" where an override has a part in it, else empty
}

// String returns the tie as one line.
func (t Tie) String() string {
	if t.Step == 0 {
		return t.Rule
	}
	s := "step " + strconv.Itoa(t.Step) + ": " + t.Rule + ": " + t.Key
	if t.Override != "" {
		s += " (override: " + t.Override + ")"
	}
	return s
}

// Tie returns what put an observation, which must have been added, with its user.
func (u *Users) Tie(o Observation) Tie {
	e, name, d := u.email[o.Email], u.username[o.Username], u.display[o.DisplayName]
	key := u.keyOf(e, name, d)
	if key == none {
		return Tie{Rule: "neither email, username nor display name: no identity"}
	}
	t := u.tie(e, name, d, key)
	switch {
	case u.states[key]&single != 0:
		t.Override = "different"
	case u.states[key]&named != 0, key == name && e != none && u.states[e]&named != 0:
		t.Override = "same"
	}
	return t
}

func (u *Users) tie(e, name, d, key int32) Tie {
	email, username, display := u.quote("email", e), u.quote("username", name), u.quote("display name", d)
	alone := u.states[key]&single != 0
	switch {
	case e != none && name != none:
		local := u.localOf(e)
		switch {
		case alone && key == e:
			return Tie{Step: 1, Rule: "email and username; the email is a person of its own", Key: email}
		case alone:
			return Tie{Step: 1, Rule: "email and username; the username is a person of its own", Key: username}
		case local == none:
			return Tie{Step: 1, Rule: "email and username; the local part proves nothing", Key: username}
		}
		return Tie{Step: 1, Rule: "email and username", Key: username + ", " + u.quote("local part", local)}
	case e != none:
		return u.emailTie(e, email)
	case d != none && key == name:
		rule := "no email, a display name; its username is that of a user with email and username"
		if u.states[name]&(named|single) != 0 {
			rule = "no email, a display name; an override names its username"
		}
		return Tie{Step: 3, Rule: rule, Key: username}
	case d != none:
		return Tie{Step: 3, Rule: "no email; equal display names are one user", Key: display}
	case u.holds(name):
		return Tie{Step: 4, Rule: "a username only, which is that of a user with email and username", Key: username}
	}
	return Tie{Step: 4, Rule: "a username only; equal usernames are one user", Key: username}
}

// emailTie is tie for an observation with an email and no username.
func (u *Users) emailTie(e int32, email string) Tie {
	local := u.localOf(e)
	j := u.joined[u.root[e]]
	if j.by != byNothing && j.email != e { // another email of the entry of Same found the user
		email += ", " + u.quote("email", j.email)
		local = u.localOf(j.email)
	}
	switch {
	case u.states[e]&single != 0:
		return Tie{Step: 2, Rule: "no username; the email is a person of its own", Key: email}
	case j.by == byLocalPart:
		return Tie{Step: 2, Rule: "no username; a user with email and username holds the local part", Key: u.quote("local part", local)}
	case j.by == byFullEmail, u.holder[e-u.emails] != none:
		return Tie{Step: 2, Rule: "no username; a user with email and username holds the full email", Key: email}
	case u.holds(e):
		return Tie{Step: 2, Rule: "no username; the email is the same person as a user with email and username", Key: email}
	}
	return Tie{Step: 2, Rule: "no username; equal emails are one user", Key: email}
}

func (u *Users) quote(what string, key int32) string { return what + " " + strconv.Quote(u.text(key)) }
