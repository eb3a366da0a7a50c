package parquetfile

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
)

// generations makes records that look like a year of a generation log: 6 workspaces, 10,000 users, 300,000 canvases,
// everything by code from dictionaries shared by all records, sorted as the log is. Callers release them.
func generations(rows, perRecord int) []arrow.Record {
	const workspaces, users, canvases, grids, agents, days = 6, 10_000, 300_000, 5_000, 2_000, 365
	type event struct{ workspace, user, canvas, grid, kind, feature, path, agentType, agent, iq, count, day int32 }
	random := newRandom(42)
	skewed := func(n int) int32 { return int32(min(random.below(n), random.below(n))) }
	events := make([]event, rows)
	for i := range events {
		e := event{canvas: -1, grid: -1, path: -1, agentType: -1, agent: -1}
		e.user = skewed(users)
		e.workspace = e.user * 7919 % users % workspaces
		e.day = int32(random.below(days))
		e.kind = int32(random.below(10) / 9)
		e.feature = int32(random.below(7))
		switch {
		case e.feature == 4: // API
			e.path = int32(random.below(20))
			if random.below(2) == 0 {
				e.user = -1
			}
		case random.below(3) > 0: // a user works on some thirty canvases of their own
			e.canvas = (e.user*30 + skewed(30)) % canvases
		default:
			e.grid = int32(random.below(grids))
		}
		if e.feature == 1 {
			e.agent = skewed(agents)
			e.agentType = e.agent % 7
		}
		e.iq = int32(random.below(3) / 2)
		e.count = 1 + skewed(9)
		events[i] = e
	}
	slices.SortFunc(events, func(a, b event) int {
		for _, d := range []int32{a.workspace - b.workspace, a.day - b.day, a.user - b.user, a.canvas - b.canvas,
			a.grid - b.grid, a.kind - b.kind, a.feature - b.feature, a.path - b.path, a.agent - b.agent, a.iq - b.iq} {
			if d != 0 {
				return int(d)
			}
		}
		return 0
	})

	mem := memory.DefaultAllocator
	text := func(n int, value func(i int) string) *array.String {
		b := array.NewStringBuilder(mem)
		defer b.Release()
		for i := range n {
			b.Append(value(i))
		}
		return b.NewStringArray()
	}
	uuids := func(n int, seed uint64) *array.String {
		random := newRandom(seed)
		all := make([]string, n)
		for i := range all {
			a, b := random.below(1<<48), random.below(1<<48)
			all[i] = fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a&0xffffffff, a>>32, b&0xfff, b>>12&0xfff, a*31+b)[:36]
		}
		slices.Sort(all)
		return text(n, func(i int) string { return all[i] })
	}
	names := []string{"Launch", "Brief", "Campaign", "Spring", "Q3", "Draft", "Blog", "Newsletter", "Landing page", "Persona"}
	name := func(i int) string { return names[i%10] + " " + names[i/10%10] + " " + fmt.Sprint(i) }
	values := func(all []dictionary.Value) *array.String {
		return text(len(all), func(i int) string { return all[i].Name })
	}
	table := dictionary.GenerationLog
	enum := func(field string) *array.String { return values(table.Fields[table.Index(field)].Enum) }

	type column struct {
		dict *array.String
		code func(e *event) int32
	}
	user := func(e *event) int32 { return e.user }
	canvas := func(e *event) int32 { return e.canvas }
	grid := func(e *event) int32 { return e.grid }
	agent := func(e *event) int32 { return e.agent }
	workspace := func(e *event) int32 { return e.workspace }
	columns := map[string]column{
		"run_time":              {text(1, func(int) string { return "2026-11-21T02:30:00Z" }), func(*event) int32 { return 0 }},
		"workspace_id":          {uuids(workspaces, 1), workspace},
		"workspace_name":        {text(workspaces, name), workspace},
		"user_id":               {uuids(users, 2), user},
		"user_name":             {text(users, name), user},
		"user_email":            {text(users, func(i int) string { return fmt.Sprintf("user.%d@example.com", i*7919%users) }), user},
		"canvas_id":             {uuids(canvases, 3), canvas},
		"canvas_name":           {text(canvases, name), canvas},
		"grid_id":               {uuids(grids, 4), grid},
		"grid_name":             {text(grids, name), grid},
		"generation_type":       {enum("generation_type"), func(e *event) int32 { return e.kind }},
		"generation_feature":    {enum("generation_feature"), func(e *event) int32 { return e.feature }},
		"api_endpoint":          {text(20, func(i int) string { return fmt.Sprintf("/v1/agents/{id}/run%d", i) }), func(e *event) int32 { return e.path }},
		"generation_agent_type": {enum("generation_agent_type"), func(e *event) int32 { return e.agentType }},
		"agent_id":              {uuids(agents, 5), agent},
		"generation_agent_name": {text(agents, name), agent},
	}
	var records []arrow.Record
	for from := 0; from < rows; from += perRecord {
		part := events[from:min(rows, from+perRecord)]
		var cols []arrow.Array
		var fields []arrow.Field
		for _, f := range table.Fields {
			var a arrow.Array
			switch c := columns[f.Name]; {
			case c.dict != nil:
				b := array.NewInt32Builder(mem)
				b.Reserve(len(part))
				for i := range part {
					if code := c.code(&part[i]); code < 0 {
						b.AppendNull()
					} else {
						b.Append(code)
					}
				}
				a = array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, b.NewArray(), c.dict)
			case f.Kind == dictionary.Date:
				b := array.NewDate32Builder(mem)
				for i := range part {
					b.Append(arrow.Date32(20_400 + part[i].day))
				}
				a = b.NewArray()
			case f.Kind == dictionary.Boolean:
				b := array.NewBooleanBuilder(mem)
				for i := range part {
					b.Append(part[i].iq == 1)
				}
				a = b.NewArray()
			default:
				b := array.NewInt64Builder(mem)
				for i := range part {
					b.Append(int64(part[i].count))
				}
				a = b.NewArray()
			}
			cols = append(cols, a)
			fields = append(fields, arrow.Field{Name: f.Name, Type: a.DataType(), Nullable: !f.Required})
		}
		records = append(records, array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(len(part))))
	}
	return records
}

