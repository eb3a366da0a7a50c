package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
)

//go:generate go test . -run ^TestGenerated$ -update

//go:embed guide.md.tmpl
var guide string

//go:embed example.yaml
var example []byte

//go:embed identity-overrides.yaml
var exampleOverrides string

// Example returns a config file that shows every key, with comments. It loads where the environment
// variables that it names are set and the overrides file is beside it.
func Example() []byte { return bytes.Clone(example) }

// Markdown returns the documentation of the config file, docs/configuration.md.
func Markdown() ([]byte, error) {
	t, err := template.New("guide").Funcs(template.FuncMap{
		"tables": tables, "example": func() string { return string(example) }, "overrides": func() string { return exampleOverrides },
		"sql": func() string { return codes(SQLSchemes()) }, "buckets": func() string { return codes(BucketSchemes()) },
		"variables": func() string { return codes(variableSchemes) },
	}).Parse(guide)
	if err != nil {
		return nil, fmt.Errorf("config guide: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, nil); err != nil {
		return nil, fmt.Errorf("config guide: %w", err)
	}
	return b.Bytes(), nil
}

// tables renders every section as a heading and a table.
func tables() (string, error) {
	var b strings.Builder
	for _, s := range sections() {
		title := "Top level"
		if s.path != "" {
			title = "`" + s.path + "`"
		}
		fmt.Fprintf(&b, "### %s\n\n%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", title, s.doc)
		for _, k := range s.keys {
			kind, fallback := k.kind, ""
			if k.enum != nil {
				kind = codes(k.enum)
			}
			switch {
			case k.required:
				fallback = "required"
			case k.fallback != nil:
				v, err := json.Marshal(k.fallback)
				if err != nil {
					return "", fmt.Errorf("default of %s: %w", k.name, err)
				}
				fallback = "`" + string(v) + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.name, kind, fallback, strings.ReplaceAll(k.doc, "|", `\|`))
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
