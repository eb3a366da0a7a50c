package jobs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
	"github.com/usagereport/usagereport/transforms/current"
)

// failure is a way in which a night goes wrong.
type failure struct {
	name   string
	local  bool                                                   // it happens before anything is written: the folder and memory stand for every kind of bucket
	setUp  func(t *testing.T, w *world)                           // before the first night, if there is something to do
	spoil  func(t *testing.T, w *world)                           // the sources
	mend   func(t *testing.T, w *world)                           // them again
	hear   func(cancel context.CancelFunc) jobs.Progress          // what happens while the run is under way
	wrap   func(b *blob.Bucket) *blob.Bucket                      // what happens to the bucket
	exit   int                                                    // the code
	status string                                                 // of the record
	is     error                                                  // what the error wraps, if that matters
	says   []string                                               // parts of the message
	also   func(t *testing.T, objects map[string][]byte, e error) // further checks of what the failed run left
}

// during returns a Progress that does something once rows are handled in a stage.
func during(stage string, do func()) jobs.Progress {
	now, done := "", false
	return hearing(func(s string, _ int64) {
		if s != "" {
			now = s
		} else if now == stage && !done {
			done = true
			do()
		}
	})
}

type gridRow struct {
	Workspace string `parquet:"workspace_id"`
	Grid      string `parquet:"grid_id"`
	Name      string `parquet:"grid_name"`
}

func gridFile(t *testing.T) []byte {
	t.Helper()
	var rows []gridRow
	for i := range 1000 {
		rows = append(rows, gridRow{"w1", fmt.Sprint("s", i), fmt.Sprint("Grid ", i*i)})
	}
	return parquetOf(t, rows)
}

