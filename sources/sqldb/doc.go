// Package sqldb reads the results of queries on SQLite, PostgreSQL and MySQL or MariaDB into Arrow batches.
// It never writes to a database and gives no column a meaning: it hands over what the database has.
//
// # Types
//
// A column has one Arrow type for the whole result, except that text may come as utf8 in one batch and as
// dictionary<int32, utf8> in another.
//
//	PostgreSQL                             MySQL, MariaDB                  SQLite             Arrow
//	boolean                                                                                   bool
//	smallint, integer, bigint, oid         TINYINT … BIGINT, YEAR, BIT     INTEGER            int64
//	                                       BIGINT UNSIGNED                                    uint64
//	real                                   FLOAT                                              float32
//	double precision                       DOUBLE                          REAL               float64
//	numeric(p,0), p ≤ 18                   DECIMAL(p,0), p ≤ 18                               int64
//	numeric                                DECIMAL                                            utf8, exact
//	date                                   DATE                                               date32
//	timestamp                              DATETIME                                           timestamp[us]
//	timestamptz                            TIMESTAMP                                          timestamp[us, UTC]
//	text, varchar, char, name, enum,       CHAR … LONGTEXT, ENUM, SET,     TEXT               utf8
//	  json, jsonb, xml, uuid, inet, cidr     JSON, TIME, UUID, INET6
//	bytea                                  BINARY … LONGBLOB               BLOB               binary
//
// Everything else is an error that names the column and says to cast it to text in the query. A value that its
// Arrow type cannot hold (infinity, MySQL's 0000-00-00) rejects its row, never the read.
//
// # SQLite
//
// SQLite keeps a type with each value, not with the column, so the column's type has to be found. A column declared
// with a type that contains INT, or CHAR, CLOB, TEXT, or REAL, FLOA, DOUB is int64, utf8 or float64. Any other
// column (an expression, or declared BOOLEAN, NUMERIC, DATE, TIMESTAMP, BLOB) takes the type of the values in the
// first batch: int64, float64, utf8 or binary where they agree, float64 for integers among reals where that is
// exact, and otherwise utf8, which holds everything: numbers as SQLite would print them. Where all are
// null, utf8. A later value that the type cannot hold rejects its row. SQLite's dates and booleans are what is
// stored: text and integers.
//
// # Parameters
//
// A query may use :from, :to and :changed_since anywhere an expression may stand. They become literals of the
// database's own type: timestamptz on PostgreSQL, DATETIME(6) in UTC on MySQL (the session's time zone is UTC), and
// on SQLite text such as 2026-11-21T00:00:00.000000000Z. The nine digits are for comparisons: text is compared byte
// by byte, '.' sorts before 'Z', and so every form of RFC 3339 in UTC that ends in Z, without a fraction or with one
// of up to nine digits, is at or after the literal of its own instant, and before that of any later one
// that starts a second. Values in another form, such as `2026-11-21 00:00:00`, need SQLite's datetime() on both sides.
//
// # Consistency
//
// A [Snapshot] is a read-only transaction in which every query sees the same data. On PostgreSQL (by URL, not through
// the cloud schemes) each concurrent Read has a connection of its own on one exported snapshot. Elsewhere a snapshot
// is one connection, and Reads wait for each other. Ending a Read early ends that connection, and the snapshot with it,
// only through the cloud schemes of PostgreSQL; MySQL's server is told to end the query, and SQLite stops at the next row.
//
// A snapshot of SQLite in rollback-journal mode keeps writers from committing until it is closed; in WAL mode it does not.
package sqldb
