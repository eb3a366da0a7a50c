package textrows

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"
)

// Whatever is appended comes out, however it is cut into batches.
func TestBuilder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer func() {
			if n := alloc.CurrentAlloc(); n != 0 {
				t.Errorf("%d bytes are not released", n)
			}
		}()
		b := New(alloc, "f", []string{"a", "b"}, rapid.IntRange(1, 20).Draw(t, "rows of a batch"))
		defer b.Release()
		var want, got []string
		var wantRows, gotRows []int64
		take := func() {
			batch := b.Batch()
			if batch.Record == nil {
				return
			}
			for i := range int(batch.Record.NumRows()) {
				gotRows = append(gotRows, batch.Row(i))
				for _, col := range batch.Record.Columns() {
					if col.IsNull(i) {
						got = append(got, "∅")
					} else {
						got = append(got, col.(*array.String).Value(i))
					}
				}
			}
			batch.Record.Release()
		}
		number := int64(0)
		for range rapid.IntRange(0, 100).Draw(t, "rows") {
			number += rapid.Int64Range(1, 2).Draw(t, "step")
			wantRows = append(wantRows, number)
			for c := range 2 {
				if rapid.Bool().Draw(t, "null") {
					b.AppendNull(c)
					want = append(want, "∅")
					continue
				}
				text := rapid.String().Draw(t, "value")
				b.Append(c, []byte(text))
				want = append(want, text)
			}
			b.EndRow(number, 10)
			if b.Full() {
				take()
			}
		}
		if !b.Empty() && rapid.Bool().Draw(t, "take the rest") {
			take()
		}
		if !slices.Equal(got, want[:len(got)]) || !slices.Equal(gotRows, wantRows[:len(gotRows)]) {
			t.Errorf("%q %v, want %q %v", got, gotRows, want, wantRows)
		}
	})
}

// Rejected rows alone fill a batch too, so that a file of nothing else takes no memory.
func TestRejectedRowsFillABatch(t *testing.T) {
	b := New(memory.DefaultAllocator, "f", []string{"a"}, 10)
	n := 0
	for !b.Full() {
		n++
		b.Reject(int64(n+5), "a", nil, "bad")
	}
	batch := b.Batch()
	if n != maxRejected || batch.Record != nil || len(batch.Rejected) != n || batch.FirstRow != 6 || !b.Empty() {
		t.Errorf("after %d rows: %d rejected from row %d", n, len(batch.Rejected), batch.FirstRow)
	}
}

func TestShorten(t *testing.T) {
	for _, text := range []string{"", "x", strings.Repeat("x", 200), strings.Repeat("x", 201), strings.Repeat("é", 150), strings.Repeat("漢", 100), strings.Repeat("\x80", 300)} {
		short := Shorten([]byte(text))
		if len(short) > 200 || len(text) <= 200 && short != text || len(text) > 200 && !strings.HasSuffix(short, "…") || utf8.ValidString(text) != utf8.ValidString(short) {
			t.Errorf("%q becomes %q", text, short)
		}
	}
}
