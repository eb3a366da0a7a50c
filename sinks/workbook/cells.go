package workbook

import (
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
)

// Days of Excel's calendar: the serial number of 1970-01-01, and the first and last that mean the same day to
// everyone. Before March 1900 Excel counts a day that never was.
const (
	epochSerial = 25_569
	firstSerial = 61        // 1900-03-01
	lastSerial  = 2_958_465 // 9999-12-31
	daySeconds  = 86_400
)

// column writes the cells of one column.
type column struct {
	field  dictionary.Field
	letter string
	zone   *time.Location

	// What stands before the row's number, and after it up to the value, for each way to write a cell.
	before                            []byte
	text, spaced, formula, formulaSpc []byte
	number, truth                     []byte

	// Of the batch being written.
	nulls    arrow.Array   // nil where nothing is null
	texts    []byte        // all texts, one after the other
	offsets  []int32       // where in texts each begins, and the last ends
	codes    []int32       // of texts, nil where rows have their own
	dict     *array.String // retained: the dictionary that the states are of
	states   []state
	integers []int64
	days     []arrow.Date32
	times    []arrow.Timestamp
	booleans *array.Boolean

	contents ColumnContents
	width    width
	scratch  []byte
}

// state says what is known of a value of a dictionary.
type state uint8

const (
	unknown state = iota
	isPlain
	isSpecial
	isNull
)

func newColumn(f dictionary.Field, i int, zone *time.Location, s cellStyles) *column {
	c := &column{field: f, letter: columnLetters(i), zone: zone, contents: ColumnContents{Name: f.Name}}
	c.before = []byte(`<c r="` + c.letter)
	open := func(style int, rest string) []byte {
		if style == 0 {
			return []byte(`"` + rest)
		}
		return []byte(`" s="` + strconv.Itoa(style) + `"` + rest)
	}
	const plainText, spacedText = ` t="inlineStr"><is><t>`, ` t="inlineStr"><is><t xml:space="preserve">`
	c.text, c.spaced = open(s.text, plainText), open(s.text, spacedText)
	c.formula, c.formulaSpc = open(s.formula, plainText), open(s.formula, spacedText)
	c.truth = open(s.truth, ` t="b"><v>`)
	switch f.Kind {
	case dictionary.Date:
		c.number = open(s.date, `><v>`)
	case dictionary.Timestamp:
		c.number = open(s.time, `><v>`)
	default:
		c.number = open(s.integer, `><v>`)
	}
	c.width.header(f.Name)
	return c
}

// columnLetters returns the name of the i-th column of a sheet, counted from 0.
func columnLetters(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	return name
}

// bind makes the column write the values of a, which must stay until the next call.
func (c *column) bind(a arrow.Array) error {
	c.nulls = nil
	if a.NullN() > 0 {
		c.nulls = a
	}
	wrong := func() error {
		return fmt.Errorf("column %s: found %s, expected %s (%s)", c.field.Name, a.DataType(), c.field.Kind.ArrowType(), c.field.Kind)
	}
	switch c.field.Kind {
	case dictionary.String:
		return c.bindText(a, wrong)
	case dictionary.Date:
		days, ok := a.(*array.Date32)
		if !ok {
			return wrong()
		}
		c.days = days.Date32Values()
	case dictionary.Boolean:
		booleans, ok := a.(*array.Boolean)
		if !ok {
			return wrong()
		}
		c.booleans = booleans
	case dictionary.Integer:
		integers, ok := a.(*array.Int64)
		if !ok {
			return wrong()
		}
		c.integers = integers.Int64Values()
	case dictionary.Timestamp:
		times, ok := a.(*array.Timestamp)
		if !ok || !arrow.TypeEqual(a.DataType(), arrow.FixedWidthTypes.Timestamp_us) {
			return wrong()
		}
		c.times = times.TimestampValues()
	}
	return nil
}

func (c *column) bindText(a arrow.Array, wrong func() error) error {
	switch a := a.(type) {
	case *array.String:
		c.codes = nil
		c.setTexts(a)
		return nil
	case *array.Dictionary:
		codes, ok := a.Indices().(*array.Int32)
		values, isText := a.Dictionary().(*array.String)
		if !ok || !isText {
			return wrong()
		}
		c.codes = codes.Int32Values()
		c.setTexts(values)
		if c.dict != nil {
			if c.dict.Data() == values.Data() {
				return nil // what is known of its values is true for this batch, too
			}
			c.dict.Release()
		}
		c.dict = values
		c.dict.Retain()
		if cap(c.states) < values.Len() {
			c.states = make([]state, values.Len())
		}
		c.states = c.states[:values.Len()]
		clear(c.states)
		return nil
	}
	return wrong()
}

func (c *column) setTexts(a *array.String) {
	c.texts, c.offsets = nil, nil
	if a.Len() == 0 {
		return
	}
	c.offsets = a.ValueOffsets()
	if buffer := a.Data().Buffers()[2]; buffer != nil {
		c.texts = buffer.Bytes()
	}
}

// release lets go of the last batch.
func (c *column) release() {
	if c.dict != nil {
		c.dict.Release()
	}
	*c = column{field: c.field, contents: c.contents, width: c.width}
}

