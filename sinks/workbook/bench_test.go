package workbook

import (
	"bytes"
	"io"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// BenchmarkWrite and BenchmarkRead count the bytes of a sheet's XML. Peak memory is for bench/workbook to say.
func BenchmarkWrite(b *testing.B) {
	rows := manyRows()
	rec := record(b, memory.DefaultAllocator, rows.def, rows.coded, rows.rows...)
	defer rec.Release()
	b.ReportAllocs()
	for b.Loop() {
		w, err := New(io.Discard, Options{Scratch: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		s, err := w.Sheet(rows.def)
		if err != nil {
			b.Fatal(err)
		}
		for range 5 {
			if err := s.Write(rec); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(s.parts[0].data.raw)
		if _, err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	file, _ := write(b, Options{}, manyRows())
	b.SetBytes(int64(len(content(file)["xl/worksheets/sheet1.xml"])))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(bytes.NewReader(file), int64(len(file))); err != nil {
			b.Fatal(err)
		}
	}
}
