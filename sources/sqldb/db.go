package sqldb

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sources"
)

// Options are the bounds within which a database is read. The zero value has none but the batch size.
type Options struct {
	// StatementTimeout bounds each query from its start until its last row is handed over; 0 is no bound. The
	// server enforces it where it can (PostgreSQL, MySQL, MariaDB), and the client in any case.
	StatementTimeout time.Duration
	// BatchRows bounds the rows of a batch; 0 stands for 65,536. A batch also ends at about 8 MiB.
	BatchRows int
	// Allocator is where batches are allocated; nil stands for memory.DefaultAllocator.
	Allocator memory.Allocator
}

const (
	defaultBatchRows = 1 << 16
	// connectTimeout bounds making a connection, unless the URL has a shorter bound of its own.
	connectTimeout = 30 * time.Second
	// cleanupTimeout bounds telling a server that a query or a transaction is over.
	cleanupTimeout = 10 * time.Second
	// timeoutGrace is how much longer than the server the client waits for a statement's time-out.
	timeoutGrace = 5 * time.Second
)

// DB is a database to read. It is safe for concurrent use.
type DB struct {
	kind    kind
	backend backend
	redact  redactor
}

// Snapshot is a read-only transaction: all its queries see the database as it was when the snapshot was taken, as far
// as the database offers that. It is safe for concurrent use; see the package's documentation for which Reads run
// beside each other. Do not start a Read inside another's loop: where they share one connection it would wait forever.
type Snapshot struct {
	db      *DB
	session session
}

// Query is a query of one dataset.
type Query struct {
	Name string // of the dataset: the Object of its batches, and in errors
	Text string // one SELECT, with the parameters :from, :to and :changed_since
	// What the parameters stand for. A zero From or ChangedSince is the beginning of time; a query that uses :to
	// needs To.
	From, To, ChangedSince time.Time
}

// backend is one way to speak to databases.
type backend interface {
	// snapshot connects and begins a read-only transaction.
	snapshot(ctx context.Context) (session, error)
	close() error
}

// session is a read-only transaction of a backend.
type session interface {
	// columns returns the names and types of a query's result without reading it, or little of it.
	columns(ctx context.Context, q *boundQuery) ([]arrow.Field, error)
	// read hands the batches of a query to yield, which takes them over, until it returns false.
	read(ctx context.Context, q *boundQuery, yield func(sources.Batch) bool) error
	// close ends the transaction. It waits for reads to end.
	close() error
}

// boundQuery is a query whose parameters are filled in.
type boundQuery struct {
	name string
	text string
	// at renders the place of a byte of text, in the text as it was given.
	at func(offset int) string
}

// Open prepares to read the database at the URL. It does not connect yet: Snapshot does. The URL is
// sqlite:///absolute/path, sqlite:relative/path, postgres:// or postgresql:// as libpq takes it, mysql://, or that of
// a cloud scheme of Go CDK whose driver is linked in: awspostgres, gcppostgres, awsmysql, gcpmysql, azuremysql. The
// caller closes the DB. An error of Open wraps sources.ErrUnsupported, ErrNotFound or ErrDenied and never shows
// the URL's password.
func Open(ctx context.Context, rawURL string, o Options) (*DB, error) {
	k, err := kindOf(rawURL)
	if err != nil {
		return nil, err
	}
	if o.BatchRows <= 0 {
		o.BatchRows = defaultBatchRows
	}
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	r := redactorFor(rawURL)
	b, err := k.open(ctx, rawURL, o)
	if err != nil {
		return nil, r.wrap("opening the "+k.product+" database", err)
	}
	return &DB{kind: k, backend: b, redact: r}, nil
}

// Close closes the connections. Close the snapshots first.
func (db *DB) Close() error {
	if err := db.backend.close(); err != nil {
		return db.redact.wrap("closing the "+db.kind.product+" database", err)
	}
	return nil
}

// Snapshot connects and begins a read-only transaction. The caller closes it. Its error wraps
// sources.ErrUnreachable, ErrDenied, ErrNotFound or ErrUnreadable.
func (db *DB) Snapshot(ctx context.Context) (*Snapshot, error) {
	s, err := db.backend.snapshot(ctx)
	if err != nil {
		return nil, db.redact.wrap("connecting to the "+db.kind.product+" database", err)
	}
	return &Snapshot{db: db, session: s}, nil
}

