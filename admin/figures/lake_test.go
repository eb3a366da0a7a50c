package figures

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/parquetfile"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// fixture is a lake of a test, its bucket, which can be made to be away, and a clock.
type fixture struct {
	t      *testing.T
	lake   *lake.Lake
	writer *lake.Lake // of the same bucket, never away
	bucket *blob.Bucket
	away   atomic.Bool
	hook   atomic.Pointer[func(sinktest.Call) error]
	calls  atomic.Int64
	time   atomic.Int64 // seconds since 1970
}

var errAway = errors.New("no such host")

func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t}
	f.time.Store(1_795_000_000)
	f.use(memblob.OpenBucket(nil))
	return f
}

// open has the fixture use the bucket at a URL instead.
func (f *fixture) open(url string) {
	b, err := blob.OpenBucket(f.t.Context(), url)
	f.must(err)
	f.use(b)
}

func (f *fixture) use(b *blob.Bucket) {
	f.bucket = b
	wrapped := sinktest.Wrap(f.bucket, func(c sinktest.Call) sinktest.Fault {
		f.calls.Add(1)
		if f.away.Load() {
			return sinktest.Fault{Err: errAway, Code: gcerrors.Unknown}
		}
		if hook := f.hook.Load(); hook != nil {
			if err := (*hook)(c); err != nil {
				return sinktest.Fault{Err: err, Code: gcerrors.Unknown}
			}
		}
		return sinktest.Fault{}
	})
	var err error
	f.lake, err = lake.New(wrapped, "test", "data/")
	f.must(err)
	f.writer, err = lake.New(b, "test", "data/")
	f.must(err)
	f.t.Cleanup(func() { f.must(errors.Join(wrapped.Close(), b.Close())) })
}

