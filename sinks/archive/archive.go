// Package archive puts finished files into one zip whose bytes follow from the files and one time alone, and finds
// them in it again. It never compresses, and it neither opens nor names nor publishes anything.
//
// Sizes and checksums stand in front of every file, so that a zip can be unpacked while it is still being
// downloaded, and every file lies in it as one piece, so that it can be read in place.
package archive

import (
	"archive/zip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// File is a file of an archive: its name, with slashes between folders, and its content.
type File struct {
	Name    string
	Content io.ReaderAt
	Size    int64 // bytes
}

// Write writes an archive of the files, in their order, to w. Every file is read twice: once for its checksum, then to
// be copied. All carry the time made, in UTC and to two seconds as the format has it, brought into the years
// 1980 to 2107 that the format knows. Names that could land outside of the folder that they are unpacked in, that
// not every system can store, or that differ in nothing but case are refused before anything is written.
// After an error w holds a part of an archive that nothing can open.
func Write(w io.Writer, made time.Time, files []File) error {
	for i, f := range files {
		if err := checkName(f.Name); err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		same := func(other File) bool { return strings.EqualFold(other.Name, f.Name) }
		if slices.ContainsFunc(files[:i], same) {
			return fmt.Errorf("archive: two files are called %q (upper and lower case are the same to some systems): names must differ", f.Name)
		}
	}
	zw := zip.NewWriter(w)
	for _, f := range files {
		if err := write(zw, made, f); err != nil {
			return fmt.Errorf("archive: %s: %w", f.Name, err)
		}
	}
	if err := zw.Close(); err != nil {
		return fmt.Errorf("archive: write the directory: %w", err)
	}
	return nil
}

func write(zw *zip.Writer, made time.Time, f File) error {
	if f.Size < 0 {
		return fmt.Errorf("a size of %d bytes", f.Size)
	}
	sum := crc32.NewIEEE()
	n, err := io.Copy(sum, io.NewSectionReader(f.Content, 0, f.Size))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if n != f.Size {
		return fmt.Errorf("read: %w: found %d bytes, expected %d", io.ErrUnexpectedEOF, n, f.Size)
	}
	out, err := Create(zw, Entry{Name: f.Name, Method: zip.Store, Modified: made, CRC32: sum.Sum32(),
		Size: uint64(n), Compressed: uint64(n)})
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	again := crc32.NewIEEE()
	copied, err := io.Copy(out, io.TeeReader(io.NewSectionReader(f.Content, 0, f.Size), again))
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if copied != n || again.Sum32() != sum.Sum32() {
		return errors.New("its content changed while it was read")
	}
	return nil
}

// checkName says what is wrong with the name of a file in an archive.
func checkName(name string) error {
	bad := func(r rune) bool { return r == '\\' || r == ':' || unicode.IsControl(r) }
	if !fs.ValidPath(name) || name == "." || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) || len(name) > math.MaxUint16 {
		return fmt.Errorf("%q is no name for a file in an archive: expected a relative path with slashes, "+
			"without .. and without backslashes, colons and control characters", name)
	}
	return nil
}

// Entry is what is known of an entry of a zip before its content is written.
type Entry struct {
	Name       string
	Method     uint16    // zip.Store or zip.Deflate: how the bytes that follow are compressed
	Modified   time.Time // the zero time stands for the beginning of 1980
	CRC32      uint32    // of the uncompressed content
	Size       uint64    // bytes, uncompressed
	Compressed uint64    // bytes that follow
}

// Create begins an entry whose size and checksum are known and returns where its bytes, compressed already, have to
// go before the next entry begins or zw is closed. Unlike zip.Writer.CreateRaw, entries of more than four gigabytes
// have their sizes in the local header, too.
func Create(zw *zip.Writer, e Entry) (io.Writer, error) {
	h := &zip.FileHeader{Name: e.Name, Method: e.Method, CRC32: e.CRC32,
		UncompressedSize64: e.Size, CompressedSize64: e.Compressed, ReaderVersion: version20}
	h.SetMode(0o644)
	h.CreatorVersion |= version20
	// CreateRaw writes no Modified but takes these two, which only other ways of writing have deprecated.
	h.ModifiedDate, h.ModifiedTime = dosTime(e.Modified) //nolint:staticcheck // see above
	if !isASCII(e.Name) {
		h.Flags |= flagUTF8
	}
	if e.Size >= math.MaxUint32 || e.Compressed >= math.MaxUint32 {
		h.ReaderVersion = version45
		h.CreatorVersion = h.CreatorVersion&^0xff | version45
		h.Extra = zip64Extra(e)
	}
	out, err := zw.CreateRaw(h)
	// The zip.Writer keeps h for the directory at the end, where it adds an extra field of its own.
	h.Extra = nil
	return out, err
}

// Of the zip format: versions that a reader needs, and a flag.
const (
	version20 = 20
	version45 = 45      // 64-bit sizes
	flagUTF8  = 1 << 11 // the name is UTF-8
)

// zip64Extra returns the extra field of a local header that holds both sizes in 64 bits.
func zip64Extra(e Entry) []byte {
	extra := []byte{1, 0, 16, 0}
	for _, n := range []uint64{e.Size, e.Compressed} {
		for i := range 8 {
			extra = append(extra, byte(n>>(8*i)))
		}
	}
	return extra
}

// dosTime returns the day and the time of day of t in UTC as the format packs them.
func dosTime(t time.Time) (date, clock uint16) {
	t = t.UTC()
	switch {
	case t.Year() < 1980:
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	case t.Year() > 2107:
		t = time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
	}
	return uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day()), uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// Open returns the files of an archive that Write made, in their order. Their contents are sections of r, which has size
// bytes; they are read in place and not compared with their checksums. An archive with anything that Write does not write,
// compressed files and unsafe names among it, is refused.
func Open(r io.ReaderAt, size int64) ([]File, error) {
	zr, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("archive: open: %w", err)
	}
	files := make([]File, 0, len(zr.File))
	for _, entry := range zr.File {
		if err := checkName(entry.Name); err != nil {
			return nil, fmt.Errorf("archive: open: %w", err)
		}
		start, err := entry.DataOffset()
		if err != nil {
			return nil, fmt.Errorf("archive: open %s: %w", entry.Name, err)
		}
		n := entry.UncompressedSize64
		if entry.Method != zip.Store || n != entry.CompressedSize64 || n > uint64(size) || start > size-int64(n) {
			return nil, fmt.Errorf("archive: open %s: found method %d with %d bytes in %d at %d of %d, expected a stored file within the archive",
				entry.Name, entry.Method, n, entry.CompressedSize64, start, size)
		}
		files = append(files, File{Name: entry.Name, Content: io.NewSectionReader(r, start, int64(n)), Size: int64(n)})
	}
	return files, nil
}
