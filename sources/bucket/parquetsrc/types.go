package parquetsrc

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// shape is how the values of a column are held while a page is being read.
type shape uint8

const (
	shapeBits  shape = iota // booleans, a bit each
	shape32                 // 4 bytes each
	shape64                 // 8 bytes each
	shapeBytes              // text or bytes of any length
)

// field is a top-level column of the file.
type field struct {
	name     string
	element  format.SchemaElement
	leaf     int // position among the file's leaf columns, -1 for a nested column
	nullable bool
	why      string // why the column cannot be read; empty when it can
	typ      arrow.DataType
	shape    shape
	to64     func([]byte) (int64, error)    // converts one fixed-length value, nil when values are taken as they are
	text     func(dst, value []byte) []byte // writes one value as text, nil when values are taken as they are
	width    int                            // bytes of one physical value, 0 for byte arrays
}

// dictType is the type of columns that come out as codes.
var dictType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}

// fieldsOf lists the top-level columns of a schema, readable or not.
func fieldsOf(elements []format.SchemaElement) ([]field, error) {
	if len(elements) == 0 {
		return nil, fmt.Errorf("the footer has no schema")
	}
	var fields []field
	next, leaf := 1, 0
	for range elements[0].NumChildren.V {
		if next >= len(elements) {
			return nil, fmt.Errorf("the footer's schema ends early: %d elements", len(elements))
		}
		e := &elements[next]
		f := field{name: e.Name, element: *e, leaf: leaf}
		end, leaves, err := skipElement(elements, next, 0)
		if err != nil {
			return nil, err
		}
		switch {
		case !e.Type.Valid:
			f.leaf, f.why = -1, "nested"
		case e.RepetitionType.V == format.Repeated:
			f.leaf, f.why = -1, "repeated"
		default:
			f.nullable = e.RepetitionType.Valid && e.RepetitionType.V == format.Optional
			f.resolve(e)
		}
		fields = append(fields, f)
		next, leaf = end, leaf+leaves
	}
	return fields, nil
}

// skipElement returns the index after the element at i and all below it, and how many leaves that is.
func skipElement(elements []format.SchemaElement, i, depth int) (end, leaves int, err error) {
	if i >= len(elements) || depth > 100 {
		return 0, 0, fmt.Errorf("the footer's schema ends early: %d elements", len(elements))
	}
	children := elements[i].NumChildren.V
	end = i + 1
	if elements[i].Type.Valid {
		return end, 1, nil
	}
	for range children {
		var n int
		if end, n, err = skipElement(elements, end, depth+1); err != nil {
			return 0, 0, err
		}
		leaves += n
	}
	return end, leaves, nil
}

// resolve finds the Arrow type of a leaf, or why there is none.
func (f *field) resolve(e *format.SchemaElement) {
	physical := e.Type.V
	switch physical {
	case format.Boolean:
		f.typ, f.shape = arrow.FixedWidthTypes.Boolean, shapeBits
	case format.Int32:
		f.typ, f.shape, f.width = arrow.PrimitiveTypes.Int32, shape32, 4
	case format.Int64:
		f.typ, f.shape, f.width = arrow.PrimitiveTypes.Int64, shape64, 8
	case format.Float:
		f.typ, f.shape, f.width = arrow.PrimitiveTypes.Float32, shape32, 4
	case format.Double:
		f.typ, f.shape, f.width = arrow.PrimitiveTypes.Float64, shape64, 8
	case format.Int96:
		f.typ, f.shape, f.width, f.to64 = &arrow.TimestampType{Unit: arrow.Microsecond}, shape64, 12, int96Micros
	case format.ByteArray:
		f.typ, f.shape = arrow.BinaryTypes.Binary, shapeBytes
	case format.FixedLenByteArray:
		f.typ, f.shape, f.width = arrow.BinaryTypes.Binary, shapeBytes, int(e.TypeLength.V)
		if f.width <= 0 {
			f.why = fmt.Sprintf("FIXED_LEN_BYTE_ARRAY(%d)", f.width)
			return
		}
	default:
		f.why = fmt.Sprintf("physical type %d", physical)
		return
	}
	if l := e.LogicalType.Value; l != nil {
		f.logical(l, physical)
	} else if e.ConvertedType.Valid {
		f.converted(e, physical)
	}
}

