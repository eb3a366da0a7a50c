package lake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"gocloud.dev/blob"
)

func TestVerifyFindsEverything(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, b *blob.Bucket) {
		ctx := t.Context()
		must(t, first.publish(ctx, l))
		write := func(key, data string) { must(t, l.put(ctx, key, "x/y", []byte(data))) }
		content := string(first.content(LogPart("user_log", day2, 0)))
		write(LogPart("user_log", day2, 0), content[:len(content)-1]+"X") // same length
		write(LogPart("agents_log", day2, 1), "short")
		must(t, l.remove(ctx, AuditKey(day2, "audit_log.csv")))
		write(LogPart("generation_log", day2, 7), "stray")
		write(LogDir("other_log", day2)+"deep/er.parquet", "stray")
		write(ReportKey(day2, "stray.zip"), "stray")
		write(LatestReportKey("Usage Reports.zip"), "damaged")
		write(ManifestKey(day3), strings.ReplaceAll(string(encoded(t)), string(day2), string(day3)))

		report, err := l.Verify(ctx, day2)
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("got %v", err)
		}
		var got []string
		for _, p := range report.Problems {
			got = append(got, p.Key)
			if !strings.Contains(err.Error(), report.Problems[0].What) {
				t.Errorf("the error does not say what is wrong: %v", err)
			}
		}
		want := []string{
			AuditKey(day2, "audit_log.csv"), LatestKey, LogPart("agents_log", day2, 1), LogPart("generation_log", day2, 7),
			LogDir("other_log", day2) + "deep/er.parquet", LogPart("user_log", day2, 0),
			LatestReportKey("Usage Reports.zip"), ReportKey(day2, "stray.zip"),
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("problems\n got %q\nwant %q", got, want)
		}
		must(t, l.remove(ctx, ManifestKey(day3)))
		must(t, second.publish(ctx, l)) // publishing again mends it
		_, err = l.Verify(ctx, day2)
		must(t, err)
		if _, err := l.Verify(ctx, day1); !errors.Is(err, ErrNoSnapshot) {
			t.Errorf("got %v", err)
		}
	})
}

func encoded(t *testing.T) []byte {
	data, err := sampleManifest().encode()
	must(t, err)
	return data
}

func TestVerifySaysThatARunWasCutOff(t *testing.T) {
	l, _, _ := fileLake(t)
	must(t, first.publish(t.Context(), l))
	for n := 1; ; n++ {
		if step, _ := runUntil(l, n, second.publishNoAbort); step == "marked" {
			break
		}
		_, err := l.Recover(t.Context())
		must(t, err)
	}
	report, err := l.Verify(t.Context(), day2)
	if !errors.Is(err, ErrCorrupt) || report.Problems[0].Key != IntentKey || !strings.Contains(report.Problems[0].What, "run-2") {
		t.Errorf("%v %+v", err, report)
	}
}

func TestCreateRefusesOtherPlaces(t *testing.T) {
	l, _, _ := fileLake(t)
	p, err := l.Begin(t.Context(), first.info())
	must(t, err)
	defer func() { must(t, p.Abort(t.Context())) }()
	for _, key := range []string{
		"", "latest.json", "intent.json", StateKey("x"), LogPart("user_log", day1, 0), LogDir("user_log", day2) + "a/b",
		LogDir("user_log", day2), LogDir("user_log", day2) + "..", AuditKey(day1, "a"), AuditKey(day2, ""), ManifestKey(day2),
		LatestReportKey("x.zip"), ReportKey(day2, "a\x00b"), ReportKey(day2, "a\\b"), ReportKey(day2, "a//b"), "logs/x",
	} {
		if _, err := p.Create(t.Context(), key, "x/y"); err == nil {
			t.Errorf("%q was taken", key)
		}
	}
	o, err := p.Create(t.Context(), LogPart("user_log", day2, 0), "x/y")
	must(t, err)
	if _, err := p.Create(t.Context(), LogPart("user_log", day2, 0), "x/y"); err == nil {
		t.Error("one object was created twice")
	}
	if err := o.Also("state/x"); err == nil {
		t.Error("a copy may stand anywhere")
	}
	if _, err := o.ReaderAt(t.Context()); err == nil {
		t.Error("an object can be read back before it is written")
	}
	o.Abort()
	if _, err := o.Write([]byte("x")); !errors.Is(err, errClosed) {
		t.Errorf("write after abort: %v", err)
	}
	if err := o.Commit(1); !errors.Is(err, errClosed) {
		t.Errorf("commit after abort: %v", err)
	}
	if err := p.Publish(t.Context(), &Manifest{}); err == nil || !strings.Contains(err.Error(), "part-00000") {
		t.Errorf("published without an aborted object: %v", err)
	}
}

// TestObjectsSideBySide writes objects at once, in writes of many sizes, and reads them back at odd offsets.
func TestObjectsSideBySide(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, _ *blob.Bucket) {
		ctx := t.Context()
		p, err := l.Begin(ctx, first.info())
		must(t, err)
		defer func() { must(t, p.Abort(ctx)) }()
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				if err := writeOdd(ctx, p, i); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		must(t, p.Publish(ctx, &Manifest{}))
		_, err = l.Verify(ctx, day2)
		must(t, err)
		r, err := l.OpenObject(ctx, LogPart("t", day2, 1))
		must(t, err)
		data, err := io.ReadAll(r)
		must(t, errors.Join(err, r.Close()))
		if len(data) != oddSize {
			t.Errorf("%d bytes", len(data))
		}
	})
}

