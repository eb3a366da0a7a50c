package parquetfile

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
)

// What was written is what Inspect says and Scan reads.
func TestReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer mem.AssertSize(t, 0)
		r := drawRows(rt, kinds, rapid.SampledFrom([]int{0, 20, 20, 100, 500, 500, 3000, 25_000}).Draw(rt, "most"))
		metadata := map[string]string{"run_id": "r1"}
		file, wrote := r.file(rt, mem, drawCut(rt, "cut"), Options{
			Metadata: metadata, RowGroupRows: rapid.SampledFrom([]int{0, 7 + r.n/20, 21_000}).Draw(rt, "row group"),
		})
		read, got, err := Inspect(bytes.NewReader(file), int64(len(file)), kinds)
		if err != nil {
			rt.Fatal(err)
		}
		if !slices.Equal(read.Columns, wrote.Columns) || read.Rows != wrote.Rows || read.Bytes != wrote.Bytes || read.RowGroups != wrote.RowGroups {
			rt.Fatalf("wrote %+v, read %+v", wrote, read)
		}
		if len(got) != 4 || got["run_id"] != "r1" || got["table"] != "kinds" || got["schema_version"] != "3" || got["description"] == "" {
			rt.Fatalf("metadata is %v", got)
		}
		names := rapid.Permutation([]string{"workspace_id", "name", "day", "left", "active", "maybe", "count", "size", "at", "until"}).Draw(rt, "columns")
		f, err := Open(bytes.NewReader(file), int64(len(file)), kinds)
		if err != nil {
			rt.Fatal(err)
		}
		columns := make([][]any, len(names))
		for rec, err := range f.Scan(mem, names...) {
			if err != nil {
				rt.Fatal(err)
			}
			for i := range names {
				columns[i] = append(columns[i], goValues(rec.Column(i))...)
			}
			rec.Release()
		}
		for i, name := range names {
			if want := r.columns[kinds.Index(name)]; !slices.Equal(columns[i], want) {
				rt.Fatalf("column %s of %d rows reads differently", name, r.n)
			}
		}
	})
}

func goValues(a arrow.Array) []any {
	values := make([]any, a.Len())
	for i := range values {
		if a.IsNull(i) {
			continue
		}
		switch a := a.(type) {
		case *array.Boolean:
			values[i] = a.Value(i)
		case *array.Date32:
			values[i] = int64(a.Value(i))
		case *array.Int64:
			values[i] = a.Value(i)
		case *array.Timestamp:
			values[i] = int64(a.Value(i))
		case *array.String:
			values[i] = a.Value(i)
		case *array.Dictionary:
			values[i] = a.Dictionary().(*array.String).Value(a.GetValueIndex(i))
		}
	}
	return values
}

// A copied row group is what writing its rows would have made, with and without a constant column replaced.
func TestCopyRowGroup(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRows(rt, kinds, rapid.SampledFrom([]int{20, 20, 100, 500, 500, 3000, 25_000}).Draw(rt, "most"))
		o := Options{RowGroupRows: 5 + r.n/3, Metadata: map[string]string{"snapshot_date": "2026-11-20"}}
		yesterday, _ := r.file(rt, memory.DefaultAllocator, drawCut(rt, "yesterday"), o)
		f, err := Open(bytes.NewReader(yesterday), int64(len(yesterday)), kinds)
		if err != nil {
			rt.Fatal(err)
		}
		o.Metadata = map[string]string{"snapshot_date": "2026-11-21", "more": "metadata"}
		replace := map[string]string{}
		for _, name := range []string{"workspace_id", "name"} {
			if rapid.Bool().Draw(rt, "replace "+name) {
				replace[name] = rapid.SampledFrom([]string{"", "2026-11-21T02:30:00Z"}).Draw(rt, name)
				values := make([]any, r.n)
				for i := range values {
					values[i] = replace[name]
				}
				r.columns[kinds.Index(name)] = values
			}
		}
		want, _ := r.file(rt, memory.DefaultAllocator, drawCut(rt, "today"), o)

		var got bytes.Buffer
		w, err := NewWriter(&got, kinds, o)
		if err != nil {
			rt.Fatal(err)
		}
		encoded := rapid.IntRange(0, f.RowGroups()).Draw(rt, "encoded") // this many row groups, then copies
		for _, rec := range r.records(memory.DefaultAllocator, cut{lengths: []int{o.RowGroupRows}, encoding: []int{1}, indexes: indexTypes[:1]})[:encoded] {
			if err := w.Write(rec); err != nil {
				rt.Fatal(err)
			}
		}
		for i := encoded; i < f.RowGroups(); i++ {
			if err := w.CopyRowGroup(f, i, replace); err != nil {
				rt.Fatal(err)
			}
		}
		summary, err := w.Close()
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			rt.Fatalf("%d bytes with copied row groups, %d when encoded, or other ones", got.Len(), len(want))
		}
		checkSummary(rt, r, summary, len(want))
	})
}

func TestCopyRowGroupRefuses(t *testing.T) {
	r := rapid.Custom(func(rt *rapid.T) *rows { return drawRows(rt, kinds, 100) }).Example(3)
	file, _ := r.file(t, memory.DefaultAllocator, cut{lengths: []int{50}, encoding: []int{0}, indexes: indexTypes[:1]}, Options{})
	other := *kinds
	other.Fields = slices.Clone(kinds.Fields)
	other.Fields[8].Required = false
	older := bytes.Replace(file, []byte(createdBy), []byte("usagereport version 0.9.9"), 1)
	for name, c := range map[string]struct {
		file    []byte
		table   *dictionary.Table
		group   int
		replace map[string]string
		want    string
		encode  bool
	}{
		"another version": {older, kinds, 0, nil, `written by "usagereport version 0.9.9"`, true},
		"other fields":    {file, &other, 0, nil, "the fields of table kinds differ", true},
		"no such group":   {file, kinds, 7, nil, "the file has 1", false},
		"no such column":  {file, kinds, 0, map[string]string{"x": "y"}, "x is not a text column", false},
		"not text":        {file, kinds, 0, map[string]string{"day": "y"}, "day is not a text column", false},
		"broken text":     {file, kinds, 0, map[string]string{"name": "\xff"}, `"\xff" is not UTF-8`, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Open(bytes.NewReader(c.file), int64(len(c.file)), kinds)
			if err != nil {
				t.Fatal(err)
			}
			w, err := NewWriter(new(bytes.Buffer), c.table, Options{})
			if err != nil {
				t.Fatal(err)
			}
			err = w.CopyRowGroup(f, c.group, c.replace)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrNotReusable) != c.encode {
				t.Errorf("error is %v, expected %q", err, c.want)
			}
			if _, again := w.Close(); !errors.Is(again, err) {
				t.Errorf("after the failure Close returns %v", again)
			}
		})
	}
}

// Whatever is cut off or changed is found: by Open, or by Scan, which verifies checksums.
func TestDamagedFiles(t *testing.T) {
	r := rapid.Custom(func(rt *rapid.T) *rows { return drawRows(rt, kinds, 3000) }).Example(7)
	file, _ := r.file(t, memory.DefaultAllocator, cut{lengths: []int{50}, encoding: []int{0}, indexes: indexTypes[:1]}, Options{RowGroupRows: 1000})
	read := func(file []byte) (err error) {
		for rec, err := range Scan(bytes.NewReader(file), int64(len(file)), kinds, nil) {
			if err != nil {
				return err
			}
			rec.Release()
		}
		return nil
	}
	if err := read(file); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 3, 11, 12, 100, len(file) / 2, len(file) - 1} {
		if err := read(file[:n]); err == nil {
			t.Errorf("the first %d of %d bytes read well", n, len(file))
		}
	}
	f, err := Open(bytes.NewReader(file), int64(len(file)), kinds)
	if err != nil {
		t.Fatal(err)
	}
	for g := range f.RowGroups() {
		for i, field := range kinds.Fields {
			_, offsets := f.pageIndexes(g, i)
			at := offsets.PageLocations[0]
			damaged := slices.Clone(file)
			damaged[at.Offset+int64(at.CompressedPageSize)-1] ^= 1 // in the page, behind its header
			if err := read(damaged); err == nil || !strings.Contains(err.Error(), "column "+field.Name) {
				t.Errorf("a damaged page of column %s reads with error %v", field.Name, err)
			}
		}
	}
}

func TestOpenRefusesOtherTables(t *testing.T) {
	r := rapid.Custom(func(rt *rapid.T) *rows { return drawRows(rt, kinds, 100) }).Example(1)
	file, _ := r.file(t, memory.DefaultAllocator, cut{lengths: []int{50}, encoding: []int{0}, indexes: indexTypes[:1]}, Options{})
	for want, change := range map[string]func(*dictionary.Table){
		"column 2 is name OPTIONAL BYTE_ARRAY STRING, expected title OPTIONAL BYTE_ARRAY STRING": func(t *dictionary.Table) { t.Fields[1].Name = "title" },
		"column 3 is day REQUIRED INT32 DATE, expected day OPTIONAL INT32 DATE":                  func(t *dictionary.Table) { t.Fields[2].Required = false },
		"column 7 is count REQUIRED INT64, expected count REQUIRED BOOLEAN":                      func(t *dictionary.Table) { t.Fields[6].Kind = dictionary.Boolean },
		"column 10 is until OPTIONAL INT64 TIMESTAMP(isAdjustedToUTC=true,unit=MICROS), expected no more columns": func(t *dictionary.Table) {
			t.Fields = t.Fields[:9]
		},
		"column 11 is missing, expected more REQUIRED BYTE_ARRAY STRING": func(t *dictionary.Table) {
			t.Fields = append(t.Fields, dictionary.Field{Name: "more", Required: true})
		},
		`its metadata has no "sum"`: func(t *dictionary.Table) { t.Fields[7].Sum = true },
	} {
		table := *kinds
		table.Fields = slices.Clone(kinds.Fields)
		change(&table)
		if _, err := Open(bytes.NewReader(file), int64(len(file)), &table); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, expected %q", err, want)
		}
	}
	for rec, err := range Scan(bytes.NewReader(file), int64(len(file)), kinds, []string{"day", "nope"}) {
		if err == nil || !strings.Contains(err.Error(), `no column "nope"`) {
			t.Errorf("record %v, error %v", rec, err)
		}
	}
}

func TestOrderChecker(t *testing.T) {
	table := &dictionary.Table{Name: "t", Role: dictionary.Log, NewestFirst: "at", Fields: []dictionary.Field{
		{Name: "n", Kind: dictionary.Integer, Grain: true}, {Name: "workspace_id", Grain: true}, {Name: "at", Kind: dictionary.Timestamp},
		{Name: "b", Kind: dictionary.Boolean, Grain: true}, {Name: "d", Kind: dictionary.Date, Grain: true},
	}}
	// In order: at descending, workspace_id, d, n, b; nulls first.
	ordered := [][]any{
		{int64(9), "z", int64(5), true, int64(7)},
		{int64(9), "a", int64(4), true, int64(7)},
		{int64(9), nil, int64(3), true, int64(7)},
		{int64(9), "", int64(3), true, int64(7)},
		{int64(9), "a", int64(3), true, nil},
		{int64(9), "a", int64(3), true, int64(-7)},
		{int64(9), "a", int64(3), true, int64(7)},
		{nil, "a\x00", int64(3), nil, int64(7)},
		{int64(math.MinInt64), "a\x00", int64(3), nil, int64(7)},
		{int64(2), "a\x00", int64(3), nil, int64(7)},
		{int64(2), "a\x00", int64(3), false, int64(7)},
		{int64(2), "a\x00", int64(3), true, int64(7)},
		{int64(2), "é", int64(3), true, int64(7)},
	}
	check := func(c cut, numbers ...int) error {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer mem.AssertSize(t, 0)
		r := &rows{table: table, n: len(numbers), columns: make([][]any, 5)}
		for _, n := range numbers {
			for i, v := range ordered[n] {
				r.columns[i] = append(r.columns[i], v)
			}
		}
		o := NewOrderChecker(table)
		defer o.Close()
		var first error
		for _, rec := range r.records(mem, c) {
			if err := o.Check(rec); first == nil {
				first = err
			}
			rec.Release()
		}
		return first
	}
	rapid.Check(t, func(rt *rapid.T) {
		c := drawCut(rt, "cut")
		i := rapid.IntRange(0, len(ordered)-1).Draw(rt, "i")
		j := rapid.IntRange(i, len(ordered)-1).Draw(rt, "j")
		if i == j {
			if err := check(c, i, i); err == nil || !strings.Contains(err.Error(), "row 2, counted from 1, has the same grain") {
				rt.Fatalf("row %d twice: %v", i, err)
			}
			return
		}
		if err := check(c, i, j); err != nil {
			rt.Fatalf("rows %d, %d in order: %v", i, j, err)
		}
		if err := check(c, j, i); err == nil || !strings.Contains(err.Error(), "row 2, counted from 1, belongs before") {
			rt.Fatalf("rows %d, %d out of order: %v", j, i, err)
		}
	})
}
