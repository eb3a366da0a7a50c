package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
)

const redacted = "REDACTED"

// URL is a URL that may carry a secret. Printing it by any verb, as JSON or YAML or through slog shows it as the
// config file writes it, unexpanded and without passwords. The value hides behind a pointer so that fmt cannot
// reach it inside a struct whose fields are not exported either.
type URL struct {
	value *string
	shown string
}

// NewURL returns a URL with the given value.
func NewURL(value string) URL { return URL{&value, Redact(value)} }

// Reveal returns the value, secrets included: for opening a connection, never for printing.
func (u URL) Reveal() string {
	if u.value == nil {
		return ""
	}
	return *u.value
}

// Scheme returns the scheme in lower case, or "" when there is none.
func (u URL) Scheme() string { return scheme(u.Reveal()) }

// String returns the URL as the file writes it, without passwords.
func (u URL) String() string { return u.shown }

// Format writes what String returns, quoted for %q and %#v.
func (u URL) Format(f fmt.State, verb rune) { formatShown(f, verb, u.shown) }

// MarshalText returns what String returns.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.shown), nil }

// MarshalYAML returns what String returns.
func (u URL) MarshalYAML() (any, error) { return u.shown, nil }

// LogValue returns what String returns.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.shown) }

// Secret is a text that is secret as a whole: a key, or a URL whose path lets in whoever knows it. Printing it by any
// verb, as JSON or YAML or through slog shows the reference that the config file has in its place, or REDACTED.
type Secret struct {
	value *string // a pointer for the reason that URL has one
	shown string
}

// NewSecret returns a Secret with the given value.
func NewSecret(value string) Secret { return Secret{&value, hidden(value)} }

// Reveal returns the value: for handing it to whom it is meant for, never for printing.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsSet reports whether there is a value.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// String returns the reference that the file has, or REDACTED.
func (s Secret) String() string { return s.shown }

// Format writes what String returns, quoted for %q and %#v.
func (s Secret) Format(f fmt.State, verb rune) { formatShown(f, verb, s.shown) }

// MarshalText returns what String returns.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.shown), nil }

// MarshalYAML returns what String returns.
func (s Secret) MarshalYAML() (any, error) { return s.shown, nil }

// LogValue returns what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.shown) }

// hidden returns what may be shown of a text that is secret as a whole: a lone reference, or that there is one.
func hidden(raw string) string {
	if raw == "" || onlyReferences(raw) {
		return raw
	}
	return redacted
}

func formatShown(f fmt.State, verb rune, s string) {
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		s = fmt.Sprintf("%q", s)
	}
	io.WriteString(f, s) //nolint:errcheck // fmt.State reports no errors
}

// Redact returns a URL without what may be secret in it: the password, and the values of query parameters whose
// names speak of secrets. A text that is no URL is hidden whole. `${VAR}` stays, for it is a name and no value.
func Redact(raw string) string {
	if raw == "" {
		return ""
	}
	sch := scheme(raw)
	if sch == "" {
		if onlyReferences(raw) {
			return raw
		}
		return redacted
	}
	head, rest := raw[:len(sch)+1], raw[len(sch)+1:]
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		head, rest = head+"//", after
		// A password may hold unescaped / ? # @: the last @ ends it, wherever that is.
		if at := strings.LastIndexByte(rest, '@'); at > 0 && rest[0] != '/' {
			if user, _, ok := strings.Cut(rest[:at], ":"); ok {
				if pw := rest[len(user)+1 : at]; !onlyReferences(pw) {
					rest = user + ":" + redacted + rest[at:]
				}
			}
		}
	}
	if at := strings.LastIndexByte(rest, '@'); at > 0 && !strings.HasSuffix(head, "//") && sch != "sqlite" && sch != "file" {
		rest = redacted + rest[at:] // user:password@tcp(host)/db, the form of Go's MySQL driver
	}
	base, query, ok := strings.Cut(rest, "?")
	if !ok {
		return head + rest
	}
	params := strings.Split(query, "&")
	for i, p := range params {
		name, value, ok := strings.Cut(p, "=")
		if ok && value != "" && (secretName(name) || carriesPassword(value)) && !onlyReferences(value) {
			params[i] = name + "=" + redacted
		}
	}
	return head + base + "?" + strings.Join(params, "&")
}

// secretName reports whether a query parameter's name speaks of a secret.
func secretName(name string) bool {
	if n, err := url.QueryUnescape(name); err == nil {
		name = n
	}
	name = strings.ToLower(name)
	for _, word := range []string{"secret", "key", "token", "pass", "pwd", "sig", "cred", "auth", "sas"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return name == "val" // of Go CDK's constant:// variables
}

// carriesPassword reports whether a parameter's value is itself a URL with a user.
func carriesPassword(value string) bool {
	if v, err := url.QueryUnescape(value); err == nil {
		value = v
	}
	_, rest, ok := strings.Cut(value, "://")
	return ok && strings.Contains(rest, "@")
}

// onlyReferences reports whether a text consists of one ${…} and nothing else, and so holds no value itself.
func onlyReferences(s string) bool {
	inner, ok := strings.CutPrefix(s, "${")
	if !ok {
		return false
	}
	inner, ok = strings.CutSuffix(inner, "}")
	return ok && !strings.ContainsAny(inner, "{}") && !strings.HasPrefix(inner, "var:")
}

// scheme returns what stands before the first colon, in lower case, if it is a URL scheme.
func scheme(raw string) string {
	before, _, ok := strings.Cut(raw, ":")
	if !ok || before == "" {
		return ""
	}
	for i, r := range before {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return ""
		}
	}
	return strings.ToLower(before)
}
