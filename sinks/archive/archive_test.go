package archive

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func file(name, content string) File {
	return File{Name: name, Content: strings.NewReader(content), Size: int64(len(content))}
}

var made = time.Date(2026, 11, 21, 3, 30, 1, 5, time.FixedZone("", 3600))

func written(t testing.TB, when time.Time, files ...File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, when, files); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWriteOpen(t *testing.T) {
	files := []File{file("Usage Report (Last 6 Months).xlsx", "six"), file("résumé/b.txt", ""), file("a", strings.Repeat("x", 100_000))}
	b := written(t, made, files...)
	if !bytes.Equal(b, written(t, made.UTC(), files...)) {
		t.Error("the same files and time in another zone give other bytes")
	}
	got, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(files) {
		t.Fatalf("%d files, expected %d", len(got), len(files))
	}
	for i, f := range got {
		want, _ := io.ReadAll(io.NewSectionReader(files[i].Content, 0, files[i].Size))
		content, err := io.ReadAll(io.NewSectionReader(f.Content, 0, f.Size))
		if err != nil || f.Name != files[i].Name || !bytes.Equal(content, want) {
			t.Errorf("file %d: %q with %d bytes (%v), expected %q with %d", i, f.Name, len(content), err, files[i].Name, len(want))
		}
	}
	zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range zr.File {
		if want := time.Date(2026, 11, 21, 2, 30, 0, 0, time.UTC); !f.Modified.Equal(want) {
			t.Errorf("%s: modified %v, expected %v", f.Name, f.Modified, want)
		}
		if utf8 := f.Flags&flagUTF8 != 0; utf8 != (i == 1) || f.Flags&8 != 0 || len(f.Extra) > 0 {
			t.Errorf("%s: flags %#x, extra %x", f.Name, f.Flags, f.Extra)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil { // compares the checksum
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct{ when, want time.Time }{
		{time.Time{}, time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)},
		{time.Date(1979, 12, 31, 23, 0, 0, 0, time.UTC), time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)},
		{time.Date(2107, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)},
		{time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)},
	} {
		b := written(t, c.when, file("a", ""))
		zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if got := zr.File[0].Modified; !got.Equal(c.want) {
			t.Errorf("%v: found %v, expected %v", c.when, got, c.want)
		}
	}
}

// A reader that cannot seek finds sizes and checksums in front of the content: the local headers.
func TestLocalHeader(t *testing.T) {
	b := written(t, made, file("a", "123456789"))
	want := []byte{'P', 'K', 3, 4, 20, 0, 0, 0, 0, 0, 0xc0, 0x13, 0x75, 0x5d,
		0x26, 0x39, 0xf4, 0xcb, 9, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 'a', '1'}
	if !bytes.HasPrefix(b, want) {
		t.Errorf("found    %x\nexpected %x", b[:len(want)], want)
	}
}

// Entries beyond four gigabytes have both sizes in the local header, and once in the directory.
func TestSizesOf64Bits(t *testing.T) {
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	const big = math.MaxUint32 + 10
	if _, err := Create(zw, Entry{Name: "big", Method: zip.Deflate, CRC32: 7, Size: big, Compressed: 0}); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	local := []byte{'P', 'K', 3, 4, 45, 0, 0, 0, 8, 0, 0, 0, 0x21, 0, 7, 0, 0, 0,
		0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 3, 0, 20, 0, 'b', 'i', 'g',
		1, 0, 16, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if !bytes.HasPrefix(b.Bytes(), local) {
		t.Errorf("found    %x\nexpected %x", b.Bytes()[:len(local)], local)
	}
	zr, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if f := zr.File[0]; f.UncompressedSize64 != big || len(f.Extra) != 28 {
		t.Errorf("size %d, extra %x", f.UncompressedSize64, f.Extra)
	}
}

func TestRefusedNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../a", "a/../b", "/a", "a/", "a//b", `a\b`, "c:a", "a\x00", "a\nb", "\xff", strings.Repeat("n", 70_000)} {
		var b bytes.Buffer
		if err := Write(&b, made, []File{file(name, "x")}); err == nil || b.Len() > 0 {
			t.Errorf("%.20q: error %v, %d bytes written", name, err, b.Len())
		}
	}
	var b bytes.Buffer
	err := Write(&b, made, []File{file("Report.xlsx", "x"), file("other", ""), file("report.XLSX", "y")})
	if err == nil || b.Len() > 0 || !strings.Contains(err.Error(), "report.XLSX") {
		t.Errorf("two files of one name: error %v, %d bytes written", err, b.Len())
	}
}