const oddSize = 1_500_001

func writeOdd(ctx context.Context, p *Publication, n int) error {
	o, err := p.Create(ctx, LogPart("t", day2, n), "x/y")
	if err != nil {
		return err
	}
	defer o.Abort()
	data := make([]byte, oddSize)
	for i := range data {
		data[i] = byte(i*7 + i>>8 + n)
	}
	scratch := make([]byte, oddSize)
	for at, size := 0, 1; at < oddSize; size = size*3 + 1 {
		n := copy(scratch[:min(size, oddSize-at)], data[at:])
		if _, err := o.Write(scratch[:n]); err != nil {
			return err
		}
		clear(scratch[:n]) // the caller may use its buffer again
		at += n
	}
	if err := o.Commit(int64(n)); err != nil {
		return err
	}
	r, err := o.ReaderAt(ctx)
	if err != nil {
		return err
	}
	buf := make([]byte, 1000)
	if n, err := r.ReadAt(buf, oddSize-10); n != 10 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("read at the end: %d, %w", n, err)
	}
	if _, err := r.ReadAt(buf, 777_777); err != nil || string(buf) != string(data[777_777:778_777]) || r.Size() != oddSize {
		return fmt.Errorf("read in the middle: %w", err)
	}
	if n, err := r.ReadAt(buf, oddSize); n != 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("read behind the end: %d, %w", n, err)
	}
	return nil
}

func TestQuarantine(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, _ *blob.Bucket) {
		ctx := t.Context()
		q, err := l.Quarantine(day2)
		must(t, err)
		must(t, q.Add(ctx, Rejected{Dataset: "members", Object: "m.csv", Row: 3, Reason: "no user_id"}))
		must(t, q.Close(ctx))
		must(t, q.Close(ctx))

		dying, cancel := context.WithCancel(ctx)
		q, err = l.Quarantine(day2)
		must(t, err)
		must(t, q.Add(dying, Rejected{Dataset: "logins", Object: "a/b.csv", Row: 7, Column: "logged_in_at", Value: "\xffé", Reason: "expected RFC 3339"}))
		cancel()
		must(t, q.Add(dying, Rejected{Dataset: "logins", Object: "a/b.csv", Row: 8, Column: "logged_in_at", Value: "né\n<", Reason: "expected RFC 3339"}))
		must(t, q.Close(dying))

		data, err := l.get(ctx, QuarantineKey(day2, "logins"))
		must(t, err)
		lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		if len(lines) != 2 {
			t.Fatalf("%q", lines)
		}
		var rows [2]Rejected
		for i, line := range lines {
			must(t, json.Unmarshal([]byte(line), &rows[i]))
		}
		if rows[0].ValueBase64 != "/8Op" || rows[0].Value != "\uFFFDé" || rows[0].Row != 7 || rows[1].Value != "né\n<" || rows[1].ValueBase64 != "" {
			t.Errorf("%+v", rows)
		}
		if _, err := l.get(ctx, QuarantineKey(day2, "members")); !errors.Is(err, ErrNotFound) {
			t.Errorf("the rows of an earlier run stand still: %v", err)
		}
	})
}

func TestRunsAndState(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, _ *blob.Bucket) {
		ctx := t.Context()
		for _, id := range []string{"20261119T0230", "20261121T0230", "20261120T0230"} {
			must(t, l.PutRun(ctx, id, map[string]string{"status": "running"}))
		}
		must(t, l.PutRun(ctx, "20261120T0230", map[string]string{"status": "done"}))
		var got []string
		for r, err := range l.Runs(ctx) {
			must(t, err)
			var body struct{ Status string }
			must(t, json.Unmarshal(r.Data, &body))
			if got = append(got, r.ID+" "+body.Status); len(got) == 2 {
				break
			}
		}
		if !slices.Equal(got, []string{"20261121T0230 running", "20261120T0230 done"}) {
			t.Errorf("%q", got)
		}
		if err := l.PutRun(ctx, "a/b", nil); err == nil {
			t.Error("a run id with a slash")
		}

		s := l.State()
		if _, err := s.Get(ctx, "facts/x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v", err)
		}
		must(t, s.Put(ctx, "facts/x", "x/y", []byte("one")))
		w, err := s.Create(ctx, "facts/x", "x/y")
		must(t, err)
		_, err = w.Write([]byte("two"))
		must(t, err)
		w.Abort()
		if data, err := s.Get(ctx, "facts/x"); err != nil || string(data) != "one" {
			t.Errorf("after an aborted write: %q, %v", data, err)
		}
		w, err = s.Create(ctx, "facts/y", "x/y")
		must(t, err)
		defer w.Abort()
		_, err = w.Write([]byte("three"))
		must(t, err)
		must(t, w.Commit())
		list, err := s.List(ctx, "facts/")
		must(t, err)
		if !slices.Equal(list, []StateInfo{{"facts/x", 3}, {"facts/y", 5}}) {
			t.Errorf("%v", list)
		}
		r, err := s.ReaderAt(ctx, "facts/y")
		must(t, err)
		buf := make([]byte, 2)
		if _, err := r.ReadAt(buf, 1); err != nil || string(buf) != "hr" {
			t.Errorf("%q %v", buf, err)
		}
		must(t, s.Delete(ctx, "facts/x"))
		must(t, s.Delete(ctx, "facts/x"))
		if _, err := s.Open(ctx, "facts/x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v", err)
		}
		if _, err := s.Get(ctx, "../x"); err == nil {
			t.Error("state outside its folder")
		}
	})
}
