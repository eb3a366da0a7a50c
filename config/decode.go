package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// nodeBudget bounds the work that aliases can ask for: no config is that large.
const nodeBudget = 200_000

// place is where a field stands in the file, and its text there.
type place struct {
	line, column int
	raw          string // the unexpanded text of a scalar
	expanded     bool   // the value is not raw
	bad          bool   // a problem is already reported: validation leaves the field alone
}

// decoder writes a parsed document into a Config and notes where each field stands.
type decoder struct {
	file     string
	dir      string
	expand   *expander
	problems Errors
	places   map[string]place // by path, such as datasets.logins.query
	anchors  map[string]ast.Node
	open     []string // the aliases being followed
	nodes    int
}

func (d *decoder) report(at place, path, message, hint string) {
	d.problems = append(d.problems, Problem{
		File: d.file, Line: at.line, Column: at.column, Path: path, Message: message, Hint: hint,
	})
}

// fail reports a problem with a value and marks its field, so that it is reported once.
func (d *decoder) fail(at place, path, message, hint string) {
	d.report(at, path, message, hint)
	at.bad = true
	d.places[path] = at
}

func where(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{line: 1, column: 1}
	}
	return place{line: max(1, t.Position.Line), column: max(1, t.Position.Column)}
}

// start returns the place where the text of a node begins.
func start(n ast.Node) place {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return start(m.Values[0].Key)
	}
	return where(n.GetToken())
}

// join appends a key to a path; a key that is no plain name is quoted.
func join(path, key string) string {
	plain := key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return r > 127 || !isWord(byte(r)) && r != '-'
	})
	if !plain {
		return fmt.Sprintf("%s[%q]", path, key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// collectAnchors notes every anchor of the document.
type collectAnchors struct{ anchors map[string]ast.Node }

func (c collectAnchors) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil && a.Value != nil {
		c.anchors[a.Name.GetToken().Value] = a.Value
	}
	return c
}

// follow returns the node behind anchors and aliases. done must be called when the node has been decoded.
func (d *decoder) follow(n ast.Node, path string) (value ast.Node, done func(), ok bool) {
	depth := len(d.open)
	done = func() { d.open = d.open[:depth] }
	for {
		d.nodes++
		if d.nodes == nodeBudget {
			d.fail(start(n), path, "the document is too large", "do not nest aliases")
		}
		if d.nodes >= nodeBudget {
			return nil, done, false
		}
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.AliasNode:
			name := ""
			if x.Value != nil {
				name = x.Value.GetToken().Value
			}
			target, known := d.anchors[name]
			if !known {
				d.fail(start(x), path, fmt.Sprintf("the alias *%s has no anchor", shorten(name)),
					fmt.Sprintf("define &%s before it is used", shorten(name)))
				return nil, done, false
			}
			if slices.Contains(d.open, name) {
				d.fail(start(x), path, fmt.Sprintf("the alias *%s contains itself", shorten(name)), "")
				return nil, done, false
			}
			d.open = append(d.open, name)
			n = target
		case *ast.TagNode:
			d.fail(start(x), path, "YAML tags are not supported", "remove the "+shorten(x.GetToken().Value))
			return nil, done, false
		case nil:
			return nil, done, false
		default:
			return n, done, true
		}
	}
}

// pair is one key of a mapping with its value.
type pair struct {
	key   string
	at    place
	value ast.Node
}

