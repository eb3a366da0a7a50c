package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/archive"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/parquetfile"
	"github.com/usagereport/usagereport/sinks/textfile"
	"github.com/usagereport/usagereport/sinks/workbook"
	"github.com/usagereport/usagereport/transforms/audit/chain"
)

// Verification is what Verify found.
type Verification struct {
	Manifest *lake.Manifest
	Objects  int   // whose length and SHA-256 were compared
	Bytes    int64 // read for it
	Rows     map[string]int64
	Digests  int64 // of audit logs, each of which follows from those before it
}

// Verify reads a published snapshot again: every object against the manifest, every log's rows against its schema, its
// order and grain, and the figures of the manifest, every workbook's sheets against those figures, and every day of the
// audit log against its digest, and that against all before it. With an empty date it takes the newest. Workbooks are
// opened in a temporary file in folder temp, the system's if that is empty. The error names every problem and wraps
// lake.ErrCorrupt, or tells why it could not read.
func Verify(ctx context.Context, l *lake.Lake, date lake.Date, temp string) (*Verification, error) {
	var m *lake.Manifest
	var err error
	if date == "" {
		m, err = l.Latest(ctx)
	} else {
		m, err = l.Manifest(ctx, date)
	}
	if err != nil {
		return nil, err
	}
	v := &Verification{Manifest: m, Rows: map[string]int64{}}
	for _, o := range m.Objects {
		v.Objects++
		v.Bytes += o.Bytes
	}
	_, bytesErr := l.Verify(ctx, m.SnapshotDate)
	if bytesErr != nil && !errors.Is(bytesErr, lake.ErrCorrupt) {
		return nil, bytesErr
	}
	errs := []error{bytesErr}
	for _, log := range m.Logs {
		rows, err := verifyLog(ctx, l, m, log)
		v.Rows[log.Table] = rows
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", log.Table, err))
		}
	}
	for _, o := range m.Objects {
		if books := slices.DeleteFunc(slices.Clone(m.Workbooks), func(w lake.Workbook) bool { return w.Archive != o.Key }); len(books) > 0 {
			errs = append(errs, verifyBooks(ctx, l, o.Key, books, temp))
		}
	}
	if slices.ContainsFunc(m.Logs, func(log lake.Log) bool { return log.Table == dictionary.AuditLog.Name }) {
		errs = append(errs, asCorrupt("audit log", verifyAudit(ctx, l, m)))
	}
	v.Digests, err = verifyChain(ctx, l)
	errs = append(errs, asCorrupt("digests of audit logs", err))
	return v, errors.Join(errs...)
}

// asCorrupt makes what was changed after its publication lake.ErrCorrupt, too.
func asCorrupt(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, chain.ErrTampered) || errors.Is(err, textfile.ErrFormat):
		return fmt.Errorf("%s: %w: %w", what, lake.ErrCorrupt, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// verifyBooks opens the workbooks of a zip again and compares what they hold with the manifest.
func verifyBooks(ctx context.Context, l *lake.Lake, key string, books []lake.Workbook, temp string) (err error) {
	at, err := l.ReaderAt(ctx, key)
	if err != nil {
		return err
	}
	scratch, err := newScratch(temp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scratch.close()) }()
	zip, err := scratch.copy(io.NewSectionReader(at, 0, at.Size()))
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	files, err := archive.Open(zip, zip.Size())
	if err != nil {
		return fmt.Errorf("%s: %w: %w", key, lake.ErrCorrupt, err)
	}
	var errs []error
	for _, w := range books {
		if err := verifyBook(files, w); err != nil {
			errs = append(errs, fmt.Errorf("%s in %s: %w: %w", w.Name, key, lake.ErrCorrupt, err))
		}
	}
	return errors.Join(errs...)
}

// verifyBook says where a workbook among the files of its zip differs from the manifest.
func verifyBook(files []archive.File, w lake.Workbook) error {
	i := slices.IndexFunc(files, func(f archive.File) bool { return f.Name == w.Name })
	if i < 0 {
		return errors.New("the zip has no such file")
	}
	held, err := workbook.Read(files[i].Content, files[i].Size)
	if err != nil {
		return err
	}
	if found := noted(w.Archive, w.Name, w.Window, held); !reflect.DeepEqual(found, w) {
		return fmt.Errorf("its sheets hold %+v, the manifest says %+v", found, w)
	}
	return nil
}

func verifyLog(ctx context.Context, l *lake.Lake, m *lake.Manifest, log lake.Log) (rows int64, err error) {
	def, ok := dictionary.LogTable(log.Table)
	if !ok {
		return 0, fmt.Errorf("%w: the manifest names a log that this program does not know; use the program that wrote it", lake.ErrUnsupported)
	}
	order := parquetfile.NewOrderChecker(def)
	defer order.Close()
	var sum int64
	for _, o := range m.Table(log.Table) {
		n, total, err := scanPart(ctx, l, o, def, order)
		rows, sum = rows+n, sum+total
		if err != nil {
			return rows, err
		}
	}
	if rows != log.Rows {
		return rows, fmt.Errorf("%w: the manifest says %d rows, the files hold %d", lake.ErrCorrupt, log.Rows, rows)
	}
	if def == dictionary.GenerationLog {
		for _, c := range m.Checks {
			if want, ok := c.Figures["distinct_source_events"]; ok && c.Name == "generation_total" && want != sum {
				return rows, fmt.Errorf("%w: content_generations add up to %d, the manifest says %d distinct source events", lake.ErrCorrupt, sum, want)
			}
		}
	}
	return rows, nil
}

// scanPart reads one file of a log, hands its rows to order, and returns their number and the total of the summed field.
func scanPart(ctx context.Context, l *lake.Lake, o lake.ObjectInfo, def *dictionary.Table, order *parquetfile.OrderChecker) (rows, sum int64, err error) {
	for rec, err := range scanObject(ctx, l, o.Key, def) {
		if err != nil {
			return rows, sum, err
		}
		rows += rec.NumRows()
		if err := order.Check(rec); err != nil {
			rec.Release()
			return rows, sum, fmt.Errorf("%s: %w: %w", o.Key, lake.ErrCorrupt, err)
		}
		for i, f := range def.Fields {
			if f.Sum {
				for _, v := range rec.Column(i).(*array.Int64).Int64Values() {
					sum += v
				}
			}
		}
		rec.Release()
	}
	return rows, sum, nil
}

// scanObject yields the rows of one published file of a log. The consumer releases each record.
func scanObject(ctx context.Context, l *lake.Lake, key string, def *dictionary.Table) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		at, err := l.ReaderAt(ctx, key)
		if err != nil {
			yield(nil, err)
			return
		}
		for rec, err := range parquetfile.Scan(at, at.Size(), def, nil) {
			if err != nil {
				err = fmt.Errorf("%s: %w", key, err)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}
