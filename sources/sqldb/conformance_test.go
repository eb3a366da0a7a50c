package sqldb_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	cloudmysql "gocloud.dev/mysql"
	cloudpostgres "gocloud.dev/postgres"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/sourcetest"
	"github.com/usagereport/usagereport/sources/sqldb"
)

var (
	i64       = arrow.PrimitiveTypes.Int64
	f64       = arrow.PrimitiveTypes.Float64
	text      = arrow.BinaryTypes.String
	blob      = arrow.BinaryTypes.Binary
	localTime = &arrow.TimestampType{Unit: arrow.Microsecond}
	instant   = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
)

func TestSQLite(t *testing.T) {
	sourcetest.Run(t, sourcetest.Database{
		Fresh: func(tb testing.TB) string { return "sqlite://" + filepath.Join(tb.TempDir(), "with space & 100%.db") },
		Writer: func(tb testing.TB, u string) *sql.DB {
			path := strings.TrimPrefix(u, "sqlite://")
			db, err := sql.Open("sqlite", "file:"+url.PathEscape(path)+"?_pragma=journal_mode(wal)")
			if err != nil {
				tb.Fatal(err)
			}
			if _, err := db.Exec("CREATE TABLE made (x)"); err != nil {
				tb.Fatal(err)
			}
			tb.Cleanup(func() { _ = db.Close() })
			return db
		},
		BigInt: "BIGINT", Text: "TEXT", Instant: "TIMESTAMP",
		Moment: func(s string) string { return "'" + s + "'" },
		Numbers: func(n int) string {
			return fmt.Sprintf("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < %d) SELECT n FROM c", n)
		},
		Slow: "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < 1000000000) SELECT count(*) AS n FROM c",
		Values: []sourcetest.Value{
			{Type: "INTEGER", Literal: "9223372036854775807", Want: i64, Text: "9223372036854775807"},
			{Type: "INTEGER", Literal: "-9223372036854775808", Want: i64, Text: "-9223372036854775808"},
			{Type: "INTEGER", Literal: "'abc'", Want: i64, Reject: "abc"},
			{Type: "INTEGER", Literal: "1.5", Want: i64, Reject: "1.5"},
			{Type: "INTEGER", Literal: "x'00ff'", Want: i64, Reject: "\x00\xff"},
			{Type: "REAL", Literal: "1", Want: f64, Text: "1"},
			{Type: "DOUBLE PRECISION", Literal: "0.1", Want: f64, Text: "0.1"},
			{Type: "TEXT", Literal: "'Zoë'", Want: text, Text: "Zoë"},
			{Type: "TEXT", Literal: "12", Want: text, Text: "12"},
			{Type: "TEXT", Literal: "x'61'", Want: text, Text: "a"},
			{Type: "VARCHAR(10)", Literal: "'x'", Want: text, Text: "x"},
			{Type: "BLOB", Literal: "x'00ff'", Want: blob, Text: "AP8="},
			{Type: "BLOB", Literal: "'text'", Want: text, Text: "text"},
			{Type: "BOOLEAN", Literal: "TRUE", Want: i64, Text: "1"},
			{Type: "BOOLEAN", Literal: "'true'", Want: text, Text: "true"},
			{Type: "TIMESTAMP", Literal: "'2026-11-21 10:00:00'", Want: text, Text: "2026-11-21 10:00:00"},
			{Type: "DATETIME", Literal: "'2026-11-21T10:00:00.123456789+05:30'", Want: text, Text: "2026-11-21T10:00:00.123456789+05:30"},
			{Type: "DATE", Literal: "'2026-11-21'", Want: text, Text: "2026-11-21"},
			{Type: "TIMESTAMP", Literal: "1795212000", Want: i64, Text: "1795212000"},
			{Type: "NUMERIC", Literal: "1.5", Want: f64, Text: "1.5"},
			{Type: "", Literal: "'anything'", Want: text, Text: "anything"},
		},
		Broken: []sourcetest.Broken{
			{Name: "no columns", Query: "PRAGMA shrink_memory", Is: sources.ErrQuery, Says: []string{"SELECT"}},
		},
	})
}

