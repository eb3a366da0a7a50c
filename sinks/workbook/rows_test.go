package workbook

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/dictionary"
)

// TestRows reads the cells of a sheet back, and stops when it is told to.
func TestRows(t *testing.T) {
	def := &dictionary.Table{Name: "t", Title: "T", Fields: []dictionary.Field{
		{Name: "a", Required: true}, {Name: "b"}, {Name: "n", Kind: dictionary.Integer},
	}}
	out, _ := write(t, Options{}, sheet{def: def, rows: [][]any{
		{"=x & <y>", "b", int64(0)}, {"", nil, int64(1000)}, {"_x0041_", "b", int64(2000)},
	}})
	read := func(sheet string, most int) (rows []string, err error) {
		for row, err := range Rows(bytes.NewReader(out), int64(len(out)), sheet) {
			if err != nil {
				return rows, err
			}
			rows = append(rows, strings.Join(row, "|"))
			if len(rows) == most {
				break
			}
		}
		return rows, nil
	}
	want := []string{"=x & <y>|b|0", "||1000", "_x0041_|b|2000"}
	for most := 1; most <= 3; most++ {
		if got, err := read("T", most); err != nil || !slices.Equal(got, want[:most]) {
			t.Errorf("first %d: got %q, %v, want %q", most, got, err, want[:most])
		}
	}
	if _, err := read("U", 9); err == nil || !strings.Contains(err.Error(), "sheet U: there is no such sheet") {
		t.Errorf("a sheet that is not there: %v", err)
	}
}