func parquetOf[T any](t *testing.T, rows []T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := parquet.Write(&out, rows); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// deliveries is the file of a night with many rows.
func deliveries() string {
	var text strings.Builder
	text.WriteString("event_id,workspace_id,user_id,created_at,generation_type,generation_feature\n")
	for i := range 5000 {
		fmt.Fprintf(&text, "d%d,w1,u%d,2026-11-20T%02d:%02d:%02dZ,Text,Chat\n", i, i%3+1, i%24, i%60, i%59)
	}
	return text.String()
}

func failures() []failure {
	const gz, parquetFile = "generations/2026-11-20/night.csv.gz", "grids/all.parquet"
	byPath := func(_ *testing.T, w *world) {
		w.bindings["generations"] = `{ source: events, path: "generations/{date}/*", format: csv }`
	}
	grids := func(t *testing.T, w *world) {
		w.bindings["grids"] = `{ source: events, path: "grids/*.parquet" }`
		w.raw[parquetFile] = gridFile(t)
	}
	return []failure{
		{name: "gzip cut short", setUp: byPath, exit: jobs.ExitData, status: "failed", says: []string{"generations", gz},
			spoil: func(t *testing.T, w *world) { whole := gzipped(t, deliveries()); w.raw[gz] = whole[:len(whole)/2] },
			mend:  func(t *testing.T, w *world) { w.raw[gz] = gzipped(t, deliveries()) }},
		{name: "Parquet damaged", local: true, setUp: grids, exit: jobs.ExitData, status: "failed", says: []string{"grids", parquetFile},
			spoil: func(_ *testing.T, w *world) {
				whole := bytes.Clone(w.raw[parquetFile])
				for i := range 200 {
					whole[len(whole)/4+i] ^= 0x55
				}
				w.raw[parquetFile] = whole
			},
			mend: grids},
		{name: "database is garbage", local: true, exit: jobs.ExitData, status: "failed", says: []string{"app"},
			spoil: func(_ *testing.T, w *world) { w.database = bytes.Repeat([]byte("no database "), 1000) },
			mend:  func(_ *testing.T, w *world) { w.database = nil }},
		{name: "rows beyond use", exit: jobs.ExitData, status: "failed", is: jobs.ErrCheck,
			says: []string{"generations", "cannot be used", "quality.max_rejected_ratio", "quarantine/2026-11-21/generations.jsonl"},
			spoil: func(_ *testing.T, w *world) {
				w.gens.files["2026-11-20/bad.csv"] = []event{{"event_id": "bad", "workspace_id": "w1", "created_at": "the day before"}}
			},
			mend: func(_ *testing.T, w *world) { delete(w.gens.files, "2026-11-20/bad.csv") },
			also: func(t *testing.T, objects map[string][]byte, _ error) {
				if q := string(objects["quarantine/2026-11-21/generations.jsonl"]); !strings.Contains(q, "the day before") {
					t.Errorf("quarantine holds %q", q)
				}
			}},
		{name: "different rows with one key", local: true, exit: jobs.ExitData, status: "failed", is: current.ErrConflict,
			says: []string{`dataset members`, `user_id "u1"`, `user_name is "Name u1" and "Somebody else"`},
			spoil: func(_ *testing.T, w *world) {
				row := event{}
				for k, v := range w.tables["members"].rows[keyOf(event{"workspace_id": "w1", "user_id": "u1"})] {
					row[k] = v
				}
				row["user_name"] = "Somebody else"
				w.extra["members"] = []event{row}
			},
			mend: func(_ *testing.T, w *world) { w.extra = map[string][]event{} }},
		{name: "cancelled while reading", exit: jobs.ExitRetry, status: "cancelled", is: context.Canceled,
			hear: func(cancel context.CancelFunc) jobs.Progress { return during("read generations", cancel) }},
		{name: "cancelled while writing", exit: jobs.ExitRetry, status: "cancelled", is: context.Canceled,
			hear: func(cancel context.CancelFunc) jobs.Progress { return during("write logs", cancel) }},
		{name: "cancelled before publishing", exit: jobs.ExitRetry, status: "cancelled", is: context.Canceled,
			hear: func(cancel context.CancelFunc) jobs.Progress {
				return hearing(func(stage string, _ int64) {
					if stage == "publish" {
						cancel()
					}
				})
			}},
		{name: "panic while reading tables", local: true, exit: jobs.ExitRetry, status: "failed", says: []string{"internal error", "oh dear"},
			hear: func(context.CancelFunc) jobs.Progress {
				return during("read current state", func() { panic("oh dear") })
			}},
		{name: "panic while reading events", local: true, exit: jobs.ExitRetry, status: "failed", says: []string{"internal error", "oh dear"},
			hear: func(context.CancelFunc) jobs.Progress { return during("read logins", func() { panic("oh dear") }) }},
		{name: "panic while writing", exit: jobs.ExitRetry, status: "failed", says: []string{"internal error", "oh dear"},
			hear: func(context.CancelFunc) jobs.Progress { return during("write logs", func() { panic("oh dear") }) }},
		diskFull("staging", "staging/"),
		{name: "query fails after its first rows", local: true, exit: jobs.ExitConfig, status: "failed", says: []string{"logins", "division by zero"},
			setUp: func(t *testing.T, w *world) {
				w.sources = fmt.Sprintf("  pg: { url: %q }\n", testservice.Postgres(t))
				w.bindings["logins"] = pgLogins(-1)
			},
			spoil: func(_ *testing.T, w *world) { w.bindings["logins"] = pgLogins(500) },
			mend:  func(_ *testing.T, w *world) { w.bindings["logins"] = pgLogins(-1) }},
	}
}

// pgLogins binds logins to a query that fails at row n.
func pgLogins(n int) string {
	query := fmt.Sprintf("SELECT 'e'||n AS event_id, 'w1' AS workspace_id, 'u1' AS user_id, timestamptz '2026-11-19 10:00Z' AS logged_in_at "+
		"FROM generate_series(1, 1000) n WHERE 1/(n - (%d)) < 2 AND :from < now() + interval '99 years' AND :to IS NOT NULL", n)
	return fmt.Sprintf("{ source: pg, query: %q }", query)
}

// openLake returns the lake in b, which stands at url.
func openLake(t *testing.T, b *blob.Bucket, url, prefix string) *lake.Lake {
	t.Helper()
	var l *lake.Lake
	var err error
	if strings.HasPrefix(url, "mem:") {
		l, err = lake.New(b, "mem", prefix)
	} else if l, err = lake.Open(t.Context(), url, prefix); err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestFailedRun lets every kind of failure happen on every kind of bucket: what was published before stays as it was,
// byte for byte, and the next run publishes what it would have published anyway (contract §8).
func TestFailedRun(t *testing.T) {
	testservice.ForEachBucket(t, func(t *testing.T, b *blob.Bucket, url string) {
		for i, f := range failures() {
			if f.local && !strings.HasPrefix(url, "file:") && !strings.HasPrefix(url, "mem:") {
				continue
			}
			if strings.HasPrefix(url, "gs:") && i%4 != 0 {
				continue // the server is slow
			}
			t.Run(f.name, func(t *testing.T) { f.test(t, b, url, fmt.Sprint("lake-", i)) })
		}
	})
}

func (f *failure) test(t *testing.T, b *blob.Bucket, url, prefix string) {
	w := newWorld(t, "UTC")
	w.settings = "quality: { max_rejected_ratio: 0.01 }\n"
	w.gens.files["2026-11-18/a.csv"] = []event{generation("g1", "u1", "2026-11-18T10:00:00Z"), generation("g2", "u2", "2026-11-17T10:00:00Z")}
	w.logins.rows = []event{login("l1", "u1", "2026-11-18T10:00:00Z", "2026-11-18T10:00:00Z")}
	if f.setUp != nil {
		f.setUp(t, w)
	}
	l := openLake(t, b, url, prefix)
	night := func(at time.Time) *jobs.Night {
		w.write(t)
		n := newNight(t, w, b, at)
		n.Lake = l
		return n
	}
	if _, err := night(firstNight).Run(t.Context(), jobs.Request{}); err != nil {
		t.Fatal(err)
	}
	before := sinktest.Dump(t, b, prefix+"/")

	// What the second night would have been.
	w.gens.files["2026-11-20/b.csv"] = []event{generation("g3", "u3", "2026-11-19T10:00:00Z"), generation("g1", "u1", "2026-11-18T10:00:00Z")}
	w.logins.rows = append(w.logins.rows, login("l2", "u2", "2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"))
	if f.mend != nil {
		f.mend(t, w)
	}
	again := secondNight.Add(time.Hour)
	undisturbed := newBucket(t)
	for key, data := range before {
		if err := undisturbed.WriteAll(t.Context(), key, data, nil); err != nil {
			t.Fatal(err)
		}
	}
	run(t, w, undisturbed, again, jobs.Request{})
	want := logsOf(t, undisturbed, "2026-11-21")

	if f.spoil != nil {
		f.spoil(t, w)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := night(secondNight)
	if f.hear != nil {
		n.Progress = f.hear(cancel)
	}
	if f.wrap != nil {
		wrapped, err := lake.New(f.wrap(b), "test", prefix)
		if err != nil {
			t.Fatal(err)
		}
		n.Lake = wrapped
	}
	out, err := n.Run(ctx, jobs.Request{})
	f.checkError(t, out, err)
	after := sinktest.Dump(t, b, prefix+"/")
	f.checkLeft(t, before, after)
	if f.also != nil {
		f.also(t, after, err)
	}

	if f.mend != nil {
		f.mend(t, w)
	}
	if _, err := night(again).Run(t.Context(), jobs.Request{}); err != nil {
		t.Fatalf("the run after it: %v", err)
	}
	got := sinktest.Dump(t, b, prefix+"/logs/")
	for key := range got {
		if !strings.Contains(key, "2026-11-21") {
			delete(got, key)
		}
	}
	report(t, "the run after a failed one", want, got)
	if v, err := jobs.Verify(t.Context(), l, "", t.TempDir()); err != nil || v.Manifest.SnapshotDate != "2026-11-21" {
		t.Errorf("verify: %+v, %v", v, err)
	}
}

func (f *failure) checkError(t *testing.T, out *jobs.Outcome, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("the run did not fail")
	}
	if out.Published {
		t.Error("the outcome says that it published")
	}
	if code := jobs.ExitCode(err); code != f.exit {
		t.Errorf("exit code %d, want %d: %v", code, f.exit, err)
	}
	if f.is != nil && !errors.Is(err, f.is) {
		t.Errorf("error %v, want one that wraps %v", err, f.is)
	}
	for _, part := range f.says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want it to say %q", err, part)
		}
	}
}