func (f *fixture) now() time.Time       { return time.Unix(f.time.Load(), 0) }
func (f *fixture) pass(d time.Duration) { f.time.Add(int64(d / time.Second)) }
func (f *fixture) put(key, content string) {
	f.must(f.bucket.WriteAll(f.t.Context(), "data/"+key, []byte(content), nil))
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// reader returns a Reader whose records are checked to be released when the test ends.
func (f *fixture) reader(o Options) *Reader {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	o.Now, o.Mem = f.now, mem
	r := New(f.lake, o)
	f.t.Cleanup(func() {
		r.Close()
		mem.AssertSize(f.t, 0)
	})
	return r
}

// published is what a test publishes. A log that is nil is not made.
type published struct {
	date   lake.Date
	run    string
	zone   string // UTC when empty
	logs   map[*dictionary.Table][]row
	zips   []string
	books  map[string][]lake.Workbook // of each zip, without Archive
	parts  int                        // files of each log; 0: one
	wrong  string                     // the run id that files say they are of
	parted []lake.Domain              // what the manifest says of its domains
}

func (f *fixture) publish(p published) {
	f.t.Helper()
	ctx := f.t.Context()
	day := dayNumber(p.date)
	if p.run == "" {
		p.run = "run-" + string(p.date)
	}
	if p.zone == "" {
		p.zone = "UTC"
	}
	m := &lake.Manifest{Domains: p.parted}
	pub, err := f.writer.Begin(ctx, lake.RunInfo{
		RunID: p.run, SnapshotDate: p.date, RunTime: p.date.Time().Add(150 * time.Minute), TimeZone: p.zone, Program: "test",
		Windows: []lake.Window{
			{Name: "rolling_year", From: dateOf(day - 365), To: dateOf(day - 1)}, {Name: "audit", From: dateOf(day - 90), To: dateOf(day - 1)},
		},
	})
	f.must(err)
	defer func() { f.must(pub.Abort(context.WithoutCancel(ctx))) }()
	for _, t := range dictionary.Logs() {
		rows, ok := p.logs[t]
		if !ok {
			continue
		}
		f.stageLog(pub, p, t, rows)
		window := ""
		switch t {
		case dictionary.AuditLog:
			window = "audit"
		case dictionary.GenerationLog, dictionary.UserActivityLog:
			window = "rolling_year"
		}
		m.Logs = append(m.Logs, lake.Log{Table: t.Name, SchemaVersion: 1, Rows: int64(len(rows)), Grain: t.Grain(), Window: window})
	}
	for _, name := range p.zips {
		o, err := pub.Create(ctx, lake.ReportKey(p.date, name), "application/zip")
		f.must(err)
		_, err = o.Write([]byte(name + " of " + p.run))
		f.must(err)
		f.must(o.Also(lake.LatestReportKey(name)))
		f.must(o.Commit(0))
		for _, w := range p.books[name] {
			w.Archive = lake.ReportKey(p.date, name)
			m.Workbooks = append(m.Workbooks, w)
		}
	}
	f.must(pub.Publish(ctx, m))
}

func (f *fixture) stageLog(pub *lake.Publication, p published, t *dictionary.Table, rows []row) {
	parts := max(p.parts, 1)
	for i := range parts {
		part := rows[len(rows)*i/parts : len(rows)*(i+1)/parts]
		o, err := pub.Create(f.t.Context(), lake.LogPart(t.Name, p.date, i), "application/vnd.apache.parquet")
		f.must(err)
		run := p.run
		if p.wrong != "" {
			run = p.wrong
		}
		w, err := parquetfile.NewWriter(o, t, parquetfile.Options{Metadata: map[string]string{runIDKey: run}, RowGroupRows: 7})
		f.must(err)
		full := make([]row, len(part))
		for k, r := range part {
			full[k] = complete(t, r)
		}
		rec := record(memory.DefaultAllocator, t, full, true)
		f.must(w.Write(rec))
		rec.Release()
		_, err = w.Close()
		f.must(err)
		f.must(o.Commit(int64(len(part))))
	}
}

// complete gives a row something in every field that is never null.
func complete(t *dictionary.Table, r row) row {
	full := row{}
	for _, field := range t.Fields {
		v, ok := r[field.Name]
		switch {
		case ok:
		case !field.Required:
			continue
		case field.Kind == dictionary.Date:
			v = lake.Date("2026-01-01")
		case field.Kind == dictionary.Boolean:
			v = false
		case field.Kind == dictionary.Integer:
			v = int64(1)
		case field.Kind == dictionary.Timestamp:
			v = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		default:
			v = "-"
		}
		full[field.Name] = v
	}
	return full
}

// usageLogs are the logs of usage that a test needs; the others are empty.
func usageLogs(users, logins, generations []row) map[*dictionary.Table][]row {
	return map[*dictionary.Table][]row{
		dictionary.UserLog: users, dictionary.AgentsLog: {}, dictionary.GroupMembersLog: {},
		dictionary.UserActivityLog: logins, dictionary.GenerationLog: generations,
	}
}

// yearOfLogs makes some thousand rows of every kind, the same each time.
func yearOfLogs() map[*dictionary.Table][]row {
	random := rand.New(rand.NewPCG(1, 2))
	var users, logins, generations []row
	last := dayNumber("2026-11-20")
	for w := range 3 {
		workspace := fmt.Sprint("w", w)
		for u := range 40 {
			if u%3 != w {
				user := fmt.Sprint("u", u)
				users = append(users, row{"workspace_id": workspace, "user_id": user, "user_name": "User " + user, "user_active": u%7 > 0})
			}
		}
		for day := last - 364; day <= last; day++ {
			for u := range 45 {
				user := fmt.Sprint("u", u)
				if random.IntN(40) == 0 {
					logins = append(logins, row{"workspace_id": workspace, "user_id": user, "user_name": "User " + user, "user_login_date": dateOf(day)})
				}
				if random.IntN(25) > 0 {
					continue
				}
				g := generation(workspace, user, dateOf(day), 1+random.Int64N(9))
				g["user_name"], g["generation_used_iq"] = "User "+user, random.IntN(3) == 0
				g["generation_feature"] = []string{"Chat", "API", "Agent", "Other"}[random.IntN(4)]
				if u%9 == 0 {
					delete(g, "user_id")
					delete(g, "user_name")
				}
				if a := random.IntN(30); a < 20 {
					g["agent_id"], g["generation_agent_name"], g["generation_agent_type"] = fmt.Sprint("a", a), fmt.Sprint("Agent ", a), "Public"
				}
				generations = append(generations, g)
			}
		}
	}
	return usageLogs(users, logins, generations)
}

func generation(workspace, user string, day lake.Date, n int64) row {
	return row{"workspace_id": workspace, "user_id": user, "content_created_date": day, "content_generations": n,
		"generation_feature": "Chat", "generation_type": "Text"}
}
