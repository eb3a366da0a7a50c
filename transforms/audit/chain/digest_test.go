package chain

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/transforms/calendar"
)

var update = flag.Bool("update", false, "write the golden files anew")

func digestOf(t testing.TB, rows []row) *Digest {
	c, _, _ := chain(nil).publish(t, d, time.UTC, "20261121T023000Z-2026-11-21", rows)
	c, digest, _ := c.publish(t, d+1, time.UTC, "20261122T023000Z-2026-11-22", append(rows, event("late", noon(3)), event("new", noon(0))))
	return c[digest.Number-1]
}

// TestGolden: the form in which digests are stored, checksums included, is for ever.
func TestGolden(t *testing.T) {
	got := digestOf(t, []row{event("a", noon(1)), event("b", noon(3))}).Encode()
	path := filepath.Join("testdata", "digest.json")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %s", got)
	}
}

// TestRecomputed: another program comes to the same checksums from the rows as JSON, by what the package says of them.
func TestRecomputed(t *testing.T) {
	python := testservice.Python(t, "hashlib", "json")
	_, digest, rows := chain(nil).publish(t, d, time.UTC, "r", []row{
		event("a", noon(1)), event("b", noon(1)), event("c", noon(40)).With("actor_user_id", "∅"), event("d", noon(90).Truncate(time.Second)),
	})
	var objects []map[string]any
	for _, r := range rows {
		o := map[string]any{}
		for _, f := range dictionary.AuditLog.Fields {
			if o[f.Name] = any(r[f.Name]); r[f.Name] == "" {
				o[f.Name] = nil
			}
		}
		objects = append(objects, o)
	}
	dir := t.TempDir()
	data, err := json.Marshal(objects)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"audit_log.json": data, "digest.json": digest.Encode()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(python, filepath.Join("testdata", "recompute.py"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestDecodeRefuses: only the bytes that a run writes are a digest.
func TestDecodeRefuses(t *testing.T) {
	good := string(digestOf(t, []row{event("a", noon(1))}).Encode())
	if _, err := Decode([]byte(good)); err != nil {
		t.Fatal(err)
	}
	zeros := strings.Repeat("0", 64)
	for name, c := range map[string]struct{ old, new, want string }{
		"space":        {"\n}", "\n }", "not those that a run writes"},
		"field":        {`"run_id"`, `"x": 1, "run_id"`, "not those that a run writes"},
		"version":      {`"format_version": 1`, `"format_version": 2`, "format version 2, this program knows 1"},
		"cut":          {"\n}", "", "not the digest"},
		"number":       {`"number": 2`, `"number": 0`, "a number below 1"},
		"first":        {`"number": 2`, `"number": 1`, "names one before it"},
		"previous":     {`"previous_sha256": "`, `"previous_sha256": "x`, "previous_sha256 is"},
		"date":         {`"snapshot_date": "2026-11-22"`, `"snapshot_date": "2026-11-31"`, "snapshot_date"},
		"covered":      {`"covered_to": "2026-11-21"`, `"covered_to": "2026-11-20"`, "but it lists 2026-11-21"},
		"covered text": {`"covered_to": "2026-11-21"`, `"covered_to": ""`, "covered_to"},
		"day":          {`"day": "2026-08-25"`, `"day": "2026-08-26"`, `day 2 is "2026-08-26", expected 2026-08-25`},
		"first day":    {`"day": "2026-08-24"`, `"day": "2026-08-32"`, "day 1"},
		"events":       {`"events": 0`, `"events": -1`, "2026-08-24 is out of range"},
		"facts":        {`"facts_sha256": "e3`, `"facts_sha256": "g3`, "2026-08-24 is out of range"},
		"rows":         {`"rows_sha256": "e3`, `"rows_sha256": "`, "2026-08-24 is out of range"},
		"recorded":     {`"recorded": 1`, `"recorded": 3`, "2026-08-24 is out of range"},
		"amends":       {`"amends": null`, `"amends": {"number": 1, "events": 0, "facts_sha256": "` + zeros + `"}`, "amends of 2026-08-24 is out of range"},
	} {
		changed := strings.Replace(good, c.old, c.new, 1)
		if changed == good {
			t.Fatalf("%s: nothing changed", name)
		}
		if _, err := Decode([]byte(changed)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := Decode([]byte(`{"format_version":1,"number":1,"days":[]}`)); err == nil || !strings.Contains(err.Error(), "no days") {
		t.Errorf("no days: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	good := digestOf(f, []row{event("a", noon(1))}).Encode()
	f.Add(good, 0, byte(0))
	f.Add(good, len(good)/2, byte(1))
	f.Add([]byte("{}"), 0, byte(0))
	f.Add([]byte(`{"format_version":1,"number":1,"days":[{}]}`), 0, byte(0))
	f.Fuzz(func(t *testing.T, data []byte, at int, change byte) {
		if at >= 0 && at < len(data) {
			data = slices.Clone(data)
			data[at] ^= change
		}
		digest, err := Decode(data)
		if err != nil {
			return
		}
		if !bytes.Equal(digest.Encode(), data) {
			t.Error("other bytes")
		}
		if n := digest.Window().Len(); n != len(digest.Days) {
			t.Errorf("a window of %d days", n)
		}
		digest.Amended()
		if _, err := Extend(chain{digest}.back(), Publication{"r", d}, NewSegments(calendar.Windows(d).Audit, time.UTC)); err != nil {
			t.Error(err)
		}
	})
}
