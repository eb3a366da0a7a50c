package config

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// The lengths from which on a secret, and the path of a secret URL, are looked for in texts: shorter ones would be
// found everywhere.
const (
	minScrubbed     = 4
	minScrubbedPath = 16
)

// Scrub takes every secret of the config out of a text that is about to leave the program. What writes such texts
// keeps secrets out by itself; this is for texts of servers and libraries that quote what they were given.
func (c *Config) Scrub(text string) string {
	var secrets []string
	urls := []URL{c.Lake.Bucket, c.Notify.Email.Server, c.Admin.Keys}
	for _, s := range c.Sources {
		urls = append(urls, s.URL)
	}
	for _, u := range urls {
		secrets = append(secrets, u.secrets()...)
	}
	whole := []Secret{c.Notify.Ping, c.OpenLineage.URL, c.OpenLineage.APIKey, c.Admin.SessionSecret, c.Admin.OIDC.ClientSecret}
	for _, w := range c.Notify.Webhooks {
		whole = append(whole, w.URL, w.SigningKey)
	}
	for _, s := range whole {
		secrets = append(secrets, s.Reveal())
		// Libraries quote parts of a URL: all but the scheme and the host is secret.
		if u, err := url.Parse(s.Reveal()); err == nil && u.Host != "" {
			password, _ := u.User.Password()
			secrets = append(secrets, u.User.Username(), password, u.RawQuery)
			for _, path := range []string{strings.Trim(u.EscapedPath(), "/"), strings.Trim(u.Path, "/")} {
				if len(path) >= minScrubbedPath {
					secrets = append(secrets, path)
				}
			}
		}
	}
	// The longest first, so that no part of a secret is left over where another is contained in it.
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	for _, s := range secrets {
		if len(s) >= minScrubbed {
			text = strings.ReplaceAll(text, s, redacted)
		}
	}
	return text
}

// secrets returns the password of a URL and the values of its parameters that speak of secrets, as they stand there
// and decoded.
func (u URL) secrets() []string {
	p, err := url.Parse(u.Reveal())
	if err != nil {
		return []string{u.Reveal()}
	}
	var found []string
	if password, ok := p.User.Password(); ok {
		found = append(found, password)
		if _, raw, ok := strings.Cut(p.User.String(), ":"); ok {
			found = append(found, raw)
		}
	}
	for _, param := range strings.Split(p.RawQuery, "&") {
		name, value, _ := strings.Cut(param, "=")
		if !secretName(name) && !carriesPassword(value) {
			continue
		}
		found = append(found, value)
		if v, err := url.QueryUnescape(value); err == nil {
			found = append(found, v)
		}
	}
	return found
}
