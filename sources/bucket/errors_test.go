package bucket_test

import (
	"errors"
	"strings"
	"testing"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/sources"
	"github.com/usagereport/usagereport/sources/bucket"
)

// What is wrong with a bucket is told in the same words wherever it is noticed, and never with a secret.
func TestBucketErrors(t *testing.T) {
	dead := "?endpoint=http://127.0.0.1:1&use_path_style=true&disable_https=true&region=us-east-1"
	t.Run("unreachable", func(t *testing.T) {
		t.Setenv("AWS_ACCESS_KEY_ID", "key-id")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "the-secret")
		t.Setenv("AWS_MAX_ATTEMPTS", "1")
		check(t, "s3://events"+dead, sources.ErrUnreachable, "list *.csv in s3://events", "check the address and the network")
	})
	testservice.ForEachBucket(t, func(t *testing.T, _ *blob.Bucket, url string) {
		if !strings.HasPrefix(url, "s3:") {
			t.Skip("the other emulators accept any credentials")
		}
		t.Run("no such bucket", func(t *testing.T) {
			_, query, _ := strings.Cut(url, "?")
			check(t, "s3://no-such-bucket-at-all?"+query, sources.ErrNotFound, "s3://no-such-bucket-at-all", "check the bucket's name")
		})
		t.Run("unknown key", func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "nobody")
			check(t, url, sources.ErrDenied, "list *.csv in s3://", "check the credentials")
		})
		t.Run("wrong secret", func(t *testing.T) {
			t.Setenv("AWS_SECRET_ACCESS_KEY", "the-secret")
			check(t, url, sources.ErrDenied, "list *.csv in s3://", "check the credentials")
		})
	})
}

func check(t *testing.T, url string, kind error, says ...string) {
	t.Helper()
	s, err := bucket.Open(t.Context(), url, bucket.Options{})
	if err == nil {
		defer s.Close()
		_, err = s.Partitions(t.Context(), "*.csv")
	}
	if !errors.Is(err, kind) || strings.Contains(err.Error(), "the-secret") {
		t.Fatalf("found %v, want %v", err, kind)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
}