// postgresValues are read alike through COPY and through database/sql.
var postgresValues = []sourcetest.Value{
	{Type: "boolean", Literal: "true", Want: arrow.FixedWidthTypes.Boolean, Text: "true"},
	{Type: "smallint", Literal: "-32768", Want: i64, Text: "-32768"},
	{Type: "integer", Literal: "-2147483648", Want: i64, Text: "-2147483648"},
	{Type: "bigint", Literal: "9223372036854775807", Want: i64, Text: "9223372036854775807"},
	{Type: "oid", Literal: "4294967295", Want: i64, Text: "4294967295"},
	{Type: "real", Literal: "1.5", Want: arrow.PrimitiveTypes.Float32, Text: "1.5"},
	{Type: "double precision", Literal: "0.1", Want: f64, Text: "0.1"},
	{Type: "double precision", Literal: "'NaN'", Want: f64, Text: "NaN"},
	{Type: "numeric(18)", Literal: "-999999999999999999", Want: i64, Text: "-999999999999999999"},
	{Type: "numeric(19)", Literal: "9999999999999999999", Want: text, Text: "9999999999999999999"},
	{Type: "numeric", Literal: "120000.0001000", Want: text, Text: "120000.0001000"},
	{Type: "numeric", Literal: "-0.00000012345", Want: text, Text: "-0.00000012345"},
	{Type: "numeric", Literal: "1e30", Want: text, Text: "1000000000000000000000000000000"},
	{Type: "numeric", Literal: "'NaN'", Want: text, Text: "NaN"},
	{Type: "numeric", Literal: "'-Infinity'", Want: text, Text: "-Infinity"},
	{Type: "numeric(10,2)", Literal: "0", Want: text, Text: "0.00"},
	{Type: "text", Literal: "'Zoë 🙂'", Want: text, Text: "Zoë 🙂"},
	{Type: "varchar(20)", Literal: "''", Want: text, Text: ""},
	{Type: "char(3)", Literal: "'ab'", Want: text, Text: "ab "},
	{Type: "name", Literal: "'ab'", Want: text, Text: "ab"},
	{Type: "json", Literal: `'{"a": 1}'`, Want: text, Text: `{"a": 1}`},
	{Type: "jsonb", Literal: `'{"a":1}'`, Want: text, Text: `{"a": 1}`},
	{Type: "xml", Literal: "'<a/>'", Want: text, Text: "<a/>"},
	{Type: "uuid", Literal: "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", Want: text, Text: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	{Type: "inet", Literal: "'192.168.1.7'", Want: text, Text: "192.168.1.7"},
	{Type: "inet", Literal: "'192.168.1.7/24'", Want: text, Text: "192.168.1.7/24"},
	{Type: "inet", Literal: "'2001:db8::1'", Want: text, Text: "2001:db8::1"},
	{Type: "cidr", Literal: "'10.0.0.0/32'", Want: text, Text: "10.0.0.0/32"},
	{Type: "mood", Literal: "'glad'", Want: text, Text: "glad"},
	{Type: "nickname", Literal: "'glad'", Want: text, Text: "glad"},
	{Type: "bytea", Literal: `'\x00ff'`, Want: blob, Text: "AP8="},
	{Type: "date", Literal: "'2024-02-29'", Want: arrow.FixedWidthTypes.Date32, Text: "2024-02-29"},
	{Type: "date", Literal: "'1969-12-31'", Want: arrow.FixedWidthTypes.Date32, Text: "1969-12-31"},
	{Type: "date", Literal: "'infinity'", Want: arrow.FixedWidthTypes.Date32, Reject: "infinity"},
	{Type: "timestamp", Literal: "'2026-11-21 00:00:00.000001'", Want: localTime, Text: "2026-11-21 00:00:00.000001Z"},
	{Type: "timestamp", Literal: "'-infinity'", Want: localTime, Reject: "-infinity"},
	{Type: "timestamptz", Literal: "'2026-11-20 23:59:59.999999+05:30'", Want: instant, Text: "2026-11-20 18:29:59.999999Z"},
	{Type: "timestamptz", Literal: "'infinity'", Want: instant, Reject: "infinity"},
}

func postgres() sourcetest.Database {
	return sourcetest.Database{
		Fresh: testservice.Postgres,
		Writer: func(tb testing.TB, u string) *sql.DB {
			db := writer(tb)(cloudpostgres.Open(tb.Context(), u))
			for _, s := range []string{"CREATE TYPE mood AS ENUM ('glad', 'sad')", "CREATE DOMAIN nickname AS varchar(40)"} {
				if _, err := db.Exec(s); err != nil {
					tb.Fatal(err)
				}
			}
			return db
		},
		BigInt: "bigint", Text: "text", Instant: "timestamptz",
		Moment:  func(s string) string { return "timestamptz '" + s + "'" },
		Numbers: func(n int) string { return fmt.Sprintf("SELECT generate_series(1, %d) AS n", n) },
		Slow:    "SELECT pg_sleep(100)::text AS n",
		Values:  postgresValues,
		Kill: func(tb testing.TB, w *sql.DB, marker string) {
			var n int
			if err := w.QueryRow("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%' || $1 || '%'", marker).Scan(&n); err != nil || n != 1 {
				tb.Fatalf("%d killed, %v", n, err)
			}
		},
		Connections: func(tb testing.TB, w *sql.DB) (n int) {
			if err := w.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'usagereport'").Scan(&n); err != nil {
				tb.Fatal(err)
			}
			return n
		},
		Running: func(tb testing.TB, w *sql.DB, marker string) (n int) {
			if err := w.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%' || $1 || '%'", marker).Scan(&n); err != nil {
				tb.Fatal(err)
			}
			return n
		},
		Broken: []sourcetest.Broken{
			{Name: "place", Query: "SELECT id,\n 'ö' || absent\nFROM b", Is: sources.ErrQuery, Says: []string{"absent", "line 2, column 9"}},
			{Name: "unsupported", Query: "SELECT interval '1 day' AS took", Is: sources.ErrUnsupported, Says: []string{`"took"`, "took::text"}},
		},
	}
}

