package sqldb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/usagereport/usagereport/sources"
)

// postgresLexis is that of a session with standard_conforming_strings, which every session of ours sets.
var postgresLexis = lexis{escapeE: true, dollar: true, nested: true, subscripts: true}

var postgresKind = kind{
	product:   "PostgreSQL",
	lexis:     postgresLexis,
	open:      openPostgres,
	literal:   "TIMESTAMPTZ '2006-01-02 15:04:05.000000+00'",
	beginning: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
}

// pgReadBuffer is what is read from the socket at once. The server sends 8 KiB at a time and pgconn reads as much;
// a larger buffer saves system calls while the server is ahead.
const pgReadBuffer = 256 << 10

// pgBackend reads PostgreSQL through binary COPY.
type pgBackend struct {
	config  *pgconn.Config
	options Options
}

func openPostgres(_ context.Context, rawURL string, o Options) (backend, error) {
	if _, err := parseURL(rawURL); err != nil {
		return nil, err
	}
	config, err := pgconn.ParseConfig(rawURL)
	if err != nil {
		// The parser's own error shows the URL, with its password where it cannot tell it.
		reason := "a setting has no valid value, or a file that it names cannot be read"
		if cause := errors.Unwrap(err); cause != nil {
			reason = oneLine(cause)
		}
		return nil, fmt.Errorf("%w: the URL's settings: %s; see the parameters of libpq, such as sslmode and sslrootcert", sources.ErrUnsupported, reason)
	}
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, pgReadBuffer), w)
	}
	if _, ok := config.RuntimeParams["application_name"]; !ok {
		config.RuntimeParams["application_name"] = "usagereport"
	}
	return &pgBackend{config: config, options: o}, nil
}

func (b *pgBackend) close() error { return nil }

// connect opens a connection and begins a transaction on it: on the exported snapshot, if one is named.
func (b *pgBackend) connect(ctx context.Context, exported string) (*pgconn.PgConn, error) {
	limit, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(limit, b.config)
	if err != nil {
		return nil, readFailure(ctx, ctx, err, pgFailure(nil))
	}
	if err := b.begin(limit, conn, exported); err != nil {
		return nil, errors.Join(readFailure(ctx, ctx, err, pgFailure(nil)), closePostgres(conn))
	}
	return conn, nil
}

func (b *pgBackend) begin(ctx context.Context, conn *pgconn.PgConn, exported string) error {
	var sql strings.Builder
	sql.WriteString("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;")
	if exported != "" {
		quoted, err := conn.EscapeString(exported)
		if err != nil {
			return err
		}
		fmt.Fprintf(&sql, "SET TRANSACTION SNAPSHOT '%s';", quoted)
	}
	sql.WriteString(pgSettings(b.options))
	_, err := conn.Exec(ctx, sql.String()).ReadAll()
	return err
}

// pgSettings returns what every transaction sets. The time zone decides what a timestamp without a zone means next
// to one with; a session that waits for its reader must not be ended for idling.
func pgSettings(o Options) string {
	return fmt.Sprintf("SET LOCAL timezone='UTC';SET LOCAL datestyle='ISO';SET LOCAL standard_conforming_strings=on;SET LOCAL client_encoding='UTF8';"+
		"SET LOCAL idle_in_transaction_session_timeout=0;SET LOCAL statement_timeout=%d", pgTimeout(o.StatementTimeout))
}

// pgTimeout returns milliseconds, of which the server takes an int32. Below one it would take 0 for no bound.
func pgTimeout(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return min(max(1, d.Milliseconds()), 1<<31-1)
}

// pgSession is a snapshot that is exported by the connection lead, which runs no queries: an error in one would
// end its transaction and the export with it. Each read takes a connection of its own.
type pgSession struct {
	backend  *pgBackend
	exported string

	mu     sync.Mutex
	lead   *pgconn.PgConn
	idle   []*pgconn.PgConn // in a transaction on the snapshot
	reads  sync.WaitGroup
	closed bool
}

func (b *pgBackend) snapshot(ctx context.Context) (session, error) {
	lead, err := b.connect(ctx, "")
	if err != nil {
		return nil, err
	}
	results, err := lead.Exec(ctx, "SELECT pg_catalog.pg_export_snapshot()").ReadAll()
	if err != nil {
		return nil, errors.Join(readFailure(ctx, ctx, err, pgFailure(nil)), closePostgres(lead))
	}
	return &pgSession{backend: b, lead: lead, exported: string(results[0].Rows[0][0])}, nil
}

