package secrets_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestOthersThatAnswerBadly has everybody refuse what the program tells, and repeat what it was sent. Nobody is there for one of
// them, so that it goes on trying for as long as it may.
func TestOthersThatAnswerBadly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	text := h.config(t, strings.Replace(well, "FROM events", "FROM nowhere", 1))
	h.others.answer.Store(http.StatusForbidden)
	h.expect(t, 2, "not told", "run", "--config", h.write(t, "refused.yaml", text))
	h.others.answer.Store(http.StatusServiceUnavailable)
	away := strings.Replace(text, "  email:", "    - { url: \"http://u:"+h.secret("webhook password")+"@127.0.0.1:1/x\" }\n  email:", 1)
	h.expect(t, 2, "connection refused", "run", "--config", h.write(t, "away.yaml", away))
	h.reached(t, "hook", "literal", "mail", "lineage", "traces", "metrics")
}
