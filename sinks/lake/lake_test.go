package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// snapshot is what a test publishes: the content of every object follows from the run and the key.
type snapshot struct {
	run     string
	date    Date
	parts   map[string]int // per table
	reports []string
	audit   bool
}

const day1, day2, day3 = Date("2026-11-19"), Date("2026-11-20"), Date("2026-11-21")

// The three runs that most tests use. Tables shrink, grow and vanish from one to the next.
var (
	first  = snapshot{run: "run-1", date: day2, parts: map[string]int{"user_log": 1, "generation_log": 2, "agents_log": 2}, reports: []string{"Usage Reports.zip"}, audit: true}
	second = snapshot{run: "run-2", date: day2, parts: map[string]int{"user_log": 1, "generation_log": 3, "group_log": 1}, reports: []string{"Usage Logs.zip", "Usage Reports.zip"}}
	newer  = snapshot{run: "run-3", date: day3, parts: map[string]int{"user_log": 1, "generation_log": 2}, reports: []string{"Usage Reports.zip"}, audit: true}
	older  = snapshot{run: "run-0", date: day1, parts: map[string]int{"user_log": 2}, reports: []string{"Usage Reports.zip"}}
)

func (s snapshot) info() RunInfo {
	return RunInfo{
		RunID: s.run, SnapshotDate: s.date, RunTime: s.date.Time().Add(150 * time.Minute), TimeZone: "UTC",
		Windows: []Window{{Name: "rolling_year", From: "2025-11-20", To: "2026-11-19"}}, Program: "test",
	}
}

func (s snapshot) keys() []string {
	var keys []string
	for table, n := range s.parts {
		for i := range n {
			keys = append(keys, LogPart(table, s.date, i))
		}
	}
	for _, name := range s.reports {
		keys = append(keys, ReportKey(s.date, name))
	}
	if s.audit {
		keys = append(keys, AuditKey(s.date, "audit_log.csv"), AuditKey(s.date, "audit_log.json"))
	}
	slices.Sort(keys)
	return keys
}

func (s snapshot) content(key string) []byte {
	return bytes.Repeat([]byte(s.run+" "+key+"\n"), 20)
}

func (s snapshot) manifest() *Manifest {
	m := &Manifest{
		Datasets: []Dataset{{Name: "logins", Source: "app", Queries: 1, Read: 10, Rejected: 1}},
		Checks:   []Check{{Name: "generation_total", OK: true, Figures: map[string]int64{"events": 7, "log": 7}}},
	}
	for _, table := range slices.Sorted(maps.Keys(s.parts)) {
		m.Logs = append(m.Logs, Log{Table: table, SchemaVersion: 1, Rows: int64(20 * s.parts[table]), Grain: []string{"workspace_id"}})
	}
	return m
}

// stage writes the snapshot's objects into a publication.
func (s snapshot) stage(ctx context.Context, p *Publication) error {
	for _, key := range s.keys() {
		o, err := p.Create(ctx, key, "application/octet-stream")
		if err != nil {
			return err
		}
		if name, ok := strings.CutPrefix(key, ReportKey(s.date, "")); ok {
			if err := o.Also(LatestReportKey(name)); err != nil {
				return err
			}
		}
		if _, err := o.Write(s.content(key)); err != nil {
			return err
		}
		if err := o.Commit(20); err != nil {
			return err
		}
	}
	return nil
}

// publish does what a run does.
func (s snapshot) publish(ctx context.Context, l *Lake) (err error) {
	p, err := l.Begin(ctx, s.info())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Abort(ctx)) }()
	if err := s.stage(ctx, p); err != nil {
		return err
	}
	return p.Publish(ctx, s.manifest())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// forEachLake runs f with an empty lake in every kind of bucket. The same objects can be read through b.
func forEachLake(t *testing.T, f func(t *testing.T, l *Lake, b *blob.Bucket)) {
	testservice.ForEachBucket(t, func(t *testing.T, b *blob.Bucket, url string) {
		if !strings.HasPrefix(url, "file:") {
			l, err := New(b, "test bucket", "some/prefix")
			must(t, err)
			f(t, l, b)
			return
		}
		t.Run("by url", func(t *testing.T) {
			l, err := Open(t.Context(), url, "some/prefix")
			must(t, err)
			defer func() { must(t, l.Close()) }()
			f(t, l, b)
		})
		t.Run("as bucket", func(t *testing.T) {
			l, err := New(b, "test bucket", "other/prefix")
			must(t, err)
			f(t, l, b)
		})
	})
}

