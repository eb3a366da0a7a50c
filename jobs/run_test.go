package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

// load reads the world's config as the program does.
func load(t *testing.T, path string) *config.Config {
	t.Helper()
	cfg, err := config.Load(t.Context(), path, config.Env{LookupEnv: os.LookupEnv, ReadFile: os.ReadFile, OpenVar: config.OpenVar})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return cfg
}

// newNight returns what runs the world's config at the given instant into b.
func newNight(t *testing.T, w *world, b *blob.Bucket, at time.Time) *jobs.Night {
	t.Helper()
	l, err := lake.New(b, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	cfg := load(t, w.configFile())
	cfg.Retry.Budget = w.patience
	return &jobs.Night{
		Config: cfg, Lake: l, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return at },
		Version: "test", Scratch: t.TempDir(), Mem: memory.NewGoAllocator(),
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

// run makes a run that must succeed.
func run(t *testing.T, w *world, b *blob.Bucket, at time.Time, req jobs.Request) *jobs.Outcome {
	t.Helper()
	w.write(t)
	out, err := newNight(t, w, b, at).Run(t.Context(), req)
	if err != nil {
		t.Fatalf("run at %s: %v", at, err)
	}
	return out
}

// copyOf returns a bucket in memory with all that b holds.
func copyOf(t *testing.T, b *blob.Bucket) *blob.Bucket {
	t.Helper()
	c := newBucket(t)
	for it := b.List(nil); ; {
		o, err := it.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return c
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := b.ReadAll(t.Context(), o.Key)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.WriteAll(t.Context(), o.Key, data, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func newBucket(t *testing.T) *blob.Bucket {
	t.Helper()
	b := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// logsOf returns the published Parquet objects of a date.
func logsOf(t *testing.T, b *blob.Bucket, date string) map[string][]byte {
	t.Helper()
	logs := sinktest.Dump(t, b, "logs/")
	maps.DeleteFunc(logs, func(key string, _ []byte) bool { return !strings.Contains(key, "snapshot_date="+date+"/") })
	want := 5
	if _, ok := logs["audit_log/snapshot_date="+date+"/part-00000.parquet"]; ok {
		want++
	}
	if len(logs) != want {
		t.Fatalf("%d logs of %s published, want %d", len(logs), date, want)
	}
	return logs
}

// snapshotOf returns the logs, the reports and the text files of the audit log of a date by key.
func snapshotOf(t *testing.T, b *blob.Bucket, date string) map[string][]byte {
	t.Helper()
	all := logsOf(t, b, date)
	maps.Copy(all, sinktest.Dump(t, b, "reports/"+date+"/"))
	maps.Copy(all, sinktest.Dump(t, b, "audit/"+date+"/"))
	return all
}

// differing returns the keys whose objects are not the same in both.
func differing(a, b map[string][]byte) []string {
	var keys []string
	for key, data := range a {
		if other, ok := b[key]; !ok || !bytes.Equal(data, other) {
			keys = append(keys, key)
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// hearing is a Progress that tells a function of every call.
type hearing func(stage string, rows int64)

func (h hearing) Stage(name string) { h(name, 0) }
func (h hearing) Rows(n int64)      { h("", n) }

var _ jobs.Progress = hearing(nil)
