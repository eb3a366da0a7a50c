package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/go-sql-driver/mysql"
	cloudmysql "gocloud.dev/mysql"

	"github.com/usagereport/usagereport/sources"
)

var mysqlKind = kind{
	product:   "MySQL",
	lexis:     lexis{backslash: true, backtick: true, hash: true, dashSpace: true},
	open:      openMySQL,
	literal:   "TIMESTAMP'2006-01-02 15:04:05.000000'",
	beginning: time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC), // where the range of DATETIME starts
}

func openMySQL(ctx context.Context, rawURL string, o Options) (backend, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	silenceDriver()
	db, err := cloudmysql.DefaultURLMux().OpenMySQLURL(ctx, u)
	if err != nil {
		return nil, openFailure(err)
	}
	return &sqlBackend{db: db, dialect: mysqlDialect{}, options: o}, nil
}

// silenceDriver stops the driver from writing to standard error what it also returns as errors.
var silenceDriver = sync.OnceFunc(func() {
	// It fails for nil alone.
	_ = mysql.SetLogger(&mysql.NopLogger{})
})

// openFailure classifies what an opener of Go CDK says about a URL.
func openFailure(err error) error {
	return &failure{kind: sources.ErrUnsupported, text: oneLine(err), hint: "check the source's URL", cause: err}
}

// mysqlDialect is that of MySQL and MariaDB.
type mysqlDialect struct{}

func (mysqlDialect) begin(ctx context.Context, conn *sql.Conn, o Options) error {
	var version string
	if err := conn.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return err
	}
	limit := fmt.Sprintf("SET SESSION max_execution_time=%d", max(0, o.StatementTimeout.Milliseconds()))
	if strings.Contains(strings.ToLower(version), "mariadb") {
		limit = fmt.Sprintf("SET SESSION max_statement_time=%f", max(0, o.StatementTimeout.Seconds()))
	}
	for _, statement := range []string{
		"SET SESSION time_zone='+00:00'",
		// A session that waits for its reader must not be ended for it.
		"SET SESSION net_write_timeout=28800, SESSION wait_timeout=28800",
		// The texts of queries are scanned for parameters as if this were off.
		"SET SESSION sql_mode=REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', '')",
		limit,
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
		"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (mysqlDialect) rewrite(_ context.Context, _ *sql.Conn, text string) (string, error) {
	return text, nil
}

// outline keeps the query on its lines, which the server's messages count.
func (mysqlDialect) outline(text string) string {
	return "SELECT * FROM (" + text + "\n) AS query LIMIT 0"
}

func (mysqlDialect) id(ctx context.Context, conn *sql.Conn) (id int64, err error) {
	err = conn.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id)
	return id, err
}

func (mysqlDialect) interrupt(ctx context.Context, db *sql.DB, id int64) error {
	_, err := db.ExecContext(ctx, fmt.Sprintf("KILL QUERY %d", id))
	return err
}

func (mysqlDialect) cell(t *sql.ColumnType) (cellMode, arrow.DataType, error) {
	switch name := t.DatabaseTypeName(); name {
	case "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "YEAR",
		"UNSIGNED TINYINT", "UNSIGNED SMALLINT", "UNSIGNED MEDIUMINT", "UNSIGNED INT":
		return cellInt64, arrow.PrimitiveTypes.Int64, nil
	case "UNSIGNED BIGINT":
		return cellUint64, arrow.PrimitiveTypes.Uint64, nil
	case "BIT":
		return cellBits, arrow.PrimitiveTypes.Int64, nil
	case "FLOAT":
		return cellFloat32, arrow.PrimitiveTypes.Float32, nil
	case "DOUBLE":
		return cellFloat64, arrow.PrimitiveTypes.Float64, nil
	case "DECIMAL":
		if precision, scale, ok := t.DecimalSize(); ok && scale == 0 && precision <= 18 {
			return cellInt64, arrow.PrimitiveTypes.Int64, nil
		}
		return cellText, arrow.BinaryTypes.String, nil
	case "DATE":
		return cellDate, arrow.FixedWidthTypes.Date32, nil
	case "DATETIME":
		return cellLocal, arrowTimestamp, nil
	case "TIMESTAMP":
		return cellLocal, arrowTimestampUTC, nil // the session's clock is UTC
	case "CHAR", "VARCHAR", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT", "ENUM", "SET", "JSON", "TIME", "NULL":
		return cellText, arrow.BinaryTypes.String, nil
	case "BINARY", "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB":
		return cellText, arrow.BinaryTypes.Binary, nil
	default:
		return 0, nil, unsupportedColumn(t.Name(), name, fmt.Sprintf("CAST(%s AS CHAR)", t.Name()))
	}
}

func (mysqlDialect) failure(*boundQuery) func(error) *failure {
	return func(err error) *failure {
		var my *mysql.MySQLError
		if !errors.As(err, &my) {
			if errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) {
				return &failure{kind: sources.ErrUnreachable, text: "the connection was lost", hint: hintLost, cause: err}
			}
			return nil
		}
		f := &failure{kind: sources.ErrQuery, text: fmt.Sprintf("%s (error %d)", my.Message, my.Number), cause: err}
		switch my.Number {
		case 1045, 1698, 1251, 1524, 1130, 1820, 1862: // credentials, host, expired password
			f.kind, f.hint = sources.ErrDenied, hintPassword
		case 1044:
			f.kind, f.hint = sources.ErrDenied, hintGrant
		case 1142, 1143, 1227, 1370:
			f.kind, f.hint = sources.ErrDenied, hintGrant
		case 1049:
			f.kind, f.hint = sources.ErrNotFound, hintDatabase
		case 1146, 1109:
			f.kind, f.hint = sources.ErrNotFound, hintTable
		case 1060:
			f.hint = "give one of the columns another name with AS"
		case 1054:
			f.hint = hintColumn
		case 1792, 1290, 1836:
			f.hint = hintReadOnly
		case 3024, 1969: // the time-outs of MySQL and MariaDB
			f.kind, f.hint, f.lasts = sources.ErrUnreachable, hintTimeout, true
		case 1317, 1053, 1927, 1152, 1158, 1159, 1160, 1161, 4031: // interrupted, shutdown, killed, network
			f.kind, f.hint = sources.ErrUnreachable, hintLost
		case 1040, 1203, 1205, 1213, 1226, 1412: // too many connections, locks, quota, table changed
			f.kind, f.hint = sources.ErrUnreachable, "run it again, when the server is less busy"
		}
		return f
	}
}
