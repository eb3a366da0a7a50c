package parquetsrc

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/parquet-go/parquet-go"
)

// queueLimit bounds the bytes of decoded pages that one column holds ready for a batch.
const queueLimit = 64 << 20

// column reads one column, row group after row group, and hands over runs of rows as Arrow arrays.
type column struct {
	field   field
	alloc   memory.Allocator
	pages   parquet.Pages // of the chunk being read
	queue   []*page       // read and not yet taken, in order
	rest    int           // rows of the chunk that are not in queue
	dict    *dictionary   // of the chunk being read
	scratch []byte        // definition levels of a batch
}

// dictionary holds the values of a chunk's dictionary page.
type dictionary struct {
	source parquet.Dictionary
	values values
	array  *array.String // the same values in Arrow, for columns that come out as codes
}

// start begins a chunk of so many rows.
func (c *column) start(pages parquet.Pages, rows int) {
	c.pages, c.rest = pages, rows
}

// finish ends the chunk, read or not.
func (c *column) finish() error {
	for _, p := range c.queue {
		parquet.Release(p.source)
	}
	c.queue, c.rest = c.queue[:0], 0
	if c.dict != nil && c.dict.array != nil {
		c.dict.array.Release()
	}
	c.dict = nil
	if c.pages == nil {
		return nil
	}
	pages := c.pages
	c.pages = nil
	return pages.Close()
}

// ready makes sure that rows are queued and returns how many, up to n, can be taken as one array: either all of
// them are codes of the dictionary or none is. A chunk whose writer gave up its dictionary in the middle is cut there.
func (c *column) ready(n int) (int, error) {
	have, size := 0, int64(0)
	for i := 0; have < n; i++ {
		if i == len(c.queue) {
			if size > queueLimit || c.rest == 0 {
				break
			}
			if err := c.readPage(); err != nil {
				return 0, err
			}
		}
		p := c.queue[i]
		if i > 0 && (p.asCodes() != c.queue[0].asCodes() || size+p.size() > 2*queueLimit) {
			break
		}
		have, size = have+p.left(), size+p.size()
	}
	return min(have, n), nil
}

// readPage queues the next page that has rows.
func (c *column) readPage() error {
	for {
		src, err := c.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the pages end %d rows before the row group does", c.rest)
		}
		if err != nil {
			return err
		}
		p, err := c.newPage(src)
		if err == nil && p.rows > c.rest {
			err = fmt.Errorf("the pages hold %d rows more than the row group", p.rows-c.rest)
		}
		if err != nil || p.rows == 0 {
			parquet.Release(src)
			if err != nil {
				return err
			}
			continue
		}
		c.rest -= p.rows
		c.queue = append(c.queue, p)
		return nil
	}
}

// dictionaryOf returns the chunk's dictionary, converted at its first use.
func (c *column) dictionaryOf(src parquet.Dictionary) (*dictionary, error) {
	if c.dict != nil {
		if c.dict.source != src {
			return nil, errors.New("a second dictionary in one column chunk")
		}
		return c.dict, nil
	}
	data := src.Page().Data()
	v, err := c.convert(&data, src.Len())
	if err != nil {
		return nil, fmt.Errorf("dictionary: %w", err)
	}
	d := &dictionary{source: src, values: v}
	if c.field.typ.ID() == arrow.STRING {
		d.array = c.stringArray(v)
	}
	c.dict = d
	return d, nil
}

// stringArray copies values into an Arrow array without nulls.
func (c *column) stringArray(v values) *array.String {
	b := newBuffers(c.alloc, v.n, false)
	defer b.release()
	b.offsets(v.n)
	base := v.offsets[0]
	for i, o := range v.offsets[:v.n+1] {
		b.i32[i] = int32(o - base)
	}
	b.bytes(int(v.offsets[v.n] - base))
	copy(b.raw, v.data[base:v.offsets[v.n]])
	data := array.NewData(arrow.BinaryTypes.String, v.n, b.list(), nil, 0, 0)
	defer data.Release()
	return array.NewStringData(data)
}

// part is a run of rows within one page.
type part struct {
	page        *page
	rows        int
	defs        []byte // nil when none of the rows is null
	first, last int    // the values, as positions among the page's
}

// take returns the next n rows, of which ready has said that they can be had.
func (c *column) take(n int) (arrow.Array, error) {
	parts, nulls := c.cut(n)
	b := newBuffers(c.alloc, n, nulls > 0)
	defer b.release()
	if nulls > 0 {
		c.levels(parts, n)
		packBits(b.valid, c.scratch)
	}
	typ := c.field.typ
	var dict *array.Data
	switch {
	case parts[0].page.asCodes():
		typ, dict = dictType, c.dict.array.Data().(*array.Data)
		b.fixed(4 * n)
		fillCodes(castSlice[uint32](b.raw, n), parts)
	case c.field.shape == shapeBits:
		b.fixed((n + 7) / 8)
		fillBits(b.raw, parts)
	case c.field.shape == shape32:
		b.fixed(4 * n)
		fill(castSlice[uint32](b.raw, n), parts, func(v *values) []uint32 { return v.v32 })
	case c.field.shape == shape64:
		b.fixed(8 * n)
		fill(castSlice[uint64](b.raw, n), parts, func(v *values) []uint64 { return v.v64 })
	default:
		b.offsets(n)
		size, err := fillOffsets(b.i32, parts)
		if err != nil {
			return nil, err
		}
		b.bytes(size)
		fillBytes(b.raw, b.i32, parts)
	}
	data := array.NewDataWithDictionary(typ, n, b.list(), nulls, 0, dict)
	defer data.Release()
	c.drop()
	return array.MakeFromData(data), nil
}

// cut marks the next n rows as taken and returns them by page, with the number of nulls among them.
func (c *column) cut(n int) (parts []part, nulls int) {
	for _, p := range c.queue {
		k := min(n, p.left())
		t := part{page: p, rows: k, first: p.value, last: p.value + k}
		if p.defs != nil {
			t.defs = p.defs[p.row : p.row+k]
			present := 0
			for _, d := range t.defs {
				present += int(d)
			}
			t.last = p.value + present
			nulls += k - present
			if present == k {
				t.defs = nil
			}
		}
		p.row, p.value = p.row+k, t.last
		parts = append(parts, t)
		if n -= k; n == 0 {
			break
		}
	}
	return parts, nulls
}

// levels gathers the definition levels of a batch in c.scratch.
func (c *column) levels(parts []part, n int) {
	if cap(c.scratch) < n+8 {
		c.scratch = make([]byte, n+8)
	}
	at := 0
	c.scratch = c.scratch[:n]
	for _, t := range parts {
		to := c.scratch[at : at+t.rows]
		if t.defs != nil {
			copy(to, t.defs)
		} else {
			for i := range to {
				to[i] = 1
			}
		}
		at += t.rows
	}
}

// drop releases the pages of which all rows were taken.
func (c *column) drop() {
	i := 0
	for i < len(c.queue) && c.queue[i].left() == 0 {
		parquet.Release(c.queue[i].source)
		i++
	}
	c.queue = c.queue[:copy(c.queue, c.queue[i:])]
}