// checkLeft looks at what a failed run left: yesterday's objects as they were, and of its own only its record, what is
// in quarantine, and state that nothing names.
func (f *failure) checkLeft(t *testing.T, before, after map[string][]byte) {
	t.Helper()
	for key, data := range before {
		if !bytes.Equal(data, after[key]) && !strings.HasPrefix(key, "lease/") {
			t.Errorf("%s was changed: %d bytes, now %d", key, len(data), len(after[key]))
		}
	}
	records := 0
	for key := range after {
		folder, _, _ := strings.Cut(key, "/")
		if _, old := before[key]; old || folder == "state" || folder == "quarantine" || folder == "lease" {
			continue
		}
		if folder != "runs" {
			t.Errorf("the failed run left %s", key)
			continue
		}
		if strings.HasPrefix(key, "runs/days/") {
			continue // what the next run would compare itself with, had this one published
		}
		if strings.HasPrefix(key, "runs/quality/") {
			f.checkQuality(t, after[key])
			continue
		}
		records++
		var rec lake.RunRecord
		if err := json.Unmarshal(after[key], &rec); err != nil {
			t.Fatal(err)
		}
		if rec.Status != f.status || rec.Error == "" || rec.ExitCode != f.exit || rec.SnapshotDate != "2026-11-21" {
			t.Errorf("record %s: status %q, exit code %d, error %q", key, rec.Status, rec.ExitCode, rec.Error)
		}
	}
	if records != 1 {
		t.Errorf("%d new records of runs, want 1", records)
	}
}

