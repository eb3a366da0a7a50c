package admin

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPIDocument)
	must(t, err)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %s", doc.OpenAPI)
	}
	must(t, doc.Validate(t.Context()))
	return doc
}

// The document and the table of routes have the same operations, with the same parameters and the same rights.
func TestOpenAPIFitsTheTable(t *testing.T) {
	doc := document(t)
	ids := map[string]bool{}
	documented := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" {
				t.Errorf("%s %s: operationId %q, summary %q", method, path, op.OperationID, op.Summary)
			}
			ids[op.OperationID] = true
			if method == http.MethodHead {
				if item.Get == nil || op.OperationID != "head"+strings.TrimPrefix(item.Get.OperationID, "export") {
					t.Errorf("HEAD %s: operationId %q", path, op.OperationID)
				}
				continue
			}
			documented[method+" "+path] = op
		}
	}
	for _, r := range table() {
		if r.id == "" {
			continue
		}
		op := documented[r.method+" "+r.path]
		delete(documented, r.method+" "+r.path)
		if op == nil || op.OperationID != r.id {
			t.Errorf("%s %s is not in the document as %s", r.method, r.path, r.id)
			continue
		}
		var params []string
		for _, p := range op.Parameters {
			if p.Value.In == "query" {
				params = append(params, p.Value.Name)
			}
		}
		want := strings.Split(strings.ReplaceAll(strings.Join(r.params, ","), "*", ""), ",")
		if slices.Sort(params); len(r.params) > 0 || len(params) > 0 {
			if slices.Sort(want); !slices.Equal(params, want) {
				t.Errorf("%s: parameters %q, the table has %q", r.path, params, want)
			}
		}
		if isOpen := op.Security != nil && len(*op.Security) == 0; isOpen != (r.need == open) {
			t.Errorf("%s: open in the document: %v, in the table: %v", r.path, isOpen, r.need == open)
		}
		if r.need != open {
			for _, status := range []int{400, 401, 403, 404, 429, 500, 503} {
				if op.Responses.Status(status) == nil {
					t.Errorf("%s: no answer %d", r.path, status)
				}
			}
		}
	}
	for name := range documented {
		t.Errorf("%s is in the document, and not in the table", name)
	}
}

// Rows have the fields of the dictionary.
func TestOpenAPIFitsTheDictionary(t *testing.T) {
	doc := document(t)
	for name, def := range map[string]*dictionary.Table{"AuditEvent": dictionary.AuditLog, "AccessRecord": accessLog} {
		schema := doc.Components.Schemas[name].Value
		var fields []string
		for _, f := range def.Fields {
			fields = append(fields, f.Name)
			p := schema.Properties[f.Name]
			if p == nil {
				t.Errorf("%s has no %s", name, f.Name)
				continue
			}
			if p.Value.Description != f.Doc {
				t.Errorf("%s.%s: %q, the dictionary says %q", name, f.Name, p.Value.Description, f.Doc)
			}
			if null := p.Value.Type.Includes("null"); null == f.Required {
				t.Errorf("%s.%s may be null: %v", name, f.Name, null)
			}
		}
		if !slices.Equal(schema.Required, fields) || len(schema.Properties) != len(fields) {
			t.Errorf("%s: required %q, properties %q", name, schema.Required, slices.Sorted(maps.Keys(schema.Properties)))
		}
	}
	// Every member of a problem is in the document.
	found := ""
	data, err := json.Marshal(&problem{Instance: "x", RequestID: "x", Parameter: "x", Found: &found, Expected: "x", Missing: []string{"x"}, Dates: nil})
	must(t, err)
	var members map[string]any
	must(t, json.Unmarshal(data, &members))
	for name := range members {
		if doc.Components.Schemas["Problem"].Value.Properties[name] == nil {
			t.Errorf("Problem has no %s", name)
		}
	}
}

