package figures

import (
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// names gives texts codes, from 0 in the order in which they are first met.
type names struct {
	codes map[string]int32
	list  []string
	text  int64 // bytes of the texts
}

func newNames() *names { return &names{codes: map[string]int32{}} }

func (n *names) code(s string) int32 {
	if code, ok := n.codes[s]; ok {
		return code
	}
	s = strings.Clone(s) // s belongs to a batch
	code := int32(len(n.list))
	n.codes[s] = code
	n.list = append(n.list, s)
	n.text += int64(len(s))
	return code
}

// bytes estimates the memory of the texts, their headers and the map.
func (n *names) bytes() int64 { return n.text + 16*int64(cap(n.list)) + 48*int64(len(n.codes)) }

// null is the code of no text.
const null = -1

// coder turns columns of text into codes. Of a column by code it looks at each value of a dictionary once.
type coder struct {
	names *names
	dict  arrow.ArrayData // what remap is of
	remap []int32
	out   []int32
}

// codes returns the code of each row, null where there is no text. The slice is good until the next call.
func (c *coder) codes(col arrow.Array) ([]int32, error) {
	c.out = c.out[:0]
	switch col := col.(type) {
	case *array.Dictionary:
		values, ok := col.Dictionary().(*array.String)
		if !ok {
			return nil, fmt.Errorf("a dictionary of %s, expected text", col.Dictionary().DataType())
		}
		if data := col.Data().Dictionary(); data != c.dict {
			c.dict, c.remap = data, c.remap[:0]
			for i := range values.Len() {
				c.remap = append(c.remap, c.names.code(values.Value(i)))
			}
		}
		for i := range col.Len() {
			if col.IsNull(i) {
				c.out = append(c.out, null)
			} else {
				c.out = append(c.out, c.remap[col.GetValueIndex(i)])
			}
		}
	case *array.String:
		last, lastCode := "", int32(null)
		for i := range col.Len() {
			if col.IsNull(i) {
				c.out = append(c.out, null)
				continue
			}
			if v := col.Value(i); lastCode == null || v != last {
				last, lastCode = v, c.names.code(v)
			}
			c.out = append(c.out, lastCode)
		}
	default:
		return nil, fmt.Errorf("a column of %s, expected text", col.DataType())
	}
	return c.out, nil
}

// textAt returns the text of a row, false where there is none. It belongs to the column.
func textAt(col arrow.Array, row int) (string, bool) {
	if col.IsNull(row) {
		return "", false
	}
	switch col := col.(type) {
	case *array.Dictionary:
		if values, ok := col.Dictionary().(*array.String); ok {
			return values.Value(col.GetValueIndex(row)), true
		}
	case *array.String:
		return col.Value(row), true
	}
	return "", false
}
