package config

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"
)

func isScalar(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[URL](), reflect.TypeFor[Secret](), reflect.TypeFor[Date](), reflect.TypeFor[time.Duration]():
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Int, reflect.Float64:
		return true
	}
	return false
}

// scalar expands and converts a single value.
func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	at := start(n)
	n, done, ok := d.follow(n, path)
	defer done()
	if !ok {
		return
	}
	var raw string
	text := false
	switch x := n.(type) {
	case *ast.StringNode:
		raw, text = x.Value, true
	case *ast.LiteralNode:
		raw, text = x.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		raw = n.GetToken().Value
	case *ast.NullNode:
		d.fail(d.places[path], path, "there is no value here", "give one, or remove the line")
		return
	default:
		d.fail(at, path, fmt.Sprintf("expected %s, found %s", expectation(v.Type()), describe(n)), "")
		return
	}
	at.raw = raw
	d.places[path] = at
	mayBeVariable := v.Type() == reflect.TypeFor[URL]() || v.Type() == reflect.TypeFor[Secret]()
	wantsText := v.Kind() == reflect.String || mayBeVariable
	if !text && wantsText {
		d.fail(at, path, "expected text, found "+describe(n), "put it in quotes")
		return
	}
	value, expanded, failed := d.expand.expand(raw)
	if failed != nil {
		d.fail(at, path, failed.message, failed.hint)
		return
	}
	if mayBeVariable && isVariable(value) {
		if value, failed = d.expand.openVar(value); failed != nil {
			if expanded { // what the file does not say, the text must not say either
				failed = &failure{"the variable that the URL names cannot be read", failed.hint}
			}
			d.fail(at, path, failed.message, failed.hint)
			return
		}
		at.expanded = true
	}
	at.expanded = at.expanded || expanded || value != raw
	d.places[path] = at
	if err := convert(value, v, raw); err != "" {
		d.fail(at, path, fmt.Sprintf("expected %s, found %s", err, d.quote(at)), "")
	}
}

// quote returns the text of a scalar as it stands in the file, for a message.
func (d *decoder) quote(at place) string { return strconv.Quote(shorten(shownReferences(at.raw))) }

func shownURL(raw string) string { return Redact(shownReferences(raw)) }

// convert sets v from text, which the file writes as raw; otherwise it returns what was expected.
func convert(s string, v reflect.Value, raw string) (expected string) {
	expected = expectation(v.Type())
	switch v.Type() {
	case reflect.TypeFor[URL]():
		v.Set(reflect.ValueOf(URL{&s, shownURL(raw)}))
		return ""
	case reflect.TypeFor[Secret]():
		v.Set(reflect.ValueOf(Secret{&s, hidden(shownReferences(raw))}))
		return ""
	case reflect.TypeFor[Date]():
		day, err := ParseDate(s)
		if err != nil {
			return expected
		}
		v.Set(reflect.ValueOf(day))
		return ""
	case reflect.TypeFor[time.Duration]():
		t, err := time.ParseDuration(s)
		if err != nil {
			return expected
		}
		v.SetInt(int64(t))
		return ""
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Int:
		i, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return expected
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f != f {
			return expected
		}
		v.SetFloat(f)
	}
	return ""
}

// expectation names what a scalar of type t looks like.
func expectation(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[URL]():
		return "a URL"
	case reflect.TypeFor[Date]():
		return "a date as YYYY-MM-DD"
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 90s or 30m"
	}
	switch t.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "text"
}