// pairs returns the entries of a mapping, merged ones last, and reports duplicate keys. ok is false if n is no
// mapping, which is reported too.
func (d *decoder) pairs(n ast.Node, path string, at place, merging bool) (entries []pair, ok bool) {
	n, done, ok := d.follow(n, path)
	defer done()
	if !ok {
		return nil, false
	}
	var values []*ast.MappingValueNode
	switch x := n.(type) {
	case *ast.MappingNode:
		values = x.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{x}
	case *ast.NullNode:
		return nil, true // everything in the section is commented out
	case *ast.CommentGroupNode:
		return nil, true
	default:
		d.fail(at, path, "expected keys with values, found "+describe(n), "")
		return nil, false
	}
	seen := map[string]place{}
	var merged []pair
	for _, v := range values {
		if _, ok := v.Key.(*ast.MergeKeyNode); ok && !merging {
			from, _ := d.pairs(v.Value, path, start(v.Key), true)
			for i := range from {
				from[i].at = start(v.Key) // what is wrong with a merged key shows where it is merged
			}
			merged = append(merged, from...)
			continue
		}
		p := pair{at: start(v.Key), value: v.Value}
		key, isKey := keyText(v.Key)
		if !isKey {
			d.report(p.at, path, "a key must be plain text, found "+describe(v.Key), "")
			continue
		}
		p.key = key
		if first, ok := seen[key]; ok {
			d.report(p.at, join(path, key), fmt.Sprintf("duplicate key; first on line %d", first.line), "keep one of the two")
			continue
		}
		seen[key] = p.at
		entries = append(entries, p)
	}
	for _, p := range merged {
		if _, ok := seen[p.key]; !ok {
			seen[p.key] = p.at
			entries = append(entries, p)
		}
	}
	return entries, true
}

// keyText returns a key as text; numbers and truth values are keys as they are written.
func keyText(k ast.Node) (string, bool) {
	switch x := k.(type) {
	case *ast.StringNode:
		return x.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return k.GetToken().Value, true
	case *ast.LiteralNode:
		return x.Value.Value, true
	}
	return "", false
}

// describe names the kind of a node.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	}
	return "something else"
}

// decode writes a node into v, which has its defaults already.
func (d *decoder) decode(n ast.Node, v reflect.Value, path string, at place) {
	d.places[path] = at
	if v.CanAddr() {
		if x, ok := v.Addr().Interface().(defaulter); ok && path != "" {
			x.setDefaults()
		}
	}
	switch {
	case isScalar(v.Type()):
		d.scalar(n, v, path)
	case v.Kind() == reflect.Struct:
		d.structure(n, v, path, at)
	case v.Kind() == reflect.Map:
		entries, _ := d.pairs(n, path, at, false)
		v.Set(reflect.MakeMap(v.Type()))
		for _, p := range entries {
			e := reflect.New(v.Type().Elem()).Elem()
			d.decode(p.value, e, join(path, p.key), p.at)
			v.SetMapIndex(reflect.ValueOf(p.key), e)
		}
	case v.Kind() == reflect.Slice:
		d.list(n, v, path, at)
	}
}

func (d *decoder) structure(n ast.Node, v reflect.Value, path string, at place) {
	entries, _ := d.pairs(n, path, at, false)
	fields := map[string]int{}
	var names []string
	for i := range v.NumField() {
		if name := yamlName(v.Type().Field(i)); name != "" {
			fields[name] = i
			names = append(names, name)
		}
	}
	for _, p := range entries {
		i, ok := fields[p.key]
		if !ok {
			hint := didYouMean(p.key, names)
			if hint == "" {
				hint = "the keys here are " + strings.Join(names, ", ")
			} else if meant := join(path, nearest(p.key, names)); d.places[meant] == (place{}) {
				d.places[meant] = place{line: p.at.line, column: p.at.column, bad: true} // not missing as well
			}
			d.report(p.at, join(path, p.key), "unknown key", hint)
			continue
		}
		d.decode(p.value, v.Field(i), join(path, p.key), p.at)
	}
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string, at place) {
	n, done, ok := d.follow(n, path)
	defer done()
	if !ok {
		return
	}
	switch x := n.(type) {
	case *ast.SequenceNode:
		v.Set(reflect.MakeSlice(v.Type(), len(x.Values), len(x.Values)))
		for i, e := range x.Values {
			if e == nil {
				continue
			}
			d.decode(e, v.Index(i), fmt.Sprintf("%s[%d]", path, i), start(e))
		}
	case *ast.NullNode, *ast.CommentGroupNode:
	default:
		d.fail(at, path, "expected a list, found "+describe(n), "write each entry on a line of its own, after a dash")
	}
}

// yamlName returns the key of a field, or "" for a field that the file does not have.
func yamlName(f reflect.StructField) string { return f.Tag.Get("yaml") }
