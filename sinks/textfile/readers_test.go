package textfile

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/internal/testservice"
)

// Python's own modules, DuckDB and pandas see the same values.
func TestOtherReaders(t *testing.T) {
	interpreter := testservice.Python(t, "duckdb", "pandas")
	dir := t.TempDir()
	save := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mem := memory.NewGoAllocator()
	cases := map[string][]line{"empty": nil, "golden": golden}
	for _, text := range hostile {
		cases["hostile"] = append(cases["hostile"], line{text, micros("2026-11-20T12:00:00.5Z"), 20_000, true, int64(-7), text})
	}
	for i := range 10 {
		name := fmt.Sprintf("random%d", i)
		cases[name] = rapid.Custom(drawLines).Example(i)
	}
	for name, lines := range cases {
		save(name+".csv", write(t, mem, toCSV, lines, 3))
		save(name+".json", write(t, mem, toJSON, lines, 3))
		rows := [][]any{}
		for _, l := range lines {
			var row []any
			for c, f := range kinds.Fields {
				v := l[c]
				switch {
				case v == nil:
				case f.Kind == dictionary.Timestamp:
					v = time.UnixMicro(v.(int64)).UTC().Format("2006-01-02T15:04:05.000000Z")
				case f.Kind == dictionary.Date:
					v = time.Unix(int64(v.(int))*daySeconds, 0).UTC().Format(time.DateOnly)
				}
				row = append(row, v)
			}
			rows = append(rows, row)
		}
		want, err := json.Marshal(rows)
		if err != nil {
			t.Fatal(err)
		}
		save(name+".want", string(want))
	}
	out, err := exec.Command(interpreter, filepath.Join("testdata", "readers.py"), dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%s", out)
}
