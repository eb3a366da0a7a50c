package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"
)

// Every part of a Config prints, marshals and logs itself through shownFields, so that none can show a secret.

// Format writes the Config as JSON for every verb, without secrets.
func (c Config) Format(f fmt.State, _ rune) { formatJSON(f, c) }

// MarshalJSON returns the Config without secrets.
func (c Config) MarshalJSON() ([]byte, error) { return shownJSON(c) }

// MarshalYAML returns the Config without secrets; JSON is YAML.
func (c Config) MarshalYAML() ([]byte, error) { return shownJSON(c) }

// LogValue returns the Config as JSON without secrets.
func (c Config) LogValue() slog.Value { return logJSON(c) }

// Format writes the Lake as JSON for every verb, without secrets.
func (l Lake) Format(f fmt.State, _ rune) { formatJSON(f, l) }

// MarshalJSON returns the Lake without secrets.
func (l Lake) MarshalJSON() ([]byte, error) { return shownJSON(l) }

// MarshalYAML returns the Lake without secrets; JSON is YAML.
func (l Lake) MarshalYAML() ([]byte, error) { return shownJSON(l) }

// LogValue returns the Lake as JSON without secrets.
func (l Lake) LogValue() slog.Value { return logJSON(l) }

// Format writes the Schedule as JSON for every verb, without secrets.
func (s Schedule) Format(f fmt.State, _ rune) { formatJSON(f, s) }

// MarshalJSON returns the Schedule without secrets.
func (s Schedule) MarshalJSON() ([]byte, error) { return shownJSON(s) }

// MarshalYAML returns the Schedule without secrets; JSON is YAML.
func (s Schedule) MarshalYAML() ([]byte, error) { return shownJSON(s) }

// LogValue returns the Schedule as JSON without secrets.
func (s Schedule) LogValue() slog.Value { return logJSON(s) }

// Format writes the Source as JSON for every verb, without secrets.
func (s Source) Format(f fmt.State, _ rune) { formatJSON(f, s) }

// MarshalJSON returns the Source without secrets.
func (s Source) MarshalJSON() ([]byte, error) { return shownJSON(s) }

// MarshalYAML returns the Source without secrets; JSON is YAML.
func (s Source) MarshalYAML() ([]byte, error) { return shownJSON(s) }

// LogValue returns the Source as JSON without secrets.
func (s Source) LogValue() slog.Value { return logJSON(s) }

// Format writes the Dataset as JSON for every verb, without secrets.
func (d Dataset) Format(f fmt.State, _ rune) { formatJSON(f, d) }

// MarshalJSON returns the Dataset without secrets.
func (d Dataset) MarshalJSON() ([]byte, error) { return shownJSON(d) }

// MarshalYAML returns the Dataset without secrets; JSON is YAML.
func (d Dataset) MarshalYAML() ([]byte, error) { return shownJSON(d) }

// LogValue returns the Dataset as JSON without secrets.
func (d Dataset) LogValue() slog.Value { return logJSON(d) }

// Format writes the Quality as JSON for every verb, without secrets.
func (q Quality) Format(f fmt.State, _ rune) { formatJSON(f, q) }

// MarshalJSON returns the Quality without secrets.
func (q Quality) MarshalJSON() ([]byte, error) { return shownJSON(q) }

// MarshalYAML returns the Quality without secrets; JSON is YAML.
func (q Quality) MarshalYAML() ([]byte, error) { return shownJSON(q) }

// LogValue returns the Quality as JSON without secrets.
func (q Quality) LogValue() slog.Value { return logJSON(q) }

// Format writes the Identity as JSON for every verb, without secrets.
func (i Identity) Format(f fmt.State, _ rune) { formatJSON(f, i) }

// MarshalJSON returns the Identity without secrets.
func (i Identity) MarshalJSON() ([]byte, error) { return shownJSON(i) }

// MarshalYAML returns the Identity without secrets; JSON is YAML.
func (i Identity) MarshalYAML() ([]byte, error) { return shownJSON(i) }

// LogValue returns the Identity as JSON without secrets.
func (i Identity) LogValue() slog.Value { return logJSON(i) }

// Format writes the Notify as JSON for every verb, without secrets.
func (n Notify) Format(f fmt.State, _ rune) { formatJSON(f, n) }

// MarshalJSON returns the Notify without secrets.
func (n Notify) MarshalJSON() ([]byte, error) { return shownJSON(n) }

// MarshalYAML returns the Notify without secrets; JSON is YAML.
func (n Notify) MarshalYAML() ([]byte, error) { return shownJSON(n) }

// LogValue returns the Notify as JSON without secrets.
func (n Notify) LogValue() slog.Value { return logJSON(n) }

// Format writes the Webhook as JSON for every verb, without secrets.
func (w Webhook) Format(f fmt.State, _ rune) { formatJSON(f, w) }

// MarshalJSON returns the Webhook without secrets.
func (w Webhook) MarshalJSON() ([]byte, error) { return shownJSON(w) }

// MarshalYAML returns the Webhook without secrets; JSON is YAML.
func (w Webhook) MarshalYAML() ([]byte, error) { return shownJSON(w) }

