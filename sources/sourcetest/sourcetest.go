// Package sourcetest is the conformance suite that every kind of database passes. It knows no dataset and is
// imported by tests only.
package sourcetest

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/sqldb"
)

// Database is a kind of database under test.
type Database struct {
	// Fresh returns the URL of an empty database that is gone after the test.
	Fresh func(testing.TB) string
	// Writer opens the database for the test's own statements.
	Writer func(tb testing.TB, url string) *sql.DB
	// Open opens it as a source; nil stands for sqldb.Open.
	Open func(ctx context.Context, url string, o sqldb.Options) (*sqldb.DB, error)
	// BigInt, Text and Instant are the names of column types: 64-bit integers, text, and instants in microseconds.
	BigInt, Text, Instant string
	// Moment renders an instant, given as 2006-01-02T15:04:05.000000Z, as a literal.
	Moment func(string) string
	// Numbers is a query that returns the integers from 1 to n in the column n, without a table.
	Numbers func(n int) string
	// Slow is a query that runs for minutes before it returns its first row.
	Slow string
	// Values are the types of the kind, with what is read from a column of each.
	Values []Value
	// Kill ends, from outside, whatever runs query, which contains the marker; nil where there is no server.
	Kill func(tb testing.TB, w *sql.DB, marker string)
	// Running counts the server's statements that contain the marker; nil where there is no server.
	Running func(tb testing.TB, w *sql.DB, marker string) int
	// Connections counts the source's connections to the database; nil where they cannot be told from others.
	Connections func(tb testing.TB, w *sql.DB) int
	// Broken are queries that are refused, by name.
	Broken []Broken
	// Concurrent says that Reads of one snapshot run beside each other.
	Concurrent bool
}

// Value is one value of a column type.
type Value struct {
	Type    string // of the column
	Literal string // what is inserted
	Want    arrow.DataType
	Text    string // the value as Arrow prints it, or (null)
	Reject  string // the value of the rejected row, where the value cannot be held
}

// Broken is a query that is refused.
type Broken struct {
	Name  string
	Query string
	Is    error    // the sentinel
	Says  []string // parts of the text
}

// Run runs the suite.
func Run(t *testing.T, d Database) {
	if d.Open == nil {
		d.Open = sqldb.Open
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T, Database)
	}{
		{"Values", testValues},
		{"Columns", testColumns},
		{"EmptyResult", testEmptyResult},
		{"Unicode", testUnicode},
		{"Midnight", testMidnight},
		{"Parameters", testParameters},
		{"ManyRows", testManyRows},
		{"SnapshotConsistency", testSnapshotConsistency},
		{"ReadOnly", testReadOnly},
		{"Broken", testBroken},
		{"ConcurrentReads", testConcurrentReads},
		{"EarlyEnd", testEarlyEnd},
		{"Panic", testPanic},
		{"Cancel", testCancel},
		{"CancelWhileStreaming", testCancelWhileStreaming},
		{"Timeout", testTimeout},
		{"KilledMidway", testKilledMidway},
		{"ClosedSnapshot", testClosedSnapshot},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, d) })
	}
}

// fixture is an open database with everything released and closed at the end of the test.
type fixture struct {
	Database
	t   *testing.T
	url string
	w   *sql.DB
	db  *sqldb.DB
	mem *memory.CheckedAllocator
}

func start(t *testing.T, d Database, o sqldb.Options) *fixture {
	t.Helper()
	f := &fixture{Database: d, t: t, url: d.Fresh(t), mem: memory.NewCheckedAllocator(memory.NewGoAllocator())}
	f.w = d.Writer(t, f.url)
	o.Allocator = f.mem
	db, err := d.Open(t.Context(), f.url, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	f.db = db
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("DB.Close: %v", err)
		}
		f.mem.AssertSize(t, 0)
	})
	return f
}

func (f *fixture) exec(statements ...string) {
	f.t.Helper()
	for _, s := range statements {
		if _, err := f.w.ExecContext(f.t.Context(), s); err != nil {
			f.t.Fatalf("%s: %v", s, err)
		}
	}
}

func (f *fixture) snapshot() *sqldb.Snapshot {
	f.t.Helper()
	s, err := f.db.Snapshot(f.t.Context())
	if err != nil {
		f.t.Fatalf("Snapshot: %v", err)
	}
	f.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.t.Errorf("Snapshot.Close: %v", err)
		}
	})
	return s
}

// table is a whole result, as text.
type table struct {
	types    []arrow.DataType // text always as utf8
	names    []string
	rows     [][]string
	numbers  []int64 // of the rows
	rejected []sources.Rejected
	batches  int
}

// read reads a result to its end.
func read(ctx context.Context, s *sqldb.Snapshot, q sqldb.Query) (*table, error) {
	var t table
	for b, err := range s.Read(ctx, q) {
		if err != nil {
			return &t, err
		}
		if err := t.add(b); err != nil {
			return &t, err
		}
	}
	return &t, nil
}

// add takes over a batch.
func (t *table) add(b sources.Batch) error {
	t.batches++
	t.rejected = append(t.rejected, b.Rejected...)
	if b.Record == nil {
		return nil
	}
	defer b.Record.Release()
	types := make([]arrow.DataType, b.Record.NumCols())
	names := make([]string, b.Record.NumCols())
	for i, f := range b.Record.Schema().Fields() {
		types[i], names[i] = f.Type, f.Name
		if d, ok := f.Type.(*arrow.DictionaryType); ok {
			types[i] = d.ValueType
		}
		if t.types != nil && !arrow.TypeEqual(t.types[i], types[i]) {
			return fmt.Errorf("column %s: type %s in one batch, %s in another", f.Name, t.types[i], types[i])
		}
	}
	t.types, t.names = types, names
	for row := range int(b.Record.NumRows()) {
		line := make([]string, len(types))
		for i, c := range b.Record.Columns() {
			line[i] = c.ValueStr(row)
		}
		t.rows = append(t.rows, line)
		t.numbers = append(t.numbers, b.Row(row))
	}
	return nil
}

func (f *fixture) read(s *sqldb.Snapshot, text string) *table {
	f.t.Helper()
	t, err := read(f.t.Context(), s, sqldb.Query{Name: "test", Text: text})
	if err != nil {
		f.t.Fatalf("reading %s: %v", text, err)
	}
	return t
}
