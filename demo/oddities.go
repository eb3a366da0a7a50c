package demo

import "fmt"

// oddities adds people by hand, each of whom has once been counted wrong somewhere.
func (h *hub) oddities() {
	h.workedExample()
	h.mailboxes()
	h.overridden()
	h.unicode()
	h.strangeAddresses()
	h.brinkPeople()

	// Until the first night two users; a sighting on the day after it ties them.
	h.known(
		look{identity: identity{"robin@vale.example", "rvale", "Robin Vale"}, tools: []string{"jira"}},
		look{identity: identity{"r.vale@example.net", "robin-v", "R. Vale"}, tools: []string{"github"}},
	)

	// Display names that have broken somebody's spreadsheet before. Two of them are one: é is written in two ways.
	var jose *someone
	for _, name := range oddNames {
		l := look{identity: identity{"", "", name}, tools: h.someTools(2)}
		if name == "José Niño" && jose != nil {
			jose.looks = append(jose.looks, l)
			continue
		}
		if p := h.known(l); name == "Jose\u0301 Nin\u0303o" {
			jose = p
		}
	}
}

// known adds somebody who is there all the time, and whose logins and addresses nobody else gets.
func (h *hub) known(looks ...look) *someone {
	for _, l := range looks {
		for _, text := range []string{l.login, localPart(l.mail), l.name} {
			h.names[lower(text)] = true
		}
	}
	return h.add(looks...).always()
}

// localPart is what stands before the last @ of an address, empty where there is none.
func localPart(mail string) string {
	for i := len(mail) - 1; i >= 0; i-- {
		if mail[i] == '@' {
			return mail[:i]
		}
	}
	return ""
}

// workedExample is the example of the contract (§7): two people, A to D, F and G one of them.
func (h *hub) workedExample() {
	in := func(tool string, i identity) look { return look{identity: i, tools: []string{tool}} }
	h.known(
		in("jira", identity{"asmith@x.example", "alice", "Alice Smith"}),
		in("github", identity{"bob@x.example", "asmith", ""}),
		in("desk", identity{"c@x.example", "bob", "Bob B"}),
		in("crm", identity{"ASMITH@y.example", "", ""}),
		in("github", identity{"", "BOB", ""}),
		in("wiki", identity{"", "bob", "Bob B."}),
	)
	h.known(in("wiki", identity{"", "", "Bob B."}))
}

// mailboxes are addresses that several people write from, at two domains. Without identity.no_proof_local_parts all
// who use them would be one.
func (h *hub) mailboxes() {
	for _, p := range []struct{ box, login, name string }{
		{"info@harbor.example", "mona.keel", "Mona Keel"},
		{"info@harbor.example", "nils.otter", "Nils Otter"},
		{"INFO@lumen.example", "rosa.pike", "Rosa Pike"},
		{"support@harbor.example", "sven.rook", "Sven Rook"},
		{"Support@harbor.example", "tara.stone", "Tara Stone"},
		{"support@lumen.example", "umar.tell", "Umar Tell"},
	} {
		h.known(
			look{identity: identity{p.box, p.login, p.name}, tools: []string{"desk", "crm"}},
			look{identity: identity{p.login + "@harbor.example", p.login, p.name}, tools: []string{"jira"}},
		)
	}
	// Mail from a mailbox, and nothing else: one that two people have, and one that is nobody's.
	h.known(look{identity: identity{"info@harbor.example", "", ""}, tools: []string{"wiki"}})
	h.known(look{identity: identity{"info@kestrel.example", "", "Kestrel Info"}, tools: []string{"desk"}})
}

