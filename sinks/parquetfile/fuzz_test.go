package parquetfile

import (
	"bytes"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"
)

// Bytes that are no file, or a damaged one, give errors: they neither panic nor leak.
func FuzzScan(f *testing.F) {
	for i, most := range []int{0, 5, 50} {
		r := rapid.Custom(func(rt *rapid.T) *rows { return drawRows(rt, kinds, most) }).Example(i)
		file, _ := r.file(f, memory.DefaultAllocator, cut{lengths: []int{50}, encoding: []int{1}, indexes: indexTypes[:1]}, Options{RowGroupRows: 30})
		f.Add(file, 0, byte(0))
		f.Add(file, len(file)-20, byte(1))
	}
	f.Fuzz(func(t *testing.T, file []byte, at int, change byte) {
		if at >= 0 && at < len(file) {
			file = slices.Clone(file)
			file[at] ^= change
		}
		opened, err := Open(bytes.NewReader(file), int64(len(file)), kinds)
		if err != nil {
			return
		}
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer mem.AssertSize(t, 0)
		for rec, err := range opened.Scan(mem) {
			if err != nil {
				return
			}
			rec.Release()
		}
	})
}
