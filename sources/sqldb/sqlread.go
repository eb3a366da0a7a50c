package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/sources"
)

// dialect is what differs between the databases that are read through database/sql.
type dialect interface {
	// begin makes the connection's session read-only, in UTC, and begins the transaction.
	begin(ctx context.Context, conn *sql.Conn, o Options) error
	// rewrite returns what to run for a query.
	rewrite(ctx context.Context, conn *sql.Conn, text string) (string, error)
	// outline returns a statement with the columns of a query and, if it can be had quickly, without its rows.
	outline(text string) string
	// cell returns how the values of a column are taken and the column's Arrow type.
	cell(t *sql.ColumnType) (cellMode, arrow.DataType, error)
	// failure returns the classifier of the driver's errors; q is nil where there is no query.
	failure(q *boundQuery) func(error) *failure
}

// interrupter is a dialect that can end a query from outside, so that its connection can be used further.
// Where it cannot, ending a query early ends its connection.
type interrupter interface {
	id(ctx context.Context, conn *sql.Conn) (int64, error)
	interrupt(ctx context.Context, db *sql.DB, id int64) error
}

// savepointer is a dialect whose transaction does not survive a failed query unless it returns to a savepoint.
type savepointer interface{ savepoints() }

// sqlBackend reads through database/sql.
type sqlBackend struct {
	db      *sql.DB
	dialect dialect
	options Options
}

func (b *sqlBackend) close() error { return b.db.Close() }

// sqlSession is a snapshot on one connection.
type sqlSession struct {
	backend *sqlBackend
	conn    *sql.Conn
	id      int64         // for interrupter
	turn    chan struct{} // holds one element while the connection is free
}

func (b *sqlBackend) snapshot(ctx context.Context) (_ session, err error) {
	limit, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	fail := func(err error) error { return readFailure(ctx, ctx, err, b.dialect.failure(nil)) }
	conn, err := b.db.Conn(limit)
	if err != nil {
		return nil, fail(err)
	}
	s := &sqlSession{backend: b, conn: conn, turn: make(chan struct{}, 1)}
	if err := b.dialect.begin(limit, conn, b.options); err != nil {
		return nil, errors.Join(fail(err), s.discard())
	}
	if d, ok := b.dialect.(interrupter); ok {
		if s.id, err = d.id(limit, conn); err != nil {
			return nil, errors.Join(fail(err), s.discard())
		}
	}
	s.turn <- struct{}{}
	return s, nil
}

// discard closes the connection for good.
func (s *sqlSession) discard() error {
	err := s.conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		err = nil
	}
	if closed := s.conn.Close(); !errors.Is(closed, sql.ErrConnDone) && !errors.Is(closed, driver.ErrBadConn) {
		err = errors.Join(err, closed)
	}
	return err
}

func (s *sqlSession) close() error {
	if _, ok := <-s.turn; !ok {
		return nil // closed already
	}
	defer close(s.turn)
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	// The server ends the transaction of a connection that is gone: a failure is no more than a lost goodbye.
	_, _ = s.conn.ExecContext(ctx, "ROLLBACK")
	return s.discard()
}

