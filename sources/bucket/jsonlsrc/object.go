package jsonlsrc

import (
	"bytes"
	"fmt"
)

// object finds the wanted members of the object on a line.
type object struct {
	columns map[string]int
	names   []string
	slots   []slot
	row     uint64   // of the current line
	guess   []member // keys in the order of the line before: most lines have the same
	plain   []byte   // a key without escapes
}

// slot is the value of a wanted member.
type slot struct {
	row        uint64 // the line it was found on
	kind       kind
	start, end int
}

// member is a key as it stood on a line, and the column it is, -1 when it is not wanted.
type member struct {
	key    []byte
	column int
}

func newObject(names []string) *object {
	o := &object{columns: make(map[string]int, len(names)), names: names, slots: make([]slot, len(names))}
	for i, name := range names {
		o.columns[name] = i
	}
	return o
}

// fault is why a line cannot be used.
type fault struct {
	column string // empty when the whole line is at fault
	value  []byte
	reason string
}

// parse checks a line and fills the slots, whose positions refer to it.
func (o *object) parse(b []byte) *fault {
	o.row++
	bad := func(err error) *fault {
		return &fault{value: b, reason: "expected one JSON object per line: " + err.Error()}
	}
	i := skipSpace(b, 0)
	if b[i] != '{' {
		return bad(unexpected(b, i, "{"))
	}
	var found *fault // of a column; a line that is broken altogether matters more
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return o.end(b, i+1, nil)
	}
	for n := 0; ; n++ {
		if i >= len(b) {
			return bad(errEnds)
		}
		if b[i] != '"' {
			return bad(unexpected(b, i, "a key in quotes"))
		}
		end, escaped, err := stringEnd(b, i+1)
		if err != nil {
			return bad(err)
		}
		column := o.column(b[i+1:end], n, escaped)
		i = skipSpace(b, end+1)
		if i >= len(b) {
			return bad(errEnds)
		}
		if b[i] != ':' {
			return bad(unexpected(b, i, "a colon"))
		}
		k, start, stop, next, err := value(b, skipSpace(b, i+1))
		if err != nil {
			return bad(err)
		}
		if column >= 0 {
			s := &o.slots[column]
			switch {
			case s.row == o.row:
				found = &fault{o.names[column], b[start:stop], "expected one value, but the key stands in the object twice"}
			case k == nested:
				found = &fault{o.names[column], b[start:stop], "expected a text, number, true, false or null, found an object or array"}
			}
			*s = slot{o.row, k, start, stop}
		}
		i = skipSpace(b, next)
		switch {
		case i >= len(b):
			return bad(errEnds)
		case b[i] == '}':
			return o.end(b, i+1, found)
		case b[i] != ',':
			return bad(unexpected(b, i, "a comma or '}'"))
		}
		i = skipSpace(b, i+1)
	}
}

// end checks that nothing follows the object.
func (o *object) end(b []byte, i int, found *fault) *fault {
	if i = skipSpace(b, i); i < len(b) {
		return &fault{value: b, reason: "expected one JSON object per line: " + unexpected(b, i, "the end of the line").Error()}
	}
	return found
}

// column returns which wanted column the n-th key of the object is, or -1.
func (o *object) column(key []byte, n int, escaped bool) int {
	if n < len(o.guess) && bytes.Equal(o.guess[n].key, key) {
		return o.guess[n].column
	}
	name := key
	if escaped {
		var err error
		if o.plain, err = unescape(o.plain[:0], key); err != nil {
			return -1 // no column has such a name
		}
		name = o.plain
	}
	column, ok := o.columns[string(name)]
	if !ok {
		column = -1
	}
	switch {
	case n < len(o.guess):
		o.guess[n] = member{append(o.guess[n].key[:0], key...), column}
	case n == len(o.guess) && n < 1000:
		o.guess = append(o.guess, member{bytes.Clone(key), column})
	}
	return column
}

// keys lists all keys of an object in their order, for objects whose columns are not known.
func keys(b []byte) ([]string, error) {
	var names []string
	i := skipSpace(b, 0)
	if b[i] != '{' {
		return nil, unexpected(b, i, "{")
	}
	if _, err := nestedEnd(b, i); err != nil {
		return nil, err
	}
	i = skipSpace(b, i+1)
	for b[i] == '"' {
		end, _, err := stringEnd(b, i+1)
		if err != nil {
			return nil, err
		}
		name, err := unescape(nil, b[i+1:end])
		if err != nil {
			return nil, fmt.Errorf("a key: %w", err)
		}
		names = append(names, string(name))
		i = skipSpace(b, end+1)
		_, _, _, next, err := value(b, skipSpace(b, i+1))
		if err != nil {
			return nil, err
		}
		if i = skipSpace(b, next); b[i] == '}' {
			break
		}
		i = skipSpace(b, i+1)
	}
	return names, nil
}
