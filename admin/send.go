package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/usagereport/usagereport/sinks/lake"
)

// attachment sets the headers of an answer that is a file.
func attachment(h http.Header, name, contentType string) {
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name})+
		"; filename*=UTF-8''"+strings.ReplaceAll(url.QueryEscape(name), "+", "%20"))
}

// send answers with a published object, or the part of it that was asked for, in memory that does not grow with its size. The
// manifest says what the object is; only the length and, of a whole one, the checksum come from the bucket.
func (s *Server) send(w *response, r *request, name string, z zip) error {
	h := w.Header()
	attachment(h, name, "application/zip")
	h.Set("Etag", `"`+z.SHA256+`"`)
	h.Set("Cache-Control", "private, no-cache") // may be kept, and is to be asked for again
	h.Set("X-Snapshot-Date", string(z.run.SnapshotDate))
	if !oneRange(r.Header.Get("Range")) {
		r.Header.Del("Range")
	}
	ctx, alive, stop := s.untilStuck(r.Context())
	defer stop()
	c := &content{info: z.ObjectInfo, get: func() (*lake.Reader, error) { return s.lake.OpenObject(ctx, z.Key) }, alive: alive}
	defer c.close()
	g := &gate{response: w, before: func(status int) error {
		if r.Method == http.MethodHead {
			return nil
		}
		return s.begin(r, c, status, h)
	}}
	modified := z.run.RunTime
	if now := s.now(); modified.After(now) { // a run can be given a time to come; Last-Modified must not have one (RFC 9110, 8.8.2.1)
		modified = now
	}
	http.ServeContent(g, r.Request, "", modified, c)
	s.metrics.bytes.WithLabelValues(r.route.path).Add(float64(w.bytes))
	if err := errors.Join(g.err, c.err); err != nil {
		if cause := context.Cause(ctx); cause != nil && w.status != 0 {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return err
	}
	return nil
}

// oneRange says whether a Range header asks for one part. All others are passed over, as RFC 9110 allows and in part wants:
// malformed ones, other units, and several parts at once, which nobody needs.
func oneRange(text string) bool {
	text, ok := strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(text, "-")
	a, err := parsePosition(first)
	b, err2 := parsePosition(last)
	return ok && dash && err == nil && err2 == nil && (a >= 0 || b > 0) && (a < 0 || b < 0 || a <= b)
}

// parsePosition returns a position in a file, -1 for none.
func parsePosition(text string) (int64, error) {
	if text == "" {
		return -1, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	return int64(n), err
}

// begin opens the object and records the download, before anything of it is sent.
func (s *Server) begin(r *request, c *content, status int, h http.Header) error {
	if err := c.open(); err != nil {
		return err
	}
	a := r.access(s, lake.AccessDownload, r.who)
	a.Object, a.Filters, a.Status = c.info.Key, r.params.filters(), status
	if n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64); err == nil {
		a.Bytes = &n
	}
	return s.recordDownload(r, a)
}

// recordDownload adds a download to the access trail. One that cannot be recorded is refused.
func (s *Server) recordDownload(r *request, a lake.AccessRecord) error {
	if err := s.record(r, a); err != nil {
		return newProblem(http.StatusServiceUnavailable, "not-recorded", "Download not recorded",
			"every download is recorded in the bucket, and that cannot be done now; try again later").after(awayFor).because(err)
	}
	return nil
}

var errStuck = errors.New("nothing went on for too long")

// untilStuck returns a context that ends when alive was not called for a while: a download has no time limit as a whole.
func (s *Server) untilStuck(ctx context.Context) (_ context.Context, alive, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(s.limits.AnswerTimeout, func() { cancel(errStuck) })
	return ctx, func() { timer.Reset(s.limits.AnswerTimeout) }, func() { timer.Stop(); cancel(nil) }
}

// gate stands between http.ServeContent and the answer: a file is only sent after before has agreed, and problems are left
// to the caller.
type gate struct {
	*response
	before func(status int) error
	err    error // nothing is to be sent but this
}

// WriteHeader asks before.
func (g *gate) WriteHeader(status int) {
	switch {
	case g.err != nil:
		return
	case status == http.StatusOK || status == http.StatusPartialContent:
		if g.err = g.before(status); g.err != nil {
			return
		}
	case status == http.StatusRequestedRangeNotSatisfiable:
		g.err = newProblem(status, "range", "Range not satisfiable", "the range of the request is not within the file, or cannot be read; "+
			"Content-Range says how long it is")
		return
	case status >= 400:
		g.err = newProblem(status, "precondition", strings.ToUpper(http.StatusText(status)[:1])+strings.ToLower(http.StatusText(status)[1:]),
			"the file is another one than the request expects")
		return
	}
	g.response.WriteHeader(status)
}

// Write refuses when the header was.
func (g *gate) Write(p []byte) (int, error) {
	if g.response.status == 0 {
		g.WriteHeader(http.StatusOK)
	}
	if g.err != nil {
		return 0, g.err
	}
	return g.response.Write(p)
}

// content reads a published object for http.ServeContent. It is opened late, since many requests end without a byte of it. Of an
// object that is read as a whole the last bytes are handed out only when all of it has the checksum of the manifest, so that one
// that is just being replaced never arrives complete.
type content struct {
	info  lake.ObjectInfo
	get   func() (*lake.Reader, error)
	alive func()

	object *lake.Reader
	offset int64     // of the next byte
	sum    hash.Hash // of all before offset; nil once something was passed over
	err    error     // the first
}

func republished(format string, args ...any) *problem {
	return newProblem(http.StatusServiceUnavailable, "republished", "Being published again",
		"the file is being published again at this moment; try again later").after(awayFor).because(fmt.Errorf(format, args...))
}

// open opens the object and compares its length with the manifest.
func (c *content) open() error {
	o, err := c.get()
	if errors.Is(err, lake.ErrNotFound) {
		return republished("%w", err)
	}
	if err != nil {
		return err
	}
	if o.Size() != c.info.Bytes {
		_ = o.Close() // nothing is lost with a reader
		return republished("%s has %d bytes, the manifest says %d", c.info.Key, o.Size(), c.info.Bytes)
	}
	c.object = o
	if c.offset > 0 {
		if _, err := o.Seek(c.offset, io.SeekStart); err != nil {
			return fmt.Errorf("read %s from byte %d: %w", c.info.Key, c.offset, err)
		}
		return nil
	}
	c.sum = sha256.New()
	return nil
}

func (c *content) close() {
	if c.object != nil {
		_ = c.object.Close() // nothing is lost with a reader
	}
}

// Seek is called before the object is opened, with what the manifest says of it.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekEnd:
		offset += c.info.Bytes
	case io.SeekCurrent:
		offset += c.offset
	}
	if offset < 0 || c.object != nil {
		return 0, errors.New("seek in a download")
	}
	c.offset = offset
	return offset, nil
}

// Read reads the object, which before must have opened.
func (c *content) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.object == nil {
		return 0, errors.New("read of a download before it was recorded")
	}
	c.alive()
	n, err := c.object.Read(p)
	c.offset += int64(n)
	if c.sum != nil {
		_, _ = c.sum.Write(p[:n]) // a hash never fails
		if c.offset == c.info.Bytes && n > 0 && hex.EncodeToString(c.sum.Sum(nil)) != c.info.SHA256 {
			c.err = fmt.Errorf("%s: what was read has another checksum than the manifest says", c.info.Key)
			return 0, c.err
		}
	}
	if errors.Is(err, io.EOF) && c.offset < c.info.Bytes {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = fmt.Errorf("read %s: %w", c.info.Key, err)
		return n, c.err
	}
	return n, err
}
