package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (v *validator) notify() {
	n := &v.cfg.Notify
	if v.bad("notify") {
		return
	}
	for i, w := range n.Webhooks {
		path := fmt.Sprintf("notify.webhooks[%d]", i)
		if v.bad(path) {
			continue
		}
		if !v.set(path + ".url") {
			v.problem(path+".url", `such as url: "${WEBHOOK_URL}"`, "required, but missing: where to post messages")
		}
		v.webURL(path+".url", w.URL)
		v.signingKey(path+".signing_key", w.SigningKey)
	}
	v.webURL("notify.ping", n.Ping)
	if v.set("notify.email") && !v.bad("notify.email") {
		v.email(n.Email)
	}
}

// webURL checks a secret that is a URL of the web. Nothing of it is shown.
func (v *validator) webURL(path string, s Secret) {
	if !v.set(path) || v.bad(path) {
		return
	}
	u, err := url.Parse(s.Reveal())
	switch {
	case !s.IsSet():
		v.problem(path, "", "the URL is empty")
	case err != nil:
		v.problem(path, "percent-encode what is not a letter, a digit or one of -._~", "not a valid URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		v.problem(path, "write https://host/path", "expected an https or http URL")
	}
}

func (v *validator) signingKey(path string, s Secret) {
	if !v.set(path) || v.bad(path) {
		return
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Reveal(), "whsec_"))
	if err != nil || len(key) < minSigningKey {
		v.problem(path, "make one with: openssl rand -base64 32", "expected %d bytes or more in base64", minSigningKey)
	}
}

// minSigningKey is what Standard Webhooks asks for, in bytes.
const minSigningKey = 24

func (v *validator) email(e Mail) {
	const at = "notify.email"
	for _, k := range []struct{ key, hint string }{
		{"server", `such as server: "smtp://report:${SMTP_PASSWORD}@mail.acme.example:587"`},
		{"from", "such as from: usagereport@acme.example"}, {"to", "such as to: [operations@acme.example]"},
	} {
		if !v.set(at + "." + k.key) {
			v.problem(at+"."+k.key, k.hint, "required, but missing")
		}
	}
	if path := at + ".server"; v.set(path) && !v.bad(path) {
		if message, hint := serverProblem(e.Server.Reveal()); message != "" {
			v.problem(path, hint, "%s", message)
		}
	}
	v.address(at+".from", e.From)
	if path := at + ".to"; v.set(path) && !v.bad(path) && len(e.To) == 0 {
		v.problem(path, "remove the section, or give an address", "the list is empty")
	}
	for i, to := range e.To {
		v.address(fmt.Sprintf("%s.to[%d]", at, i), to)
	}
}

func (v *validator) address(path, address string) {
	if !v.set(path) || v.bad(path) {
		return
	}
	if _, err := mail.ParseAddress(address); err != nil {
		v.problem(path, "such as operations@acme.example", "expected an e-mail address, found %s", v.show(path))
	}
}

// serverProblem says what is wrong with the URL of a mail server, and shows nothing of it.
func serverProblem(raw string) (message, hint string) {
	const form = "write smtp://user:password@host:587 or smtps://user:password@host:465"
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return "the URL is empty", form
	case err != nil:
		return "not a valid URL", "percent-encode special characters in the password, such as %40 for @ and %2F for /"
	case !slices.Contains([]string{"smtp", "smtps"}, u.Scheme):
		return "expected an smtp or smtps URL", form
	case u.Hostname() == "":
		return "the URL names no host", form
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "expected nothing after host and port", form
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return "the port is none", form
		}
	}
	password, has := u.User.Password()
	if u.User != nil && (u.User.Username() == "" || !has || password == "") {
		return "a user and a password go together", form
	}
	return "", ""
}

// OnThisMachine reports whether the mail server is reached without a network, so that nobody can listen.
func (m Mail) OnThisMachine() bool {
	u, err := url.Parse(m.Server.Reveal())
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func (v *validator) lineage() {
	o := &v.cfg.OpenLineage
	if v.bad("openlineage") {
		return
	}
	v.webURL("openlineage.url", o.URL)
	if path := "openlineage.api_key"; v.set(path) && !v.bad(path) {
		switch {
		case !v.set("openlineage.url"):
			v.problem(path, "give openlineage.url too", "there is nowhere to send it")
		case !o.APIKey.IsSet() || strings.ContainsFunc(o.APIKey.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }):
			v.problem(path, "", "expected a key of visible ASCII characters")
		}
	}
	if path := "openlineage.namespace"; v.set(path) && !v.bad(path) && strings.TrimSpace(o.Namespace) == "" {
		v.problem(path, "such as usagereport", "the namespace is empty")
	}
}
