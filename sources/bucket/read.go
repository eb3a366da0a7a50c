package bucket

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync/atomic"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/internal/silence"
	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/bucket/csvsrc"
	"github.com/usagereport/usagereport/sources/bucket/jsonlsrc"
	"github.com/usagereport/usagereport/sources/bucket/parquetsrc"
)

// ReadOptions say what to read of a file and how.
type ReadOptions struct {
	Format    string   // parquet, csv or jsonl; empty means by the file's name, .gz and .zst left out
	Columns   []string // the source's names of the columns wanted, in this order; others are not decoded. None means all.
	Delimiter rune     // of CSV; 0 means a comma
}

// Read returns the rows of a file in order. Wanted columns that the file does not have are left out of the records;
// of JSON Lines, where any line may lack any key, all are there. What each format gives is told by the packages
// parquetsrc, csvsrc and jsonlsrc. Rows are numbered from 1, in text files by line.
//
// The receiver releases the batches. The sequence ends at the first error; the batches before it are good, and
// whether to use them is the caller's decision. It can be left at any time and then holds nothing any more.
func (s *Source) Read(ctx context.Context, f File, o ReadOptions) iter.Seq2[sources.Batch, error] {
	return func(yield func(sources.Batch, error) bool) {
		format, err := formatOf(f.Key, o.Format)
		if err == nil {
			switch format {
			case Parquet:
				err = s.readParquet(ctx, f, o, yield)
			default:
				err = s.readText(ctx, f, format, o, yield)
			}
		}
		if err != nil {
			yield(sources.Batch{}, err)
		}
	}
}

// Schema returns the columns of a file and the types they have in batches. Of CSV all are utf8; of JSON Lines too,
// and the columns are the keys of its first 1000 objects. A Parquet column that cannot be read has the type null
// and the reason under the metadata key parquetsrc.Unsupported.
func (s *Source) Schema(ctx context.Context, f File, o ReadOptions) (schema *arrow.Schema, err error) {
	format, err := formatOf(f.Key, o.Format)
	if err != nil {
		return nil, err
	}
	if format == Parquet {
		file, err := s.openParquet(ctx, f)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return file.Schema(), nil
	}
	r, err := s.text(ctx, f)
	if err != nil {
		return nil, err
	}
	defer func() { err = closed(r, err) }()
	var names []string
	if format == CSV {
		names, err = csvsrc.Header(r, f.Key, o.Delimiter)
	} else {
		names, err = jsonlsrc.Columns(r, f.Key)
	}
	if err != nil {
		return nil, err
	}
	fields := make([]arrow.Field, len(names))
	for i, name := range names {
		fields[i] = arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true}
	}
	return arrow.NewSchema(fields, nil), nil
}

// readText reads CSV or JSON Lines. It returns only errors that were not yielded.
func (s *Source) readText(ctx context.Context, f File, format string, o ReadOptions, yield func(sources.Batch, error) bool) (err error) {
	if format == JSONL && len(o.Columns) == 0 {
		schema, err := s.Schema(ctx, f, o)
		if err != nil {
			return err
		}
		for _, field := range schema.Fields() {
			o.Columns = append(o.Columns, field.Name)
		}
	}
	r, err := s.text(ctx, f)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if e := closed(r, nil); e != nil && !stopped {
			err = e
		}
	}()
	var rows iter.Seq2[sources.Batch, error]
	if format == CSV {
		rows = csvsrc.Read(r, f.Key, csvsrc.Options{
			Allocator: s.opts.Allocator, BatchRows: s.opts.BatchRows, Columns: o.Columns, Delimiter: o.Delimiter})
	} else {
		rows = jsonlsrc.Read(r, f.Key, jsonlsrc.Options{
			Allocator: s.opts.Allocator, BatchRows: s.opts.BatchRows, Columns: o.Columns})
	}
	for b, err := range rows {
		if cause := ctx.Err(); cause != nil && err == nil {
			if b.Record != nil {
				b.Record.Release()
			}
			b, err = sources.Batch{}, fmt.Errorf("read %s: %w", f.Key, cause)
		}
		if !yield(b, err) || err != nil {
			stopped = true
			return nil
		}
	}
	return nil
}

// closed closes a stream; a failure matters only when nothing else failed.
func closed(r io.Closer, err error) error {
	if e := r.Close(); e != nil && err == nil {
		return fmt.Errorf("close: %w", e)
	}
	return err
}

func (s *Source) readParquet(ctx context.Context, f File, o ReadOptions, yield func(sources.Batch, error) bool) error {
	file, err := s.openParquet(ctx, f)
	if err != nil {
		return err
	}
	defer file.Close()
	for b, err := range file.Batches(ctx, parquetsrc.Options{
		Allocator: s.opts.Allocator, BatchRows: s.opts.BatchRows, Columns: o.Columns,
	}) {
		if !yield(b, err) {
			return nil
		}
	}
	return nil
}

// openParquet opens an object for reads of ranges. An object that is overwritten in between is noticed.
func (s *Source) openParquet(ctx context.Context, f File) (*parquetsrc.File, error) {
	if f.Size <= 0 {
		err := s.retry(ctx, func(ctx context.Context) error {
			attrs, err := s.attributes(ctx, f.Key)
			if err != nil {
				return err
			}
			f.Size = attrs.Size
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var version atomic.Pointer[time.Time] // when the object was written that the first range came from
	return parquetsrc.Open(ctx, f.Key, f.Size, func(ctx context.Context, dst []byte, off int64) error {
		return s.retry(ctx, func(ctx context.Context) error {
			ctx, watch := silence.Start(ctx, s.opts.Silence)
			defer watch.End()
			r, err := s.bucket.NewRangeReader(ctx, f.Key, off, int64(len(dst)), nil)
			if err != nil {
				return s.wrap("read", f.Key, watch.Explain(err))
			}
			_, err = io.ReadFull(watched{r, watch}, dst)
			if e := r.Close(); err == nil {
				err = e
			}
			written := r.ModTime()
			if !version.CompareAndSwap(nil, &written) && !version.Load().Equal(written) || r.Size() != f.Size {
				return s.overwritten(f.Key)
			}
			if err != nil {
				return s.wrap("read", f.Key, err)
			}
			return nil
		})
	})
}
