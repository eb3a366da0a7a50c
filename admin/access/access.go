// Package access says who may what on the admin server (contract §12): API keys, sessions, and the rights that both
// carry. It never serves a page, and never lets anybody in whom it cannot check.
package access

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The names that rights go by (contract §12). They are compared exactly.
const (
	RoleAdministrator    = "Administrator"
	ServerManagementRead = "Server Management: Read"
	AllWorkspaces        = "*" // in a list of workspaces
)

// Sentinels that callers branch on. Each but ErrUnavailable, ErrInvalid and ErrNotFound wraps ErrUnauthenticated. Their texts, and those
// of errors that wrap them, never have a secret or a hash in them.
var (
	ErrUnauthenticated = errors.New("not signed in") // 401

	ErrMalformed      = fmt.Errorf("%w: this is no API key: it is incomplete or mistyped", ErrUnauthenticated)
	ErrUnknownKey     = fmt.Errorf("%w: there is no such API key", ErrUnauthenticated)
	ErrRevoked        = fmt.Errorf("%w: the API key was revoked", ErrUnauthenticated)
	ErrExpired        = fmt.Errorf("%w: the API key has expired", ErrUnauthenticated)
	ErrNoSession      = fmt.Errorf("%w: there is no session", ErrUnauthenticated)
	ErrSessionExpired = fmt.Errorf("%w: the session has expired", ErrUnauthenticated)

	ErrUnavailable = errors.New("API keys cannot be read just now") // 503: a retry may help
	ErrInvalid     = errors.New("this cannot be granted")           // what was asked for is wrong
	ErrNotFound    = errors.New("no API key of that id")            // for who manages keys
)

// IsGuess says whether an error of Authenticate counts as an attempt to guess a key. One that was right once does not: a
// script that runs on with an expired key must not lock out its neighbours.
func IsGuess(err error) bool { return errors.Is(err, ErrMalformed) || errors.Is(err, ErrUnknownKey) }

// Kind tells programs from people.
type Kind string

// The kinds of principal.
const (
	KindKey    Kind = "key"
	KindPerson Kind = "person"
)

// Principal is who makes a request. The zero Principal is nobody, and may nothing.
type Principal struct {
	Kind        Kind
	ID          string // of the key, or the subject at the identity provider
	Name        string // for people to read
	Role        string
	Permissions []string
	Workspaces  []string  // whose administrator this is; AllWorkspaces stands for all
	Groups      []string  // of a person: the values of the claim that the rights come from
	Expires     time.Time // when this ends at the latest
}

// Denied says what a principal lacks.
type Denied struct {
	Missing []string // such as "role Administrator", "permission Server Management: Read"
}

func (d *Denied) Error() string { return "not allowed: missing " + strings.Join(d.Missing, " and ") }

// MayManage returns nil for who may export usage reports and logs, see licences, runs and the usage of all workspaces; a
// *Denied otherwise.
func (p Principal) MayManage() error {
	var missing []string
	if p.Role != RoleAdministrator {
		missing = append(missing, "role "+RoleAdministrator)
	}
	if !slices.Contains(p.Permissions, ServerManagementRead) {
		missing = append(missing, "permission "+ServerManagementRead)
	}
	if len(missing) > 0 {
		return &Denied{Missing: missing}
	}
	return nil
}

// MayAdminister returns nil for an administrator of that workspace, who may see its audit log and its usage; a *Denied
// otherwise. That AllWorkspaces is asked for means every workspace.
func (p Principal) MayAdminister(workspace string) error {
	if workspace != "" && (slices.Contains(p.Workspaces, workspace) || p.AllWorkspaces()) {
		return nil
	}
	switch workspace {
	case "":
		return &Denied{Missing: []string{"a workspace"}}
	case AllWorkspaces:
		return &Denied{Missing: []string{"administration of all workspaces"}}
	}
	return &Denied{Missing: []string{"administration of workspace " + workspace}}
}

// AllWorkspaces says whether this is an administrator of every workspace.
func (p Principal) AllWorkspaces() bool { return slices.Contains(p.Workspaces, AllWorkspaces) }

// Grant is a set of rights.
type Grant struct {
	Role        string   `json:"role"`
	Permissions []string `json:"permissions"`
	Workspaces  []string `json:"workspaces"`
}

// maxWorkspaces is how many workspaces a grant may name; who administers more gets all.
const maxWorkspaces = 1000

// Check returns an error that wraps ErrInvalid if a grant has a name that means nothing: a mistyped right would be
// missed only when it is wanted.
func (g Grant) Check() error {
	if g.Role != "" && g.Role != RoleAdministrator {
		return fmt.Errorf("%w: role %q: expected %q, or none", ErrInvalid, g.Role, RoleAdministrator)
	}
	for _, p := range g.Permissions {
		if p != ServerManagementRead {
			return fmt.Errorf("%w: permission %q: expected %q", ErrInvalid, p, ServerManagementRead)
		}
	}
	if len(g.Workspaces) > maxWorkspaces {
		return fmt.Errorf("%w: %d workspaces: expected %d at most; %q stands for all", ErrInvalid, len(g.Workspaces), maxWorkspaces, AllWorkspaces)
	}
	for _, w := range g.Workspaces {
		if !plain(w, 200) {
			return fmt.Errorf("%w: workspace %q: expected an id of 1 to 200 characters, or %q for all", ErrInvalid, w, AllWorkspaces)
		}
	}
	return nil
}

// Empty says whether a grant allows nothing.
func (g Grant) Empty() bool {
	return g.Role == "" && len(g.Permissions) == 0 && len(g.Workspaces) == 0
}

// Grants maps the values of a claim, such as groups, to the rights that they give.
type Grants map[string]Grant

// Unite returns what all values give together, and those of them that give anything, sorted. Values that are not known
// give nothing.
func (m Grants) Unite(values []string) (Grant, []string) {
	var all Grant
	var known []string
	for _, v := range values {
		g, ok := m[v]
		if !ok || g.Empty() {
			continue
		}
		known = append(known, v)
		all.Role = cmp.Or(all.Role, g.Role)
		all.Permissions = append(all.Permissions, g.Permissions...)
		all.Workspaces = append(all.Workspaces, g.Workspaces...)
	}
	all.Permissions, all.Workspaces = set(all.Permissions), set(all.Workspaces)
	return all, set(known)
}

// set returns the distinct texts, sorted, in a slice of its own; never nil.
func set(texts []string) []string {
	s := append([]string{}, texts...)
	slices.Sort(s)
	return slices.Compact(s)
}

// plain says whether text is a line that a person can read, of 1 to limit characters.
func plain(text string, limit int) bool {
	return text != "" && text == strings.TrimSpace(text) && utf8.ValidString(text) && utf8.RuneCountInString(text) <= limit &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}
