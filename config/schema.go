package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/usagereport/usagereport/dictionary"
)

// reference matches a value that is only known once it is expanded.
const reference = `\$\{`

// JSONSchema returns the JSON Schema of the config file, for editors and linters. It accepts every file that Load
// accepts, sections without content and anchors aside; Load checks more.
func JSONSchema() ([]byte, error) {
	text := func(t reflect.Type) *jsonschema.Schema {
		switch t {
		case reflect.TypeFor[URL](), reflect.TypeFor[Secret]():
			return &jsonschema.Schema{Type: "string"}
		case reflect.TypeFor[Date]():
			return &jsonschema.Schema{Type: "string", Pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}$|` + reference}
		case reflect.TypeFor[time.Duration]():
			return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$|` + reference}
		}
		return nil
	}
	r := jsonschema.Reflector{
		Anonymous: true, ExpandedStruct: true, FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Mapper: text,
	}
	root := r.Reflect(&Config{})
	root.ID = "https://github.com/usagereport/usagereport/blob/main/docs/config.schema.json"
	root.Title = "usagereport configuration"
	for _, s := range sections() {
		def := root
		if s.path != "" {
			def = root.Definitions[s.typ.Name()]
		}
		if def == nil || def.Properties == nil {
			return nil, fmt.Errorf("config schema: the type %s is not part of it", s.typ)
		}
		if err := describeSection(def, s); err != nil {
			return nil, err
		}
	}
	// A file without datasets is one for the admin server.
	root.AnyOf = []*jsonschema.Schema{{Required: []string{"datasets"}}, {Required: []string{"admin"}}}
	datasets, _ := root.Properties.Get("datasets")
	names := &jsonschema.Schema{}
	for _, t := range dictionary.Datasets() {
		names.Enum = append(names.Enum, t.Name)
	}
	datasets.PropertyNames = names

	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("config schema: %w", err)
	}
	return b.Bytes(), nil
}

// describeSection adds to the reflected types what only the documentation knows.
func describeSection(def *jsonschema.Schema, s section) error {
	def.Description = plainText(s.doc)
	for _, k := range s.keys {
		p, ok := def.Properties.Get(k.name)
		if !ok {
			return fmt.Errorf("config schema: %s has no field %q", s.typ, k.name)
		}
		if k.required {
			def.Required = append(def.Required, k.name)
		}
		p.Description = plainText(k.doc)
		p.Default = k.fallback
		switch {
		case k.enum != nil:
			for _, e := range k.enum {
				p.Enum = append(p.Enum, e)
			}
			orReference(p)
		case p.Type == "integer" || p.Type == "number":
			orReference(p)
		}
	}
	return nil
}

// orReference lets a value that is not free text be a ${…} too.
func orReference(p *jsonschema.Schema) {
	p.AnyOf = []*jsonschema.Schema{{Type: p.Type, Enum: p.Enum}, {Type: "string", Pattern: reference}}
	p.Type, p.Enum = "", nil
}

// markdown is what plainText takes away: code marks, and links to parts of the page, whose titles stay.
var markdown = regexp.MustCompile("`|\\[([^]]*)\\]\\(#[^)]*\\)")

func plainText(doc string) string { return markdown.ReplaceAllString(doc, "$1") }
