package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/internal/silence"
)

// Latest returns the manifest of the newest complete run. ErrNoSnapshot if nothing was ever published.
func (l *Lake) Latest(ctx context.Context) (*Manifest, error) {
	p, err := l.Pointer(ctx)
	if err != nil {
		return nil, err
	}
	m, err := l.Manifest(ctx, p.SnapshotDate)
	if errors.Is(err, ErrNoSnapshot) {
		return nil, l.corrupt(LatestKey, "it names the snapshot of %s, whose manifest is gone; publish that date again", p.SnapshotDate)
	}
	return m, err
}

// Pointer returns what latest.json says. ErrNoSnapshot if there is none.
func (l *Lake) Pointer(ctx context.Context) (*Pointer, error) {
	data, err := l.get(ctx, LatestKey)
	if isNotFound(err) {
		return nil, fmt.Errorf("%w: nothing was published in %s yet", ErrNoSnapshot, l.Name())
	}
	if err != nil {
		return nil, err
	}
	p := new(Pointer)
	if err := decodeJSON(data, p); err != nil {
		return nil, fmt.Errorf("%s in %s: %w", LatestKey, l.Name(), err)
	}
	if _, err := ParseDate(string(p.SnapshotDate)); err != nil || p.Manifest != ManifestKey(p.SnapshotDate) {
		return nil, l.corrupt(LatestKey, "it names snapshot %q and manifest %q", p.SnapshotDate, p.Manifest)
	}
	return p, nil
}

// Manifest returns what was published for a date. ErrNoSnapshot if nothing was.
func (l *Lake) Manifest(ctx context.Context, date Date) (*Manifest, error) {
	m, _, err := l.manifest(ctx, date)
	return m, err
}

// manifest also returns the SHA-256 of the manifest's bytes.
func (l *Lake) manifest(ctx context.Context, date Date) (m *Manifest, sum string, err error) {
	if _, err := ParseDate(string(date)); err != nil {
		return nil, "", err
	}
	key := ManifestKey(date)
	data, err := l.get(ctx, key)
	if isNotFound(err) {
		return nil, "", fmt.Errorf("%w of %s in %s", ErrNoSnapshot, date, l.Name())
	}
	if err != nil {
		return nil, "", err
	}
	m, err = DecodeManifest(data)
	if err != nil {
		return nil, "", fmt.Errorf("%s in %s: %w", key, l.Name(), err)
	}
	if m.SnapshotDate != date {
		return nil, "", l.corrupt(key, "it is the manifest of %s", m.SnapshotDate)
	}
	hash := sha256.Sum256(data)
	return m, hex.EncodeToString(hash[:]), nil
}

// Dates returns the dates that have a manifest, oldest first.
func (l *Lake) Dates(ctx context.Context) ([]Date, error) {
	keys, err := l.list(ctx, manifestsDir)
	if err != nil {
		return nil, err
	}
	var dates []Date
	for _, key := range keys {
		name, ok := strings.CutSuffix(strings.TrimPrefix(key, manifestsDir), ".json")
		if date, err := ParseDate(name); ok && err == nil {
			dates = append(dates, date)
		}
	}
	return dates, nil
}

// OpenObject opens an object for reading and seeking; its Size and ModTime are known. The caller closes it.
// ErrNotFound if it is not there.
func (l *Lake) OpenObject(ctx context.Context, key string) (*Reader, error) {
	if err := validKey(key); err != nil {
		return nil, err
	}
	ctx, watch := silence.Start(ctx, l.silence())
	r, err := l.bucket.NewReader(ctx, l.full(key), nil)
	watch.Rest()
	if err != nil {
		defer watch.End()
		return nil, l.fail("read", key, watch.Explain(err))
	}
	return &Reader{lake: l, key: key, r: r, watch: watch}, nil
}

// Reader reads an object. Its errors are explained. It is for one goroutine.
type Reader struct {
	lake  *Lake
	key   string
	r     *blob.Reader
	watch *silence.Watch // rests between reads
}

// Size returns the object's length in bytes.
func (r *Reader) Size() int64 { return r.r.Size() }

// ModTime returns when the object was written, by the bucket's clock.
func (r *Reader) ModTime() time.Time { return r.r.ModTime() }

// Seek implements io.Seeker. A seek makes no request; the next Read does.
func (r *Reader) Seek(offset int64, whence int) (int64, error) { return r.r.Seek(offset, whence) }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	r.watch.Again()
	n, err := r.r.Read(p)
	r.watch.Rest()
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF as it is, or it is no end
		err = r.lake.fail("read", r.key, r.watch.Explain(err))
	}
	return n, err
}

// Close lets the connection go.
func (r *Reader) Close() error {
	defer r.watch.End()
	if err := r.r.Close(); err != nil {
		return r.lake.fail("close", r.key, err)
	}
	return nil
}

// ReaderAt reads an object at any offset, as readers of Parquet do. Every call is a request to the bucket, so the
// caller buffers. It is safe for concurrent use and needs no closing.
type ReaderAt struct {
	size int64
	read func(p []byte, off int64) (int, error)
}

// ReaderAt opens an object for reading at offsets, for as long as ctx lasts. ErrNotFound if it is not there.
func (l *Lake) ReaderAt(ctx context.Context, key string) (*ReaderAt, error) {
	if err := validKey(key); err != nil {
		return nil, err
	}
	size, found, err := l.exists(ctx, key)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("read %s in %s: %w", key, l.Name(), ErrNotFound)
	}
	return &ReaderAt{size: size, read: func(p []byte, off int64) (int, error) {
		ctx, watch := silence.Start(ctx, l.silence())
		defer watch.End()
		b, err := l.bucket.NewRangeReader(ctx, l.full(key), off, int64(len(p)), nil)
		if err != nil {
			return 0, l.fail("read", key, watch.Explain(err))
		}
		r := &Reader{lake: l, key: key, r: b, watch: watch}
		n, err := io.ReadFull(r, p)
		if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // of ReadFull; others are explained
			err = l.fail("read", key, err)
		}
		_ = r.Close() // nothing is lost with a reader
		return n, err
	}}, nil
}

// Size returns the object's length in bytes.
func (r *ReaderAt) Size() int64 { return r.size }

// ReadAt reads len(p) bytes from off, fewer only at the end of the object (io.EOF).
func (r *ReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("read at a negative offset")
	}
	if off >= r.size {
		return 0, io.EOF
	}
	want := min(int64(len(p)), r.size-off)
	n, err := r.read(p[:want], off)
	if err == nil && want < int64(len(p)) {
		err = io.EOF
	}
	return n, err
}