// appendCell appends the cell of row i of the batch to buf; row is the number of the row on the sheet, in digits. Of a
// sample the width is looked at.
func (c *column) appendCell(buf, row []byte, i int, sample bool) []byte {
	if c.nulls != nil && c.nulls.IsNull(i) {
		return buf
	}
	if c.field.Kind == dictionary.String {
		return c.appendTextCell(buf, row, i, sample)
	}
	buf = c.begin(buf, row)
	switch c.field.Kind {
	case dictionary.Integer:
		n := c.integers[i]
		c.contents.Sum += n
		buf = append(buf, c.number...)
		from := len(buf)
		buf = strconv.AppendInt(buf, n, 10)
		if sample {
			c.width.digits(len(buf) - from)
		}
		return append(buf, `</v></c>`...)
	case dictionary.Boolean:
		buf = append(buf, c.truth...)
		if c.booleans.Value(i) {
			c.contents.Sum++
			buf = append(buf, '1')
		} else {
			buf = append(buf, '0')
		}
		return append(buf, `</v></c>`...)
	case dictionary.Date:
		return c.appendDate(buf, int64(c.days[i]), sample)
	case dictionary.Timestamp:
		return c.appendTime(buf, int64(c.times[i]), sample)
	}
	return buf
}

func (c *column) begin(buf, row []byte) []byte {
	c.contents.Cells++
	buf = append(buf, c.before...)
	return append(buf, row...)
}

// value returns the text of row i of the batch, nil where it is null or no text.
func (c *column) value(i int) []byte {
	switch {
	case c.field.Kind != dictionary.String || c.nulls != nil && c.nulls.IsNull(i):
		return nil
	case c.codes != nil:
		i = int(c.codes[i])
	}
	return c.texts[c.offsets[i]:c.offsets[i+1]]
}

func (c *column) appendTextCell(buf, row []byte, i int, sample bool) []byte {
	text := c.value(i)
	if c.codes == nil {
		return c.appendString(c.begin(buf, row), text, plain(text), sample)
	}
	code := c.codes[i]
	if c.states[code] == unknown {
		switch {
		case c.dict.IsNull(int(code)):
			c.states[code] = isNull
		case plain(text):
			c.states[code] = isPlain
		default:
			c.states[code] = isSpecial
		}
	}
	if c.states[code] == isNull {
		return buf
	}
	return c.appendString(c.begin(buf, row), text, c.states[code] == isPlain, sample)
}

func (c *column) appendString(buf, text []byte, isPlain, sample bool) []byte {
	if sample {
		c.width.text(text)
	}
	if isPlain {
		buf = append(buf, c.text...)
		buf = append(buf, text...)
		return append(buf, `</t></is></c>`...)
	}
	text = fitText(text)
	formula, spaced := beginsFormula(text), keepsSpace(text)
	switch {
	case formula && spaced:
		buf = append(buf, c.formulaSpc...)
	case formula:
		buf = append(buf, c.formula...)
	case spaced:
		buf = append(buf, c.spaced...)
	default:
		buf = append(buf, c.text...)
	}
	buf = appendText(buf, text)
	return append(buf, `</t></is></c>`...)
}

func (c *column) appendDate(buf []byte, day int64, sample bool) []byte {
	serial := day + epochSerial
	if serial < firstSerial || serial > lastSerial {
		return c.appendOutside(buf, time.Unix(day*daySeconds, 0).UTC(), time.DateOnly, sample)
	}
	if sample {
		c.width.at(len(time.DateOnly))
	}
	c.contents.Sum += serial
	buf = append(buf, c.number...)
	buf = strconv.AppendInt(buf, serial, 10)
	return append(buf, `</v></c>`...)
}

// appendTime writes an instant of so many microseconds since 1970. Its number always has a decimal point, by which
// Read knows it.
func (c *column) appendTime(buf []byte, micros int64, sample bool) []byte {
	wall := time.Unix(floorDiv(micros, 1e6), 0).In(c.zone)
	_, offset := wall.Zone()
	seconds := wall.Unix() + int64(offset)
	serial := floorDiv(seconds, daySeconds) + epochSerial
	if serial < firstSerial || serial > lastSerial {
		return c.appendOutside(buf, wall, time.DateTime, sample)
	}
	if sample {
		c.width.at(len(time.DateTime))
	}
	seconds += epochSerial * daySeconds
	c.contents.Sum += seconds
	buf = append(buf, c.number...)
	if seconds%daySeconds == 0 {
		buf = append(strconv.AppendInt(buf, serial, 10), ".0"...)
	} else {
		buf = strconv.AppendFloat(buf, float64(seconds)/daySeconds, 'f', -1, 64)
	}
	return append(buf, `</v></c>`...)
}

// appendOutside writes a time that Excel's calendar does not have as text.
func (c *column) appendOutside(buf []byte, t time.Time, layout string, sample bool) []byte {
	c.scratch = t.AppendFormat(c.scratch[:0], layout)
	return c.appendString(buf, c.scratch, plain(c.scratch), sample)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