// BenchmarkWrite writes a million rows, or as many as USAGEREPORT_BENCH_ROWS says. CPU time is what counts on machines
// that others use too.
func BenchmarkWrite(b *testing.B) {
	rows := 1 << 20
	if n, err := strconv.Atoi(os.Getenv("USAGEREPORT_BENCH_ROWS")); err == nil {
		rows = n
	}
	records := generations(rows, 64<<10)
	runtime.GC()
	for _, goroutines := range []int{1, 2} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			b.ReportAllocs()
			var size int64
			before := cpuTime(b)
			for b.Loop() {
				w, err := NewWriter(io.Discard, dictionary.GenerationLog, Options{Concurrency: goroutines})
				if err != nil {
					b.Fatal(err)
				}
				for _, rec := range records {
					if err := w.Write(rec); err != nil {
						b.Fatal(err)
					}
				}
				summary, err := w.Close()
				if err != nil {
					b.Fatal(err)
				}
				size = summary.Bytes
			}
			total := float64(b.N) * float64(rows)
			b.ReportMetric(float64(cpuTime(b)-before)/total, "cpu-ns/row")
			b.ReportMetric(total/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(size)/float64(rows), "bytes/row")
		})
	}
	if path := os.Getenv("USAGEREPORT_BENCH_FILE"); path != "" { // to look at, or to compare with other writers
		var buf bytes.Buffer
		w, err := NewWriter(&buf, dictionary.GenerationLog, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, rec := range records {
			if err := w.Write(rec); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.Close(); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// cpuTime is the processor time of the whole process so far, in nanoseconds.
func cpuTime(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