// TestOpenAPIFitsTheServer holds requests and answers of the running server against the document.
func TestOpenAPIFitsTheServer(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, auditRows, usageReports, usageLogs)
	doc := document(t)
	doc.Servers = nil
	router, err := gorillamux.NewRouter(doc)
	must(t, err)
	seen := map[string]bool{}
	// fits asks and compares. A request that is wrong on purpose is not compared, its answer is.
	fits := func(method, path, key string, wrong bool, status int, headers ...string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, f.web.URL+path, nil)
		must(t, err)
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Set(name, value)
		}
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+f.keys[key])
		}
		route, params, err := router.FindRoute(r)
		must(t, err)
		in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true,
		}}
		if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil && !wrong {
			t.Errorf("request %s %s: %v", method, path, err)
		}
		resp, err := noRedirects.Do(r)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != status {
			t.Errorf("%s %s: %s, want %d", method, path, resp.Status, status)
		}
		fitsAnswer(t, in, route, resp, body)
		seen[route.Operation.OperationID+" "+http.StatusText(status)] = true
	}
	for _, id := range []string{"reports", "logs"} {
		path := "/export/usage-" + id
		fits("GET", path, "manager", false, 200)
		fits("GET", path+"?date=2026-11-21", "manager", false, 206, "Range: bytes=1-2")
		fits("GET", path, "manager", false, 304, "If-None-Match: *")
		fits("GET", path, "manager", false, 412, `If-Match: "x"`)
		fits("GET", path, "manager", false, 416, "Range: bytes=999999999-")
		fits("HEAD", path, "manager", false, 200)
		fits("HEAD", path, "manager", false, 304, "If-None-Match: *")
		fits("HEAD", path, "", false, 401)
		fits("GET", path+"?date=2020-01-01", "manager", false, 404)
		fits("GET", path+"?date=soon", "manager", true, 400)
		fits("GET", path, "", false, 401)
		fits("GET", path, "admin of w1", false, 403)
	}
	for _, format := range []string{"csv", "json"} {
		fits("GET", "/export/audit-log?workspace_id=w1&from=2026-11-01&to=2026-11-21&action=member.added&action=member.removed&person=a&format="+format, "admin of w1", false, 200)
		fits("GET", "/export/audit-log?format="+format, "admin of all", false, 200)
		fits("GET", "/export/access-log?from=2026-11-01&format="+format, "manager", false, 200)
	}
	fits("GET", "/export/audit-log?format=xml", "admin of w1", true, 400)
	fits("GET", "/export/audit-log", "", false, 401)
	fits("GET", "/export/audit-log?workspace_id=w2", "admin of w1", false, 403)
	fits("GET", "/export/access-log", "admin of w1", false, 403)
	fits("GET", "/export/access-log", "expired", false, 401)
	fits("GET", "/openapi.json", "", false, 200)
	fits("GET", "/healthz", "", false, 200)
	fits("GET", "/readyz", "", false, 200)
	fits("GET", "/metrics", "", false, 200)
	f.fails(func(sinktest.Call) bool { return true })
	f.pass(4e9)
	fits("GET", "/readyz", "", false, 503)
	fits("GET", "/export/usage-reports", "manager", false, 503)

	for _, r := range table() {
		if r.id != "" && !seen[r.id+" OK"] {
			t.Errorf("%s was not asked for", r.id)
		}
	}
}

// fitsAnswer compares an answer with the document: status, headers, type and body.
func fitsAnswer(t *testing.T, in *openapi3filter.RequestValidationInput, route *routers.Route, resp *http.Response, body []byte) {
	t.Helper()
	name := in.Request.Method + " " + in.Request.URL.String() + ": " + resp.Status
	declared := route.Operation.Responses.Status(resp.StatusCode)
	if declared == nil {
		t.Errorf("%s is not in the document", name)
		return
	}
	for header := range declared.Value.Headers {
		if resp.Header.Get(header) == "" {
			t.Errorf("%s: no header %s", name, header)
		}
	}
	opaque := strings.HasPrefix(resp.Header.Get("Content-Type"), "application/zip") || in.Request.Method == http.MethodHead // not to be decoded
	if opaque && len(declared.Value.Content) > 0 && declared.Value.Content["application/zip"] == nil {
		t.Errorf("%s: a zip is not in the document", name)
	}
	err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: opaque},
	})
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
}
