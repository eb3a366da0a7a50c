// Package parquetsrc reads Parquet files as Arrow batches, text by dictionary code where the file holds it so.
// It never reads column chunks that are not wanted, and never keeps a file.
package parquetsrc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/usagereport/usagereport/sources"
)

// Options say what to read.
type Options struct {
	Allocator memory.Allocator // of the batches' memory
	BatchRows int              // most rows of a batch
	Columns   []string         // the columns wanted, in this order; none means all that can be read
}

// File is an open Parquet file. It is read once, by one goroutine, and closed.
type File struct {
	name   string
	ranges *ranges
	cancel context.CancelFunc
	meta   format.FileMetaData
	fields []field
}

// Open reads the footer of a file of size bytes. Errors name the file and wrap sources.ErrUnreadable, unless they come
// from fetch. The caller closes the file. The context holds until then: no fetch outlives it.
func Open(ctx context.Context, name string, size int64, fetch Fetch) (*File, error) {
	return open(ctx, name, size, fetch, defaultLimits)
}

func open(ctx context.Context, name string, size int64, fetch Fetch, l limits) (*File, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &File{name: name, cancel: cancel}
	f.ranges = &ranges{size: size, limits: l, read: func(dst []byte, off int64) error { return fetch(ctx, dst, off) }}
	footer, err := f.ranges.open()
	if err == nil {
		err = guard(func() error {
			var protocol thrift.CompactProtocol
			if err := thrift.NewDecoder(protocol.NewReaderFromBytes(bytes.Clone(footer))).Decode(&f.meta); err != nil {
				return err
			}
			var err error
			f.fields, err = fieldsOf(f.meta.Schema)
			return err
		})
	}
	if err != nil {
		f.Close()
		return nil, f.wrap("footer", err)
	}
	return f, nil
}

// Close waits for fetches that are under way and gives back the memory.
func (f *File) Close() {
	f.cancel()
	f.ranges.close()
}

// Unsupported is the metadata key under which Schema says why a column cannot be read.
const Unsupported = "unsupported"

// Schema returns the columns of the file with the types they have in batches; text columns, which may come out
// as dictionary<int32, utf8>, are utf8 here. A column that cannot be read has the type null and says why in its
// metadata.
func (f *File) Schema() *arrow.Schema {
	fields := make([]arrow.Field, len(f.fields))
	for i, c := range f.fields {
		fields[i] = arrow.Field{Name: c.name, Type: c.typ, Nullable: c.nullable}
		if c.why != "" {
			fields[i].Type = arrow.Null
			fields[i].Metadata = arrow.NewMetadata([]string{Unsupported}, []string{c.why})
		}
	}
	return arrow.NewSchema(fields, nil)
}

// Rows returns the number of rows that the footer promises.
func (f *File) Rows() int64 { return f.meta.NumRows }

// wanted picks the columns to read.
func (f *File) wanted(columns []string) ([]field, error) {
	var picked []field
	if len(columns) == 0 {
		for _, c := range f.fields {
			if c.why == "" {
				picked = append(picked, c)
			}
		}
		return picked, nil
	}
	for _, name := range columns {
		found := 0
		for _, c := range f.fields {
			if c.name != name {
				continue
			}
			if c.why != "" {
				return nil, fmt.Errorf("%w: column %q of %s is %s, which is not a plain value: write it as text, number or timestamp",
					sources.ErrUnsupported, name, f.name, c.why)
			}
			found++
			picked = append(picked, c)
		}
		if found > 1 {
			return nil, fmt.Errorf("%w: %s has %d columns %q", sources.ErrUnreadable, f.name, found, name)
		}
	}
	return picked, nil
}

// wrap names the file and the part of it that an error came from.
func (f *File) wrap(part string, err error) error {
	if f.ranges.err != nil { // what failed is the fetch; what the decoder made of it does not matter
		return f.ranges.err
	}
	if errors.Is(err, errEncrypted) {
		return fmt.Errorf("%w: %s: encrypted Parquet files are not read: deliver it in plain", sources.ErrUnsupported, f.name)
	}
	for _, known := range [...]error{sources.ErrUnreadable, sources.ErrUnsupported, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: %s: %s: %w", sources.ErrUnreadable, f.name, part, err)
}

// guard turns a panic of the decoder, which trusts much of what a file says, into an error.
func guard(do func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			err = fmt.Errorf("the data does not fit together: %w", p)
		case error:
			err = fmt.Errorf("the data does not fit together: %w", p)
		default:
			err = fmt.Errorf("the data does not fit together: %v", p)
		}
	}()
	return do()
}