// inspect reads the whole lake as a stranger would, with nothing of this package but its published layout, and
// checks what readers are promised. It returns the objects that stand there.
func inspect(t *testing.T, b *blob.Bucket, prefix string) map[string][]byte {
	t.Helper()
	objects := sinktest.Dump(t, b, prefix)
	type manifest struct {
		Run     string `json:"run_id"`
		Date    string `json:"snapshot_date"`
		Objects []struct {
			Key, SHA256 string
			Bytes       int
		}
	}
	parse := func(key string, v any) bool {
		data, ok := objects[key]
		if ok {
			if err := json.Unmarshal(data, v); err != nil {
				t.Errorf("%s is no JSON: %v", key, err)
			}
		}
		return ok
	}
	var pending struct {
		Date string `json:"snapshot_date"`
		Run  string `json:"run_id"`
	}
	parse("intent.json", &pending) // I5: the date whose objects may be ahead of an older run's manifest

	for key := range objects {
		if !strings.HasPrefix(key, "manifests/") {
			continue
		}
		var m manifest
		parse(key, &m)
		if key != "manifests/"+m.Date+".json" {
			t.Errorf("%s is the manifest of %s", key, m.Date)
		}
		if m.Date == pending.Date && m.Run != pending.Run {
			continue
		}
		for _, o := range m.Objects { // I1
			sum := sha256.Sum256(objects[o.Key])
			if len(objects[o.Key]) != o.Bytes || hex.EncodeToString(sum[:]) != o.SHA256 {
				t.Errorf("%s of run %s: %s does not match", m.Date, m.Run, o.Key)
			}
		}
	}
	var latest struct {
		Manifest string `json:"manifest"`
		Run      string `json:"run_id"`
		Date     string `json:"snapshot_date"`
	}
	if parse("latest.json", &latest) { // I1
		var m manifest
		if !parse(latest.Manifest, &m) {
			t.Errorf("latest.json names %s, which is not there", latest.Manifest)
		}
		if m.Run != latest.Run && m.Date != pending.Date {
			t.Errorf("latest.json names run %s, its manifest run %s", latest.Run, m.Run)
		}
	}
	runs := map[string]string{} // I3: per folder, whose rows are in it
	for key, data := range objects {
		dir := key[:strings.LastIndex(key, "/")+1]
		if strings.HasPrefix(key, "staging/") {
			continue // no reader looks there
		}
		if strings.Contains(dir, "snapshot_date=") {
			run, _, _ := strings.Cut(string(data), " ")
			if other, ok := runs[dir]; ok && other != run {
				t.Errorf("%s holds rows of %s and of %s", dir, other, run)
			}
			runs[dir] = run
		}
		if strings.HasPrefix(dir, "logs/") || strings.HasPrefix(dir, "reports/") || strings.HasPrefix(dir, "audit/") && dir != digestsDir {
			if n := strings.Count(string(data), "\n"); n != 20 { // I2
				t.Errorf("%s is cut off: %d lines", key, n)
			}
		}
	}
	maps.DeleteFunc(objects, func(key string, _ []byte) bool { return strings.HasPrefix(key, leaseDir) })
	return objects
}

func TestPublishLayout(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, b *blob.Bucket) {
		ctx := t.Context()
		if _, err := l.Latest(ctx); !errors.Is(err, ErrNoSnapshot) {
			t.Fatalf("Latest of an empty lake: %v", err)
		}
		must(t, first.publish(ctx, l))
		objects := inspect(t, b, l.prefix)
		want := append(first.keys(), "latest.json", "manifests/2026-11-20.json", "reports/latest/Usage Reports.zip")
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(objects)); !slices.Equal(got, want) {
			t.Errorf("objects\n got %q\nwant %q", got, want)
		}
		for _, key := range first.keys() {
			if !bytes.Equal(objects[key], first.content(key)) {
				t.Errorf("%s has other content", key)
			}
		}
		m, err := l.Latest(ctx)
		must(t, err)
		if m.RunID != "run-1" || len(m.Objects) != len(first.keys()) || !m.RunTime.Equal(first.info().RunTime) {
			t.Errorf("manifest %+v", m)
		}
		parts := m.Table("generation_log")
		if len(parts) != 2 || parts[1].Key != "logs/generation_log/snapshot_date=2026-11-20/part-00001.parquet" || parts[1].Rows != 20 {
			t.Errorf("parts %+v", parts)
		}
		report, err := l.Verify(ctx, day2)
		must(t, err)
		if !report.Latest || report.Objects != len(first.keys())+1 {
			t.Errorf("report %+v", report)
		}
	})
}

