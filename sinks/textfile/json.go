package textfile

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/usagereport/usagereport/dictionary"
)

// jsonFormat writes an array of objects. The standard library writes the text; which fields there are, and in which
// order, only the table knows.
type jsonFormat struct {
	names   [][]byte // `"name":` of each field
	scratch []byte
	text    bytes.Buffer
	encoder *json.Encoder
}

func newJSONFormat(def *dictionary.Table) *jsonFormat {
	f := new(jsonFormat)
	f.encoder = json.NewEncoder(&f.text)
	f.encoder.SetEscapeHTML(false) // it is no HTML: values stay readable
	for _, field := range def.Fields {
		name, err := f.quoted(field.Name)
		if err != nil {
			panic(fmt.Sprintf("textfile: name of a field: %v", err)) // text does not fail
		}
		f.names = append(f.names, append(bytes.Clone(name), ':'))
	}
	return f
}

func (f *jsonFormat) begin(dst []byte) []byte { return append(dst, '[') }

func (f *jsonFormat) row(dst []byte, cols []column, row int, first bool) (_ []byte, err error) {
	if !first {
		dst = append(dst, ',')
	}
	dst = append(dst, '\n', '{')
	for i := range cols {
		c := &cols[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, f.names[i]...)
		switch {
		case c.null(row):
			dst = append(dst, "null"...)
		case c.field.Kind == dictionary.Boolean, c.field.Kind == dictionary.Integer:
			dst, err = c.append(dst, row)
		default:
			if f.scratch, err = c.append(f.scratch[:0], row); err != nil {
				return dst, err
			}
			var text []byte
			text, err = f.quoted(string(f.scratch))
			dst = append(dst, text...)
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (f *jsonFormat) end(dst []byte, rows int64) []byte {
	if rows > 0 {
		dst = append(dst, '\n')
	}
	return append(dst, ']')
}

// quoted returns text as a JSON string, valid until the next call.
func (f *jsonFormat) quoted(text string) ([]byte, error) {
	f.text.Reset()
	if err := f.encoder.Encode(text); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(f.text.Bytes(), []byte("\n")), nil
}
