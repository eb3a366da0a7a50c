package config

import (
	"encoding/base64"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// minRunsDays covers the eight weeks that the quality report compares a day with.
const minRunsDays = 60

func (v *validator) retention() {
	r := &v.cfg.Retention
	if v.bad("retention") {
		return
	}
	ok := true
	for _, k := range []struct {
		key  string
		days int
	}{
		{"snapshots_days", r.SnapshotsDays}, {"reports_days", r.ReportsDays}, {"quarantine_days", r.QuarantineDays},
		{"runs_days", r.RunsDays}, {"access_days", r.AccessDays},
	} {
		path := "retention." + k.key
		if v.bad(path) {
			ok = false
		} else if k.days < 0 || k.days > maxRetentionDays {
			v.problem(path, "0 keeps them for ever", "expected 0 to %d days, found %s", maxRetentionDays, v.show(path))
			ok = false
		}
	}
	if !ok {
		return
	}
	if days := r.SnapshotsDays; days > 0 && days <= v.cfg.Schedule.CatchUpDays {
		v.problem("retention.snapshots_days", "the schedule would make them again every night",
			"snapshots are kept for fewer days than schedule.catch_up_days looks back (%d), or as many: %s",
			v.cfg.Schedule.CatchUpDays, v.show("retention.snapshots_days"))
	}
	switch reports := v.show("retention.reports_days"); {
	case r.ReportsDays == 0:
	case r.SnapshotsDays == 0:
		v.problem("retention.reports_days", "give retention.snapshots_days too, or remove the key", "reports are part of snapshots, which are kept for ever")
	case r.ReportsDays < r.SnapshotsDays:
		v.problem("retention.reports_days", "give no fewer days than retention.snapshots_days",
			"reports would go before the snapshot that names them: %s days", reports)
	}
	if r.RunsDays > 0 && r.RunsDays < minRunsDays {
		v.problem("retention.runs_days", "give 60 or more",
			"the quality report compares a day with the eight weeks before it: %s days are too few", v.show("retention.runs_days"))
	}
}

// maxRetentionDays is some hundred years: more is a mistake.
const maxRetentionDays = 36500

func (v *validator) admin() {
	a := &v.cfg.Admin
	if v.bad("admin") {
		return
	}
	if path := "admin.listen"; v.set(path) && !v.bad(path) && !isAddress(a.Listen) {
		v.problem(path, `such as "127.0.0.1:8080" for this machine alone, or ":8080"`, "expected host:port, found %s", v.show(path))
	}
	v.publicURL("admin.url")
	if path := "admin.keys"; v.set(path) && !v.bad(path) {
		if a.Keys.Reveal() == "" {
			v.problem(path, "remove the key, and API keys are kept in the lake", "the URL is empty")
		} else {
			a.Keys = v.url(path, a.Keys, BucketSchemes())
		}
	}
	if path := "admin.session_secret"; v.set(path) && !v.bad(path) {
		secret, err := base64.StdEncoding.DecodeString(a.SessionSecret.Reveal())
		if err != nil || len(secret) < minSessionSecret {
			v.problem(path, "make one with: openssl rand -base64 32", "expected %d bytes or more in base64", minSessionSecret)
		}
	}
	for i, proxy := range a.TrustedProxies {
		path := "admin.trusted_proxies[" + strconv.Itoa(i) + "]"
		if v.bad(path) {
			continue
		}
		if _, err := netip.ParsePrefix(proxy); err != nil {
			v.problem(path, "such as 10.0.0.0/8, or 10.1.2.3/32 for one machine", "expected a network, found %s", v.show(path))
		}
	}
	if v.set("admin.oidc") && !v.bad("admin.oidc") {
		v.oidc(&a.OIDC)
	}
}

// minSessionSecret is the key length of HMAC-SHA-256, in bytes.
const minSessionSecret = 32

// publicURL checks where people find the server, or derives it from where that listens.
func (v *validator) publicURL(path string) {
	a := &v.cfg.Admin
	if !v.set(path) {
		if host, port, err := net.SplitHostPort(a.Listen); err == nil {
			if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
				host = "127.0.0.1"
			}
			a.URL = "http://" + net.JoinHostPort(host, port)
		}
		return
	}
	if v.bad(path) {
		return
	}
	u, err := url.Parse(a.URL)
	if err != nil || !isWeb(u) || strings.Trim(u.Path, "/") != "" {
		v.problem(path, "such as https://usage.acme.example", "expected an https or http URL of a host alone, found %s", v.show(path))
		return
	}
	a.URL = u.Scheme + "://" + u.Host
}

