package workbook

import (
	"hash/crc32"
	"testing"

	"pgregory.net/rapid"
)

func TestCombineCRC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOf(rapid.Byte()).Draw(t, "a"), rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		got := combineCRC(crc32.ChecksumIEEE(a), crc32.ChecksumIEEE(b), int64(len(b)))
		if want := crc32.ChecksumIEEE(append(a, b...)); got != want {
			t.Fatalf("found %08x, expected %08x", got, want)
		}
	})
	long := make([]byte, 5_000_001)
	for i := range long {
		long[i] = byte(i * i)
	}
	if got := combineCRC(crc32.ChecksumIEEE(long[:999]), crc32.ChecksumIEEE(long[999:]), int64(len(long)-999)); got != crc32.ChecksumIEEE(long) {
		t.Errorf("of 5 MB: found %08x", got)
	}
}
