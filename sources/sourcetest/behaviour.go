package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/sqldb"
)

func testManyRows(t *testing.T, d Database) {
	const rows = 10_000
	f := start(t, d, sqldb.Options{BatchRows: 999})
	got := f.read(f.snapshot(), d.Numbers(rows))
	if want := rows/999 + 1; got.batches != want {
		t.Errorf("%d batches, want %d", got.batches, want)
	}
	for i, row := range got.rows {
		if row[0] != fmt.Sprint(i+1) || got.numbers[i] != int64(i+1) {
			t.Fatalf("row %d: got %s, number %d", i+1, row[0], got.numbers[i])
		}
	}
	if len(got.rows) != rows {
		t.Errorf("%d rows, want %d", len(got.rows), rows)
	}
}

func testSnapshotConsistency(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{})
	f.exec(fmt.Sprintf("CREATE TABLE s (id %s)", d.BigInt), "INSERT INTO s VALUES (1)")
	s := f.snapshot()
	f.exec("INSERT INTO s VALUES (2)") // before the first read: the snapshot is of its beginning
	for range 2 {
		if got := f.read(s, "SELECT id FROM s"); len(got.rows) != 1 {
			t.Errorf("got %d rows, want the one of the beginning", len(got.rows))
		}
		if _, err := read(t.Context(), s, sqldb.Query{Name: "broken", Text: "SELECT absent FROM s"}); err == nil {
			t.Error("no error from a broken query")
		}
		f.exec("INSERT INTO s VALUES (3)")
	}
	if got := f.read(f.snapshot(), "SELECT id FROM s"); len(got.rows) != 4 {
		t.Errorf("a new snapshot: got %d rows, want 4", len(got.rows))
	}
}

func testReadOnly(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{})
	f.exec(fmt.Sprintf("CREATE TABLE r (id %s)", d.BigInt), "INSERT INTO r VALUES (1)")
	for _, query := range []string{
		"INSERT INTO r VALUES (2)", "DELETE FROM r", "UPDATE r SET id = 3", "DROP TABLE r", "INSERT INTO r VALUES (2) RETURNING id",
		"SELECT 1; DELETE FROM r", "SELECT id FROM r) TO STDOUT; DELETE FROM r; --",
	} {
		s := f.snapshot()
		_, err := read(t.Context(), s, sqldb.Query{Name: "bad", Text: query})
		if !errors.Is(err, sources.ErrQuery) || !strings.Contains(err.Error(), `"bad"`) {
			t.Errorf("%s: got %v, want ErrQuery that names the query", query, err)
		}
	}
	if got := f.read(f.snapshot(), "SELECT id FROM r"); len(got.rows) != 1 || got.rows[0][0] != "1" {
		t.Errorf("the table holds %v", got.rows)
	}
}

func testBroken(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{})
	f.exec(fmt.Sprintf("CREATE TABLE b (id %s, name %s)", d.BigInt, d.Text))
	broken := append([]Broken{
		{"unknown table", "SELECT 1 FROM nowhere", sources.ErrNotFound, []string{"nowhere", "table"}},
		{"unknown column", "SELECT absent FROM b", sources.ErrQuery, []string{"absent", "column"}},
		{"syntax", "SELEKT 1", sources.ErrQuery, []string{"SELEKT"}},
		{"unknown parameter", "SELECT *\nFROM b WHERE id > :form", sources.ErrQuery, []string{"line 2, column 19", ":form", ":from", ":to", ":changed_since"}},
		{"one name twice", "SELECT id, name AS id FROM b", sources.ErrQuery, []string{"id", "another name"}},
		{"empty", " -- nothing\n;", sources.ErrQuery, []string{"SELECT"}},
		{"not closed", "SELECT 'x", sources.ErrQuery, []string{"line 1, column 8"}},
	}, d.Broken...)
	s := f.snapshot()
	for _, b := range broken {
		t.Run(b.Name, func(t *testing.T) {
			_, readErr := read(t.Context(), s, sqldb.Query{Name: "bad", Text: b.Query})
			_, columnsErr := s.Columns(t.Context(), sqldb.Query{Name: "bad", Text: b.Query})
			for _, err := range []error{readErr, columnsErr} {
				if !errors.Is(err, b.Is) {
					t.Errorf("got %v, want %v", err, b.Is)
					continue
				}
				for _, part := range append(b.Says, `"bad"`) {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q does not say %q", err, part)
					}
				}
			}
		})
	}
}

