package facts

import (
	"bytes"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

func TestSmoke(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	spec := &Spec{Name: "x", Instant: "at", Keys: []string{"w", "u"}, ID: "id", Zone: time.UTC}
	schema := arrow.NewSchema([]arrow.Field{{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: "w", Type: arrow.BinaryTypes.String}, {Name: "u", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "id", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	mk := func(ids ...string) *Run {
		b := NewBuilder(spec)
		rb := array.NewRecordBuilder(mem, schema)
		defer rb.Release()
		for i, id := range ids {
			rb.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(int64(i%3) * 86400e6))
			rb.Field(1).(*array.StringBuilder).Append([]string{"b", "a"}[i%2])
			rb.Field(2).(*array.StringBuilder).Append(id)
			rb.Field(3).(*array.StringBuilder).Append(id)
		}
		rec := rb.NewRecord()
		defer rec.Release()
		if err := b.Add(rec); err != nil {
			t.Fatal(err)
		}
		r, err := b.Finish()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r1, r2 := mk("1", "2", "3", "1"), mk("4", "1", "5")
	i1, err := r1.OpenIDs()
	if err != nil {
		t.Fatal(err)
	}
	i2, _ := r2.OpenIDs()
	occ, err := Shared([]*IDs{i1, i2}, []bool{true, true})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(occ, r1.Info, r2.Info)
	m, err := NewMerger(spec, []Input{{File: bytes.NewReader(r1.Facts)}, {File: bytes.NewReader(r2.Facts), Adjust: []Adjust{{occ[1].Pos, 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for b, err := range m.Blocks() {
		t.Log(b, err, m.Values(0), m.Values(1))
	}
	t.Log(m.Taken())
}
