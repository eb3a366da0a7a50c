package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/gcerrors"
)

// Sentinels that callers branch on. An error wraps at most one of them; its text names the bucket, the object and
// what to do.
var (
	ErrNoSnapshot    = errors.New("no snapshot")                       // nothing was published for that date, or at all
	ErrNotFound      = errors.New("not found")                         // no such object or bucket
	ErrCorrupt       = errors.New("lake is damaged")                   // what is stored contradicts itself
	ErrUnsupported   = errors.New("unsupported format version")        // written by a newer program
	ErrNoSpace       = errors.New("no space left")                     // disk full or over quota
	ErrDenied        = errors.New("access denied")                     // credentials or permissions
	ErrUnreachable   = errors.New("bucket unreachable")                // network: a retry may help
	ErrUnfinished    = errors.New("publication not finished")          // recorded; Recover or the next Begin ends it
	ErrHeld          = errors.New("another run holds the lease")       // a *HeldError says which
	ErrLeaseLost     = errors.New("lease lost")                        // it ran out, or another run took it over: nothing more may be published
	ErrUnconditional = errors.New("bucket without conditional writes") // no lease can be kept there
)

// HeldError says who holds the lease. It wraps ErrHeld.
type HeldError struct {
	Lake   string
	Holder string    // what the holder passed to Acquire, such as a run id
	Host   string    // where it runs
	PID    int       // its process there
	Since  time.Time // by the holder's clock
	Until  time.Time // by the bucket's clock: when it ends unless it is renewed
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s: %v: %s (host %s, process %d) since %s; it ends at %s unless that run renews it; nothing was changed: start again after that",
		e.Lake, ErrHeld, e.Holder, e.Host, e.PID, e.Since.UTC().Format(time.RFC3339), e.Until.UTC().Format(time.RFC3339))
}

// Unwrap makes a HeldError an ErrHeld.
func (e *HeldError) Unwrap() error { return ErrHeld }

// fail wraps an error of the bucket with what was being done, to which object, and what helps.
func (l *Lake) fail(op, key string, err error) error {
	object := l.Name()
	if key != "" {
		object = key + " in " + object
	}
	kind, hint := classify(err)
	if kind == nil {
		return fmt.Errorf("%s %s: %w", op, object, err)
	}
	return fmt.Errorf("%s %s: %w: %w; %s", op, object, kind, err, hint)
}

// classify finds the sentinel that an error of a bucket stands for, and what to do about it.
func classify(err error) (kind error, hint string) {
	var network net.Error
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil, ""
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ErrNoSpace, "free space where the bucket lives or choose another in lake.bucket, then run again; " +
			"what was published before stays as it is"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS),
		gcerrors.Code(err) == gcerrors.PermissionDenied, credentialsRefused(err):
		return ErrDenied, "the program needs to list, read, write and delete below the prefix; " +
			"check its credentials and the bucket's policy or the folder's owner"
	case errors.As(err, &dns): // Go CDK takes it for a missing bucket of Azure
		return ErrUnreachable, "check the network and the endpoint in lake.bucket; a retry may help"
	case errors.Is(err, fs.ErrNotExist), gcerrors.Code(err) == gcerrors.NotFound:
		return ErrNotFound, "check lake.bucket and lake.prefix; a folder is made when its URL says create_dir=true"
	case errors.As(err, &network), failing(err):
		return ErrUnreachable, "check the network and the endpoint in lake.bucket; a retry may help"
	}
	return nil, ""
}

// credentialsRefused tells the services' own codes for bad credentials, which reach Go CDK as unknown.
func credentialsRefused(err error) bool {
	text := err.Error()
	return slices.ContainsFunc([]string{
		"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AccessDenied",
		"AuthenticationFailed", "AuthorizationFailure", "googleapi: Error 403", "googleapi: got HTTP response code 403",
	}, func(code string) bool { return strings.Contains(text, code) })
}

// MayPass reports whether the same operation may well succeed within minutes: the network or the service failed, not what
// was asked. The services' clients have tried a few times by then.
func MayPass(err error) bool { return errors.Is(err, ErrUnreachable) }

// failing reports whether the service itself failed, or asks for fewer requests. Errors of Google and Azure, and those of S3
// within an answer that began well, have no type that we know, and say it in their text.
func failing(err error) bool {
	var answer interface{ HTTPStatusCode() int } // of S3
	if errors.As(err, &answer) {
		code := answer.HTTPStatusCode()
		return code >= 500 || code == http.StatusRequestTimeout || code == http.StatusTooManyRequests
	}
	switch gcerrors.Code(err) {
	case gcerrors.Internal, gcerrors.ResourceExhausted:
		return true
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || failingText.MatchString(err.Error())
}

var failingText = regexp.MustCompile(`googleapi: (got HTTP response code|Error) (408|429|5\d\d)|RESPONSE (408|429|5\d\d)|` +
	`InternalError|ServiceUnavailable|SlowDown|RequestTimeout|ServerBusy|OperationTimedOut|Throttling|` +
	`connection reset|broken pipe|server sent GOAWAY|stream error|http2: client connection lost`)

// corrupt reports a stored object that cannot be what this package wrote.
func (l *Lake) corrupt(key, format string, args ...any) error {
	return fmt.Errorf("%s in %s: %w: %s", key, l.Name(), ErrCorrupt, fmt.Sprintf(format, args...))
}

// joined is errors.Join that leaves a lone error as it is.
func joined(a, b error) error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return errors.Join(a, b)
}