// checkQuality looks at the quality report of the failed run.
func (f *failure) checkQuality(t *testing.T, data []byte) {
	t.Helper()
	var q lake.Quality
	if err := json.Unmarshal(data, &q); err != nil {
		t.Fatal(err)
	}
	if q.Status != f.status || q.SnapshotDate != "2026-11-21" {
		t.Errorf("quality report: %+v", q)
	}
	for _, d := range q.Datasets {
		told := d.OtherReasons
		for _, r := range d.Reasons {
			told += r.Rows
		}
		if told != d.Rejected || (d.Quarantine != "") != (d.Rejected > 0) {
			t.Errorf("quality of %s: %d rows rejected, of %d it says why: %+v", d.Name, d.Rejected, told, d)
		}
	}
}

// TestStateNotSaved has the state fail once everything is published: it stays published, the run says what went wrong,
// and the next one reads again what the state does not tell it.
func TestStateNotSaved(t *testing.T) {
	for _, m := range []mode{lookback, arrival, dated} {
		t.Run(string(m), func(t *testing.T) {
			w, b := newWorld(t, "UTC"), newBucket(t)
			w.logins.mode = m
			add := func(id, at string) {
				l := login(id, "u1", at, at)
				w.logins.rows = append(w.logins.rows, l)
				w.logins.files[at[:10]+"/"+id+".csv"] = []event{l}
			}
			add("l1", "2026-11-18T10:00:00Z")
			run(t, w, b, firstNight, jobs.Request{})
			add("l2", "2026-11-20T01:00:00Z")
			add("l3", "2026-11-20T10:00:00Z")
			w.write(t)
			n := newNight(t, w, b, secondNight)
			boom := errors.New("boom")
			broken, err := lake.New(sinktest.Wrap(b, func(c sinktest.Call) sinktest.Fault {
				if c.Op == sinktest.Open && c.Key == "state/index.json" {
					return sinktest.Fault{Err: boom}
				}
				return sinktest.Fault{}
			}), "test", "")
			if err != nil {
				t.Fatal(err)
			}
			n.Lake = broken
			out, err := n.Run(t.Context(), jobs.Request{})
			if !errors.Is(err, boom) || !out.Published || jobs.ExitCode(err) != jobs.ExitRetry {
				t.Fatalf("published %t, %v", out.Published, err)
			}
			published := logsOf(t, b, "2026-11-21")
			if d := userDates(t, published, "u1"); d != "2026-11-18 2026-11-20 ∅ ∅" {
				t.Errorf("published without state: %s", d)
			}
			run(t, w, b, secondNight, jobs.Request{})
			report(t, "the same night again", published, logsOf(t, b, "2026-11-21"))
			add("l4", "2026-11-21T10:00:00Z")
			third := secondNight.AddDate(0, 0, 1)
			run(t, w, b, third, jobs.Request{})
			fresh := newBucket(t)
			run(t, w, fresh, third, jobs.Request{})
			report(t, "a fresh lake", logsOf(t, b, "2026-11-22"), logsOf(t, fresh, "2026-11-22"))
		})
	}
}
