package parquetsrc

import (
	"bytes"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// What a page says of itself is checked before Arrow relies on it.
func TestChecks(t *testing.T) {
	for _, c := range []struct {
		codes []int32
		n     int
		ok    bool
	}{{nil, 0, true}, {[]int32{0, 4, 1}, 5, true}, {[]int32{0, 5}, 5, false}, {[]int32{-1}, 5, false}, {[]int32{0}, 0, false}} {
		if err := checkCodes(c.codes, c.n); (err == nil) != c.ok {
			t.Errorf("codes %v of %d: %v", c.codes, c.n, err)
		}
	}
	for _, c := range []struct {
		offsets []uint32
		size    int
		ok      bool
	}{{[]uint32{0}, 0, true}, {[]uint32{0, 0, 3}, 3, true}, {[]uint32{0, 4}, 3, false}, {[]uint32{0, 2, 1}, 3, false}, {[]uint32{0, 1 << 31}, 1 << 32, false}} {
		if err := checkOffsets(c.offsets, c.size); (err == nil) != c.ok {
			t.Errorf("offsets %v of %d: %v", c.offsets, c.size, err)
		}
	}
	levels := bytes.Repeat([]byte{0, 1, 1}, 7)
	if n, err := countPresent(levels); n != 14 || err != nil {
		t.Errorf("%d values, %v", n, err)
	}
	for i := range levels {
		broken := bytes.Clone(levels)
		broken[i] = 2
		if _, err := countPresent(broken); err == nil {
			t.Errorf("the level 2 at %d is not noticed", i)
		}
	}
}

func TestPackBits(t *testing.T) {
	for n := range 40 {
		src, dst := make([]byte, n), make([]byte, (n+7)/8)
		for i := range src {
			src[i] = byte(i * i % 3 % 2)
		}
		packBits(dst, src)
		for i := range src {
			if dst[i/8]>>(i%8)&1 != src[i] {
				t.Fatalf("bit %d of %d is wrong", i, n)
			}
		}
	}
}

// A page that unpacks to more or less than it says is refused, under every compression.
func TestDecompressExactly(t *testing.T) {
	plain := bytes.Repeat([]byte("hello, "), 100_000)
	for codec := range codecs {
		if codec == format.Uncompressed {
			continue
		}
		packed, err := parquet.LookupCompressionCodec(codec).Encode(nil, plain)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, len(plain))
		if err := decompress(codec, dst, packed); err != nil || !bytes.Equal(dst, plain) {
			t.Errorf("%s: %d bytes, %v", codec, len(dst), err)
		}
		for _, n := range []int{0, len(plain) - 1, len(plain) + 1} {
			if err := decompress(codec, make([]byte, n), packed); err == nil {
				t.Errorf("%s: %d bytes are taken for %d", codec, len(plain), n)
			}
		}
	}
	if err := decompress(format.LZO, nil, nil); err == nil {
		t.Error("LZO is taken")
	}
}
