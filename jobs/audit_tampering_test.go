package jobs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/parquetfile"
	"github.com/usagereport/usagereport/sinks/textfile"
)

// TestAuditTampering changes what is published, with the checksums that vouch for it and without: verify names the day.
func TestAuditTampering(t *testing.T) {
	w, b := watched(t), newBucket(t)
	w.act("e3", "w1", "2026-11-12T09:00:00Z", "member.removed", nil)
	run(t, w, b, auditNight, jobs.Request{})
	const folder = "audit/2026-11-21/"
	const parquet = "logs/audit_log/snapshot_date=2026-11-21/part-00000.parquet"
	rows := readAudit(t, b, folder+"audit_log.json") // e3, e2, e1
	for _, what := range []struct {
		name string
		rows arrow.Record
		days []string
	}{
		{"an event is changed", arranged(t, rows, func(i int, id string) string { return strings.Replace(id, "e1", "e0", 1) }, 0, 1, 2), []string{"2026-11-10"}},
		{"an event is dropped", arranged(t, rows, nil, 0, 2), []string{"2026-11-12"}},
		{"the last event is dropped", arranged(t, rows, nil, 0, 1), []string{"2026-11-10"}},
		{"two events change places", arranged(t, rows, nil, 1, 0, 2), []string{"2026-11-12"}},
		{"events of two days change places", arranged(t, rows, nil, 0, 2, 1), []string{"2026-11-10", "2026-11-12"}},
	} {
		for key, data := range map[string][]byte{
			folder + "audit_log.csv":  written(t, what.rows, textfile.NewCSV),
			folder + "audit_log.json": written(t, what.rows, textfile.NewJSON),
			parquet:                   asParquet(t, what.rows),
		} {
			for _, forged := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/forged=%v", what.name, key[strings.LastIndex(key, ".")+1:], forged), func(t *testing.T) {
					c := copyOf(t, b)
					if err := c.WriteAll(t.Context(), key, data, nil); err != nil {
						t.Fatal(err)
					}
					if forged {
						forge(t, c, key, data, what.rows.NumRows())
					}
					_, err := jobs.Verify(t.Context(), lakeOf(t, c), "", t.TempDir())
					if !errors.Is(err, lake.ErrCorrupt) {
						t.Fatalf("got %v, want lake.ErrCorrupt", err)
					}
					if !slices.ContainsFunc(what.days, func(day string) bool { return strings.Contains(err.Error(), day+":") }) {
						t.Errorf("none of %v is named: %v", what.days, err)
					}
				})
			}
		}
	}
}

// TestDigestTampering changes digests: verify tells, and no night goes on from them.
func TestDigestTampering(t *testing.T) {
	w, b := watched(t), newBucket(t)
	for i := range 3 {
		run(t, w, b, auditNight.AddDate(0, 0, i), jobs.Request{})
	}
	next := auditNight.AddDate(0, 0, 3)
	for _, test := range []struct {
		name   string
		change func(c *blob.Bucket) error
		want   string // of verify
		stops  bool   // the next night
	}{
		{"the last is gone", func(c *blob.Bucket) error { return c.Delete(t.Context(), "audit/digests/00000003.json") }, "digest 3", true},
		{"one before is gone", func(c *blob.Bucket) error { return c.Delete(t.Context(), "audit/digests/00000002.json") }, "digest 2", false},
		{"the first is another", func(c *blob.Bucket) error {
			data := strings.Replace(text(t, c, "audit/digests/00000001.json"), `"events": 1`, `"events": 2`, 1)
			return c.WriteAll(t.Context(), "audit/digests/00000001.json", []byte(data), nil)
		}, "digest 1", false},
		{"the last is another", func(c *blob.Bucket) error {
			data := strings.Replace(text(t, c, "audit/digests/00000003.json"), `"events": 1`, `"events": 2`, 1)
			return c.WriteAll(t.Context(), "audit/digests/00000003.json", []byte(data), nil)
		}, "digest 3", true},
		{"the last is no digest", func(c *blob.Bucket) error {
			return c.WriteAll(t.Context(), "audit/digests/00000003.json", []byte("{}"), nil)
		}, "00000003.json", true},
		{"all of them are gone", func(c *blob.Bucket) error {
			var errs []error
			for i := range 3 {
				errs = append(errs, c.Delete(t.Context(), lake.DigestKey(int64(i+1))))
			}
			return errors.Join(errs...)
		}, "digest 1 is gone", false},
		{"another one at the end, of a date that lists none such", func(c *blob.Bucket) error {
			data := strings.Replace(text(t, c, "audit/digests/00000003.json"), `"number": 3`, `"number": 4`, 1)
			return c.WriteAll(t.Context(), "audit/digests/00000004.json", []byte(data), nil)
		}, "digest 4", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := copyOf(t, b)
			if err := test.change(c); err != nil {
				t.Fatal(err)
			}
			if _, err := jobs.Verify(t.Context(), lakeOf(t, c), "", t.TempDir()); !errors.Is(err, lake.ErrCorrupt) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("verify: %v", err)
			}
			_, err := newNight(t, w, c, next).Run(t.Context(), jobs.Request{})
			if stopped := errors.Is(err, jobs.ErrCheck); stopped != test.stops || err != nil && !stopped {
				t.Errorf("the next night: %v", err)
			}
		})
	}
}

