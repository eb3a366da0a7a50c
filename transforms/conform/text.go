package conform

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

const (
	notText   = "not UTF-8 text"
	emptyText = "empty in a column that is never null"
)

// strings converts a column to utf8, or checks a dictionary<int32, utf8>.
func (p *pass) strings(col *column, in arrow.Array) arrow.Array {
	switch in := in.(type) {
	case *array.Dictionary:
		return p.codedStrings(col, in)
	case *array.String, *array.Binary:
		return p.plainStrings(col, in)
	}
	return p.printed(col, in)
}

// plainStrings checks text; it is shared with the source unless a mapping changes a value.
func (p *pass) plainStrings(col *column, in arrow.Array) arrow.Array {
	t := textsOf(in)
	for _, row := range t.invalid() {
		p.reject(col, in, row, notText)
	}
	if t.maps(col.mapping) {
		b := array.NewStringBuilder(p.c.mem)
		defer b.Release()
		b.Reserve(p.rows)
		for row := range p.rows {
			if in.IsNull(row) {
				b.AppendNull()
				continue
			}
			v := t.at(row)
			if to, ok := col.mapping[string(v)]; ok {
				b.Append(to)
			} else {
				b.BinaryBuilder.Append(v)
			}
		}
		out := b.NewStringArray()
		t = textsOf(out)
		p.rejectEmpty(col, in, t)
		return out
	}
	p.rejectEmpty(col, in, t)
	if in.DataType().ID() == arrow.STRING {
		in.Retain()
		return in
	}
	return retyped(in, arrow.BinaryTypes.String)
}

// rejectEmpty notes the rows whose text is empty where it must not be. Null ones have been noted.
func (p *pass) rejectEmpty(col *column, in arrow.Array, t texts) {
	if !col.field.Required {
		return
	}
	for row := range p.rows {
		if t.offsets[row] == t.offsets[row+1] && !in.IsNull(row) {
			p.reject(col, in, row, emptyText)
		}
	}
}

// codedStrings checks and maps the values of a dictionary, and looks at rows only where a value may not be used.
func (p *pass) codedStrings(col *column, in *array.Dictionary) arrow.Array {
	values := in.Dictionary().(*array.String)
	t := textsOf(values)
	faults := make(map[int32]string) // by code
	for _, i := range t.invalid() {
		faults[int32(i)] = notText
	}
	rebuild := len(faults) > 0 || t.maps(col.mapping)
	if col.field.Required {
		for i := range values.Len() {
			v := t.at(i)
			to, ok := col.mapping[string(v)]
			if len(v) == 0 && !ok || ok && to == "" {
				faults[int32(i)] = emptyText
			}
		}
	}
	if len(faults) > 0 {
		for row, code := range codesOf(in) {
			if reason, ok := faults[code]; ok && !in.IsNull(row) {
				p.reject(col, in, row, reason)
			}
		}
	}
	if !rebuild {
		in.Retain()
		return in
	}
	b := array.NewStringBuilder(p.c.mem)
	defer b.Release()
	b.Reserve(values.Len())
	for i := range values.Len() {
		v := t.at(i)
		if to, ok := col.mapping[string(v)]; ok {
			b.Append(to)
		} else if faults[int32(i)] == notText {
			b.Append("") // no row uses it any more, and a sink may write the dictionary as it is
		} else {
			b.BinaryBuilder.Append(v)
		}
	}
	dict := b.NewStringArray()
	defer dict.Release()
	return array.NewDictionaryArray(codedText, in.Indices(), dict)
}

// printed writes integers and booleans as text.
func (p *pass) printed(col *column, in arrow.Array) arrow.Array {
	b := array.NewStringBuilder(p.c.mem)
	defer b.Release()
	b.Reserve(p.rows)
	var text []byte
	write := func(row int) {
		if to, ok := col.mapping[string(text)]; ok {
			if to == "" && col.field.Required {
				p.reject(col, in, row, emptyText)
			}
			b.Append(to)
			return
		}
		b.BinaryBuilder.Append(text)
	}
	for row := range p.rows {
		if in.IsNull(row) {
			b.AppendNull()
			continue
		}
		switch in := in.(type) {
		case *array.Boolean:
			text = strconv.AppendBool(text[:0], in.Value(row))
		case *array.Uint64:
			text = strconv.AppendUint(text[:0], in.Value(row), 10)
		default:
			text = strconv.AppendInt(text[:0], integerAt(in, row), 10)
		}
		write(row)
	}
	return b.NewStringArray()
}

// decoded writes out a dictionary that has nulls among its values, so that null is null in one way only.
func (p *pass) decoded(in *array.Dictionary) arrow.Array {
	values := in.Dictionary().(*array.String)
	b := array.NewStringBuilder(p.c.mem)
	defer b.Release()
	for row, code := range codesOf(in) {
		if in.IsNull(row) || values.IsNull(int(code)) {
			b.AppendNull()
		} else {
			b.Append(values.Value(int(code)))
		}
	}
	return b.NewStringArray()
}

// codesOf returns the codes of a dictionary<int32, utf8>; those of null rows mean nothing.
func codesOf(in *array.Dictionary) []int32 {
	return in.Indices().(*array.Int32).Int32Values()
}

// texts are the values of a utf8 or binary array.
type texts struct {
	in      arrow.Array
	offsets []int32 // one more than there are values; the first is where bytes starts
	bytes   []byte
}

func textsOf(a arrow.Array) texts {
	t := texts{in: a, offsets: []int32{0}}
	if a.Len() == 0 {
		return t
	}
	switch a := a.(type) {
	case *array.String:
		t.offsets, t.bytes = a.ValueOffsets(), a.ValueBytes()
	case *array.Binary:
		t.offsets, t.bytes = a.ValueOffsets(), a.ValueBytes()
	}
	return t
}

// at returns a value; it is the array's memory.
func (t texts) at(i int) []byte {
	first := t.offsets[0]
	return t.bytes[t.offsets[i]-first : t.offsets[i+1]-first]
}

// maps reports whether the mapping has any of the values.
func (t texts) maps(mapping map[string]string) bool {
	if len(mapping) == 0 {
		return false
	}
	for i := range t.in.Len() {
		if _, ok := mapping[string(t.at(i))]; ok && !t.in.IsNull(i) {
			return true
		}
	}
	return false
}

// invalid returns the values, other than null, that are not UTF-8. It looks at all bytes at once: they are, if
// together they are and no value starts within a character.
func (t texts) invalid() []int {
	if isASCII(t.bytes) {
		return nil
	}
	first := t.offsets[0]
	whole := utf8.Valid(t.bytes)
	if whole {
		for _, o := range t.offsets {
			if at := int(o - first); at < len(t.bytes) && !utf8.RuneStart(t.bytes[at]) {
				whole = false
				break
			}
		}
	}
	if whole {
		return nil
	}
	var rows []int
	for i := range t.in.Len() {
		if !t.in.IsNull(i) && !utf8.Valid(t.at(i)) {
			rows = append(rows, i)
		}
	}
	return rows
}

func isASCII(b []byte) bool {
	const high = 0x8080808080808080
	for len(b) >= 32 {
		w := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
		if w&high != 0 {
			return false
		}
		b = b[32:]
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
