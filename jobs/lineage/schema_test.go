package lineage

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// specFolder names the variable with the folder of OpenLineage's own schemas: spec/ of its repository.
const specFolder = "USAGEREPORT_TEST_OPENLINEAGE_SPEC"

// What is sent is what testdata/events.schema.json says, to the last key.
func TestEventsAreOfTheirSchema(t *testing.T) {
	schema := compile(t, compiler(t, map[string]string{"events.schema.json": "testdata/events.schema.json"}), "events.schema.json")
	for name, e := range events(t) {
		if err := schema.Validate(asJSON(t, encode(t, e))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The published schemas accept every event, and every facet by the schema that it names; and what they refuse of
// an event that is spoilt, testdata/events.schema.json refuses as well.
func TestEventsAreOfThePublishedSchema(t *testing.T) {
	folder := os.Getenv(specFolder)
	if folder == "" {
		t.Skip(specFolder + " is not set: it names a folder with the schemas that OpenLineage publishes")
	}
	files := map[string]string{"events.schema.json": "testdata/events.schema.json"}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var doc struct {
			ID string `json:"$id"`
		}
		if err := json.Unmarshal(text, &doc); err == nil && doc.ID != "" {
			files[doc.ID] = path
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c := compiler(t, files)
	whole, ours := compile(t, c, runEventSchema), compile(t, c, "events.schema.json")
	facets := map[string]bool{}
	accepts := func(doc any) bool {
		ok := whole.Validate(doc) == nil
		walk(doc, func(facet map[string]any) {
			if url, isText := facet["_schemaURL"].(string); isText && strings.HasPrefix(url, spec) {
				facets[url] = true
				ok = ok && compile(t, c, url).Validate(facet) == nil
			}
		})
		return ok
	}
	spoilt, refused := 0, 0
	for name, e := range events(t) {
		text := encode(t, e)
		if !accepts(asJSON(t, text)) {
			t.Errorf("%s is refused: %v", name, whole.Validate(asJSON(t, text)))
		}
		for _, doc := range spoil(t, text) {
			spoilt++
			if !accepts(doc) {
				refused++
				if ours.Validate(doc) == nil {
					t.Errorf("%s: the published schema refuses what ours accepts: %v", name, doc)
				}
			}
		}
	}
	t.Logf("%d facets; of %d spoilt events %d are refused by both", len(facets), spoilt, refused)
	if len(facets) < 11 || refused < 100 {
		t.Error("the test has lost its reach")
	}
}

func compiler(t *testing.T, files map[string]string) *jsonschema.Compiler {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for id, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(id, asJSON(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func compile(t *testing.T, c *jsonschema.Compiler, url string) *jsonschema.Schema {
	t.Helper()
	s, err := c.Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// walk calls f for every object of a document.
func walk(doc any, f func(map[string]any)) {
	switch x := doc.(type) {
	case map[string]any:
		f(x)
		for _, v := range x {
			walk(v, f)
		}
	case []any:
		for _, v := range x {
			walk(v, f)
		}
	}
}

// spoil returns copies of a document, each without one of its keys or with another kind of value there.
func spoil(t *testing.T, text []byte) (all []any) {
	t.Helper()
	seen := map[string]bool{}
	walk(asJSON(t, text), func(o map[string]any) {
		for key := range o {
			seen[key] = true
		}
	})
	for key := range seen {
		for _, change := range []func(map[string]any){
			func(o map[string]any) { delete(o, key) },
			func(o map[string]any) { o[key] = true },
			func(o map[string]any) { o[key] = "not what it should be" },
			func(o map[string]any) { o[key] = json.Number("1.5") },
		} {
			doc, done := asJSON(t, text), false
			walk(doc, func(o map[string]any) {
				if _, ok := o[key]; ok && !done {
					done = true
					change(o)
				}
			})
			all = append(all, doc)
		}
	}
	return all
}
