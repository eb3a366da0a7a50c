package sqldb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/sources"
)

// copyBytes writes a binary COPY of rows of an int8, a timestamptz and a text, each of which may be null.
func copyBytes(rows [][3]any) []byte {
	p := append([]byte{}, copySignature...)
	p = binary.BigEndian.AppendUint32(p, 0)
	p = binary.BigEndian.AppendUint32(p, 0)
	for _, row := range rows {
		p = binary.BigEndian.AppendUint16(p, 3)
		for _, v := range row {
			switch v := v.(type) {
			case nil:
				p = binary.BigEndian.AppendUint32(p, math.MaxUint32)
			case int64:
				p = binary.BigEndian.AppendUint32(p, 8)
				p = binary.BigEndian.AppendUint64(p, uint64(v))
			case string:
				p = binary.BigEndian.AppendUint32(p, uint32(len(v)))
				p = append(p, v...)
			}
		}
	}
	return binary.BigEndian.AppendUint16(p, math.MaxUint16)
}

var copyColumns = []pgColumn{{"id", decodeInt8}, {"at", decodeTimestampTZ}, {"name", decodeText}}

// result is what a stream yielded, as text.
type result struct {
	lines    []string
	rejected []string
}

func newStream(mem memory.Allocator, maxRows int, into *result) *copyStream {
	r := newRows("test", maxRows, pgFields(copyColumns), mem, func(b sources.Batch) bool {
		for _, r := range b.Rejected {
			into.rejected = append(into.rejected, fmt.Sprint(r.Row, r.Column, r.Value))
		}
		if b.Record != nil {
			defer b.Record.Release()
			for i := range int(b.Record.NumRows()) {
				into.lines = append(into.lines, fmt.Sprint(b.Row(i), " ", b.Record.Column(0).ValueStr(i), " ", b.Record.Column(1).ValueStr(i), " ", b.Record.Column(2).ValueStr(i)))
			}
		}
		return true
	})
	return &copyStream{rows: r, columns: copyColumns}
}

// TestCopyStreamCuts checks that it does not matter where the stream is cut, nor where the batches are.
func TestCopyStreamCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		var rows [][3]any
		var want result
		for i := range rapid.IntRange(0, 50).Draw(t, "rows") {
			row := [3]any{int64(i), int64(i) * 1_000_000, strings.Repeat("é", rapid.IntRange(0, 5).Draw(t, "length"))}
			cell := func(c int) string { return fmt.Sprint(row[c]) }
			at := fmt.Sprintf("2000-01-01 00:00:%02dZ", i)
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				row[1] = int64(math.MaxInt64)
				rows = append(rows, row)
				want.rejected = append(want.rejected, fmt.Sprint(int64(i+1), "at", "infinity"))
				continue
			case 1:
				row[0], row[1], row[2] = nil, nil, nil
				at = "(null)"
				cell = func(int) string { return "(null)" }
			}
			rows = append(rows, row)
			want.lines = append(want.lines, fmt.Sprint(i+1, " ", cell(0), " ", at, " ", cell(2)))
		}
		var got result
		s := newStream(mem, rapid.IntRange(1, 60).Draw(t, "batch"), &got)
		for p := copyBytes(rows); len(p) > 0; {
			n := rapid.IntRange(1, min(len(p), 40)).Draw(t, "cut")
			if _, err := s.Write(p[:n]); err != nil {
				t.Fatal(err)
			}
			p = p[n:]
		}
		s.rows.flush()
		s.rows.release()
		if !s.done || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("done %v, got %v\nwant %v", s.done, got, want)
		}
		if mem.CurrentAlloc() != 0 {
			t.Fatalf("%d bytes are not released", mem.CurrentAlloc())
		}
	})
}

// BenchmarkCopyStream decodes without a server: rows of a number, a moment and a name of one of 400 users.
func BenchmarkCopyStream(b *testing.B) {
	rows := make([][3]any, 100_000)
	for i := range rows {
		rows[i] = [3]any{int64(i), int64(i) * 1_000_000, fmt.Sprintf("user-%d", i%400)}
		if i%4 == 0 {
			rows[i][2] = nil
		}
	}
	p := copyBytes(rows)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		r := newRows("test", defaultBatchRows, pgFields(copyColumns), memory.NewGoAllocator(), func(b sources.Batch) bool {
			b.Record.Release()
			return true
		})
		s := &copyStream{rows: r, columns: copyColumns}
		if _, err := s.Write(p); err != nil {
			b.Fatal(err)
		}
		r.flush()
		r.release()
		if r.row != int64(len(rows)+1) {
			b.Fatalf("%d rows", r.row-1)
		}
	}
}

func TestCopyStreamMalformed(t *testing.T) {
	good := copyBytes([][3]any{{int64(1), int64(2), "x"}})
	change := func(at int, to byte) []byte {
		p := append([]byte{}, good...)
		p[at] = to
		return p
	}
	for name, p := range map[string][]byte{
		"header":     change(0, 'Q'),
		"flags":      change(12, 1),
		"count":      change(20, 4),
		"size":       change(24, 7),
		"after end":  append(append([]byte{}, good...), 0, 3),
		"text count": change(20, 2),
	} {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		s := newStream(mem, 10, &result{})
		_, err := s.Write(p)
		s.rows.release()
		if !errors.Is(err, sources.ErrUnsupported) {
			t.Errorf("%s: got %v", name, err)
		}
		mem.AssertSize(t, 0)
	}
}

// FuzzCopyStream checks that no bytes panic or leak, whole or cut in two.
func FuzzCopyStream(f *testing.F) {
	f.Add(copyBytes([][3]any{{int64(1), int64(2), "x"}, {nil, int64(math.MinInt64), nil}}), 25)
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		cut = min(max(cut, 0), len(p))
		var whole, halves result
		s := newStream(mem, 10, &whole)
		_, wholeErr := s.Write(p)
		s.rows.flush()
		s.rows.release()
		s = newStream(mem, 10, &halves)
		_, err := s.Write(p[:cut])
		if err == nil {
			_, err = s.Write(p[cut:])
		}
		s.rows.flush()
		s.rows.release()
		if (err == nil) != (wholeErr == nil) || fmt.Sprint(whole) != fmt.Sprint(halves) {
			t.Fatalf("whole: %v, %v; cut at %d: %v, %v", whole, wholeErr, cut, halves, err)
		}
		mem.AssertSize(t, 0)
	})
}

// FuzzValues checks that no bytes of a value panic.
func FuzzValues(f *testing.F) {
	f.Add([]byte{0, 2, 0, 1, 0x40, 0, 0, 3, 0, 12, 0x0d, 0x80})
	f.Add([]byte{2, 32, 0, 4, 127, 0, 0, 1})
	f.Fuzz(func(t *testing.T, v []byte) {
		if s, ok := appendNumeric(nil, v); ok && len(s) == 0 {
			t.Fatal("an empty number")
		}
		if s, ok := appendInet(nil, v); ok && len(s) == 0 {
			t.Fatal("an empty address")
		}
	})
}
