package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

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
	return fmt.Errorf("%w: %s %s: %w (%s)", kind, doing, object, err, hint)
}

// classify returns the sentinel for an error of Go CDK and a hint, none for the end of a context.
func classify(err error) (kind error, hint string) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil, ""
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return sources.ErrNotFound, "check the bucket's name, region and prefix, and whether the file was removed meanwhile"
	case gcerrors.PermissionDenied:
		return sources.ErrDenied, "check the credentials and that they may list the bucket and read its objects"
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
			return sources.ErrDenied, "check the credentials and that they may list the bucket and read its objects"
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
	return fmt.Errorf("%w: open bucket %s: %s (%s)", kind, name, strings.ReplaceAll(err.Error(), bucketURL, name), hint)
}
