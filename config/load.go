package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads, expands and validates the config file at path. Its error is an Errors that lists every problem at
// once; only a syntax error hides the others. ctx bounds the resolving of runtimevar URLs.
func Load(ctx context.Context, path string, env Env) (*Config, error) {
	if env.ReadFile == nil {
		return nil, Errors{{File: path, Message: "cannot be read: no way to read files was given"}}
	}
	text, err := env.ReadFile(path)
	if err != nil {
		return nil, Errors{{File: path, Message: "cannot be read: " + fileReason(err),
			Hint: "name the config file with --config; `usagereport demo` writes one to start from"}}
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, Errors{{File: path, Message: "has no absolute path: " + oneLine(err.Error())}}
	}
	return parse(ctx, path, dir, text, env)
}

// parse is Load for a text at hand; relative paths start at dir.
func parse(ctx context.Context, file, dir string, text []byte, env Env) (*Config, error) {
	body, problems := document(file, text)
	if problems != nil {
		return nil, problems
	}
	if body == nil {
		return nil, Errors{{File: file, Line: 1, Column: 1, Message: "the file is empty", Hint: "`usagereport demo` writes a config to start from"}}
	}
	d := &decoder{
		file: file, dir: dir,
		expand:  newExpander(ctx, env, dir),
		places:  map[string]place{},
		anchors: map[string]ast.Node{},
	}
	ast.Walk(collectAnchors{d.anchors}, body)
	cfg := &Config{}
	cfg.setDefaults()
	d.decode(body, reflect.ValueOf(cfg).Elem(), "", start(body))
	v := &validator{decoder: d, cfg: cfg}
	if root := d.places[""]; !root.bad {
		v.config()
	}
	d.problems.sort()
	if all := slices.Concat(d.problems, v.elsewhere); len(all) > 0 {
		return nil, all
	}
	d.keepOrigins(cfg)
	return cfg, nil
}

// document parses the one YAML document of a file; it is nil if there is nothing but comments.
func document(file string, text []byte) (ast.Node, Errors) {
	at := func(line, column int, message, hint string) Errors {
		return Errors{{File: file, Line: line, Column: column, Message: message, Hint: hint}}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !utf8.Valid(text) {
		line, column := 1, 1
		for i := 0; i < len(text); {
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			i, column = i+n, column+1
			if r == '\n' {
				line, column = line+1, 1
			}
		}
		return nil, at(line, column, "not UTF-8 text", "save the file as UTF-8")
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	parsed, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var se *yaml.SyntaxError
		if !errors.As(err, &se) {
			return nil, at(1, 1, "not YAML: "+oneLine(err.Error()), "")
		}
		p := where(se.Token)
		hint := ""
		if strings.Contains(se.Message, "\t") || strings.Contains(se.Message, "tab character") {
			hint = "indent with spaces"
		}
		if lines := strings.Split(string(text), "\n"); p.line <= len(lines) && strings.Contains(lines[p.line-1], "${") {
			hint = `put a value with ${…} in quotes: "${NAME}"`
		}
		return nil, at(p.line, p.column, "not YAML: "+strings.ReplaceAll(se.Message, "\t", `\t`), hint)
	}
	var bodies []ast.Node
	for _, doc := range parsed.Docs {
		if doc.Body == nil {
			continue
		}
		if _, ok := doc.Body.(*ast.CommentGroupNode); !ok {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, nil
	case 1:
		return bodies[0], nil
	}
	second := start(bodies[1])
	return nil, at(second.line, second.column, fmt.Sprintf("expected one YAML document, found %d", len(bodies)), "remove what follows the ---")
}

// keepOrigins hands every part of the config the texts that its expanded fields have in the file.
func (d *decoder) keepOrigins(cfg *Config) {
	below := func(path string) origin {
		o := origin{}
		for p, at := range d.places {
			rest, ok := strings.CutPrefix(p, path)
			if ok && at.expanded {
				o[strings.TrimPrefix(rest, ".")] = shownReferences(at.raw)
			}
		}
		return o
	}
	cfg.origin = below("")
	cfg.Lake.origin = below("lake.")
	cfg.Schedule.origin = below("schedule.")
	cfg.Quality.origin = below("quality.")
	cfg.Identity.origin = below("identity.")
	cfg.Notify.origin = below("notify.")
	cfg.Notify.Email.origin = below("notify.email.")
	for i := range cfg.Notify.Webhooks {
		cfg.Notify.Webhooks[i].origin = below(fmt.Sprintf("notify.webhooks[%d].", i))
	}
	cfg.OpenLineage.origin = below("openlineage.")
	cfg.Retry.origin = below("retry.")
	cfg.Retention.origin = below("retention.")
	cfg.Admin.origin = below("admin.")
	cfg.Admin.OIDC.origin = below("admin.oidc.")
	for name, g := range cfg.Admin.OIDC.Roles {
		g.origin = below(join("admin.oidc.roles", name) + ".")
		cfg.Admin.OIDC.Roles[name] = g
	}
	for name, s := range cfg.Sources {
		s.origin = below(join("sources", name) + ".")
		cfg.Sources[name] = s
	}
	for name, x := range cfg.Datasets {
		x.origin = below(join("datasets", name) + ".")
		cfg.Datasets[name] = x
	}
}
