package bucket_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"gocloud.dev/blob/memblob"

	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/bucket"
)

// cell writes one value as text, whether it is held plainly or by code; null is "∅".
func cell(col arrow.Array, i int) string {
	if col.IsNull(i) {
		return "∅"
	}
	switch c := col.(type) {
	case *array.Dictionary:
		return cell(c.Dictionary(), c.GetValueIndex(i))
	case *array.Timestamp:
		return fmt.Sprintf("%d%s", c.Value(i), c.DataType().(*arrow.TimestampType).Unit)
	case *array.Binary:
		return fmt.Sprintf("%x", c.Value(i))
	case *array.String:
		return c.Value(i)
	}
	return col.ValueStr(i)
}

// collect reads all rows of a file as text, checking each batch on the way.
func collect(t *testing.T, s *bucket.Source, f bucket.File, o bucket.ReadOptions) (names []string, rows [][]string, rejected []sources.Rejected) {
	t.Helper()
	for b, err := range s.Read(t.Context(), f, o) {
		if err != nil {
			t.Fatalf("reading %s: %v", f.Key, err)
		}
		if b.Object != f.Key {
			t.Errorf("the batch says it is of %q", b.Object)
		}
		rejected = append(rejected, b.Rejected...)
		if b.Record == nil {
			continue
		}
		names = names[:0]
		for _, field := range b.Record.Schema().Fields() {
			names = append(names, field.Name)
		}
		for i := range int(b.Record.NumRows()) {
			row := []string{fmt.Sprint(b.Row(i))}
			for _, col := range b.Record.Columns() {
				row = append(row, cell(col, i))
			}
			rows = append(rows, row)
		}
		b.Record.Release()
	}
	return names, rows, rejected
}

// fixtures returns a source over the files of testdata, with a small batch so that batches, pages and row groups
// end in different places, and the allocator's check at the end of the test.
func fixtures(t testing.TB, batchRows int) *bucket.Source {
	t.Helper()
	b := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = b.Close() })
	names, err := filepath.Glob("testdata/*.parquet")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.WriteAll(context.Background(), filepath.Base(name), data, nil); err != nil {
			t.Fatal(err)
		}
	}
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	t.Cleanup(func() { alloc.AssertSize(t, 0) })
	return bucket.New(b, "mem://", bucket.Options{Allocator: alloc, BatchRows: batchRows})
}

// expected is row i of generate.py's rows, as cell writes it.
func expected(i int) []string {
	kind, n, yes := fmt.Sprintf("kind %d", i%5), fmt.Sprint(i), "false"
	if i%7 == 0 {
		kind = "∅"
	}
	if i%11 == 0 {
		n = "∅"
	}
	if i%3 == 0 {
		yes = "true"
	}
	return []string{fmt.Sprint(i + 1), fmt.Sprintf("event-%06d", i), kind, n, fmt.Sprintf("%dus", 1_700_000_000_000_000+i*1_000_003), yes}
}

func TestParquetLayouts(t *testing.T) {
	files := map[string]int{"delta": 1000, "duckdb": 1000, "polars": 1000, "fallback": 3000}
	for _, c := range []string{"none", "snappy", "gzip", "zstd", "lz4", "brotli"} {
		files[c+"_v1"], files[c+"_v2"] = 1000, 1000
	}
	for name, rows := range files {
		for _, batch := range []int{37, 64 << 10} {
			t.Run(fmt.Sprintf("%s/%d", name, batch), func(t *testing.T) {
				s := fixtures(t, batch)
				_, got, _ := collect(t, s, bucket.File{Key: name + ".parquet"}, bucket.ReadOptions{})
				if len(got) != rows {
					t.Fatalf("%d rows, want %d", len(got), rows)
				}
				for i := range got {
					if g, w := fmt.Sprint(got[i]), fmt.Sprint(expected(i)); g != w {
						t.Fatalf("row %d is\n%s, want\n%s", i, g, w)
					}
				}
			})
		}
	}
}
