// Package testservice hands tests a database or a bucket of their own on a real server, and a Python with other readers of
// what was written. It starts no server and is imported by tests only.
//
// The servers are those that `.ci/services start` starts; it prints the environment variables that are read
// here. A test whose server is not configured skips with a reason, or fails when USAGEREPORT_TEST_REQUIRE=1,
// so that a green continuous-integration run means that every server was spoken to.
package testservice

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"
)

// The environment variables. The addresses of buckets and databases are Go CDK URLs.
const (
	envRequire  = "USAGEREPORT_TEST_REQUIRE"
	envPostgres = "USAGEREPORT_TEST_POSTGRES_URL"
	envMySQL    = "USAGEREPORT_TEST_MYSQL_URL"
	envS3       = "USAGEREPORT_TEST_S3_URL"
	envAzure    = "USAGEREPORT_TEST_AZURE_URL"
	envGCS      = "USAGEREPORT_TEST_GCS_URL"
	envPython   = "USAGEREPORT_TEST_PYTHON" // a command
)

// cleanupTimeout bounds what runs after a test, so that a server that hangs fails one test and not the whole run.
const cleanupTimeout = time.Minute

// address returns the value of the variable, or ends the test: skipped, or failed where servers are required.
func address(tb testing.TB, variable string) string {
	tb.Helper()
	if u := os.Getenv(variable); u != "" {
		return u
	}
	Missing(tb, `%s is not set; start the servers with: eval "$(.ci/services start)"`, variable)
	return ""
}

// Missing ends a test for which something is not there: skipped, or failed where nothing may be missing.
func Missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if required() {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

// required reports whether a missing server is a failure.
func required() bool { return os.Getenv(envRequire) == "1" }

// unique returns a name that no other test has, in this process or another: lower-case letters, digits and
// underscores, starting with a letter and at most 48 bytes long, which every server takes as a name.
func unique(tb testing.TB) string {
	tb.Helper()
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		tb.Fatalf("making a unique name: %v", err)
	}
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '_'
		}
	}, tb.Name())
	return "t_" + name[:min(len(name), 29)] + "_" + hex.EncodeToString(random)
}

// cleanupContext returns a context for work after the test, when the test's own is already cancelled.
func cleanupContext(tb testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(tb.Context()), cleanupTimeout)
}
