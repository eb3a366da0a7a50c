package jobs

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/usagereport/usagereport/sinks/lake"
)

func TestCauseFirst(t *testing.T) {
	symptom := errors.New("read back: not found")
	lost := fmt.Errorf("%w: another run took it over", lake.ErrLeaseLost)
	for _, c := range []struct {
		name       string
		cause, err error
		want       string
	}{
		{"nothing wrong", lost, nil, ""},
		{"a lost lease", lost, symptom, "lease lost: another run took it over; then: read back: not found"},
		{"it says so itself", lost, fmt.Errorf("publish: %w", lost), "publish: lease lost: another run took it over"},
		{"told to stop", errors.New("deadline"), symptom, "read back: not found"},
		{"on its own", nil, symptom, "read back: not found"},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if c.cause != nil {
			cancel(c.cause)
		}
		err := causeFirst(ctx, c.err)
		cancel(nil)
		if got := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
