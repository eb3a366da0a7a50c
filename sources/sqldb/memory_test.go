package sqldb_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/sources/sqldb"
)

// peakAllocator counts what is allocated, and the most that was.
type peakAllocator struct {
	memory.GoAllocator
	now, peak atomic.Int64
}

func (a *peakAllocator) count(n int) {
	now := a.now.Add(int64(n))
	for {
		peak := a.peak.Load()
		if now <= peak || a.peak.CompareAndSwap(peak, now) {
			return
		}
	}
}

func (a *peakAllocator) Allocate(n int) []byte {
	a.count(n)
	return a.GoAllocator.Allocate(n)
}

func (a *peakAllocator) Reallocate(n int, b []byte) []byte {
	a.count(n) // both are there while the content is copied
	r := a.GoAllocator.Reallocate(n, b)
	a.count(-len(b))
	return r
}

func (a *peakAllocator) Free(b []byte) {
	a.count(-len(b))
	a.GoAllocator.Free(b)
}

// TestBoundedMemory reads results of very different sizes and checks that the larger takes no more memory.
func TestBoundedMemory(t *testing.T) {
	large := 2_000_000
	if testing.Short() {
		large = 400_000
	}
	const bound = 24 << 20 // a batch, the one being filled, and room to grow
	postgres := func(n int) string {
		return fmt.Sprintf("SELECT i, md5(i::text) AS hash, 'user-' || i %% 400 AS user_id, now() AS at FROM generate_series(1, %d) AS i", n)
	}
	for _, test := range []struct {
		name  string
		fresh func(testing.TB) string
		open  func(context.Context, string, sqldb.Options) (*sqldb.DB, error)
		query func(int) string
	}{
		{"postgres", testservice.Postgres, sqldb.Open, postgres},
		{"cloud postgres", testservice.Postgres, sqldb.OpenCloudPostgres, postgres},
		{"mysql", testservice.MySQL, sqldb.Open, func(n int) string {
			return fmt.Sprintf("SELECT seq, MD5(seq) AS hash, CONCAT('user-', seq MOD 400) AS user_id, NOW(6) AS at FROM seq_1_to_%d", n)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			mem := &peakAllocator{}
			db, err := test.open(t.Context(), test.fresh(t), sqldb.Options{Allocator: mem})
			if err != nil {
				t.Fatal(err)
			}
			s, err := db.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			rows := 0
			for b, err := range s.Read(t.Context(), sqldb.Query{Name: "large", Text: test.query(large)}) {
				if err != nil {
					t.Fatal(err)
				}
				rows += int(b.Record.NumRows())
				b.Record.Release()
			}
			if rows != large {
				t.Errorf("%d rows, want %d", rows, large)
			}
			if peak := mem.peak.Load(); peak > bound {
				t.Errorf("a peak of %d MiB for %d rows, want %d at most", peak>>20, rows, bound>>20)
			}
			if now := mem.now.Load(); now != 0 {
				t.Errorf("%d bytes are not released", now)
			}
			t.Logf("a peak of %.1f MiB for %d rows", float64(mem.peak.Load())/(1<<20), rows)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
