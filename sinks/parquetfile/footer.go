package parquetfile

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/usagereport/usagereport/dictionary"
)

const (
	magic = "PAR1"

	// createdBy changes when the same rows would be encoded to other bytes, and only then: row groups are copied
	// from one file into another only where it is the same.
	createdBy = "usagereport version 1.0.0"

	arrowSchemaKey = "ARROW:schema" // where Arrow readers look for the schema with its metadata
)

// The structs below are those of parquet-go's package format that lead to statistics, with the two fields that
// its Statistics lacks: whether the bounds are exact.
type (
	statistics struct {
		NullCount       int64             `thrift:"3,optional,writezero"`
		DistinctCount   int64             `thrift:"4,optional"`
		MaxValue        []byte            `thrift:"5,optional"`
		MinValue        []byte            `thrift:"6,optional"`
		IsMaxValueExact thrift.Null[bool] `thrift:"7,optional"`
		IsMinValueExact thrift.Null[bool] `thrift:"8,optional"`
	}
	columnMetaData struct {
		Type                  format.Type                            `thrift:"1,required"`
		Encoding              thrift.Slice[format.Encoding]          `thrift:"2,required"`
		PathInSchema          thrift.Slice[string]                   `thrift:"3,required"`
		Codec                 format.CompressionCodec                `thrift:"4,required"`
		NumValues             int64                                  `thrift:"5,required"`
		TotalUncompressedSize int64                                  `thrift:"6,required"`
		TotalCompressedSize   int64                                  `thrift:"7,required"`
		KeyValueMetadata      thrift.Slice[format.KeyValue]          `thrift:"8,optional"`
		DataPageOffset        int64                                  `thrift:"9,required"`
		DictionaryPageOffset  int64                                  `thrift:"11,optional"`
		Statistics            statistics                             `thrift:"12,optional,writezero"`
		EncodingStats         thrift.Slice[format.PageEncodingStats] `thrift:"13,optional"`
		SizeStatistics        format.SizeStatistics                  `thrift:"16,optional"`
	}
	columnChunk struct {
		FileOffset        int64          `thrift:"2,required"`
		MetaData          columnMetaData `thrift:"3,optional"`
		OffsetIndexOffset int64          `thrift:"4,optional"`
		OffsetIndexLength int32          `thrift:"5,optional"`
		ColumnIndexOffset int64          `thrift:"6,optional"`
		ColumnIndexLength int32          `thrift:"7,optional"`
	}
	rowGroup struct {
		Columns             thrift.Slice[columnChunk]          `thrift:"1,required"`
		TotalByteSize       int64                              `thrift:"2,required"`
		NumRows             int64                              `thrift:"3,required"`
		SortingColumns      thrift.Slice[format.SortingColumn] `thrift:"4,optional"`
		FileOffset          int64                              `thrift:"5,optional"`
		TotalCompressedSize int64                              `thrift:"6,optional"`
		Ordinal             int16                              `thrift:"7,optional,writezero"`
	}
	fileMetaData struct {
		Version          int32                              `thrift:"1,required"`
		Schema           thrift.Slice[format.SchemaElement] `thrift:"2,required"`
		NumRows          int64                              `thrift:"3,required"`
		RowGroups        thrift.Slice[rowGroup]             `thrift:"4,required"`
		KeyValueMetadata thrift.Slice[format.KeyValue]      `thrift:"5,optional"`
		CreatedBy        string                             `thrift:"6,optional"`
		ColumnOrders     thrift.Slice[format.ColumnOrder]   `thrift:"7,optional"`
	}
)

// footer collects what stands behind the row groups: page indexes and metadata.
type footer struct {
	schema        []format.SchemaElement
	metadata      []format.KeyValue
	sorting       []format.SortingColumn
	rowGroups     []rowGroup
	columnIndexes [][]format.ColumnIndex // by row group and column
	offsetIndexes [][]format.OffsetIndex
}

// newFooter begins a footer. What the table says of itself joins the metadata, and all of it stands twice: plainly, and
// in the Arrow schema, because Arrow readers show only what they find there.
func newFooter(t *dictionary.Table, metadata map[string]string) (footer, error) {
	schema := t.Schema()
	all := schema.Metadata().ToMap()
	maps.Copy(all, metadata)
	own := arrow.MetadataFrom(all)
	arrowSchema, err := encodeSchema(arrow.NewSchema(schema.Fields(), &own))
	if err != nil {
		return footer{}, err
	}
	all[arrowSchemaKey] = arrowSchema
	f := footer{schema: schemaOf(t), sorting: sortingOf(t)}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		f.metadata = append(f.metadata, format.KeyValue{Key: key, Value: all[key]})
	}
	return f, nil
}

