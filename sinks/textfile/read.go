package textfile

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
)

// ErrFormat says that a file is not one that a Writer writes.
var ErrFormat = errors.New("not a file of this table")

// cell is a value as text.
type cell struct {
	text string
	null bool
}

// csvRows yields the cells of a CSV file; the slice is valid until the next. CSV does not tell null from empty text to
// the standard library's reader, so no cell is null.
func csvRows(r io.Reader, def *dictionary.Table) iter.Seq2[[]cell, error] {
	return func(yield func([]cell, error) bool) {
		in := csv.NewReader(r)
		in.FieldsPerRecord, in.ReuseRecord = len(def.Fields), true
		cells := make([]cell, len(def.Fields))
		for row := int64(0); ; row++ {
			line, err := in.Read()
			if err == io.EOF && row > 0 {
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("textfile: %s as CSV: %w: row %d: %w", def.Name, ErrFormat, row, err))
				return
			}
			for i, text := range line {
				cells[i].text = text
				if name := def.Fields[i].Name; row == 0 && text != name {
					yield(nil, fmt.Errorf("textfile: %s as CSV: %w: column %d is called %q, expected %q", def.Name, ErrFormat, i+1, text, name))
					return
				}
			}
			if row > 0 && !yield(cells, nil) {
				return
			}
		}
	}
}

// jsonRows yields the cells of a JSON file; the slice is valid until the next.
func jsonRows(r io.Reader, def *dictionary.Table) iter.Seq2[[]cell, error] {
	return func(yield func([]cell, error) bool) {
		in := json.NewDecoder(r)
		in.UseNumber()
		cells := make([]cell, len(def.Fields))
		row := int64(0)
		err := expect(in, json.Delim('['))
		for ; err == nil && in.More(); row++ {
			if err = jsonRow(in, def, cells); err == nil && !yield(cells, nil) {
				return
			}
		}
		if err == nil {
			row = 0 // of none
			err = expect(in, json.Delim(']'))
		}
		if err == nil {
			if _, err = in.Token(); errors.Is(err, io.EOF) {
				return
			}
			err = errors.New("something follows the array")
		}
		yield(nil, fmt.Errorf("textfile: %s as JSON: %w: row %d: %w", def.Name, ErrFormat, row, err))
	}
}

func expect(in *json.Decoder, want json.Token) error {
	switch got, err := in.Token(); {
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	case got != want:
		return fmt.Errorf("found %v, expected %v", got, want)
	}
	return nil
}

// jsonRow reads one object into cells.
func jsonRow(in *json.Decoder, def *dictionary.Table, cells []cell) error {
	if err := expect(in, json.Delim('{')); err != nil {
		return err
	}
	for i, f := range def.Fields {
		if err := expect(in, f.Name); err != nil {
			return err
		}
		value, err := in.Token()
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		kind := f.Kind
		switch v := value.(type) {
		case nil:
			cells[i] = cell{null: true}
			continue
		case string:
			cells[i] = cell{text: v}
			if kind != dictionary.Boolean && kind != dictionary.Integer {
				continue
			}
		case json.Number:
			cells[i] = cell{text: v.String()}
			if kind == dictionary.Integer {
				continue
			}
		case bool:
			cells[i] = cell{text: strconv.FormatBool(v)}
			if kind == dictionary.Boolean {
				continue
			}
		}
		return fmt.Errorf("%s is %v, expected a value of type %s", f.Name, value, kind)
	}
	return expect(in, json.Delim('}'))
}

// batchRows is how many rows a record that is read has at most.
const batchRows = 4096

// ReadJSON yields the rows of a JSON file that a Writer wrote, as records of the table. The consumer releases each. An
// error of what the file holds is ErrFormat.
func ReadJSON(r io.Reader, def *dictionary.Table, mem memory.Allocator) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		b := array.NewRecordBuilder(mem, def.Schema())
		defer b.Release()
		n := 0
		row := int64(0)
		for cells, err := range jsonRows(r, def) {
			row++
			for i := 0; err == nil && i < len(cells); i++ {
				if err = parse(b.Field(i), cells[i]); err != nil {
					err = fmt.Errorf("textfile: %s as JSON: %w: row %d: %s: %w", def.Name, ErrFormat, row, def.Fields[i].Name, err)
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if n++; n == batchRows {
				n = 0
				if !yield(b.NewRecord(), nil) {
					return
				}
			}
		}
		if n > 0 {
			yield(b.NewRecord(), nil)
		}
	}
}

// parse appends a value.
func parse(b array.Builder, c cell) error {
	if c.null {
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(c.text)
	case *array.BooleanBuilder:
		b.Append(c.text == "true")
	case *array.Int64Builder:
		v, err := strconv.ParseInt(c.text, 10, 64)
		if err != nil {
			return err
		}
		b.Append(v)
	case *array.Date32Builder:
		v, err := time.Parse(time.DateOnly, c.text)
		if err != nil {
			return err
		}
		b.Append(arrow.Date32FromTime(v))
	case *array.TimestampBuilder:
		v, err := time.Parse(instantLayout, c.text)
		if err != nil {
			return err
		}
		if v.Format(instantLayout) != c.text {
			return fmt.Errorf("%q, expected an instant as %s", c.text, v.Format(instantLayout))
		}
		b.Append(arrow.Timestamp(v.UnixMicro()))
	}
	return nil
}

// asCSV returns text as the standard library's reader gives it back: it takes CR LF within a cell for a line feed.
func asCSV(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }
