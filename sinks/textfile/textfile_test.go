package textfile

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
)

var golden = []line{
	{"plain", micros("2026-11-20T12:00:00Z"), 20_412, true, int64(-5), "x"},
	{"", nil, nil, nil, nil, nil},
	{"=HYPERLINK(\"http://x\")", micros("2026-11-20T12:00:00.25Z"), 0, false, int64(9007199254740993), "a,b"},
	{"-5", micros("1969-12-31T23:59:59.999999Z"), -1, true, int64(0), "-5+1"},
	{"two\r\nlines", micros("0001-01-01T00:00:00Z"), -719_162, true, int64(1), " é<&>\u2028 "},
}

func TestGoldenCSV(t *testing.T) {
	got := write(t, allocator(t), toCSV, golden, 2)
	want := "text,at,day,yes,n,more\r\n" +
		"plain,2026-11-20T12:00:00Z,2025-11-20,true,-5,x\r\n" +
		"\"\",,,,,\r\n" +
		"\"'=HYPERLINK(\"\"http://x\"\")\",2026-11-20T12:00:00.25Z,1970-01-01,false,9007199254740993,\"a,b\"\r\n" +
		"-5,1969-12-31T23:59:59.999999Z,1969-12-31,true,0,'-5+1\r\n" +
		"\"two\r\nlines\",0001-01-01T00:00:00Z,0001-01-01,true,1,\" é<&>\u2028 \"\r\n"
	if got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestGoldenJSON(t *testing.T) {
	got := write(t, allocator(t), toJSON, golden, 2)
	want := `[
{"text":"plain","at":"2026-11-20T12:00:00Z","day":"2025-11-20","yes":true,"n":-5,"more":"x"},
{"text":"","at":null,"day":null,"yes":null,"n":null,"more":null},
{"text":"=HYPERLINK(\"http://x\")","at":"2026-11-20T12:00:00.25Z","day":"1970-01-01","yes":false,"n":9007199254740993,"more":"a,b"},
{"text":"-5","at":"1969-12-31T23:59:59.999999Z","day":"1969-12-31","yes":true,"n":0,"more":"-5+1"},
{"text":"two\r\nlines","at":"0001-01-01T00:00:00Z","day":"0001-01-01","yes":true,"n":1,"more":" é<&>\u2028 "}
]`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestEmpty: a table without rows is a header, and an empty array (contract §5).
func TestEmpty(t *testing.T) {
	mem := allocator(t)
	if got := write(t, mem, toCSV, nil, 1); got != "text,at,day,yes,n,more\r\n" {
		t.Errorf("CSV %q", got)
	}
	if got := write(t, mem, toJSON, nil, 1); got != "[]" {
		t.Errorf("JSON %q", got)
	}
	var out bytes.Buffer
	w := NewCSV(&out, dictionary.AuditLog)
	if rows, err := w.Close(); err != nil || rows != 0 || out.String() != "event_id,occurred_at,workspace_id,workspace_name,action,actor_user_id,"+
		"actor_user_name,actor_user_email,target_user_id,target_user_name,target_user_email,invite_id,old_role,new_role,ip_address\r\n" {
		t.Errorf("the audit log: %q, %v", out.String(), err)
	}
}

// dangerousBefore is the rule as the contract has it, told otherwise.
func dangerousBefore(text string) bool {
	if text == "" || !strings.ContainsAny(text[:1], "=+-@\t\r") {
		return false
	}
	for _, b := range []byte(text) {
		if !strings.ContainsRune("+-.0123456789eE", rune(b)) {
			return true // ParseFloat takes more than numbers
		}
	}
	_, err := strconv.ParseFloat(text, 64)
	return err != nil && !errors.Is(err, strconv.ErrRange)
}

func TestNeutral(t *testing.T) {
	for text, want := range map[string]string{
		"=1": "'=1", "+1": "+1", "-1": "-1", "-1.5e-3": "-1.5e-3", "-1-1": "'-1-1", "@a": "'@a", "\tx": "'\tx", "\rx": "'\rx", "\nx": "\nx", "x=1": "x=1", "": "",
		"-": "'-", "+": "'+", "-0x1": "'-0x1", "+Inf": "'+Inf", "-inf": "'-inf", "-nan": "'-nan", "-1_0": "'-1_0", "- 1": "'- 1", "-1 ": "'-1 ", "+1 555 0100": "'+1 555 0100",
		"'=1": "'=1", " =1": " =1", "+.": "'+.", "-e5": "'-e5",
	} {
		if got := neutral(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// TestQuotes: what some reader would trim or split stands in quotes, and nothing else does.
func TestQuotes(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a", "a b": "a b", " a": `" a"`, "a ": `"a "`, "a\tb": "a\tb", "a,b": `"a,b"`, "a;b": "a;b", "a\rb": "\"a\rb\"", "a\nb": "\"a\nb\"", `a"b`: `"a""b"`, "": `""`, "'": "'",
		"-5": "-5", "=a": "'=a", "\ta": "'\ta", "\x00": "\"\x00\"",
	} {
		got := write(t, allocator(t), toCSV, []line{{text, nil, nil, nil, nil, nil}}, 1)
		if want := "text,at,day,yes,n,more\r\n" + want + ",,,,,\r\n"; got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// readCSV reads a file by the letter of RFC 4180, cells as they are.
func readCSV(t failer, text string) (rows [][]string) {
	t.Helper()
	cells, cell, quoted := []string{}, []byte{}, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quoted && b == '"' && i+1 < len(text) && text[i+1] == '"':
			cell = append(cell, '"')
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
			cell = append(cell, b)
		case b == ',':
			cells, cell = append(cells, string(cell)), cell[:0]
		case b == '\r' && strings.HasPrefix(text[i:], "\r\n"):
			rows = append(rows, append(cells, string(cell)))
			cells, cell = []string{}, cell[:0]
			i++
		case b == '\r', b == '\n':
			t.Fatalf("a bare line end outside of quotes at %d of %q", i, text)
		default:
			cell = append(cell, b)
		}
	}
	if quoted || len(cells)+len(cell) > 0 {
		t.Fatalf("%q ends within a row", text)
	}
	return rows
}

func checkCSV(t failer, mem memory.Allocator, lines []line, size int) {
	t.Helper()
	text := write(t, mem, toCSV, lines, size)
	rows := readCSV(t, text)
	if len(rows) != len(lines)+1 {
		t.Fatalf("%d rows in %q", len(rows)-1, text)
	}
	for i, l := range lines {
		for _, c := range []int{0, 5} {
			want := ""
			if l[c] != nil {
				want = l[c].(string)
			}
			if dangerousBefore(want) {
				want = "'" + want
			}
			if got := rows[i+1][c]; got != want || got != "" && strings.IndexByte("=@\t\r", got[0]) >= 0 {
				t.Fatalf("row %d: %q, want %q", i+1, got, want)
			}
		}
	}
	in := csv.NewReader(strings.NewReader(text))
	if all, err := in.ReadAll(); err != nil || len(all) != len(lines)+1 {
		t.Fatalf("the standard library reads %d rows, %v", len(all), err)
	}
	if n, err := CompareCSV(strings.NewReader(text), kinds, recordsOf(mem, lines, size)); err != nil || n != int64(len(lines)) {
		t.Fatalf("compared: %d rows, %v", n, err)
	}
}

func checkJSON(t failer, mem memory.Allocator, lines []line, size int) {
	t.Helper()
	text := write(t, mem, toJSON, lines, size)
	var rows []map[string]any
	in := json.NewDecoder(strings.NewReader(text))
	in.UseNumber()
	if err := in.Decode(&rows); err != nil || len(rows) != len(lines) {
		t.Fatalf("%d rows, %v in %q", len(rows), err, text)
	}
	for i, l := range lines {
		for c, f := range kinds.Fields {
			if got, ok := rows[i][f.Name]; !ok || (got == nil) != (l[c] == nil) || f.Kind == dictionary.String && got != l[c] {
				t.Fatalf("row %d: %s is %v, want %v", i+1, f.Name, got, l[c])
			}
		}
	}
	if n, err := CompareJSON(strings.NewReader(text), kinds, recordsOf(mem, lines, size)); err != nil || n != int64(len(lines)) {
		t.Fatalf("compared: %d rows, %v", n, err)
	}
	var again bytes.Buffer
	w := NewJSON(&again, kinds)
	for rec, err := range ReadJSON(strings.NewReader(text), kinds, mem) {
		if err != nil {
			t.Fatal(err)
		}
		err := w.Write(rec)
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil || again.String() != text {
		t.Fatalf("read and written again: %q, %v, want %q", again.String(), err, text)
	}
}

// TestAnyRows: whatever is in the rows, and however they are cut, the text is the same and gives them back.
func TestAnyRows(t *testing.T) {
	mem := allocator(t)
	rapid.Check(t, func(rt *rapid.T) {
		lines := drawLines(rt)
		size := rapid.IntRange(1, 5).Draw(rt, "size")
		checkCSV(rt, mem, lines, size)
		checkJSON(rt, mem, lines, size)
		for _, to := range []func(*bytes.Buffer) *Writer{toCSV, toJSON} {
			if a, b := write(rt, mem, to, lines, size), write(rt, mem, to, lines, 100); a != b {
				rt.Fatalf("%q but %q", a, b)
			}
		}
	})
	for _, a := range hostile {
		lines := []line{{a, nil, nil, nil, nil, a}}
		checkCSV(t, mem, lines, 1)
		checkJSON(t, mem, lines, 1)
	}
}

func FuzzText(f *testing.F) {
	for i, a := range hostile {
		f.Add(a, hostile[len(hostile)-1-i])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		mem := memory.NewGoAllocator()
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?")
		lines := []line{{a, nil, nil, nil, nil, b}, {b, nil, nil, nil, nil, nil}}
		checkCSV(t, mem, lines, 1)
		checkJSON(t, mem, lines, 2)
	})
}

// full is a disk that is full after so many bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	if *f -= full(len(p)); *f < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestErrors(t *testing.T) {
	mem := allocator(t)
	for name, c := range map[string]struct {
		bad  line
		want string
	}{
		"UTF-8":   {line{"a\xff", nil, nil, nil, nil, nil}, `kinds: row 2: text: "a\xff" is not UTF-8`},
		"UTF-8 b": {line{"a", nil, nil, nil, nil, "=\xff"}, `kinds: row 2: more: "=\xff" is not UTF-8`},
		"instant": {line{"a", lastInstant + 1, nil, nil, nil, nil}, "row 2: at: 253402300800000000 microseconds"},
		"day":     {line{"a", nil, -719_163, nil, nil, nil}, "row 2: day: "},
	} {
		for _, to := range []func(*bytes.Buffer) *Writer{toCSV, toJSON} {
			var out bytes.Buffer
			w := to(&out)
			rec := recordOf(mem, []line{golden[0], c.bad}, false)
			err := w.Write(rec)
			rec.Release()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			if _, closed := w.Close(); !errors.Is(closed, err) {
				t.Errorf("%s: Close: %v", name, closed)
			}
		}
	}
	rec := recordOf(mem, golden, true)
	defer rec.Release()
	room := full(100_000)
	w := NewCSV(&room, kinds)
	var err error
	for range 5000 {
		if err = w.Write(rec); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("error %v", err)
	}
	if again := w.Write(rec); !errors.Is(again, err) {
		t.Errorf("after the error: %v", again)
	}
	small := full(10)
	w = NewJSON(&small, kinds)
	if err := w.Write(rec); err != nil {
		t.Error(err)
	}
	if _, err := w.Close(); err == nil {
		t.Error("Close on a full disk gives no error")
	}
	var out bytes.Buffer
	w = NewJSON(&out, kinds)
	if _, err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Write(rec); err == nil || out.String() != "[]" {
		t.Errorf("a closed writer writes %q, %v", out.String(), err)
	}
	// Records of another table.
	other := []arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "at", Type: arrow.FixedWidthTypes.Timestamp_ms}}
	for name, schema := range map[string]*arrow.Schema{
		"fewer columns": arrow.NewSchema(other[:1], nil),
		"unit":          withField(1, other[1]), "type": withField(4, arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int32}),
		"name": withField(0, arrow.Field{Name: "txt", Type: arrow.BinaryTypes.String}), "text": withField(4, arrow.Field{Name: "n", Type: arrow.BinaryTypes.String}),
	} {
		b := array.NewRecordBuilder(mem, schema)
		rec := b.NewRecord()
		if err := NewJSON(io.Discard, kinds).Write(rec); err == nil {
			t.Errorf("%s: no error", name)
		}
		rec.Release()
		b.Release()
	}
}

func withField(i int, f arrow.Field) *arrow.Schema {
	fields := append([]arrow.Field(nil), kinds.Schema().Fields()...)
	fields[i] = f
	return arrow.NewSchema(fields, nil)
}

func BenchmarkWrite(b *testing.B) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).UnixMicro()
	var lines []line
	for i := range 4096 {
		lines = append(lines, line{"member.role_updated", at + int64(i)*1_234_567, 20_000 + i%90, i%2 == 0, int64(i), "somebody" + string(rune('a'+i%26)) + "@example.org"})
	}
	rec := recordOf(memory.NewGoAllocator(), lines, false)
	defer rec.Release()
	for name, to := range map[string]func(io.Writer, *dictionary.Table) *Writer{"csv": NewCSV, "json": NewJSON} {
		b.Run(name, func(b *testing.B) {
			var size bytes.Buffer
			w := to(&size, kinds)
			if err := w.Write(rec); err != nil {
				b.Fatal(err)
			}
			if _, err := w.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(size.Len()))
			for b.Loop() {
				w := to(io.Discard, kinds)
				if err := w.Write(rec); err != nil {
					b.Fatal(err)
				}
				if _, err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
