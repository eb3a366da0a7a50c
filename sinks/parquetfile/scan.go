package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/parquet-go/parquet-go"

	"github.com/usagereport/usagereport/dictionary"
)

// Scan reads the named columns, or all without names, of a file of table t. See File.Scan.
func Scan(r io.ReaderAt, size int64, t *dictionary.Table, columns []string) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		f, err := Open(r, size, t)
		if err != nil {
			yield(nil, err)
			return
		}
		for rec, err := range f.Scan(memory.DefaultAllocator, columns...) {
			if !yield(rec, err) {
				return
			}
		}
	}
}

// Scan reads the named columns in the order given, or all without names, from the first row to the last, in records of
// at most some twenty thousand rows that do not cross row groups. Text is dictionary<int32, utf8> where the row group
// has it by code, all records of the row group with the same dictionary array, else utf8. Checksums of pages are
// verified. The receiver owns the records and releases them; memory comes from mem. It ends with the first error.
func (f *File) Scan(mem memory.Allocator, columns ...string) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		if err := f.scan(mem, columns, yield); err != nil && !errors.Is(err, errStopped) {
			yield(nil, fmt.Errorf("reading a file of table %s: %w", f.table.Name, err))
		}
	}
}

var errStopped = errors.New("the receiver wants no more")

func (f *File) scan(mem memory.Allocator, names []string, yield func(arrow.Record, error) bool) error {
	if len(names) == 0 {
		for _, field := range f.table.Fields {
			names = append(names, field.Name)
		}
	}
	columns := make([]int, len(names))
	for i, name := range names {
		if columns[i] = f.table.Index(name); columns[i] < 0 {
			return fmt.Errorf("it has no column %q", name)
		}
	}
	for g := range f.meta.RowGroups {
		if err := f.scanGroup(mem, g, columns, yield); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) scanGroup(mem memory.Allocator, g int, columns []int, yield func(arrow.Record, error) bool) (err error) {
	readers := make([]*columnReader, len(columns))
	defer func() {
		for _, r := range readers {
			if r != nil {
				err = errors.Join(err, r.close())
			}
		}
	}()
	chunks := f.file.RowGroups()[g].ColumnChunks()
	for i, c := range columns {
		readers[i] = &columnReader{mem: mem, field: f.table.Fields[c], pages: chunks[c].Pages()}
	}
	rows := f.meta.RowGroups[g].NumRows
	for first := int64(0); first < rows; first += pageRows {
		n := int(min(pageRows, rows-first))
		rec, err := readRecord(readers, n)
		if err != nil {
			return fmt.Errorf("row group %d: %w", g, err)
		}
		if !yield(rec, nil) {
			return errStopped
		}
	}
	return nil
}

func readRecord(readers []*columnReader, rows int) (rec arrow.Record, err error) {
	defer func() { // see open
		if p := recover(); p != nil {
			rec, err = nil, fmt.Errorf("a page is damaged: %v", p)
		}
	}()
	arrays := make([]arrow.Array, 0, len(readers))
	defer func() {
		for _, a := range arrays {
			a.Release()
		}
	}()
	fields := make([]arrow.Field, len(readers))
	for i, r := range readers {
		a, err := r.read(rows)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", r.field.Name, err)
		}
		arrays = append(arrays, a)
		fields[i] = arrow.Field{Name: r.field.Name, Type: a.DataType(), Nullable: !r.field.Required}
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), arrays, int64(rows)), nil
}

// columnReader reads the pages of one chunk.
type columnReader struct {
	mem   memory.Allocator
	field dictionary.Field
	pages parquet.Pages

	values arrow.Array // the dictionary of text by code, from the first page on
	valid  []bool
	codes  []int32
	ints   []int64
}

func (r *columnReader) close() error {
	if r.values != nil {
		r.values.Release()
	}
	return r.pages.Close()
}

// read returns the next rows, which are a page or the parts of one that the writer cut.
func (r *columnReader) read(rows int) (arrow.Array, error) {
	var b array.Builder
	defer func() {
		if b != nil {
			b.Release()
		}
	}()
	for got := 0; got < rows; {
		page, err := r.pages.ReadPage()
		if err != nil {
			return nil, fmt.Errorf("after %d of %d rows: %w", got, rows, err)
		}
		if b == nil {
			b = array.NewBuilder(r.mem, r.builderType(page))
			b.Reserve(rows)
		}
		got += int(page.NumRows())
		err = r.append(b, page)
		parquet.Release(page)
		if err != nil {
			return nil, err
		}
		if got > rows {
			return nil, fmt.Errorf("a page has %d rows too many", got-rows)
		}
	}
	a := b.NewArray()
	if r.values == nil {
		return a, nil
	}
	defer a.Release()
	return array.NewDictionaryArray(byCodeType, a, r.values), nil
}