func TestPostgres(t *testing.T) {
	d := postgres()
	d.Concurrent = true
	sourcetest.Run(t, d)
}

func TestCloudPostgres(t *testing.T) {
	d := postgres()
	d.Open = sqldb.OpenCloudPostgres
	sourcetest.Run(t, d)
}

func TestMySQL(t *testing.T) {
	sourcetest.Run(t, sourcetest.Database{
		Fresh:  testservice.MySQL,
		Writer: func(tb testing.TB, u string) *sql.DB { return writer(tb)(cloudmysql.Open(tb.Context(), u)) },
		BigInt: "BIGINT", Text: "LONGTEXT", Instant: "DATETIME(6)",
		Moment: func(s string) string {
			return "TIMESTAMP'" + strings.TrimSuffix(strings.Replace(s, "T", " ", 1), "Z") + "'"
		},
		Numbers: func(n int) string { return fmt.Sprintf("SELECT seq AS n FROM seq_1_to_%d", n) },
		Slow:    "SELECT SLEEP(100) AS n",
		Values: []sourcetest.Value{
			{Type: "TINYINT(1)", Literal: "TRUE", Want: i64, Text: "1"},
			{Type: "TINYINT UNSIGNED", Literal: "255", Want: i64, Text: "255"},
			{Type: "SMALLINT", Literal: "-32768", Want: i64, Text: "-32768"},
			{Type: "MEDIUMINT UNSIGNED", Literal: "16777215", Want: i64, Text: "16777215"},
			{Type: "INT UNSIGNED", Literal: "4294967295", Want: i64, Text: "4294967295"},
			{Type: "BIGINT", Literal: "-9223372036854775808", Want: i64, Text: "-9223372036854775808"},
			{Type: "BIGINT UNSIGNED", Literal: "18446744073709551615", Want: arrow.PrimitiveTypes.Uint64, Text: "18446744073709551615"},
			{Type: "YEAR", Literal: "2026", Want: i64, Text: "2026"},
			{Type: "BIT(1)", Literal: "b'1'", Want: i64, Text: "1"},
			{Type: "BIT(12)", Literal: "b'100000000001'", Want: i64, Text: "2049"},
			{Type: "FLOAT", Literal: "1.5", Want: arrow.PrimitiveTypes.Float32, Text: "1.5"},
			{Type: "DOUBLE", Literal: "0.1", Want: f64, Text: "0.1"},
			{Type: "DECIMAL(18)", Literal: "-999999999999999999", Want: i64, Text: "-999999999999999999"},
			{Type: "DECIMAL(19)", Literal: "9999999999999999999", Want: text, Text: "9999999999999999999"},
			{Type: "DECIMAL(10,2)", Literal: "-0.05", Want: text, Text: "-0.05"},
			{Type: "CHAR(36)", Literal: "'Zoë'", Want: text, Text: "Zoë"},
			{Type: "VARCHAR(20) CHARACTER SET latin1", Literal: "'Zoë'", Want: text, Text: "Zoë"},
			{Type: "TEXT", Literal: "'🙂'", Want: text, Text: "🙂"},
			{Type: "ENUM('a','b')", Literal: "'b'", Want: text, Text: "b"},
			{Type: "SET('a','b')", Literal: "'b,a'", Want: text, Text: "a,b"},
			{Type: "JSON", Literal: `'{"a": 1}'`, Want: text, Text: `{"a": 1}`},
			{Type: "UUID", Literal: "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", Want: text, Text: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
			{Type: "TIME", Literal: "'-10:00:00'", Want: text, Text: "-10:00:00"},
			{Type: "VARBINARY(4)", Literal: "x'00ff'", Want: blob, Text: "AP8="},
			{Type: "BLOB", Literal: "x'00ff'", Want: blob, Text: "AP8="},
			{Type: "DATE", Literal: "'2024-02-29'", Want: arrow.FixedWidthTypes.Date32, Text: "2024-02-29"},
			{Type: "DATETIME", Literal: "'2026-11-21 10:00:00'", Want: localTime, Text: "2026-11-21 10:00:00Z"},
			{Type: "DATETIME(6)", Literal: "'1000-01-01 00:00:00.000001'", Want: localTime, Text: "1000-01-01 00:00:00.000001Z"},
			{Type: "DATETIME(3)", Literal: "'2026-11-21 23:59:59.999'", Want: localTime, Text: "2026-11-21 23:59:59.999Z"},
			{Type: "TIMESTAMP(6) NULL", Literal: "'2026-11-21 00:00:00.000001'", Want: instant, Text: "2026-11-21 00:00:00.000001Z"},
		},
		Kill: func(tb testing.TB, w *sql.DB, marker string) {
			var id int64
			if err := w.QueryRow("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND info LIKE CONCAT('%', ?, '%')", marker).Scan(&id); err != nil {
				tb.Fatal(err)
			}
			if _, err := w.Exec(fmt.Sprintf("KILL %d", id)); err != nil {
				tb.Fatal(err)
			}
		},
		Running: func(tb testing.TB, w *sql.DB, marker string) (n int) {
			if err := w.QueryRow("SELECT count(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND info LIKE CONCAT('%', ?, '%')", marker).Scan(&n); err != nil {
				tb.Fatal(err)
			}
			return n
		},
		Broken: []sourcetest.Broken{
			{Name: "unsupported", Query: "SELECT POINT(1,1) AS place", Is: sources.ErrUnsupported, Says: []string{`"place"`, "CAST(place AS CHAR)"}},
		},
	})
}

// writer takes what an opener returns.
func writer(tb testing.TB) func(*sql.DB, error) *sql.DB {
	return func(db *sql.DB, err error) *sql.DB {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := db.Close(); err != nil {
				tb.Error(err)
			}
		})
		return db
	}
}
