package figures

import (
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
)

// pick returns a record of the given rows of rec, in their order. Dictionaries are shared, not copied. The caller releases it.
func pick(mem memory.Allocator, rec arrow.Record, rows []int) (arrow.Record, error) {
	if int64(len(rows)) == rec.NumRows() {
		rec.Retain()
		return rec, nil
	}
	cols := make([]arrow.Array, 0, rec.NumCols())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for i, col := range rec.Columns() {
		picked, err := pickColumn(mem, col, rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rec.ColumnName(i), err)
		}
		cols = append(cols, picked)
	}
	return array.NewRecord(rec.Schema(), cols, int64(len(rows))), nil
}

func pickColumn(mem memory.Allocator, col arrow.Array, rows []int) (arrow.Array, error) {
	switch col := col.(type) {
	case *array.Dictionary:
		b := array.NewInt32Builder(mem)
		defer b.Release()
		b.Reserve(len(rows))
		for _, row := range rows {
			if col.IsNull(row) {
				b.UnsafeAppendBoolToBitmap(false)
				continue
			}
			b.UnsafeAppend(int32(col.GetValueIndex(row)))
		}
		codes := b.NewArray()
		defer codes.Release()
		dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: col.Dictionary().DataType()}
		return array.NewDictionaryArray(dt, codes, col.Dictionary()), nil
	case *array.String:
		b := array.NewStringBuilder(mem)
		defer b.Release()
		for _, row := range rows {
			if col.IsNull(row) {
				b.AppendNull()
				continue
			}
			b.Append(col.Value(row))
		}
		return b.NewArray(), nil
	case *array.Timestamp:
		b := array.NewTimestampBuilder(mem, col.DataType().(*arrow.TimestampType))
		defer b.Release()
		for _, row := range rows {
			b.Append(col.Value(row)) // the log has no column of instants that may be null
		}
		return b.NewArray(), nil
	}
	return nil, fmt.Errorf("a column of %s, expected text or instants", col.DataType())
}

// eventOf returns a row of a record of the audit log. Its texts are copies.
func eventOf(rec arrow.Record, row int, zone *time.Location) (AuditEvent, error) {
	at, err := instants(rec)
	if err != nil {
		return AuditEvent{}, err
	}
	text := func(name string) string {
		v, _ := textAt(rec.Column(dictionary.AuditLog.Index(name)), row)
		return strings.Clone(v)
	}
	return AuditEvent{
		ID: text("event_id"), At: time.UnixMicro(int64(at[row])).In(zone),
		WorkspaceID: text("workspace_id"), WorkspaceName: text("workspace_name"), Action: text("action"),
		Actor:    Person{ID: text("actor_user_id"), Name: text("actor_user_name"), Email: text("actor_user_email")},
		Target:   Person{ID: text("target_user_id"), Name: text("target_user_name"), Email: text("target_user_email")},
		InviteID: text("invite_id"), OldRole: text("old_role"), NewRole: text("new_role"), IPAddress: text("ip_address"),
	}, nil
}
