// Command workbook writes one workbook, a million rows of the Generation Log, with sinks/workbook and with excelize's
// own stream writer, each in a process of its own, and prints wall time, processor time, peak memory and size.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/xuri/excelize/v2"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/workbook"
)

// writers are what is compared; "none" only makes the rows, which the others do, too.
var writers = map[string]func(name string, rows int) error{"ours": ours, "excelize": plain, "none": none}

func main() {
	rows := flag.Int("rows", 1_000_000, "rows of the Generation Log")
	rounds := flag.Int("rounds", 3, "how often each is run; the median counts")
	writer := flag.String("writer", "", "write with this one only, into the file -out, and measure nothing")
	out := flag.String("out", "", "the workbook that -writer writes")
	flag.Parse()
	var err error
	if write := writers[*writer]; write != nil {
		err = write(*out, *rows)
	} else {
		err = compare(context.Background(), *rows, *rounds)
	}
	if err != nil {
		log.Fatal(err)
	}
}

type figures struct {
	wall, cpu   time.Duration
	peak, bytes int64
}

func compare(ctx context.Context, rows, rounds int) error {
	dir, err := os.MkdirTemp("", "bench-workbook-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	names := []string{"ours", "excelize", "none"}
	found := map[string][]figures{}
	for range rounds {
		for _, name := range names {
			f, err := measure(ctx, name, filepath.Join(dir, name+".xlsx"), rows)
			if err != nil {
				return err
			}
			found[name] = append(found[name], f)
		}
	}
	fmt.Printf("%d rows of the Generation Log, medians of %d rounds; none: the rows are made and not written\n", rows, rounds)
	median := map[string]figures{}
	for _, name := range names {
		slices.SortFunc(found[name], func(a, b figures) int { return int(a.wall - b.wall) })
		m := found[name][len(found[name])/2]
		median[name] = m
		fmt.Printf("%-9s %6.2f s wall %6.2f s processor %5d MB peak %5d MB file\n",
			name, m.wall.Seconds(), m.cpu.Seconds(), m.peak>>20, m.bytes>>20)
	}
	a, b := median["ours"], median["excelize"]
	fmt.Printf("ours is %.1f times as fast, in %.0f%% of the memory\n", b.wall.Seconds()/a.wall.Seconds(), 100*float64(a.peak)/float64(b.peak))
	began := time.Now()
	contents, err := readBack(filepath.Join(dir, "ours.xlsx"))
	if err != nil {
		return err
	}
	sheet := contents.Sheets[0]
	fmt.Printf("reading ours back: %.2f s, %d rows in %d parts\n", time.Since(began).Seconds(), sheet.Rows, len(sheet.Parts))
	return nil
}

func readBack(name string) (*workbook.Contents, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return workbook.Read(f, info.Size())
}

// measure runs one writer in a process of its own.
func measure(ctx context.Context, writer, name string, rows int) (figures, error) {
	program, err := os.Executable()
	if err != nil {
		return figures{}, err
	}
	cmd := exec.CommandContext(ctx, program, "-writer", writer, "-out", name, "-rows", strconv.Itoa(rows))
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return figures{}, fmt.Errorf("%s: %w", writer, err)
	}
	f := figures{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.peak = usage.Maxrss * 1024
	}
	if info, err := os.Stat(name); err == nil {
		f.bytes = info.Size()
	}
	return f, nil
}

func ours(name string, rows int) error {
	return intoFile(name, func(out io.Writer) error {
		w, err := workbook.New(out, workbook.Options{Title: "Usage Logs", Made: time.Unix(1_800_000_000, 0)})
		if err != nil {
			return err
		}
		defer w.Discard()
		sheet, err := w.Sheet(dictionary.GenerationLog)
		if err != nil {
			return err
		}
		if err := batches(rows, sheet.Write); err != nil {
			return err
		}
		if err := sheet.Close(); err != nil {
			return err
		}
		_, err = w.Close()
		return err
	})
}

