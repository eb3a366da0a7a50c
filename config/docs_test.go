package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The shipped documents say what the code says; `go generate ./config` writes them.
func TestGenerated(t *testing.T) {
	for file, generate := range map[string]func() ([]byte, error){
		"../docs/config.schema.json": JSONSchema,
		"../docs/configuration.md":   Markdown,
	} {
		want, err := generate()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./config", file)
		}
	}
}

// Every field of every struct is documented, in the same order, and nothing else is.
func TestEveryKeyIsDocumented(t *testing.T) {
	documented := map[reflect.Type]bool{}
	var wanted []reflect.Type
	for _, s := range sections() {
		documented[s.typ] = true
		var fields, keys []string
		for i := range s.typ.NumField() {
			f := s.typ.Field(i)
			name := yamlName(f)
			if name == "" {
				continue
			}
			fields = append(fields, name)
			if e := f.Type; e.Kind() == reflect.Struct && !isScalar(e) {
				wanted = append(wanted, e)
			} else if (e.Kind() == reflect.Map || e.Kind() == reflect.Slice) && e.Elem().Kind() == reflect.Struct {
				wanted = append(wanted, e.Elem())
			}
		}
		for _, k := range s.keys {
			keys = append(keys, k.name)
			if k.doc == "" || k.kind == "" || k.required && k.fallback != nil {
				t.Errorf("%s: %s is documented by halves", s.path, k.name)
			}
		}
		if !slices.Equal(fields, keys) {
			t.Errorf("%s: fields %v, documented %v", s.typ, fields, keys)
		}
	}
	for _, typ := range wanted {
		if !documented[typ] {
			t.Errorf("%s has no section", typ)
		}
	}
}

// The defaults that the documentation gives are those that hold.
func TestDocumentedDefaults(t *testing.T) {
	c := mustLoad(t, usageYAML("  grids: { source: files, path: a.csv }\n"))
	withOIDC := mustLoad(t, usageYAML(oidcYAML))
	holders := map[reflect.Type]any{
		reflect.TypeFor[Config](): *c, reflect.TypeFor[Lake](): c.Lake, reflect.TypeFor[Schedule](): c.Schedule,
		reflect.TypeFor[Source](): c.Sources["app"], reflect.TypeFor[Dataset](): c.Datasets["grids"],
		reflect.TypeFor[Quality](): c.Quality, reflect.TypeFor[Identity](): c.Identity,
		reflect.TypeFor[Notify](): c.Notify, reflect.TypeFor[Webhook](): Webhook{}, reflect.TypeFor[Mail](): c.Notify.Email,
		reflect.TypeFor[OpenLineage](): c.OpenLineage, reflect.TypeFor[Retry](): c.Retry, reflect.TypeFor[Retention](): c.Retention,
		reflect.TypeFor[Admin](): c.Admin, reflect.TypeFor[OIDC](): withOIDC.Admin.OIDC, reflect.TypeFor[Grant](): Grant{},
	}
	for _, s := range sections() {
		v := reflect.ValueOf(holders[s.typ])
		for i := range v.NumField() {
			name := yamlName(v.Type().Field(i))
			for _, k := range s.keys {
				if k.name != name || k.fallback == nil {
					continue
				}
				got, err := json.Marshal(shownFields(v.Field(i), nil, ""))
				if err != nil {
					t.Fatal(err)
				}
				want, err := json.Marshal(k.fallback)
				if err != nil {
					t.Fatal(err)
				}
				same := bytes.Equal(got, want) || strings.HasPrefix(string(got), strings.TrimSuffix(string(want), `"`)) // 30m is 30m0s
				if s.typ == reflect.TypeFor[Source]() && name == "timezone" {
					same = c.Datasets["members"].Timezone == "UTC" // where it takes effect
				}
				if !same {
					t.Errorf("%s.%s: documented %s, is %s", s.path, name, want, got)
				}
			}
		}
	}
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads a fixture the way an editor does.
func asJSON(t *testing.T, file string) (any, error) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	j, err := yaml.YAMLToJSON(bytes.TrimPrefix(text, []byte("\ufeff")))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(j))
}

func TestSchemaAcceptsWhatLoadAccepts(t *testing.T) {
	schema := compiledSchema(t)
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, "example.yaml") {
		if filepath.Base(f) == "sections_without_content.yaml" {
			continue // Load reads a section whose content is commented out; a schema cannot say that for editors
		}
		doc, err := asJSON(t, f)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func TestSchemaRefusesWhatItCan(t *testing.T) {
	schema := compiledSchema(t)
	for _, pattern := range []string{"unknown_*.yaml", "type_*.yaml", "history_start.yaml", "lake_missing.yaml", "lake_bucket_missing.yaml",
		"source_without_url.yaml", "dataset_without_source.yaml", "format_far.yaml", "epoch_unit.yaml", "statement_timeout.yaml", "nothing_bound.yaml"} {
		files, err := filepath.Glob("testdata/bad/" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d fixtures, %v", pattern, len(files), err)
		}
		for _, f := range files {
			doc, err := asJSON(t, f)
			if err != nil {
				t.Errorf("%s: %v", f, err)
				continue
			}
			if err := schema.Validate(doc); err == nil {
				t.Errorf("%s is accepted by the schema", f)
			}
		}
	}
}

func TestExample(t *testing.T) {
	text := Example()
	text[0] = 'x' // the caller's copy
	if Example()[0] != '#' {
		t.Error("Example hands out its own bytes")
	}
	doc := string(Example())
	for _, s := range sections() {
		for _, k := range s.keys {
			if !strings.Contains(doc, k.name+":") {
				t.Errorf("the example does not show %s.%s", s.path, k.name)
			}
		}
	}
}
