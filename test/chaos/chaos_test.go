//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutantsApply: every patch applies to the protocol as it is, and what it makes of it compiles. What each breaks is shown by
// `make chaos-mutants`.
func TestMutantsApply(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the lake once a mutant")
	}
	names, err := mutantNames()
	if err != nil || len(names) < 10 {
		t.Fatalf("%d mutants, %v", len(names), err)
	}
	for _, name := range names {
		text, err := mutants.ReadFile("mutants/" + name + ".patch")
		if err != nil {
			t.Fatal(err)
		}
		if foundBy.Find(text) == nil {
			t.Errorf("%s does not say what finds it", name)
		}
		overlay, err := applyPatch(t.Context(), filepath.Join(t.TempDir(), name), text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "github.com/usagereport/usagereport/sinks/lake")
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestPatchThatDoesNotApply(t *testing.T) {
	text, err := mutants.ReadFile("mutants/orphans-left.patch")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("clear(ctx, stagingDir)"), []byte("clear(ctx, elsewhere)"), 1)
	if _, err := applyPatch(t.Context(), t.TempDir(), text); err == nil || !strings.Contains(err.Error(), "does not apply any more") {
		t.Errorf("got %v", err)
	}
}

// TestSteps follows a run that finishes the publication of a dead one and then publishes its own.
func TestSteps(t *testing.T) {
	const mine, dead = "staging/00000000000000000009-b/", "staging/00000000000000000003-a/"
	lease := func(number, term int, publication string, released bool) operation {
		return operation{"PUT", fmt.Sprintf("lease/%020d.json", number), fmt.Appendf(nil,
			`{"number":%d,"term":%d,"publication":%s,"released":%v}`, number, term, publication, released)}
	}
	placed := func(p bool) string { return fmt.Sprintf(`{"staging":"x","objects_in_place":%v}`, p) }
	f := newFollower()
	for i, c := range []struct {
		operation
		step     step
		recovers bool
	}{
		{operation{"GET", "", nil}, stepNowhere, false},
		{operation{"PUT", "lease/time", nil}, stepLease, false},
		{lease(9, 9, placed(false), false), stepLease, true},
		{lease(9, 9, placed(false), false), stepLease, true},
		{operation{"DELETE", "lease/00000000000000000008.json", nil}, stepLease, true},
		{operation{"GET", dead + "intent.json", nil}, stepRecover, true},
		{operation{"PUT", "intent.json", nil}, stepRecord, true},
		{operation{"DELETE", "logs/a/snapshot_date=2026-03-01/part-00001.parquet", nil}, stepDelete, true},
		{operation{"PUT", "logs/a/snapshot_date=2026-03-01/part-00000.parquet", nil}, stepCopy, true},
		{lease(10, 9, placed(true), false), stepNote, true},
		{operation{"PUT", "manifests/2026-03-01.json", nil}, stepManifest, true},
		{operation{"PUT", "reports/latest/x.zip", nil}, stepLatest, true},
		{operation{"PUT", "latest.json", nil}, stepLatest, true},
		{operation{"DELETE", "intent.json", nil}, stepClear, true},
		{lease(11, 9, "null", false), stepClear, true},
		{operation{"DELETE", dead + "x", nil}, stepClear, true},
		{operation{"PUT", "quarantine/2026-03-02/x.jsonl", nil}, stepQuarantine, false},
		{operation{"PUT", mine + "logs/a/snapshot_date=2026-03-02/part-00000.parquet", nil}, stepStage, false},
		{operation{"HEAD", mine + "logs/a/snapshot_date=2026-03-02/part-00000.parquet", nil}, stepStage, false},
		{operation{"PUT", mine + "intent.json", nil}, stepStage, false},
		{operation{"HEAD", mine + "intent.json", nil}, stepCheck, false},
		{lease(12, 9, placed(false), false), stepRecord, false},
		{lease(13, 9, placed(true), false), stepNote, false},
		{lease(14, 9, "null", false), stepClear, false},
		{operation{"DELETE", mine + "x", nil}, stepClear, false},
		{lease(15, 9, "null", false), stepState, false},
		{operation{"PUT", "state/index.json", nil}, stepState, false},
		{lease(16, 9, "null", true), stepRelease, false},
		{operation{"PUT", "runs/b.json", nil}, stepRun, false},
	} {
		if got, recovers := f.follow(c.operation); got != c.step || recovers != c.recovers {
			t.Errorf("%d: %s %s: got %q, recovering %v; want %q, %v", i, c.method, c.key, got, recovers, c.step, c.recovers)
		}
	}
}

