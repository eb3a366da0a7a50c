package jsonlsrc_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/sources/bucket/jsonlsrc"
)

// read returns the rows as `line: cells`, null as ∅, and the rejected rows as `line column: reason`.
func read(t testing.TB, r io.Reader, batchRows int, columns ...string) (rows, rejected []string, err error) {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	for b, err := range jsonlsrc.Read(r, "f.jsonl", jsonlsrc.Options{Allocator: alloc, BatchRows: batchRows, Columns: columns}) {
		if err != nil {
			return rows, rejected, err
		}
		for _, x := range b.Rejected {
			rejected = append(rejected, fmt.Sprintf("%d %s: %s", x.Row, x.Column, x.Reason))
		}
		if b.Record == nil {
			continue
		}
		for i := range int(b.Record.NumRows()) {
			row := fmt.Sprint(b.Row(i)) + ":"
			for _, col := range b.Record.Columns() {
				value := "∅"
				if col.IsValid(i) {
					value = col.(*array.String).Value(i)
				}
				row += " " + value
			}
			rows = append(rows, row)
		}
		b.Record.Release()
	}
	return rows, rejected, nil
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, text, rows, rejected string }{
		{"scalars", `{"a":"x","b":12.50}` + "\n" + `{"b":true,"a":-1e-3}`, "1: x 12.50; 2: -1e-3 true", ""},
		{"null, missing and empty", `{"a":null}` + "\n" + `{"a":""}` + "\n{}", "1: ∅ ∅; 2:  ∅; 3: ∅ ∅", ""},
		{"spaces", " \t{ \"a\" : \"x\" , \"b\" : 1 } \r\n", "1: x 1", ""},
		{"blank lines", "\n\n{\"a\":1}\n \n\r\n{\"a\":2}", "3: 1 ∅; 6: 2 ∅", ""},
		{"byte order mark", "\ufeff{\"a\":1}", "1: 1 ∅", ""},
		{"unknown keys of any kind", `{"x":{"a":[1,{"a":"}"}]},"a":1,"y":[],"z":"\"{","w":{}}`, "1: 1 ∅", ""},
		{"escapes", `{"a":"\"\\\/\b\f\n\r\t","b":"\u00e9\u6f22\ud83d\ude42\u0000"}`, "1: \"\\/\b\f\n\r\t é漢🙂\x00", ""},
		{"keys with escapes", `{"\u0061":1,"b":2}` + "\n" + `{"\u0061":3,"b":4}`, "1: 1 2; 2: 3 4", ""},
		{"bytes that are not UTF-8", "{\"a\":\"\xff\xfe\"}", "1: \xff\xfe ∅", ""},
		{"keys in other orders", `{"a":1,"b":2}` + "\n" + `{"b":3,"a":4}` + "\n" + `{"c":0,"a":5,"b":6}` + "\n" + `{"a":7,"b":8}`, "1: 1 2; 2: 4 3; 3: 5 6; 4: 7 8", ""},
		{"one unknown key twice", `{"x":1,"x":2,"a":3}`, "1: 3 ∅", ""},
		{"a key twice", `{"a":1,"a":2}` + "\n" + `{"a":3}`, "2: 3 ∅", "1 a: expected one value, but the key stands in the object twice"},
		{"nested", `{"a":{"x":1}}` + "\n" + `{"b":[1]}`, "", "1 a: expected a text, number, true, false or null, found an object or array; 2 b: expected a text, number, true, false or null, found an object or array"},
		{"half surrogates", `{"a":"\ud83d"}` + "\n" + `{"a":"\ude42x"}` + "\n" + `{"a":"\ud83d\u0041"}` + "\n" + `{"x":"\ud83d","a":1}` + "\n" + `{"a":"\ud83d\uf000"}`, "4: 1 ∅",
			`1 a: expected valid text, but \ud83d is half of a surrogate pair; 2 a: expected valid text, but \ude42 is half of a surrogate pair; 3 a: expected valid text, but \ud83d is half of a surrogate pair; 5 a: expected valid text, but \ud83d is half of a surrogate pair`},
		{"not JSON", "{\"a\":1\nnonsense\n[1]\n\"a\"\n{\"a\":1}", "5: 1 ∅", "1 : expected one JSON object per line: the line ends within the object; " +
			"2 : expected one JSON object per line: expected {, found \"nonsense\" at byte 1; " +
			"3 : expected one JSON object per line: expected {, found \"[1]\" at byte 1; " +
			"4 : expected one JSON object per line: expected {, found \"\\\"a\\\"\" at byte 1"},
		{"two objects on a line", `{"a":1}{"a":2}`, "", `1 : expected one JSON object per line: expected the end of the line, found "{\"a\":2}" at byte 8`},
		{"broken numbers", `{"a":01}` + "\n" + `{"a":1.}` + "\n" + `{"a":+1}` + "\n" + `{"a":1e}` + "\n" + `{"a":NaN}` + "\n" + `{"a":-}`, "",
			`1 : expected one JSON object per line: expected a value, found "01}" at byte 6; ` +
				`2 : expected one JSON object per line: expected a value, found "1.}" at byte 6; ` +
				`3 : expected one JSON object per line: expected a value, found "+1}" at byte 6; ` +
				`4 : expected one JSON object per line: expected a value, found "1e}" at byte 6; ` +
				`5 : expected one JSON object per line: expected a value, found "NaN}" at byte 6; ` +
				`6 : expected one JSON object per line: expected a value, found "-}" at byte 6`},
		{"a tab in a string", "{\"a\":\"x\ty\"}", "", "1 : expected one JSON object per line: the control character 0x09 stands in a string at byte 8"},
		{"an escape that is none", `{"a":"\x41"}`, "", `1 : expected one JSON object per line: "\\x41\"}" at byte 7 is no escape sequence`},
		{"nothing", "", "", ""},
	} {
		for kind, r := range map[string]io.Reader{"": strings.NewReader(c.text), " by single bytes": iotest.OneByteReader(strings.NewReader(c.text))} {
			t.Run(c.name+kind, func(t *testing.T) {
				rows, rejected, err := read(t, r, 2, "a", "b")
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(rows, "; "); got != c.rows {
					t.Errorf("rows\n%q, want\n%q", got, c.rows)
				}
				if got := strings.Join(rejected, "; "); got != c.rejected {
					t.Errorf("rejected\n%q, want\n%q", got, c.rejected)
				}
			})
		}
	}
}

