package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestBadOverrides(t *testing.T) {
	files, err := filepath.Glob("testdata/overrides/*.yaml")
	if err != nil || len(files) < 15 {
		t.Fatalf("found %d fixtures, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			o, problems := parseOverrides(filepath.Base(f), text)
			if problems == nil {
				t.Fatalf("accepted: %v", o)
			}
			got := problems.Error() + "\n"
			sameProblems(t, f, got)
		})
	}
}

func TestOverrides(t *testing.T) {
	for text, want := range map[string]overrides{
		"":                               {},
		"# nothing yet\n":                {},
		"same:\ndifferent:\n  # - [a,b]": {},
		"same: []":                       {},
		"\ufeffsame:\r\n  - [alice, asmith@x.com, { display_name: \"Bob B.\" }]\r\ndifferent:\r\n  - [jsmith@x.com, jsmith@y.com]\r\n": {
			same:      [][]Identifier{{{Username, "alice"}, {Email, "asmith@x.com"}, {DisplayName, "Bob B."}}},
			different: [][]Identifier{{{Email, "jsmith@x.com"}, {Email, "jsmith@y.com"}}},
		},
		"same:\n  - - { username: alice@corp }\n    - { email: front desk }\n    - display_name: |-\n        A@B\n": {
			same: [][]Identifier{{{Username, "alice@corp"}, {Email, "front desk"}, {DisplayName, "A@B"}}},
		},
		`same: [["12345", "al＠x.com", "${HOME}"]]`: {same: [][]Identifier{{{Username, "12345"}, {Email, "al＠x.com"}, {Username, "${HOME}"}}}},
		"same: [[&a alice, bob]]\ndifferent: [[*a, carol]]": {
			same: [][]Identifier{{{Username, "alice"}, {Username, "bob"}}}, different: [][]Identifier{{{Username, "alice"}, {Username, "carol"}}},
		},
	} {
		got, problems := parseOverrides("o.yaml", []byte(text))
		if problems != nil || !reflect.DeepEqual(nonNil(got), nonNil(want)) {
			t.Errorf("%q: got %v, %v, want %v", text, got, problems, want)
		}
	}
}

func nonNil(o overrides) overrides {
	return overrides{append([][]Identifier{}, o.same...), append([][]Identifier{}, o.different...)}
}

func TestOverridesOfAConfig(t *testing.T) {
	c, err := Load(context.Background(), "example.yaml", fixtureEnv)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Identity.Same, c.Identity.Different); got !=
		"[[{username alice} {email asmith@example.com} {display_name Alice S.}]] [[{email jsmith@example.com} {email jsmith@example.org}]]" {
		t.Errorf("got %s", got)
	}
	env := testEnv(map[string]string{"WORD": "hush.yaml"})
	env.ReadFile = func(name string) ([]byte, error) {
		switch name {
		case "/etc/usagereport/bad.yaml", "/etc/usagereport/hush.yaml":
			return []byte("sane: []\n\nsame: [[a]]"), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	for overrides, want := range map[string]string{
		"none.yaml": `c.yaml:13:24: identity.overrides: "none.yaml" cannot be read: file does not exist; check the path, which is relative to the config file, and who may read it`,
		"bad.yaml": "c.yaml:13:59: identity.no_proof_local_parts[0]: expected what stands before the @ of an address, found \" \"; such as info\n" +
			"/etc/usagereport/bad.yaml:1:1: sane: unknown key; did you mean \"same\"?\n" +
			"/etc/usagereport/bad.yaml:3:8: same[0]: expected two identifiers or more, found 1; an entry says of several identifiers whether they are one person",
		"${WORD}": "${WORD}:1:1: sane: unknown key; did you mean \"same\"?\n" +
			"${WORD}:3:8: same[0]: expected two identifiers or more, found 1; an entry says of several identifiers whether they are one person",
	} {
		parts := ""
		if overrides == "bad.yaml" {
			parts = `, no_proof_local_parts: [" "]`
		}
		text := usageYAML(fmt.Sprintf("identity: { overrides: %q%s }\n", overrides, parts))
		c, err := parse(context.Background(), "c.yaml", "/etc/usagereport", []byte(text), env)
		if c != nil || !errors.Is(err, ErrInvalid) || err.Error() != want {
			t.Errorf("%s: got %v\n%v\nwant\n%s", overrides, c, err, want)
		}
	}
	env.ReadFile = nil
	if _, err := parse(context.Background(), "c.yaml", "/", []byte(usageYAML("identity: { overrides: x }\n")), env); err == nil {
		t.Error("loaded without a way to read files")
	}
}

// FuzzOverrides: parsing never panics; every problem has a position; what is accepted has two identifiers or more in
// every entry, none of them blank.
func FuzzOverrides(f *testing.F) {
	files, err := filepath.Glob("testdata/overrides/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "identity-overrides.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, problems := parseOverrides("o.yaml", text)
		lines := strings.Count(string(text), "\n") + 1
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Line > lines+1 || p.Message == "" {
				t.Errorf("%d lines, problem %+v", lines, p)
			}
		}
		for _, entry := range append(o.same, o.different...) {
			for _, id := range entry {
				if len(entry) < 2 || strings.TrimSpace(id.Text) == "" || id.Kind.words() == "" {
					t.Errorf("accepted %v", entry)
				}
			}
		}
	})
}
