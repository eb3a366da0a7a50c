package demo

import (
	"fmt"
	"strings"
	"time"
)

// How many the hub has seen until the first night. Those of oddities.go are among them.
const (
	firstPeople     = 900
	firstIdentities = 2500

	mailPeople, namePeople, loginPeople, robots = 130, 70, 60, 20
)

// namebook holds the logins, local parts and names that are taken, in lower case: people who are two must not become
// one by chance.
type namebook map[string]bool

// free returns the text, with a number where it is taken, and takes it.
func (b namebook) free(text string) string {
	name := text
	for n := 2; b[strings.ToLower(name)]; n++ {
		name = fmt.Sprintf("%s%d", text, n)
	}
	b[strings.ToLower(name)] = true
	return name
}

var hubFirstNames = append([]string{"Alma", "Bruno", "Celia", "Dora", "Emil", "Flora", "Gil", "Hanna", "Igor", "Jade",
	"Kurt", "Lea", "Milo", "Nora"}, firstNames...)

var hubLastNames = append([]string{"Adler", "Boone", "Cole", "Duarte", "Engel", "Fox", "Grant", "Haas", "Ivanov", "Jung",
	"Keller", "Lind", "Meyer", "Novak"}, lastNames...)

// hubDomains are reserved for examples; the company uses the first the most.
var hubDomains = []string{"example.com", "example.com", "example.com", "example.org", "example.net"}

// meet makes everybody whom the hub has seen: the odd ones by hand, the others by chance.
func (h *hub) meet() {
	h.oddities()
	names := h.shuffledNames()
	next := func() (first, last string) {
		first, last = names[0][0], names[0][1]
		names = names[1:]
		return first, last
	}
	for i := range robots {
		h.addRobot(i)
	}
	for range mailPeople {
		h.addMailOnly(next())
	}
	for range namePeople {
		h.addNameOnly(next())
	}
	for range loginPeople {
		h.addLoginOnly(next())
	}
	staff := len(h.people)
	for len(h.people) < firstPeople-5 {
		h.addStaff(next())
	}
	for i := range 5 { // namesakes: nothing but their names is the same
		p := h.people[staff+20+i]
		first, last, _ := strings.Cut(p.looks[0].name, " ")
		h.addStaff(first, last)
	}
	h.moreLooks(h.people[staff:])
}

