package textfile

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
)

// FuzzRead: what is no file of ours gives errors, and what is read is what a Writer takes.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		write(f, memory.NewGoAllocator(), toJSON, golden, 9), "[]", "", "[", "[{}]", "{}", "[]]", "[] []", `[{"text":"a","at":"2026-11-20T12:00:00+01:00"}]`, "[1,]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		w := NewJSON(io.Discard, kinds)
		for rec, err := range ReadJSON(strings.NewReader(text), kinds, mem) {
			if err != nil {
				if !errors.Is(err, ErrFormat) {
					t.Errorf("error %v", err)
				}
				return
			}
			err := w.Write(rec)
			rec.Release()
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestReadRefuses: values are written in one way, and read in no other.
func TestReadRefuses(t *testing.T) {
	good := `[{"text":"a","at":"2026-11-20T12:00:00.5Z","day":"2026-11-20","yes":true,"n":1,"more":null}]`
	for name, c := range map[string]struct{ old, new, want string }{
		"digits": {".5Z", ".50Z", "at: "}, "zone": {".5Z", ".5+00:00", "at: "}, "nanoseconds": {".5Z", ".5000001Z", "at: "}, "day": {`"2026-11-20"`, `"2026-11-31"`, "day: "},
		"fraction": {`"n":1`, `"n":1.5`, "n: "}, "large": {`"n":1`, `"n":9223372036854775808`, "n: "}, "nothing": {"", "", ""},
	} {
		var err error
		for rec, e := range ReadJSON(strings.NewReader(strings.Replace(good, c.old, c.new, 1)), kinds, allocator(t)) {
			if err = e; rec != nil {
				rec.Release()
			}
		}
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "row 1: "+c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDifferences: whatever is changed in a file is found, with its place.
func TestDifferences(t *testing.T) {
	mem := allocator(t)
	asCSV, asJSON := write(t, mem, toCSV, golden, 3), write(t, mem, toJSON, golden, 3)
	for name, c := range map[string]struct{ kind, old, new, want string }{
		"text":            {"csv", "plain", "plane", `row 1, column text: found "plane", expected "plain"`},
		"instant":         {"csv", "12:00:00Z", "12:00:01Z", `row 1, column at: found "2026-11-20T12:00:01Z"`},
		"not neutral":     {"csv", "'-5+1", "-5+1", `row 4, column more: found "-5+1", expected "'-5+1"`},
		"row lost":        {"csv", "\"\",,,,,\r\n", "", `row 2, column text`},
		"last row lost":   {"csv", "\"two\r\nlines\",0001-01-01T00:00:00Z,0001-01-01,true,1,\" é<&>\u2028 \"\r\n", "", "row 5: found the end, expected a row"},
		"row too many":    {"csv", "\u2028 \"\r\n", "\u2028 \"\r\na,,,,,\r\n", "row 6: found a row, expected the end"},
		"header":          {"csv", "text,at", "txt,at", `column 1 is called "txt", expected "text"`},
		"cell too many":   {"csv", "-5,x", "-5,x,y", "row 1: record on line 2: wrong number of fields"},
		"no CSV":          {"csv", "\"a,b\"", "\"a,b", "row 3: "},
		"JSON text":       {"json", "plain", "plane", `row 1, column text: found "plane", expected "plain"`},
		"JSON null":       {"json", `"yes":null`, `"yes":false`, `row 2, column yes: found "false", expected null`},
		"JSON number":     {"json", "9007199254740993", "9007199254740992", `row 3, column n`},
		"JSON empty":      {"json", `"more":null`, `"more":""`, `row 2, column more: found "", expected null`},
		"JSON type":       {"json", `"n":-5`, `"n":"-5"`, `row 1: n is -5, expected a value of type INTEGER`},
		"JSON order":      {"json", `"yes":true,"n":-5`, `"n":-5,"yes":true`, "row 1: found n, expected yes"},
		"JSON field":      {"json", `"more":"x"}`, `"more":"x","z":1}`, "row 1: found z, expected }"},
		"JSON cut":        {"json", "}\n]", "}\n", "unexpected EOF"},
		"JSON goes on":    {"json", "}\n]", "}\n]1", "something follows the array"},
		"JSON row lost":   {"json", `"more":null},`, `"more":null}`, "row 3:"},
		"JSON no array":   {"json", "[\n", "\n", "found {, expected ["},
		"JSON object":     {"json", `{"text":"",`, `"",{"text":"",`, "row 2: found , expected {"},
		"JSON text, bool": {"json", `"text":""`, `"text":true`, "row 2: text is true, expected a value of type STRING"},
	} {
		t.Run(name, func(t *testing.T) {
			text, check := asCSV, CompareCSV
			if c.kind == "json" {
				text, check = asJSON, CompareJSON
			}
			changed := strings.Replace(text, c.old, c.new, 1)
			if changed == text {
				t.Fatal("nothing changed")
			}
			_, err := check(strings.NewReader(changed), kinds, recordsOf(mem, golden, 2))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %s", err, c.want)
			}
			var difference *Difference
			if errors.As(err, &difference) == errors.Is(err, ErrFormat) {
				t.Errorf("neither a difference nor a matter of format, or both: %v", err)
			}
		})
	}
	if _, err := CompareCSV(strings.NewReader(""), kinds, recordsOf(mem, nil, 1)); !errors.Is(err, ErrFormat) {
		t.Errorf("nothing at all: %v", err)
	}
	broken := errors.New("broken")
	for _, check := range []func(io.Reader, *dictionary.Table, func(func(arrow.Record, error) bool)) error{
		func(r io.Reader, def *dictionary.Table, records func(func(arrow.Record, error) bool)) error {
			_, err := CompareCSV(r, def, records)
			return err
		},
		func(r io.Reader, def *dictionary.Table, records func(func(arrow.Record, error) bool)) error {
			_, err := CompareJSON(r, def, records)
			return err
		},
	} {
		if err := check(strings.NewReader(asCSV), kinds, func(yield func(arrow.Record, error) bool) { yield(nil, broken) }); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
	}
}