// TestRules gives the rules what must not be.
func TestRules(t *testing.T) {
	const part0, part1 = "logs/a/snapshot_date=2026-03-02/part-00000.parquet", "logs/a/snapshot_date=2026-03-02/part-00001.parquet"
	const manifest, other = "manifests/2026-03-02.json", "logs/a/snapshot_date=2026-03-01/part-00000.parquet"
	text := func(kv ...string) objects {
		o := objects{}
		for i := 0; i < len(kv); i += 2 {
			o[kv[i]] = []byte(kv[i+1])
		}
		return o
	}
	s := stake{
		date: day2, before: text(part0, "old", part1, "old1", manifest, "m1", "latest.json", "l1", other, "x"),
		after: text(part0, "new", manifest, "m2", "latest.json", "l2", other, "x"),
	}
	for name, c := range map[string]struct {
		now   objects
		noted bool
		rule  string
	}{
		"as it was":                  {s.before, false, ""},
		"as it is to be":             {s.after, false, ""},
		"deleted":                    {text(part0, "old", manifest, "m1", "latest.json", "l1", other, "x"), true, ""},
		"copied":                     {text(part0, "new", manifest, "m1", "latest.json", "l1", other, "x"), true, ""},
		"deleted and not noted":      {text(part0, "old", manifest, "m1", "latest.json", "l1", other, "x"), false, "I5"},
		"half":                       {text(part0, "ne", manifest, "m1", "latest.json", "l1", other, "x"), true, "I2"},
		"side by side":               {text(part0, "new", part1, "old1", manifest, "m1", "latest.json", "l1", other, "x"), true, "I3"},
		"another date":               {text(part0, "old", part1, "old1", manifest, "m1", "latest.json", "l1", other, "old"), true, "I2"},
		"another date is gone":       {text(part0, "old", part1, "old1", manifest, "m1", "latest.json", "l1"), true, "I1"},
		"manifest before its object": {text(part0, "old", manifest, "m2", "latest.json", "l1", other, "x"), true, "I1"},
		"latest before its manifest": {text(part0, "new", manifest, "m1", "latest.json", "l2", other, "x"), true, "I1"},
	} {
		err := errors.Join(s.bytes(c.now, c.noted), s.order(c.now, false))
		if c.rule == "" && err != nil || c.rule != "" && (!errors.Is(err, errBroken) || !strings.Contains(err.Error(), c.rule)) {
			t.Errorf("%s: got %v, want %q", name, err, c.rule)
		}
	}
	if _, err := converged(text("staging/x", "y"), text()); !errors.Is(err, errBroken) {
		t.Errorf("something staged is left: got %v", err)
	}
}

// TestUnchunked reads a body as S3 clients sign it.
func TestUnchunked(t *testing.T) {
	body := "5\r\nhello\r\n7\r\n, world\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", nil)
	if got := string(unchunked(r, []byte(body))); got != body {
		t.Errorf("a plain body: got %q", got)
	}
	r.Header.Set("Content-Encoding", "aws-chunked")
	if got := string(unchunked(r, []byte(body))); got != "hello, world" {
		t.Errorf("got %q", got)
	}
}

// TestComplete: a long series that has missed a step is no proof.
func TestComplete(t *testing.T) {
	f := newFigures()
	for _, s := range hit("s3") {
		if s != stepNote {
			f.add("s3", call{step: s}, changedNothing, false)
		}
	}
	if err := f.complete([]string{"s3"}); err == nil || !strings.Contains(err.Error(), "8 note") {
		t.Errorf("got %v", err)
	}
	f.add("s3", call{step: stepNote}, isRecorded, true)
	if err := f.complete([]string{"s3"}); err != nil {
		t.Error(err)
	}
	f.show(io.Discard, []string{"s3", "file"}, 0) // file has no figures
}
