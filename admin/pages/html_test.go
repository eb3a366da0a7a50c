package pages_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/usagereport/usagereport/admin/pages"
)

// document is a page as a browser reads it.
type document struct {
	*html.Node
	raw string
}

func render(tb testing.TB, p *pages.Pages, s sample) document {
	tb.Helper()
	var b bytes.Buffer
	if err := s.render(p, &b); err != nil {
		tb.Fatalf("%s: %v", s.name, err)
	}
	n, err := html.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		tb.Fatalf("%s: %v", s.name, err)
	}
	return document{n, b.String()}
}

// elements returns all elements in their order.
func (d document) elements() []*html.Node {
	var out []*html.Node
	for n := range d.Descendants() {
		if n.Type == html.ElementNode {
			out = append(out, n)
		}
	}
	return out
}

// shape is the document without any text: elements, how deep they are, and the names of their attributes.
func (d document) shape() []string {
	var out []string
	for _, n := range d.elements() {
		depth := 0
		for p := n.Parent; p != nil; p = p.Parent {
			depth++
		}
		var names []string
		for _, a := range n.Attr {
			names = append(names, a.Key)
		}
		out = append(out, fmt.Sprint(strings.Repeat(" ", depth), n.Data, names))
	}
	return out
}

// texts returns every text and every value of an attribute.
func (d document) texts() string {
	var b strings.Builder
	for n := range d.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + "\n")
		}
		for _, a := range n.Attr {
			b.WriteString(a.Val + "\n")
		}
	}
	return b.String()
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// check finds whatever the content security policy forbids, or no page may have, whatever is written on it.
func (d document) check(tb testing.TB, name string) {
	tb.Helper()
	for _, n := range d.elements() {
		for _, a := range n.Attr {
			switch {
			case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
				tb.Errorf("%s: <%s %s>: nothing may stand inline", name, n.Data, a.Key)
			case slices.Contains([]string{"href", "src", "action", "formaction"}, a.Key):
				if !strings.HasPrefix(a.Val, "#") && (!strings.HasPrefix(a.Val, "/") || strings.HasPrefix(a.Val, "//") || strings.HasPrefix(a.Val, `/\`)) {
					tb.Errorf("%s: <%s %s=%q>: expected an address of this server", name, n.Data, a.Key, a.Val)
				}
			}
		}
		switch n.Data {
		case "script":
			if kind, _ := attr(n, "type"); kind == "application/json" {
				if !json.Valid([]byte(n.FirstChild.Data)) {
					tb.Errorf("%s: data for a script is no JSON: %.80s", name, n.FirstChild.Data)
				}
			} else if src, _ := attr(n, "src"); !strings.HasPrefix(src, pages.AssetPath) || n.FirstChild != nil {
				tb.Errorf("%s: a script that is no asset: %q", name, src)
			}
		case "style", "iframe", "object", "embed", "img", "base", "applet":
			tb.Errorf("%s: <%s> is on no page", name, n.Data)
		}
	}
}

// nasty are texts that people, or attackers, write where names are asked for.
var nasty = []string{
	`<script>alert(1)</script>`,
	`</script><script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onmouseover='alert(1)`,
	"` onfocus=`alert(1)` autofocus",
	`javascript:alert(1)`,
	`</title><svg onload=alert(1)>`,
	`<!--`, `-->`, `]]>`, `<![CDATA[`,
	`{{.Frame.Person}}`, `${7*7}`, `%3Cscript%3E`,
	`&lt;b&gt; &amp; &#60;`,
	"\u202Eevil\u2066 \u05E9\u05DC\u05D5\u05DD \u0645\u0631\u062D\u0628\u0627",
	`=cmd|' /C calc'!A0`, `+1+1`, `@SUM(1)`,
	"line\nbreak\tand\rreturn", "nul\x00byte", "not\xffUTF-8", "\u2028\u2029\ufeff",
	strings.Repeat("long", 2000), strings.Repeat("e\u0301\u0327", 300),
	"👩‍👩‍👧‍👦 zero\u200bwidth",
	`\u003cscript\u003e`, `"}]}</script>`, `*/alert(1)/*`,
}

// TestEscaping writes nasty texts wherever a stranger's text can stand: the page has the same elements and attributes as with
// harmless texts, and shows the text as it is.
func TestEscaping(t *testing.T) {
	p := newPages(t)
	want := map[string][]string{}
	for _, s := range samples(plain) {
		want[s.name] = render(t, p, s).shape()
	}
	for i, text := range nasty {
		t.Run(fmt.Sprintf("%d %.20q", i, text), func(t *testing.T) {
			for _, s := range samples(func(s string) string { return s + text }) {
				d := render(t, p, s)
				d.check(t, s.name)
				if got := d.shape(); !slices.Equal(got, want[s.name]) {
					t.Errorf("%s: its elements differ: %s", s.name, firstDifference(got, want[s.name]))
				}
			}
			shown := strings.NewReplacer("\x00", "\uFFFD", "\r\n", "\n", "\r", "\n").Replace(text)
			for _, s := range samples(func(s string) string { return s + text }) {
				if s.name != "auditlog" && s.name != "run" {
					continue
				}
				if d := render(t, p, s); !strings.Contains(strings.ReplaceAll(d.texts(), "\r", "\n"), shown) {
					t.Errorf("%s: the text is not shown as it is", s.name)
				}
			}
		})
	}
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("element %d: got %s, want %s", i, got[i], want[i])
		}
	}
	return fmt.Sprintf("%d elements, want %d", len(got), len(want))
}

// FuzzPages writes any text wherever a stranger's can stand: no element and no attribute comes or goes.
func FuzzPages(f *testing.F) {
	for _, text := range nasty {
		f.Add(text)
	}
	p := newPages(f)
	want := map[string][]string{}
	for _, s := range samples(plain) {
		want[s.name] = render(f, p, s).shape()
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "↔") || len(text) > 5000 {
			return // it says that a figure is of a pair of systems
		}
		for _, s := range samples(func(s string) string { return s + text }) {
			if strings.Contains(s.name, "-") {
				continue // another state of a page that is tried
			}
			d := render(t, p, s)
			d.check(t, s.name)
			if got := d.shape(); !slices.Equal(got, want[s.name]) {
				t.Errorf("%s: its elements differ: %s", s.name, firstDifference(got, want[s.name]))
			}
		}
	})
}

// TestForEverybody checks what keyboards and screen readers need on every page: one h1, names of fields, ids that are
// there once, tables with captions and headers, regions that scroll can have the focus.
func TestForEverybody(t *testing.T) {
	p := newPages(t)
	for _, s := range samples(plain) {
		t.Run(s.name, func(t *testing.T) {
			d := render(t, p, s)
			d.check(t, s.name)
			count, ids, labelled := map[string]int{}, map[string]int{}, map[string]bool{}
			for _, n := range d.elements() {
				count[n.Data]++
				if id, ok := attr(n, "id"); ok {
					ids[id]++
				}
				if id, ok := attr(n, "for"); ok {
					labelled[id] = true
				}
			}
			for _, tag := range []string{"h1", "main", "title", "footer"} {
				if count[tag] != 1 {
					t.Errorf("%d <%s>, want 1", count[tag], tag)
				}
			}
			for id, n := range ids {
				if n > 1 {
					t.Errorf("id %s is there %d times", id, n)
				}
			}
			for _, n := range d.elements() {
				checkElement(t, n, ids, labelled)
			}
		})
	}
}

func checkElement(t *testing.T, n *html.Node, ids map[string]int, labelled map[string]bool) {
	t.Helper()
	for _, name := range []string{"aria-labelledby", "aria-describedby"} {
		value, _ := attr(n, name)
		for id := range strings.FieldsSeq(value) {
			if ids[id] != 1 {
				t.Errorf("<%s %s=%s> leads nowhere", n.Data, name, id)
			}
		}
	}
	switch n.Data {
	case "input", "select":
		id, _ := attr(n, "id")
		if kind, _ := attr(n, "type"); kind != "hidden" && !labelled[id] {
			t.Errorf("field %s has no label", id)
		}
	case "table":
		if n.FirstChild == nil || n.FirstChild.Data != "caption" {
			t.Error("a table has no caption")
		}
		for p := n.Parent; p != nil; p = p.Parent {
			if class, _ := attr(p, "class"); strings.HasPrefix(class, "scroll") {
				if tab, _ := attr(p, "tabindex"); tab != "0" {
					t.Error("a region that scrolls cannot have the focus")
				}
			}
		}
	case "th":
		if _, ok := attr(n, "scope"); !ok {
			t.Error("a header has no scope")
		}
	case "svg":
		if hidden, _ := attr(n, "aria-hidden"); hidden != "true" {
			t.Error("a picture without a name is not hidden")
		}
	}
}

// TestBrokenWriter hands the error of a writer on.
func TestBrokenWriter(t *testing.T) {
	p := newPages(t)
	r, w := io.Pipe()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, s := range samples(plain) {
		if err := s.render(p, w); err == nil {
			t.Errorf("%s: no error", s.name)
		}
	}
}
