package parquetfile

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/internal/testservice"
)

// Other readers see the same values, types, descriptions and statistics.
func TestOtherReaders(t *testing.T) {
	interpreter := testservice.Python(t, "pyarrow", "duckdb")
	dir := t.TempDir()
	save := func(name string, r *rows, o Options, prune any) {
		o.Metadata = map[string]string{"snapshot_date": "2026-11-21", "zone": "Europe/Zürich"}
		file, _ := r.file(t, memory.DefaultAllocator, cut{lengths: []int{977, 5}, encoding: []int{0, 1, 2, 3, 4}, indexes: indexTypes}, o)
		if err := os.WriteFile(filepath.Join(dir, name+".parquet"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".json"), r.json(t, o.Metadata, prune), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 25 {
		most := []int{0, 30, 3000, 30_000, 70_000}[i%5]
		r := rapid.Custom(func(rt *rapid.T) *rows { return drawRows(rt, kinds, most) }).Example(i)
		save(fmt.Sprintf("random%02d", i), r, Options{RowGroupRows: []int{0, 9, 25_000}[i%3] + r.n/30}, nil)
	}
	sorted := &rows{table: small, n: 40_000, columns: make([][]any, 2)}
	for i := range sorted.n {
		sorted.columns[0] = append(sorted.columns[0], fmt.Sprint("workspace-", 1+i/10_000))
		sorted.columns[1] = append(sorted.columns[1], any(int64(i%7)))
	}
	save("sorted", sorted, Options{RowGroupRows: 5000}, map[string]any{"column": "id", "value": "workspace-3", "groups": 2})

	out, err := exec.Command(interpreter, filepath.Join("testdata", "readers.py"), dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%s", out)
}

func (r *rows) json(t testing.TB, metadata map[string]string, prune any) []byte {
	type column struct {
		Name     string `json:"name"`
		Kind     string `json:"kind"`
		Required bool   `json:"required"`
		Doc      string `json:"doc"`
		Values   []any  `json:"values"`
	}
	var columns []column
	for i, f := range r.table.Fields {
		columns = append(columns, column{Name: f.Name, Kind: f.Kind.String(), Required: f.Required, Doc: f.Doc, Values: r.columns[i]})
	}
	b, err := json.Marshal(map[string]any{"columns": columns, "metadata": metadata, "prune": prune})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
