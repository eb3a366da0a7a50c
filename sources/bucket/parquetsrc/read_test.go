package parquetsrc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sources"
)

// bytesOf is a Fetch from memory that counts what it is asked for.
type bytesOf struct {
	data     []byte
	requests atomic.Int64
	bytes    atomic.Int64
}

func (b *bytesOf) fetch(_ context.Context, dst []byte, off int64) error {
	b.requests.Add(1)
	b.bytes.Add(int64(len(dst)))
	copy(dst, b.data[off:])
	return nil
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readAll reads a file as text, a line per row, and releases everything.
func readAll(t testing.TB, data []byte, l limits, o Options) ([]string, error) {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	o.Allocator = alloc
	src := &bytesOf{data: data}
	f, err := open(t.Context(), "f.parquet", int64(len(data)), src.fetch, l)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var rows []string
	for b, err := range f.Batches(t.Context(), o) {
		if err != nil {
			return rows, err
		}
		if b.FirstRow != int64(len(rows))+1 {
			t.Errorf("a batch begins with row %d after %d rows", b.FirstRow, len(rows))
		}
		for i := range int(b.Record.NumRows()) {
			var cells []string
			for _, col := range b.Record.Columns() {
				if d, ok := col.(*array.Dictionary); ok && d.IsValid(i) {
					cells = append(cells, d.Dictionary().ValueStr(d.GetValueIndex(i)))
				} else {
					cells = append(cells, col.ValueStr(i))
				}
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
		b.Record.Release()
	}
	return rows, nil
}

// However the bytes of a file are fetched, its rows are the same.
func TestLimitsDoNotChangeRows(t *testing.T) {
	for _, name := range []string{"fallback.parquet", "zstd_v1.parquet", "lz4_v2.parquet", "duckdb.parquet", "delta.parquet"} {
		data := fixture(t, name)
		want, err := readAll(t, data, defaultLimits, Options{BatchRows: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for what, l := range map[string]limits{
			"row groups":      {tail: 64, group: 1 << 20},
			"coalesced":       {tail: 64, gap: 1 << 20, group: 1 << 20},
			"windows":         {tail: 64, window: 500},
			"tiny windows":    {tail: 64, window: 1},
			"larger windows":  {tail: 5000, window: 1 << 20},
			"groups and more": {tail: 64, gap: 10, group: 6000, window: 2000},
		} {
			got, err := readAll(t, data, l, Options{BatchRows: 333})
			if err != nil {
				t.Errorf("%s by %s: %v", name, what, err)
			} else if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s by %s: other rows", name, what)
			}
		}
	}
}

func TestProjectionReadsOnlyWantedChunks(t *testing.T) {
	data := fixture(t, "none_v1.parquet")
	for _, c := range []struct {
		columns  []string
		most     int64
		requests int64
	}{
		{nil, int64(len(data)), 1}, // a small file comes as a whole
		{[]string{"yes"}, 3500, 5}, // tail and footer, then one chunk of each of three row groups
		{[]string{"yes", "kind"}, 6500, 8},
		{[]string{"nothing"}, 2900, 2},
	} {
		src := &bytesOf{data: data}
		l := limits{tail: 64, group: 1 << 20}
		if c.columns == nil {
			l = defaultLimits
		}
		f, err := open(t.Context(), "f.parquet", int64(len(data)), src.fetch, l)
		if err != nil {
			t.Fatal(err)
		}
		rows := int64(0)
		for b, err := range f.Batches(t.Context(), Options{Allocator: memory.DefaultAllocator, BatchRows: 100, Columns: c.columns}) {
			if err != nil {
				t.Fatal(err)
			}
			rows += b.Record.NumRows()
			b.Record.Release()
		}
		f.Close()
		if rows != 1000 || f.Rows() != 1000 {
			t.Errorf("%v: %d rows", c.columns, rows)
		}
		if n, r := src.bytes.Load(), src.requests.Load(); n > c.most || r > c.requests {
			t.Errorf("%v: %d bytes of %d by %d requests, expected at most %d by %d", c.columns, n, len(data), r, c.most, c.requests)
		}
	}
}

// A chunk whose writer gave up the dictionary comes as codes first and as plain text then, never mixed in a batch,
// and all its coded batches share one dictionary.
func TestFallback(t *testing.T) {
	data := fixture(t, "fallback.parquet")
	src := &bytesOf{data: data}
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	f, err := open(t.Context(), "f.parquet", int64(len(data)), src.fetch, defaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kinds, dictionaries := "", map[string]bool{}
	for b, err := range f.Batches(t.Context(), Options{Allocator: alloc, BatchRows: 100, Columns: []string{"id", "kind"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := b.Record.Column(0).(*array.Dictionary); ok {
			values := d.Dictionary().(*array.String)
			dictionaries[fmt.Sprintf("%p", &values.ValueBytes()[0])] = true
			kinds += "c"
		} else {
			kinds += "p"
		}
		if id := b.Record.Column(1).DataType().ID(); id != arrow.DICTIONARY {
			t.Errorf("the column of few values comes as %s", id)
		}
		b.Record.Release()
	}
	groups := strings.Count(kinds, "pc") + 1
	if groups != 3 || len(dictionaries) != 3 || !strings.HasPrefix(kinds, "ccc") || !strings.HasSuffix(kinds, "p") {
		t.Errorf("batches are %s with %d dictionaries, expected codes and then plain text in each of three row groups", kinds, len(dictionaries))
	}
}

func TestEarlyEndReleasesEverything(t *testing.T) {
	data := fixture(t, "fallback.parquet")
	for stop := range 40 {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		src := &bytesOf{data: data}
		f, err := open(t.Context(), "f.parquet", int64(len(data)), src.fetch, limits{tail: 64, group: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for b, err := range f.Batches(t.Context(), Options{Allocator: alloc, BatchRows: 90}) {
			if err != nil {
				t.Fatal(err)
			}
			b.Record.Release()
			if n++; n > stop {
				break
			}
		}
		f.Close()
		alloc.AssertSize(t, 0)
	}
}

// Every truncation and every changed byte is read as it is or refused; nothing panics.
func TestDamage(t *testing.T) {
	for _, name := range []string{"zstd_v1.parquet", "lz4_v2.parquet", "types_plain.parquet", "types_dictionary.parquet"} {
		data := fixture(t, name)
		for n := 0; n < len(data); n += 1 + len(data)/60 {
			_, err := readAll(t, data[:n], defaultLimits, Options{BatchRows: 100})
			if !errors.Is(err, sources.ErrUnreadable) || !strings.Contains(err.Error(), "f.parquet") {
				t.Fatalf("%s cut to %d bytes: %v", name, n, err)
			}
		}
		noticed := 0
		for at := 4; at < len(data); at += 1 + len(data)/200 {
			broken := append([]byte(nil), data...)
			broken[at] ^= 0x55
			if _, err := readAll(t, broken, limits{tail: 64, gap: 100, group: 1 << 20, window: 1000}, Options{BatchRows: 100}); err != nil {
				noticed++
				if !errors.Is(err, sources.ErrUnreadable) && !errors.Is(err, sources.ErrUnsupported) {
					t.Fatalf("%s with byte %d changed: %v", name, at, err)
				}
			}
		}
		t.Logf("%s: %d changes noticed", name, noticed)
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	data := append([]byte(nil), fixture(t, "zstd_v1.parquet")...)
	for i := 100; i < 140; i++ { // within the first chunk's dictionary
		data[i] ^= 0xff
	}
	_, err := readAll(t, data, defaultLimits, Options{BatchRows: 100})
	if !errors.Is(err, sources.ErrUnreadable) {
		t.Fatalf("found %v", err)
	}
	for _, part := range []string{"f.parquet", `column "id"`, "row group 0", "checksum"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %s", err, part)
		}
	}
}

func TestFetchErrorsAreHandedOn(t *testing.T) {
	data := fixture(t, "fallback.parquet")
	failure := errors.New("the line is down")
	for after := range int64(6) {
		src := &bytesOf{data: data}
		f, err := open(t.Context(), "f.parquet", int64(len(data)), func(ctx context.Context, dst []byte, off int64) error {
			if src.requests.Load() >= after {
				return failure
			}
			return src.fetch(ctx, dst, off)
		}, limits{tail: 64, window: 3000, group: after * 2000})
		if err == nil {
			for b, e := range f.Batches(t.Context(), Options{Allocator: memory.DefaultAllocator, BatchRows: 100}) {
				if err = e; err != nil {
					break
				}
				b.Record.Release()
			}
			f.Close()
		}
		if !errors.Is(err, failure) || errors.Is(err, sources.ErrUnreadable) {
			t.Errorf("after %d requests: %v", after, err)
		}
	}
}

func FuzzParquet(f *testing.F) {
	for _, name := range []string{"types_plain.parquet", "types_dictionary.parquet", "int96.parquet", "duckdb_types.parquet", "nested.parquet", "delta.parquet"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := readAll(t, data, limits{tail: 64, gap: 100, group: 1 << 20, window: 1000}, Options{BatchRows: 100})
		if err != nil && !errors.Is(err, sources.ErrUnreadable) && !errors.Is(err, sources.ErrUnsupported) {
			t.Errorf("an error of no kind: %v", err)
		}
	})
}