// Close ends the transaction and lets the connections go. It waits for Reads to end.
func (s *Snapshot) Close() error {
	if err := s.session.close(); err != nil {
		return s.db.redact.wrap("ending the transaction on the "+s.db.kind.product+" database", err)
	}
	return nil
}

// Columns returns the names and the Arrow types of the query's result without reading it. On SQLite it looks at the
// first rows for columns that have no declared type. Text is always utf8 here. Errors are those of Read.
func (s *Snapshot) Columns(ctx context.Context, q Query) (*arrow.Schema, error) {
	bound, err := s.db.kind.bind(&q)
	if err == nil {
		var fields []arrow.Field
		if fields, err = s.session.columns(ctx, bound); err == nil {
			err = checkNames(fields)
		}
		if err == nil {
			return arrow.NewSchema(fields, nil), nil
		}
	}
	return nil, s.db.redact.wrap(fmt.Sprintf("query of %q", q.Name), err)
}

// Read runs the query and returns its batches, each of which the loop's body takes over and releases. An error is the
// last thing yielded, with an empty batch: without one, every row of the result was handed over or is
// among the rejected. It wraps sources.ErrQuery, ErrNotFound, ErrDenied, ErrUnsupported or ErrUnreachable (a lost
// connection or a time-out, after which a retry may help), or the context's error. A loop that is left early ends
// the query; where a snapshot is one connection, that may cost the snapshot.
func (s *Snapshot) Read(ctx context.Context, q Query) iter.Seq2[sources.Batch, error] {
	return func(yield func(sources.Batch, error) bool) {
		bound, err := s.db.kind.bind(&q)
		stopped := false
		if err == nil {
			err = s.session.read(ctx, bound, func(b sources.Batch) bool {
				stopped = !yield(b, nil)
				return !stopped
			})
		}
		if err != nil && !stopped {
			yield(sources.Batch{}, s.db.redact.wrap(fmt.Sprintf("query of %q", q.Name), err))
		}
	}
}

// kind is a kind of database: how its URL is opened and what its SQL looks like.
type kind struct {
	product   string
	lexis     lexis
	open      func(ctx context.Context, rawURL string, o Options) (backend, error)
	literal   string    // of a timestamp: a layout for time.Format
	beginning time.Time // the earliest timestamp that it can compare with
}

// kindOf returns the kind that the URL's scheme names.
func kindOf(rawURL string) (kind, error) {
	scheme, _, _ := strings.Cut(rawURL, ":")
	switch scheme {
	case "sqlite":
		return sqliteKind, nil
	case "postgres", "postgresql":
		return postgresKind, nil
	case "awspostgres", "gcppostgres":
		return cloudPostgresKind, nil
	case "mysql", "awsmysql", "gcpmysql", "azuremysql":
		return mysqlKind, nil
	}
	return kind{}, fmt.Errorf("%w: URL scheme %q is no database; expected sqlite, postgres, mysql, awspostgres, gcppostgres, awsmysql, gcpmysql or azuremysql",
		sources.ErrUnsupported, shorten(scheme))
}

// bind fills in the parameters.
func (k *kind) bind(q *Query) (*boundQuery, error) {
	st, err := parse(q.Text, k.lexis)
	if err != nil {
		return nil, err
	}
	text, back, err := st.bind(func(name string) (string, error) {
		t, err := q.moment(name, k.beginning)
		return t.Format(k.literal), err
	})
	if err != nil {
		return nil, err
	}
	return &boundQuery{name: q.Name, text: text, at: func(offset int) string { return position(q.Text, back(offset)) }}, nil
}

// parseURL parses a URL without ever quoting it: what is not a URL may hold a password anywhere.
func parseURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("%w: this is no URL; expected scheme://user:password@host:port/database, "+
			"with the characters / ? # @ %% in a password written as %%2F %%3F %%23 %%40 %%25", sources.ErrUnsupported)
	}
	return u, nil
}
