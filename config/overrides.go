package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// IdentifierKind says what a text of the overrides file identifies somebody by.
type IdentifierKind string

// The kinds of identifiers, by their keys in the file.
const (
	Email       IdentifierKind = "email"
	Username    IdentifierKind = "username"
	DisplayName IdentifierKind = "display_name"
)

// Identifier is one text by which the overrides file names somebody, as the file writes it.
type Identifier struct {
	Kind IdentifierKind
	Text string
}

// overrides is the content of the file that identity.overrides names: who is the same person, and who is not. Whether
// the two contradict each other is for those to say who know when two texts are alike.
type overrides struct {
	same, different [][]Identifier
}

// parseOverrides reads the text of an overrides file. Nothing in it is expanded. problems lists everything that is wrong
// at once, in the order of the lines.
func parseOverrides(file string, text []byte) (o overrides, problems Errors) {
	body, problems := document(file, text)
	if body == nil || problems != nil {
		return overrides{}, problems // a file without a line that counts overrides nothing
	}
	d := &decoder{file: file, places: map[string]place{}, anchors: map[string]ast.Node{}}
	ast.Walk(collectAnchors{d.anchors}, body)
	entries, _ := d.pairs(body, "", start(body), false)
	for _, p := range entries {
		switch p.key {
		case "same":
			o.same = d.people(p)
		case "different":
			o.different = d.people(p)
		default:
			hint := didYouMean(p.key, []string{"same", "different"})
			if hint == "" {
				hint = "the keys here are same, different"
			}
			d.report(p.at, join("", p.key), "unknown key", hint)
		}
	}
	if len(d.problems) > 0 {
		d.problems.sort()
		return overrides{}, d.problems
	}
	return o, nil
}

// people decodes a list of entries, each a list of identifiers.
func (d *decoder) people(p pair) [][]Identifier {
	items, ok := d.items(p.value, p.key, p.at, "write each entry as a list: - [alice, asmith@example.com]")
	if !ok {
		return nil
	}
	var out [][]Identifier
	for i, n := range items {
		path := fmt.Sprintf("%s[%d]", p.key, i)
		at := p.at
		if n != nil {
			at = start(n)
		}
		members, ok := d.items(n, path, at, "write the entry as a list: [alice, asmith@example.com]")
		if !ok {
			continue
		}
		var entry []Identifier
		for j, m := range members {
			id, at, ok := d.identifier(m, fmt.Sprintf("%s[%d]", path, j), at)
			if !ok {
				continue
			}
			if first := slices.IndexFunc(entry, id.like); first >= 0 {
				d.report(at, fmt.Sprintf("%s[%d]", path, j), fmt.Sprintf("the same %s twice in one entry", id.Kind.words()), "keep one of the two")
				continue
			}
			entry = append(entry, id)
		}
		if len(members) < 2 {
			d.report(at, path, fmt.Sprintf("expected two identifiers or more, found %d", len(members)),
				"an entry says of several identifiers whether they are one person")
		}
		out = append(out, entry)
	}
	return out
}

// items returns the elements of a list; a list without content has none.
func (d *decoder) items(n ast.Node, path string, at place, hint string) (items []ast.Node, ok bool) {
	n, done, ok := d.follow(n, path)
	defer done()
	if !ok {
		return nil, false
	}
	switch x := n.(type) {
	case *ast.SequenceNode:
		return x.Values, true
	case *ast.NullNode, *ast.CommentGroupNode:
		return nil, true
	}
	d.fail(at, path, "expected a list, found "+describe(n), hint)
	return nil, false
}

// identifier decodes a plain text, of which an @ makes an email, or one key of email, username, display_name with a text.
func (d *decoder) identifier(n ast.Node, path string, at place) (id Identifier, where place, ok bool) {
	if n == nil {
		d.fail(at, path, "there is no value here", "give one, or remove the line")
		return id, at, false
	}
	at = start(n)
	n, done, ok := d.follow(n, path)
	defer done()
	if !ok {
		return id, at, false
	}
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		kinds := []string{string(Email), string(Username), string(DisplayName)}
		entries, ok := d.pairs(n, path, at, false)
		if !ok {
			return id, at, false
		}
		if len(entries) != 1 {
			d.fail(at, path, fmt.Sprintf("expected one key, found %d", len(entries)), `such as { display_name: "Bob B." }`)
			return id, at, false
		}
		p := entries[0]
		if !slices.Contains(kinds, p.key) {
			hint := didYouMean(p.key, kinds)
			if hint == "" {
				hint = "the keys here are " + strings.Join(kinds, ", ")
			}
			d.report(p.at, join(path, p.key), "unknown key", hint)
			return id, at, false
		}
		text, ok := d.plainText(p.value, join(path, p.key), p.at)
		return Identifier{IdentifierKind(p.key), text}, at, ok
	}
	text, ok := d.plainText(n, path, at)
	kind := Username
	if strings.ContainsAny(text, "@＠﹫") { // its full-width and small forms are alike
		kind = Email
	}
	return Identifier{kind, text}, at, ok
}

// plainText decodes a text that is not blank.
func (d *decoder) plainText(n ast.Node, path string, at place) (text string, ok bool) {
	n, done, ok := d.follow(n, path)
	defer done()
	if !ok {
		return "", false
	}
	switch x := n.(type) {
	case *ast.StringNode:
		text = x.Value
	case *ast.LiteralNode:
		text = x.Value.Value
	case *ast.NullNode:
		d.fail(at, path, "there is no value here", "give one, or remove it")
		return "", false
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		d.fail(at, path, "expected text, found "+describe(n), "put it in quotes")
		return "", false
	default:
		d.fail(at, path, "expected an email, a username or a display name, found "+describe(n), `such as alice, asmith@example.com or { display_name: "Bob B." }`)
		return "", false
	}
	if strings.TrimSpace(text) == "" {
		d.fail(at, path, "the text is empty", "nobody is identified by nothing: remove it")
		return "", false
	}
	return text, true
}

// like reports whether two identifiers are plainly the same; other forms of one text are told apart here.
func (i Identifier) like(other Identifier) bool {
	return i.Kind == other.Kind && strings.EqualFold(strings.TrimSpace(i.Text), strings.TrimSpace(other.Text))
}

// words returns the kind for people.
func (k IdentifierKind) words() string { return strings.ReplaceAll(string(k), "_", " ") }
