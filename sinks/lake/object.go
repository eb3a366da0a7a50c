package lake

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
)

// Object is an object of a publication, written to its place in staging. It has no Close, so that a format writer
// that closes its sink cannot publish half of it. One goroutine writes it.
type Object struct {
	p    *Publication
	up   *upload
	buf  *bufio.Writer
	sink *hashSink

	mu   sync.Mutex // guards what follows, which Publish and Abort look at
	info ObjectInfo
	done bool // committed
}

// hashSink hashes and counts what goes to the bucket.
type hashSink struct {
	up   *upload
	hash hash.Hash
	n    int64
}

// hashApart is the length from which hashing beside the write is worth a goroutine.
const hashApart = 64 << 10

func (s *hashSink) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	if len(p) < hashApart {
		s.hash.Write(p) // never fails
		return s.up.Write(p)
	}
	hashed := make(chan struct{})
	go func() {
		defer close(hashed)
		s.hash.Write(p)
	}()
	defer func() { <-hashed }() // p is the caller's again once we return
	return s.up.Write(p)
}

func newObject(ctx context.Context, p *Publication, key, contentType string) (*Object, error) {
	up, err := p.lake.upload(ctx, p.staging+key, contentType, false)
	if err != nil {
		return nil, err
	}
	sink := &hashSink{up: up, hash: sha256.New()}
	table, _ := tableOf(key)
	return &Object{
		p: p, up: up, sink: sink,
		buf:  bufio.NewWriterSize(sink, 256<<10),
		info: ObjectInfo{Key: key, Table: table, ContentType: contentType},
	}, nil
}

// Write adds to the object. Small writes are gathered.
func (o *Object) Write(p []byte) (int, error) {
	if o.up.closed {
		return 0, o.p.lake.fail("write", o.info.Key, errClosed)
	}
	return o.buf.Write(p)
}

// Also makes the object stand at a second key too, below reports/latest/, for as long as its date is the newest.
func (o *Object) Also(key string) error {
	if name, ok := strings.CutPrefix(key, latestDir); !ok || name == "" || validKey(key) != nil {
		return fmt.Errorf("publish %s also as %q: expected a key below %s", o.info.Key, key, latestDir)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Contains(o.info.Also, key) {
		o.info.Also = append(o.info.Also, key)
	}
	return nil
}

// Commit ends the object, which holds that many rows (0 where it has none of its own). It then waits in staging
// for Publish. After an error Publish refuses.
func (o *Object) Commit(rows int64) error {
	defer o.up.abort() // does nothing once committed
	if o.up.closed {
		return o.p.lake.fail("commit", o.info.Key, errClosed)
	}
	if err := o.buf.Flush(); err != nil {
		return err
	}
	o.p.lake.step("write " + o.info.Key)
	if err := o.up.commit(); err != nil {
		return o.p.lease.explain(context.Background(), err) // a successor clears staging under a run that was stopped
	}
	o.mu.Lock()
	o.info.Rows = rows
	o.info.Bytes = o.sink.n
	o.info.SHA256 = hex.EncodeToString(o.sink.hash.Sum(nil))
	o.done = true
	o.mu.Unlock()
	o.p.lake.step("commit " + o.info.Key)
	return nil
}

// Abort drops the object, and with it the publication: Publish then refuses, since a snapshot without one of its
// objects is half of one. After Commit it does nothing, so it can be deferred.
func (o *Object) Abort() { o.up.abort() }

func (o *Object) committed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.done
}

// Info returns what the manifest will say of a committed object.
func (o *Object) Info() ObjectInfo {
	o.mu.Lock()
	defer o.mu.Unlock()
	info := o.info
	info.Also = slices.Clone(info.Also)
	return info
}

// ReaderAt reads the committed object back from staging, before it is published: to check a footer, or to build
// another object from it.
func (o *Object) ReaderAt(ctx context.Context) (*ReaderAt, error) {
	if !o.committed() {
		return nil, fmt.Errorf("read back %s: not committed", o.info.Key)
	}
	return o.p.lake.ReaderAt(ctx, o.up.key)
}