var byCodeType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}

// builderType is the type of what is built from pages: the codes, where text comes by code.
func (r *columnReader) builderType(page parquet.Page) arrow.DataType {
	if r.field.Kind == dictionary.String && page.Dictionary() != nil {
		return arrow.PrimitiveTypes.Int32
	}
	return r.field.Kind.ArrowType()
}

func (r *columnReader) append(b array.Builder, page parquet.Page) error {
	n, present := int(page.NumRows()), int(page.NumValues()-page.NumNulls())
	r.valid = r.valid[:0]
	for _, level := range page.DefinitionLevels() {
		r.valid = append(r.valid, level > 0)
	}
	if len(r.valid) == 0 {
		for range n {
			r.valid = append(r.valid, true)
		}
	}
	dict := page.Dictionary()
	data := page.Data()
	switch b := b.(type) {
	case *array.StringBuilder:
		text, offsets := data.ByteArray()
		if present > 0 && len(offsets) != present+1 {
			return fmt.Errorf("a page of %d values has %d", present, len(offsets)-1)
		}
		at := 0
		for _, ok := range r.valid {
			if !ok {
				b.AppendNull()
				continue
			}
			b.BinaryBuilder.Append(text[offsets[at]:offsets[at+1]])
			at++
		}
		return nil
	case *array.BooleanBuilder:
		bits, at := data.Boolean(), 0
		if 8*len(bits) < present {
			return fmt.Errorf("a page of %d values has %d", present, 8*len(bits))
		}
		for _, ok := range r.valid {
			if !ok {
				b.AppendNull()
				continue
			}
			b.Append(bits[at/8]>>(at%8)&1 == 1)
			at++
		}
		return nil
	case *array.Int32Builder: // codes
		if r.values == nil {
			r.values = textOfDictionary(r.mem, dict)
		}
		var err error
		r.codes, err = spread(r.codes, data.Int32(), r.valid, r.values.Len())
		b.AppendValues(r.codes, r.valid)
		return err
	default:
		return r.appendIntegers(b, page)
	}
}

func (r *columnReader) appendIntegers(b array.Builder, page parquet.Page) error {
	data := page.Data()
	var err error
	switch dict := page.Dictionary(); {
	case dict != nil:
		values := dict.Page().Data()
		r.codes, err = spread(r.codes, data.Int32(), r.valid, dict.Len())
		if err != nil {
			return err
		}
		r.ints = r.ints[:0]
		for i, code := range r.codes {
			switch {
			case !r.valid[i]:
				r.ints = append(r.ints, 0)
			case r.field.Kind == dictionary.Date:
				r.ints = append(r.ints, int64(values.Int32()[code]))
			default:
				r.ints = append(r.ints, values.Int64()[code])
			}
		}
	case r.field.Kind == dictionary.Date:
		r.ints, err = spread(r.ints, data.Int32(), r.valid, -1)
	default:
		r.ints, err = spread(r.ints, data.Int64(), r.valid, -1)
	}
	if err != nil {
		return err
	}
	for i, v := range r.ints {
		switch b := b.(type) {
		case *array.Date32Builder:
			appendOr(b, r.valid[i], arrow.Date32(v))
		case *array.TimestampBuilder:
			appendOr(b, r.valid[i], arrow.Timestamp(v))
		case *array.Int64Builder:
			appendOr(b, r.valid[i], v)
		}
	}
	return nil
}

func appendOr[T any](b interface {
	Append(T)
	AppendNull()
}, valid bool, v T) {
	if valid {
		b.Append(v)
	} else {
		b.AppendNull()
	}
}

// spread puts values where rows are valid and zero elsewhere. With a limit, values must be below it.
func spread[D, S int32 | int64](dst []D, values []S, valid []bool, limit int) ([]D, error) {
	dst = dst[:0]
	at := 0
	for _, ok := range valid {
		if !ok {
			dst = append(dst, 0)
			continue
		}
		if at >= len(values) {
			return nil, fmt.Errorf("a page has %d values, fewer than its levels say", len(values))
		}
		v := values[at]
		if limit >= 0 && (v < 0 || int64(v) >= int64(limit)) {
			return nil, fmt.Errorf("code %d in a dictionary of %d values", v, limit)
		}
		dst = append(dst, D(v))
		at++
	}
	return dst, nil
}

func textOfDictionary(mem memory.Allocator, dict parquet.Dictionary) arrow.Array {
	b := array.NewStringBuilder(mem)
	defer b.Release()
	data := dict.Page().Data()
	text, offsets := data.ByteArray()
	b.Reserve(dict.Len())
	b.ReserveData(len(text))
	for i := range dict.Len() {
		b.BinaryBuilder.Append(text[offsets[i]:offsets[i+1]])
	}
	return b.NewArray()
}
