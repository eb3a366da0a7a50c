package parquetfile

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"
)

// The same rows make the same bytes, however they are cut and coded and whoever encodes them, and parquet-go reads
// them back.
func TestSameRowsSameBytes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer mem.AssertSize(t, 0)
		r := drawRows(rt, kinds, rapid.SampledFrom([]int{20, 20, 100, 500, 500, 3000, 3000, 25_000}).Draw(rt, "most"))
		o := Options{
			Metadata:     map[string]string{"run_id": "r1", "zone": "UTC"},
			RowGroupRows: rapid.SampledFrom([]int{0, 7 + r.n/20, 1000 + r.n/20, 25_000}).Draw(rt, "row group"),
			Concurrency:  1,
		}
		first, summary := r.file(rt, mem, drawCut(rt, "first"), o)
		o.Concurrency = 3
		second, _ := r.file(rt, mem, drawCut(rt, "second"), o)
		if !bytes.Equal(first, second) {
			rt.Fatalf("the same %d rows made files of %d and %d bytes that differ", r.n, len(first), len(second))
		}
		checkSummary(rt, r, summary, len(first))
		checkValues(rt, r, first)
	})
}

func checkSummary(t failer, r *rows, got Summary, size int) {
	if got.Rows != int64(r.n) || got.Bytes != int64(size) {
		t.Fatalf("summary %+v of %d rows and %d bytes", got, r.n, size)
	}
	for i, f := range r.table.Fields {
		want := ColumnSummary{Name: f.Name}
		for _, v := range r.columns[i] {
			if v == nil {
				want.Nulls++
			} else if f.Sum {
				want.Sum += v.(int64)
			}
		}
		if got.Columns[i] != want {
			t.Fatalf("summary of column %s is %+v, expected %+v", f.Name, got.Columns[i], want)
		}
	}
}

// checkValues reads a file with parquet-go.
func checkValues(t failer, r *rows, file []byte) {
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	row := 0
	buf := make([]parquet.Row, 500)
	for _, g := range f.RowGroups() {
		reader := g.Rows()
		for {
			n, err := reader.ReadRows(buf)
			for _, values := range buf[:n] {
				for i, v := range values {
					if want := r.columns[i][row]; goValue(v) != want {
						t.Fatalf("row %d column %s reads %v, expected %v", row, r.table.Fields[i].Name, goValue(v), want)
					}
				}
				row++
			}
			if n == 0 && err != nil {
				break
			}
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if row != r.n {
		t.Fatalf("read %d rows, expected %d", row, r.n)
	}
}

func goValue(v parquet.Value) any {
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		return int64(v.Int32())
	case parquet.Int64:
		return v.Int64()
	case parquet.ByteArray:
		return string(v.ByteArray())
	}
	if v.IsNull() {
		return nil
	}
	return fmt.Sprint("unexpected ", v)
}
