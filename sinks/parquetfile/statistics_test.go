package parquetfile

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
)

// What footers and page indexes say of row groups and pages is what their rows hold.
func TestStatistics(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRows(rt, kinds, rapid.SampledFrom([]int{20, 20, 100, 500, 500, 3000, 45_000}).Draw(rt, "most"))
		file, _ := r.file(rt, memory.DefaultAllocator, drawCut(rt, "cut"), Options{RowGroupRows: rapid.SampledFrom([]int{0, 7 + r.n/9, 41_000}).Draw(rt, "row group")})
		f, err := Open(bytes.NewReader(file), int64(len(file)), kinds)
		if err != nil {
			rt.Fatal(err)
		}
		first := 0
		for g, group := range f.meta.RowGroups {
			for i, field := range kinds.Fields {
				m := group.Columns[i].MetaData
				all := collect(field.Kind, r.columns[i][first:first+int(group.NumRows)])
				s := m.Statistics
				if s.NullCount != all.nulls || !bytes.Equal(s.MinValue, all.min) || !bytes.Equal(s.MaxValue, all.max) ||
					(s.MinValue == nil) != (all.min == nil) || s.DistinctCount != 0 && s.DistinctCount != all.distinct {
					rt.Fatalf("row group %d column %s: %+v, expected %+v", g, field.Name, s, all)
				}
				if m.SizeStatistics.UnencodedByteArrayDataBytes != all.text {
					rt.Fatalf("row group %d column %s: %d bytes of text, expected %d", g, field.Name, m.SizeStatistics.UnencodedByteArrayDataBytes, all.text)
				}
				checkPages(rt, f, g, i, r.columns[i][first:first+int(group.NumRows)])
			}
			first += int(group.NumRows)
		}
	})
}

func checkPages(t *rapid.T, f *File, g, i int, values []any) {
	columnIndex, offsetIndex := f.pageIndexes(g, i)
	field := kinds.Fields[i]
	compare := comparison(physicalType(field.Kind))
	ascending, descending := true, true
	var last *collected
	for p, at := range offsetIndex.PageLocations {
		end := len(values)
		if p+1 < len(offsetIndex.PageLocations) {
			end = int(offsetIndex.PageLocations[p+1].FirstRowIndex)
		}
		want := collect(field.Kind, values[at.FirstRowIndex:end])
		if columnIndex.NullPages[p] != (want.min == nil) || columnIndex.NullCounts[p] != want.nulls ||
			!bytes.Equal(columnIndex.MinValues[p], want.min) || !bytes.Equal(columnIndex.MaxValues[p], want.max) {
			t.Fatalf("row group %d column %s page %d: %v %d %q %q, expected %+v", g, field.Name, p, columnIndex.NullPages[p],
				columnIndex.NullCounts[p], columnIndex.MinValues[p], columnIndex.MaxValues[p], want)
		}
		if want.min == nil {
			continue
		}
		if last != nil {
			ascending = ascending && compare(last.min, want.min) <= 0 && compare(last.max, want.max) <= 0
			descending = descending && compare(last.min, want.min) >= 0 && compare(last.max, want.max) >= 0
		}
		last = &want
	}
	if got := columnIndex.BoundaryOrder; got == format.Ascending && !ascending || got == format.Descending && !descending || got == format.Unordered && (ascending || descending) {
		t.Fatalf("row group %d column %s: boundary order %v, ascending %v, descending %v", g, field.Name, got, ascending, descending)
	}
}

type collected struct {
	nulls, distinct, text int64
	min, max              []byte
}

// collect works statistics out the plain way.
func collect(k dictionary.Kind, values []any) collected {
	var c collected
	compare := comparison(physicalType(k))
	seen := make(map[any]bool)
	for _, v := range values {
		var b []byte
		switch v := v.(type) {
		case nil:
			c.nulls++
			continue
		case string:
			b = []byte(v)
			c.text += int64(len(v))
		case bool:
			b = []byte{0}
			if v {
				b[0] = 1
			}
		case int64:
			if b = binary.LittleEndian.AppendUint64(nil, uint64(v)); k == dictionary.Date {
				b = b[:4]
			}
		}
		if seen[v] {
			continue
		}
		seen[v] = true
		if c.min == nil || compare(b, c.min) < 0 {
			c.min = b
		}
		if c.max == nil || compare(b, c.max) > 0 {
			c.max = b
		}
	}
	c.distinct = int64(len(seen))
	return c
}
