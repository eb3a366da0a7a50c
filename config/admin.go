package config

import (
	"fmt"
	"log/slog"
)

// Admin says how `usagereport serve` is reached and who may use it.
type Admin struct {
	Listen         string   `yaml:"listen"`          // host:port
	URL            string   `yaml:"url"`             // as people type it, without a slash at its end; set by Load from Listen where the file does not say
	Keys           URL      `yaml:"keys"`            // a bucket of their own for API keys; not set: a folder of the lake
	SessionSecret  Secret   `yaml:"session_secret"`  // base64; not set: sessions end with the process
	TrustedProxies []string `yaml:"trusted_proxies"` // CIDR
	OIDC           OIDC     `yaml:"oidc"`

	origin origin
}

// OIDC is the identity provider that people sign in with. Nothing of it is set, or what is needed.
type OIDC struct {
	Issuer       string           `yaml:"issuer"`
	ClientID     string           `yaml:"client_id"`
	ClientSecret Secret           `yaml:"client_secret"`
	Name         string           `yaml:"name"`   // of the button
	Scopes       []string         `yaml:"scopes"` // beside openid, email and profile
	Claim        string           `yaml:"claim"`  // whose values Roles are looked up by
	Roles        map[string]Grant `yaml:"roles"`

	origin origin
}

// IsSet reports whether people can sign in with an identity provider.
func (o OIDC) IsSet() bool { return o.Issuer != "" }

// Grant is what people may who have one value of the claim.
type Grant struct {
	Role        string   `yaml:"role"`
	Permissions []string `yaml:"permissions"`
	Workspaces  []string `yaml:"workspaces"` // of which they are admins; "*" is all

	origin origin
}

func (o *OIDC) setDefaults() { o.Name, o.Claim = "single sign-on", "groups" }

// Format writes the Admin as JSON for every verb, without secrets.
func (a Admin) Format(f fmt.State, _ rune) { formatJSON(f, a) }

// MarshalJSON returns the Admin without secrets.
func (a Admin) MarshalJSON() ([]byte, error) { return shownJSON(a) }

// MarshalYAML returns the Admin without secrets; JSON is YAML.
func (a Admin) MarshalYAML() ([]byte, error) { return shownJSON(a) }

// LogValue returns the Admin as JSON without secrets.
func (a Admin) LogValue() slog.Value { return logJSON(a) }

// Format writes the OIDC as JSON for every verb, without secrets.
func (o OIDC) Format(f fmt.State, _ rune) { formatJSON(f, o) }

// MarshalJSON returns the OIDC without secrets.
func (o OIDC) MarshalJSON() ([]byte, error) { return shownJSON(o) }

// MarshalYAML returns the OIDC without secrets; JSON is YAML.
func (o OIDC) MarshalYAML() ([]byte, error) { return shownJSON(o) }

// LogValue returns the OIDC as JSON without secrets.
func (o OIDC) LogValue() slog.Value { return logJSON(o) }

// Format writes the Grant as JSON for every verb, without secrets.
func (g Grant) Format(f fmt.State, _ rune) { formatJSON(f, g) }

// MarshalJSON returns the Grant without secrets.
func (g Grant) MarshalJSON() ([]byte, error) { return shownJSON(g) }

// MarshalYAML returns the Grant without secrets; JSON is YAML.
func (g Grant) MarshalYAML() ([]byte, error) { return shownJSON(g) }

// LogValue returns the Grant as JSON without secrets.
func (g Grant) LogValue() slog.Value { return logJSON(g) }
