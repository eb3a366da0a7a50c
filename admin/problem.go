package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/sinks/lake"
)

// problem is an answer that is not what was asked for (RFC 9457), and the error that handlers return for it.
type problem struct {
	Type      string      `json:"type"`
	Title     string      `json:"title"`
	Status    int         `json:"status"`
	Detail    string      `json:"detail"`
	Instance  string      `json:"instance,omitempty"` // the path that was asked for
	RequestID string      `json:"request_id,omitempty"`
	Parameter string      `json:"parameter,omitempty"` // of a 400: which one
	Found     *string     `json:"found,omitempty"`     // what it was, shortened
	Expected  string      `json:"expected,omitempty"`  // what it is to be
	Missing   []string    `json:"missing,omitempty"`   // of a 401 or 403: what it takes
	Dates     []lake.Date `json:"dates,omitempty"`     // of a 404: the nearest that there are

	retryAfter time.Duration // 0: nothing is said
	allow      string        // of a 405
	cause      error         // for the log alone: it may name what a client need not know
}

func (p *problem) Error() string {
	if p.cause != nil {
		return fmt.Sprintf("%d %s: %v", p.Status, p.Title, p.cause)
	}
	return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail)
}

func (p *problem) Unwrap() error { return p.cause }

// newProblem returns a problem; its type is a name that programs can go by.
func newProblem(status int, name, title, format string, args ...any) *problem {
	return &problem{Type: "urn:problem-type:usagereport:" + name, Title: title, Status: status, Detail: fmt.Sprintf(format, args...)}
}

// after says how long to wait before trying again.
func (p *problem) after(d time.Duration) *problem {
	p.retryAfter = d
	return p
}

// because keeps an error for the log.
func (p *problem) because(err error) *problem {
	p.cause = err
	return p
}

// badParameter is a 400 that names the parameter, what was found and what is expected.
func badParameter(name, found, expected string) *problem {
	found = shorten(found, 100)
	p := newProblem(http.StatusBadRequest, "bad-parameter", "Bad parameter", "parameter %s: found %q, expected %s", name, found, expected)
	p.Parameter, p.Found, p.Expected = name, &found, expected
	return p
}

// unauthenticated is a 401: nobody is known to be asking.
func unauthenticated(format string, args ...any) *problem {
	p := newProblem(http.StatusUnauthorized, "not-authenticated", "Not authenticated", format, args...)
	p.Missing = []string{"API key"}
	return p
}

// forbidden is a 403 that says what is missing.
func forbidden(missing ...string) *problem {
	text := ""
	for i, m := range missing {
		if i > 0 {
			text += " and "
		}
		text += m
	}
	p := newProblem(http.StatusForbidden, "not-permitted", "Not permitted", "this needs %s", text)
	p.Missing = missing
	return p
}

// awayFor is what clients are told to wait while the bucket is away.
const awayFor = 10 * time.Second

// away is a 503: the bucket cannot be read, which mends itself or is mended without a change to the request.
func away(err error) *problem {
	return newProblem(http.StatusServiceUnavailable, "bucket-away", "Bucket not available",
		"the bucket with the published data %s; try again later", whatIsWrong(err)).after(awayFor).because(err)
}

// whatIsWrong says for everybody what is the matter with the bucket. The error itself is for the log: it can name hosts
// and requests of the store.
func whatIsWrong(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "does not answer in time"
	case errors.Is(err, lake.ErrUnreachable):
		return "cannot be reached"
	case errors.Is(err, lake.ErrDenied):
		return "refuses the server's credentials"
	case errors.Is(err, lake.ErrNotFound):
		return "is not there, or lacks what it should have"
	case errors.Is(err, lake.ErrNoSpace):
		return "is full"
	case errors.Is(err, lake.ErrUnsupported):
		return "holds data of a newer version of this program"
	case errors.Is(err, lake.ErrCorrupt):
		return "holds data that contradicts itself"
	}
	return "cannot be used at the moment"
}

// internal is a 500: an error of the program.
func internal(err error) *problem {
	return newProblem(http.StatusInternalServerError, "internal", "Internal error",
		"this is an error of the program; its log has more under the id of this request").because(err)
}

// asProblem returns the problem that an error is: its own, what a lack of rights or a body too long means, or a 503,
// since what handlers call beside their own code is the bucket.
func asProblem(err error) *problem {
	var p *problem
	var denied *access.Denied
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &denied):
		return forbidden(denied.Missing...).because(err)
	case errors.Is(err, access.ErrUnauthenticated):
		return unauthenticated("%v", err)
	case errors.Is(err, access.ErrUnavailable):
		return newProblem(http.StatusServiceUnavailable, "keys-away", "API keys not available",
			"API keys cannot be read at the moment, so nobody can be let in; try again later").after(awayFor).because(err)
	case errors.As(err, &long):
		return newProblem(http.StatusRequestEntityTooLarge, "too-large", "Request too large", "expected a body of at most %d bytes", long.Limit)
	case errors.Is(err, lake.ErrCorrupt), errors.Is(err, lake.ErrUnsupported):
		p := away(err)
		p.Status, p.retryAfter = http.StatusInternalServerError, 0
		p.Type, p.Title = "urn:problem-type:usagereport:damaged", "Published data cannot be used"
		return p
	}
	return away(err)
}

// writeProblem writes a problem as JSON. What a handler has set for its own answer is taken back.
func writeProblem(w http.ResponseWriter, p *problem) {
	p.headers(w.Header())
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	var data bytes.Buffer
	enc := json.NewEncoder(&data)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil { // of strings and numbers there is none
		panic(err)
	}
	h.Set("Content-Length", strconv.Itoa(data.Len()))
	w.WriteHeader(p.Status)
	_, _ = w.Write(data.Bytes()) // whoever asked has gone
}

// headers sets the headers of an answer that is a problem.
func (p *problem) headers(h http.Header) {
	for _, name := range []string{
		"Accept-Ranges", "Content-Disposition", "Content-Encoding", "Content-Length", "Content-Range", "Etag", "Last-Modified", "X-Snapshot-Date",
	} {
		if name != "Content-Range" || p.Status != http.StatusRequestedRangeNotSatisfiable { // there it says how much there is
			h.Del(name)
		}
	}
	h.Set("Cache-Control", "no-store")
	if p.Status == http.StatusUnauthorized {
		h.Set("Www-Authenticate", `Bearer realm="usagereport"`)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
}

// shorten cuts text to n bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