// write writes column indexes, offset indexes, metadata, its length and the magic bytes.
func (f *footer) write(out *countingWriter) error {
	buffered := bufio.NewWriterSize(out, 64<<10)
	counted := &countingWriter{w: buffered, n: out.n}
	encoder := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(counted))
	for i, indexes := range f.columnIndexes {
		for j := range indexes {
			c := &f.rowGroups[i].Columns[j]
			c.ColumnIndexOffset = counted.n
			if err := encoder.Encode(&indexes[j]); err != nil {
				return err
			}
			c.ColumnIndexLength = int32(counted.n - c.ColumnIndexOffset)
		}
	}
	for i, indexes := range f.offsetIndexes {
		for j := range indexes {
			c := &f.rowGroups[i].Columns[j]
			c.OffsetIndexOffset = counted.n
			if err := encoder.Encode(&indexes[j]); err != nil {
				return err
			}
			c.OffsetIndexLength = int32(counted.n - c.OffsetIndexOffset)
		}
	}
	meta := fileMetaData{
		Version:          2,
		Schema:           f.schema,
		RowGroups:        f.rowGroups,
		KeyValueMetadata: f.metadata,
		CreatedBy:        createdBy,
	}
	if meta.RowGroups == nil {
		meta.RowGroups = []rowGroup{}
	}
	for i := range f.rowGroups {
		meta.NumRows += f.rowGroups[i].NumRows
	}
	for range len(f.schema) - 1 {
		meta.ColumnOrders = append(meta.ColumnOrders, format.ColumnOrder{Value: new(format.TypeDefinedOrder)})
	}
	start := counted.n
	if err := encoder.Encode(&meta); err != nil {
		return err
	}
	tail := binary.LittleEndian.AppendUint32(nil, uint32(counted.n-start))
	if _, err := io.WriteString(counted, string(tail)+magic); err != nil {
		return err
	}
	return buffered.Flush()
}

// schemaOf returns the Parquet schema: a root and one leaf per field, in order.
func schemaOf(t *dictionary.Table) []format.SchemaElement {
	root := format.SchemaElement{Name: "schema"}
	root.NumChildren.Set(int32(len(t.Fields)))
	elements := []format.SchemaElement{root}
	for _, f := range t.Fields {
		e := format.SchemaElement{Name: f.Name}
		e.Type.Set(physicalType(f.Kind))
		if f.Required {
			e.RepetitionType.Set(format.Required)
		} else {
			e.RepetitionType.Set(format.Optional)
		}
		switch f.Kind {
		case dictionary.String:
			e.ConvertedType.Set(deprecated.UTF8)
			e.LogicalType.Value = new(format.StringType)
		case dictionary.Date:
			e.ConvertedType.Set(deprecated.Date)
			e.LogicalType.Value = new(format.DateType)
		case dictionary.Timestamp:
			e.ConvertedType.Set(deprecated.TimestampMicros)
			e.LogicalType.Value = &format.TimestampType{
				IsAdjustedToUTC: true,
				Unit:            format.TimeUnit{Value: new(format.MicroSeconds)},
			}
		}
		elements = append(elements, e)
	}
	return elements
}

// physicalType is how values of a kind are stored. Integers have no logical type: INT64 alone is what every reader
// takes for a signed 64-bit integer.
func physicalType(k dictionary.Kind) format.Type {
	switch k {
	case dictionary.Date:
		return format.Int32
	case dictionary.Boolean:
		return format.Boolean
	case dictionary.Integer, dictionary.Timestamp:
		return format.Int64
	default:
		return format.ByteArray
	}
}

func sortingOf(t *dictionary.Table) []format.SortingColumn {
	var columns []format.SortingColumn
	for _, name := range t.SortOrder() {
		columns = append(columns, format.SortingColumn{
			ColumnIdx:  int32(t.Index(name)),
			Descending: name == t.NewestFirst,
			NullsFirst: true,
		})
	}
	return columns
}

// encodeSchema returns the schema as Arrow readers expect it in the metadata of a Parquet file: an IPC message in base64.
func encodeSchema(schema *arrow.Schema) (string, error) {
	var buf bytes.Buffer
	if err := ipc.NewWriter(&buf, ipc.WithSchema(schema)).Close(); err != nil {
		return "", fmt.Errorf("encoding the Arrow schema: %w", err)
	}
	// The stream is the schema's message and an end mark of eight bytes, which is no part of the message.
	message := buf.Bytes()[:buf.Len()-8]
	return base64.StdEncoding.EncodeToString(message), nil
}
