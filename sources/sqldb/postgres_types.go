package sqldb

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/usagereport/usagereport/sources"
)

// decoder is how a value of PostgreSQL's binary format becomes a value of a column.
type decoder uint8

const (
	decodeBool decoder = iota
	decodeInt2
	decodeInt4
	decodeInt8
	decodeOID
	decodeFloat4
	decodeFloat8
	decodeNumericInt // numeric(p,0), p ≤ 18
	decodeNumeric
	decodeText
	decodeJSONB
	decodeUUID
	decodeInet
	decodeDate
	decodeTimestamp
	decodeTimestampTZ
	decodeBytea
)

var (
	arrowTimestamp    = &arrow.TimestampType{Unit: arrow.Microsecond}
	arrowTimestampUTC = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
)

func (d decoder) arrowType() arrow.DataType {
	switch d {
	case decodeBool:
		return arrow.FixedWidthTypes.Boolean
	case decodeInt2, decodeInt4, decodeInt8, decodeOID, decodeNumericInt:
		return arrow.PrimitiveTypes.Int64
	case decodeFloat4:
		return arrow.PrimitiveTypes.Float32
	case decodeFloat8:
		return arrow.PrimitiveTypes.Float64
	case decodeDate:
		return arrow.FixedWidthTypes.Date32
	case decodeTimestamp:
		return arrowTimestamp
	case decodeTimestampTZ:
		return arrowTimestampUTC
	case decodeBytea:
		return arrow.BinaryTypes.Binary
	default:
		return arrow.BinaryTypes.String
	}
}

// pgColumn is a column of a result.
type pgColumn struct {
	name    string
	decoder decoder
}

// pgDecoders are the decoders of the types that every server has, by OID.
var pgDecoders = map[uint32]decoder{
	16: decodeBool, 21: decodeInt2, 23: decodeInt4, 20: decodeInt8, 26: decodeOID, 700: decodeFloat4, 701: decodeFloat8,
	25: decodeText, 1043: decodeText, 1042: decodeText, 19: decodeText, 18: decodeText, 114: decodeText, 142: decodeText, 705: decodeText,
	3802: decodeJSONB, 2950: decodeUUID, 869: decodeInet, 650: decodeInet,
	1082: decodeDate, 1114: decodeTimestamp, 1184: decodeTimestampTZ, 17: decodeBytea,
}

const oidNumeric = 1700

// pgColumns maps the types of a result. Types that are not built in (enumerations, citext) are looked up.
func pgColumns(ctx context.Context, conn *pgconn.PgConn, fields []pgconn.FieldDescription) ([]pgColumn, error) {
	cols := make([]pgColumn, len(fields))
	var unknown []string
	for i, f := range fields {
		cols[i].name = f.Name
		d, ok := pgDecoders[f.DataTypeOID]
		switch {
		case ok:
			cols[i].decoder = d
		case f.DataTypeOID == oidNumeric:
			cols[i].decoder = numericDecoder(f.TypeModifier)
		default:
			unknown = append(unknown, fmt.Sprint(f.DataTypeOID))
		}
	}
	if unknown == nil {
		return cols, nil
	}
	const look = "SELECT oid, pg_catalog.format_type(oid, NULL), typsend::text FROM pg_catalog.pg_type WHERE oid IN (%s)"
	results, err := conn.Exec(ctx, fmt.Sprintf(look, strings.Join(unknown, ","))).ReadAll()
	if err != nil {
		return nil, err
	}
	type found struct{ name, send string }
	types := map[string]found{}
	for _, row := range results[0].Rows {
		types[string(row[0])] = found{string(row[1]), string(row[2])}
	}
	for i, f := range fields {
		if _, ok := pgDecoders[f.DataTypeOID]; ok || f.DataTypeOID == oidNumeric {
			continue
		}
		t := types[fmt.Sprint(f.DataTypeOID)]
		switch t.send {
		case "enum_send", "citextsend", "textsend", "varcharsend", "bpcharsend":
			cols[i].decoder = decodeText // the binary format of these is the text
		default:
			return nil, unsupportedColumn(f.Name, t.name, f.Name+"::text")
		}
	}
	return cols, nil
}

func unsupportedColumn(column, typ, cast string) error {
	return fmt.Errorf("%w: column %q is of type %s; cast it in the query, for example to text: %s", sources.ErrUnsupported, column, typ, cast)
}

// numericDecoder returns int64 only where every value of the declared type fits: the type of a column must not hang
// on its values.
func numericDecoder(modifier int32) decoder {
	if modifier >= 4 {
		precision, scale := (modifier-4)>>16&0xffff, (modifier-4)&0x7ff
		if scale == 0 && precision <= 18 {
			return decodeNumericInt
		}
	}
	return decodeNumeric
}

// The epoch of PostgreSQL's dates and timestamps, 2000-01-01, counted from Arrow's.
const (
	pgEpochDays   = 10957
	pgEpochMicros = pgEpochDays * 24 * 60 * 60 * 1_000_000
)

// pgDate converts days; ok is false for infinity and what Arrow cannot hold.
func pgDate(v int32) (days int32, ok bool) {
	if v == math.MinInt32 || v > math.MaxInt32-pgEpochDays { // the least and the greatest are the infinities
		return 0, false
	}
	return v + pgEpochDays, true
}

// pgTimestamp converts microseconds; ok is false for infinity and what Arrow cannot hold.
func pgTimestamp(v int64) (micros int64, ok bool) {
	if v == math.MinInt64 || v > math.MaxInt64-pgEpochMicros { // the least and the greatest are the infinities
		return 0, false
	}
	return v + pgEpochMicros, true
}