// LogValue returns the Webhook as JSON without secrets.
func (w Webhook) LogValue() slog.Value { return logJSON(w) }

// Format writes the Mail as JSON for every verb, without secrets.
func (m Mail) Format(f fmt.State, _ rune) { formatJSON(f, m) }

// MarshalJSON returns the Mail without secrets.
func (m Mail) MarshalJSON() ([]byte, error) { return shownJSON(m) }

// MarshalYAML returns the Mail without secrets; JSON is YAML.
func (m Mail) MarshalYAML() ([]byte, error) { return shownJSON(m) }

// LogValue returns the Mail as JSON without secrets.
func (m Mail) LogValue() slog.Value { return logJSON(m) }

// Format writes the OpenLineage as JSON for every verb, without secrets.
func (o OpenLineage) Format(f fmt.State, _ rune) { formatJSON(f, o) }

// MarshalJSON returns the OpenLineage without secrets.
func (o OpenLineage) MarshalJSON() ([]byte, error) { return shownJSON(o) }

// MarshalYAML returns the OpenLineage without secrets; JSON is YAML.
func (o OpenLineage) MarshalYAML() ([]byte, error) { return shownJSON(o) }

// LogValue returns the OpenLineage as JSON without secrets.
func (o OpenLineage) LogValue() slog.Value { return logJSON(o) }

// Format writes the Retry as JSON for every verb, without secrets.
func (r Retry) Format(f fmt.State, _ rune) { formatJSON(f, r) }

// MarshalJSON returns the Retry without secrets.
func (r Retry) MarshalJSON() ([]byte, error) { return shownJSON(r) }

// MarshalYAML returns the Retry without secrets; JSON is YAML.
func (r Retry) MarshalYAML() ([]byte, error) { return shownJSON(r) }

// LogValue returns the Retry as JSON without secrets.
func (r Retry) LogValue() slog.Value { return logJSON(r) }

// Format writes the Retention as JSON for every verb, without secrets.
func (r Retention) Format(f fmt.State, _ rune) { formatJSON(f, r) }

// MarshalJSON returns the Retention without secrets.
func (r Retention) MarshalJSON() ([]byte, error) { return shownJSON(r) }

// MarshalYAML returns the Retention without secrets; JSON is YAML.
func (r Retention) MarshalYAML() ([]byte, error) { return shownJSON(r) }

// LogValue returns the Retention as JSON without secrets.
func (r Retention) LogValue() slog.Value { return logJSON(r) }

// origin holds, for the fields of one struct (by YAML name and path below it), the text of the file that was
// expanded: it is what printing shows in their place.
type origin map[string]string

// shownFields renders a part of the config for printing, secrets left out, in the order of its fields.
func shownFields(v reflect.Value, from origin, path string) any {
	if v.CanInterface() {
		switch x := v.Interface().(type) { // before what the file says: a text with a reference may hold a password beside it
		case URL:
			return x.shown
		case Secret:
			return x.shown
		}
	}
	if raw, ok := from[path]; ok {
		return raw
	}
	if v.CanInterface() {
		switch x := v.Interface().(type) {
		case Date:
			return x.String()
		case time.Duration:
			return x.String()
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		if f := v.FieldByName("origin"); f.IsValid() && f.Len() > 0 {
			// Unexported fields can be read, not handed out: copy the texts.
			own := origin{}
			for it := f.MapRange(); it.Next(); {
				own[it.Key().String()] = it.Value().String()
			}
			from, path = own, ""
		} else if f.IsValid() {
			from, path = nil, ""
		}
		var out shownMap
		for i := range v.NumField() {
			if name := yamlName(v.Type().Field(i)); name != "" {
				out = append(out, shownPair{name, shownFields(v.Field(i), from, join(path, name))})
			}
		}
		return out
	case reflect.Map:
		var out shownMap
		keys := map[string]reflect.Value{}
		for it := v.MapRange(); it.Next(); {
			keys[it.Key().String()] = it.Value()
		}
		for _, k := range sortedKeys(keys) {
			out = append(out, shownPair{k, shownFields(keys[k], from, join(path, k))})
		}
		return out
	case reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = shownFields(v.Index(i), from, fmt.Sprintf("%s[%d]", path, i))
		}
		return out
	default:
		return v.Interface()
	}
}

type (
	shownMap  []shownPair
	shownPair struct {
		key   string
		value any
	}
)

// MarshalJSON keeps the order of the fields.
func (m shownMap) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, p := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := plainJSON(p.key)
		if err != nil {
			return nil, err
		}
		value, err := plainJSON(p.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

func shownJSON(v any) ([]byte, error) { return plainJSON(shownFields(reflect.ValueOf(v), nil, "")) }

// plainJSON marshals without escaping < and >, which queries are full of.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func formatJSON(f fmt.State, v any) {
	b, err := shownJSON(v)
	if err != nil {
		b = []byte(err.Error())
	}
	f.Write(b) //nolint:errcheck // fmt.State reports no errors
}

func logJSON(v any) slog.Value {
	b, err := shownJSON(v)
	if err != nil {
		return slog.StringValue(err.Error())
	}
	return slog.StringValue(string(b))
}
