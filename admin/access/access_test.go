package access_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/admin/access"
)

var manager = access.Principal{Role: access.RoleAdministrator, Permissions: []string{access.ServerManagementRead}}

func TestMayManage(t *testing.T) {
	const role, permission = "role Administrator", "permission Server Management: Read"
	for _, c := range []struct {
		name    string
		p       access.Principal
		missing []string
	}{
		{"nobody", access.Principal{}, []string{role, permission}},
		{"manager", manager, nil},
		{"role alone", access.Principal{Role: "Administrator"}, []string{permission}},
		{"permission alone", access.Principal{Permissions: []string{"Server Management: Read"}}, []string{role}},
		{"administrator of all workspaces", access.Principal{Workspaces: []string{"*"}}, []string{role, permission}},
		{"other case", access.Principal{Role: "administrator", Permissions: []string{"Server management: read"}}, []string{role, permission}},
		{"more than the name", access.Principal{Role: "Administrator ", Permissions: []string{"Server Management: Read, Write"}}, []string{role, permission}},
		{"another permission", access.Principal{Role: "Administrator", Permissions: []string{"Server Management"}}, []string{permission}},
	} {
		t.Run(c.name, func(t *testing.T) { wantMissing(t, c.p.MayManage(), c.missing) })
	}
}

func TestMayAdminister(t *testing.T) {
	for _, c := range []struct {
		name      string
		p         access.Principal
		workspace string
		missing   []string
	}{
		{"nobody", access.Principal{}, "w1", []string{"administration of workspace w1"}},
		{"nobody, no workspace", access.Principal{}, "", []string{"a workspace"}},
		{"manager", manager, "w1", []string{"administration of workspace w1"}},
		{"own", access.Principal{Workspaces: []string{"w0", "w1"}}, "w1", nil},
		{"another", access.Principal{Workspaces: []string{"w1"}}, "w2", []string{"administration of workspace w2"}},
		{"part of a name", access.Principal{Workspaces: []string{"w10"}}, "w1", []string{"administration of workspace w1"}},
		{"of all, one", access.Principal{Workspaces: []string{"*"}}, "w1", nil},
		{"of all, all", access.Principal{Workspaces: []string{"*"}}, "*", nil},
		{"of one, all", access.Principal{Workspaces: []string{"w1"}}, "*", []string{"administration of all workspaces"}},
		{"of all, none", access.Principal{Workspaces: []string{"*"}}, "", []string{"a workspace"}},
		{"of an empty name", access.Principal{Workspaces: []string{""}}, "", []string{"a workspace"}},
	} {
		t.Run(c.name, func(t *testing.T) { wantMissing(t, c.p.MayAdminister(c.workspace), c.missing) })
	}
}

func wantMissing(t *testing.T, err error, missing []string) {
	t.Helper()
	var denied *access.Denied
	switch {
	case missing == nil && err == nil:
	case missing == nil:
		t.Errorf("refused: %v", err)
	case !errors.As(err, &denied) || !slices.Equal(denied.Missing, missing):
		t.Errorf("got %v, want missing %q", err, missing)
	default:
		for _, m := range missing {
			if !strings.Contains(err.Error(), m) {
				t.Errorf("%q does not say %q", err, m)
			}
		}
	}
}

func TestGrantCheck(t *testing.T) {
	for _, g := range []access.Grant{
		{},
		{Role: "Administrator", Permissions: []string{"Server Management: Read"}, Workspaces: []string{"*"}},
		{Workspaces: []string{"5b1f6ce5-51c9-4c4b-92a5-2d1e32b0f1de", "Vertrieb Süd"}},
	} {
		if err := g.Check(); err != nil {
			t.Errorf("%+v: %v", g, err)
		}
	}
	for _, g := range []access.Grant{
		{Role: "Admin"},
		{Role: "administrator"},
		{Permissions: []string{"Server Management"}},
		{Permissions: []string{"Server Management: Read", ""}},
		{Workspaces: []string{""}},
		{Workspaces: []string{"a\nb"}},
		{Workspaces: []string{" a"}},
		{Workspaces: []string{"a\xff"}},
		{Workspaces: []string{strings.Repeat("x", 201)}},
		{Workspaces: slices.Repeat([]string{"w"}, 1001)},
	} {
		if err := g.Check(); !errors.Is(err, access.ErrInvalid) {
			t.Errorf("%+.100v: %v", g, err)
		}
	}
}

// grants draws a config of three groups, of which some give nothing.
func grants(t *rapid.T) access.Grants {
	m := access.Grants{}
	for _, group := range []string{"a", "b", "c"} {
		m[group] = access.Grant{
			Role:        rapid.SampledFrom([]string{"", access.RoleAdministrator}).Draw(t, "role"),
			Permissions: rapid.SliceOfN(rapid.Just(access.ServerManagementRead), 0, 2).Draw(t, "permissions"),
			Workspaces:  rapid.SliceOfN(rapid.SampledFrom([]string{"w1", "w2", "*"}), 0, 3).Draw(t, "workspaces"),
		}
	}
	return m
}

// TestUnite: several groups give what each of them gives, in any order and however often, and nothing else; groups
// that nobody configured give nothing.
func TestUnite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := grants(t)
		values := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", "A", "", "d"})).Draw(t, "values")
		got, known := m.Unite(values)
		var role string
		permissions, workspaces, want := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, v := range values {
			g := m[v]
			if g.Role != "" {
				role = g.Role
			}
			for _, p := range g.Permissions {
				permissions[p] = true
			}
			for _, w := range g.Workspaces {
				workspaces[w] = true
			}
			if !g.Empty() {
				want[v] = true
			}
		}
		equal := func(what string, got []string, want map[string]bool) {
			if len(got) != len(want) || !slices.IsSorted(got) || slices.ContainsFunc(got, func(s string) bool { return !want[s] }) {
				t.Fatalf("%s of %q: got %q, want %v", what, values, got, want)
			}
		}
		if got.Role != role {
			t.Fatalf("role %q, want %q", got.Role, role)
		}
		equal("permissions", got.Permissions, permissions)
		equal("workspaces", got.Workspaces, workspaces)
		equal("groups", known, want)
		p, err := m.Person("id", "name", values)
		if (err == nil) != (len(want) > 0) {
			t.Fatalf("%q with %q: %v", fmt.Sprint(p), values, err)
		}
	})
}