// use waits for the connection, for f to use alone.
func (s *sqlSession) use(ctx context.Context, f func() error) error {
	select {
	case _, ok := <-s.turn:
		if !ok {
			return fmt.Errorf("%w: the snapshot is closed", sources.ErrUnreachable)
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { s.turn <- struct{}{} }()
	return f()
}

func (s *sqlSession) read(ctx context.Context, q *boundQuery, yield func(sources.Batch) bool) error {
	return s.use(ctx, func() error { return s.run(ctx, q, q.text, yield) })
}

// outlineRows is how many rows columns looks at where a column's type hangs on its values.
const outlineRows = 1000

func (s *sqlSession) columns(ctx context.Context, q *boundQuery) (fields []arrow.Field, err error) {
	err = s.use(ctx, func() error {
		return s.query(ctx, q, s.backend.dialect.outline(q.text), func(rs *sql.Rows) error {
			r, err := s.newReader(q, rs, outlineRows, func(b sources.Batch) bool {
				if b.Record != nil {
					b.Record.Release()
				}
				return false
			})
			if err != nil {
				return err
			}
			defer r.rows.release()
			if err := r.all(rs); err != nil && !errors.Is(err, errStopped) {
				return err
			}
			r.settle()
			for _, c := range r.rows.columns {
				fields = append(fields, arrow.Field{Name: c.name, Type: c.typ, Nullable: true})
			}
			return nil
		})
	})
	return fields, err
}

func (s *sqlSession) run(ctx context.Context, q *boundQuery, text string, yield func(sources.Batch) bool) error {
	return s.query(ctx, q, text, func(rs *sql.Rows) error {
		r, err := s.newReader(q, rs, s.backend.options.BatchRows, yield)
		if err != nil {
			return err
		}
		defer r.rows.release()
		if err := r.all(rs); err != nil {
			return err
		}
		if !r.rows.flush() {
			return errStopped
		}
		return nil
	})
}

// query runs a statement and has f take its rows. It ends the statement where f does not read all of them: f
// returns errStopped, which is no error of query, or another error.
func (s *sqlSession) query(ctx context.Context, q *boundQuery, text string, f func(*sql.Rows) error) (err error) {
	limit, cancel := ctx, context.CancelFunc(func() {})
	_, interruptible := s.backend.dialect.(interrupter)
	if t := s.backend.options.StatementTimeout; t > 0 {
		if _, local := s.backend.dialect.(sqliteDialect); !local {
			t += timeoutGrace
		}
		limit, cancel = context.WithTimeout(ctx, t)
	}
	defer cancel()
	// Drivers answer a cancelled context by closing the connection. Where the query can be interrupted instead,
	// its context is cancelled only if that fails.
	running, kill := context.WithCancel(limit)
	interrupt := kill
	if interruptible {
		running, kill = context.WithCancel(context.WithoutCancel(ctx))
		interrupt = func() { s.interrupt(kill) }
		interrupted := make(chan struct{})
		stop := context.AfterFunc(limit, func() { defer close(interrupted); interrupt() })
		defer func() {
			if !stop() {
				<-interrupted // or it would hit the next query
			}
		}()
	}
	defer kill()
	defer func() { err = readFailure(ctx, limit, err, s.backend.dialect.failure(q)) }()

	if limit.Err() != nil {
		return context.Cause(limit)
	}
	if _, ok := s.backend.dialect.(savepointer); ok {
		if _, err := s.conn.ExecContext(running, "SAVEPOINT query"); err != nil {
			return err
		}
		defer func() {
			if err != nil && running.Err() == nil {
				_, rollback := s.conn.ExecContext(running, "ROLLBACK TO SAVEPOINT query")
				err = errors.Join(err, rollback)
			}
		}()
	}
	if text != q.text { // the errors of the query itself first, with its own places
		if err := s.parse(running, q.text); err != nil {
			return err
		}
	}
	if text, err = s.backend.dialect.rewrite(running, s.conn, text); err != nil {
		return err
	}
	// Prepared, because then the server takes one statement only.
	stmt, err := s.conn.PrepareContext(running, text)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }() // the connection may be gone, and the statement with it
	rs, err := stmt.QueryContext(running)
	if err != nil {
		return err
	}
	complete := false
	defer func() { // deferred, because the receiver of the batches may panic
		if !complete {
			interrupt() // or closing the rows would read them all
			_ = rs.Close()
		}
	}()
	if err := f(rs); err != nil {
		if errors.Is(err, errStopped) {
			return nil
		}
		return err
	}
	if err := rs.Err(); err != nil {
		return err
	}
	complete = true
	return rs.Close()
}

// parse has the server parse a statement.
func (s *sqlSession) parse(ctx context.Context, text string) (err error) {
	stmt, err := s.conn.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	return nil
}

// interrupt ends the query that runs on the session's connection; where that fails, it ends the connection.
func (s *sqlSession) interrupt(kill context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	if err := s.backend.dialect.(interrupter).interrupt(ctx, s.backend.db, s.id); err != nil {
		kill()
	}
}

// sqlReader takes the rows of a result.
type sqlReader struct {
	rows  *rows
	cells []cell
	dest  []any
	size  int               // of the row being taken
	bad   *sources.Rejected // the first value of the row that cannot be held
}

func (s *sqlSession) newReader(q *boundQuery, rs *sql.Rows, maxRows int, yield func(sources.Batch) bool) (*sqlReader, error) {
	types, err := rs.ColumnTypes()
	if err != nil {
		return nil, err
	}
	r := &sqlReader{cells: make([]cell, len(types)), dest: make([]any, len(types))}
	fields := make([]arrow.Field, len(types))
	for i, t := range types {
		mode, typ, err := s.backend.dialect.cell(t)
		if err != nil {
			return nil, err
		}
		fields[i] = arrow.Field{Name: t.Name(), Type: typ}
		r.cells[i] = cell{reader: r, mode: mode}
		r.dest[i] = &r.cells[i]
	}
	if err := checkNames(fields); err != nil {
		return nil, err
	}
	r.rows = newRows(q.name, maxRows, fields, s.backend.options.Allocator, yield)
	r.rows.settle = r.settle
	for i := range r.cells {
		r.cells[i].column = r.rows.columns[i]
	}
	return r, nil
}

// all takes all rows. It returns errStopped when the receiver wants no more.
func (r *sqlReader) all(rs *sql.Rows) error {
	for rs.Next() {
		r.size, r.bad = 0, nil
		if err := rs.Scan(r.dest...); err != nil {
			return err
		}
		if r.bad != nil {
			for i := range r.cells {
				r.cells[i].undo(r.rows.n)
			}
			if !r.rows.reject(r.bad.Column, r.bad.Value, r.bad.Reason) {
				return errStopped
			}
		} else if !r.rows.add(r.size) {
			return errStopped
		}
	}
	return rs.Err()
}

// settle gives the columns that wait for it a type.
func (r *sqlReader) settle() {
	for i := range r.cells {
		if c := &r.cells[i]; c.mode == cellPending {
			c.settle(r.rows.columns[i].mem)
			r.rows.columns[i] = c.column
		}
	}
}
