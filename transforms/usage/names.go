package usage

import (
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/transforms/current"
)

var codeType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}

// dictionaryOf returns values as an Arrow array, to be the dictionary of columns coded against them.
func dictionaryOf(mem memory.Allocator, values []string) *array.String {
	b := array.NewStringBuilder(mem)
	defer b.Release()
	b.AppendValues(values, nil)
	return b.NewStringArray()
}

// coded returns codes (0 is null, i+1 is value i) as a dictionary column over dict.
func coded(codes []uint32, dict arrow.Array) arrow.Array {
	index := make([]int32, len(codes))
	var valid []byte
	nulls := 0
	for i, c := range codes {
		if c > 0 {
			index[i] = int32(c - 1)
			continue
		}
		if valid == nil {
			valid = slices.Repeat([]byte{0xff}, (len(codes)+7)/8)
		}
		valid[i/8] &^= 1 << (i % 8)
		nulls++
	}
	return dictionaryColumn(index, valid, nulls, dict)
}

func dictionaryColumn(index []int32, valid []byte, nulls int, dict arrow.Array) arrow.Array {
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(index))}
	if valid != nil {
		buffers[0] = memory.NewBufferBytes(valid)
	}
	data := array.NewDataWithDictionary(codeType, len(index), buffers, nulls, 0, dict.Data().(*array.Data))
	defer data.Release()
	return array.NewDictionaryData(data)
}

// lookup finds the rows of a table that belong to codes of a merged dictionary, within one workspace at a time.
type lookup struct {
	table *current.Table
	code  func(value string) uint32
	id    string   // the field that is coded
	row   []int32  // per code: the row within the workspace, plus one; 0 is none
	set   []uint32 // codes whose row is set
	from  int      // first row of the workspace
	to    int
}

func newLookup(t *current.Table, id string, codes int, code func(string) uint32) *lookup {
	return &lookup{table: t, code: code, id: id, row: make([]int32, codes+1)}
}

// enter turns the lookup to a workspace.
func (l *lookup) enter(workspace string) {
	for _, c := range l.set {
		l.row[c] = 0
	}
	l.set = l.set[:0]
	l.from, l.to = l.table.Range(workspace)
	ids := l.table.Column(l.id).(*array.String)
	for i := l.from; i < l.to; i++ {
		if c := l.code(ids.Value(i)); c > 0 {
			l.row[c] = int32(i-l.from) + 1
			l.set = append(l.set, c)
		}
	}
}

// column returns, for each code, the named field of its row: a dictionary column over that field's values in the
// workspace, null where there is no row or no value.
func (l *lookup) column(field string, codes []uint32) arrow.Array {
	values := l.table.Column(field)
	dict := array.NewSlice(values, int64(l.from), int64(l.to))
	defer dict.Release()
	out := make([]uint32, len(codes))
	for i, c := range codes {
		if r := l.row[c]; r > 0 && values.IsValid(l.from+int(r)-1) {
			out[i] = uint32(r)
		}
	}
	return coded(out, dict)
}

// missing returns how many of the codes, null aside, have no row.
func (l *lookup) missing(codes []uint32) (n int64) {
	for _, c := range codes {
		if c > 0 && l.row[c] == 0 {
			n++
		}
	}
	return n
}