// logical applies a logical type. One that does not fit the physical type leaves the column unreadable.
func (f *field) logical(l format.LogicalTypeValue, physical format.Type) {
	misfit := fmt.Sprintf("%s on %s", l.String(), physical)
	need := func(ok bool) bool {
		if !ok {
			f.why = misfit
		}
		return ok
	}
	switch l := l.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		if need(physical == format.ByteArray) {
			f.typ = arrow.BinaryTypes.String
		}
	case *format.BsonType:
	case *format.UUIDType:
		if need(physical == format.FixedLenByteArray && f.width == 16) {
			f.typ, f.text = arrow.BinaryTypes.String, uuidText
		}
	case *format.DecimalType:
		f.decimal(int(l.Precision), int(l.Scale), physical)
	case *format.DateType:
		if need(physical == format.Int32) {
			f.typ = arrow.FixedWidthTypes.Date32
		}
	case *format.IntType:
		if need(physical == format.Int32 && l.BitWidth <= 32 || physical == format.Int64 && l.BitWidth == 64) {
			f.integer(l.IsSigned, physical)
		}
	case *format.TimestampType:
		if need(physical == format.Int64) {
			unit := arrow.Microsecond
			switch l.Unit.Value.(type) {
			case *format.MilliSeconds:
				unit = arrow.Millisecond
			case *format.NanoSeconds:
				unit = arrow.Nanosecond
			case *format.MicroSeconds:
			default:
				f.why = misfit
			}
			f.timestamp(unit, l.IsAdjustedToUTC)
		}
	default: // TIME, FLOAT16, VARIANT, GEOMETRY and what may come
		f.why = l.String()
	}
}

// converted applies the annotation that older writers use instead of a logical type.
func (f *field) converted(e *format.SchemaElement, physical format.Type) {
	is32, is64, bytes := physical == format.Int32, physical == format.Int64, physical == format.ByteArray
	fits := true
	switch c := e.ConvertedType.V; c {
	case deprecated.UTF8, deprecated.Enum, deprecated.Json:
		fits, f.typ = bytes, arrow.BinaryTypes.String
	case deprecated.Bson:
	case deprecated.Decimal:
		f.decimal(int(e.Precision.V), int(e.Scale.V), physical)
	case deprecated.Date:
		fits, f.typ = is32, arrow.FixedWidthTypes.Date32
	case deprecated.TimestampMillis:
		fits = is64
		f.timestamp(arrow.Millisecond, true)
	case deprecated.TimestampMicros:
		fits = is64
		f.timestamp(arrow.Microsecond, true)
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
		fits = is32 || is64
		f.integer(false, physical)
	case deprecated.Int8, deprecated.Int16, deprecated.Int32, deprecated.Int64:
		fits = is32 || is64
	default: // TIME, INTERVAL and the annotations of groups
		fits = false
	}
	if !fits {
		f.why = fmt.Sprintf("converted type %d on %s", e.ConvertedType.V, physical)
	}
}

func (f *field) timestamp(unit arrow.TimeUnit, utc bool) {
	t := &arrow.TimestampType{Unit: unit}
	if utc {
		t.TimeZone = "UTC"
	}
	f.typ = t
}

// integer sets the type of an annotated integer. Widths below 32 bits come out as 32 bits.
func (f *field) integer(signed bool, physical format.Type) {
	switch {
	case physical == format.Int32 && !signed:
		f.typ = arrow.PrimitiveTypes.Uint32
	case physical == format.Int64 && !signed:
		f.typ = arrow.PrimitiveTypes.Uint64
	}
}

// decimal reads whole numbers of up to 18 digits as integers and all others as exact text.
func (f *field) decimal(precision, scale int, physical format.Type) {
	if scale < 0 || precision < scale || precision > 1000 || physical == format.Boolean ||
		physical == format.Float || physical == format.Double || physical == format.Int96 {
		f.why = fmt.Sprintf("DECIMAL(%d,%d) on %s", precision, scale, physical)
		return
	}
	binary := physical == format.ByteArray || physical == format.FixedLenByteArray
	switch {
	case scale == 0 && !binary:
	case scale == 0 && precision <= 18 && physical == format.FixedLenByteArray:
		f.typ, f.shape, f.to64 = arrow.PrimitiveTypes.Int64, shape64, bigEndian64
	case binary:
		f.typ, f.text = arrow.BinaryTypes.String, func(dst, v []byte) []byte { return bigDecimalText(dst, v, scale) }
	default:
		f.typ, f.shape = arrow.BinaryTypes.String, shapeBytes
		f.text = func(dst, v []byte) []byte { return decimalText(dst, native(v), scale) }
	}
}