type full struct{ room int }

var errFull = errors.New("full")

func (f *full) Write(p []byte) (int, error) {
	if f.room < len(p) {
		n := f.room
		f.room = 0
		return n, errFull
	}
	f.room -= len(p)
	return len(p), nil
}

type changing struct{ reads int }

func (c *changing) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	for i := range p {
		p[i] = byte(c.reads)
	}
	return len(p), nil
}

func TestErrors(t *testing.T) {
	b := written(t, made, file("a", "content"), file("b", "more"))
	for room := range len(b) {
		if err := Write(&full{room}, made, []File{file("a", "content"), file("b", "more")}); !errors.Is(err, errFull) {
			t.Fatalf("room for %d bytes: %v", room, err)
		}
	}
	for name, f := range map[string]File{
		"short":    {Name: "f", Content: strings.NewReader("abc"), Size: 4},
		"negative": {Name: "f", Content: strings.NewReader("abc"), Size: -1},
		"broken":   {Name: "f", Content: brokenAt{}, Size: 4},
		"changing": {Name: "f", Content: &changing{}, Size: 4},
	} {
		if err := Write(io.Discard, made, []File{f}); err == nil || !strings.Contains(err.Error(), "archive: f: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type brokenAt struct{}

func (brokenAt) ReadAt(p []byte, _ int64) (int, error) { return iotest.ErrReader(errFull).Read(p) }

func TestOpenRefuses(t *testing.T) {
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	w, err := zw.Create("deflated")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len())); err == nil {
		t.Error("a compressed file is no error")
	}
	var odd bytes.Buffer
	zw = zip.NewWriter(&odd)
	w, err = Create(zw, Entry{Name: "odd", Method: zip.Store, Size: 2, Compressed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "abc"); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(bytes.NewReader(odd.Bytes()), int64(odd.Len())); err == nil {
		t.Error("a stored file of two sizes is no error")
	}
	good := written(t, made, file("a", "content"))
	for n := range good {
		if _, err := Open(bytes.NewReader(good[:n]), int64(n)); err == nil {
			t.Errorf("the first %d of %d bytes are no error", n, len(good))
		}
	}
	unsafe := bytes.ReplaceAll(written(t, made, file("aa/b", "content")), []byte("aa/b"), []byte("../b"))
	if _, err := Open(bytes.NewReader(unsafe), int64(len(unsafe))); err == nil {
		t.Error("an unsafe name is no error")
	}
}

// Another program unpacks it.
func TestUnzip(t *testing.T) {
	unzip, err := exec.LookPath("unzip")
	if err != nil {
		t.Skip("unzip is not installed")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "a.zip")
	if err := os.WriteFile(name, written(t, made, file("Usage Report (Last 1 Year).xlsx", "year"), file("Größe.txt", "b")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), unzip, "-d", dir, name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "Usage Report (Last 1 Year).xlsx")); err != nil || string(b) != "year" {
		t.Errorf("%q, %v", b, err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(written(f, made, file("a", "content"), file("b/c", "")))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, x := range files {
			if n, err := io.Copy(io.Discard, io.NewSectionReader(x.Content, 0, x.Size)); err != nil || n != x.Size {
				t.Errorf("%q: %d of %d bytes: %v", x.Name, n, x.Size, err)
			}
		}
	})
}