func testConcurrentReads(t *testing.T, d Database) {
	const readers, rows = 4, 2000
	f := start(t, d, sqldb.Options{BatchRows: 500})
	s := f.snapshot()
	errs := make([]error, readers)
	var wg, inside sync.WaitGroup
	inside.Add(readers)
	for i := range readers {
		wg.Go(func() {
			total := 0
			for b, err := range s.Read(t.Context(), sqldb.Query{Name: "test", Text: d.Numbers(rows)}) {
				if err != nil {
					errs[i] = err
					break
				}
				if total == 0 && d.Concurrent { // all are in their loops at once
					inside.Done()
					inside.Wait()
				}
				total += int(b.Record.NumRows())
				b.Record.Release()
			}
			if errs[i] == nil && total != rows {
				errs[i] = fmt.Errorf("%d rows", total)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

// testEarlyEnd leaves a loop early.
func testEarlyEnd(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{BatchRows: 10})
	s := f.snapshot()
	for b, err := range s.Read(t.Context(), sqldb.Query{Name: "test", Text: d.Numbers(100_000_000) + " -- early_end"}) {
		if err != nil {
			t.Fatal(err)
		}
		b.Record.Release()
		break
	}
	f.gone("early_end")
}

// testPanic panics in the loop: nothing is left allocated, and the query ends.
func testPanic(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{BatchRows: 10})
	s := f.snapshot()
	func() {
		defer func() {
			if r := recover(); r != "broken transform" {
				t.Errorf("recovered %v", r)
			}
		}()
		for b, err := range s.Read(t.Context(), sqldb.Query{Name: "test", Text: d.Numbers(100_000_000) + " -- panicking"}) {
			if err != nil {
				t.Fatal(err)
			}
			b.Record.Release()
			panic("broken transform")
		}
	}()
	f.gone("panicking")
}

// gone checks that the server runs no statement with the marker.
func (f *fixture) gone(marker string) {
	f.t.Helper()
	if f.Running == nil {
		return
	}
	f.eventually("the server no longer runs the query", func() bool { return f.Running(f.t, f.w, marker) == 0 })
}

// testCancel cancels a query that has not yet returned a row.
func testCancel(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{})
	s := f.snapshot()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := read(ctx, s, sqldb.Query{Name: "test", Text: d.Slow + " /* cancelled */"})
		done <- err
	}()
	f.started("cancelled")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || isSentinel(err) {
		t.Errorf("got %v, want context.Canceled and no sentinel", err)
	}
	f.gone("cancelled")
}

// started waits until the server runs a statement with the marker.
func (f *fixture) started(marker string) {
	f.t.Helper()
	if f.Running == nil {
		return
	}
	f.eventually("the server runs the query", func() bool { return f.Running(f.t, f.w, marker) > 0 })
}

func isSentinel(err error) bool {
	for _, s := range []error{sources.ErrUnreachable, sources.ErrDenied, sources.ErrNotFound, sources.ErrQuery, sources.ErrUnreadable, sources.ErrUnsupported} {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}

func testCancelWhileStreaming(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{BatchRows: 100})
	s := f.snapshot()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for b, err := range s.Read(ctx, sqldb.Query{Name: "test", Text: d.Numbers(100_000_000) + " -- streaming"}) {
		if last = err; err != nil {
			break
		}
		b.Record.Release()
		cancel()
	}
	if !errors.Is(last, context.Canceled) || isSentinel(last) {
		t.Errorf("got %v, want context.Canceled and no sentinel", last)
	}
	f.gone("streaming")
	if d.Connections == nil {
		return
	}
	before := d.Connections(t, f.w)
	for range 3 { // a cancelled read leaves no connection behind
		ctx, cancel := context.WithCancel(t.Context())
		for b, err := range s.Read(ctx, sqldb.Query{Name: "test", Text: d.Numbers(100_000_000)}) {
			if err != nil {
				break
			}
			b.Record.Release()
			cancel()
		}
		cancel()
	}
	f.eventually("the connections of cancelled reads are closed", func() bool { return d.Connections(t, f.w) <= before })
}

// eventually polls the server, each time with a round trip.
func (f *fixture) eventually(what string, is func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			f.t.Fatalf("not in 20 s: %s", what)
		}
	}
}

func testTimeout(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{StatementTimeout: 50 * time.Millisecond})
	s := f.snapshot()
	_, err := read(t.Context(), s, sqldb.Query{Name: "slow", Text: d.Slow + " /* timed_out */"})
	if !errors.Is(err, sources.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), hintTimeout) {
		t.Errorf("got %v, want ErrUnreachable that speaks of the time-out", err)
	}
	f.gone("timed_out")
}

const hintTimeout = "statement time-out"

// testKilledMidway ends the server's side while rows are being read.
func testKilledMidway(t *testing.T, d Database) {
	if d.Kill == nil {
		t.Skip("no server to be killed by")
	}
	f := start(t, d, sqldb.Options{BatchRows: 1000})
	s := f.snapshot()
	var last error
	batches := 0
	for b, err := range s.Read(t.Context(), sqldb.Query{Name: "events", Text: d.Numbers(100_000_000) + " -- killed"}) {
		if last = err; err != nil {
			break
		}
		b.Record.Release()
		if batches++; batches == 1 {
			d.Kill(t, f.w, "killed")
		}
	}
	if !sources.MayPass(last) || !strings.Contains(last.Error(), `"events"`) {
		t.Errorf("after %d batches: got %v, want ErrUnreachable that may pass and names the query", batches, last)
	}
}

func testClosedSnapshot(t *testing.T, d Database) {
	f := start(t, d, sqldb.Options{})
	s, err := f.db.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t.Context(), s, sqldb.Query{Name: "late", Text: "SELECT 1 AS one"}); !errors.Is(err, sources.ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
}
