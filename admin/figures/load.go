package figures

import (
	"context"
	"fmt"
	"iter"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/parquetfile"
)

// source reads the logs of one snapshot.
type source struct {
	lake     *lake.Lake
	manifest *lake.Manifest
	mem      memory.Allocator
}

// runIDKey names the run in the metadata of published files.
const runIDKey = "usagereport.run_id"

// scan yields the rows of a log, all columns without names. The consumer releases each record. A file of another run than the
// manifest's is an error: the date is being published again.
func (s source) scan(ctx context.Context, t *dictionary.Table, columns ...string) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		for _, o := range s.manifest.Table(t.Name) {
			if !s.scanObject(ctx, o, t, columns, yield) {
				return
			}
		}
	}
}

func (s source) scanObject(ctx context.Context, o lake.ObjectInfo, t *dictionary.Table, columns []string, yield func(arrow.Record, error) bool) bool {
	fail := func(err error) bool {
		yield(nil, fmt.Errorf("%s in %s: %w", o.Key, s.lake.Name(), err))
		return false
	}
	at, err := s.lake.ReaderAt(ctx, o.Key)
	if err != nil {
		yield(nil, err)
		return false
	}
	if at.Size() != o.Bytes {
		return fail(fmt.Errorf("%d bytes, the manifest says %d: it is being published again, or damaged", at.Size(), o.Bytes))
	}
	f, err := parquetfile.Open(newBlockReader(at, at.Size()), at.Size(), t)
	if err != nil {
		return fail(err)
	}
	if id := f.Metadata()[runIDKey]; id != s.manifest.RunID {
		return fail(fmt.Errorf("it is of run %q, the manifest of run %q: it is being published again", id, s.manifest.RunID))
	}
	if f.Summary().Rows != o.Rows {
		return fail(fmt.Errorf("%d rows, the manifest says %d", f.Summary().Rows, o.Rows))
	}
	for rec, err := range f.Scan(s.mem, columns...) {
		if err != nil {
			return fail(err)
		}
		if err := ctx.Err(); err != nil {
			rec.Release()
			return fail(err)
		}
		if !yield(rec, nil) {
			return false
		}
	}
	return true
}

// log returns what the manifest says of a log, and the window of that log. ErrNotPublished if the run made none.
func (s source) log(t *dictionary.Table) (lake.Window, error) {
	for _, l := range s.manifest.Logs {
		if l.Table != t.Name {
			continue
		}
		for _, w := range s.manifest.Windows {
			if w.Name == l.Window {
				return w, nil
			}
		}
		if l.Window == "" {
			return lake.Window{}, nil
		}
		return lake.Window{}, fmt.Errorf("the manifest of %s has no window %q, which %s names", s.manifest.SnapshotDate, l.Window, t.Name)
	}
	return lake.Window{}, fmt.Errorf("%w: the run of %s made no %s", ErrNotPublished, s.manifest.SnapshotDate, t.Title)
}

// loadCube builds the cube of a snapshot, of most bytes.
func (s source) loadCube(ctx context.Context, most int64) (*cube, error) {
	window, err := s.log(dictionary.GenerationLog)
	if err != nil {
		return nil, err
	}
	c, err := newCube(window)
	if err != nil {
		return nil, err
	}
	b := newBuilder(c, most)
	for _, step := range []struct {
		table   *dictionary.Table
		columns []string
		add     func(arrow.Record) error
	}{
		{dictionary.UserLog, userLogColumns, b.userLog},
		{dictionary.AgentsLog, agentsLogColumns, b.agentsLog},
		{dictionary.UserActivityLog, loginColumns, b.loginLog},
		{dictionary.GenerationLog, generationColumns, b.generationLog},
	} {
		for rec, err := range s.scan(ctx, step.table, step.columns...) {
			if err != nil {
				return nil, err
			}
			err = step.add(rec)
			rec.Release()
			if err != nil {
				return nil, fmt.Errorf("snapshot of %s in %s: %w", s.manifest.SnapshotDate, s.lake.Name(), err)
			}
		}
	}
	b.endBlock()
	c.finish()
	return c, nil
}
