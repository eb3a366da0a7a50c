package config

import (
	"errors"
	"strings"
	"testing"
)

// oidcYAML is the least that an identity provider needs.
const oidcYAML = `admin:
  oidc: { issuer: "https://login.example", client_id: x, client_secret: "${WORD}", roles: { a: { workspaces: ["*"] } } }
`

func TestAdmin(t *testing.T) {
	c := mustLoad(t, usageYAML(oidcYAML))
	if o := c.Admin.OIDC; !o.IsSet() || o.ClientSecret.Reveal() != "hush-hush" || o.Claim != "groups" || len(o.Roles["a"].Workspaces) != 1 {
		t.Errorf("oidc %v", o)
	}
	if c := mustLoad(t, usageYAML("")); c.Admin.OIDC.IsSet() || c.Admin.URL != "http://127.0.0.1:8080" || c.Admin.Keys.Reveal() != "" {
		t.Errorf("defaults %v", c.Admin)
	}
	for listen, want := range map[string]string{
		":8080": "http://127.0.0.1:8080", "0.0.0.0:81": "http://127.0.0.1:81", "[::]:81": "http://127.0.0.1:81", "usage.local:90": "http://usage.local:90",
		"[::1]:90": "http://[::1]:90",
	} {
		if c := mustLoad(t, usageYAML("admin: { listen: \""+listen+"\" }\n")); c.Admin.URL != want {
			t.Errorf("listen %s: url %s, want %s", listen, c.Admin.URL, want)
		}
	}
}

// The server's file needs neither sources nor datasets; nothing else does without.
func TestServerAlone(t *testing.T) {
	const lake = "lake: { bucket: \"mem://\" }\n"
	if c := mustLoad(t, lake+"admin: {}\n"); c.Domains() != 0 || c.Admin.Listen != "127.0.0.1:8080" {
		t.Errorf("%v", c)
	}
	for _, text := range []string{lake, lake + "admin: {}\ndatasets: {}\n"} {
		if _, err := load(t, text); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "nothing is bound") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
