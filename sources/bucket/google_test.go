package bucket_test

import (
	"testing"

	"github.com/usagereport/usagereport/sources"
)

// Google's client would by itself try for ever, and no budget would count.
func TestGoogleIsTriedAFewTimes(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1")
	check(t, "gs://events", sources.ErrUnreachable, "list *.csv in gs://events")
}
