package parquetsrc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// codecs are the compressions that decompress knows.
var codecs = map[format.CompressionCodec]bool{
	format.Uncompressed: true, format.Snappy: true, format.Gzip: true, format.Brotli: true, format.Zstd: true, format.Lz4Raw: true,
}

// decompress unpacks src into dst, which it must fill exactly.
func decompress(codec format.CompressionCodec, dst, src []byte) error {
	var n int
	var err error
	switch codec {
	case format.Snappy:
		if n, err = snappy.DecodedLen(src); err == nil && n == len(dst) {
			_, err = snappy.Decode(dst, src)
		}
	case format.Zstd:
		n, err = unzstd(dst, src)
	case format.Lz4Raw:
		n, err = lz4.UncompressBlock(src, dst)
	case format.Gzip:
		n, err = gunzip(dst, src)
	case format.Brotli:
		n, err = readExactly(brotli.NewReader(bytes.NewReader(src)), dst)
	default:
		err = errors.New("no such codec")
	}
	if err == nil && n != len(dst) {
		err = fmt.Errorf("the page unpacks to %d bytes, not %d", n, len(dst))
	}
	return err
}

var zstdReaders = sync.Pool{New: func() any {
	// Without a reader behind it and with one worker, a decoder starts no goroutine.
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return err
	}
	return d
}}

func unzstd(dst, src []byte) (int, error) {
	pooled := zstdReaders.Get()
	d, ok := pooled.(*zstd.Decoder)
	if !ok {
		return 0, fmt.Errorf("starting a zstd decoder: %v", pooled)
	}
	defer zstdReaders.Put(d)
	out, err := d.DecodeAll(src, dst[:0:len(dst)])
	if err == nil && len(out) > 0 && &out[0] != &dst[0] {
		copy(dst, out)
	}
	return len(out), err
}

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

func gunzip(dst, src []byte) (int, error) {
	z := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(z)
	if err := z.Reset(bytes.NewReader(src)); err != nil {
		return 0, err
	}
	return readExactly(z, dst)
}

// readExactly fills dst and makes sure that nothing follows.
func readExactly(r io.Reader, dst []byte) (int, error) {
	n, err := io.ReadFull(r, dst)
	if err != nil {
		return n, err
	}
	var more [1]byte
	if m, err := io.ReadFull(r, more[:]); m > 0 {
		return n + m, nil
	} else if !errors.Is(err, io.EOF) {
		return n, err
	}
	return n, nil
}