// plain is excelize as its documentation has it, with the header and the formats of ours.
func plain(name string, rows int) error {
	return intoFile(name, func(out io.Writer) error {
		f := excelize.NewFile()
		defer func() { _ = f.Close() }()
		stream, err := f.NewStreamWriter("Sheet1")
		if err != nil {
			return err
		}
		format := "yyyy-mm-dd"
		date, err := f.NewStyle(&excelize.Style{CustomNumFmt: &format})
		if err != nil {
			return err
		}
		row := make([]any, len(dictionary.GenerationLog.Fields))
		for i, field := range dictionary.GenerationLog.Fields {
			row[i] = field.Name
		}
		if err := stream.SetRow("A1", row); err != nil {
			return err
		}
		number := 1
		err = batches(rows, func(rec arrow.Record) error {
			for i := range int(rec.NumRows()) {
				for j, column := range rec.Columns() {
					row[j] = value(column, i, date)
				}
				number++
				if err := stream.SetRow("A"+strconv.Itoa(number), row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := stream.Flush(); err != nil {
			return err
		}
		return f.Write(out)
	})
}

func value(column arrow.Array, i, date int) any {
	if column.IsNull(i) {
		return nil
	}
	switch c := column.(type) {
	case *array.Dictionary:
		return c.Dictionary().(*array.String).Value(c.GetValueIndex(i))
	case *array.Int64:
		return c.Value(i)
	case *array.Boolean:
		return c.Value(i)
	case *array.Date32:
		return excelize.Cell{StyleID: date, Value: int64(c.Value(i)) + 25_569}
	}
	return column.ValueStr(i)
}

func none(_ string, rows int) error {
	return batches(rows, func(arrow.Record) error { return nil })
}

func intoFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(f, 1<<20)
	if err := write(buffered); err != nil {
		_ = f.Close()
		return err
	}
	if err := buffered.Flush(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// batches makes rows as the nightly run has them: text by code, dictionaries for the whole log, sorted by day.
func batches(rows int, each func(arrow.Record) error) error {
	const size = 1 << 14
	columns := newColumns()
	defer func() {
		for _, c := range columns {
			if c.dict != nil {
				c.dict.Release()
			}
		}
	}()
	schema := make([]arrow.Field, len(columns))
	for i, c := range columns {
		schema[i] = arrow.Field{Name: c.name, Type: c.dataType, Nullable: true}
	}
	for from := 0; from < rows; from += size {
		n := min(size, rows-from)
		arrays := make([]arrow.Array, len(columns))
		for i, c := range columns {
			arrays[i] = c.batch(from, n, rows)
		}
		rec := array.NewRecord(arrow.NewSchema(schema, nil), arrays, int64(n))
		for _, a := range arrays {
			a.Release()
		}
		err := each(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

type column struct {
	name     string
	dataType arrow.DataType
	dict     arrow.Array // of text, else nil
	distinct int
	nullOf   int // so many of ten are null
	seed     uint64
}

// newColumns returns the columns of the Generation Log with values of the lengths and numbers that logs have.
func newColumns() []*column {
	long := func(prefix string) func(i int) string {
		return func(i int) string {
			return fmt.Sprintf("%s%08x-%04x-4%03x-a%03x-%012x", prefix, mix(uint64(i)), i&0xffff, i&0xfff, i&0xfff, mix(uint64(i))>>16)
		}
	}
	texts := map[string]struct {
		distinct, nulls int
		text            func(i int) string
	}{
		"run_time":              {1, 0, func(int) string { return "2026-11-21T02:30:00Z" }},
		"workspace_id":          {20, 0, long("ws-")},
		"workspace_name":        {20, 0, func(i int) string { return fmt.Sprintf("Workspace & Partners %d", i) }},
		"user_id":               {20_000, 0, long("u-")},
		"user_name":             {20_000, 0, func(i int) string { return fmt.Sprintf("Firstname%d Lastname%d", i%977, i) }},
		"user_email":            {20_000, 0, func(i int) string { return fmt.Sprintf("firstname%d.lastname%d@example.com", i%977, i) }},
		"canvas_id":             {200_000, 4, long("")},
		"canvas_name":           {50_000, 4, func(i int) string { return fmt.Sprintf("Campaign brief number %d", i) }},
		"grid_id":               {10_000, 8, long("")},
		"grid_name":             {10_000, 8, func(i int) string { return fmt.Sprintf("Grid of products %d", i) }},
		"api_endpoint":          {12, 9, func(i int) string { return fmt.Sprintf("/v1/agents/{agent_id}/run/%d", i) }},
		"agent_id":              {500, 5, long("agent-")},
		"generation_agent_name": {500, 5, func(i int) string { return fmt.Sprintf("Agent for briefs %d", i) }},
	}
	var columns []*column
	for i, f := range dictionary.GenerationLog.Fields {
		c := &column{name: f.Name, dataType: f.Kind.ArrowType(), seed: mix(uint64(i) + 99)}
		if f.Kind == dictionary.String {
			t, ok := texts[f.Name]
			if !ok { // the enums
				t.distinct, t.text = max(len(f.Enum), 1), func(i int) string { return f.Enum[i].Name }
			}
			b := array.NewStringBuilder(memory.DefaultAllocator)
			for v := range t.distinct {
				b.Append(t.text(v))
			}
			c.dict, c.distinct, c.nullOf = b.NewArray(), t.distinct, t.nulls
			b.Release()
			c.dataType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
		}
		columns = append(columns, c)
	}
	return columns
}

// batch makes n rows from the given one on, of so many altogether.
func (c *column) batch(from, n, rows int) arrow.Array {
	mem := memory.DefaultAllocator
	if c.dict != nil {
		b := array.NewInt32Builder(mem)
		defer b.Release()
		for i := range n {
			r := mix(c.seed + uint64(from+i))
			if int(r>>40%10) < c.nullOf {
				b.AppendNull()
			} else {
				b.Append(int32(r % uint64(c.distinct)))
			}
		}
		codes := b.NewArray()
		defer codes.Release()
		return array.NewDictionaryArray(c.dataType, codes, c.dict)
	}
	b := array.NewBuilder(mem, c.dataType)
	defer b.Release()
	for i := range n {
		r := mix(c.seed + uint64(from+i))
		switch b := b.(type) {
		case *array.Date32Builder:
			b.Append(arrow.Date32(20_400 + (from+i)*365/rows))
		case *array.BooleanBuilder:
			b.Append(r%3 == 0)
		case *array.Int64Builder:
			b.Append(int64(r % 40 * (r % 7)))
		}
	}
	return b.NewArray()
}

// mix is a hash of a number: the same rows in every process.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
