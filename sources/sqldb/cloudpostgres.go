package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	cloudpostgres "gocloud.dev/postgres"
)

// cloudPostgresKind is PostgreSQL through the cloud schemes of Go CDK, whose drivers know no COPY from the server.
var cloudPostgresKind = kind{
	product:   "PostgreSQL",
	lexis:     postgresLexis,
	open:      openCloudPostgres,
	literal:   postgresKind.literal,
	beginning: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
}

func openCloudPostgres(ctx context.Context, rawURL string, o Options) (backend, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	db, err := cloudpostgres.DefaultURLMux().OpenPostgresURL(ctx, u)
	if err != nil {
		return nil, openFailure(err)
	}
	return &sqlBackend{db: db, dialect: pqDialect{}, options: o}, nil
}

// pqDialect is that of PostgreSQL through lib/pq.
type pqDialect struct{}

func (pqDialect) savepoints() {}

func (pqDialect) begin(ctx context.Context, conn *sql.Conn, o Options) error {
	// The transaction takes its snapshot with its first query.
	for _, statement := range []string{"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", pgSettings(o), "SELECT 1"} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (pqDialect) rewrite(_ context.Context, _ *sql.Conn, text string) (string, error) {
	return text, nil
}

func (pqDialect) outline(text string) string {
	return "SELECT * FROM (" + text + "\n) AS query LIMIT 0"
}

func (pqDialect) cell(t *sql.ColumnType) (cellMode, arrow.DataType, error) {
	switch name := t.DatabaseTypeName(); name {
	case "BOOL":
		return cellBool, arrow.FixedWidthTypes.Boolean, nil
	case "INT2", "INT4", "INT8", "OID":
		return cellInt64, arrow.PrimitiveTypes.Int64, nil
	case "FLOAT4":
		return cellFloat32, arrow.PrimitiveTypes.Float32, nil
	case "FLOAT8":
		return cellFloat64, arrow.PrimitiveTypes.Float64, nil
	case "NUMERIC":
		if precision, scale, ok := t.DecimalSize(); ok && scale == 0 && precision <= 18 {
			return cellInt64, arrow.PrimitiveTypes.Int64, nil
		}
		return cellText, arrow.BinaryTypes.String, nil
	case "DATE":
		return cellDate, arrow.FixedWidthTypes.Date32, nil
	case "TIMESTAMP":
		return cellLocal, arrowTimestamp, nil
	case "TIMESTAMPTZ":
		return cellMoment, arrowTimestampUTC, nil
	case "BYTEA":
		return cellText, arrow.BinaryTypes.Binary, nil
	case "TEXT", "VARCHAR", "BPCHAR", "NAME", "CHAR", "JSON", "JSONB", "XML", "UUID", "INET", "CIDR", "UNKNOWN",
		"": // a type that is not built in, such as an enumeration, as PostgreSQL prints it
		return cellText, arrow.BinaryTypes.String, nil
	default:
		return 0, nil, unsupportedColumn(t.Name(), name, fmt.Sprintf("%s::text", t.Name()))
	}
}

func (pqDialect) failure(q *boundQuery) func(error) *failure {
	if q == nil {
		return pgFailure(nil)
	}
	return pgFailure(q.pgPlace(0))
}