func TestPublishAgainNewerAndOlder(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, b *blob.Bucket) {
		ctx := t.Context()
		for _, s := range []snapshot{first, second, newer, older, first, second} {
			must(t, s.publish(ctx, l))
			inspect(t, b, l.prefix)
			_, err := l.Verify(ctx, s.date)
			must(t, err)
		}
		dates, err := l.Dates(ctx)
		must(t, err)
		if !slices.Equal(dates, []Date{day1, day2, day3}) {
			t.Errorf("dates %v", dates)
		}
		m, err := l.Latest(ctx)
		must(t, err)
		if m.SnapshotDate != day3 {
			t.Errorf("a past date moved latest.json to %s", m.SnapshotDate)
		}
		objects := inspect(t, b, l.prefix)
		if got := objects["reports/latest/Usage Reports.zip"]; !bytes.Equal(got, newer.content(ReportKey(day3, "Usage Reports.zip"))) {
			t.Errorf("a past date moved the newest report: %.40q", got)
		}
		if _, ok := objects[LogPart("agents_log", day2, 0)]; ok {
			t.Error("a table that is no longer published stands there still")
		}
		if _, err := l.Manifest(ctx, "2026-01-01"); !errors.Is(err, ErrNoSnapshot) {
			t.Errorf("manifest of a date without snapshot: %v", err)
		}
	})
}

// TestFailedRun: whatever ends a run before its record is written leaves every byte as it was (I4).
func TestFailedRun(t *testing.T) {
	failures := map[string]func(ctx context.Context, l *Lake) error{
		"error midway": func(ctx context.Context, l *Lake) error {
			p, err := l.Begin(ctx, second.info())
			if err != nil {
				return err
			}
			o, err := p.Create(ctx, LogPart("user_log", day2, 0), "x/y")
			if err != nil {
				return err
			}
			_, err = o.Write(make([]byte, 1<<20))
			return errors.Join(errors.New("source failed"), err, p.Abort(ctx))
		},
		"panic midway": func(ctx context.Context, l *Lake) (err error) {
			defer func() { err = fmt.Errorf("panic: %v", recover()) }()
			p, err := l.Begin(ctx, second.info())
			if err != nil {
				return err
			}
			defer func() { _ = p.Abort(ctx) }()
			o, err := p.Create(ctx, LogPart("user_log", day2, 0), "x/y")
			if err != nil {
				return err
			}
			defer o.Abort()
			_, _ = o.Write(make([]byte, 1<<20))
			panic("in a transform")
		},
		"cancelled while writing": func(ctx context.Context, l *Lake) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			p, err := l.Begin(ctx, second.info())
			if err != nil {
				return err
			}
			o, err := p.Create(ctx, LogPart("user_log", day2, 0), "x/y")
			if err != nil {
				return err
			}
			_, werr := o.Write(make([]byte, 1<<20))
			cancel()
			cerr := o.Commit(1)
			if cerr == nil {
				return errors.Join(werr, p.Abort(ctx)) // no failure: the test will say so
			}
			return errors.Join(cerr, p.Abort(ctx))
		},
		"cancelled before publishing": func(ctx context.Context, l *Lake) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			p, err := l.Begin(ctx, second.info())
			if err != nil {
				return err
			}
			if err := second.stage(ctx, p); err != nil {
				return err
			}
			cancel()
			err = p.Publish(ctx, second.manifest())
			return errors.Join(err, p.Abort(ctx))
		},
		"one object never committed": func(ctx context.Context, l *Lake) error {
			p, err := l.Begin(ctx, second.info())
			if err != nil {
				return err
			}
			if err := second.stage(ctx, p); err != nil {
				return err
			}
			if _, err := p.Create(ctx, LogPart("zz_log", day2, 0), "x/y"); err != nil {
				return err
			}
			err = p.Publish(ctx, second.manifest())
			return errors.Join(err, p.Abort(ctx))
		},
		"figures that contradict each other": func(ctx context.Context, l *Lake) error {
			p, err := l.Begin(ctx, second.info())
			if err != nil {
				return err
			}
			if err := second.stage(ctx, p); err != nil {
				return err
			}
			m := second.manifest()
			m.Logs[0].Rows++
			err = p.Publish(ctx, m)
			return errors.Join(err, p.Abort(ctx))
		},
		"staging cleared by another": func(ctx context.Context, l *Lake) error {
			p, err := l.Begin(ctx, second.info())
			if err != nil {
				return err
			}
			if err := second.stage(ctx, p); err != nil {
				return err
			}
			if err := l.BreakLease(ctx); err != nil {
				return err
			}
			if _, err := l.Recover(ctx); err != nil {
				return err
			}
			err = p.Publish(ctx, second.manifest())
			return errors.Join(err, p.Abort(ctx))
		},
	}
	forEachLake(t, func(t *testing.T, l *Lake, b *blob.Bucket) {
		must(t, first.publish(t.Context(), l))
		before := inspect(t, b, l.prefix)
		for name, fail := range failures {
			t.Run(name, func(t *testing.T) {
				if err := fail(t.Context(), l); err == nil {
					t.Fatal("no error")
				}
				if after := inspect(t, b, l.prefix); !maps.EqualFunc(before, after, bytes.Equal) {
					t.Errorf("the bucket changed:\nbefore %q\nafter  %q", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
				}
			})
		}
	})
}