// TestDigestBeforeTheLast publishes a past date, for which more than the last digest is read: none but the one that it names.
func TestDigestBeforeTheLast(t *testing.T) {
	w, b := watched(t), newBucket(t)
	for i := range 2 {
		run(t, w, b, auditNight.AddDate(0, 0, i), jobs.Request{})
	}
	const key = "audit/digests/00000001.json"
	data := strings.Replace(text(t, b, key), `"events": 1`, `"events": 2`, 1)
	if err := b.WriteAll(t.Context(), key, []byte(data), nil); err != nil {
		t.Fatal(err)
	}
	_, err := newNight(t, w, b, auditNight.AddDate(0, 0, 2)).Run(t.Context(), jobs.Request{Date: &auditDay})
	if !errors.Is(err, jobs.ErrCheck) || !strings.Contains(err.Error(), "digest 1 is not the one that digest 2 names") {
		t.Errorf("got %v", err)
	}
}

func readAudit(t *testing.T, b *blob.Bucket, key string) arrow.Record {
	t.Helper()
	for rec, err := range textfile.ReadJSON(strings.NewReader(text(t, b, key)), dictionary.AuditLog, memory.DefaultAllocator) {
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	t.Fatal("no rows")
	return nil
}

// arranged returns the given rows, each event id as rename has it.
func arranged(t *testing.T, rec arrow.Record, rename func(i int, id string) string, rows ...int) arrow.Record {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, rec.Schema())
	defer b.Release()
	for n, i := range rows {
		for c, col := range rec.Columns() {
			value := col.ValueStr(i)
			if c == 0 && rename != nil {
				value = rename(n, value)
			}
			if col.IsNull(i) {
				b.Field(c).AppendNull()
			} else if err := b.Field(c).AppendValueFromString(value); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.NewRecord()
}

func written(t *testing.T, rec arrow.Record, format func(io.Writer, *dictionary.Table) *textfile.Writer) []byte {
	t.Helper()
	var out bytes.Buffer
	w := format(&out, dictionary.AuditLog)
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asParquet(t *testing.T, rec arrow.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := parquetfile.NewWriter(&out, dictionary.AuditLog, parquetfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// forge makes the manifest, and latest.json, vouch for the object as it is now.
func forge(t *testing.T, b *blob.Bucket, key string, data []byte, rows int64) {
	t.Helper()
	m, err := lakeOf(t, b).Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := func(data []byte) string { s := sha256.Sum256(data); return hex.EncodeToString(s[:]) }
	for i := range m.Objects {
		if o := &m.Objects[i]; o.Key == key {
			o.Bytes, o.Rows, o.SHA256 = int64(len(data)), rows, sum(data)
		}
	}
	for i := range m.Logs {
		if m.Logs[i].Table == "audit_log" && strings.HasSuffix(key, ".parquet") {
			m.Logs[i].Rows = rows
		}
	}
	manifest, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var latest map[string]any
	if err := json.Unmarshal([]byte(text(t, b, "latest.json")), &latest); err != nil {
		t.Fatal(err)
	}
	latest["manifest_sha256"] = sum(manifest)
	pointer, err := json.Marshal(latest)
	if err != nil {
		t.Fatal(err)
	}
	for key, data := range map[string][]byte{lake.ManifestKey(m.SnapshotDate): manifest, "latest.json": pointer} {
		if err := b.WriteAll(t.Context(), key, data, nil); err != nil {
			t.Fatal(err)
		}
	}
}
