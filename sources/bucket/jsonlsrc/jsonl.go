// Package jsonlsrc reads JSON Lines as Arrow batches of utf8 columns. It does not interpret values.
package jsonlsrc

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/bucket/textrows"
)

// sampleLines is how many objects Columns looks at.
const sampleLines = 1000

// Options say what to read.
type Options struct {
	Allocator memory.Allocator // of the batches' memory
	BatchRows int              // most rows of a batch
	Columns   []string         // the columns wanted, in this order; there must be one
}

// Columns returns the keys of the first 1000 objects of a text, in the order in which they first appear.
// Lines that are no JSON objects are passed over.
func Columns(r io.Reader, name string) ([]string, error) {
	lines := textrows.NewLines(r)
	var names []string
	seen := map[string]bool{}
	for range sampleLines {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, textrows.ErrTooLong) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: after line %d: %w", name, lines.Number(), err)
		}
		if blank(line) {
			continue
		}
		found, err := keys(line)
		if err != nil {
			continue // Read rejects it with its reason
		}
		for _, k := range found {
			if !seen[k] {
				seen[k] = true
				names = append(names, k)
			}
		}
	}
	return names, nil
}

// Read returns one row per line that holds a JSON object. All columns are utf8: a string is its text, a number, true
// and false are as written, null and a missing key are null. So every wanted column is in every batch. Unknown keys are
// ignored, blank lines passed over, and bytes that are not UTF-8 passed on as they are.
//
// A line is rejected, and reading goes on, when it is not one valid JSON object, or when a wanted key holds an object
// or array, stands there twice, or holds half of a surrogate pair. The sequence ends at the first error; the receiver
// releases the batches. Errors of r are passed on with the line reached.
func Read(r io.Reader, name string, o Options) iter.Seq2[sources.Batch, error] {
	return func(yield func(sources.Batch, error) bool) {
		lines := textrows.NewLines(r)
		obj := newObject(o.Columns)
		b := textrows.New(o.Allocator, name, o.Columns, o.BatchRows)
		defer b.Release()
		var scratch []byte
		for {
			line, err := lines.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			switch {
			case errors.Is(err, textrows.ErrTooLong):
				b.Reject(lines.Number(), "", line, "expected one JSON object per line, but the line is "+err.Error())
			case err != nil:
				yield(sources.Batch{}, fmt.Errorf("%s: after line %d: %w", name, lines.Number(), err))
				return
			case blank(line):
				continue
			default:
				f := obj.parse(line)
				if f == nil {
					scratch, f = obj.add(b, line, lines.Number(), scratch)
				}
				if f != nil {
					b.Reject(lines.Number(), f.column, f.value, f.reason)
				}
			}
			if b.Full() && !yield(b.Batch(), nil) {
				return
			}
		}
		if !b.Empty() {
			yield(b.Batch(), nil)
		}
	}
}

func blank(line []byte) bool {
	return skipSpace(line, 0) == len(line)
}

// add appends the values that parse found. Scratch holds texts without their escapes.
func (o *object) add(b *textrows.Builder, line []byte, number int64, scratch []byte) ([]byte, *fault) {
	// Escapes are resolved first: they may still reject the line.
	scratch = scratch[:0]
	for i := range o.slots {
		s := &o.slots[i]
		if s.row != o.row || s.kind != coded {
			continue
		}
		from := len(scratch)
		var err error
		if scratch, err = unescape(scratch, line[s.start:s.end]); err != nil {
			return scratch, &fault{o.names[i], line[s.start:s.end], "expected valid text, but " + err.Error()}
		}
		s.start, s.end = from, len(scratch)
	}
	for i := range o.slots {
		switch s := &o.slots[i]; {
		case s.row != o.row || s.kind == null:
			b.AppendNull(i)
		case s.kind == coded:
			b.Append(i, scratch[s.start:s.end])
		default:
			b.Append(i, line[s.start:s.end])
		}
	}
	b.EndRow(number, len(line))
	return scratch, nil
}