func (h *hub) shuffledNames() [][2]string {
	var names [][2]string
	for _, first := range hubFirstNames {
		for _, last := range hubLastNames {
			names = append(names, [2]string{first, last})
		}
	}
	h.rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

// add adds somebody, who is there now and then: always, or as chance has it gone or new.
func (h *hub) add(looks ...look) *someone {
	p := &someone{looks: looks}
	year, half := monthsBefore(h.night, 12), monthsBefore(h.night, 6)
	switch n := h.rng.IntN(100); {
	case n < 4: // gone before the year
		p.to = year.Add(-h.part(20 * days))
	case n < 14: // there in the year, and gone before the half
		p.from, p.to = year.Add(h.part(40*days)), half.Add(-h.part(60*days))
	case n < 27: // new
		p.from = half.Add(h.part(170 * days))
	}
	h.people = append(h.people, p)
	return p
}

// always lets somebody be there all the time.
func (p *someone) always() *someone {
	p.from, p.to = time.Time{}, time.Time{}
	return p
}

// someTools returns one to n tools.
func (h *hub) someTools(n int) []string {
	var keys []string
	for _, i := range h.rng.Perm(len(tools))[:1+h.rng.IntN(n)] {
		keys = append(keys, tools[i].key)
	}
	return keys
}

func (h *hub) addRobot(i int) {
	yes, no := true, false
	job := [...]string{"ci", "deploy", "sync", "backup", "mirror", "release", "triage"}[i%7]
	login := h.names.free(fmt.Sprintf("%s-bot-%d", job, i+1))
	mail := login + "@robots.example"
	if i%3 == 0 {
		mail = "noreply@example.com" // proves nothing: several of them have it
	}
	name := fmt.Sprintf("%s service %d", job, i+1)
	h.add(
		look{identity: identity{mail, login, name}, robot: &yes, tools: []string{"github"}},
		look{identity: identity{"", login, name}, tools: []string{"jira"}}, // which does not know
		look{identity: identity{mail, login, strings.ToUpper(name)}, robot: &no, tools: []string{"desk"}},
	).always()
}

func (h *hub) addMailOnly(first, last string) {
	local := h.names.free(lower(first) + "." + lower(last))
	mail := local + "@" + pick(h, hubDomains)
	p := h.add(look{identity: identity{mail, "", first + " " + last}, tools: h.someTools(2)})
	switch h.rng.IntN(3) {
	case 0:
		p.looks = append(p.looks, look{identity: identity{strings.ToUpper(mail), "", first + " " + last}, tools: h.someTools(1)})
	case 1:
		p.looks = append(p.looks, look{identity: identity{mail, "", last + ", " + first}, tools: h.someTools(2)})
	}
}

func (h *hub) addNameOnly(first, last string) {
	name := h.names.free(first + " " + last)
	p := h.add(look{identity: identity{"", "", name}, tools: h.someTools(2)})
	if h.rng.IntN(2) == 0 {
		p.looks = append(p.looks, look{identity: identity{"", "", strings.ToUpper(name)}, tools: h.someTools(1)})
	}
}

func (h *hub) addLoginOnly(first, last string) {
	login := h.names.free(lower(last) + "_" + lower(first))
	p := h.add(look{identity: identity{"", login, ""}, tools: h.someTools(2)})
	if h.rng.IntN(2) == 0 {
		p.looks = append(p.looks, look{identity: identity{"", strings.ToUpper(login), ""}, tools: h.someTools(1)})
	}
}

// addStaff adds somebody with an address and a login. Every tenth login is the local part, so that one key ties both.
func (h *hub) addStaff(first, last string) {
	local := h.names.free(lower(first) + "." + lower(last))
	login := local
	if h.rng.IntN(10) > 0 {
		login = h.names.free(lower(first)[:1] + lower(last))
	}
	h.add(look{identity: identity{local + "@" + pick(h, hubDomains), login, first + " " + last}, tools: h.someTools(4)})
}

// moreLooks gives the staff more looks, until there are as many identities as there should be.
func (h *hub) moreLooks(staff []*someone) {
	seen := h.identities()
	for i := range 6 { // seen everywhere
		p := staff[i].always()
		p.looks[0].tools = []string{"jira", "github", "desk", "wiki", "crm"}
	}
	for i := 0; len(seen) < firstIdentities; i++ {
		p := staff[i%len(staff)]
		if i >= len(staff) && h.rng.IntN(2) == 0 {
			continue // some have more looks than others
		}
		l := h.anotherLook(p, i/len(staff) == 0 && i%20 == 7)
		if !seen[l.identity] {
			seen[l.identity] = true
			p.looks = append(p.looks, l)
		}
	}
}

// anotherLook makes one more look of somebody. All but a stray one can be tied to the person, whom a stray display name
// leaves apart.
func (h *hub) anotherLook(p *someone, stray bool) look {
	base := p.looks[0].identity
	local, domain, _ := strings.Cut(base.mail, "@")
	first, last, _ := strings.Cut(base.name, " ")
	l := look{identity: base, tools: h.someTools(2)}
	if stray {
		l.identity = identity{"", "", first + " " + last + " (" + pick(h, departments[3:7]) + ")"}
		return l
	}
	title := strings.ToUpper(local[:1]) + local[1:]
	switch h.rng.IntN(14) {
	case 0:
		l.mail = title + "@" + strings.ToUpper(domain[:1]) + domain[1:]
	case 1:
		l.mail, l.name = strings.ToUpper(base.mail), ""
	case 2:
		l.mail = local + "@" + pick(h, hubDomains)
	case 3:
		l.mail, l.login = local+"@"+pick(h, hubDomains), ""
	case 4:
		l.login, l.name = "", last+", "+first
	case 5: // one address, two logins
		l.login = local
	case 6: // one address, three
		l.login, l.name = h.names.free(lower(first)+last[:1]), ""
	case 7:
		l.mail, l.login = "", strings.ToUpper(base.login)
	case 8:
		l.mail, l.name = "", ""
	case 9:
		l.mail, l.login = "  "+base.mail, base.login+" "
	case 10:
		l.mail = local + "+" + pick(h, []string{"jira", "lists", "test"}) + "@" + domain
	case 11:
		l.name = first + " " + last[:1] + "."
	case 12:
		l.login, l.name = title, ""
	default:
		return h.renamed(p, l, first)
	}
	return l
}

// renamed gives somebody a new last name and login: seen with the old address for a while, then with a new one.
func (h *hub) renamed(p *someone, l look, first string) look {
	last := pick(h, hubLastNames) + "-" + pick(h, hubLastNames)
	local := h.names.free(lower(first) + "." + lower(last))
	l.login, l.name = local, first+" "+last
	if h.rng.IntN(2) == 0 {
		before, _, _ := strings.Cut(l.mail, "@")
		l.mail = strings.ReplaceAll(l.mail, before, local)
		l.login = p.looks[0].login // the login stayed
	}
	if p.to.IsZero() && p.from.IsZero() {
		l.from = h.night.Add(-150 * days)
	}
	return l
}
