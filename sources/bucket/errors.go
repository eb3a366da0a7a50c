package bucket

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"

	"gocloud.dev/gcerrors"

	"github.com/usagereport/usagereport/sources"
)

// wrap says what was being done when a call to the bucket failed, what kind of failure it is, and what to do.
func (s *Source) wrap(doing, key string, err error) error {
	object := s.name
	if key != "" {
		object = s.name + ": " + key
	}
	kind, hint := classify(err)
	if kind == nil {
		return fmt.Errorf("%s %s: %w", doing, object, err)
	}
	return lastingOrNot(kind, err, fmt.Errorf("%w: %s %s: %w (%s)", kind, doing, object, err, hint))
}

// What went wrong while an object was read so that reading it from its start may help, and reading on does not.
var (
	errOverwritten = errors.New("the object was overwritten meanwhile")
	errBroken      = errors.New("the connection was lost")
)

func (s *Source) overwritten(key string) error {
	return fmt.Errorf("%w: read %s: %s: %w: run again", sources.ErrUnreachable, s.name, key, errOverwritten)
}

// lastingOrNot marks an explained error of an unreachable bucket whose cause says that it would come again.
func lastingOrNot(kind, cause, explained error) error {
	if errors.Is(kind, sources.ErrUnreachable) && !passing(cause) {
		return sources.Lasting(explained)
	}
	return explained
}

// passing reports whether a failed request may well succeed within minutes: the network, the name service or the service
// itself failed, or it asks for fewer requests. The services' clients have tried a few times by then.
func passing(err error) bool {
	var network net.Error
	var answer interface{ HTTPStatusCode() int } // of S3
	switch gcerrors.Code(err) {
	case gcerrors.Internal, gcerrors.ResourceExhausted, gcerrors.DeadlineExceeded:
		return true
	}
	switch {
	case untrusted(err):
		return false
	case errors.As(err, &answer) && answer.HTTPStatusCode() >= 300:
		code := answer.HTTPStatusCode()
		return code >= 500 || code == http.StatusRequestTimeout || code == http.StatusTooManyRequests
	case errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EIO), errors.Is(err, syscall.ESTALE):
		return true
	}
	return passingText.MatchString(err.Error())
}

// passingText is how services whose errors have no type that we know say it: Google's and Azure's status codes, S3's codes
// within an answer that began well, and HTTP/2's ends of a connection.
var passingText = regexp.MustCompile(`googleapi: (got HTTP response code|Error) (408|429|5\d\d)|RESPONSE (408|429|5\d\d)|` +
	`InternalError|ServiceUnavailable|SlowDown|RequestTimeout|ServerBusy|OperationTimedOut|Throttling|` +
	`connection reset|broken pipe|server sent GOAWAY|stream error|http2: client connection lost`)

// untrusted reports whether a server's certificate is what is wrong.
func untrusted(err error) bool {
	var (
		authority  x509.UnknownAuthorityError
		hostname   x509.HostnameError
		invalidity x509.CertificateInvalidError
	)
	return errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalidity)
}

const hintDenied = "check the credentials and that they may list the bucket and read its objects"

var googleRefusal = regexp.MustCompile(`googleapi: (got HTTP response code|Error) 40[13]`)

// classify returns the sentinel for an error of Go CDK and a hint, none for the end of a context.
func classify(err error) (kind error, hint string) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil, ""
	}
	var dns *net.DNSError
	switch {
	case untrusted(err):
		return sources.ErrDenied, "the server's certificate is not trusted: add its authority to those of the machine"
	case errors.As(err, &dns), strings.Contains(err.Error(), "no such host"): // Go CDK takes it for a missing bucket of Azure
		return sources.ErrUnreachable, "check the address and the network; a retry may help"
	case googleRefusal.MatchString(err.Error()): // and this for a missing one of Google
		return sources.ErrDenied, hintDenied
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return sources.ErrNotFound, "check the bucket's name, region and prefix, and whether the file was removed meanwhile"
	case gcerrors.PermissionDenied:
		return sources.ErrDenied, hintDenied
	case gcerrors.Unimplemented:
		return sources.ErrUnsupported, "the bucket's driver does not offer this"
	}
	if errors.Is(err, fs.ErrPermission) {
		return sources.ErrDenied, "check the owner and the permissions of the file and its folders"
	}
	// The services' own codes for bad credentials reach Go CDK as unknown.
	for _, code := range [...]string{
		"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AccessDenied",
		"AuthenticationFailed", "AuthorizationFailure", "no EC2 IMDS role found", "could not find default credentials",
		"failed to refresh cached credentials", "access key ID",
	} {
		if strings.Contains(err.Error(), code) {
			return sources.ErrDenied, hintDenied
		}
	}
	return sources.ErrUnreachable, "check the address and the network; a retry may help"
}

// openError explains a URL that no bucket could be opened for.
func openError(name, bucketURL string, err error) error {
	scheme, _, _ := strings.Cut(bucketURL, ":")
	if strings.Contains(err.Error(), "no driver registered") {
		return fmt.Errorf("%w: open bucket %s: no driver for the scheme %q: use file, mem, s3, gs or azblob",
			sources.ErrUnsupported, name, scheme)
	}
	if gcerrors.Code(err) == gcerrors.NotFound || strings.Contains(err.Error(), "no such file or directory") {
		return fmt.Errorf("%w: open bucket %s: there is no such directory", sources.ErrNotFound, name)
	}
	kind, hint := classify(err)
	if kind == nil {
		return fmt.Errorf("open bucket %s: %w", name, err)
	}
	return lastingOrNot(kind, err, fmt.Errorf("%w: open bucket %s: %s (%s)", kind, name, strings.ReplaceAll(err.Error(), bucketURL, name), hint))
}