// overridden are those of whom identity-overrides.yaml knows more than the tools.
func (h *hub) overridden() {
	// Two people with one local part.
	h.known(
		look{identity: identity{"sam.miller@example.com", "smiller-us", "Sam Miller"}, tools: []string{"jira", "github"}},
		look{identity: identity{"sam.miller@example.com", "", "Sam Miller"}, tools: []string{"crm"}},
	)
	h.known(
		look{identity: identity{"sam.miller@example.org", "smiller-ca", "Sam Miller"}, tools: []string{"jira", "wiki"}},
		look{identity: identity{"", "smiller-ca", ""}, tools: []string{"github"}},
	)
	// One person whose accounts share nothing, and one who is but a name in one of the tools.
	h.known(
		look{identity: identity{"kim.lind@example.net", "klind", "Kim Lind"}, tools: []string{"jira"}},
		look{identity: identity{"contractor-117@example.org", "ext-117", "Kim L."}, tools: []string{"github"}},
	)
	h.known(
		look{identity: identity{"n.omail@example.org", "nomail", "Nia Omail"}, tools: []string{"jira"}},
		look{identity: identity{"", "", "Dr. Nia Omail, PhD"}, tools: []string{"wiki"}},
	)
}

// unicode are people whose names are written in several ways that are the same text.
func (h *hub) unicode() {
	for _, p := range []struct{ mail, login, mail2, login2, name string }{
		{"jgross@example.org", "jgroß", "jgroß@example.com", "JGROSS", "Jürgen Groß"},
		{"ipek@example.com", "İpek.I", "ipek@example.net", "i\u0307PEK.i", "İpek Işık Öz"},
		{"jos\u00e9@example.com", "jn-1", "jose\u0301@example.org", "jn-2", "Josephe\u0301 N."},
		{"yuki.s@example.net", "ｙｕｋｉ", "YUKI@example.com", "yuki", "ささき ゆき"},
		{"ke\u0301n@example.com", "\u212Aenji", "k\u00e9n@example.com", "kenji", "Kenji K."},
		{"sara.long@example.org", "ſara", "sara@example.org", "SARA", "Sara Long"},
		{"fiona.lig@example.com", "ﬁona", "FIONA@example.net", "fiona", "ﬁona Lig"},
		{"nikos@example.com", "νίκος", "n.kos@example.com", "ΝΊΚΟΣ", "Νίκος Δ."},
		{"olga.s@example.org", "ольга", "o.sin@example.org", "ОЛЬГА", "Ольга С."},
		{"lena.pad@example.net", "\u00a0lena", "lena\u3000@example.com", "LENA", "\tLena Pad "},
	} {
		h.known(
			look{identity: identity{p.mail, p.login, p.name}, tools: []string{"jira"}},
			look{identity: identity{p.mail2, p.login2, ""}, tools: []string{"github", "wiki"}},
			look{identity: identity{"", p.login2, p.name}, tools: []string{"crm"}},
		)
	}
	h.known( // a name alone, full-width and not
		look{identity: identity{"", "", "Ｐａｏｌａ Ｗｉｄｅ"}, tools: []string{"wiki"}},
		look{identity: identity{"", "", "paola wide"}, tools: []string{"crm"}},
	)
}

// strangeAddresses are no addresses, or hardly.
func (h *hub) strangeAddresses() {
	h.known(look{identity: identity{"unknown", "walk-in.1", "Walk-in 1"}, tools: []string{"desk"}})
	h.known(look{identity: identity{"unknown", "walk-in.2", "Walk-in 2"}, tools: []string{"desk"}})
	h.known(look{identity: identity{"@example.com", "walk-in.3", "Walk-in 3"}, tools: []string{"desk"}})
	h.known(
		look{identity: identity{`"odd@one"@example.com`, "odd-one", "Odd One; the only"}, tools: []string{"crm"}},
		look{identity: identity{`"ODD@one"@example.net`, "", ""}, tools: []string{"desk"}},
	)
}

// brinkPeople are each seen once, at an instant where a window begins or ends; and four only on the run date itself.
func (h *hub) brinkPeople() {
	for i, at := range h.brinks() {
		p := h.known(look{identity: identity{fmt.Sprintf("brink.%02d@example.net", i+1), "", ""}, tools: []string{"jira"}, times: 1})
		p.from, p.to = at, at.Add(1)
	}
	for i := range 4 {
		p := h.known(look{identity: identity{fmt.Sprintf("early.%d@example.net", i+1), fmt.Sprintf("early-%d", i+1), ""}, tools: []string{"github"}, times: 2})
		p.from, p.to = h.night, h.c.now
	}
}