func (v *validator) oidc(o *OIDC) {
	const at = "admin.oidc"
	for _, k := range []struct{ key, hint, value string }{
		{"issuer", "such as issuer: https://login.acme.example", o.Issuer}, {"client_id", "such as client_id: usagereport", o.ClientID},
		{"client_secret", `such as client_secret: "${OIDC_SECRET}"`, o.ClientSecret.Reveal()},
	} {
		switch path := at + "." + k.key; {
		case !v.set(path):
			v.problem(path, k.hint, "required, but missing")
		case !v.bad(path) && k.value == "":
			v.problem(path, k.hint, "is empty")
		}
	}
	if path := at + ".issuer"; v.set(path) && !v.bad(path) && o.Issuer != "" {
		u, err := url.Parse(o.Issuer)
		local := err == nil && (u.Hostname() == "localhost" || isLoopback(u.Hostname()))
		switch {
		case err != nil || !isWeb(u):
			v.problem(path, "such as https://login.acme.example", "expected the https URL of an identity provider, found %s", v.show(path))
		case u.Scheme == "http" && !local:
			v.problem(path, "write https", "an identity provider that is not on this machine has to be reached by https, found %s", v.show(path))
		}
	}
	for _, k := range []struct{ key, value string }{{"name", o.Name}, {"claim", o.Claim}} {
		if path := at + "." + k.key; v.set(path) && !v.bad(path) && strings.TrimSpace(k.value) == "" {
			v.problem(path, "remove the key for its default", "is empty")
		}
	}
	for i, s := range o.Scopes {
		// RFC 6749, section 3.3.
		odd := s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
		if path := at + ".scopes[" + strconv.Itoa(i) + "]"; !v.bad(path) && odd {
			v.problem(path, "such as groups", "expected the name of one scope, found %s", v.show(path))
		}
	}
	if path := at + ".roles"; !v.bad(path) && len(o.Roles) == 0 {
		v.problem(path, `such as roles: { usage-admins: { role: Administrator, permissions: ["Server Management: Read"] } }`,
			"required, but missing: without it nobody who signs in may do anything")
	}
	for _, value := range sortedKeys(o.Roles) {
		v.grant(join(at+".roles", value), o.Roles[value])
	}
}

// What grants can name (contract section 12).
const (
	roleAdministrator = "Administrator"
	permissionRead    = "Server Management: Read"
)

func (v *validator) grant(path string, g Grant) {
	if v.bad(path) {
		return
	}
	if at := path + ".role"; v.set(at) && !v.bad(at) && g.Role != roleAdministrator {
		v.problem(at, "write "+roleAdministrator+", or remove the key", "unknown role %s", v.show(at))
	}
	for i, p := range g.Permissions {
		if at := path + ".permissions[" + strconv.Itoa(i) + "]"; !v.bad(at) && p != permissionRead {
			v.problem(at, `write "`+permissionRead+`"`, "unknown permission %s", v.show(at))
		}
	}
	for i, w := range g.Workspaces {
		if at := path + ".workspaces[" + strconv.Itoa(i) + "]"; !v.bad(at) && strings.TrimSpace(w) == "" {
			v.problem(at, `the id of a workspace, or "*" for all`, "is empty")
		}
	}
	if g.Role == "" && len(g.Permissions) == 0 && len(g.Workspaces) == 0 {
		v.problem(path, "give role and permissions, or workspaces", "grants nothing")
	}
}

// isWeb reports whether a URL is one of the web, without a user and without anything after its path.
func isWeb(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