// take returns a connection on the snapshot. Whoever takes one calls give.
func (s *pgSession) take(ctx context.Context) (*pgconn.PgConn, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, fmt.Errorf("%w: the snapshot is closed", sources.ErrUnreachable)
	}
	s.reads.Add(1)
	if n := len(s.idle); n > 0 {
		conn := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return conn, nil
	}
	s.mu.Unlock()
	conn, err := s.backend.connect(ctx, s.exported)
	if err != nil {
		s.reads.Done()
		return nil, err
	}
	return conn, nil
}

// give takes a connection back. One whose query did not run to its end is closed, and this waits until the
// server has been told.
func (s *pgSession) give(conn *pgconn.PgConn) error {
	defer s.reads.Done()
	if !conn.IsClosed() && !conn.IsBusy() && conn.TxStatus() == 'T' {
		s.mu.Lock()
		s.idle = append(s.idle, conn)
		s.mu.Unlock()
		return nil
	}
	return closePostgres(conn)
}

func (s *pgSession) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.reads.Wait()
	var errs []error
	for _, conn := range append(s.idle, s.lead) {
		if conn != nil {
			errs = append(errs, closePostgres(conn))
		}
	}
	s.idle, s.lead = nil, nil
	return errors.Join(errs...)
}

// closePostgres closes a connection in whatever state, with the query that may run on it.
func closePostgres(conn *pgconn.PgConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	if conn.IsBusy() {
		// A failure to cancel is no reason to keep the connection; the server notices its end.
		_ = conn.CancelRequest(ctx)
	}
	var err error
	if !conn.IsClosed() {
		err = conn.Close(ctx)
	}
	select {
	case <-conn.CleanupDone():
	case <-ctx.Done():
	}
	return err
}

// columns describes the query and maps its types.
func (s *pgSession) columns(ctx context.Context, q *boundQuery) (fields []arrow.Field, err error) {
	conn, err := s.take(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.give(conn)) }()
	cols, err := s.describe(ctx, conn, q)
	if err != nil {
		return nil, readFailure(ctx, ctx, err, pgFailure(q.pgPlace(0)))
	}
	return pgFields(cols), nil
}

func pgFields(cols []pgColumn) []arrow.Field {
	fields := make([]arrow.Field, len(cols))
	for i, c := range cols {
		fields[i] = arrow.Field{Name: c.name, Type: c.decoder.arrowType(), Nullable: true}
	}
	return fields
}

// describe has the server parse the query, alone: what goes into the COPY statement is one statement by its
// judgement, not ours.
func (s *pgSession) describe(ctx context.Context, conn *pgconn.PgConn, q *boundQuery) ([]pgColumn, error) {
	d, err := conn.Prepare(ctx, "", q.text, nil)
	if err != nil {
		return nil, err
	}
	if len(d.ParamOIDs) > 0 {
		return nil, fmt.Errorf("%w: it uses $1; the parameters are :from, :to and :changed_since", sources.ErrQuery)
	}
	return pgColumns(ctx, conn, d.Fields)
}

func (s *pgSession) read(ctx context.Context, q *boundQuery, yield func(sources.Batch) bool) (err error) {
	conn, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.give(conn)) }()

	limit, cancel := ctx, context.CancelFunc(func() {})
	if t := s.backend.options.StatementTimeout; t > 0 {
		limit, cancel = context.WithTimeout(ctx, t+timeoutGrace)
	}
	defer cancel()
	cols, err := s.describe(limit, conn, q)
	if err != nil {
		return readFailure(ctx, limit, err, pgFailure(q.pgPlace(0)))
	}
	fields := pgFields(cols)
	if err := checkNames(fields); err != nil {
		return err
	}
	rows := newRows(q.name, s.backend.options.BatchRows, fields, s.backend.options.Allocator, yield)
	defer rows.release()
	stream := &copyStream{rows: rows, columns: cols}
	// The line break ends a comment that the query may end with.
	const before, after = "COPY (", "\n) TO STDOUT (FORMAT binary)"
	tag, err := conn.CopyTo(limit, stream, before+q.text+after)
	switch {
	case errors.Is(err, errStopped):
		return nil
	case err != nil:
		return readFailure(ctx, limit, err, pgFailure(q.pgPlace(len(before))))
	case !stream.done || tag.RowsAffected() != rows.row-1:
		return &failure{kind: sources.ErrUnreachable, hint: hintLost,
			text: fmt.Sprintf("the result ended early: %d rows arrived and the server says %q", rows.row-1, tag)}
	}
	rows.flush()
	return nil
}