func TestDeepNesting(t *testing.T) {
	for depth, ok := range map[int]bool{500: true, 999: true, 5000: false} {
		text := `{"x":` + strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth) + `,"a":1}`
		rows, rejected, err := read(t, strings.NewReader(text), 10, "a")
		if err != nil || (len(rows) == 1) != ok || (len(rejected) == 0) != ok {
			t.Errorf("%d: %v %v %v", depth, rows, rejected, err)
		}
	}
}

func TestColumns(t *testing.T) {
	names, err := jsonlsrc.Columns(strings.NewReader("{\"b\":1,\"a\":{\"c\":2}}\nnonsense\n\n{\"\\u0064\":[1],\"a\":2}"), "f.jsonl")
	if err != nil || fmt.Sprint(names) != "[b a d]" {
		t.Errorf("%v %v", names, err)
	}
}

func TestReaderErrorNamesTheLine(t *testing.T) {
	failure := errors.New("cut off")
	text := strings.Repeat("{\"a\":1}\n", 2000)
	rows, _, err := read(t, io.MultiReader(strings.NewReader(text+`{"a":2}`), iotest.ErrReader(failure)), 1000, "a")
	if !errors.Is(err, failure) || !strings.Contains(err.Error(), "f.jsonl: after line 2000") || len(rows) != 2000 {
		t.Errorf("%d rows and %v", len(rows), err)
	}
	if _, err := jsonlsrc.Columns(iotest.ErrReader(failure), "f.jsonl"); !errors.Is(err, failure) {
		t.Errorf("found %v", err)
	}
}

func TestLongLine(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 65<<20) + `"}`
	rows, rejected, err := read(t, strings.NewReader("{\"a\":1}\n"+long+"\n{\"a\":3}"), 10, "a")
	if err != nil || !slices.Equal(rows, []string{"1: 1", "3: 3"}) || len(rejected) != 1 || !strings.Contains(rejected[0], "longer than 64 MiB") {
		t.Errorf("%v %v %v", rows, rejected, err)
	}
}

// oracle is what encoding/json makes of a line: the text of a, or why there is none.
func oracle(line []byte) (value string, ok bool) {
	if !json.Valid(line) {
		return "", false
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return "", false
	}
	value = "∅"
	found := 0
	for d.More() {
		key, err := d.Token()
		var raw json.RawMessage
		if err == nil {
			err = d.Decode(&raw)
		}
		if err != nil {
			return "", false
		}
		if key != "a" {
			continue
		}
		found++
		var text string
		switch {
		case raw[0] == '{' || raw[0] == '[' || found > 1:
			return "", false
		case raw[0] == '"':
			if err := json.Unmarshal(raw, &text); err != nil {
				return "", false
			}
			value = text
		case string(raw) == "null":
			value = "∅"
		default:
			value = string(raw)
		}
	}
	return value, true
}

// FuzzJSONL compares with encoding/json, which takes the same lines but for half surrogates and bytes that are not
// UTF-8, both of which it replaces.
func FuzzJSONL(f *testing.F) {
	for _, seed := range []string{`{"a":"x","b":1}`, `{"a":"\ud83d\ude42\n"}`, `{"b":[{"a":1},[]],"a":-1.5e+7}`, "{\"a\":true}\n{}\n\n{\"a\":null,\"a\":1}", `{"":{"x":"\\"},"a":""}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, rejected, err := read(t, bytes.NewReader(text), 3, "a")
		if err != nil {
			t.Fatal(err)
		}
		again, _, _ := read(t, iotest.HalfReader(bytes.NewReader(text)), 100, "a")
		if !slices.Equal(rows, again) {
			t.Errorf("other rows in other batches:\n%q\n%q", rows, again)
		}
		if !utf8.Valid(text) || bytes.Contains(text, []byte(`\u`)) && bytes.ContainsAny(text, "dD") {
			return // replaced by the oracle
		}
		var want []string
		wrong := 0
		for i, line := range bytes.Split(bytes.TrimPrefix(text, []byte("\ufeff")), []byte("\n")) {
			if len(bytes.Trim(line, " \t\r\n")) == 0 {
				continue
			}
			if value, ok := oracle(line); ok {
				want = append(want, fmt.Sprintf("%d: %s", i+1, value))
			} else {
				wrong++
			}
		}
		if !slices.Equal(rows, want) || len(rejected) != wrong {
			t.Errorf("%q gives\n%q and %q, want\n%q and %d rejected", text, rows, rejected, want, wrong)
		}
	})
}
