package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/bucket"
)

func gz(t testing.TB, parts ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	for _, part := range parts { // each a member of its own
		w := gzip.NewWriter(&buf)
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

func zst(t testing.TB, parts ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	for _, part := range parts { // each a frame of its own
		w, err := zstd.NewWriter(&buf)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

// put writes objects. It uploads, because closing a writer is not safe with every driver.
func put(t testing.TB, b *blob.Bucket, objects map[string][]byte) {
	t.Helper()
	for key, data := range objects {
		if err := b.Upload(context.Background(), key, bytes.NewReader(data), &blob.WriterOptions{ContentType: "application/octet-stream"}); err != nil {
			t.Fatalf("writing %s: %v", key, err)
		}
	}
}

func source(t testing.TB, b *blob.Bucket) *bucket.Source {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	t.Cleanup(func() { alloc.AssertSize(t, 0) })
	return bucket.New(b, "the bucket", bucket.Options{Allocator: alloc, BatchRows: 3})
}

const (
	csvText   = "id,name\n1,Ann\n2,\n3,\"Bo\nb\"\n4,Cy\n"
	jsonText  = "{\"id\":1,\"name\":\"Ann\"}\n{\"id\":2}\n{\"name\":\"Bo\\nb\",\"id\":3}\n{\"id\":4,\"name\":\"Cy\"}\n"
	rowsOfCSV = "[[2 1 Ann] [3 2 ∅] [4 3 Bo\nb] [6 4 Cy]]"
	rowsOfJS  = "[[1 1 Ann] [2 2 ∅] [3 3 Bo\nb] [4 4 Cy]]"
)

// Every kind of bucket lists and reads every format in the same way.
func TestEveryBucket(t *testing.T) {
	parquetFile, err := os.ReadFile("testdata/zstd_v1.parquet")
	if err != nil {
		t.Fatal(err)
	}
	testservice.ForEachBucket(t, func(t *testing.T, b *blob.Bucket, _ string) {
		put(t, b, map[string][]byte{
			"events/dt=2026-11-19/part-1.csv":       []byte(csvText),
			"events/dt=2026-11-19/part-0.csv.gz":    gz(t, csvText[:12], csvText[12:]),
			"events/dt=2026-11-20/part-0.csv.zst":   zst(t, csvText[:12], csvText[12:]),
			"events/dt=2026-11-20/part-1.jsonl":     []byte(jsonText),
			"events/dt=2026-11-20/part-2.jsonl.gz":  gz(t, jsonText),
			"events/dt=2026-11-20/part-3.jsonl.zst": zst(t, jsonText),
			"events/dt=2026-11-21/part-0.parquet":   parquetFile,
			"events/dt=2026-11-21/_SUCCESS":         nil,
			"eventually/dt=2026-11-21/part-0.csv":   []byte(csvText),
			"members.csv":                           []byte(csvText),
		})
		s := source(t, b)
		days, err := s.Partitions(t.Context(), "events/dt={date}/part-*")
		if err != nil {
			t.Fatal(err)
		}
		var listed []string
		for _, day := range days {
			if day.Date.Format(time.DateOnly) != day.Name || day.Fingerprint == "" {
				t.Errorf("a partition is %+v", day)
			}
			for _, f := range day.Files {
				if f.Size == 0 || f.ModTime.IsZero() || f.Fingerprint == "" {
					t.Errorf("a file is %+v", f)
				}
				listed = append(listed, day.Name+" "+filepath.Base(f.Key))
				_, rows, rejected := collect(t, s, f, bucket.ReadOptions{Columns: []string{"id", "name"}})
				switch got := fmt.Sprint(rows); {
				case len(rejected) > 0:
					t.Errorf("%s: rejected %v", f.Key, rejected)
				case strings.Contains(f.Key, ".csv") && got != rowsOfCSV, strings.Contains(f.Key, ".jsonl") && got != rowsOfJS:
					t.Errorf("%s: %s", f.Key, got)
				case strings.Contains(f.Key, ".parquet") && (len(rows) != 1000 || rows[999][1] != "event-000999"):
					t.Errorf("%s: %d rows", f.Key, len(rows))
				}
				schema, err := s.Schema(t.Context(), f, bucket.ReadOptions{})
				if err != nil || schema.Field(0).Name != "id" {
					t.Errorf("%s: the schema is %v, %v", f.Key, schema, err)
				}
			}
		}
		want := "2026-11-19 part-0.csv.gz, 2026-11-19 part-1.csv, 2026-11-20 part-0.csv.zst, 2026-11-20 part-1.jsonl, " +
			"2026-11-20 part-2.jsonl.gz, 2026-11-20 part-3.jsonl.zst, 2026-11-21 part-0.parquet"
		if got := strings.Join(listed, ", "); got != want {
			t.Errorf("listed\n%s, want\n%s", got, want)
		}
		files, err := s.Partitions(t.Context(), "members.csv")
		if err != nil || len(files) != 1 || files[0].Name != "members.csv" || !files[0].Date.IsZero() {
			t.Errorf("one file: %+v %v", files, err)
		}
		if none, err := s.Partitions(t.Context(), "nothing/{date}/*"); err != nil || len(none) != 0 {
			t.Errorf("nothing: %+v %v", none, err)
		}
		for _, err := range s.Read(t.Context(), bucket.File{Key: "gone.csv"}, bucket.ReadOptions{}) {
			if !errors.Is(err, sources.ErrNotFound) || !strings.Contains(err.Error(), "gone.csv") {
				t.Errorf("a file that is gone: %v", err)
			}
		}
		for _, err := range s.Read(t.Context(), bucket.File{Key: "gone.parquet", Size: 100}, bucket.ReadOptions{}) {
			if !errors.Is(err, sources.ErrNotFound) || !strings.Contains(err.Error(), "gone.parquet") {
				t.Errorf("a file that is gone: %v", err)
			}
		}
	})
}

func TestFingerprints(t *testing.T) {
	dir := t.TempDir()
	b, err := fileblob.OpenBucket(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := source(t, b)
	one := func() bucket.Partition {
		t.Helper()
		parts, err := s.Partitions(t.Context(), "{date}/*.csv")
		if err != nil || len(parts) != 1 {
			t.Fatalf("%v %v", parts, err)
		}
		return parts[0]
	}
	put(t, b, map[string][]byte{"2026-11-20/a.csv": []byte("a\n1\n")})
	first := one()
	if again := one(); again.Fingerprint != first.Fingerprint {
		t.Error("the fingerprint changes by itself")
	}
	// Another program overwrites the file: the MD5 that was noted beside it is that of the old content.
	if err := os.WriteFile(filepath.Join(dir, "2026-11-20", "a.csv"), []byte("a\n2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	later := first.Files[0].ModTime.Add(time.Second)
	if err := os.Chtimes(filepath.Join(dir, "2026-11-20", "a.csv"), later, later); err != nil {
		t.Fatal(err)
	}
	changed := one()
	if changed.Fingerprint == first.Fingerprint {
		t.Error("a file overwritten by another program keeps its fingerprint")
	}
	put(t, b, map[string][]byte{"2026-11-20/b.csv": nil})
	if more := one(); more.Fingerprint == changed.Fingerprint || len(more.Files) != 2 {
		t.Error("a file more does not change the fingerprint")
	}
}

func TestDatesThatAreNone(t *testing.T) {
	b := memblob.OpenBucket(nil)
	defer b.Close()
	put(t, b, map[string][]byte{"dt=2026-11-20/a.csv": nil, "dt=2026-13-45/b.csv": nil, "dt=unknown/c.csv": nil})
	_, err := source(t, b).Partitions(t.Context(), "dt={date}/*.csv")
	if !errors.Is(err, sources.ErrUnreadable) {
		t.Fatalf("found %v", err)
	}
	for _, part := range []string{"the bucket", "2 files", "dt=2026-13-45/b.csv", "dt=unknown/c.csv", "rename or remove"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %s", err, part)
		}
	}
}

func TestFormats(t *testing.T) {
	b := memblob.OpenBucket(nil)
	defer b.Close()
	put(t, b, map[string][]byte{
		"plain.csv.gz": []byte(csvText), "packed.csv": gz(t, csvText), "DATA.CSV.GZ": gz(t, csvText), "x": []byte(csvText), "tabs.txt": []byte("id\tname\n1\tAnn\n"),
		"empty.csv": nil, "empty.csv.gz": nil, "empty.jsonl": nil, "nothing.csv.gz": gz(t, ""), "frame.csv.zst": append([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9}, zst(t, csvText)...),
	})
	s := source(t, b)
	for _, c := range []struct {
		key     string
		options bucket.ReadOptions
		want    string
	}{
		{"plain.csv.gz", bucket.ReadOptions{}, rowsOfCSV}, // a store that unpacks what it hands over
		{"packed.csv", bucket.ReadOptions{}, rowsOfCSV},
		{"DATA.CSV.GZ", bucket.ReadOptions{}, rowsOfCSV},
		{"x", bucket.ReadOptions{Format: "csv"}, rowsOfCSV},
		{"tabs.txt", bucket.ReadOptions{Format: "csv", Delimiter: '\t'}, "[[2 1 Ann]]"},
		{"empty.csv", bucket.ReadOptions{}, "[]"},
		{"empty.csv.gz", bucket.ReadOptions{}, "[]"},
		{"empty.jsonl", bucket.ReadOptions{}, "[]"},
		{"nothing.csv.gz", bucket.ReadOptions{}, "[]"},
		{"frame.csv.zst", bucket.ReadOptions{}, rowsOfCSV},
	} {
		if _, rows, _ := collect(t, s, bucket.File{Key: c.key}, c.options); fmt.Sprint(rows) != c.want {
			t.Errorf("%s: %v, want %s", c.key, rows, c.want)
		}
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	long := "id,name\n" + strings.Repeat("1,some name\n", 200_000)
	damaged := gz(t, long)
	damaged[len(damaged)/2] ^= 0xff
	b := memblob.OpenBucket(nil)
	defer b.Close()
	put(t, b, map[string][]byte{
		"cut.csv.gz": gz(t, long)[:2000], "cut.csv.zst": zst(t, long)[:200], "damaged.csv.gz": damaged,
		"noise.csv.gz": {0, 1, 2, 3, 4, 5}, "empty.parquet": nil, "text.parquet": []byte(csvText), "parquet.csv": []byte("PAR1 and more"), "x.xlsx": nil,
	})
	s := source(t, b)
	for _, c := range []struct {
		key    string
		format string
		kind   error
		says   string
	}{
		{"cut.csv.gz", "", sources.ErrUnreadable, "gzip data broken or cut off after 2000 bytes"},
		{"cut.csv.gz", "", sources.ErrUnreadable, "after line "},
		{"cut.csv.zst", "", sources.ErrUnreadable, "zstd data broken or cut off after 200 bytes"},
		{"damaged.csv.gz", "", sources.ErrUnreadable, "gzip data broken"},
		{"noise.csv.gz", "", sources.ErrUnreadable, "not gzip, though its name says so"},
		{"empty.parquet", "", sources.ErrUnreadable, "0 bytes are too few"},
		{"text.parquet", "", sources.ErrUnreadable, "not PAR1"},
		{"parquet.csv", "", sources.ErrUnreadable, "is a Parquet file"},
		{"x.xlsx", "", sources.ErrUnsupported, "say format"},
		{"x.xlsx", "xlsx", sources.ErrUnsupported, "use parquet, csv or jsonl"},
	} {
		var last error
		for batch, err := range s.Read(t.Context(), bucket.File{Key: c.key}, bucket.ReadOptions{Format: c.format}) {
			if last = err; err == nil {
				batch.Record.Release()
			}
		}
		if !errors.Is(last, c.kind) || !strings.Contains(last.Error(), c.says) || !strings.Contains(last.Error(), c.key) {
			t.Errorf("%s: %v", c.key, last)
		}
	}
}

// Leaving a read, cancelling it and failing leave no goroutine behind.
func TestNothingGoesOnAfterwards(t *testing.T) {
	text := "id,name\n" + strings.Repeat("1,some name that is not short\n", 300_000)
	large, err := os.ReadFile("testdata/fallback.parquet")
	if err != nil {
		t.Fatal(err)
	}
	b := memblob.OpenBucket(nil)
	defer b.Close()
	put(t, b, map[string][]byte{"a.csv": []byte(text), "a.csv.gz": gz(t, text), "a.csv.zst": zst(t, text), "cut.csv.gz": gz(t, text)[:5000],
		"a.jsonl": []byte(strings.Repeat("{\"id\":1}\n", 100_000)), "a.parquet": large})
	s := source(t, b)
	before := runtime.NumGoroutine()
	for _, key := range []string{"a.csv", "a.csv.gz", "a.csv.zst", "cut.csv.gz", "a.jsonl", "a.parquet"} {
		for batch, err := range s.Read(t.Context(), bucket.File{Key: key}, bucket.ReadOptions{}) {
			if err == nil {
				batch.Record.Release()
			}
			break
		}
		ctx, cancel := context.WithCancel(t.Context())
		var last error
		for batch, err := range s.Read(ctx, bucket.File{Key: key}, bucket.ReadOptions{}) {
			if last = err; err == nil {
				batch.Record.Release()
			}
			cancel()
		}
		cancel()
		if key != "cut.csv.gz" && !errors.Is(last, context.Canceled) {
			t.Errorf("%s: a cancelled read ends with %v", key, last)
		}
	}
	// Close waits for what it started; a goroutine that has done its last step may take a moment to be gone.
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i == 1_000_000 {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines more:\n%s", runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

func TestOpenErrors(t *testing.T) {
	for url, want := range map[string]struct {
		kind error
		says string
	}{
		"ftp://host/x?password=secret":           {sources.ErrUnsupported, `no driver for the scheme "ftp"`},
		"file:///does/not/exist?metadata=secret": {nil, "file:///does/not/exist"},
		"file:///does/not/exist":                 {sources.ErrNotFound, "no such directory"},
	} {
		_, err := bucket.Open(t.Context(), url, bucket.Options{})
		if err == nil || want.kind != nil && !errors.Is(err, want.kind) || !strings.Contains(err.Error(), want.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
	s, err := bucket.Open(t.Context(), "file://"+filepath.ToSlash(t.TempDir()), bucket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// An object that is overwritten between two ranged reads is noticed: its parts would not fit together.
func TestOverwrittenMeanwhile(t *testing.T) {
	data, err := os.ReadFile("testdata/zstd_v1.parquet")
	if err != nil {
		t.Fatal(err)
	}
	b := memblob.OpenBucket(nil)
	defer b.Close()
	put(t, b, map[string][]byte{"a.parquet": data})
	s := source(t, b)
	for _, err := range s.Read(t.Context(), bucket.File{Key: "a.parquet", Size: int64(len(data)) + 1}, bucket.ReadOptions{}) {
		if err == nil || !strings.Contains(err.Error(), "overwritten meanwhile") {
			t.Errorf("found %v", err)
		}
	}
}
