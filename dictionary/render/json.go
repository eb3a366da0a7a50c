package render

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/usagereport/usagereport/dictionary"
)

// The shape of JSON. Members may be added; none is removed or changes its meaning.
type document struct {
	Datasets []table `json:"datasets"`
	Logs     []table `json:"logs"`
	Sheets   []table `json:"sheets"`
	Joins    []join  `json:"joins"`
}

type table struct {
	Name          string   `json:"name"`
	Title         string   `json:"title"`
	Description   string   `json:"description"`
	Role          string   `json:"role"`
	Domains       []string `json:"domains"`
	OptionalFor   []string `json:"optional_for"`
	SchemaVersion int      `json:"schema_version,omitempty"`
	Grain         []string `json:"grain"`
	SortOrder     []sortBy `json:"sort_order"`
	Fields        []field  `json:"fields"`
}

type sortBy struct {
	Field      string `json:"field"`
	Descending bool   `json:"descending"`
}

type field struct {
	Name        string      `json:"name"`
	Type        string      `json:"type"`
	Arrow       string      `json:"arrow"`
	Parquet     parquetType `json:"parquet"`
	Nullable    bool        `json:"nullable"`
	Grain       bool        `json:"grain"`
	Sum         bool        `json:"sum"`
	Description string      `json:"description"`
	Values      []value     `json:"values,omitempty"`
}

type value struct {
	Value       string `json:"value"`
	Description string `json:"description"`
}

type join struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	On       []onPair `json:"on"`
	Optional bool     `json:"optional"`
}

type onPair struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// JSON writes the whole dictionary to w as one indented object, the same on every call:
//
//	{"datasets": [table…], "logs": [table…], "sheets": [table…], "joins": [join…]}
//	table: {"name", "title", "description", "role": "state"|"event"|"log"|"sheet",
//	        "domains": ["usage"|"audit"|"integration"…], "optional_for": [domain…], "schema_version": n (logs and sheets),
//	        "grain": [field name…], "sort_order": [{"field", "descending"}…], "fields": [field…]}
//	field: {"name", "type": "STRING"|"DATE"|"BOOLEAN"|"INTEGER"|"TIMESTAMP", "arrow": "utf8"…,
//	        "parquet": {"physical", "logical" (where there is one)}, "nullable", "grain", "sum", "description",
//	        "values": [{"value", "description"}…] (documented values, where there are any)}
//	join:  {"from": table name, "to": table name, "on": [{"from": field, "to": field}…],
//	        "optional": whether the fields of "to" may be null}
//
// "grain" of a state dataset is its key; events have none. Members may be added in later releases. The only errors
// are those of w.
func JSON(w io.Writer) error {
	doc := document{Datasets: tables(dictionary.Datasets()), Logs: tables(dictionary.Logs()), Sheets: tables(dictionary.Reports())}
	for _, j := range dictionary.Joins() {
		on := make([]onPair, len(j.On))
		for i, pair := range j.On {
			on[i] = onPair{From: pair[0], To: pair[1]}
		}
		doc.Joins = append(doc.Joins, join{From: j.From.Name, To: j.To.Name, On: on, Optional: j.Optional})
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("encode the dictionary as JSON: %w", err)
	}
	return writeAll(w, "JSON", b.String())
}

func tables(ts []*dictionary.Table) []table {
	out := make([]table, len(ts))
	for i, t := range ts {
		out[i] = table{
			Name: t.Name, Title: t.Title, Description: t.Doc, Role: roleName(t.Role),
			Domains: domainNames(t.Domains), OptionalFor: domainNames(t.Optional), SchemaVersion: t.Version,
			Grain: append([]string{}, t.Grain()...), SortOrder: []sortBy{}, Fields: make([]field, len(t.Fields)),
		}
		for _, name := range t.SortOrder() {
			out[i].SortOrder = append(out[i].SortOrder, sortBy{Field: name, Descending: name == t.NewestFirst})
		}
		for k, f := range t.Fields {
			out[i].Fields[k] = field{
				Name: f.Name, Type: f.Kind.String(), Arrow: f.Kind.ArrowType().String(), Parquet: parquetTypeOf(f.Kind),
				Nullable: !f.Required, Grain: f.Grain, Sum: f.Sum, Description: f.Doc,
			}
			for _, v := range f.Enum {
				out[i].Fields[k].Values = append(out[i].Fields[k].Values, value{Value: v.Name, Description: v.Doc})
			}
		}
	}
	return out
}
