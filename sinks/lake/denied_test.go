package lake

import (
	"errors"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/internal/testservice"
)

// A store that refuses the credentials is a matter of the config: the error says so, and shows no secret.
func TestRefusedCredentials(t *testing.T) {
	for _, b := range testservice.Buckets(t) {
		if b.Name != "s3" {
			continue
		}
		t.Setenv("AWS_SECRET_ACCESS_KEY", "certainly-not-the-secret")
		l, err := Open(t.Context(), b.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, err = l.Latest(t.Context())
		if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "check its credentials") {
			t.Errorf("got %v; want ErrDenied and what to check", err)
		}
		if err != nil && strings.Contains(err.Error(), "certainly-not-the-secret") {
			t.Errorf("the error shows the secret: %v", err)
		}
		return
	}
	t.Skip("no S3 server is configured")
}
